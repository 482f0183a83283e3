//! The one layout of a `.magen` file.
//!
//! Two spaces per level, one declaration per line, at most one blank line, lists that do not fit 100 columns with one
//! entry per line. The formatter works on tokens and comments, not on the tree: it moves white space, and the few
//! separators that a layout wants (the comma after the last enumerator, none before `)`), and nothing else. So whatever
//! is written stays written, comments above all, and formatting twice is formatting once.

mod layout;
mod piece;

use std::cell::RefCell;

use crate::diagnostic::Report;
use crate::parse::{Context, lex, parse};
use crate::source::Source;
use crate::span::FileId;

/// The width that lists are kept within.
pub const WIDTH: usize = 100;

/// Formats a text; nothing when its grammar is wrong, which `report` then says. What the names mean does not matter.
pub fn format(source: &Source, file: FileId, report: &mut Report) -> Option<String> {
    let errors = report.errors();
    let lexed = lex(source, file, report);
    let shared = RefCell::new(std::mem::take(report));
    parse(&Context::new(source, file, &lexed, &shared));
    *report = shared.into_inner();
    (report.errors() == errors).then(|| layout::layout(&piece::pieces(source, &lexed)))
}
