//! The sockets of a scene: each a pair of FIFOs of whole frames, delivered one at a time when the scene says so.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use mage_proto::LinkId;

/// What travels beside bytes: a socket's end, or something of the application's that is counted.
#[derive(Debug)]
pub struct Handle {
    thing: Thing,
    dropped: Rc<RefCell<Dropped>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Socket(End),
    Token(String),
}

/// One end of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End {
    pub(super) socket: usize,
    pub(super) side: usize,
}

#[derive(Debug, Default)]
struct Dropped {
    ends: Vec<End>,
    tokens: BTreeSet<String>,
}

/// A frame on its way, with its handles.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Vec<u8>,
    pub(super) handles: Vec<Handle>,
}

/// Whose link an end is: a place among the scene's nodes, and the link there.
pub(super) type Owner = (usize, LinkId);

#[derive(Debug, Default)]
struct Side {
    owner: Option<Owner>,
    /// What this side has sent and the other has not got.
    sent: VecDeque<Frame>,
    closed: bool,
    /// The other side was told that this one is closed.
    told: bool,
    /// Nothing is delivered from this side until it is released.
    held: bool,
    /// This side takes no bytes from its node.
    full: bool,
}

/// What a delivery brings.
#[derive(Debug)]
pub(super) enum Delivery {
    Frame(Frame),
    End,
}

/// All sockets of a scene.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    sockets: Vec<[Side; 2]>,
    /// Who keeps the handle of an open link.
    open: Vec<(End, Handle)>,
    dropped: Rc<RefCell<Dropped>>,
    tokens: BTreeSet<String>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut dropped = self.dropped.borrow_mut();
        match &self.thing {
            Thing::Socket(end) => dropped.ends.push(*end),
            Thing::Token(name) => assert!(dropped.tokens.insert(name.clone()), "the handle {name} was dropped twice"),
        }
    }
}

impl Handle {
    /// What the scene called it; empty for a socket.
    pub fn name(&self) -> &str {
        match &self.thing {
            Thing::Socket(_) => "",
            Thing::Token(name) => name,
        }
    }
}

impl Sockets {
    /// Makes a socket and returns its two ends.
    pub(super) fn pair(&mut self) -> (Handle, Handle) {
        let socket = self.sockets.len();
        self.sockets.push(Default::default());
        let end = |side| Handle { thing: Thing::Socket(End { socket, side }), dropped: Rc::clone(&self.dropped) };
        (end(0), end(1))
    }

    /// Makes a handle of the application's.
    pub(super) fn token(&mut self, name: &str) -> Handle {
        assert!(self.tokens.insert(name.to_owned()), "{name} exists already");
        Handle { thing: Thing::Token(name.to_owned()), dropped: Rc::clone(&self.dropped) }
    }

    /// The application's handles that were not dropped.
    pub(super) fn tokens_alive(&self) -> Vec<String> {
        self.tokens.difference(&self.dropped.borrow().tokens).cloned().collect()
    }

    /// A node has opened a link on the end that `handle` is.
    pub(super) fn open(&mut self, owner: Owner, handle: Handle) {
        let Thing::Socket(end) = handle.thing else { panic!("a link was opened on something that is no socket") };
        self.sockets[end.socket][end.side].owner = Some(owner);
        self.open.push((end, handle));
    }

    /// The end of a node's link.
    pub(super) fn end_of(&self, owner: Owner) -> Option<End> {
        self.open.iter().map(|(end, _)| *end).find(|&end| self.sockets[end.socket][end.side].owner == Some(owner))
    }

    /// The end of `from` on the (latest) socket between two nodes.
    pub(super) fn between(&self, from: usize, to: usize) -> Option<End> {
        let node = |side: &Side| side.owner.map(|(node, _)| node);
        (0..self.sockets.len()).rev().find_map(|socket| {
            let [one, other] = &self.sockets[socket];
            match (node(one), node(other)) {
                (Some(a), Some(b)) if (a, b) == (from, to) => Some(End { socket, side: 0 }),
                (Some(a), Some(b)) if (b, a) == (from, to) => Some(End { socket, side: 1 }),
                (Some(_) | None, Some(_) | None) => None,
            }
        })
    }

