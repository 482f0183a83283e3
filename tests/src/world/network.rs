//! Nodes and the sockets between them: every socket is two queues of bytes, cut where it hurts.
//!
//! ```text
//!   node ──poll_transmit──▶ batch ──some bytes──▶ stream ──some bytes──▶ input ──handle_bytes──▶ node
//! ```
//!
//! Bytes of one stream stay in order, streams are mutually unordered. A handle travels at the byte that it was sent
//! with. A socket ends when its token is dropped on either side: the other reads what was written, then the end.

use std::collections::{BTreeMap, VecDeque};

use bytes::BytesMut;
use mage_proto::{Discard, LinkId, Node, NodeName, Output, SocketPairError, Transmit, describe};

use super::forger::Forger;
use super::frames::{Counts, Scanner};
use super::random::{Names, Random};
use super::socket::{Socket, User};
use super::token::{Book, Token};

/// The real state machine, with counted handles and seeded names.
pub type TestNode = Node<Token, Names>;

/// How the network of one run behaves.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Whether a node writes as soon as it can, or when its turn comes.
    pub eager: bool,
    /// The most bytes in one delivery; zero: all that there is.
    pub chunk: usize,
    /// The most bytes in one write; zero: the whole batch.
    pub write: usize,
    /// In how many of a thousand cases no pair of sockets can be made.
    pub no_sockets: usize,
    /// In how many of a thousand cases a process has no room for the handles that arrive.
    pub no_room: usize,
}

/// All nodes, all sockets, and what the nodes have said that the network does not do itself.
#[derive(Debug)]
pub struct Network {
    /// Every token of this world.
    pub book: Book,
    /// The nodes, by number.
    pub members: Vec<Member>,
    /// What nodes said, in order, for the application and the checker.
    pub news: VecDeque<(usize, Output<Token>)>,
    /// The frames that were written.
    pub counts: Counts,
    /// Everything that was written, folded into a number.
    pub digest: u64,
    /// What happened, if it is written down.
    pub trace: Option<Vec<String>>,
    pace: Pace,
    sockets: BTreeMap<u64, Socket>,
    /// Which end of which socket a token is.
    ends: BTreeMap<u64, (u64, usize)>,
    /// Socket pairs that were asked for.
    asked: Vec<(usize, u64)>,
    made: u64,
    choices: Vec<Choice>,
}

/// One node, or what is left of it.
#[derive(Debug)]
pub struct Member {
    /// None once it has crashed or left.
    pub node: Option<TestNode>,
    /// The name under which others know it, once it has one.
    pub name: Option<NodeName>,
    /// Rewrites what the node says, if it is not honest.
    pub forger: Option<Box<Forger>>,
    lines: Vec<Line>,
}

/// A node's end of a socket in use.
#[derive(Debug)]
struct Line {
    link: LinkId,
    socket: u64,
    side: usize,
    _token: Token,
    input: BytesMut,
    handles: VecDeque<Token>,
    batch: Transmit<Token>,
    ready: bool,
    scanner: Scanner,
}

#[derive(Debug, Clone, Copy)]
enum Choice {
    Transmit { node: usize, link: LinkId },
    Deliver { socket: u64, from: usize },
    Answer(usize),
}

