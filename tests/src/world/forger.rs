//! A dishonest node: it knows every name that it was ever told, and says whatever can be said with them.
//!
//! Inside it is an honest node, so that it takes part; what that one says is changed on the way out, and frames that
//! nobody said are put between. Nothing is promised on routes that it had to do with. Everything else must not notice.

use std::collections::{BTreeMap, VecDeque};

use bytes::BytesMut;

use super::World;
use super::frames::{EVENT_HEAD, HEAD, event, frame, kind, length_of};
use super::random::Random;
use super::token::Token;

/// The bytes of a descriptor: name, writer, has a peer, seven zeros, its node and port, and the credit.
const DESCRIPTOR: usize = 116;
/// How many frames it remembers, to say them again.
const REMEMBERED: usize = 64;

/// What a dishonest node knows, and how bad it is.
#[derive(Debug)]
pub struct Forger {
    random: Random,
    /// Names of ports.
    ports: Vec<u128>,
    /// Names of nodes.
    nodes: Vec<u128>,
    said: Vec<Vec<u8>>,
    /// Routes that it may write to: destination and origin of what its own node said.
    routes: Vec<(u128, u128)>,
    /// The beginnings of frames, by the link that they come over.
    partial: BTreeMap<usize, BytesMut>,
    /// How many of a thousand frames of its own it changes.
    changed: usize,
    /// How many of a thousand things that it does end a link at once: a few such runs are enough.
    crude: usize,
    /// The other ends of sockets that it gave away.
    sockets: Vec<Token>,
}

impl Forger {
    /// One that knows nothing yet.
    #[must_use]
    pub fn new(random: &mut Random) -> Self {
        Self {
            random: Random::new(random.bits()),
            ports: Vec::new(),
            nodes: Vec::new(),
            said: Vec::new(),
            routes: Vec::new(),
            partial: BTreeMap::new(),
            changed: [0, 20, 100][random.below(3)],
            crude: [0, 0, 10, 300][random.below(4)],
            sockets: Vec::new(),
        }
    }

    /// Passes on what its node says, changed or not. `said` is made of whole frames.
    pub fn rewrite(&mut self, mut said: &[u8], handles: &mut VecDeque<Token>, out: &mut BytesMut) {
        let mut late: Option<Vec<u8>> = None;
        while let Some(length) = length_of(said).filter(|&length| (HEAD..=said.len()).contains(&length)) {
            let (frame, rest) = said.split_at(length);
            said = rest;
            self.remember(frame);
            let mut frame = frame.to_vec();
            if let (0x01..=0x0f, Some(dest), Some(from)) = (frame[4], name_at(&frame, 8), name_at(&frame, 24)) {
                self.routes.push((dest, from));
            }
            // Who greets wrongly is not even a member.
            if frame[4] != kind::GREET && self.random.chance(self.changed) {
                match self.random.below(6) {
                    0 => continue,
                    1 => out.extend_from_slice(&frame),
                    2 if late.is_none() => {
                        late = Some(frame);
                        continue;
                    }
                    3 => self.change_name(&mut frame),
                    4 if self.random.chance(self.crude) => self.damage(&mut frame),
                    5 if self.random.chance(self.crude) => handles.clear(),
                    _ => {}
                }
            }
            out.extend_from_slice(&frame);
            out.extend_from_slice(&late.take().unwrap_or_default());
        }
        out.extend_from_slice(&late.unwrap_or_default());
        out.extend_from_slice(said);
    }

    /// Reads what others say to it.
    pub fn learn(&mut self, said: &[u8], link: usize) {
        let mut bytes = self.partial.remove(&link).unwrap_or_default();
        bytes.extend_from_slice(said);
        while let Some(length) = length_of(&bytes).filter(|&length| (HEAD..=bytes.len()).contains(&length)) {
            let frame = bytes.split_to(length);
            self.remember(&frame);
        }
        self.partial.insert(link, bytes);
    }

