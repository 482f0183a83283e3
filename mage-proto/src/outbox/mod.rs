//! What waits for one node: frames in order, coalesced as they are queued, cut and handed out as a socket takes them.
//!
//! Small frames are appended to one buffer, so that a burst costs one write; a large payload stays where it is and
//! goes out as a slice. A message longer than the other side's `max_frame` is cut when it is polled, not before, and then
//! takes turns with the rest (see `turns`).
//! A frame with handles begins a batch of its own: the handles travel with the first byte of a `sendmsg`, so they
//! arrive with the frame that announces them, never with an earlier one.

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, clippy::cast_possible_truncation, reason = "a test counts a few things")]
mod tests;
mod transmit;
mod turns;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

use crate::event::Descriptor;
use crate::frame::{DATA_HEAD_LEN, DataMarks, data_head_len, write_data_head};
use crate::id::PortId;
use crate::name::PortName;
use crate::payload::Payload;
use transmit::Piece;
use turns::Turns;

pub use transmit::Transmit;

/// How much one batch takes, in bytes; one large slice may exceed it.
const BATCH: usize = 64 << 10;
/// Payloads up to this many bytes are copied behind their head; a copy is cheaper than another slice in the write.
pub(crate) const COPIED: usize = 8 << 10;
/// Buffers larger than this are not kept for reuse, in bytes.
const KEPT: usize = 2 * BATCH;

/// The frames that wait for one node.
#[derive(Clone)]
pub(crate) struct Outbox<H> {
    segments: VecDeque<Segment<H>>,
    /// Whole frames behind all segments: where small messages are written. Empty, it is a buffer to be used again.
    tail: Vec<u8>,
    /// Long messages that were begun, and what waits for them.
    turns: Box<Turns<H>>,
    /// Everything queued was handed out when it was polled last, so the driver must be told of the next frame.
    asleep: bool,
}

#[derive(Clone)]
enum Segment<H> {
    /// Whole frames, one after another.
    Frames(Vec<u8>),
    /// One frame with handles.
    Attached { frame: Vec<u8>, handles: Vec<H> },
    /// One message whose payload is not copied, and which may have to be cut.
    Message(Box<Uncut<H>>),
}

/// A message that leaves in one or more frames.
#[derive(Debug, Clone)]
struct Uncut<H> {
    marks: DataMarks,
    cargo: Vec<Descriptor>,
    handles: Vec<H>,
    rest: Bytes,
    /// The length of the whole payload in bytes.
    length: usize,
    origin: Option<Origin>,
}

impl<H: fmt::Debug> fmt::Debug for Outbox<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segments, tail, turns, asleep } = self;
        write!(f, "{segments:?} {} {asleep}", Hex(tail))?;
        if turns.is_empty() { Ok(()) } else { write!(f, " {turns:?}") }
    }
}

impl<H: fmt::Debug> fmt::Debug for Segment<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames(frames) => write!(f, "{}", Hex(frames)),
            Self::Attached { frame, handles } => write!(f, "{} {handles:?}", Hex(frame)),
            Self::Message(message) => write!(f, "{message:?}"),
        }
    }
}

/// Frames print as two digits a byte: a list of numbers could not be read at all.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The proxy on whose behalf bytes are queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) port: PortId,
    pub(crate) name: PortName,
}

/// What one poll took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Polled {
    /// Bytes that a proxy has queued no longer.
    pub(crate) released: Option<(Origin, usize)>,
}

impl<H> Outbox<H> {
    pub(crate) fn new() -> Self {
        Self { segments: VecDeque::new(), tail: Vec::new(), turns: Box::new(Turns::new()), asleep: true }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.is_queue_empty() && self.turns.is_empty()
    }

    #[inline]
    fn is_queue_empty(&self) -> bool {
        self.tail.is_empty() && self.segments.is_empty()
    }

    /// Says once that something waits, until it was polled empty again.
    #[inline]
    pub(crate) fn wakes(&mut self) -> bool {
        self.asleep && !self.is_empty() && core::mem::take(&mut self.asleep)
    }

    /// The buffer for a frame of about `length` bytes, behind the frames that wait already.
    #[inline]
    pub(crate) fn frames(&mut self, length: usize) -> &mut Vec<u8> {
        if self.tail.len().saturating_add(length) > BATCH {
            self.end_tail();
            self.tail.reserve(BATCH.max(length));
        }
        &mut self.tail
    }

    /// Makes a segment of the tail, so that another can follow it.
    fn end_tail(&mut self) {
        if !self.tail.is_empty() {
            self.segments.push_back(Segment::Frames(core::mem::take(&mut self.tail)));
        }
    }

    /// Queues a whole small message without ports and handles.
    #[inline]
    pub(crate) fn plain(&mut self, marks: DataMarks, payload: &[u8]) {
        let length = DATA_HEAD_LEN.saturating_add(payload.len());
        let out = self.frames(length);
        out.reserve(length);
        write_data_head(out, marks, &[], payload.len());
        out.extend_from_slice(payload);
    }

    /// Queues a whole frame that brings handles.
    pub(crate) fn attached(&mut self, frame: Vec<u8>, handles: Vec<H>) {
        self.end_tail();
        self.segments.push_back(Segment::Attached { frame, handles });
    }

