//! Bytes and handles through a stream socket, never blocking.
//!
//! ```text
//!   Transmit ──slices, handles──▶ send ──sendmsg──▶ │socket│ ──recvmsg──▶ ReadBuffer ──consume──▶ the core
//! ```
//!
//! What must hold: handles leave with the first byte of what they belong to, so they never arrive after it; a call never
//! waits and never raises `SIGPIPE`; every received handle is close-on-exec from its first moment. The rest of the crate
//! makes no system call on a link's socket.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use bytes::BytesMut;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType, recvmsg, sendmsg, sockopt,
};
use smallvec::SmallVec;

use crate::sync::Lock;

/// The most handles that the kernel passes in one call (`SCM_MAX_FD` of Linux).
const MAX_HANDLES_PER_CALL: usize = 253;
/// The most slices that one `sendmsg` takes (`UIO_MAXIOV`).
pub(crate) const MAX_SLICES: usize = 1024;
/// How much is read at once: large enough that a call costs little beside the copy, small enough to stay in the cache.
const CHUNK: usize = 64 * 1024;
/// With less room than this behind what is unread, the buffer is renewed before the next read.
const MIN_ROOM: usize = 4 * 1024;

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// So many bytes, at least one, and all handles with them.
    Bytes(usize),
    /// Nothing: the socket is full until it says that it is writable.
    Full,
    /// Nothing: the system is short of memory or has too many handles under way, and will not say when that ends.
    Shortage,
}

/// Writes as much as fits, `handles` with the first byte.
///
/// # Errors
///
/// The far end is gone, or whatever else `sendmsg` says.
pub(crate) fn send(socket: BorrowedFd<'_>, slices: &[IoSlice<'_>], handles: &[OwnedFd]) -> io::Result<Sent> {
    let borrowed: SmallVec<[BorrowedFd<'_>; 8]> = handles.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_HANDLES_PER_CALL))];
    let mut control =
        if handles.is_empty() { SendAncillaryBuffer::default() } else { SendAncillaryBuffer::new(&mut space) };
    if !handles.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "more handles than one call can pass"));
    }
    loop {
        return match sendmsg(socket, slices, &mut control, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(written) => Ok(Sent::Bytes(written)),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => Ok(Sent::Full),
            Err(Errno::NOBUFS | Errno::NOMEM | Errno::TOOMANYREFS) => Ok(Sent::Shortage),
            Err(error) => Err(error.into()),
        };
    }
}

/// What became of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    /// Bytes, at least one.
    Bytes {
        /// The socket held no more at that moment: asking again would only hear "would block".
        drained: bool,
        /// The kernel dropped handles, because this process may open no more.
        truncated: bool,
    },
    /// Nothing yet.
    Nothing,
    /// The far end will send no more.
    End,
}

/// What was read from one socket and not yet understood, and initialised room behind it to read into.
///
/// The room is part of `bytes`, so that a read needs no uninitialised memory; every byte is zeroed once for each time
/// that it is read into (a quarter of what the kernel's own copy costs), not once for each call. Payloads that the core
/// cuts out as slices keep the memory; without any, the same memory serves for ever. Memory that slices still point into
/// is left to a pool, and taken from there when they are gone: fresh pages cost more than what is read into them.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    pool: Arc<Pool>,
    bytes: BytesMut,
    /// How many bytes at the front were received.
    filled: usize,
    /// How much to allocate next: grows while reads fill what they are given.
    chunk: usize,
}

/// Buffers that were read full, and that payloads may still point into.
#[derive(Debug, Default)]
pub(crate) struct Pool(Lock<Vec<BytesMut>>);

impl Pool {
    /// The most buffers that are kept, [`ReadBuffer::MAX_CHUNK`] bytes each at most, for all links of a node together.
    const KEPT: usize = 16;

    /// Takes a buffer of at least `size` bytes that nothing points into any more, empty.
    fn take(&self, size: usize) -> Option<BytesMut> {
        let mut kept = self.0.lock();
        let place = kept.iter_mut().position(|buffer| buffer.try_reclaim(size))?;
        Some(kept.swap_remove(place))
    }

