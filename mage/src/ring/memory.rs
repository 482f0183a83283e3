//! The memory of one ring: where each side has come, and the bytes.
//!
//! ```text
//!   0     written: u32   writer waits: u32   start: u32   positions count bytes and wrap around
//!   128   read: u32      reader waits: u32   unused: u32  each side on cache lines of its own
//!   4096  data                                  CAPACITY bytes, used round and round
//! ```
//!
//! The data begins with the byte whose position is `start`, which the writer moves whenever it finds the ring empty: so
//! small messages use the same few lines of the cache for ever, and a quiet link a page or two of memory, not all of it.
//!
//! What must hold: the other process may write anywhere in it at any time, so nobody here ever has a reference to the
//! data, only copies of it; the words are atomics. The memory stays where it is: an anonymous file of the system's
//! ordinary memory, sealed against shrinking before it is mapped. The other process can make holes in it; a fault fills
//! them again. Large pages are refused, since there may be none left to fill a hole with, and so is all of it on a system
//! that counts how much memory it has promised and may refuse a page for that: the fault would kill.
#![expect(unsafe_code, reason = "memory that another process changes, and room that is not initialised")]

use std::io::{self, ErrorKind};
use std::mem::{align_of, size_of};
use std::os::fd::{AsFd, OwnedFd};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;

use bytes::{BufMut, BytesMut};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, fstatfs, ftruncate, memfd_create};
use rustix::mm::ProtFlags;

use crate::mapping::Mapping;

/// How many bytes may be under way, a power of two: so many messages of 64 KiB that waking each other costs less than
/// copying them (with 256 KiB one way took 1.3 times as long), and no more than the second cache holds together with what
/// they are copied from and to.
pub(crate) const CAPACITY: u32 = 512 << 10;
/// Where the data begins.
const DATA: usize = 4096;
const SIZE: usize = DATA + CAPACITY as usize;
/// What keeps the memory mapped.
const SEALS: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::SEAL);
/// What `fstatfs` says of ordinary memory (`TMPFS_MAGIC`).
const ORDINARY: u64 = 0x0102_1994;

/// How far one side has come, and whether it waits for the other.
#[repr(C, align(128))]
pub(super) struct Side {
    /// How many bytes it has written or read, wrapping.
    pub(super) position: AtomicU32,
    /// 1 while it waits for the other side to move on.
    pub(super) waits: AtomicU32,
    /// The position of the byte with which the data begins; the writer's business.
    pub(super) start: AtomicU32,
}

#[repr(C)]
struct Head {
    writer: Side,
    reader: Side,
}

const _: () = assert!(size_of::<Head>() <= DATA && align_of::<Head>() <= 4096 && CAPACITY.is_power_of_two());

/// The memory of a ring, mapped.
#[derive(Debug)]
pub(super) struct Memory(Mapping);

impl Memory {
    /// Makes the memory of a ring that is empty, and a handle to it.
    pub(super) fn create() -> io::Result<(Self, OwnedFd)> {
        let file = memfd_create("mage-ring", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, SIZE as u64)?;
        fcntl_add_seals(&file, SEALS)?;
        Ok((Self::map(&file)?, file))
    }

    /// Maps the memory of a ring that another process made, if it is such memory.
    pub(super) fn open(file: &OwnedFd) -> io::Result<Self> {
        let none = || io::Error::new(ErrorKind::InvalidData, "the handle is no memory of a ring");
        // Only memory that can be sealed has seals at all.
        let seals = fcntl_get_seals(file).map_err(|_| none())?;
        let ordinary = u64::try_from(fstatfs(file)?.f_type).is_ok_and(|kind| kind == ORDINARY);
        let fits = u64::try_from(fstat(file)?.st_size).is_ok_and(|size| size == SIZE as u64);
        if seals.contains(SealFlags::SHRINK) && ordinary && fits { Self::map(file) } else { Err(none()) }
    }

    fn map(file: &OwnedFd) -> io::Result<Self> {
        if promises_are_counted() {
            return Err(ErrorKind::Unsupported.into());
        }
        Ok(Self(Mapping::new(file.as_fd(), SIZE, ProtFlags::READ | ProtFlags::WRITE)?))
    }

    fn head(&self) -> &Head {
        // SAFETY: `SIZE` bytes are mapped from a page's beginning on for as long as `self` lives, sealed against shrinking.
        // `Head` fits into them and has atomics only, for which every value is valid and which others may change.
        unsafe { self.0.start().cast::<Head>().as_ref() }
    }

    pub(super) fn writer(&self) -> &Side {
        &self.head().writer
    }

    pub(super) fn reader(&self) -> &Side {
        &self.head().reader
    }

