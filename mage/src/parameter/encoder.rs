//! Writes the bytes of one message, and gathers the pipes and handles that travel with it.
//!
//! ```text
//!   up to 110 bytes: written in place, moved into the message, no allocation
//!   more:            everything moves to a vector, once, and grows there
//! ```
//!
//! Integers are little-endian and nothing is padded. Writing never fails: what cannot be sent (a text over its bound)
//! is noted, and [`Encoder::finish`] says so.

use std::os::fd::OwnedFd;

use bytes::BytesMut;

use super::{Data, MAX_DEPTH};
use crate::pipe::{Message, MessagePipe, Payload, SendErrorKind};
use crate::spill;

/// A message in the making.
#[derive(Debug)]
pub struct Encoder {
    /// Its payload holds the bytes while they fit in place; all its room counts as used once they do not.
    pub(crate) message: Message,
    /// Every byte, once they do not fit in place.
    spilled: Option<BytesMut>,
    /// How many sized parts are open.
    depth: u16,
    refused: Option<SendErrorKind>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// Starts a message.
    #[inline]
    pub fn new() -> Self {
        let payload = Payload::from_inline([0; Payload::INLINE], 0);
        let message = Message { payload, pipes: Vec::new(), handles: Vec::new() };
        Self { message, spilled: None, depth: 0, refused: None }
    }

    /// Appends bytes as they are, without a length.
    #[inline]
    pub fn raw(&mut self, bytes: &[u8]) {
        if let Some((data, len)) = self.message.payload.inline_mut()
            && let Some(place) = data.get_mut(usize::from(*len)..usize::from(*len) + bytes.len())
        {
            place.copy_from_slice(bytes);
            // Never more than 110.
            *len += bytes.len() as u8;
        } else {
            self.spill(bytes);
        }
    }

    #[cold]
    #[inline(never)]
    fn spill(&mut self, bytes: &[u8]) {
        self.spilled(bytes.len()).extend_from_slice(bytes);
    }

    /// Where every byte goes from now on, `more` of them at once.
    fn spilled(&mut self, more: usize) -> &mut BytesMut {
        self.spilled.get_or_insert_with(|| {
            // Exactly what one large last parameter needs; further ones double it.
            let written = self.message.payload.as_slice();
            let mut spilled = spill::take((written.len() + more + 16).max(256));
            spilled.extend_from_slice(written);
            self.message.payload = Payload::from_inline([0; Payload::INLINE], Payload::INLINE as u8);
            spilled
        })
    }

    /// Appends a number of things: four bytes.
    #[inline]
    pub fn count(&mut self, count: usize) {
        match u32::try_from(count) {
            Ok(count) => self.raw(&count.to_le_bytes()),
            Err(_) => self.refuse(SendErrorKind::TooLarge { size: count, limit: u32::MAX as usize }),
        }
    }

    /// Appends a text: its length in bytes, then the bytes.
    #[inline]
    pub fn string(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Appends bytes: how many, then the bytes.
    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }

    /// Appends a text of at most `max` bytes; a longer one makes the message one that cannot be sent.
    pub fn string_within(&mut self, text: &str, max: u32) {
        self.bytes_within(text.as_bytes(), max);
    }

    /// Appends at most `max` bytes; more make the message one that cannot be sent.
    pub fn bytes_within(&mut self, bytes: &[u8], max: u32) {
        if bytes.len() > max as usize {
            self.refuse(SendErrorKind::TooLarge { size: bytes.len(), limit: max as usize });
        } else {
            self.bytes(bytes);
        }
    }

    /// Appends a value or nothing: one byte, then what `encode` makes of the value.
    #[inline]
    pub fn optional<T>(&mut self, value: Option<T>, encode: impl FnOnce(&mut Self, T)) {
        match value {
            None => self.raw(&[0]),
            Some(value) => {
                self.raw(&[1]);
                encode(self, value);
            }
        }
    }

    /// Appends a count and then what `encode` makes of each value.
    pub fn sequence<T>(&mut self, values: impl ExactSizeIterator<Item = T>, mut encode: impl FnMut(&mut Self, T)) {
        self.count(values.len());
        values.for_each(|value| encode(self, value));
    }

    /// Appends what `encode` makes of each value, without a count: an array of fixed length.
    pub fn each<T>(&mut self, values: impl IntoIterator<Item = T>, mut encode: impl FnMut(&mut Self, T)) {
        values.into_iter().for_each(|value| encode(self, value));
    }

