//! Sockets with bare hands: what everything else is measured against.
//!
//! Messages have a length that both sides know, so that nothing is spent on framing. The base is one write for each
//! message, on a stream or as packets, read in as large pieces as there are. Beside it: the same through `epoll` and
//! non-blocking sockets, as an executor would do it, and 64 KiB of messages in one write.
//!
//! Bare hands have no way to share memory that would not be the library's own; bulk data in shared buffers is compared
//! with the same data copied.

use std::io::{ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, ensure};
use rustix::event::{PollFd, PollFlags, epoll, poll};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair};

use super::{Family, Implementation};
use crate::measure::Sample;
use crate::message::{self, Tally};
use crate::process::{Job, Server};
use crate::workload::Workload::{
    self, BulkCopied, BulkShared, Call64, Call64K, OneWay1K, OneWay1M, OneWay64, OneWay64K,
};

pub(super) const ALL: &[Implementation] = &[
    Implementation {
        name: "raw-stream",
        family: Family::Base,
        workloads: &[Call64, Call64K, OneWay64, OneWay1K, OneWay64K, OneWay1M, BulkCopied, BulkShared],
        client: stream_client,
        server: stream_server,
    },
    Implementation {
        name: "raw-seqpacket",
        family: Family::Base,
        workloads: &[Call64, Call64K, OneWay64, OneWay1K, OneWay64K],
        client: packet_client,
        server: packet_server,
    },
    Implementation {
        name: "raw-epoll",
        family: Family::Raw,
        workloads: &[Call64, Call64K],
        client: epoll_client,
        server: epoll_server,
    },
    Implementation {
        name: "raw-batched",
        family: Family::Raw,
        workloads: &[OneWay64, OneWay1K],
        client: stream_client,
        server: stream_server,
    },
];

/// How much is read, and in the batched case written, at a time.
const CHUNK: usize = 64 << 10;
/// The longest message that is read into one buffer.
const LARGEST: usize = 1 << 20;

fn stream_client(job: &Job) -> Result<Sample> {
    let (mut socket, theirs) = UnixStream::pair()?;
    let server = Server::start(job, 0, theirs.into(), "")?;
    let gauge = job.gauge(&[&server])?;
    let size = job.workload.size();
    let sample = match job.workload {
        Call64 | Call64K => {
            let (mut out, mut back) = (message::blank(size), message::blank(size));
            gauge.round_trips(|number| {
                message::number(&mut out, number);
                socket.write_all(&out)?;
                socket.read_exact(&mut back)?;
                message::check(&back, number, size)
            })?
        }
        BulkCopied | BulkShared => {
            let data = message::bulk(size);
            gauge.single(1, || {
                socket.write_all(&data)?;
                let pages = read_word(&mut socket)?;
                ensure!(pages == message::sound_pages(&data, 0), "{pages} pages arrived");
                Ok(())
            })?
        }
        _ => {
            let batch = if job.implementation == "raw-batched" { CHUNK / size } else { 1 };
            let mut out = message::blank(size * batch);
            let mut ask = message::blank(size);
            message::number(&mut ask, message::ASK);
            let mut next = 0;
            gauge.bursts(batch as u64, |count| {
                for _ in 0..count / batch as u64 {
                    for place in out.chunks_mut(size) {
                        message::number(place, next);
                        next += 1;
                    }
                    socket.write_all(&out)?;
                }
                socket.write_all(&ask)?;
                message::check_tally((read_word(&mut socket)?, read_word(&mut socket)?), count, size)
            })?
        }
    };
    drop(socket);
    server.finish(sample)
}

fn read_word(socket: &mut UnixStream) -> Result<u64> {
    let mut word = [0; 8];
    socket.read_exact(&mut word)?;
    Ok(u64::from_le_bytes(word))
}

fn stream_server(job: &Job, socket: OwnedFd) -> Result<()> {
    let mut socket = UnixStream::from(socket);
    let size = job.workload.size();
    // Bulk data is looked at in pieces.
    let mut buffer = message::blank(if size > LARGEST { CHUNK } else { size.max(CHUNK) });
    match job.workload {
        Call64 | Call64K => {
            while read_whole(&mut socket, buffer.get_mut(..size).context("no room")?)? {
                socket.write_all(buffer.get(..size).context("no room")?)?;
            }
        }
        BulkCopied | BulkShared => count_pages(&mut socket, &mut buffer, size)?,
        _ => count_stream(&mut socket, &mut buffer, size)?,
    }
    Ok(())
}

/// Fills `buffer`; false at the end of the stream.
fn read_whole(socket: &mut UnixStream, buffer: &mut [u8]) -> Result<bool> {
    match socket.read(buffer)? {
        0 => Ok(false),
        got => {
            socket.read_exact(buffer.get_mut(got..).context("more than asked for")?)?;
            Ok(true)
        }
    }
}

/// Looks at the pages of `size` bytes piece by piece, as they come, into memory that is used again; says how many are
/// what they should be.
fn count_pages(socket: &mut UnixStream, piece: &mut [u8], size: usize) -> Result<()> {
    let (mut done, mut sound) = (0, 0);
    while done < size {
        ensure!(read_whole(socket, piece)?, "the stream ended early");
        sound += message::sound_pages(piece, (done / message::PAGE) as u64);
        done += piece.len();
    }
    Ok(socket.write_all(&sound.to_le_bytes())?)
}

