//! The bytes of a message: small ones in place, others shared.
//!
//! A payload of up to [`Payload::INLINE`] bytes lies inside the value, so that small messages cost no allocation, pin
//! no receive buffer, and touch no reference count on their way. Larger ones are `Bytes`.

use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use core::ops::Deref;

/// The bytes of a message.
#[derive(Clone)]
pub struct Payload(Repr);

#[derive(Clone)]
enum Repr {
    /// No bytes, and no room for any: what costs nothing to make, to move away and to leave behind.
    Empty,
    Inline {
        len: u8,
        data: [u8; Payload::INLINE],
    },
    Shared(Bytes),
}

impl Payload {
    /// How many bytes fit without an allocation.
    pub const INLINE: usize = 110;

    /// An empty payload.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Self(Repr::Empty)
    }

    /// Copies `bytes`, in place when they are few.
    #[inline]
    #[must_use]
    pub fn copy_from_slice(bytes: &[u8]) -> Self {
        let mut data = [0; Self::INLINE];
        match (data.get_mut(..bytes.len()), u8::try_from(bytes.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(bytes);
                Self(Repr::Inline { len, data })
            }
            (None, _) | (_, Err(_)) => Self(Repr::Shared(Bytes::copy_from_slice(bytes))),
        }
    }

    /// The first `len` bytes of `data` (all of it, should `len` be greater), moved as they are: what an encoder that
    /// writes in place ends with.
    #[must_use]
    pub const fn from_inline(data: [u8; Self::INLINE], len: u8) -> Self {
        Self(Repr::Inline { len, data })
    }

    /// The room for small payloads, and how much of it is used: for an encoder that writes in place. `None` when the
    /// bytes are shared.
    #[inline]
    pub fn inline_mut(&mut self) -> Option<(&mut [u8; Self::INLINE], &mut u8)> {
        if let Repr::Empty = self.0 {
            self.0 = Repr::Inline { len: 0, data: [0; Self::INLINE] };
        }
        match &mut self.0 {
            Repr::Inline { len, data } => Some((data, len)),
            Repr::Empty | Repr::Shared(_) => None,
        }
    }

    /// The bytes.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Repr::Empty => &[],
            Repr::Inline { len, data } => data.get(..usize::from(*len)).unwrap_or(data),
            Repr::Shared(bytes) => bytes,
        }
    }

    /// The part from `start` to `end`, sharing the bytes where they are shared; empty where it would lie outside.
    #[must_use]
    pub fn slice(&self, start: usize, end: usize) -> Self {
        match &self.0 {
            Repr::Shared(bytes) if start <= end && end <= bytes.len() => Self::from(bytes.slice(start..end)),
            Repr::Empty | Repr::Shared(_) => Self::new(),
            Repr::Inline { .. } => Self::copy_from_slice(self.as_slice().get(start..end).unwrap_or_default()),
        }
    }

    /// Whether the bytes lie outside the value, so that dropping it may free memory.
    #[inline]
    pub(crate) fn is_shared(&self) -> bool {
        match &self.0 {
            Repr::Empty | Repr::Inline { .. } => false,
            Repr::Shared(_) => true,
        }
    }

    /// The bytes as `Bytes`; copies (and allocates) only when they are few.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Repr::Empty => Bytes::new(),
            Repr::Inline { .. } => Bytes::copy_from_slice(self.as_slice()),
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl Default for Payload {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Payload {
    type Target = [u8];
    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Payload {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        if bytes.len() <= Self::INLINE { Self::copy_from_slice(&bytes) } else { Self(Repr::Shared(bytes)) }
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Self::copy_from_slice(bytes)
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Payload {}

impl core::hash::Hash for Payload {
    fn hash<S: core::hash::Hasher>(&self, state: &mut S) {
        self.as_slice().hash(state);
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.len())
    }
}