    /// Appends a count and the values.
    #[inline]
    pub fn slice<T: Data>(&mut self, values: &[T]) {
        self.count(values.len());
        let size = T::MIN_SIZE.saturating_mul(values.len());
        if size > Payload::INLINE {
            self.spilled(0).reserve(size);
        }
        T::encode_all(values, self);
    }

    /// Appends what `encode` writes as a part that a reader can skip: four bytes for its size before it. Deeper in one
    /// another than a reader follows, nothing more is written, and the message is one that cannot be sent.
    #[inline]
    pub fn sized(&mut self, encode: impl FnOnce(&mut Self)) {
        if self.depth == MAX_DEPTH {
            return self.refuse(SendErrorKind::TooDeep);
        }
        self.raw(&[0; 4]);
        let start = self.written();
        self.depth += 1;
        encode(self);
        self.depth -= 1;
        self.fill_in(start);
    }

    /// Writes the size of the part from `start` on before it.
    #[inline]
    fn fill_in(&mut self, start: usize) {
        let size = self.written() - start;
        let Ok(bytes) = u32::try_from(size).map(u32::to_le_bytes) else {
            return self.refuse(SendErrorKind::TooLarge { size, limit: u32::MAX as usize });
        };
        let place = start - 4..start;
        match (&mut self.spilled, self.message.payload.inline_mut()) {
            (None, Some((data, _))) => data[place].copy_from_slice(&bytes),
            (Some(spilled), _) => spilled[place].copy_from_slice(&bytes),
            // What is written is in one of the two.
            (None, None) => {}
        }
    }

    /// Adds a pipe's end to the message and appends its place among the message's pipes.
    pub fn pipe(&mut self, pipe: MessagePipe) {
        self.count(self.message.pipes.len());
        self.message.pipes.push(pipe);
    }

    /// Adds a handle to the message and appends its place among the message's handles.
    pub fn handle(&mut self, handle: OwnedFd) {
        self.count(self.message.handles.len());
        self.message.handles.push(handle);
    }

    /// The number of bytes so far.
    #[inline]
    pub fn written(&self) -> usize {
        self.spilled.as_ref().map_or_else(|| self.message.payload.len(), BytesMut::len)
    }

    #[cold]
    fn refuse(&mut self, why: SendErrorKind) {
        self.refused.get_or_insert(why);
    }

    /// Completes the message.
    ///
    /// # Errors
    ///
    /// [`SendErrorKind::TooLarge`] when a value exceeded its bound, [`SendErrorKind::TooDeep`] when structs lie too deep in
    /// one another, with what was written besides.
    #[inline]
    pub fn finish(mut self) -> Result<Message, (SendErrorKind, Message)> {
        match self.seal() {
            None => Ok(self.message),
            Some(kind) => Err((kind, self.message)),
        }
    }

    /// Makes [`message`](Self::message) whole, and says why it cannot be sent.
    #[inline]
    pub(crate) fn seal(&mut self) -> Option<SendErrorKind> {
        if let Some(spilled) = self.spilled.take() {
            self.gather(spilled);
        }
        if self.refused.is_some() { self.refused.take() } else { None }
    }

    #[cold]
    #[inline(never)]
    fn gather(&mut self, mut spilled: BytesMut) {
        let payload = spilled.split().freeze();
        spill::keep(spilled, payload.len());
        self.message.payload = Payload::from(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(encode: impl FnOnce(&mut Encoder)) -> Payload {
        let mut to = Encoder::new();
        encode(&mut to);
        to.finish().unwrap().payload
    }

    #[test]
    fn what_spills_is_the_same_as_what_fits() {
        for len in [0, 1, 109, 110, 111, 255, 256, 257, 4096] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let whole = payload(|to| to.raw(&bytes));
            let bytewise = payload(|to| bytes.iter().for_each(|byte| to.raw(&[*byte])));
            assert_eq!(&*whole, &bytes[..], "{len} bytes at once");
            assert_eq!(&*bytewise, &bytes[..], "{len} bytes one by one");
        }
    }

    #[test]
    fn a_size_is_filled_in_where_it_was_left_open() {
        for filler in [0, 100, 106, 107, 200] {
            let written = payload(|to| {
                to.raw(&vec![7; filler]);
                to.sized(|to| to.string("abc"));
            });
            assert_eq!(&written[filler..], [7, 0, 0, 0, 3, 0, 0, 0, b'a', b'b', b'c'], "after {filler} bytes");
        }
    }

    #[test]
    fn a_text_over_its_bound_cannot_be_sent() {
        let mut to = Encoder::new();
        to.string_within("four", 4);
        to.string_within("fives", 4);
        assert_eq!(to.finish().unwrap_err().0, SendErrorKind::TooLarge { size: 5, limit: 4 });
    }
}
