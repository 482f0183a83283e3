//! What should be: every pipe, every message under way, and where each end is, kept beside the real thing.
//!
//! ```text
//!   end A ──tx──▶ stream (letters not read yet) ──rx──▶ end B        a merge of B and C, whose peer is D:
//!   end A ◀──rx── stream ◀──tx── end B                               D's stream from C continues with A's to B
//! ```
//!
//! The ghost knows nothing of nodes' insides: it sees what applications do and what they are told.

use std::collections::VecDeque;

use mage_proto::{CloseReason, Port};

/// A number of an end of a pipe.
pub type EndId = usize;
/// A number of one direction of a pipe.
pub type StreamId = usize;
/// Nodes as bits.
pub type Nodes = u32;

/// One end of a pipe, wherever it is.
#[derive(Debug)]
pub struct End {
    /// Where it sends.
    pub tx: StreamId,
    /// What it reads now; continued by [`Stream::next`].
    pub rx: StreamId,
    /// Who has it.
    pub place: Place,
    /// Nodes that the route may touch on this end's account.
    pub touched: Nodes,
    /// A send met Full, and nothing was said since.
    pub blocked: bool,
    /// A receive met nothing, and nothing was said since.
    pub idle: bool,
    /// The end of the pipe was signalled to the present holder, or known to it from the start.
    pub told: bool,
    /// The window in bytes.
    pub window: u32,
    /// Part of a merged pipe: its credit is not one window any more.
    pub merged: bool,
    /// It was sent in a message, or its pipe merged, since it was last seen to be whole.
    pub moved: bool,
}

/// Who has an end.
#[derive(Debug)]
pub enum Place {
    /// An application, and its key.
    Held {
        /// The node.
        node: usize,
        /// The key.
        key: Port,
    },
    /// A message that was not read yet.
    Cargo(StreamId),
    /// An invitation to a node that has not accepted it.
    Invited(usize),
    /// Closed by an application, for this reason.
    Closed(CloseReason),
    /// Merged with another; its peer has another peer now.
    Merged,
    /// It was in a message that will not be read; it is closed or lost.
    Dropped,
    /// Its node is gone.
    Perished,
}

/// One direction of a pipe.
#[derive(Debug)]
pub struct Stream {
    /// Messages sent so far.
    pub sent: u64,
    /// Messages read so far.
    pub read: u64,
    /// Those sent and not read.
    pub letters: VecDeque<Letter>,
    /// Who sends.
    pub writer: EndId,
    /// Who will read in the end.
    pub reader: EndId,
    /// What comes when all of this is read, its writer having been merged away.
    pub next: Option<StreamId>,
    /// Nobody will read any more.
    pub mute: bool,
}

/// A message under way.
#[derive(Debug)]
pub struct Letter {
    /// Its ports.
    pub cargo: Vec<EndId>,
    /// Its handles.
    pub tokens: Vec<u64>,
    /// Its payload in bytes.
    pub size: usize,
}

/// All pipes of a world.
#[derive(Debug, Default)]
pub struct Ghost {
    /// Every end that ever was.
    pub ends: Vec<End>,
    /// Every direction that ever was.
    pub streams: Vec<Stream>,
    /// Nodes whose routes promise nothing.
    pub dishonest: Nodes,
}

impl Ghost {
    /// A new pipe; its ends are placed by the caller.
    pub fn pipe(&mut self, window: u32, places: [Place; 2], touched: Nodes) -> [EndId; 2] {
        let (end, stream) = (self.ends.len(), self.streams.len());
        for (side, place) in places.into_iter().enumerate() {
            self.ends.push(End {
                tx: stream + side,
                rx: stream + 1 - side,
                place,
                touched,
                blocked: false,
                idle: false,
                told: false,
                window,
                merged: false,
                moved: false,
            });
            self.streams.push(Stream {
                sent: 0,
                read: 0,
                letters: VecDeque::new(),
                writer: end + side,
                reader: end + 1 - side,
                next: None,
                mute: false,
            });
        }
        [end, end + 1]
    }

    /// The other end of the pipe, as it is now.
    #[must_use]
    pub fn peer(&self, end: EndId) -> EndId {
        self.streams[self.ends[end].tx].reader
    }

    /// Whether an application holds the end.
    #[must_use]
    pub fn is_held(&self, end: EndId) -> bool {
        matches!(self.ends[end].place, Place::Held { .. })
    }

    /// The streams that `end` will read, in order.
    #[must_use]
    pub fn incoming(&self, end: EndId) -> Vec<StreamId> {
        let mut all = vec![self.ends[end].rx];
        while let Some(next) = all.last().and_then(|&last| self.streams[last].next) {
            all.push(next);
        }
        all
    }

