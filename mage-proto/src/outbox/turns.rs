//! Long messages take turns with everything else, so that no pipe waits for the whole of another's message.
//!
//! ```text
//!   segments   … | small | long to Q | small to R | small to Q | small to R ─▶ poll
//!                            │                         │
//!   lane of Q                └──── long to Q ◀─────────┘ behind it ──────────▶ one frame, then the others' turn
//! ```
//!
//! A message that must be cut leaves the queue for a lane of its own when its turn comes, and what comes behind it for
//! the same port follows it there. So *each port is told everything in the order in which it was queued*, and that is
//! all that a port relies on: what is for different ports might as well have come over different links. One thing more:
//! a port that moves exists only when its carrier has arrived, so what is for a port whose carrier is in a lane waits
//! in that lane too. Frames between nodes keep their place, and Bye is the last.
//!
//! A message that was begun takes room at the other side until it is whole, so only some are under way at once.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::transmit::{Piece, Transmit};
use super::{BATCH, Polled, Segment, Uncut};
use crate::frame::{Subject, moved_ports, split_frames, subject};
use crate::name::PortName;

/// Messages up to this many bytes are under way several at a time; of longer ones, one.
const SHORT: usize = 1 << 20;
/// How many of the shorter ones.
pub(super) const SHORT_AT_ONCE: usize = 16;

/// The long messages that were reached in the queue, and what waits behind them.
#[derive(Debug, Clone)]
pub(super) struct Turns<H> {
    lanes: BTreeMap<u32, Lane<H>>,
    /// The lane in which what is for a port must go.
    ports: BTreeMap<PortName, u32>,
    /// Lanes that may send, the next first.
    turns: VecDeque<u32>,
    shorter: Class,
    longer: Class,
    serial: u32,
    /// It is a lane's turn, not the queue's.
    due: bool,
}

/// What must keep its order: a long message, and what came behind it.
#[derive(Debug, Clone)]
struct Lane<H> {
    queue: VecDeque<Segment<H>>,
    ports: Vec<PortName>,
    /// The long message at the front may be, or is, under way.
    begun: bool,
}

/// Messages of similar length.
#[derive(Debug, Clone, Default)]
struct Class {
    under_way: usize,
    /// Lanes whose next message has to wait until one under way is whole.
    waiting: VecDeque<u32>,
}

