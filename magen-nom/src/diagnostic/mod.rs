//! What the compiler says about a file: built here, shown by `render` and `json`.
//!
//! A diagnostic has one primary place, any number of secondary ones, and at best the text that would be right. Messages
//! are lower case, without a full stop, and name what is wrong by its name.

mod code;
mod json;
mod render;
mod similar;

pub use code::Code;
pub use json::{json, quoted};
pub use render::{Style, render, short, summary};
pub use similar::most_similar;

use crate::span::{FileId, Span};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Nothing is generated.
    Error,
    /// Something is probably not meant; code is generated all the same.
    Warning,
}

impl Severity {
    /// The word in messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A place in one of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: FileId,
    /// The bytes of it.
    pub span: Span,
}

/// A place and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// What; may be empty, then the place is only marked.
    pub text: String,
}

/// Advice, and if possible the edit that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Help {
    /// What to do.
    pub text: String,
    /// The text to put in a place.
    pub edit: Option<(Place, String)>,
}

/// One thing that the compiler has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which page explains it.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// The place it is about.
    pub primary: Label,
    /// Places that belong to it.
    pub secondary: Vec<Label>,
    /// Facts that explain it.
    pub notes: Vec<String>,
    /// What would be right.
    pub helps: Vec<Help>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: Code, place: Place, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            primary: Label { place, text: String::new() },
            secondary: Vec::new(),
            notes: Vec::new(),
            helps: Vec::new(),
        }
    }

    /// A warning at a place.
    pub fn warning(code: Code, place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place, message) }
    }

    /// Says something beside the mark of the primary place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Marks another place.
    #[must_use]
    pub fn also(mut self, place: Place, text: impl Into<String>) -> Self {
        self.secondary.push(Label { place, text: text.into() });
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds advice that is no single edit.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.helps.push(Help { text: text.into(), edit: None });
        self
    }

    /// Adds advice and the edit that follows it.
    #[must_use]
    pub fn suggest(mut self, text: impl Into<String>, place: Place, replacement: impl Into<String>) -> Self {
        self.helps.push(Help { text: text.into(), edit: Some((place, replacement.into())) });
        self
    }
}

/// What was found so far. Beyond a thousand errors only their number is kept: nobody reads more, and a hostile file must
/// not fill the memory with them.
#[derive(Debug, Default)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    errors: usize,
}

/// How many diagnostics are kept.
pub const KEPT: usize = 1_000;

impl Report {
    /// Takes one more.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error {
            self.errors += 1;
        }
        if self.diagnostics.len() < KEPT {
            self.diagnostics.push(diagnostic);
        }
    }

    /// How many errors there were, kept or not.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// The kept ones, by file and place.
    pub fn sorted(mut self) -> Vec<Diagnostic> {
        self.diagnostics.sort_by_key(|diagnostic| diagnostic.primary.place);
        self.diagnostics
    }
}