/// Counts messages of `size` bytes until the stream ends.
fn count_stream(socket: &mut UnixStream, buffer: &mut [u8], size: usize) -> Result<()> {
    let mut tally = Tally::default();
    let mut filled = 0;
    loop {
        let got = socket.read(buffer.get_mut(filled..).context("no room")?)?;
        if got == 0 {
            return Ok(());
        }
        filled += got;
        let whole = filled - filled % size;
        for bytes in buffer.get(..whole).context("no room")?.chunks(size) {
            if message::number_of(bytes)? == message::ASK {
                let (count, bytes) = tally.take();
                socket.write_all(&[count.to_le_bytes(), bytes.to_le_bytes()].concat())?;
            } else {
                tally.note(bytes, size);
            }
        }
        buffer.copy_within(whole..filled, 0);
        filled -= whole;
    }
}

fn packet_client(job: &Job) -> Result<Sample> {
    let (socket, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let server = Server::start(job, 0, theirs, "")?;
    let gauge = job.gauge(&[&server])?;
    let size = job.workload.size();
    let (mut out, mut back) = (message::blank(size), message::blank(size));
    let sample = if is_call(job.workload) {
        gauge.round_trips(|number| {
            message::number(&mut out, number);
            send(&socket, &out, SendFlags::NOSIGNAL)?;
            let (got, _) = recv(&socket, &mut back, RecvFlags::empty())?;
            message::check(back.get(..got).context("too much")?, number, size)
        })?
    } else {
        let mut next = 0;
        gauge.bursts(1, |count| {
            for _ in 0..count {
                message::number(&mut out, next);
                next += 1;
                send(&socket, &out, SendFlags::NOSIGNAL)?;
            }
            send(&socket, &message::ASK.to_le_bytes(), SendFlags::NOSIGNAL)?;
            let (got, _) = recv(&socket, &mut back, RecvFlags::empty())?;
            let answer = back.get(..got).and_then(|answer| answer.split_first_chunk()).context("no tally")?;
            let tally = (u64::from_le_bytes(*answer.0), message::number_of(answer.1)?);
            message::check_tally(tally, count, size)
        })?
    };
    drop(socket);
    server.finish(sample)
}

fn packet_server(job: &Job, socket: OwnedFd) -> Result<()> {
    let size = job.workload.size();
    let mut buffer = message::blank(size);
    let mut tally = Tally::default();
    loop {
        let (got, _) = recv(&socket, &mut buffer, RecvFlags::empty())?;
        let bytes = buffer.get(..got).context("too much")?;
        if got == 0 {
            return Ok(());
        } else if is_call(job.workload) {
            send(&socket, bytes, SendFlags::NOSIGNAL)?;
        } else if message::number_of(bytes)? == message::ASK {
            let (count, bytes) = tally.take();
            send(&socket, &[count.to_le_bytes(), bytes.to_le_bytes()].concat(), SendFlags::NOSIGNAL)?;
        } else {
            tally.note(bytes, size);
        }
    }
}

fn is_call(workload: Workload) -> bool {
    matches!(workload, Call64 | Call64K)
}

/// A non-blocking stream and the loop that waits for it: it reads when it is told that there is something.
struct Polled {
    socket: UnixStream,
    epoll: OwnedFd,
}

impl Polled {
    fn new(socket: UnixStream) -> Result<Self> {
        socket.set_nonblocking(true)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &socket, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
        Ok(Self { socket, epoll })
    }

    /// Fills `buffer`; false at the end of the stream.
    fn read(&mut self, buffer: &mut [u8]) -> Result<bool> {
        let mut events = [MaybeUninit::uninit(); 4];
        let mut filled = 0;
        while filled < buffer.len() {
            epoll::wait(&self.epoll, &mut events, None)?;
            match self.socket.read(buffer.get_mut(filled..).context("no room")?)? {
                0 => return Ok(false),
                got => filled += got,
            }
        }
        Ok(true)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let mut written = 0;
        while written < bytes.len() {
            match self.socket.write(bytes.get(written..).context("no more")?) {
                Ok(wrote) => written += wrote,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    poll(&mut [PollFd::new(&self.socket, PollFlags::OUT)], None)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

fn epoll_client(job: &Job) -> Result<Sample> {
    let (socket, theirs) = UnixStream::pair()?;
    let server = Server::start(job, 0, theirs.into(), "")?;
    let gauge = job.gauge(&[&server])?;
    let mut socket = Polled::new(socket)?;
    let size = job.workload.size();
    let (mut out, mut back) = (message::blank(size), message::blank(size));
    let sample = gauge.round_trips(|number| {
        message::number(&mut out, number);
        socket.write(&out)?;
        ensure!(socket.read(&mut back)?, "the server has ended");
        message::check(&back, number, size)
    })?;
    drop(socket);
    server.finish(sample)
}

fn epoll_server(job: &Job, socket: OwnedFd) -> Result<()> {
    let mut socket = Polled::new(UnixStream::from(socket))?;
    let mut buffer = message::blank(job.workload.size());
    while socket.read(&mut buffer)? {
        socket.write(&buffer)?;
    }
    Ok(())
}