    /// Moves `end` on to the stream in which its next message is, if that is not the first.
    pub fn advance(&mut self, end: EndId) {
        while let Stream { sent, read, next: Some(next), .. } = &self.streams[self.ends[end].rx]
            && sent == read
        {
            self.ends[end].rx = *next;
        }
    }

    /// Whether everything sent to `end` was read there.
    #[must_use]
    pub fn is_read(&self, end: EndId) -> bool {
        self.incoming(end).into_iter().all(|stream| self.streams[stream].letters.is_empty())
    }

    /// The end in whose messages `end` waits, if it does.
    #[must_use]
    pub fn container(&self, end: EndId) -> Option<EndId> {
        match self.ends[end].place {
            Place::Cargo(stream) => Some(self.streams[stream].reader),
            _ => None,
        }
    }

    /// Whether `end` is `inside` or waits, however deep, in messages for `inside`.
    #[must_use]
    pub fn is_inside(&self, end: EndId, inside: EndId) -> bool {
        let mut at = Some(end);
        while let Some(here) = at {
            if here == inside {
                return true;
            }
            at = self.container(here);
        }
        false
    }

    /// Every end that the pipe of `end` depends on: its two, and those of the pipes whose messages they are in.
    fn involved(&self, end: EndId) -> Vec<EndId> {
        let mut all = vec![end, self.peer(end)];
        let mut looked = 0;
        while looked < all.len() {
            if let Some(reader) = self.container(all[looked])
                && !all.contains(&reader)
            {
                all.extend([reader, self.peer(reader)]);
            }
            looked += 1;
        }
        all
    }

    /// Every node that may have to do with the route between `end` and its peer, or with the message either is in.
    #[must_use]
    pub fn touched(&self, end: EndId) -> Nodes {
        self.involved(end).into_iter().fold(0, |nodes, end| nodes | self.ends[end].touched)
    }

    /// Whether a dishonest node had to do with the pipe, or with a message that either end is in.
    #[must_use]
    pub fn is_tainted(&self, end: EndId) -> bool {
        self.touched(end) & self.dishonest != 0
    }

    /// A message leaves `from`.
    pub fn post(&mut self, from: EndId, letter: Letter) {
        let stream = self.ends[from].tx;
        let touched = self.touched(from);
        for &cargo in &letter.cargo {
            self.ends[cargo].place = Place::Cargo(stream);
            self.ends[cargo].touched |= touched;
            self.ends[cargo].moved = true;
        }
        let dead = self.streams[stream].mute;
        self.streams[stream].sent += 1;
        if dead {
            self.drop_cargo(letter.cargo, touched);
        } else {
            self.streams[stream].letters.push_back(letter);
        }
    }

    /// The application that holds `end` closes it, or it is gone in another way: what was sent to it is dropped.
    pub fn end(&mut self, end: EndId, place: Place) {
        let touched = self.touched(end);
        self.ends[end].place = place;
        let mut unread = Vec::new();
        for stream in self.incoming(end) {
            self.streams[stream].mute = true;
            unread.extend(self.streams[stream].letters.drain(..));
        }
        for letter in unread {
            self.drop_cargo(letter.cargo, touched);
        }
    }

    /// What `end` has not read will never be read; the end itself stays.
    pub fn lose_rest(&mut self, end: EndId) {
        let place = std::mem::replace(&mut self.ends[end].place, Place::Dropped);
        self.end(end, place);
    }

    /// Ports of a message that will not be read, and who had to do with that message.
    fn drop_cargo(&mut self, cargo: Vec<EndId>, touched: Nodes) {
        for end in cargo {
            self.ends[end].touched |= touched;
            self.end(end, Place::Dropped);
        }
    }

    /// Two held ends become one pipe between their peers; true when those were each other: both are gone.
    pub fn merge(&mut self, one: EndId, other: EndId) -> bool {
        if self.peer(one) == other {
            self.end(one, Place::Dropped);
            self.end(other, Place::Dropped);
            return true;
        }
        let far = [self.peer(one), self.peer(other)];
        let touched = self.touched(one) | self.touched(other);
        for (end, opposite, reader) in [(one, other, far[1]), (other, one, far[0])] {
            // What was meant for `end` goes to the far side of `opposite`, after what `opposite` has sent there.
            let incoming = self.incoming(end);
            let mute = self.streams[self.ends[opposite].tx].mute;
            self.streams[self.ends[opposite].tx].next = Some(incoming[0]);
            for stream in incoming {
                self.streams[stream].reader = reader;
                self.streams[stream].mute |= mute;
                if mute {
                    let unread = std::mem::take(&mut self.streams[stream].letters);
                    unread.into_iter().for_each(|letter| self.drop_cargo(letter.cargo, touched));
                }
            }
        }
        for end in [one, other] {
            self.ends[end].place = Place::Merged;
        }
        for end in far {
            self.ends[end].merged = true;
            self.ends[end].moved = true;
            self.ends[end].touched |= touched;
        }
        false
    }
}
