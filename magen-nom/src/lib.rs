//! The compiler of .magen interface files: a library for build scripts and the command magen.

pub mod ast;
pub mod model;
pub mod name;
pub mod span;
pub mod types;
