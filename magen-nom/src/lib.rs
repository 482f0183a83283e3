//! The compiler of .magen interface files: a library for build scripts and the command magen.

pub mod analysis;
pub mod ast;
pub mod breaking;
pub mod check;
pub mod compiler;
pub mod diagnostic;
pub mod fmt;
pub mod generate;
pub mod load;
pub mod model;
pub mod name;
pub mod parse;
pub mod source;
pub mod span;
pub mod types;

pub use compiler::{Compiler, Error};
