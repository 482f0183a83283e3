//! Shared buffers: bytes that are written once, sealed, and then travel as a handle, whatever their size.
//!
//! ```text
//!   SharedBufferMut ──write in place──▶ seal ──▶ SharedBuffer ──handle──▶ SharedBuffer in another process
//!   mapped for writing                 unmapped, sealed, mapped for reading    checked, mapped for reading
//! ```
//!
//! What must hold: whoever has a [`SharedBuffer`] may look at its bytes as at any other `&[u8]`, also when the process
//! that sent it is hostile. That is so because the memory is an anonymous file that the kernel has sealed against
//! writing, shrinking and growing before it is mapped here: seals are never taken off, and sealing against writing fails
//! while anybody has it mapped for writing.
#![expect(unsafe_code, reason = "looking at what is mapped")]

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, OwnedFd};
use std::slice;
use std::sync::Arc;

use bytes::Bytes;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, fstat, ftruncate, memfd_create};
use rustix::mm::ProtFlags;

use crate::mapping::Mapping;
use crate::parameter::{BadValue, Decoder, Encoder, Fault, Parameter};

/// What keeps a buffer as it is.
const SEALS: SealFlags = SealFlags::WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW);

/// Bytes in memory that processes share, and that nobody can change any more.
///
/// Sending one sends a handle: the bytes are not copied. It derefs to `[u8]`.
pub struct SharedBuffer {
    memory: OwnedFd,
    mapping: Arc<Mapping>,
}

/// A shared buffer that is being written, by this process alone.
pub struct SharedBufferMut {
    memory: OwnedFd,
    mapping: Mapping,
}

/// Why a handle is no shared buffer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SharedBufferError {
    /// It is no memory that can be sealed, or not sealed: its sender could still change it.
    #[error("the handle is no sealed memory")]
    NotSealed,
    /// It is longer than a buffer may be.
    #[error("a shared buffer of {length} bytes exceeds the limit of {limit}", limit = SharedBuffer::MAX_LEN)]
    TooLong {
        /// Its length in bytes.
        length: u64,
    },
    /// The operating system refuses to map it.
    #[error("the shared buffer cannot be mapped")]
    System(#[source] io::Error),
}

impl SharedBuffer {
    /// The longest buffer, in bytes [64 GiB]. Mapping one takes address space; memory is taken where it is looked at.
    pub const MAX_LEN: u64 = 64 << 30;

    /// Makes a buffer of `length` bytes, all zero, to be written.
    ///
    /// # Errors
    ///
    /// [`SharedBuffer::MAX_LEN`] is exceeded, or whatever the operating system says.
    pub fn create(length: usize) -> io::Result<SharedBufferMut> {
        if u64::try_from(length).map_or(true, |length| length > Self::MAX_LEN) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "longer than a shared buffer may be"));
        }
        let memory = memfd_create("mage", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&memory, length as u64)?;
        let mapping = Mapping::new(memory.as_fd(), length, ProtFlags::READ | ProtFlags::WRITE)?;
        Ok(SharedBufferMut { memory, mapping })
    }

    /// Makes a buffer of these bytes.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says.
    pub fn copy_from_slice(bytes: &[u8]) -> io::Result<Self> {
        let mut buffer = Self::create(bytes.len())?;
        buffer.copy_from_slice(bytes);
        buffer.seal()
    }

    /// Takes a handle for a buffer, after checking that it is one.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn from_handle(memory: OwnedFd) -> Result<Self, SharedBufferError> {
        // Only memory that can be sealed has seals at all.
        let seals = fcntl_get_seals(&memory).map_err(|_| SharedBufferError::NotSealed)?;
        if !seals.contains(SEALS) {
            return Err(SharedBufferError::NotSealed);
        }
        let system = |error: rustix::io::Errno| SharedBufferError::System(error.into());
        // Sealed, so that the length stays what it is.
        let length = u64::try_from(fstat(&memory).map_err(system)?.st_size).unwrap_or(u64::MAX);
        let Some(fits) = usize::try_from(length).ok().filter(|_| length <= Self::MAX_LEN) else {
            return Err(SharedBufferError::TooLong { length });
        };
        let mapping = Mapping::new(memory.as_fd(), fits, ProtFlags::READ).map_err(SharedBufferError::System)?;
        Ok(Self { memory, mapping: Arc::new(mapping) })
    }

    /// Gives up the handle, which any process can [take for a buffer](Self::from_handle).
    pub fn into_handle(self) -> OwnedFd {
        self.memory
    }

    /// Makes another handle to the same bytes, to send them to somebody else as well.
    ///
    /// # Errors
    ///
    /// This process has no more handles.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { memory: self.memory.try_clone()?, mapping: Arc::clone(&self.mapping) })
    }

    /// The bytes, to be kept and cut without copying.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl SharedBufferMut {
    /// Ends the writing for good.
    ///
    /// # Errors
    ///
    /// Whatever the operating system says.
    pub fn seal(self) -> io::Result<SharedBuffer> {
        let Self { memory, mapping } = self;
        let length = mapping.len();
        // It could not be sealed while this process can write to it.
        drop(mapping);
        fcntl_add_seals(&memory, SEALS | SealFlags::SEAL)?;
        let mapping = Arc::new(Mapping::new(memory.as_fd(), length, ProtFlags::READ)?);
        Ok(SharedBuffer { memory, mapping })
    }
}

