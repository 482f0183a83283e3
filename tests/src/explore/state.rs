//! One state of a search: nodes, frames under way, and the applications.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::BytesMut;
use mage_proto::{CloseReason, Limits, LinkId, NameSource, Node, Output, PortId, Transmit, Window};

use super::Configuration;
use crate::scene::forge::kind;

/// The upper half of every name, so that names are found in frames.
const MARK: u64 = 0x6d61_6765_2074_6573;

/// Names that say which node has drawn them, in the part that is printed.
#[derive(Debug, Clone)]
pub(super) struct Counting(u32);

impl NameSource for Counting {
    fn next_name(&mut self) -> u128 {
        self.0 += 1;
        u128::from(MARK) << 64 | u128::from(self.0)
    }
}

/// The end of a socket: its number, and the side.
pub(super) type Handle = (usize, usize);
pub(super) type TestNode = Node<Handle, Counting>;

/// A socket between two nodes.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
pub(super) struct Socket {
    /// Frames that each side has sent, with the handles that travel with them.
    pub(super) streams: [VecDeque<(Vec<u8>, Vec<Handle>)>; 2],
    /// Who uses each side.
    pub(super) users: [User; 2],
    /// It is broken: what was under way may still arrive, up to any point; nothing more will be.
    pub(super) cut: bool,
}

/// Who uses a side of a socket.
#[derive(Debug, Clone, Copy, Hash, PartialEq, Eq)]
pub(super) enum User {
    /// It is under way, or nobody knows of it.
    Nobody,
    Node(usize, LinkId),
    Gone,
}

/// An end of a pipe.
#[derive(Debug, Clone, Hash, PartialEq, Eq)]
pub(super) struct End {
    pub(super) place: Place,
    pub(super) peer: usize,
    /// Messages that must arrive here next, in order.
    pub(super) due: VecDeque<u16>,
    pub(super) may_send: bool,
}

/// Where an end is.
#[derive(Debug, Clone, Copy, Hash, PartialEq, Eq)]
pub(super) enum Place {
    Held(usize, PortId),
    /// On the road between two nodes.
    Travelling(usize, usize),
    Closed,
    Merged,
    /// Its node is gone, or the message that it was in.
    Lost,
}

/// One state of a search.
#[derive(Debug, Clone)]
pub struct State {
    pub(super) nodes: Vec<Option<TestNode>>,
    pub(super) sockets: Vec<Socket>,
    pub(super) ends: Vec<End>,
    /// The ends of a pipe between every two nodes, over which ends travel.
    pub(super) roads: BTreeMap<(usize, usize), PortId>,
    /// Pairs of sockets that were asked for.
    pub(super) asked: Vec<u64>,
    pub(super) left: Configuration,
    pub(super) sent: u16,
    /// Something failed that is not the protocol's fault.
    pub(super) failed: bool,
    /// The two ends of one pipe were merged.
    pub(super) ring: bool,
}

impl State {
    /// The start: every node has joined, every two that know each other have a road, every pipe is whole.
    #[must_use]
    pub fn new(configuration: &Configuration) -> Self {
        let window = Window { bytes: 1 << 20, messages: configuration.window.unwrap_or(1000) };
        let limits = Limits { max_frame: 32 << 10, ..Limits::default() };
        let node = |n| TestNode::new(Counting((n as u32 + 1) << 24), limits.clone());
        let mut state = Self {
            nodes: (0..configuration.nodes).map(|n| Some(node(n))).collect(),
            sockets: Vec::new(),
            ends: Vec::new(),
            roads: BTreeMap::new(),
            asked: Vec::new(),
            left: configuration.clone(),
            sent: 0,
            failed: false,
            ring: false,
        };
        for member in 1..configuration.nodes {
            state.invite(member);
        }
        for one in 1..configuration.nodes {
            for other in one + 1..configuration.nodes {
                if configuration.introduced {
                    state.introduce(one, other);
                }
            }
        }
        for pipe in 0..configuration.pipes {
            let holder = pipe % configuration.nodes;
            let node = state.node(holder);
            let (a, b) = node.create_pipe_with(window);
            let first = state.ends.len();
            for (side, key) in [a, b].into_iter().enumerate() {
                let place = Place::Held(holder, key.id());
                state.ends.push(End { place, peer: first + 1 - side, due: VecDeque::new(), may_send: true });
            }
            if configuration.apart {
                state.left.moves += 1;
                state.travel(first + 1, (holder + 1) % configuration.nodes);
                state.come_to_rest();
            }
        }
        state
    }