impl<H> Turns<H> {
    pub(super) fn new() -> Self {
        let (shorter, longer) = (Class::default(), Class::default());
        let (lanes, ports, turns) = (BTreeMap::new(), BTreeMap::new(), VecDeque::new());
        Self { lanes, ports, turns, shorter, longer, serial: 0, due: false }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Whether a lane goes next; `alone`: nothing waits but what is in lanes.
    pub(super) fn is_next(&self, alone: bool) -> bool {
        (self.due || alone) && !self.is_empty()
    }

    /// Something that was not in a lane has left.
    pub(super) fn pass_turn(&mut self) {
        self.due = true;
    }

    /// Takes a message that the queue has reached, if it must wait or be cut; gives it back if it may go as it is.
    pub(super) fn take(&mut self, message: Box<Uncut<H>>, max_frame: u32) -> Option<Box<Uncut<H>>> {
        let dest = message.marks.dest;
        let lane = match self.ports.get(&dest) {
            Some(&lane) => lane,
            None if message.fits(max_frame) => return Some(message),
            None => self.open(dest),
        };
        self.block(lane, message.cargo.iter().map(|descriptor| descriptor.name));
        let Some(found) = self.lanes.get_mut(&lane) else { return Some(message) };
        found.queue.push_back(Segment::Message(message));
        if found.queue.len() == 1 {
            self.enter(lane, max_frame);
        }
        None
    }

    /// Takes out of whole frames what must wait behind a lane. Returns what may go now, and what may not go before the
    /// lanes are empty.
    pub(super) fn sieve(&mut self, frames: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
        let stopped = |frame: &[u8]| match subject(frame) {
            Subject::Port(dest) => self.ports.contains_key(&dest),
            Subject::Node => false,
            Subject::Bye => true,
        };
        if self.is_empty() || !split_frames(&frames).any(stopped) {
            return (frames, Vec::new());
        }
        let mut passed = Vec::with_capacity(frames.len());
        let mut rest = frames.as_slice();
        for frame in split_frames(&frames) {
            match subject(frame) {
                Subject::Bye => return (passed, rest.to_vec()),
                Subject::Node => passed.extend_from_slice(frame),
                Subject::Port(dest) => match self.ports.get(&dest) {
                    Some(&lane) => self.append(lane, frame),
                    None => passed.extend_from_slice(frame),
                },
            }
            rest = rest.get(frame.len()..).unwrap_or_default();
        }
        (passed, Vec::new())
    }

    /// Puts a whole frame behind what is in a lane already.
    fn append(&mut self, lane: u32, frame: &[u8]) {
        self.block(lane, moved_ports(frame));
        let Some(lane) = self.lanes.get_mut(&lane) else { return };
        match lane.queue.back_mut() {
            Some(Segment::Frames(frames)) if frames.len() < BATCH => frames.extend_from_slice(frame),
            Some(Segment::Frames(_) | Segment::Attached { .. } | Segment::Message(_)) | None => {
                lane.queue.push_back(Segment::Frames(frame.to_vec()));
            }
        }
    }

    /// What is for `ports` goes to `lane` from now on.
    fn block(&mut self, lane: u32, ports: impl Iterator<Item = PortName>) {
        for port in ports {
            self.ports.insert(port, lane);
            if let Some(lane) = self.lanes.get_mut(&lane) {
                lane.ports.push(port);
            }
        }
    }

    fn open(&mut self, dest: PortName) -> u32 {
        self.serial = self.serial.wrapping_add(1);
        self.lanes.insert(self.serial, Lane { queue: VecDeque::new(), ports: Vec::new(), begun: false });
        self.block(self.serial, core::iter::once(dest));
        self.serial
    }

    fn class(&mut self, length: usize) -> (&mut Class, usize) {
        if length <= SHORT { (&mut self.shorter, SHORT_AT_ONCE) } else { (&mut self.longer, 1) }
    }

    /// Gives a lane that has something new at its front its place among those that take turns, or lets it wait for one.
    fn enter(&mut self, id: u32, max_frame: u32) {
        let Some(lane) = self.lanes.get_mut(&id) else { return };
        lane.begun = match lane.queue.front() {
            Some(Segment::Message(message)) => !message.fits(max_frame),
            Some(Segment::Frames(_) | Segment::Attached { .. }) => false,
            None => return self.shut(id),
        };
        if let (true, Some(Segment::Message(message))) = (lane.begun, lane.queue.front()) {
            let length = message.length;
            let (class, most) = self.class(length);
            if class.under_way >= most {
                return class.waiting.push_back(id);
            }
            class.under_way = class.under_way.saturating_add(1);
        }
        self.turns.push_back(id);
    }

    /// A long message is whole at the other side: another may begin.
    fn leave(&mut self, length: usize) {
        let (class, _) = self.class(length);
        match class.waiting.pop_front() {
            Some(next) => self.turns.push_back(next),
            None => class.under_way = class.under_way.saturating_sub(1),
        }
    }

    fn shut(&mut self, id: u32) {
        for port in self.lanes.remove(&id).into_iter().flat_map(|lane| lane.ports) {
            self.ports.remove(&port);
        }
    }

    /// Moves the next frame of the lane whose turn it is into `batch`. `None`: it brings handles and must begin a batch.
    pub(super) fn poll(&mut self, max_frame: u32, batch: &mut Transmit<H>) -> Option<Polled> {
        let &id = self.turns.front()?;
        let lane = self.lanes.get_mut(&id)?;
        if !batch.is_empty() && lane.queue.front().is_some_and(Segment::brings_handles) {
            return None;
        }
        self.due = false;
        self.turns.pop_front();
        let mut polled = Polled::default();
        match lane.queue.pop_front() {
            Some(Segment::Message(mut message)) => {
                let (taken, done) = message.cut(max_frame, batch);
                polled.released = message.origin.map(|origin| (origin, taken));
                let (length, begun) = (message.length, lane.begun);
                if !done {
                    lane.queue.push_front(Segment::Message(message));
                    self.turns.push_back(id);
                    return Some(polled);
                }
                if begun {
                    self.leave(length);
                }
            }
            Some(Segment::Attached { frame, handles }) => {
                batch.push(Piece::Owned(frame));
                batch.handles = handles;
            }
            Some(Segment::Frames(frames)) => batch.push(Piece::Owned(frames)),
            None => {}
        }
        self.enter(id, max_frame);
        Some(polled)
    }

    /// Everything that waits in lanes.
    pub(super) fn into_segments(self) -> impl Iterator<Item = Segment<H>> {
        self.lanes.into_values().flat_map(|lane| lane.queue)
    }
}