impl Deref for SharedBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `length` bytes are mapped for reading for as long as `self` lives. They are initialised (the kernel
        // gives zeroes) and nobody changes them or takes them away: the file is sealed against writing and shrinking,
        // which `seal` did and `from_handle` checked before the mapping was made.
        unsafe { slice::from_raw_parts(self.mapping.start().as_ptr(), self.mapping.len()) }
    }
}

impl AsRef<[u8]> for SharedBuffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Deref for SharedBufferMut {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `length` initialised bytes are mapped for as long as `self` lives. The file has no name, and its handle
        // is given to nobody before `seal` has unmapped it, so that only this process changes it, through `deref_mut`.
        unsafe { slice::from_raw_parts(self.mapping.start().as_ptr(), self.mapping.len()) }
    }
}

impl DerefMut for SharedBufferMut {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `deref`; the memory is mapped for writing, and the borrow of `self` is the only one.
        unsafe { slice::from_raw_parts_mut(self.mapping.start().as_ptr(), self.mapping.len()) }
    }
}

impl fmt::Debug for SharedBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedBuffer({} bytes)", self.len())
    }
}

impl fmt::Debug for SharedBufferMut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedBufferMut({} bytes)", self.len())
    }
}

impl Parameter for SharedBuffer {
    const MIN_SIZE: usize = 4;

    fn encode(self, to: &mut Encoder) {
        to.handle(self.into_handle());
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        let handle = from.handle()?;
        Self::from_handle(handle).map_err(|_| BadValue::WrongHandle { wanted: "shared buffer" }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;

    #[test]
    fn what_was_written_is_read_through_the_handle() {
        for length in [0, 1, 5000, (2 << 20) + 1] {
            let mut buffer = SharedBuffer::create(length).unwrap();
            assert!(buffer.iter().all(|&byte| byte == 0));
            for (place, byte) in buffer.iter_mut().enumerate() {
                *byte = (place % 251) as u8;
            }
            let sent = buffer.seal().unwrap();
            let received = SharedBuffer::from_handle(sent.try_clone().unwrap().into_handle()).unwrap();
            assert_eq!(received.len(), length);
            assert_eq!(sent[..], received[..]);
            assert!(received.iter().enumerate().all(|(place, &byte)| byte == (place % 251) as u8));
        }
    }

    #[test]
    fn a_sealed_buffer_can_neither_be_written_nor_resized() {
        let buffer = SharedBuffer::copy_from_slice(b"for good").unwrap();
        let handle = buffer.try_clone().unwrap().into_handle();
        assert_eq!(ftruncate(&handle, 1).unwrap_err(), rustix::io::Errno::PERM);
        assert_eq!(ftruncate(&handle, 100).unwrap_err(), rustix::io::Errno::PERM);
        assert_eq!(fcntl_add_seals(&handle, SealFlags::FUTURE_WRITE).unwrap_err(), rustix::io::Errno::PERM);
        assert!(Mapping::new(handle.as_fd(), 8, ProtFlags::READ | ProtFlags::WRITE).is_err());
        let mut file = File::from(handle);
        assert!(file.write_all(b"changed").is_err());
        assert_eq!(&buffer[..], b"for good");
    }

    #[test]
    fn what_could_still_change_is_refused() {
        let unsealed = SharedBuffer::create(10).unwrap().memory;
        assert!(matches!(SharedBuffer::from_handle(unsealed), Err(SharedBufferError::NotSealed)));
        let half = SharedBuffer::create(10).unwrap().memory;
        fcntl_add_seals(&half, SealFlags::SHRINK | SealFlags::FUTURE_WRITE).unwrap();
        assert!(matches!(SharedBuffer::from_handle(half), Err(SharedBufferError::NotSealed)));
        let file = File::open("/proc/self/exe").unwrap();
        assert!(matches!(SharedBuffer::from_handle(file.into()), Err(SharedBufferError::NotSealed)));
    }

    #[test]
    fn a_buffer_that_is_too_long_is_refused() {
        let too_long = usize::try_from(SharedBuffer::MAX_LEN).unwrap() + 1;
        assert_eq!(SharedBuffer::create(too_long).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let memory = memfd_create("long", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&memory, SharedBuffer::MAX_LEN + 1).unwrap();
        fcntl_add_seals(&memory, SEALS).unwrap();
        assert!(matches!(SharedBuffer::from_handle(memory), Err(SharedBufferError::TooLong { .. })));
    }

    #[test]
    fn bytes_keep_the_memory() {
        let bytes = SharedBuffer::copy_from_slice(b"kept").unwrap().into_bytes();
        assert_eq!(bytes.slice(1..3), &b"ep"[..]);
    }
}
