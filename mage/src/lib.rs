//! Typed, asynchronous messages to an object in another process, another thread or the same one.

pub mod adapter;
pub mod backend;
mod driver;
pub mod memory;
mod names;
pub mod node;
pub mod pipe;
mod socket;
mod sync;

pub use node::Node;
pub use pipe::MessagePipe;