    /// Takes the names out of a frame.
    fn remember(&mut self, frame: &[u8]) {
        let (ports, nodes): (&[usize], &[usize]) = match frame[4] {
            kind::HANDOFF => (&[8, 24, 56], &[40]),
            kind::HELLO => (&[8, 24, 56, 88], &[40, 72]),
            0x01..=0x0f => (&[8, 24], &[]),
            kind::WELCOME => (&[], &[8, 24, 40]),
            kind::REFER_OK => (&[], &[16]),
            kind::SEEK | kind::MEET | kind::MEET_FAILED | kind::NO_MEET => (&[], &[8]),
            _ => (&[], &[]),
        };
        let name = |at: &usize| name_at(frame, *at);
        self.ports.extend(ports.iter().filter_map(name));
        self.nodes.extend(nodes.iter().filter_map(name));
        let moved = match frame[4] {
            kind::DATA => (EVENT_HEAD + 8, frame.get(EVENT_HEAD).copied().unwrap_or(0)),
            kind::WELCOME => (HEAD + 50, frame.get(HEAD + 48).copied().unwrap_or(0)),
            _ => (0, 0),
        };
        for place in (0..usize::from(moved.1)).map(|port| moved.0 + port * DESCRIPTOR) {
            self.ports.extend([place, place + 16, place + 56].iter().filter_map(name));
            self.nodes.extend([place + 40].iter().filter_map(name));
        }
        if frame.len() < 2000 && self.said.len() < REMEMBERED {
            self.said.push(frame.to_vec());
        } else if frame.len() < 2000 {
            let place = self.random.below(REMEMBERED);
            self.said[place] = frame.to_vec();
        }
    }

    fn port(&mut self) -> u128 {
        let fresh = u128::from(self.random.bits()) | 1;
        if self.random.chance(950) { self.random.pick(&self.ports).unwrap_or(fresh).max(1) } else { fresh }
    }

    fn node(&mut self) -> u128 {
        let fresh = u128::from(self.random.bits()) | 1;
        if self.random.chance(950) { self.random.pick(&self.nodes).unwrap_or(fresh).max(1) } else { fresh }
    }

    fn address(&mut self) -> Vec<u8> {
        [self.node().to_le_bytes(), self.port().to_le_bytes()].concat()
    }

    /// Puts another port's name into an event.
    fn change_name(&mut self, frame: &mut [u8]) {
        let name = self.port().to_le_bytes();
        let at = [8, 24, 56][self.random.below(3)];
        let named = frame[4] < 0x10 && (at < EVENT_HEAD || frame[4] != kind::DATA);
        if let Some(place) = frame.get_mut(at..at + 16).filter(|_| named) {
            place.copy_from_slice(&name);
        }
    }

    /// Changes bytes without regard to what they mean.
    fn damage(&mut self, frame: &mut Vec<u8>) {
        for _ in 0..=self.random.below(3) {
            let place = self.random.below(frame.len());
            frame[place] = self.random.bits() as u8;
        }
        if self.random.chance(200) {
            frame.truncate(self.random.below(frame.len()) + 1);
        }
    }

    /// A frame that its node would not have said, and the handles that it announces.
    fn invent(&mut self, made: &mut dyn FnMut() -> (Token, Token)) -> (Vec<u8>, Vec<Token>) {
        if self.random.chance(self.crude) {
            return (self.crude_frame(), Vec::new());
        }
        let entitled = if self.random.chance(500) { self.random.pick(&self.routes) } else { None };
        let (dest, from) = entitled.unwrap_or_else(|| (self.port(), self.port()));
        let body = match self.random.below(14) {
            0..4 => return self.message(dest, from, made),
            4 => (kind::CLOSE, vec![0; 6]),
            5 | 6 => (kind::HANDOFF, [self.address(), vec![u8::from(self.random.chance(500))]].concat()),
            7 | 8 => (kind::HELLO, [self.address(), self.address(), vec![self.random.bits() as u8]].concat()),
            9 => (kind::END, Vec::new()),
            10 => (kind::GONE, vec![u8::from(self.random.chance(500))]),
            11 => (kind::CREDIT, [&self.random.bits().to_le_bytes()[..6], &[0; 6]].concat()),
            12 if self.random.chance(30 + self.crude) => return self.control(made),
            12 => (kind::CREDIT, vec![0; 12]),
            _ => {
                let place = self.random.below(self.said.len());
                let again = self.said.get(place).cloned().unwrap_or_default();
                // Without the handles that it had, so only what had none.
                let event = again.get(4).is_some_and(|&kind| kind < kind::GREET) && again.get(6..8) == Some(&[0, 0]);
                return if event { (again, Vec::new()) } else { Default::default() };
            }
        };
        (event(body.0, dest, from, &body.1), Vec::new())
    }

