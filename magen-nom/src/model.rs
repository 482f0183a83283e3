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

use std::path::PathBuf;

use crate::span::{FileId, Span};
use crate::types::{HandleKind, Scalar};

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

/// The types that are generated for an interface beside its marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Companion {
    /// `…Calls`
    Calls,
    /// `…Request`
    Request,
    /// `…Handler`
    Handler,
    /// `Local…Handler`
    LocalHandler,
    /// `…Sync`
    Sync,
}

impl Companion {
    /// All of them: names that nothing else in the file may have.
    pub const ALL: [Self; 5] = [Self::Calls, Self::Request, Self::Handler, Self::LocalHandler, Self::Sync];

    /// The type's name for an interface whose [`Interface::base`] is given.
    pub fn of(self, base: &str) -> String {
        match self {
            Self::Calls => format!("{base}Calls"),
            Self::Request => format!("{base}Request"),
            Self::Handler => format!("{base}Handler"),
            Self::LocalHandler => format!("Local{base}Handler"),
            Self::Sync => format!("{base}Sync"),
        }
    }
}

/// `interface Name { … }`
#[derive(Debug, Clone)]
pub struct Interface {
    /// What it is called; `rust` is the marker type, for example `Calculator`, or `Self_`.
    pub name: Name,
    /// The marker's name before keywords were dealt with: what the companions are made of (`SelfCalls`).
    pub base: String,
    /// `module.Name`, or `Name` in a file without a module.
    pub full_name: String,
    /// FNV-1a with 64 bits of `full_name`: what the first message of a pipe is checked against.
    pub id: u64,
    /// Documentation, line by line.
    pub docs: Vec<String>,
    /// The methods in order.
    pub methods: Vec<Method>,
}

/// A method of an interface.
#[derive(Debug, Clone)]
pub struct Method {
    /// What it is called; `rust` in snake case (`navigate_to_url`).
    pub name: Name,
    /// The variant of the request enum (`NavigateToURL`).
    pub variant: String,
    /// `module.Interface.Name`.
    pub full_name: String,
    /// What stands after `@`, or FNV-1a with 32 bits of `full_name`.
    pub id: u32,
    /// Documentation, line by line.
    pub docs: Vec<String>,
    /// What it takes; on the wire like the fields of a struct.
    pub params: Vec<Field>,
    /// What it answers.
    pub reply: Reply,
}

/// What a method answers.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Nothing, ever.
    OneWay,
    /// These values, on the wire like the fields of a struct. Empty: acknowledged, `()`. One: the bare type in Rust;
    /// more: a tuple in this order. `=> type` is one value named `value`.
    Values(Vec<Field>),
    /// One or the other.
    Result {
        /// The type of a success; `None` is `()`.
        ok: Option<Type>,
        /// The type of a failure, an item with `is_error`.
        error: Type,
    },
    /// Any number of values, and then an end.
    Stream(Type),
}

/// A field of a struct, a parameter, or a value of a reply.
#[derive(Debug, Clone)]
pub struct Field {
    /// What it is called; `rust` in snake case.
    pub name: Name,
    /// What it holds.
    pub ty: Type,
    /// The value after `=`, converted to the type.
    pub default: Option<Value>,
    /// From `[MinVersion=n]`, else 0; never falls from one field to the next.
    pub min_version: u32,
    /// Documentation, line by line.
    pub docs: Vec<String>,
}

/// What holds of a struct or union as a whole, through everything that it contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traits {
    /// It holds no handle, shared buffer, pipe or pending endpoint: it can be copied and compared.
    pub is_data: bool,
    /// `is_data`, and no `float` or `double`: equality is total, and it can be hashed and ordered.
    pub is_total: bool,
    /// It contains itself, through an optional, an array or a map: what decodes it must bound the depth.
    pub is_recursive: bool,
}

/// What a reader takes for a field that the writer did not send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Absent<'a> {
    /// The default of the declaration.
    Default(&'a Value),
    /// The type's own: `false`, 0, the empty string, bytes, array or map, nothing for an optional.
    Empty,
    /// There is none: the message is malformed.
    Malformed,
}

impl Field {
    /// What a reader takes when the writer did not send the field.
    pub fn absent(&self) -> Absent<'_> {
        match &self.default {
            Some(value) => Absent::Default(value),
            None if self.min_version > 0 && self.ty.has_empty_value() => Absent::Empty,
            None => Absent::Malformed,
        }
    }
}

/// `struct Name { … }`
#[derive(Debug, Clone)]
pub struct Struct {
    /// What it is called; nested in interface `I`, Rust says `I` + name (`CalculatorMode`).
    pub name: Name,
    /// `module.Name` or `module.Interface.Name`.
    pub full_name: String,
    /// The interface in which it is nested: its place in [`File::items`].
    pub owner: Option<usize>,
    /// Documentation, line by line.
    pub docs: Vec<String>,
    /// The fields in order, which is their order on the wire.
    pub fields: Vec<Field>,
    /// What can be derived for it.
    pub traits: Traits,
    /// Whether some `result<…, E>` may have it as its error: `[Error]`, or used so in its own file.
    pub is_error: bool,
}