    /// Queues a message, or a fragment of one. `origin` is the proxy that passes it on, if one does: its bytes are
    /// reported as [`Polled::released`] when they leave.
    pub(crate) fn message(
        &mut self,
        marks: DataMarks,
        cargo: Vec<Descriptor>,
        payload: Payload,
        handles: Vec<H>,
        origin: Option<Origin>,
    ) {
        if handles.is_empty() && origin.is_none() && payload.len() <= COPIED {
            let length = data_head_len(cargo.len()).saturating_add(payload.len());
            let out = self.frames(length);
            out.reserve(length);
            write_data_head(out, marks, &cargo, payload.len());
            out.extend_from_slice(&payload);
            return;
        }
        let rest = payload.into_bytes();
        let length = rest.len();
        self.end_tail();
        self.segments.push_back(Segment::Message(Box::new(Uncut { marks, cargo, handles, rest, length, origin })));
    }

    /// Moves the next batch into `batch`, which is empty.
    pub(crate) fn poll(&mut self, max_frame: u32, batch: &mut Transmit<H>) -> Polled {
        batch.last = false;
        while batch.len() < BATCH {
            if self.turns.is_next(self.is_queue_empty()) {
                match self.turns.poll(max_frame, batch) {
                    None => break,
                    Some(Polled { released: None }) => continue,
                    Some(polled) => return polled,
                }
            }
            if !batch.is_empty() && self.segments.front().is_some_and(Segment::brings_handles) {
                break;
            }
            match self.segments.pop_front() {
                None if self.tail.is_empty() => {
                    self.asleep = true;
                    batch.last = true;
                    break;
                }
                None => {
                    let empty = core::mem::take(&mut batch.spare);
                    let frames = core::mem::replace(&mut self.tail, empty);
                    self.send_frames(frames, batch);
                }
                Some(Segment::Frames(frames)) => self.send_frames(frames, batch),
                Some(Segment::Attached { frame, handles }) => {
                    batch.push(Piece::Owned(frame));
                    batch.handles = handles;
                    self.turns.pass_turn();
                }
                Some(Segment::Message(message)) => {
                    let Some(mut message) = self.turns.take(message, max_frame) else { continue };
                    let (taken, _) = message.cut(max_frame, batch);
                    self.turns.pass_turn();
                    if let Some(origin) = message.origin {
                        return Polled { released: Some((origin, taken)) };
                    }
                }
            }
        }
        Polled::default()
    }

    /// Moves whole frames into `batch`, but for those that must wait for a long message.
    #[inline]
    fn send_frames(&mut self, frames: Vec<u8>, batch: &mut Transmit<H>) {
        if self.turns.is_empty() {
            return batch.push(Piece::Owned(frames));
        }
        let (passed, held) = self.turns.sieve(frames);
        batch.push(Piece::Owned(passed));
        if !held.is_empty() {
            self.segments.push_front(Segment::Frames(held));
        }
        self.turns.pass_turn();
    }

    /// Takes over what waited for the same node elsewhere and was never polled, behind what waits here.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.end_tail();
        other.end_tail();
        self.segments.append(&mut other.segments);
    }

    /// The handles of everything that waits, to be dropped by the driver.
    pub(crate) fn into_handles(self) -> Vec<H> {
        let mut dropped = Vec::new();
        for segment in self.segments.into_iter().chain(self.turns.into_segments()) {
            match segment {
                Segment::Frames(_) => {}
                Segment::Attached { handles, .. } => dropped.extend(handles),
                Segment::Message(message) => dropped.extend(message.handles),
            }
        }
        dropped
    }
}

impl<H> Segment<H> {
    fn brings_handles(&self) -> bool {
        match self {
            Self::Frames(_) => false,
            Self::Attached { .. } => true,
            Self::Message(message) => !message.handles.is_empty(),
        }
    }
}

impl<H> Uncut<H> {
    /// Whether what is left of it fits into one frame.
    fn fits(&self, max_frame: u32) -> bool {
        let length = data_head_len(self.cargo.len()).saturating_add(self.rest.len());
        length <= usize::try_from(max_frame).unwrap_or(usize::MAX)
    }

    /// Moves the next frame into `batch`; returns the payload bytes that went and whether that was all.
    fn cut(&mut self, max_frame: u32, batch: &mut Transmit<H>) -> (usize, bool) {
        let head = data_head_len(self.cargo.len());
        // Limits keep the head of the largest cargo below the smallest `max_frame`.
        let room = usize::try_from(max_frame).unwrap_or(usize::MAX).saturating_sub(head).max(1);
        let taken = room.min(self.rest.len());
        let done = taken == self.rest.len();
        let marks = DataMarks { more: self.marks.more || !done, ..self.marks };
        let mut frame = Vec::with_capacity(head);
        write_data_head(&mut frame, marks, &self.cargo, taken);
        batch.push(Piece::Owned(frame));
        batch.push(Piece::Shared(self.rest.split_to(taken)));
        if marks.handles > 0 {
            batch.handles = core::mem::take(&mut self.handles);
        }
        self.cargo = Vec::new();
        self.marks.cost = 0;
        self.marks.handles = 0;
        self.marks.starved = false;
        self.marks.hops = 0;
        (taken, done)
    }
}