    fn put(&self, mut retired: BytesMut) {
        retired.clear();
        let mut kept = self.0.lock();
        let surplus = if kept.len() == Self::KEPT { Some(kept.swap_remove(0)) } else { None };
        kept.push(retired);
        drop(kept);
        drop(surplus);
    }
}

impl ReadBuffer {
    pub(crate) fn new(pool: Arc<Pool>) -> Self {
        Self { pool, bytes: BytesMut::with_capacity(CHUNK), filled: 0, chunk: CHUNK }
    }

    /// The largest allocation, for streams of large frames: fewer of them straddle two buffers and are copied.
    const MAX_CHUNK: usize = 4 * CHUNK;

    /// Reads once. `wanted` is how many bytes the frame under way still lacks, 0 when that is unknown: there will be
    /// room for all of them in one piece. Handles go to the back of `handles`.
    ///
    /// # Errors
    ///
    /// Whatever `recvmsg` says; the connection is of no further use.
    pub(crate) fn receive(
        &mut self,
        socket: BorrowedFd<'_>,
        wanted: usize,
        handles: &mut VecDeque<OwnedFd>,
    ) -> io::Result<Received> {
        self.make_room(wanted);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_HANDLES_PER_CALL))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let room = self.bytes.get_mut(self.filled..).unwrap_or_default();
        let asked = room.len();
        let got = loop {
            let mut slices = [IoSliceMut::new(room)];
            match recvmsg(socket, &mut slices, &mut control, RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC) {
                Ok(got) => break got,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(Received::Nothing),
                Err(error) => return Err(error.into()),
            }
        };
        let before = handles.len();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(passed) = message {
                handles.extend(passed);
            }
        }
        if got.bytes == 0 {
            return Ok(Received::End);
        }
        self.filled += got.bytes;
        if got.bytes == asked {
            self.chunk = (self.chunk * 2).min(Self::MAX_CHUNK);
        }
        let truncated = got.flags.contains(ReturnFlags::CTRUNC);
        // Linux ends a read behind bytes that carried handles, so a read that brought some says nothing about the rest.
        let drained = got.bytes < asked && handles.len() == before && !truncated;
        Ok(Received::Bytes { drained, truncated })
    }

    /// Shows what was received to `read`, which takes what it can use off the front and leaves the rest for later.
    pub(crate) fn consume<R>(&mut self, read: impl FnOnce(&mut BytesMut) -> R) -> R {
        let room = self.bytes.split_off(self.filled);
        let result = read(&mut self.bytes);
        self.filled = self.bytes.len();
        let rest = mem::take(&mut self.bytes);
        self.bytes = rest;
        self.bytes.unsplit(room);
        result
    }

    fn make_room(&mut self, wanted: usize) {
        let needed = wanted.max(MIN_ROOM);
        if self.bytes.len() - self.filled >= needed {
            return;
        }
        self.bytes.truncate(self.filled);
        // Takes the allocation back where no payload points into it any more; else what is unread moves to another.
        let least = needed.max(self.chunk / 2);
        if !self.bytes.try_reclaim(least) {
            let size = self.chunk.max(self.filled + least);
            let mut renewed = self.pool.take(size).unwrap_or_else(|| BytesMut::with_capacity(size));
            renewed.extend_from_slice(&self.bytes);
            self.pool.put(mem::replace(&mut self.bytes, renewed));
        }
        let room = self.bytes.capacity();
        self.bytes.resize(room, 0);
    }
}

/// Makes two connected sockets, close-on-exec and non-blocking.
///
/// # Errors
///
/// This process or the system has no more handles.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?)
}

/// Says whether `socket` is of the kind that a link needs: a connected Unix stream socket.
///
/// # Errors
///
/// It is no socket, or no Unix stream socket.
pub(crate) fn check(socket: BorrowedFd<'_>) -> io::Result<()> {
    let kind = sockopt::socket_type(socket)?;
    let domain = sockopt::socket_domain(socket)?;
    if kind == SocketType::STREAM && domain == AddressFamily::UNIX {
        Ok(())
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a unix stream socket"))
    }
}

/// Makes `socket` non-blocking, for everyone who shares it.
///
/// # Errors
///
/// The operating system refuses.
pub(crate) fn set_nonblocking(socket: BorrowedFd<'_>) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(socket, true)?)
}

