//! Interfaces, their methods, and the names of what is generated for them.

use super::{Field, Name, Type};

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
