//! What can be wrong with a message, and where.
//!
//! Made by whoever reads, shown to both sides: the reader's application as `BadMessage`, the far side as the text with
//! which the pipe closes.

use std::fmt;

/// How deep structs and unions may lie in one another.
pub const MAX_DEPTH: u16 = 64;

/// What is wrong with a value in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadValue {
    /// The message ends inside the value.
    #[error("{missing} bytes are missing")]
    Short {
        /// How many bytes more the value needs, at least.
        missing: usize,
    },
    /// A truth value, or the mark of an optional, that is neither 0 nor 1.
    #[error("{found} is neither 0 nor 1")]
    NotBool {
        /// The byte found.
        found: u8,
    },
    /// A text that is not UTF-8.
    #[error("not UTF-8 from byte {at} on")]
    NotUtf8 {
        /// The place of the first wrong byte in the text.
        at: usize,
    },
    /// A text or bytes over their bound.
    #[error("{len} bytes exceed the bound of {max}")]
    TooLong {
        /// The length found, in bytes.
        len: u32,
        /// The bound in bytes.
        max: u32,
    },
    /// A number that no enumerator of a closed enum has.
    #[error("no enumerator has the value {found}")]
    UnknownEnumerator {
        /// The number found.
        found: i32,
    },
    /// A place that no member of a union has.
    #[error("no member has the place {found}")]
    UnknownMember {
        /// The place found.
        found: u32,
    },
    /// A key that a map has twice.
    #[error("a key occurs twice")]
    DuplicateKey,
    /// A pipe that did not come with the message.
    #[error("the message has no pipe {place} left")]
    NoPipe {
        /// Its place among the message's pipes.
        place: u32,
    },
    /// A handle that did not come with the message.
    #[error("the message has no handle {place} left")]
    NoHandle {
        /// Its place among the message's handles.
        place: u32,
    },
    /// A handle of another kind than the interface says.
    #[error("the handle is not a {wanted}")]
    WrongHandle {
        /// What it should be.
        wanted: &'static str,
    },
    /// Structs that lie deeper in one another than [`MAX_DEPTH`], or would take too much of the stack to be read.
    #[error("structs lie too deep in one another")]
    TooDeep,
    /// A value of a type that has none.
    #[error("there is no such value")]
    NoSuchValue,
    /// A message that is no call of any method of the interface.
    #[error("no method has the id {id:#010x}")]
    UnknownMethod {
        /// The id found.
        id: u32,
    },
    /// A call that asks for an answer where the method has none, or the other way round.
    #[error("a one-way method was called for an answer, or the other way round")]
    WrongKind,
    /// A message that this end of a pipe never gets.
    #[error("a message of kind {kind} does not belong here")]
    UnexpectedKind {
        /// The kind found.
        kind: u8,
    },
    /// The first message of a pipe names another interface.
    #[error("the message is for the interface with the id {found:#018x}")]
    WrongInterface {
        /// The id found.
        found: u64,
    },
    /// More values of a stream than were asked for.
    #[error("a stream sent more than was asked for")]
    Flood,
}

/// A bad value, and where it was found.
pub struct Fault(Box<Found>);

struct Found {
    value: BadValue,
    /// Innermost first.
    path: Vec<&'static str>,
}

impl Fault {
    /// What is wrong.
    pub fn value(&self) -> BadValue {
        self.0.value
    }

    /// The parameter and the fields in it that lead to the value, joined by dots; empty when the message as a whole is
    /// meant.
    pub fn path(&self) -> String {
        let names: Vec<_> = self.0.path.iter().rev().copied().collect();
        names.join(".")
    }

    #[cold]
    pub(super) fn inside(mut self, name: &'static str) -> Self {
        self.0.path.push(name);
        self
    }
}

impl From<BadValue> for Fault {
    #[cold]
    #[inline(never)]
    fn from(value: BadValue) -> Self {
        Self(Box::new(Found { value, path: Vec::new() }))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault").field("value", &self.0.value).field("path", &self.path()).finish()
    }
}
