//! Bytes and handles through a stream socket, never blocking.
//!
//! ```text
//!   Transmit ──slices, handles──▶ send ──sendmsg──▶ │socket│ ──recvmsg──▶ ReadBuffer (read.rs) ──consume──▶ the core
//! ```
//!
//! What must hold: handles leave with the first byte of what they belong to, so they never arrive after it; a call never
//! waits and never raises `SIGPIPE`; every received handle is close-on-exec from its first moment. The rest of the crate
//! makes no system call on a link's socket.

mod read;

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType, recvmsg, sendmsg, sockopt,
};
use smallvec::SmallVec;

pub(crate) use read::{Pool, ReadBuffer, Received};

/// The most handles that the kernel passes in one call (`SCM_MAX_FD` of Linux).
pub(crate) const MAX_HANDLES_PER_CALL: usize = 253;
/// The most slices that one `sendmsg` takes (`UIO_MAXIOV`).
pub(crate) const MAX_SLICES: usize = 1024;

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
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    if let ([slice], []) = (slices, handles) {
        // The commonest case by far; the kernel need not copy and check a message header (0.15 µs a call).
        return sent(|| rustix::net::send(socket, slice, flags));
    }
    let borrowed: SmallVec<[BorrowedFd<'_>; 8]> = handles.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_HANDLES_PER_CALL))];
    let mut control =
        if handles.is_empty() { SendAncillaryBuffer::default() } else { SendAncillaryBuffer::new(&mut space) };
    if !handles.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&borrowed)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "more handles than one call can pass"));
    }
    sent(|| sendmsg(socket, slices, &mut control, flags))
}

/// Makes `call` until it is not interrupted, and says what became of it.
fn sent(mut call: impl FnMut() -> rustix::io::Result<usize>) -> io::Result<Sent> {
    loop {
        return match call() {
            Ok(written) => Ok(Sent::Bytes(written)),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => Ok(Sent::Full),
            Err(Errno::NOBUFS | Errno::NOMEM | Errno::TOOMANYREFS) => Ok(Sent::Shortage),
            Err(error) => Err(error.into()),
        };
    }
}

/// What one read brought.
struct Got {
    /// How many bytes; none at the end of the stream.
    bytes: usize,
    /// The kernel dropped handles, because this process may open no more.
    truncated: bool,
}

/// Reads once into `room`; handles go to the back of `handles`. `None` when there is nothing yet.
fn receive(socket: BorrowedFd<'_>, room: &mut [u8], handles: &mut VecDeque<OwnedFd>) -> io::Result<Option<Got>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_HANDLES_PER_CALL))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = loop {
        let mut slices = [IoSliceMut::new(room)];
        match recvmsg(socket, &mut slices, &mut control, RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC) {
            Ok(got) => break got,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    };
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = message {
            handles.extend(passed);
        }
    }
    Ok(Some(Got { bytes: got.bytes, truncated: got.flags.contains(ReturnFlags::CTRUNC) }))
}

/// What lies in the socket of a link with a ring for one frame that brings handles.
#[derive(Debug)]
pub(crate) struct Carried {
    pub(crate) handles: VecDeque<OwnedFd>,
    /// The kernel dropped some, because this process may open no more.
    pub(crate) truncated: bool,
}

/// Looks for one byte with handles. `None` when there is nothing yet; `Some(None)` at the end of the stream.
///
/// # Errors
///
/// Whatever `recvmsg` says; the connection is of no further use.
pub(crate) fn receive_carried(socket: BorrowedFd<'_>) -> io::Result<Option<Option<Carried>>> {
    let mut handles = VecDeque::new();
    let got = receive(socket, &mut [0], &mut handles)?;
    Ok(got.map(|Got { bytes, truncated }| (bytes > 0).then_some(Carried { handles, truncated })))
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
    use std::sync::Arc;

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