    /// The node at an end, once it has opened a link there.
    pub(super) fn owner(&self, end: End) -> Option<Owner> {
        self.side(end).owner
    }

    fn side(&self, end: End) -> &Side {
        &self.sockets[end.socket][end.side]
    }

    fn side_mut(&mut self, end: End) -> &mut Side {
        &mut self.sockets[end.socket][end.side]
    }

    /// Holds an end or releases it; returns what it was.
    pub(super) fn hold(&mut self, end: End, held: bool) -> bool {
        std::mem::replace(&mut self.side_mut(end).held, held)
    }

    pub(super) fn fill(&mut self, end: End, full: bool) {
        self.side_mut(end).full = full;
    }

    pub(super) fn is_full(&self, end: End) -> bool {
        self.side(end).full
    }

    pub(super) fn send(&mut self, end: End, frame: Frame) {
        if !self.side(end).closed && !self.side(end.opposite()).closed {
            self.side_mut(end).sent.push_back(frame);
        }
    }

    /// A node closes its link: what it sent before still arrives.
    pub(super) fn close(&mut self, owner: Owner) {
        if let Some(end) = self.end_of(owner) {
            self.open.retain(|(other, _)| *other != end);
        }
        self.sweep();
    }

    /// Closes every end whose handle was dropped.
    pub(super) fn sweep(&mut self) {
        let ends = std::mem::take(&mut self.dropped.borrow_mut().ends);
        for end in ends {
            self.side_mut(end).closed = true;
        }
    }

    /// What is on the way from `end` is lost.
    pub(super) fn lose(&mut self, end: End) {
        self.side_mut(end).sent.clear();
    }

    /// What is on the way from `end` is lost, and the other side will be told.
    pub(super) fn break_off(&mut self, end: End) {
        let side = self.side_mut(end);
        side.sent.clear();
        side.closed = true;
    }

    /// Whether a delivery from `end` is possible.
    pub(super) fn is_due(&self, end: End) -> bool {
        let side = self.side(end);
        let opposite = self.side(end.opposite());
        let reader = opposite.owner.is_some() && !opposite.closed;
        reader && !side.held && (!side.sent.is_empty() || (side.closed && !side.told))
    }

    /// Every end from which something can be delivered, in the order in which the sockets were made.
    pub(super) fn due(&self) -> Vec<End> {
        let all = (0..self.sockets.len()).flat_map(|socket| [0, 1].map(|side| End { socket, side }));
        all.filter(|&end| self.is_due(end)).collect()
    }

    /// Takes the next thing that the other side gets from `end`.
    pub(super) fn take(&mut self, end: End) -> Option<Delivery> {
        if !self.is_due(end) {
            return None;
        }
        let side = self.side_mut(end);
        match side.sent.pop_front() {
            Some(frame) => Some(Delivery::Frame(frame)),
            None => {
                side.told = true;
                Some(Delivery::End)
            }
        }
    }

    /// What was held may be delivered.
    pub(super) fn release_all(&mut self) {
        self.sockets.iter_mut().flatten().for_each(|side| side.held = false);
    }

    /// A node is no more: its ends are closed; what it sent still arrives.
    pub(super) fn abandon(&mut self, node: usize) {
        for side in self.sockets.iter_mut().flatten() {
            if side.owner.is_some_and(|(owner, _)| owner == node) {
                side.closed = true;
            }
        }
    }

    /// How many frames are on the way from `end`.
    pub(super) fn waiting(&self, end: End) -> usize {
        self.side(end).sent.len()
    }
}

impl End {
    pub(super) fn opposite(self) -> Self {
        Self { side: 1 - self.side, ..self }
    }
}
