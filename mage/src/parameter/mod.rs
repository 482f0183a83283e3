//! What a parameter can be: one implementation per type of the language, which is its encoding.
//!
//! | type | Rust | bytes |
//! |---|---|---|
//! | `bool` | `bool` | one: 0 or 1 |
//! | `int8` … `uint64`, `float`, `double`, `char` | `i8` … `f64`, `u8` | its size, little-endian |
//! | `string`, `bytes` | `String`, [`Bytes`](bytes::Bytes) | four for the length, then that many |
//! | `T?` | `Option<T>` | one: 0 or 1; then the value |
//! | `array<T>` | `Vec<T>` | four for the count, then the values |
//! | `array<T, N>` | `[T; N]` | the values |
//! | `map<K, V>` | `BTreeMap<K, V>` | four for the count, then key, value, key, value … |
//! | `struct` | generated | four for the size, then the fields |
//! | `enum` | generated | four |
//! | `union` | generated | four for the member's place, four for the size, then the value |
//! | pipes, pending ends | [`MessagePipe`](crate::MessagePipe) … | four: the place among the message's pipes |
//! | handles | `OwnedFd`, `File`, `UnixStream` | four: the place among the message's handles |
//! | `shared_buffer` | [`SharedBuffer`](crate::SharedBuffer) | four: the place among the message's handles |
//!
//! `bytes` are a slice of the message that they came in, where they make up a good part of it: behind the socket nothing is
//! copied, unless the message was longer than a frame ([`Limits::max_frame`](crate::node::Limits::max_frame)) and had to
//! be joined.
//!
//! Parameters stand one after the other like the fields of a struct, ended by the end of the message. A reader skips
//! fields after the last that it knows, and gives their default to those that an older writer did not send.

mod attachment;
mod collection;
mod decoder;
mod encoder;
mod fault;
mod scalar;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub use fault::{BadValue, Fault, MAX_DEPTH};

/// A type that parameters, fields and answers can have.
///
/// Implemented here for the types of the language, and by generated code for structs, enums and unions.
pub trait Parameter: Sized + Send + 'static {
    /// The fewest bytes that a value takes, at least 1.
    const MIN_SIZE: usize;

    /// Appends the value, with the pipes and handles in it.
    fn encode(self, to: &mut Encoder);

    /// Takes a value.
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes, which may come from a hostile process.
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault>;

    /// Takes a count and as many values.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    #[doc(hidden)]
    fn decode_vec(from: &mut Decoder<'_>) -> Result<Vec<Self>, Fault> {
        from.sequence(Self::MIN_SIZE, Self::decode)
    }

    /// Takes exactly `N` values.
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode).
    #[doc(hidden)]
    fn decode_array<const N: usize>(from: &mut Decoder<'_>) -> Result<[Self; N], Fault> {
        from.array(Self::decode)
    }
}

/// A parameter without pipes and handles: it can be encoded without being given away.
pub trait Data: Parameter {
    /// Appends the value.
    fn encode_ref(&self, to: &mut Encoder);

    /// Appends values one after the other, without a count.
    fn encode_all(values: &[Self], to: &mut Encoder) {
        values.iter().for_each(|value| value.encode_ref(to));
    }
}

#[cfg(test)]
mod tests;
