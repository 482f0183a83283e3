//! Bells: a byte in a pipe wakes the process that holds its other end.
//!
//! What must hold although the process at the other end may be hostile:
//!
//! - Ringing never blocks: the writing end is this process's alone, so that nobody else can make it blocking; a full pipe
//!   is one that was rung often enough.
//! - Ringing never raises `SIGPIPE`: this process keeps a reading end, so that there always is one.
//! - Taking the rings out never blocks, although the reading end is shared with the process that rings, which could make it
//!   blocking: the call itself says that it must not (`RWF_NOWAIT`, for pipes since Linux 6.5).
//!
//! A pipe wakes an edge-triggered waiter at each ring, also while earlier ones have not been taken out (but in some
//! kernels before 5.14). So where the adapter can be edge-triggered, a ring is one system call there and none here, and the
//! pipe is emptied now and then; elsewhere every time.

use std::io::{self, ErrorKind, IoSliceMut};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::event::{Timespec, epoll};
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use rustix::pipe::{PipeFlags, pipe_with};

/// The offset that means a file without positions.
const NO_OFFSET: u64 = u64::MAX;
/// After so many waits a pipe is emptied: less than the smallest pipe holds.
const MANY: u32 = 1024;

/// What wakes the process at the other end.
#[derive(Debug)]
pub(crate) struct Bell {
    rope: OwnedFd,
    /// Never read. It keeps the pipe from having no reader.
    _kept: OwnedFd,
}

/// The end at which another process's bell is heard.
#[derive(Debug)]
pub(crate) struct Heard {
    end: Arc<OwnedFd>,
    /// How often this process said that it waits since the pipe was emptied: there is at most a ring for each.
    waits: AtomicU32,
}

impl Bell {
    /// Makes a bell, and the handle at which it is heard.
    ///
    /// # Errors
    ///
    /// This process may have no more handles; or the system has no calls that are safe here
    /// ([`ErrorKind::Unsupported`]).
    pub(crate) fn new() -> io::Result<(Self, OwnedFd)> {
        if !is_safe() {
            return Err(ErrorKind::Unsupported.into());
        }
        let (end, rope) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        Ok((Self { rope, _kept: end.try_clone()? }, end))
    }

    /// Wakes the other process, if it waits.
    pub(crate) fn ring(&self) {
        // Full: it was rung more often than it says to have waited, and is awake or does not want to be.
        let _ = rustix::io::write(&self.rope, &[1]);
    }
}

impl Heard {
    /// Takes a handle for the end of a bell.
    ///
    /// # Errors
    ///
    /// It is none.
    pub(crate) fn new(end: OwnedFd) -> io::Result<Self> {
        if !is_safe() {
            return Err(ErrorKind::Unsupported.into());
        }
        if FileType::from_raw_mode(fstat(&end)?.st_mode) != FileType::Fifo {
            return Err(io::Error::new(ErrorKind::InvalidData, "the handle is no bell"));
        }
        Ok(Self { end: Arc::new(end), waits: AtomicU32::new(0) })
    }

    /// What is to be watched.
    pub(crate) fn end(&self) -> &Arc<OwnedFd> {
        &self.end
    }

    /// This process is about to say that it waits.
    pub(crate) fn expect(&self) {
        self.waits.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes the rings out if there may be many of them.
    pub(crate) fn empty_sometimes(&self) {
        if self.waits.load(Ordering::Relaxed) >= MANY {
            self.empty();
        }
    }

    /// Takes the rings out.
    pub(crate) fn empty(&self) {
        self.waits.store(0, Ordering::Relaxed);
        let mut rings = [0; 4 * MANY as usize];
        // Nothing there, or a bell that is none: there is nothing to be done about either.
        let _ = take(&self.end, &mut rings);
    }
}

fn take(end: impl AsFd, into: &mut [u8]) -> rustix::io::Result<usize> {
    preadv2(end, &mut [IoSliceMut::new(into)], NO_OFFSET, ReadWriteFlags::NOWAIT)
}

/// Whether the system can take rings out without ever blocking.
fn is_safe() -> bool {
    static SAFE: OnceLock<bool> = OnceLock::new();
    *SAFE.get_or_init(|| {
        // Blocking, as a hostile process would make it.
        let Ok((end, rope)) = pipe_with(PipeFlags::CLOEXEC) else { return false };
        rustix::io::write(&rope, &[1]).is_ok()
            && take(&end, &mut [0; 8]) == Ok(1)
            && take(&end, &mut [0; 8]) == Err(Errno::AGAIN)
    })
}

/// Whether an edge-triggered waiter hears each ring though nobody takes them out.
pub(crate) fn is_heard_unread() -> bool {
    static HEARD: OnceLock<bool> = OnceLock::new();
    *HEARD.get_or_init(|| try_unread().unwrap_or(false))
}

fn try_unread() -> rustix::io::Result<bool> {
    let (end, rope) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    let waiter = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&waiter, &end, epoll::EventData::new_u64(0), epoll::EventFlags::IN | epoll::EventFlags::ET)?;
    let heard = || -> rustix::io::Result<usize> {
        let mut room = [std::mem::MaybeUninit::uninit(); 2];
        Ok(epoll::wait(&waiter, &mut room, Some(&Timespec::default()))?.0.len())
    };
    for _ in 0..3 {
        rustix::io::write(&rope, &[1])?;
        if heard()? != 1 || heard()? != 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn rings_are_taken_out_and_never_block_though_the_other_side_made_the_end_blocking() {
        let (bell, end) = Bell::new().unwrap();
        let shared = end.try_clone().unwrap();
        let heard = Heard::new(end).unwrap();
        rustix::io::ioctl_fionbio(&shared, false).unwrap();
        bell.ring();
        bell.ring();
        heard.empty();
        assert_eq!(take(&shared, &mut [0; 8]), Err(Errno::AGAIN));
        heard.empty();
    }

    #[test]
    fn a_bell_that_nobody_takes_rings_from_or_holds_the_end_of_can_still_be_rung() {
        let (bell, end) = Bell::new().unwrap();
        for _ in 0..100_000 {
            bell.ring();
        }
        drop(end);
        bell.ring();
    }

    #[test]
    fn a_pipe_is_emptied_before_it_can_be_full() {
        let (bell, end) = Bell::new().unwrap();
        let shared = end.try_clone().unwrap();
        let heard = Heard::new(end).unwrap();
        for _ in 0..MANY - 1 {
            heard.expect();
            bell.ring();
            heard.empty_sometimes();
        }
        heard.expect();
        bell.ring();
        heard.empty_sometimes();
        assert_eq!(take(&shared, &mut [0; 8]), Err(Errno::AGAIN));
    }

    #[test]
    fn what_is_no_pipe_is_no_bell() {
        let (a, _b) = crate::socket::pair().unwrap();
        assert_eq!(Heard::new(a).unwrap_err().kind(), ErrorKind::InvalidData);
        assert!(Heard::new(File::open("/proc/self/exe").unwrap().into()).is_err());
    }
}
