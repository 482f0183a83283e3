//! The reading end of a ring.

use std::sync::atomic::{Ordering, fence};

use bytes::BytesMut;

use super::Astray;
use super::memory::{CAPACITY, Memory};

/// A writer that waits is woken when so much is free: not for every few bytes.
const ENOUGH: u32 = CAPACITY / 2;

/// The reading end of a ring.
#[derive(Debug)]
pub(crate) struct RingReader {
    memory: Memory,
    /// The truth; what the memory says is for the other side, and it may change that.
    read: u32,
}

impl RingReader {
    pub(super) fn new(memory: Memory) -> Self {
        Self { memory, read: 0 }
    }

    /// How many bytes wait to be read.
    ///
    /// # Errors
    ///
    /// The writer says that it has written more than fits, or less than was read.
    pub(crate) fn unread(&self) -> Result<usize, Astray> {
        let unread = self.memory.writer().position.load(Ordering::Acquire).wrapping_sub(self.read);
        if unread <= CAPACITY { Ok(unread as usize) } else { Err(Astray) }
    }

    /// Copies what waits, at most `most` bytes, to the end of `into`, as far as that has room, and returns how many bytes
    /// that is.
    ///
    /// # Errors
    ///
    /// As for [`unread`](Self::unread).
    pub(crate) fn read(&mut self, into: &mut BytesMut, most: usize) -> Result<usize, Astray> {
        let count = self.unread()?.min(into.capacity() - into.len()).min(most);
        if count > 0 {
            let start = self.memory.writer().start.load(Ordering::Relaxed);
            self.memory.take(self.read.wrapping_sub(start), count, into);
            self.read = self.read.wrapping_add(count as u32);
            // Release: what was copied has been copied before the writer may write over it.
            self.memory.reader().position.store(self.read, Ordering::Release);
        }
        Ok(count)
    }

    /// Says that this side waits for the writer. Look once more afterwards, and only wait if that is in vain.
    pub(crate) fn wait(&self) {
        self.memory.reader().waits.store(1, Ordering::Relaxed);
        // Before the next look at the writer's position; the writer moves on and then looks here.
        fence(Ordering::SeqCst);
    }

    /// Takes back that this side waits.
    pub(crate) fn wait_no_more(&self) {
        self.memory.reader().waits.store(0, Ordering::Relaxed);
    }

    /// After reading: whether the writer waited and has enough room now, so that it is to be woken.
    ///
    /// # Errors
    ///
    /// As for [`unread`](Self::unread).
    pub(crate) fn wakes(&self) -> Result<bool, Astray> {
        fence(Ordering::SeqCst);
        let waits = &self.memory.writer().waits;
        if waits.load(Ordering::Relaxed) == 0 || self.unread()? as u32 > ENOUGH {
            return Ok(false);
        }
        Ok(waits.swap(0, Ordering::AcqRel) != 0)
    }
}
