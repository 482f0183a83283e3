//! Typed, asynchronous messages to an object in another process, another thread or the same one.

pub mod adapter;
pub mod backend;
pub mod memory;
pub mod pipe;