    /// A message with ports, of which some have names that are taken, or writers that it is not.
    fn message(&mut self, dest: u128, from: u128, made: &mut dyn FnMut() -> (Token, Token)) -> (Vec<u8>, Vec<Token>) {
        let size = self.random.below(300);
        let ports = if self.random.chance(self.crude) { 2 } else { self.random.below(2) };
        let handles: Vec<Token> = if self.random.chance(100) { vec![made().0] } else { Vec::new() };
        let cost = size + 64 + 256 * (ports + handles.len()) + usize::from(self.random.chance(30));
        let cost = if ports + handles.len() == 0 && self.random.chance(100) { 0 } else { cost };
        let mut body = [dest.to_le_bytes(), from.to_le_bytes()].concat();
        body.extend([ports as u8, 0, 0, 0]);
        body.extend((cost as u32).to_le_bytes());
        for _ in 0..ports {
            body.extend(self.descriptor());
        }
        body.extend(vec![7; size]);
        let flags = if self.random.chance(100) { self.random.below(4) as u8 } else { 0 };
        (frame(kind::DATA, flags, handles.len() as u16, &body), handles)
    }

    fn descriptor(&mut self) -> Vec<u8> {
        let taken = self.random.chance(self.crude);
        let name = if taken { self.port() } else { u128::from(self.random.bits()) << 64 | 1 };
        let writer = self.port();
        let mut bytes = [name.to_le_bytes(), writer.to_le_bytes()].concat();
        let mut peer = if self.random.chance(800) { self.address() } else { vec![0; 32] };
        if peer[16..] == writer.to_le_bytes() {
            peer = vec![0; 32];
        }
        bytes.extend([u8::from(peer.iter().any(|&byte| byte != 0)), 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(peer);
        bytes.extend(1_000_000_u32.to_le_bytes());
        bytes.extend(1000_u32.to_le_bytes());
        for _ in 0..3 {
            bytes.extend((self.random.below(1_000_000) as i64).to_le_bytes());
            bytes.extend((self.random.below(1000) as i32).to_le_bytes());
        }
        bytes
    }

    /// What only nodes say to nodes, in a role that it may or may not have.
    fn control(&mut self, made: &mut dyn FnMut() -> (Token, Token)) -> (Vec<u8>, Vec<Token>) {
        let node = self.node().to_le_bytes();
        let one = self.random.below(3) as u8;
        let most = if self.random.chance(self.crude) { 9 } else { 3 };
        match self.random.below(most) {
            0 | 1 => (frame(kind::SEEK, 0, 0, &node), Vec::new()),
            2 => (frame(kind::MEET_FAILED, 0, 0, &[&node[..], &[one]].concat()), Vec::new()),
            3 => {
                let (given, kept) = made();
                self.sockets.push(kept);
                (frame(kind::REFER, 0, 1, &[one, 0, 0, 0, 0, 0, 0, 0]), vec![given])
            }
            4 => {
                let (given, kept) = made();
                self.sockets.push(kept);
                (frame(kind::MEET, 0, 1, &[&node[..], &[one]].concat()), vec![given])
            }
            5 => (frame(kind::NO_MEET, 0, 0, &node), Vec::new()),
            6 => (frame(kind::REFER_OK, 0, 0, &[&[one, 0, 0, 0, 0, 0, 0, 0][..], &node].concat()), Vec::new()),
            7 => (frame(kind::BYE, 0, 0, &[]), Vec::new()),
            _ => (frame(kind::WELCOME, 0, 0, &[&node[..], &node, &node, &[0, 0]].concat()), Vec::new()),
        }
    }

    /// What is hardly a frame.
    fn crude_frame(&mut self) -> Vec<u8> {
        let place = self.random.below(self.said.len());
        let mut frame = self.said.get(place).cloned().unwrap_or_default();
        if frame.is_empty() || self.random.chance(300) {
            frame = (0..self.random.between(1, 60)).map(|_| self.random.bits() as u8).collect();
        }
        self.damage(&mut frame);
        frame
    }
}

fn name_at(frame: &[u8], at: usize) -> Option<u128> {
    Some(u128::from_le_bytes(*frame.get(at..)?.first_chunk()?))
}

impl World {
    pub(super) fn is_forger(&self, node: usize) -> bool {
        self.net.members[node].forger.is_some()
    }

    pub(super) fn make_forger(&mut self, node: usize, random: &mut Random) {
        self.note(|| format!("{node} is dishonest"));
        self.ghost.dishonest |= super::bit(node);
        self.net.members[node].forger = Some(Box::new(Forger::new(random)));
    }

    /// The dishonest node says something that its inner node does not know of.
    pub(super) fn forge(&mut self, random: &mut Random) {
        let Some(node) = (0..self.standing.len()).find(|&node| self.is_forger(node)) else { return };
        let Some(mut forger) = self.net.members[node].forger.take() else { return };
        let (frame, handles) = forger.invent(&mut || self.net.socket_pair());
        self.net.members[node].forger = Some(forger);
        if !frame.is_empty() {
            self.stats.forged += 1;
            self.net.inject(node, &frame, handles, random);
            self.absorb();
        }
    }
}