    fn invite(&mut self, member: usize) {
        let socket = self.socket();
        let (_, mut ours) = self.node(0).invite((socket, 0), 1).expect("the broker may invite");
        self.roads.insert((0, member), ours.remove(0).id());
        self.drain(0);
        assert!(self.node(member).accept((socket, 1)).is_ok());
        self.drain(member);
        self.come_to_rest();
    }

    /// The broker gives two members a pipe, so that they meet.
    fn introduce(&mut self, one: usize, other: usize) {
        let (a, b) = self.node(0).create_pipe();
        for (member, far, key) in [(one, other, a), (other, one, b)] {
            let road = self.key(0, self.roads[&(0, member)]);
            let message = mage_proto::Message { cargo: vec![key], ..mage_proto::Message::new(&b"road"[..]) };
            assert!(self.node(0).send(&road, message).is_ok());
            self.drain(0);
            self.come_to_rest();
            let road = self.key(member, self.roads[&(member, 0)]);
            let message = self.node(member).receive(&road).expect("open").expect("a message");
            self.drain(member);
            self.roads.insert((member, far), message.cargo[0].id());
        }
        self.come_to_rest();
    }

    pub(super) fn node(&mut self, node: usize) -> &mut TestNode {
        self.nodes[node].as_mut().expect("a node that lives")
    }

    pub(super) fn is_alive(&self, node: usize) -> bool {
        self.nodes[node].is_some()
    }

    /// Another key to a port, since the one that this state's origin had cannot be copied.
    pub(super) fn key(&mut self, node: usize, port: PortId) -> mage_proto::Port {
        self.node(node).duplicate_key(port).expect("a port that the application holds")
    }

    /// A pair of sockets, as the broker asks for.
    pub(super) fn socket_pair(&mut self) -> (Handle, Handle) {
        let socket = self.socket();
        ((socket, 0), (socket, 1))
    }

    fn socket(&mut self) -> usize {
        self.sockets.push(Socket { streams: Default::default(), users: [User::Nobody; 2], cut: false });
        self.sockets.len() - 1
    }

    /// Does what a node wants done; what it wants to say is under way at once.
    pub(super) fn drain(&mut self, node: usize) {
        let mut links = Vec::new();
        while let Some(output) = self.nodes[node].as_mut().and_then(Node::poll_output) {
            match output {
                Output::OpenLink { link, handle: (socket, side) } => {
                    self.sockets[socket].users[side] = User::Node(node, link);
                }
                Output::CloseLink { link } => self.close_link(node, link),
                Output::LinkReady { link } => links.push(link),
                Output::CreateSocketPair { tag } => self.asked.push(tag),
                Output::InitialPort { port, .. } => {
                    self.roads.insert((node, 0), port.id());
                }
                Output::Discard(discarded) => self.close_discarded(*discarded),
                Output::Ended { port, reason } => self.check_ended(node, port, &reason),
                Output::BadPeer { violation, .. } => panic!("node {node} says that another is dishonest: {violation}"),
                Output::BadRoute { error, .. } => panic!("node {node} says that a promise is broken: {error}"),
                _ => {}
            }
        }
        links.into_iter().for_each(|link| self.transmit(node, link));
    }

    fn close_discarded(&mut self, discarded: mage_proto::Discard<Handle>) {
        let handles = match discarded {
            mage_proto::Discard::Message(message) => message.handles,
            mage_proto::Discard::Handle(handle) => vec![handle],
            mage_proto::Discard::Handles(handles) => handles,
            other => panic!("nobody knows how to drop {other:?}"),
        };
        self.close_handles(handles);
    }

