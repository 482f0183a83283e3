//! Structs, enums, unions, constants, and the fields that structs and methods have alike.

use super::{Name, Type, Value};

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
    /// The interface in which it is nested: its place in [`File::items`](super::File::items).
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
    /// The interface in which it is nested: its place in [`File::items`](super::File::items).
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
    /// The interface in which it is nested: its place in [`File::items`](super::File::items).
    pub owner: Option<usize>,
    /// Documentation, line by line.
    pub docs: Vec<String>,
    /// A scalar, a string, or an enum.
    pub ty: Type,
    /// The value, converted to the type.
    pub value: Value,
}
