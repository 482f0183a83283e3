//! Nodes and the sockets between them: every socket is two queues of bytes, cut where it hurts.
//!
//! ```text
//!   node ──poll_transmit──▶ batch ──some bytes──▶ stream ──some bytes──▶ input ──handle_bytes──▶ node
//! ```
//!
//! Bytes of one stream stay in order, streams are mutually unordered. A handle travels at the byte that it was sent
//! with. A socket ends when its token is dropped on either side: the other reads what was written, then the end.

mod accidents;
mod carrying;

use std::collections::{BTreeMap, VecDeque};

use bytes::BytesMut;
use mage_proto::{Discard, LinkId, Node, NodeName, Output, Transmit};

use super::forger::Forger;
use super::frames::{Counts, Scanner};
use super::random::Names;
use super::socket::{Socket, User};
use super::token::{Book, Token};
use carrying::Choice;

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
    /// Some socket joins two networks.
    has_isolated: bool,
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
            has_isolated: false,
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
        self.sockets
            .insert(self.made, Socket { streams: Default::default(), users: [User::Nobody; 2], isolated: false });
        (one, other)
    }

    /// The socket of this end joins two networks.
    pub fn isolate(&mut self, end: &Token) {
        let socket = self.ends.get(&end.id()).and_then(|(socket, _)| self.sockets.get_mut(socket));
        socket.expect("a socket").isolated = true;
        self.has_isolated = true;
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
                Output::Discard(discarded) => {
                    if let Discard::Message(message) = *discarded {
                        assert!(message.cargo.is_empty(), "a discarded message still holds ports");
                    }
                }
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
}
