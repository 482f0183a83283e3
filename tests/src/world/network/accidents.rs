//! What befalls nodes and sockets: crashes, cuts, and bytes that no node said.

use super::Network;
use crate::world::random::Random;
use crate::world::socket::User;
use crate::world::token::Token;

impl Network {
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
