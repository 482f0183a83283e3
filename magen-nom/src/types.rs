//! The types that the language brings along: one row each.
//!
//! A new type of the language is a row of [`BUILTINS`], an arm wherever [`Builtin`] is matched (the compiler names the
//! places), and an implementation in the library's `parameter.rs`. None of these words is reserved: they mean the type
//! where a type is expected, and are ordinary names everywhere else.

/// A number, a truth value or a byte: what has a fixed size on the wire and is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scalar {
    /// `bool`
    Bool,
    /// `int8`
    I8,
    /// `int16`
    I16,
    /// `int`, `int32`
    I32,
    /// `long`, `int64`
    I64,
    /// `char` (one byte, as in C++ Mage), `uint8`
    U8,
    /// `uint16`
    U16,
    /// `uint32`
    U32,
    /// `uint64`
    U64,
    /// `float`
    F32,
    /// `double`
    F64,
}

impl Scalar {
    /// The type in Rust.
    pub fn rust(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// The preferred spelling in a `.magen` file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int",
            Self::I64 => "long",
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::F32 => "float",
            Self::F64 => "double",
        }
    }

    /// The least and the greatest value of an integer type; `None` for the others.
    pub fn integer_range(self) -> Option<(i128, i128)> {
        match self {
            Self::Bool | Self::F32 | Self::F64 => None,
            Self::I8 => Some((i8::MIN.into(), i8::MAX.into())),
            Self::I16 => Some((i16::MIN.into(), i16::MAX.into())),
            Self::I32 => Some((i32::MIN.into(), i32::MAX.into())),
            Self::I64 => Some((i64::MIN.into(), i64::MAX.into())),
            Self::U8 => Some((0, u8::MAX.into())),
            Self::U16 => Some((0, u16::MAX.into())),
            Self::U32 => Some((0, u32::MAX.into())),
            Self::U64 => Some((0, u64::MAX.into())),
        }
    }
}

/// What kind of operating-system handle a `handle<…>` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandleKind {
    /// `handle` and `handle<fd>`: any descriptor, `std::os::fd::OwnedFd`.
    Fd,
    /// `handle<file>`: an open file, `std::fs::File`.
    File,
    /// `handle<socket>`: a connected stream socket, `std::os::unix::net::UnixStream`.
    Socket,
}

impl HandleKind {
    /// Every kind with its word.
    pub const ALL: [(&'static str, Self); 3] = [("fd", Self::Fd), ("file", Self::File), ("socket", Self::Socket)];

    /// The kind's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fd => "fd",
            Self::File => "file",
            Self::Socket => "socket",
        }
    }
}

/// A word that names a type, and what may follow it in angle brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Builtin {
    /// A scalar; nothing follows.
    Scalar(Scalar),
    /// `string`, `string<N>`: UTF-8 text of at most N bytes.
    String,
    /// `bytes`, `bytes<N>`: at most N bytes.
    Bytes,
    /// `array<T>`, `array<T, N>`: any number, or exactly N.
    Array,
    /// `map<K, V>`
    Map,
    /// `pending_remote<I>`
    PendingRemote,
    /// `pending_receiver<I>`
    PendingReceiver,
    /// `handle`, `handle<kind>`
    Handle,
    /// `shared_buffer`
    SharedBuffer,
    /// `MessagePipe`
    MessagePipe,
}

/// Every word that names a type, Mage's own first.
pub const BUILTINS: [(&str, Builtin); 23] = [
    ("bool", Builtin::Scalar(Scalar::Bool)),
    ("int", Builtin::Scalar(Scalar::I32)),
    ("long", Builtin::Scalar(Scalar::I64)),
    ("double", Builtin::Scalar(Scalar::F64)),
    ("char", Builtin::Scalar(Scalar::U8)),
    ("string", Builtin::String),
    ("MessagePipe", Builtin::MessagePipe),
    ("int8", Builtin::Scalar(Scalar::I8)),
    ("int16", Builtin::Scalar(Scalar::I16)),
    ("int32", Builtin::Scalar(Scalar::I32)),
    ("int64", Builtin::Scalar(Scalar::I64)),
    ("uint8", Builtin::Scalar(Scalar::U8)),
    ("uint16", Builtin::Scalar(Scalar::U16)),
    ("uint32", Builtin::Scalar(Scalar::U32)),
    ("uint64", Builtin::Scalar(Scalar::U64)),
    ("float", Builtin::Scalar(Scalar::F32)),
    ("bytes", Builtin::Bytes),
    ("array", Builtin::Array),
    ("map", Builtin::Map),
    ("pending_remote", Builtin::PendingRemote),
    ("pending_receiver", Builtin::PendingReceiver),
    ("handle", Builtin::Handle),
    ("shared_buffer", Builtin::SharedBuffer),
];

/// The type that a word names, if it is one of the language's own.
pub fn builtin(word: &str) -> Option<Builtin> {
    BUILTINS.iter().find(|(name, _)| *name == word).map(|(_, builtin)| *builtin)
}
