//! Memory of an anonymous file, mapped into this process for as long as it is wanted.
#![expect(unsafe_code, reason = "mapping memory")]

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

/// From this size on the system is asked for large pages: fewer faults, where it has them.
const LARGE: usize = 2 << 20;

/// Memory that is mapped as long as this lives. What may be done with it is said by who makes it.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

impl Mapping {
    /// Maps the first `length` bytes of `memory`.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says.
    pub(crate) fn new(memory: BorrowedFd<'_>, length: usize, access: ProtFlags) -> io::Result<Self> {
        if length == 0 {
            return Ok(Self { start: NonNull::dangling(), length });
        }
        // SAFETY: the system chooses a free place, so that nothing which is there already changes.
        let start = unsafe { mmap(ptr::null_mut(), length, access, MapFlags::SHARED, memory, 0)? };
        let mapping = Self { start: NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?, length };
        if length >= LARGE {
            // SAFETY: the range is the mapping that was just made. Advice changes no contents; it may be refused.
            let _ = unsafe { madvise(start, length, Advice::LinuxHugepage) };
        }
        Ok(mapping)
    }

    /// Where it begins: at a page, unless it is empty.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.length > 0 {
            // SAFETY: the range is this mapping's own, and whoever borrowed from it borrowed from `self`.
            let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
            debug_assert!(unmapped.is_ok(), "unmapping what was mapped: {unmapped:?}");
        }
    }
}

// SAFETY: a mapping is memory like any other; what may be done with it at once is ruled by the borrows of its owners.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}