    /// Copies `bytes`, at most [`CAPACITY`], to so far behind the start of the data.
    pub(super) fn put(&self, behind: u32, bytes: &[u8]) {
        let (at, first) = place(behind, bytes.len());
        let (here, there) = bytes.split_at(first);
        let data = self.data();
        // SAFETY: `at + first <= CAPACITY` and `there.len() <= CAPACITY` (see `place`), all of it mapped for writing. That
        // the other process may read or write there meanwhile is like a device doing so: it sees some bytes or others,
        // and nothing here relies on which.
        unsafe {
            ptr::copy_nonoverlapping(here.as_ptr(), data.add(at), here.len());
            ptr::copy_nonoverlapping(there.as_ptr(), data, there.len().min(CAPACITY as usize));
        }
    }

    /// Copies `count` bytes, at most [`CAPACITY`], from so far behind the start of the data to the end of `into`, which has
    /// room for them.
    pub(super) fn take(&self, behind: u32, count: usize, into: &mut BytesMut) {
        let count = count.min(CAPACITY as usize).min(into.capacity() - into.len());
        let (at, first) = place(behind, count);
        let data = self.data();
        let room = into.chunk_mut();
        // SAFETY: as for `put`: the source is mapped; the target is room of `into` for at least `count` bytes, which are
        // initialised when they become a part of it.
        unsafe {
            ptr::copy_nonoverlapping(data.add(at), room.as_mut_ptr(), first);
            ptr::copy_nonoverlapping(data, room.as_mut_ptr().add(first), count - first);
            into.advance_mut(count);
        }
    }

    fn data(&self) -> *mut u8 {
        // SAFETY: `DATA` is less than the length of the mapping.
        unsafe { self.0.start().as_ptr().add(DATA) }
    }
}

/// Whether the system may refuse a page that it has promised (`vm.overcommit_memory` is 2). A process that cannot ask is
/// locked in more than the one at the other end, which then asks, and has no ring either.
fn promises_are_counted() -> bool {
    static COUNTED: OnceLock<bool> = OnceLock::new();
    *COUNTED
        .get_or_init(|| std::fs::read("/proc/sys/vm/overcommit_memory").is_ok_and(|setting| setting.starts_with(b"2")))
}

/// Where `count` bytes so far behind the start begin in the data, and how many of them lie before its end.
fn place(behind: u32, count: usize) -> (usize, usize) {
    let at = (behind % CAPACITY) as usize;
    (at, count.min(CAPACITY as usize - at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FallocateFlags, fallocate};
    use std::fs::File;

    #[test]
    fn bytes_go_around_the_end_and_come_back() {
        let (memory, handle) = Memory::create().unwrap();
        let other = Memory::open(&handle).unwrap();
        let bytes: Vec<u8> = (0..1000_u32).map(|n| (n % 251) as u8).collect();
        for position in [0, CAPACITY - 1, CAPACITY - 999, CAPACITY - 1000, u32::MAX - 5] {
            memory.put(position, &bytes);
            let mut taken = BytesMut::with_capacity(1000);
            other.take(position, 1000, &mut taken);
            assert_eq!(taken, bytes, "at {position}");
        }
    }

    #[test]
    fn no_more_is_taken_than_there_is_room_for() {
        let (memory, _handle) = Memory::create().unwrap();
        let mut small = BytesMut::with_capacity(64);
        memory.take(7, CAPACITY as usize * 2, &mut small);
        assert_eq!(small.len(), small.capacity());
    }

    #[test]
    fn only_ordinary_memory_of_the_right_size_that_cannot_shrink_is_a_ring() {
        let file = |size: u64, seals: SealFlags| {
            let file = memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
            ftruncate(&file, size).unwrap();
            fcntl_add_seals(&file, seals).unwrap();
            file
        };
        Memory::open(&file(SIZE as u64, SEALS)).unwrap();
        for (size, seals) in
            [(SIZE as u64, SealFlags::GROW), (SIZE as u64 - 1, SEALS), (SIZE as u64 + 1, SEALS), (0, SEALS)]
        {
            assert_eq!(Memory::open(&file(size, seals)).unwrap_err().kind(), ErrorKind::InvalidData);
        }
        let other: OwnedFd = File::open("/proc/self/exe").unwrap().into();
        assert!(Memory::open(&other).is_err());
    }

    #[test]
    fn holes_that_the_other_process_makes_are_filled_again() {
        let (memory, handle) = Memory::create().unwrap();
        memory.put(0, &[7; 10_000]);
        fallocate(&handle, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, SIZE as u64).unwrap();
        let mut taken = BytesMut::with_capacity(10_000);
        memory.take(0, 10_000, &mut taken);
        assert!(taken.iter().all(|&byte| byte == 0));
        assert!(ftruncate(&handle, 0).is_err(), "it shrank");
    }

    #[test]
    fn large_pages_are_refused() {
        // Where the system has none configured, there is nothing to refuse: the file cannot even be made.
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::HUGETLB;
        let Ok(file) = memfd_create("test", flags) else { return };
        fcntl_add_seals(&file, SEALS).unwrap();
        assert_eq!(Memory::open(&file).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
