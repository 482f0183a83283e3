//! What a compilation means: every name looked up, every value computed, every id assigned, every Rust name chosen.
//!
//! The checker builds it; the generator (`generate::file(&Model, FileId) -> String`, the text of one file's Rust) and
//! `magen breaking` read it. What must hold, because the checker saw to it:
//!
//! - every [`ItemRef`] leads to an item of the kind that the type says;
//! - the Rust names of one scope differ from one another, also from the [`Companion`] types of its interfaces;
//! - method ids differ within an interface; the numbers of enumerators differ within an enum;
//! - no struct or union contains itself except through an optional, an array, a map or a pending endpoint;
//! - a field with `min_version` above 0 has a value for writers that did not know it: see [`Field::absent`];
//! - the `error` of a [`Reply::Result`] is an item whose `is_error` is set.
//!
//! Rust names are complete: `r#type` for a keyword, `self_` where no raw identifier exists, `clone_` for a method that
//! would hide one of a well-known trait.

mod data;
mod interface;
mod type_;

use std::path::PathBuf;

pub use data::{Absent, Const, Enum, Enumerator, Field, Struct, Traits, Union, UnionMember};
pub use interface::{Companion, Interface, Method, Reply};
pub use type_::{Type, Value};

use crate::span::{FileId, Span};

/// Everything that was compiled together.
#[derive(Debug, Clone, Default)]
pub struct Model {
    /// The files in the order in which they were found. `FileId(n)` is the n-th.
    pub files: Vec<File>,
    /// The files that were asked for, in the order asked; the others are only imported.
    pub roots: Vec<FileId>,
}

impl Model {
    /// The file.
    pub fn file(&self, id: FileId) -> &File {
        &self.files[id.0]
    }

    /// The item that a reference leads to.
    pub fn item(&self, item: ItemRef) -> &Item {
        &self.files[item.file.0].items[item.index]
    }
}

/// One `.magen` file.
#[derive(Debug, Clone)]
pub struct File {
    /// The path as given on the command line, to the compiler, or found for an import.
    pub path: PathBuf,
    /// The file's name without directories and extension: what the generated file is called.
    pub stem: String,
    /// The `module` of the file, dots included; empty when there is none.
    pub module: String,
    /// The documentation above `module`, line by line.
    pub docs: Vec<String>,
    /// What the file imports directly, in order, each file once.
    pub imports: Vec<Import>,
    /// Every declaration in source order; what is nested in an interface follows it.
    pub items: Vec<Item>,
}

/// An `import` of a file.
#[derive(Debug, Clone)]
pub struct Import {
    /// The file imported.
    pub file: FileId,
    /// A Rust module name for it: its stem in snake case, different from those of the other imports. The generated file
    /// brings the imported items along as `pub mod rust_module { … }`, unless `rust_path` says where they already are.
    pub rust_module: String,
    /// The path of a Rust module that holds the generated code of the imported file, for example `crate::common`.
    pub rust_path: Option<String>,
}

/// Leads to an item of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemRef {
    /// The file in which it is declared.
    pub file: FileId,
    /// Its place in [`File::items`].
    pub index: usize,
}

/// A name in the two languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// As the `.magen` file spells it.
    pub idl: String,
    /// As Rust spells it, keywords dealt with: use `Ident::new_raw` when it starts with `r#`.
    pub rust: String,
    /// Where it is declared.
    pub span: Span,
}

/// A declaration.
#[derive(Debug, Clone)]
pub enum Item {
    /// An interface.
    Interface(Interface),
    /// A struct.
    Struct(Struct),
    /// An enum.
    Enum(Enum),
    /// A union.
    Union(Union),
    /// A constant.
    Const(Const),
}

impl Item {
    /// What it is called.
    pub fn name(&self) -> &Name {
        match self {
            Self::Interface(item) => &item.name,
            Self::Struct(item) => &item.name,
            Self::Enum(item) => &item.name,
            Self::Union(item) => &item.name,
            Self::Const(item) => &item.name,
        }
    }

    /// The interface in which it is nested: its place in [`File::items`].
    pub fn owner(&self) -> Option<usize> {
        match self {
            Self::Interface(_) | Self::Union(_) => None,
            Self::Struct(item) => item.owner,
            Self::Enum(item) => item.owner,
            Self::Const(item) => item.owner,
        }
    }
}
