//! Reads the parameters of one message, trusting nothing.
//!
//! What must hold: no length that was read is allocated before the bytes are known to be there; every value is checked
//! before anybody sees it; a pipe or handle is taken at most once, and what is not taken is closed.

use std::os::fd::OwnedFd;
use std::vec;

use bytes::Bytes;

use super::Parameter;
use super::fault::{BadValue, Fault, MAX_DEPTH};
use crate::pipe::{Message, MessagePipe, Payload};

/// How much of the stack structs that lie in one another may take while they are read, in bytes. Whoever sends chooses how
/// deep they lie, whoever wrote the interface how large each is, and threads have 2 MiB.
const MAX_STACK: usize = 512 << 10;

/// Below this size, in bytes, a value is copied out of its message.
const SLICE_FROM: usize = 512;

/// The unread rest of a message.
#[derive(Debug)]
pub struct Decoder<'a> {
    payload: &'a Payload,
    rest: &'a [u8],
    pipes: Attachments<'a, MessagePipe>,
    handles: Attachments<'a, OwnedFd>,
    depth: u16,
    /// Where on the stack the outermost struct is read.
    base: usize,
}

/// Pipes or handles. Writers number them as they come, so that the ones passed over are those that a reader skipped.
#[derive(Debug)]
struct Attachments<'a, T> {
    all: &'a mut Vec<T>,
    /// All of them, once one was taken.
    left: Option<vec::IntoIter<T>>,
    next: u32,
}

impl<'a, T> Attachments<'a, T> {
    #[inline]
    fn new(all: &'a mut Vec<T>) -> Self {
        Self { all, left: None, next: 0 }
    }

    fn take(&mut self, place: u32) -> Option<T> {
        let skipped = place.checked_sub(self.next)?;
        self.next = place.checked_add(1)?;
        self.left.get_or_insert_with(|| std::mem::take(self.all).into_iter()).nth(skipped as usize)
    }
}

impl<'a> Decoder<'a> {
    /// Reads `message` from byte `start` on. Pipes and handles that are read are taken out of it.
    #[inline]
    pub(crate) fn new(message: &'a mut Message, start: usize) -> Self {
        let Message { payload, pipes, handles } = message;
        let payload: &Payload = payload;
        let rest = payload.get(start..).unwrap_or_default();
        Self { payload, rest, pipes: Attachments::new(pipes), handles: Attachments::new(handles), depth: 0, base: 0 }
    }

