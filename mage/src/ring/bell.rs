//! Bells: a call that wakes the process that holds the other end, and says nothing.
//!
//! A bell is a pair of connected sockets. One byte lies at the end at which it is heard, and is never read, so that this
//! end is readable for ever. A ring shuts the other end down for reading, which it has been since the first: that changes
//! nothing but wakes whoever watches this one, and an edge-triggered watcher of what is readable hears of it, once for
//! each ring. So a ring is one system call here and none there, takes no memory, and cannot be one too many. It costs what
//! a byte in a pipe costs.
//!
//! What must hold although the process at the other end may be hostile:
//!
//! - Ringing never blocks: the kernel takes two spin locks for it. (A write to a pipe takes a lock that whoever reads the
//!   pipe holds while bytes are copied to its memory, which may be memory that it makes the kernel wait for.)
//! - Ringing never raises a signal, whether or not somebody hears it.
//! - Hearing reads nothing: there is nothing that could be taken away or make it wait.
//! - An end that has ended is readable without end, and some adapters tell of that again and again: see
//!   [`Heard::is_over`].

use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};

use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};
use rustix::net::{Shutdown, shutdown};

use crate::socket;

/// What wakes the process at the other end.
#[derive(Debug)]
pub(crate) struct Bell(OwnedFd);

/// The end at which another process's bell is heard.
#[derive(Debug)]
pub(crate) struct Heard {
    end: Arc<OwnedFd>,
    /// Where the adapter tells again of what has not been read: something that tells it once, and is read instead.
    once: Option<Arc<OwnedFd>>,
}

impl Bell {
    /// Makes a bell, and the handle at which it is heard.
    ///
    /// # Errors
    ///
    /// This process may have no more handles; or bells cannot be heard on this system ([`ErrorKind::Unsupported`]).
    pub(crate) fn new() -> io::Result<(Self, OwnedFd)> {
        if is_heard() { make() } else { Err(ErrorKind::Unsupported.into()) }
    }

    /// Wakes the other process.
    pub(crate) fn ring(&self) {
        // It fails when nobody is there any more.
        let _ = shutdown(&self.0, Shutdown::Read);
    }
}

impl Heard {
    /// Takes a handle for the end of a bell; `arrivals` says whether whoever watches it is edge-triggered.
    ///
    /// # Errors
    ///
    /// It is none ([`ErrorKind::InvalidData`]), or this process may have no more handles.
    pub(crate) fn new(end: OwnedFd, arrivals: bool) -> io::Result<Self> {
        socket::check(end.as_fd()).map_err(|_| io::Error::new(ErrorKind::InvalidData, "the handle is no bell"))?;
        let once = if arrivals { None } else { Some(Arc::new(edge_triggered(end.as_fd())?)) };
        Ok(Self { end: Arc::new(end), once })
    }

    /// What is to be watched.
    pub(crate) fn watched(&self) -> &Arc<OwnedFd> {
        self.once.as_ref().unwrap_or(&self.end)
    }

    /// Takes note of the rings so far.
    pub(crate) fn hear(&self) {
        if let Some(once) = &self.once {
            // It fails when a signal comes, and is called again.
            let _ = events(once.as_fd());
        }
    }

    /// Whether nobody will ring it again, or not so that it can be heard. (It may be told of without end then.)
    pub(crate) fn is_over(&self) -> bool {
        let mut asked = [PollFd::new(&*self.end, PollFlags::RDHUP)];
        // It fails when a signal comes, and is asked again.
        poll(&mut asked, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    }
}

fn make() -> io::Result<(Bell, OwnedFd)> {
    let (rope, end) = socket::pair()?;
    match socket::send(rope.as_fd(), &[IoSlice::new(&[0])], &[])? {
        socket::Sent::Bytes(_) => Ok((Bell(rope), end)),
        socket::Sent::Full | socket::Sent::Shortage => Err(ErrorKind::OutOfMemory.into()),
    }
}

/// Something that is readable when something arrived at `end`, until its events are taken. Nobody else has it.
fn edge_triggered(end: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let waiter = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&waiter, end, epoll::EventData::new_u64(0), epoll::EventFlags::IN | epoll::EventFlags::ET)?;
    Ok(waiter)
}

/// Takes what arrived, and returns how many events that is.
fn events(waiter: BorrowedFd<'_>) -> rustix::io::Result<usize> {
    let mut room = [MaybeUninit::uninit(); 2];
    Ok(epoll::wait(waiter, &mut room, Some(&Timespec::default()))?.0.len())
}

/// Whether an edge-triggered waiter hears each ring on this system, and once.
fn is_heard() -> bool {
    static HEARD: OnceLock<bool> = OnceLock::new();
    if let Some(heard) = HEARD.get() {
        return *heard;
    }
    // Who is short of handles now may find out later.
    let Ok(heard) = try_out() else { return false };
    *HEARD.get_or_init(|| heard)
}

fn try_out() -> io::Result<bool> {
    let (bell, end) = make()?;
    let waiter = edge_triggered(end.as_fd())?;
    events(waiter.as_fd())?;
    for _ in 0..3 {
        bell.ring();
        if events(waiter.as_fd())? != 1 || events(waiter.as_fd())? != 0 {
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
    fn each_ring_is_heard_once_and_as_often_as_it_is_rung() {
        let (bell, end) = Bell::new().unwrap();
        let heard = Heard::new(end, false).unwrap();
        heard.hear();
        for _ in 0..10_000 {
            bell.ring();
            assert_eq!(events(heard.watched().as_fd()).unwrap(), 1);
            assert_eq!(events(heard.watched().as_fd()).unwrap(), 0);
        }
        assert!(!heard.is_over());
    }

    #[test]
    fn a_bell_whose_end_is_gone_or_was_made_blocking_can_still_be_rung() {
        let (bell, end) = Bell::new().unwrap();
        rustix::io::ioctl_fionbio(&end, false).unwrap();
        for _ in 0..100_000 {
            bell.ring();
        }
        drop(end);
        bell.ring();
    }

    #[test]
    fn a_bell_that_will_not_be_rung_again_is_over() {
        let (bell, end) = Bell::new().unwrap();
        let heard = Heard::new(end, true).unwrap();
        assert!(!heard.is_over());
        drop(bell);
        assert!(heard.is_over());
        let (bell, end) = Bell::new().unwrap();
        let heard = Heard::new(end, true).unwrap();
        shutdown(&bell.0, Shutdown::Write).unwrap();
        assert!(heard.is_over());
    }

    #[test]
    fn what_is_no_socket_is_no_bell() {
        let (reading, _writing) = rustix::pipe::pipe().unwrap();
        assert_eq!(Heard::new(reading, true).unwrap_err().kind(), ErrorKind::InvalidData);
        let file = File::open("/proc/self/exe").unwrap();
        assert_eq!(Heard::new(file.into(), false).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