/// Ends the connection in both directions at once, whoever else still holds the descriptor; the far end reads what was
/// sent before.
pub(crate) fn shut_down(socket: BorrowedFd<'_>) {
    // It fails only when the connection has ended already.
    let _ = rustix::net::shutdown(socket, Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;

    fn read_all(buffer: &mut ReadBuffer, socket: &OwnedFd, handles: &mut VecDeque<OwnedFd>) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Received::Bytes { .. } = buffer.receive(socket.as_fd(), 0, handles).unwrap() {
            buffer.consume(|input| {
                bytes.extend_from_slice(input);
                input.clear();
            });
        }
        bytes
    }

    #[test]
    fn slices_arrive_in_order_and_an_empty_socket_says_so() {
        let (a, b) = pair().unwrap();
        let mut handles = VecDeque::new();
        let mut buffer = ReadBuffer::new(Arc::default());
        assert_eq!(buffer.receive(b.as_fd(), 0, &mut handles).unwrap(), Received::Nothing);
        let slices = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two")];
        assert_eq!(send(a.as_fd(), &slices, &[]).unwrap(), Sent::Bytes(7));
        let received = buffer.receive(b.as_fd(), 0, &mut handles).unwrap();
        assert_eq!(received, Received::Bytes { drained: true, truncated: false });
        assert_eq!(buffer.consume(|input| input.split().freeze()), &b"one two"[..]);
    }

    #[test]
    fn handles_arrive_with_the_first_byte_and_close_on_exec() {
        let (a, b) = pair().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        let sent: Vec<OwnedFd> = vec![writer.into(), File::open("/dev/null").unwrap().into()];
        assert_eq!(send(a.as_fd(), &[IoSlice::new(b"x")], &sent).unwrap(), Sent::Bytes(1));
        drop(sent);
        let mut handles = VecDeque::new();
        let mut buffer = ReadBuffer::new(Arc::default());
        let received = buffer.receive(b.as_fd(), 0, &mut handles).unwrap();
        assert_eq!(received, Received::Bytes { drained: false, truncated: false });
        assert_eq!(handles.len(), 2);
        for handle in &handles {
            let flags = rustix::io::fcntl_getfd(handle).unwrap();
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC), "{handle:?} would be inherited");
        }
        let mut writer = File::from(handles.pop_front().unwrap());
        writer.write_all(b"through").unwrap();
        drop((writer, handles));
        let mut through = String::new();
        reader.read_to_string(&mut through).unwrap();
        assert_eq!(through, "through");
    }

    #[test]
    fn bytes_around_handles_stay_in_order() {
        let (a, b) = pair().unwrap();
        let null: OwnedFd = File::open("/dev/null").unwrap().into();
        for part in [&b"before "[..], b"with ", b"after"] {
            let with: &[OwnedFd] = if part == b"with " { std::slice::from_ref(&null) } else { &[] };
            assert_eq!(send(a.as_fd(), &[IoSlice::new(part)], with).unwrap(), Sent::Bytes(part.len()));
        }
        let mut handles = VecDeque::new();
        let mut buffer = ReadBuffer::new(Arc::default());
        assert_eq!(read_all(&mut buffer, &b, &mut handles), b"before with after");
        assert_eq!(handles.len(), 1);
    }

    #[test]
    fn a_full_socket_takes_a_part_and_then_nothing_and_all_of_it_arrives() {
        let (a, b) = pair().unwrap();
        let data: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let mut written = 0;
        let mut times_full = 0;
        let mut buffer = ReadBuffer::new(Arc::default());
        let mut handles = VecDeque::new();
        let mut received = Vec::new();
        while received.len() < data.len() {
            while written < data.len() {
                match send(a.as_fd(), &[IoSlice::new(&data[written..])], &[]).unwrap() {
                    Sent::Bytes(bytes) => written += bytes,
                    Sent::Full | Sent::Shortage => {
                        times_full += 1;
                        break;
                    }
                }
            }
            // Asks for room ahead of a partial frame, as the core does.
            buffer.receive(b.as_fd(), 100_000, &mut handles).unwrap();
            buffer.consume(|input| {
                if input.len() > 70_000 || received.len() + input.len() == data.len() {
                    received.extend_from_slice(&input.split());
                }
            });
        }
        assert!(times_full > 0, "the socket never filled");
        assert!(received == data, "the bytes differ");
    }

    #[test]
    fn slices_that_are_kept_are_not_overwritten() {
        let (a, b) = pair().unwrap();
        let mut buffer = ReadBuffer::new(Arc::default());
        let mut handles = VecDeque::new();
        let mut kept = Vec::new();
        for round in 0..200_u8 {
            send(a.as_fd(), &[IoSlice::new(&[round; 1000])], &[]).unwrap();
            buffer.receive(b.as_fd(), 0, &mut handles).unwrap();
            kept.push(buffer.consume(|input| input.split().freeze()));
        }
        for (round, slice) in (0..200_u8).zip(&kept) {
            assert_eq!(&slice[..], &[round; 1000][..]);
        }
    }

    #[test]
    fn memory_is_used_again_when_nothing_points_into_it() {
        let (a, b) = pair().unwrap();
        let mut buffer = ReadBuffer::new(Arc::default());
        let mut handles = VecDeque::new();
        let mut places = std::collections::BTreeSet::new();
        for _ in 0..1000 {
            send(a.as_fd(), &[IoSlice::new(&[7; 1000])], &[]).unwrap();
            buffer.receive(b.as_fd(), 0, &mut handles).unwrap();
            buffer.consume(|input| {
                places.insert(input.as_ptr() as usize / CHUNK);
                input.clear();
            });
        }
        assert!(places.len() <= 2, "{} allocations for one stream", places.len());
    }

    #[test]
    fn memory_that_payloads_pointed_into_is_used_again_when_they_are_gone() {
        let (a, b) = pair().unwrap();
        let mut buffer = ReadBuffer::new(Arc::default());
        let mut handles = VecDeque::new();
        let mut places = std::collections::BTreeSet::new();
        let mut kept = VecDeque::new();
        for _ in 0..1000 {
            send(a.as_fd(), &[IoSlice::new(&[7; 30_000])], &[]).unwrap();
            buffer.receive(b.as_fd(), 0, &mut handles).unwrap();
            kept.push_back(buffer.consume(|input| input.split().freeze()));
            if kept.len() > 10 {
                kept.pop_front();
            }
            places.insert(buffer.bytes.as_ptr() as usize / CHUNK);
        }
        assert!(places.len() <= 40, "{} places for ten payloads at a time", places.len());
    }

    #[test]
    fn the_end_is_told_after_the_last_byte() {
        let (a, b) = pair().unwrap();
        send(a.as_fd(), &[IoSlice::new(b"last words")], &[]).unwrap();
        drop(a);
        let mut handles = VecDeque::new();
        let mut buffer = ReadBuffer::new(Arc::default());
        assert!(matches!(buffer.receive(b.as_fd(), 0, &mut handles).unwrap(), Received::Bytes { .. }));
        assert_eq!(buffer.receive(b.as_fd(), 0, &mut handles).unwrap(), Received::End);
        assert_eq!(buffer.consume(|input| input.split()), &b"last words"[..]);
    }

    #[test]
    fn writing_to_a_closed_peer_is_an_error_and_no_signal() {
        let (a, b) = pair().unwrap();
        drop(b);
        let error = send(a.as_fd(), &[IoSlice::new(b"x")], &[]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn shutting_down_ends_the_connection_though_a_duplicate_stays_open() {
        let (a, b) = pair().unwrap();
        let duplicate = a.try_clone().unwrap();
        send(a.as_fd(), &[IoSlice::new(b"x")], &[]).unwrap();
        shut_down(a.as_fd());
        drop(a);
        let mut handles = VecDeque::new();
        let mut buffer = ReadBuffer::new(Arc::default());
        assert_eq!(read_all(&mut buffer, &b, &mut handles), b"x");
        assert_eq!(buffer.receive(b.as_fd(), 0, &mut handles).unwrap(), Received::End);
        drop(duplicate);
    }

    #[test]
    fn only_unix_stream_sockets_pass_the_check() {
        let (a, _b) = pair().unwrap();
        check(a.as_fd()).unwrap();
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(check(udp.as_fd()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert!(check(File::open("/dev/null").unwrap().as_fd()).is_err());
        assert!(a.as_raw_fd() >= 0);
    }
}