    fn close_handles(&mut self, handles: Vec<Handle>) {
        for (socket, side) in handles {
            self.sockets[socket].users[side] = User::Gone;
            self.lose(socket, 1 - side);
        }
    }

    /// What is under way on a socket from this side will not arrive.
    pub(super) fn lose(&mut self, socket: usize, from: usize) {
        for (_, handles) in std::mem::take(&mut self.sockets[socket].streams[from]) {
            self.close_handles(handles);
        }
    }

    /// S4, S13: an end that is over was closed at the other side, or something has failed.
    fn check_ended(&self, node: usize, port: PortId, reason: &CloseReason) {
        let end = self.ends.iter().find(|end| end.place == Place::Held(node, port));
        let closed = end.is_some_and(|end| self.ends[end.peer].place == Place::Closed);
        let road = self.roads.iter().any(|(&(at, _), &road)| (at, road) == (node, port));
        let orderly = matches!(reason, CloseReason::Closed { .. }) && closed;
        assert!(orderly || self.failed || !(end.is_some() || road), "S4: {end:?} of {node} ended: {reason:?}");
    }

    fn close_link(&mut self, node: usize, link: LinkId) {
        self.leave_sockets(|user| user == User::Node(node, link));
    }

    /// Nobody uses the sides of sockets that these used.
    pub(super) fn leave_sockets(&mut self, whose: impl Fn(User) -> bool) {
        for socket in 0..self.sockets.len() {
            for side in 0..2 {
                if whose(self.sockets[socket].users[side]) {
                    self.sockets[socket].users[side] = User::Gone;
                    self.lose(socket, 1 - side);
                }
            }
        }
    }

    fn transmit(&mut self, node: usize, link: LinkId) {
        let at = |socket: &Socket| socket.users.iter().position(|&user| user == User::Node(node, link));
        let Some((place, side)) = self.sockets.iter().enumerate().find_map(|(n, socket)| Some((n, at(socket)?))) else {
            return;
        };
        let mut batch = Transmit::default();
        while self.node(node).poll_transmit(link, &mut batch) {
            let bytes: Vec<u8> = batch.slices().flatten().copied().collect();
            let mut handles: VecDeque<Handle> = batch.advance(usize::MAX).into();
            let socket = &mut self.sockets[place];
            let before = socket.streams[side].len();
            for frame in frames(&bytes) {
                let count = usize::from(u16::from_le_bytes([frame[6], frame[7]]));
                assert!(self.failed || self.ring || frame[4] != kind::GONE, "S7: a Gone, but nothing has failed");
                socket.streams[side].push_back((frame.to_vec(), handles.drain(..count).collect()));
            }
            if socket.cut || socket.users[1 - side] == User::Gone {
                // What was under way when it broke is not touched by what is said after.
                let kept = if socket.cut { before } else { 0 };
                let late = self.sockets[place].streams[side].split_off(kept);
                late.into_iter().for_each(|(_, handles)| self.close_handles(handles));
            }
        }
    }

    /// Delivers one frame.
    pub(super) fn deliver(&mut self, socket: usize, from: usize) {
        let User::Node(node, link) = self.sockets[socket].users[1 - from] else { return };
        match self.sockets[socket].streams[from].pop_front() {
            Some((frame, handles)) => {
                let mut input = BytesMut::from(&frame[..]);
                let result = self.node(node).handle_bytes(link, &mut input, &mut handles.into());
                assert!(result.is_ok() && input.is_empty(), "{result:?}");
            }
            None => self.node(node).handle_lost(link),
        }
        self.drain(node);
        self.arrive(node);
    }

