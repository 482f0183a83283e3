//! What was read and is not yet understood, in memory that is used again.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use bytes::BytesMut;

use super::Got;
use crate::ring::{Astray, RingReader};
use crate::sync::Lock;

/// How much is read at once in the beginning: most links are quiet, and there may be many.
const FIRST_CHUNK: usize = 16 * 1024;
/// How much is read at once from a link that fills what it is given: two frames that carry 64 KiB each. More does not
/// stay in the cache, less costs more calls.
const MAX_CHUNK: usize = 129 * 1024;
/// The same for a ring, where another read costs no call: little, and then exactly the rest of a large frame, which the
/// next does not share its buffer with.
const RING_CHUNK: usize = 32 * 1024;
/// How much of a frame may follow what was read at once: more than the rest of a frame that carries 64 KiB.
const SLACK: usize = 80 * 1024;
/// With less room than this behind what is unread, the buffer is renewed before the next read.
const MIN_ROOM: usize = 4 * 1024;

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
    /// How much that may be.
    most: usize,
}

/// Buffers that were read full, and that payloads may still point into.
#[derive(Debug, Default)]
pub(crate) struct Pool(Lock<Vec<BytesMut>>);

impl Pool {
    /// The most buffers that are kept, for all links of a node together; each has room for what is read at once and
    /// the rest of one frame.
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
        Self { pool, bytes: BytesMut::with_capacity(FIRST_CHUNK), filled: 0, chunk: FIRST_CHUNK, most: MAX_CHUNK }
    }

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
        let asked = self.make_room(wanted);
        let end = self.filled + asked;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        } else {
            self.bytes.truncate(end);
        }
        let room = self.bytes.get_mut(self.filled..).unwrap_or_default();
        let before = handles.len();
        let Some(Got { bytes, truncated }) = super::receive(socket, room, handles)? else {
            return Ok(Received::Nothing);
        };
        if bytes == 0 {
            return Ok(Received::End);
        }
        self.filled += bytes;
        if bytes == asked {
            self.chunk = (self.chunk * 2).min(self.most);
        }
        // Linux ends a read behind bytes that carried handles, so a read that brought some says nothing about the rest.
        let drained = bytes < asked && handles.len() == before && !truncated;
        Ok(Received::Bytes { drained, truncated })
    }

    /// Reads once from a ring, and returns how many bytes that brought. `wanted` is as for [`receive`](Self::receive).
    ///
    /// # Errors
    ///
    /// The writer of the ring is astray; the connection is of no further use.
    pub(crate) fn read(&mut self, ring: &mut RingReader, wanted: usize) -> Result<usize, Astray> {
        if ring.unread()? == 0 {
            return Ok(0);
        }
        self.most = RING_CHUNK;
        self.chunk = self.chunk.min(self.most);
        let asked = self.make_room(wanted);
        // Room that is only written to need not be zeroed.
        self.bytes.truncate(self.filled);
        let bytes = ring.read(&mut self.bytes, asked)?;
        self.filled = self.bytes.len();
        if bytes == asked {
            self.chunk = (self.chunk * 2).min(self.most);
        }
        Ok(bytes)
    }

    /// Whether nothing is left of what was received.
    pub(crate) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// Shows what was received to `read`, which takes what it can use off the front and leaves the rest for later.
    pub(crate) fn consume<R>(&mut self, read: impl FnOnce(&mut BytesMut) -> R) -> R {
        let room = self.bytes.split_off(self.filled);
        let result = read(&mut self.bytes);
        self.filled = self.bytes.len();
        self.bytes.unsplit(room);
        result
    }

    /// Sees to it that there is room behind what is unread, and says how much of it to read into.
    fn make_room(&mut self, wanted: usize) -> usize {
        let (room, slack) = (self.bytes.capacity() - self.filled, self.slack());
        let open = room.saturating_sub(slack);
        let room = if open >= MIN_ROOM.max(wanted) {
            open
        } else if wanted > 0 && wanted <= room {
            // The rest of a frame goes where it belongs, and nothing behind it, so that the next begins a buffer.
            wanted
        } else {
            self.renew(wanted.max(MIN_ROOM));
            self.bytes.capacity() - self.filled - self.slack()
        };
        room.max(wanted)
    }

    /// Room at the end of a buffer that is kept for the rest of a frame: without it, what came of the last frame would
    /// be moved to the next buffer each time.
    fn slack(&self) -> usize {
        if self.chunk == self.most { SLACK } else { 0 }
    }

    /// Takes the allocation back where no payload points into it any more; else what is unread moves to another.
    fn renew(&mut self, needed: usize) {
        self.bytes.truncate(self.filled);
        let least = needed.max(self.chunk / 2) + self.slack();
        if !self.bytes.try_reclaim(least) {
            let size = (self.chunk + self.slack()).max(self.filled + least);
            let mut renewed = self.pool.take(size).unwrap_or_else(|| BytesMut::with_capacity(size));
            renewed.extend_from_slice(&self.bytes);
            self.pool.put(mem::replace(&mut self.bytes, renewed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::{Sent, pair, send};
    use std::collections::BTreeSet;
    use std::io::IoSlice;
    use std::os::fd::AsFd;

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
        let mut places = BTreeSet::new();
        for _ in 0..1000 {
            send(a.as_fd(), &[IoSlice::new(&[7; 1000])], &[]).unwrap();
            buffer.receive(b.as_fd(), 0, &mut handles).unwrap();
            buffer.consume(|input| {
                places.insert(input.as_ptr() as usize / FIRST_CHUNK);
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
        let mut kept = VecDeque::new();
        let mut places = BTreeSet::new();
        let mut settled = 0;
        // Whatever is given back to the allocator goes to somebody else, so that it cannot come back by chance.
        let mut somebody_else: Vec<Vec<u8>> = Vec::new();
        for round in 0..3000 {
            somebody_else.push(Vec::with_capacity(MAX_CHUNK));
            send(a.as_fd(), &[IoSlice::new(&[7; 30_000])], &[]).unwrap();
            buffer.receive(b.as_fd(), 0, &mut handles).unwrap();
            kept.push_back(buffer.consume(|input| input.split().freeze()));
            if kept.len() > 10 {
                kept.pop_front();
            }
            places.insert(buffer.bytes.as_ptr() as usize / FIRST_CHUNK);
            if round == 1000 {
                settled = places.len();
            }
        }
        assert_eq!(places.len(), settled, "fresh memory was taken though the same ten payloads are kept at a time");
    }
}
