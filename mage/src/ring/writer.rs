//! The writing end of a ring.

use std::sync::atomic::{Ordering, fence};

use super::Astray;
use super::memory::{CAPACITY, Memory};

/// The writing end of a ring.
#[derive(Debug)]
pub(crate) struct RingWriter {
    memory: Memory,
    /// The truth; what the memory says is for the other side, and it may change that.
    written: u32,
    /// The position of the byte with which the data begins.
    start: u32,
}

impl RingWriter {
    pub(super) fn new(memory: Memory) -> Self {
        Self { memory, written: 0, start: 0 }
    }

    /// What a hostile process would write to.
    #[cfg(test)]
    pub(super) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Writes as much of `slices` as there is room for, and returns how many bytes that is.
    ///
    /// # Errors
    ///
    /// The reader says that it has read more than was written, or less than before.
    pub(crate) fn write<'a>(&mut self, slices: impl Iterator<Item = &'a [u8]>) -> Result<usize, Astray> {
        let unread = self.unread()?;
        if unread == 0 {
            // The reader has done with what it has read, and looks for the start only after it has seen more.
            self.start = self.written;
            self.memory.writer().start.store(self.start, Ordering::Relaxed);
        }
        let mut room = (CAPACITY - unread) as usize;
        let before = self.written;
        for slice in slices {
            let part = slice.get(..room).unwrap_or(slice);
            self.memory.put(self.written.wrapping_sub(self.start), part);
            room -= part.len();
            self.written = self.written.wrapping_add(part.len() as u32);
            if room == 0 {
                break;
            }
        }
        let count = self.written.wrapping_sub(before);
        if count > 0 {
            self.memory.writer().position.store(self.written, Ordering::Release);
        }
        Ok(count as usize)
    }

    /// How many bytes may be written now.
    pub(crate) fn room(&self) -> Result<u32, Astray> {
        CAPACITY.checked_sub(self.unread()?).ok_or(Astray)
    }

    /// How many bytes were written and not yet read.
    fn unread(&self) -> Result<u32, Astray> {
        let unread = self.written.wrapping_sub(self.memory.reader().position.load(Ordering::Acquire));
        if unread <= CAPACITY { Ok(unread) } else { Err(Astray) }
    }

    /// Where the next byte will be.
    pub(crate) fn position(&self) -> u32 {
        self.written
    }

    /// Whether what was written before `position` was read.
    pub(crate) fn was_read(&self, position: u32) -> Result<bool, Astray> {
        Ok(self.unread()? <= self.written.wrapping_sub(position))
    }

    /// Says that this side waits for the reader to go on. Look once more afterwards, and only wait if that is in vain.
    pub(crate) fn wait(&self) {
        self.memory.writer().waits.store(1, Ordering::Relaxed);
        // Before the next look at the reader's position; the reader moves on and then looks here.
        fence(Ordering::SeqCst);
    }

    /// Takes back that this side waits.
    pub(crate) fn wait_no_more(&self) {
        self.memory.writer().waits.store(0, Ordering::Relaxed);
    }

    /// After writing: whether the reader waited, and is to be woken now.
    #[must_use]
    pub(crate) fn wakes(&self) -> bool {
        fence(Ordering::SeqCst);
        let waits = &self.memory.reader().waits;
        waits.load(Ordering::Relaxed) != 0 && waits.swap(0, Ordering::AcqRel) != 0
    }
}
