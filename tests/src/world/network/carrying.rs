//! Bytes go from a node to a socket and from a socket to a node, as many at a time as the pace of the run allows.

use std::collections::VecDeque;

use mage_proto::{LinkId, NodeName, Output, SocketPairError, describe};

use super::Network;
use crate::world::random::Random;
use crate::world::socket::{Socket, User};
use crate::world::token::Token;

/// Something that may happen next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Choice {
    Transmit { node: usize, link: LinkId },
    Deliver { socket: u64, from: usize },
    Answer(usize),
}

impl Network {
    /// Moves bytes from a node to a socket; false when there is nothing to move.
    pub(super) fn transmit(&mut self, node: usize, link: LinkId, most: usize) -> bool {
        let names =
            if self.has_isolated { self.members.iter().filter_map(|member| member.name).collect() } else { vec![] };
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
            if self.sockets.get(&line.socket).is_some_and(|socket| socket.isolated) {
                names_nobody(&line.batch.slices().collect::<Vec<_>>().concat(), &names);
            }
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
        for (&socket, Socket { streams, users, .. }) in &self.sockets {
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
}

/// S14: what goes over an isolated link has no name in it that a node has elsewhere.
fn names_nobody(bytes: &[u8], names: &[NodeName]) {
    for name in names {
        let named = bytes.windows(16).any(|part| *part == name.bits().to_le_bytes());
        assert!(!named, "S14: {name:?} is said over an isolated link");
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