/// `enum Name { … }`; four bytes on the wire.
#[derive(Debug, Clone)]
pub struct Enum {
    /// What it is called; nested in interface `I`, Rust says `I` + name.
    pub name: Name,
    /// `module.Name` or `module.Interface.Name`.
    pub full_name: String,
    /// The interface in which it is nested: its place in [`File::items`].
    pub owner: Option<usize>,
    /// Documentation, line by line.
    pub docs: Vec<String>,
    /// The values in order, at least one.
    pub enumerators: Vec<Enumerator>,
    /// `[Extensible]`: a number that this version does not know is kept, not refused.
    pub extensible: bool,
    /// Whether some `result<…, E>` may have it as its error: `[Error]`, or used so in its own file.
    pub is_error: bool,
}

/// One value of an enum.
#[derive(Debug, Clone)]
pub struct Enumerator {
    /// What it is called; `rust` in upper camel case.
    pub name: Name,
    /// Its number.
    pub value: i32,
    /// Documentation, line by line.
    pub docs: Vec<String>,
}

/// `union Name { … }`: one of several, told apart on the wire by the member's place, from 0.
#[derive(Debug, Clone)]
pub struct Union {
    /// What it is called.
    pub name: Name,
    /// `module.Name`.
    pub full_name: String,
    /// Documentation, line by line.
    pub docs: Vec<String>,
    /// The members in order, at least one.
    pub members: Vec<UnionMember>,
    /// What can be derived for it.
    pub traits: Traits,
    /// Whether some `result<…, E>` may have it as its error: `[Error]`, or used so in its own file.
    pub is_error: bool,
}

/// One alternative of a union.
#[derive(Debug, Clone)]
pub struct UnionMember {
    /// What it is called; `rust` in upper camel case: a variant.
    pub name: Name,
    /// What it holds.
    pub ty: Type,
    /// Documentation, line by line.
    pub docs: Vec<String>,
}

/// `const type Name = value;`
#[derive(Debug, Clone)]
pub struct Const {
    /// What it is called; `rust` in upper snake case. Nested: an associated constant of the interface's marker.
    pub name: Name,
    /// `module.Name` or `module.Interface.Name`.
    pub full_name: String,
    /// The interface in which it is nested: its place in [`File::items`].
    pub owner: Option<usize>,
    /// Documentation, line by line.
    pub docs: Vec<String>,
    /// A scalar, a string, or an enum.
    pub ty: Type,
    /// The value, converted to the type.
    pub value: Value,
}

/// A type with every name looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// A number, a truth value or a byte.
    Scalar(Scalar),
    /// UTF-8 text of at most `max` bytes.
    String {
        /// The bound in bytes.
        max: Option<u32>,
    },
    /// At most `max` bytes.
    Bytes {
        /// The bound in bytes.
        max: Option<u32>,
    },
    /// Any number of values, or exactly `length` (at least 1).
    Array {
        /// The type of each.
        element: Box<Type>,
        /// How many; `None` for any number.
        length: Option<u32>,
    },
    /// Values by key. The key is a scalar other than `float` and `double`, a string, bytes, or an enum.
    Map {
        /// The type of the keys.
        key: Box<Type>,
        /// The type of the values.
        value: Box<Type>,
    },
    /// A value or nothing. Never directly inside another optional.
    Optional(Box<Type>),
    /// Directly inside an optional, where the struct or union would otherwise contain itself: `Option<Box<T>>` in Rust,
    /// and nothing of its own on the wire.
    Boxed(Box<Type>),
    /// The calling end of an interface, not bound yet.
    PendingRemote(ItemRef),
    /// The serving end of an interface, not bound yet.
    PendingReceiver(ItemRef),
    /// An operating-system handle.
    Handle(HandleKind),
    /// Memory shared between processes.
    SharedBuffer,
    /// One end of a pipe without a type.
    MessagePipe,
    /// A struct.
    Struct(ItemRef),
    /// An enum.
    Enum(ItemRef),
    /// A union.
    Union(ItemRef),
}

impl Type {
    /// Whether the type has a value of its own for a field that was not sent; see [`Absent::Empty`].
    pub fn has_empty_value(&self) -> bool {
        match self {
            Self::Scalar(_) | Self::String { .. } | Self::Bytes { .. } | Self::Map { .. } | Self::Optional(_) => true,
            Self::Array { length, .. } => length.is_none(),
            Self::PendingRemote(_)
            | Self::PendingReceiver(_)
            | Self::Handle(_)
            | Self::SharedBuffer
            | Self::MessagePipe
            | Self::Boxed(_)
            | Self::Struct(_)
            | Self::Enum(_)
            | Self::Union(_) => false,
        }
    }
}

/// The value of a constant or a default, converted to its type: constants and enumerators are looked up.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// For `bool`.
    Bool(bool),
    /// For every integer type; in its range.
    Int(i128),
    /// For `float` and `double`.
    Float(f64),
    /// For `string`, within its bound.
    String(String),
    /// For `bytes`, from a string literal; within its bound.
    Bytes(Vec<u8>),
    /// For an enum.
    Enumerator {
        /// The enum.
        of: ItemRef,
        /// The place in its [`Enum::enumerators`].
        index: usize,
    },
}
