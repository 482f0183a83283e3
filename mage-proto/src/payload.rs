//! The bytes of a message: small ones in place, others shared.
//!
//! A payload of up to [`Payload::INLINE`] bytes lies inside the value, so that small messages cost no allocation, pin
//! no receive buffer, and touch no reference count on their way. Larger ones are `Bytes`.
//!
//! Those that arrive are copied out of the receive buffer, four of a size into one [`Block`] of memory: half an allocation
//! a message instead of two. What must hold: whoever keeps one payload keeps no more than [`Block::PINNED`] times its bytes.

use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
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

/// Memory that payloads which arrive one after the other are copied into, as long as they are of about one size.
#[derive(Debug, Default)]
pub(crate) struct Block {
    room: BytesMut,
    /// The bytes of all of it, those included that payloads took.
    size: usize,
}

impl Block {
    /// How many times its own bytes a payload keeps in memory at the most.
    const PINNED: usize = 4;
    /// The largest block in bytes; payloads that would leave no room for a second one in it are copied by themselves.
    const LARGEST: usize = 16 << 10;

    /// Copies `bytes`.
    #[inline]
    pub(crate) fn copy(&mut self, bytes: &[u8]) -> Payload {
        let len = bytes.len();
        if len <= Payload::INLINE || len > Self::LARGEST / 2 {
            return Payload::copy_from_slice(bytes);
        }
        let pinned = len.saturating_mul(Self::PINNED);
        if self.room.capacity() < len || self.size > pinned {
            self.size = pinned.min(Self::LARGEST);
            self.room = BytesMut::with_capacity(self.size);
        }
        self.room.extend_from_slice(bytes);
        Payload(Repr::Shared(self.room.split().freeze()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_of_one_size_share_memory_and_pin_four_times_their_bytes_at_the_most() {
        let mut block = Block::default();
        let sizes = [1000, 1000, 1000, 1000, 1000, 300, 299, 8000, 8192, 8193, 111, 110, 5000];
        for (number, len) in sizes.into_iter().enumerate() {
            let byte = u8::try_from(number).unwrap_or_default();
            let payload = block.copy(&alloc::vec![byte; len]);
            assert_eq!(payload.as_slice(), alloc::vec![byte; len]);
            assert!(
                len <= Payload::INLINE || len > Block::LARGEST / 2 || block.size <= 4 * len,
                "{} for {len}",
                block.size
            );
        }
        let first = block.copy(&[1; 500]);
        let place = block.room.as_ptr();
        let second = block.copy(&[2; 500]);
        assert_eq!((first.as_slice(), second.as_slice()), (&[1; 500][..], &[2; 500][..]));
        assert_eq!(second.as_slice().as_ptr(), place, "the second lies behind the first");
    }
}