    /// Reads with `decode` what `message` holds from byte `start` on.
    #[cfg(test)]
    pub(crate) fn read_message<T>(
        mut message: Message,
        start: usize,
        decode: impl FnOnce(&mut Decoder<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        decode(&mut Decoder::new(&mut message, start))
    }

    /// Takes the next `N` bytes.
    ///
    /// # Errors
    ///
    /// [`BadValue::Short`].
    #[inline]
    pub fn raw<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        match self.rest.split_first_chunk::<N>() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(*bytes)
            }
            None => Err(self.short(N)),
        }
    }

    /// Takes the next `len` bytes where they lie.
    ///
    /// # Errors
    ///
    /// [`BadValue::Short`].
    #[inline]
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        match self.rest.split_at_checked(len) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.short(len)),
        }
    }

    #[cold]
    #[inline(never)]
    fn short(&self, wanted: usize) -> Fault {
        BadValue::Short { missing: wanted - self.rest.len() }.into()
    }

    /// Takes a number of things.
    ///
    /// # Errors
    ///
    /// [`BadValue::Short`].
    #[inline]
    pub fn count(&mut self) -> Result<usize, Fault> {
        Ok(u32::from_le_bytes(self.raw()?) as usize)
    }

    /// Takes a text.
    ///
    /// # Errors
    ///
    /// [`BadValue::Short`], [`BadValue::NotUtf8`].
    #[inline]
    pub fn string(&mut self) -> Result<String, Fault> {
        let len = self.count()?;
        match std::str::from_utf8(self.take(len)?) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(BadValue::NotUtf8 { at: error.valid_up_to() }.into()),
        }
    }

    /// Takes bytes; many are a slice of the message, which lives as long as they do.
    ///
    /// # Errors
    ///
    /// [`BadValue::Short`].
    pub fn bytes(&mut self) -> Result<Bytes, Fault> {
        let len = self.count()?;
        let bytes = self.take(len)?;
        // A small part of a large message is not worth keeping all of it.
        if len >= SLICE_FROM && len >= self.payload.len() / 8 {
            let start = bytes.as_ptr().addr() - self.payload.as_ptr().addr();
            Ok(self.payload.slice(start, start + len).into_bytes())
        } else {
            Ok(Bytes::copy_from_slice(bytes))
        }
    }

    /// Takes a text of at most `max` bytes.
    ///
    /// # Errors
    ///
    /// As [`string`](Self::string), and [`BadValue::TooLong`].
    pub fn string_within(&mut self, max: u32) -> Result<String, Fault> {
        self.check_length(max)?;
        self.string()
    }

    /// Takes at most `max` bytes.
    ///
    /// # Errors
    ///
    /// As [`bytes`](Self::bytes), and [`BadValue::TooLong`].
    pub fn bytes_within(&mut self, max: u32) -> Result<Bytes, Fault> {
        self.check_length(max)?;
        self.bytes()
    }

    fn check_length(&self, max: u32) -> Result<(), Fault> {
        match self.rest.first_chunk().map(|len| u32::from_le_bytes(*len)) {
            Some(len) if len > max => Err(BadValue::TooLong { len, max }.into()),
            Some(_) | None => Ok(()),
        }
    }

    /// Takes a value or nothing.
    ///
    /// # Errors
    ///
    /// [`BadValue::NotBool`], and those of `decode`.
    #[inline]
    pub fn optional<T>(&mut self, decode: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
        if bool::decode(self)? { decode(self).map(Some) } else { Ok(None) }
    }

    /// Takes a count and as many values, each at least `min_size` bytes long.
    ///
    /// # Errors
    ///
    /// [`BadValue::Short`] before anything is allocated, and those of `decode`.
    pub fn sequence<T>(
        &mut self,
        min_size: usize,
        decode: impl FnMut(&mut Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let count = self.count()?;
        self.check_room(count, min_size)?;
        self.values(count, decode)
    }

    /// Takes exactly `N` values.
    ///
    /// # Errors
    ///
    /// Those of `decode`.
    pub fn array<T, const N: usize>(
        &mut self,
        decode: impl FnMut(&mut Self) -> Result<T, Fault>,
    ) -> Result<[T; N], Fault> {
        self.check_room(N, 1)?;
        let values = self.values(N, decode)?;
        values.try_into().map_err(|_| BadValue::Short { missing: 1 }.into())
    }

    /// Says early that `count` values of at least `min_size` bytes cannot be there.
    ///
    /// # Errors
    ///
    /// [`BadValue::Short`].
    pub(super) fn check_room(&self, count: usize, min_size: usize) -> Result<(), Fault> {
        let wanted = count.saturating_mul(min_size.max(1));
        if wanted > self.rest.len() { Err(self.short(wanted)) } else { Ok(()) }
    }

    fn values<T>(
        &mut self,
        count: usize,
        mut decode: impl FnMut(&mut Self) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        // Values may be much larger in memory than on the wire; beyond a page of them the vector grows as they come.
        let mut values = Vec::with_capacity(count.min(1 + 4096 / size_of::<T>().max(1)));
        for _ in 0..count {
            values.push(decode(self)?);
        }
        Ok(values)
    }

    /// Reads with `decode` a part whose size was written before it, and skips what `decode` leaves of it.
    ///
    /// # Errors
    ///
    /// [`BadValue::Short`], [`BadValue::TooDeep`], and those of `decode`.
    pub fn sized<T>(&mut self, decode: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        let size = self.count()?;
        let part = self.take(size)?;
        let place = 0_u8;
        let place = std::hint::black_box(&raw const place).addr();
        if self.depth == 0 {
            self.base = place;
        } else if self.depth == MAX_DEPTH || self.base.abs_diff(place) > MAX_STACK {
            return Err(BadValue::TooDeep.into());
        }
        let after = std::mem::replace(&mut self.rest, part);
        self.depth += 1;
        let decoded = decode(self);
        self.depth -= 1;
        self.rest = after;
        decoded
    }

    /// Takes the value of the field or parameter `name`.
    ///
    /// # Errors
    ///
    /// Those of its type, with the name.
    #[inline]
    pub fn field<T: Parameter>(&mut self, name: &'static str) -> Result<T, Fault> {
        T::decode(self).map_err(|fault| fault.inside(name))
    }

    /// Takes the value of the field or parameter `name` with `decode`.
    ///
    /// # Errors
    ///
    /// Those of `decode`, with the name.
    #[inline]
    pub fn field_with<T>(
        &mut self,
        name: &'static str,
        decode: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        decode(self).map_err(|fault| fault.inside(name))
    }

    /// Says whether the writer sent nothing more: a field that it did not know gets its default.
    #[inline]
    pub fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes a pipe's end.
    ///
    /// # Errors
    ///
    /// [`BadValue::NoPipe`] when there is none at the place that was read, or it was taken before.
    pub fn pipe(&mut self) -> Result<MessagePipe, Fault> {
        let place = u32::from_le_bytes(self.raw()?);
        self.pipes.take(place).ok_or_else(|| BadValue::NoPipe { place }.into())
    }

    /// Takes a handle.
    ///
    /// # Errors
    ///
    /// [`BadValue::NoHandle`] when there is none at the place that was read, or it was taken before.
    pub fn handle(&mut self) -> Result<OwnedFd, Fault> {
        let place = u32::from_le_bytes(self.raw()?);
        self.handles.take(place).ok_or_else(|| BadValue::NoHandle { place }.into())
    }
}