    /// Delivers whatever is under way, in one order; sockets are made.
    pub(super) fn come_to_rest(&mut self) {
        for _ in 0..100_000 {
            if let Some(tag) = self.asked.pop() {
                let socket = self.socket();
                self.node(0).socket_pair(tag, Ok(((socket, 0), (socket, 1))));
                self.drain(0);
                continue;
            }
            let Some((socket, from)) = self.deliverable().next() else { return };
            self.deliver(socket, from);
        }
        panic!("L4: the network does not come to rest");
    }

    /// The streams of which something may arrive: a frame, or their end.
    pub(super) fn deliverable(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.sockets.iter().enumerate().flat_map(|(number, socket)| {
            (0..2).filter_map(move |from| {
                let heard = matches!(socket.users[1 - from], User::Node(..));
                let over = socket.cut || socket.users[from] == User::Gone;
                let something = over || !socket.streams[from].is_empty();
                (heard && something).then_some((number, from))
            })
        })
    }

    /// The state apart from what ports are called, as a number.
    #[must_use]
    pub fn fingerprint(&self) -> u128 {
        let mut names = Names::default();
        let mut hashers = [DefaultHasher::new(), DefaultHasher::new()];
        hashers[1].write_u8(1);
        let mut write = |bytes: &[u8]| hashers.iter_mut().for_each(|hasher| bytes.hash(hasher));
        for node in &self.nodes {
            match node {
                Some(node) => write(&names.text(&node.state_text())),
                None => write(b"gone"),
            }
        }
        for socket in &self.sockets {
            write(format!("{:?} {}", socket.users, socket.cut).as_bytes());
            for stream in &socket.streams {
                for (frame, handles) in stream {
                    write(&names.bytes(frame));
                    write(format!("{handles:?}").as_bytes());
                }
                write(b"end");
            }
        }
        let Self { nodes: _, sockets: _, ends, roads, asked, left, sent, failed, ring } = self;
        write(format!("{ends:?} {roads:?} {asked:?} {left:?} {sent} {failed} {ring}").as_bytes());
        u128::from(hashers[0].finish()) << 64 | u128::from(hashers[1].finish())
    }
}

/// The frames in `bytes`, which are whole.
fn frames(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = u32::from_le_bytes(*bytes.first_chunk::<4>()?) as usize;
        let (frame, rest) = bytes.split_at(length);
        bytes = rest;
        Some(frame)
    })
}

/// Names in the order in which they were met.
#[derive(Default)]
struct Names(BTreeMap<u32, u32>);

impl Names {
    fn number(&mut self, name: u32) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(name).or_insert(next)
    }

    /// Replaces names in what a node says of itself: `P-` and eight digits.
    fn text(&mut self, text: &str) -> Vec<u8> {
        let text = self.printed_bytes(text);
        let mut parts = text.split("P-");
        let mut out = parts.next().unwrap_or_default().as_bytes().to_vec();
        for part in parts {
            match part.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok()) {
                Some(name) => {
                    out.extend(self.number(name).to_le_bytes());
                    out.extend(&part.as_bytes()[8..]);
                }
                None => out.extend(part.as_bytes()),
            }
        }
        out
    }

    /// Replaces names in frames that are printed as two digits a byte.
    fn printed_bytes(&mut self, text: &str) -> String {
        let mark: String = MARK.to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let mut out = text.to_owned();
        for (at, _) in text.match_indices(&mark) {
            if let Some(name) =
                at.checked_sub(16).and_then(|start| u32::from_str_radix(&text[start..start + 8], 16).ok())
            {
                // The digits are those of the bytes, lowest first.
                let number = self.number(name.swap_bytes());
                out.replace_range(at - 16..at - 8, &format!("{number:08x}"));
            }
        }
        out
    }

    /// Replaces names in a frame: what stands before their mark.
    fn bytes(&mut self, frame: &[u8]) -> Vec<u8> {
        let mut out = frame.to_vec();
        for at in 0..frame.len().saturating_sub(15) {
            if frame[at + 8..at + 16] == MARK.to_le_bytes() {
                let name = u32::from_le_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]]);
                out[at..at + 4].copy_from_slice(&self.number(name).to_le_bytes());
            }
        }
        out
    }
}
