//! Types and values.

use super::ItemRef;
use crate::types::{HandleKind, Scalar};

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
    /// Whether the type has a value of its own for a field that was not sent; see [`Absent::Empty`](super::Absent::Empty).
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
        /// The place in its [`Enum::enumerators`](super::Enum::enumerators).
        index: usize,
    },
}