impl Network {
    /// A network without nodes.
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        Self {
            book: Book::default(),
            members: Vec::new(),
            news: VecDeque::new(),
            counts: Counts::default(),
            digest: 0,
            trace: None,
            pace,
            sockets: BTreeMap::new(),
            ends: BTreeMap::new(),
            asked: Vec::new(),
            made: 0,
            choices: Vec::new(),
        }
    }

    /// Adds a node and returns its number.
    pub fn add(&mut self, node: TestNode) -> usize {
        self.members.push(Member { node: Some(node), name: None, forger: None, lines: Vec::new() });
        self.members.len() - 1
    }

    /// Makes two ends of a socket.
    pub fn socket_pair(&mut self) -> (Token, Token) {
        self.made += 1;
        let (one, other) = (self.book.make(), self.book.make());
        self.ends.insert(one.id(), (self.made, 0));
        self.ends.insert(other.id(), (self.made, 1));
        self.sockets.insert(self.made, Socket { streams: Default::default(), users: [User::Nobody; 2] });
        (one, other)
    }

    /// The node, if it lives.
    pub fn node(&mut self, node: usize) -> Option<&mut TestNode> {
        self.members.get_mut(node)?.node.as_mut()
    }

    /// The node, which must be alive.
    ///
    /// # Panics
    ///
    /// When it is not: a mistake of the workload.
    #[must_use]
    pub fn living(&self, node: usize) -> &TestNode {
        self.members[node].node.as_ref().expect("a node that lives")
    }

    /// Calls a node, which must be alive. What it lets go of it must give back, not drop.
    ///
    /// # Panics
    ///
    /// When it is not alive (a mistake of the workload), or drops a handle (a mistake of the core).
    pub fn command<R>(&mut self, node: usize, command: impl FnOnce(&mut TestNode) -> R) -> R {
        let state = self.members[node].node.as_mut().expect("a node that lives");
        self.book.guard(true);
        let result = command(state);
        self.book.guard(false);
        result
    }

    /// Does what `node` wants done, after a command or input.
    pub fn drain(&mut self, node: usize) {
        while let Some(output) = self.node(node).and_then(Node::poll_output) {
            match output {
                Output::OpenLink { link, handle } => self.open(node, link, handle),
                Output::CloseLink { link } => self.close(node, link),
                Output::LinkReady { link } => {
                    if let Some(line) = self.line(node, link) {
                        line.ready = true;
                    }
                }
                Output::CreateSocketPair { tag } => self.asked.push((node, tag)),
                Output::Discard(Discard::Message(message)) => {
                    assert!(message.cargo.is_empty(), "a discarded message still holds ports");
                }
                Output::Discard(_) => {}
                output => self.news.push_back((node, output)),
            }
        }
        self.reap();
        if self.pace.eager {
            let ready: Vec<LinkId> = self.members[node].lines.iter().filter(|l| l.ready).map(|l| l.link).collect();
            for link in ready {
                while self.transmit(node, link, usize::MAX) {}
            }
        }
    }

    fn line(&mut self, node: usize, link: LinkId) -> Option<&mut Line> {
        self.members.get_mut(node)?.lines.iter_mut().find(|line| line.link == link)
    }

    fn open(&mut self, node: usize, link: LinkId, token: Token) {
        let (socket, side) = self.ends[&token.id()];
        if let Some(socket) = self.sockets.get_mut(&socket) {
            socket.users[side] = User::Line { node, link };
        }
        self.members[node].lines.push(Line {
            link,
            socket,
            side,
            _token: token,
            input: BytesMut::new(),
            handles: VecDeque::new(),
            batch: Transmit::default(),
            ready: false,
            scanner: Scanner::default(),
        });
    }

    fn close(&mut self, node: usize, link: LinkId) {
        let lines = &mut self.members[node].lines;
        if let Some(place) = lines.iter().position(|line| line.link == link) {
            let mut line = lines.remove(place);
            drop(line.batch.abandon());
        }
    }

    /// Closes the sockets whose tokens were dropped.
    fn reap(&mut self) {
        loop {
            let dropped = self.book.take_dropped();
            if dropped.is_empty() {
                return;
            }
            for token in dropped {
                if let Some((socket, side)) = self.ends.remove(&token) {
                    self.close_end(socket, side);
                }
            }
        }
    }

    fn close_end(&mut self, number: u64, side: usize) {
        let Some(socket) = self.sockets.get_mut(&number) else { return };
        socket.users[side] = User::Closed;
        socket.streams[side].ended = true;
        // Nobody will read what came this way.
        let unread = std::mem::take(&mut socket.streams[1 - side]);
        socket.streams[1 - side].ended = unread.ended;
        socket.streams[1 - side].cut = true;
        if socket.users == [User::Closed; 2] {
            self.sockets.remove(&number);
        }
    }

    /// Moves bytes from a node to a socket; false when there is nothing to move.
    fn transmit(&mut self, node: usize, link: LinkId, most: usize) -> bool {
        let member = &mut self.members[node];
        let (Some(state), Some(line)) = (&mut member.node, member.lines.iter_mut().find(|line| line.link == link))
        else {
            return false;
        };
        if line.batch.is_empty() {
            if !state.poll_transmit(link, &mut line.batch) {
                line.ready = false;
                // A node that is leaving may go when it has nothing more to say.
                while let Some(output) = state.poll_output() {
                    match output {
                        Output::Drained => self.news.push_back((node, Output::Drained)),
                        Output::LinkReady { link } => {
                            member.lines.iter_mut().filter(|l| l.link == link).for_each(|l| l.ready = true);
                        }
                        other => panic!("an empty poll had {other:?} done"),
                    }
                }
                return false;
            }
            line.batch.slices().for_each(|slice| line.scanner.scan(slice, &mut self.counts));
            if let Some(trace) = &mut self.trace {
                let said = line.batch.slices().collect::<Vec<_>>().concat();
                let to = match self.sockets.get(&line.socket).map(|socket| socket.users[1 - line.side]) {
                    Some(User::Line { node, .. }) => node.to_string(),
                    Some(User::Nobody | User::Closed) | None => "nobody".into(),
                };
                trace.extend(describe(&node.to_string(), &to, &said, &mut ()).map(|frame| format!("    {frame}")));
            }
        }
        let Some(socket) = self.sockets.get_mut(&line.socket) else { return false };
        let stream = &mut socket.streams[line.side];
        let at = stream.start + stream.bytes.len() as u64;
        let mut left = most.min(line.batch.len());
        let mut written = 0;
        let mut rewritten = Vec::new();
        for slice in line.batch.slices() {
            let taken = &slice[..slice.len().min(left)];
            match &member.forger {
                Some(_) => rewritten.extend_from_slice(taken),
                None if stream.cut => {}
                None => stream.bytes.extend_from_slice(taken),
            }
            self.digest = fold(self.digest, taken);
            left -= taken.len();
            written += taken.len();
        }
        let mut handles: VecDeque<Token> = line.batch.advance(written).into();
        if let Some(forger) = &mut member.forger {
            forger.rewrite(&rewritten, &mut handles, &mut stream.bytes);
        }
        if !stream.cut {
            stream.handles.extend(handles.into_iter().map(|handle| (at, handle)));
        }
        self.reap();
        true
    }

    /// Does one thing that may happen now, picked at random; false when there is none.
    pub fn progress(&mut self, random: &mut Random) -> bool {
        let mut choices = std::mem::take(&mut self.choices);
        choices.clear();
        self.list(&mut choices);
        let choice = random.pick(&choices);
        self.choices = choices;
        match choice {
            Some(Choice::Transmit { node, link }) => {
                let most = part(random, self.pace.write, usize::MAX);
                // With a forger, whole batches only: it rewrites frames.
                let most = if self.members[node].forger.is_some() { usize::MAX } else { most };
                self.transmit(node, link, most);
            }
            Some(Choice::Deliver { socket, from }) => self.deliver(socket, from, random),
            Some(Choice::Answer(place)) => {
                let (node, tag) = self.asked.swap_remove(place);
                let sockets =
                    if random.chance(self.pace.no_sockets) { Err(SocketPairError) } else { Ok(self.socket_pair()) };
                if self.members[node].node.is_some() {
                    self.command(node, |state| state.socket_pair(tag, sockets));
                    self.drain(node);
                }
            }
            None => return false,
        }
        true
    }

    fn list(&self, choices: &mut Vec<Choice>) {
        for (node, member) in self.members.iter().enumerate() {
            let busy = member.lines.iter().filter(|line| line.ready || !line.batch.is_empty());
            choices.extend(busy.map(|line| Choice::Transmit { node, link: line.link }));
        }
        for (&socket, Socket { streams, users }) in &self.sockets {
            for from in 0..2 {
                let something = !streams[from].bytes.is_empty() || streams[from].ended;
                if something && matches!(users[1 - from], User::Line { .. }) {
                    choices.push(Choice::Deliver { socket, from });
                }
            }
        }
        choices.extend((0..self.asked.len()).map(Choice::Answer));
    }

    fn deliver(&mut self, number: u64, from: usize, random: &mut Random) {
        let Some(socket) = self.sockets.get_mut(&number) else { return };
        let User::Line { node, link } = socket.users[1 - from] else { return };
        let stream = &mut socket.streams[from];
        let member = &mut self.members[node];
        let (Some(state), Some(line)) = (&mut member.node, member.lines.iter_mut().find(|line| line.link == link))
        else {
            return;
        };
        if stream.bytes.is_empty() {
            self.book.guard(true);
            state.handle_lost(link);
            self.book.guard(false);
            return self.drain(node);
        }
        let mut count = part(random, self.pace.chunk, stream.bytes.len());
        if let Some((at, _)) = stream.handles.iter().find(|(at, _)| self.pace.no_room > 0 && *at > stream.start) {
            // As a socket does it: what is received at once ends before the next handles.
            count = count.min((at - stream.start) as usize);
        }
        let chunk = stream.bytes.split_to(count);
        stream.start += count as u64;
        while stream.handles.front().is_some_and(|(at, _)| *at < stream.start) {
            line.handles.extend(stream.handles.pop_front().map(|(_, handle)| handle));
            if random.chance(self.pace.no_room) {
                drop(line.handles.pop_back());
                state.handle_truncated(link);
                // None of those that came with it fits either.
                while stream.handles.front().is_some_and(|(at, _)| *at < stream.start) {
                    drop(stream.handles.pop_front());
                }
            }
        }
        if let Some(forger) = &mut member.forger {
            forger.learn(&chunk, link.index());
        }
        if line.input.is_empty() {
            line.input = chunk
        } else {
            line.input.extend_from_slice(&chunk)
        }
        // What is wrong with the bytes is said by an output too.
        self.book.guard(true);
        let _violation = state.handle_bytes(link, &mut line.input, &mut line.handles);
        self.book.guard(false);
        self.drain(node);
    }

    /// Ends a node at once. Of what it wrote, a part at the end may be lost.
    pub fn crash(&mut self, node: usize, random: &mut Random) {
        let member = &mut self.members[node];
        member.node = None;
        member.forger = None;
        for line in std::mem::take(&mut member.lines) {
            if let Some(socket) = self.sockets.get_mut(&line.socket) {
                socket.streams[line.side].lose_suffix(random);
            }
        }
        self.asked.retain(|&(by, _)| by != node);
        self.reap();
    }

    /// Takes away a node that has left in order.
    pub fn remove(&mut self, node: usize) {
        let member = &mut self.members[node];
        member.node = None;
        member.lines.clear();
        self.reap();
    }

    /// Cuts the socket between two nodes; a part of what is under way is lost in both directions. False: there is none.
    pub fn cut(&mut self, one: usize, other: usize, random: &mut Random) -> bool {
        let Some(number) = self.socket_between(one, other) else { return false };
        if let Some(socket) = self.sockets.get_mut(&number) {
            for stream in &mut socket.streams {
                stream.lose_suffix(random);
                (stream.ended, stream.cut) = (true, true);
            }
        }
        self.reap();
        true
    }

    /// Whether two nodes have a socket between them.
    #[must_use]
    pub fn linked(&self, one: usize, other: usize) -> bool {
        self.socket_between(one, other).is_some()
    }

    fn socket_between(&self, one: usize, other: usize) -> Option<u64> {
        let at = |user: &User, wanted: usize| matches!(user, User::Line { node, .. } if *node == wanted);
        let mut found = self.sockets.iter().filter(|(_, socket)| {
            let [a, b] = &socket.users;
            (at(a, one) && at(b, other)) || (at(a, other) && at(b, one))
        });
        // Later sockets are later attempts.
        found.next_back().map(|(&number, _)| number)
    }

    /// Writes bytes that no node said onto a socket of `node`, picked at random.
    pub fn inject(&mut self, node: usize, bytes: &[u8], handles: Vec<Token>, random: &mut Random) {
        let lines = &self.members[node].lines;
        let Some(line) = lines.get(random.below(lines.len())) else { return };
        // Only between batches: a forged frame inside another would just be a mutation of that one.
        if let Some(socket) = self.sockets.get_mut(&line.socket).filter(|_| line.batch.is_empty()) {
            let stream = &mut socket.streams[line.side];
            if !stream.cut {
                let at = stream.start + stream.bytes.len() as u64;
                stream.bytes.extend_from_slice(bytes);
                stream.handles.extend(handles.into_iter().map(|handle| (at, handle)));
            }
        }
        self.reap();
    }
}

/// How many of `all` bytes move at once where `most` says how many may; zero: all.
fn part(random: &mut Random, most: usize, all: usize) -> usize {
    if most == 0 { all } else { random.between(1, most).min(all) }
}

fn fold(digest: u64, bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(digest, |digest, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        (digest.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95)
    })
}
