//! From text to tree: the grammar, one rule per function, with the rule in EBNF above it.
//!
//! ```text
//! text ── token, lexical ──▶ tokens ── file, interface, data, type_, literal, prefix ──▶ ast::File
//!                                │ a rule fails                  ▲
//!                                └────────▶ recover ─────────────┘ goes on after the next `;` or `}`
//! ```
//!
//! What must hold: whatever the bytes are, parsing ends, in time linear in their number and with a bounded stack; every
//! wrong declaration is reported once, and what follows it is parsed as if it had been right.

mod data;
mod file;
mod input;
mod interface;
mod lexical;
mod literal;
mod prefix;
mod recover;
mod token;
mod type_;

pub use input::Context;
pub use lexical::lex;
pub use token::{Comment, CommentKind, Kind, Lexed, Token};

use crate::ast::File;

/// Parses a file. Complaints go to the report of the context; what could be made sense of comes back.
pub fn parse<'a>(context: &'a Context<'a>) -> File<'a> {
    file::file(input::Tokens::all(context))
}
