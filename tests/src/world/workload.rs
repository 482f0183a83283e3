//! What applications do: create, send, move, read slowly, merge, close; and what befalls them.

use mage_proto::{CloseReason, InviteError, MergeError, Message, Port, SendError, SendErrorKind};

use super::checker::payload;
use super::ghost::{EndId, Letter, Place};
use super::network::TestNode;
use super::random::Random;
use super::{Invitation, SHORTAGE, Standing, World, bit, pair};

/// Ends that applications hold at most.
const MOST_HELD: usize = 36;
/// Nodes that a world sees at most, those that are gone included.
pub(super) const MOST_NODES: usize = 20;

impl World {
    /// One thing that an application does, or that happens to one.
    pub(super) fn act(&mut self, random: &mut Random) {
        let living = (0..self.standing.len()).filter(|&node| self.is_alive(node)).count();
        let room = living < self.profile.nodes && self.standing.len() < MOST_NODES;
        if room && random.chance(if living < 3 { 300 } else { 60 }) {
            return self.invite(random);
        }
        if random.chance(100) && self.invitations.iter().any(|invitation| invitation.handle.is_some()) {
            return self.accept(random.bits() as usize);
        }
        if random.chance(self.profile.misfortune) {
            return self.misfortune(random);
        }
        if self.profile.isolated && random.chance(if self.is_one_network() { 200 } else { 30 }) {
            return self.share(random);
        }
        if self.profile.forger && random.chance(300) {
            return self.forge(random);
        }
        let Some(end) = random.pick(&self.held) else { return self.create(random) };
        let what = random.below(1000);
        let reading = self.profile.reading;
        if what < reading {
            self.receive(end);
        } else if what < reading + 60 && self.held.len() < MOST_HELD {
            self.create(random);
        } else if what < reading + 90 || self.held.len() > MOST_HELD {
            self.close(end, random);
        } else if what < reading + 130 && self.profile.merges {
            self.try_merge(end, random);
        } else if what < reading + 330 {
            self.send_ports(end, random);
        } else {
            let size = self.some_size(random);
            self.send(end, Vec::new(), random.below(20).saturating_sub(17), size);
        }
    }

    /// The network does one thing; false when there is none.
    pub(super) fn progress(&mut self, random: &mut Random) -> bool {
        self.stats.deliveries += 1;
        let done = self.net.progress(random);
        self.absorb();
        done
    }

    fn some_size(&self, random: &mut Random) -> usize {
        match random.below(100) {
            0..2 if self.profile.large => random.between(20_000, 100_000),
            0..5 if self.profile.pace.chunk != 9 => random.between(100, 9000),
            _ => random.between(16, 120),
        }
    }

    fn is_one_network(&self) -> bool {
        self.networks.iter().all(|&broker| broker == self.networks[0])
    }

    pub(super) fn living(&self, random: &mut Random) -> Option<usize> {
        let living: Vec<usize> =
            (0..self.standing.len()).filter(|&n| matches!(self.standing[n], Standing::Joined)).collect();
        random.pick(&living)
    }

    fn create(&mut self, random: &mut Random) {
        let Some(node) = self.living(random) else { return };
        let window = random.pick(&self.profile.windows).expect("a profile has windows");
        let (one, other) = self.net.command(node, |state| state.create_pipe_with(window));
        let ends = self.ghost.pipe(window.bytes, [Place::Dropped, Place::Dropped], bit(node));
        self.note(|| format!("{node} creates {ends:?} with {window:?}"));
        self.hold(ends[0], node, one);
        self.hold(ends[1], node, other);
        self.after(node);
    }

    /// Sends some ports of the same node over `end`, unless nobody could ever read them.
    fn send_ports(&mut self, end: EndId, random: &mut Random) {
        let Some(node) = self.node_of(end) else { return };
        let near: Vec<EndId> = self.held.iter().copied().filter(|&other| self.node_of(other) == Some(node)).collect();
        let reader = self.ghost.peer(end);
        let mut cargo = Vec::new();
        for _ in 0..[1, 1, 1, 2, 3][random.below(5)] {
            let Some(port) = random.pick(&near) else { return };
            // An end in a queue that can only be read through the end itself would be lost to everybody.
            if port != end && !cargo.contains(&port) && !self.ghost.is_inside(reader, port) {
                cargo.push(port);
            }
        }
        if !cargo.is_empty() {
            let size = self.some_size(random).min(9000);
            self.send(end, cargo, random.below(20).saturating_sub(17), size);
        }
    }

    fn send(&mut self, end: EndId, cargo: Vec<EndId>, tokens: usize, size: usize) {
        let Some(node) = self.node_of(end) else { return };
        let stream = self.ghost.ends[end].tx;
        let handles: Vec<_> = (0..tokens).map(|_| self.net.book.make()).collect();
        let tokens: Vec<u64> = handles.iter().map(super::token::Token::id).collect();
        let isolated = cargo.iter().any(|&port| self.must_be_isolated(end, port));
        let keys = cargo.iter().map(|&port| self.release(port).1).collect();
        let seq = self.ghost.streams[stream].sent;
        let message = Message { payload: payload(stream, seq, size).into(), cargo: keys, handles };
        let Place::Held { key, .. } = &self.ghost.ends[end].place else { return };
        let result = self.net.command(node, |state| state.send(key, message));
        self.note(|| {
            format!(
                "{node} sends {size} bytes, {cargo:?} and {tokens:?} over {end} as {stream}/{seq}: {}",
                outcome(&result)
            )
        });
        match result {
            Ok(()) => {
                assert!(!isolated, "{end} takes {cargo:?} across, which lead elsewhere");
                self.stats.sent += 1;
                self.stats.moves += cargo.len() as u64;
                if self.profile.shortages && !tokens.is_empty() {
                    self.ghost.ends[end].touched |= SHORTAGE;
                }
                self.ghost.post(end, Letter { cargo, tokens, size });
            }
            Err(SendError { kind, message }) => {
                for (&port, key) in cargo.iter().zip(message.cargo) {
                    self.hold(port, node, key);
                }
                self.check_refused_send(end, &cargo, &kind);
                if kind == SendErrorKind::Full {
                    self.ghost.ends[end].blocked = true;
                }
            }
        }
        self.after(node);
    }

    /// Takes one message; says whether there was one.
    pub(super) fn receive(&mut self, end: EndId) -> bool {
        let Place::Held { node, ref key } = self.ghost.ends[end].place else { return false };
        let result = self.net.command(node, |state| state.receive(key));
        let some = match result {
            Ok(Some(message)) => {
                self.stats.read += 1;
                self.check_message(end, node, message);
                true
            }
            Ok(None) => {
                self.ghost.ends[end].idle = true;
                false
            }
            Err(reason) => {
                self.note(|| format!("{node} finds {end} ended: {reason:?}"));
                self.check_ended_read(end, &reason);
                false
            }
        };
        self.after(node);
        some
    }

    fn close(&mut self, end: EndId, random: &mut Random) {
        let code = random.below(3) as u32;
        let text = ["", "enough", "that is all that there was to say"][random.below(3)];
        let (node, key) = self.release(end);
        self.note(|| format!("{node} closes {end} with {code} {text:?}"));
        self.ghost.end(end, Place::Closed(CloseReason::closed(code, text)));
        self.net.command(node, |state| state.close(key, code, text));
        self.after(node);
    }

    fn try_merge(&mut self, one: EndId, random: &mut Random) {
        let node = self.node_of(one);
        let near: Vec<EndId> =
            self.held.iter().copied().filter(|&other| other != one && self.node_of(other) == node).collect();
        let Some(other) = random.pick(&near) else { return };
        let ring = self.ghost.peer(one) == other;
        let (far, beyond) = (self.ghost.peer(one), self.ghost.peer(other));
        // What waits at one end goes to the far side of the other, which must not wait in it itself, nor each far side
        // in what goes to the other.
        let inside = |end, what| self.ghost.is_inside(end, what);
        let lost = inside(beyond, one) || inside(far, other) || (inside(far, one) && inside(beyond, other));
        if (ring && !self.profile.rings) || (!ring && lost) {
            return;
        }
        let (node, a) = self.release(one);
        let (_, b) = self.release(other);
        match self.net.command(node, |state| state.merge(a, b)) {
            Ok(()) => {
                self.note(|| format!("{node} merges {one} and {other}"));
                self.stats.merges += 1;
                self.ghost.merge(one, other);
            }
            Err((error, a, b)) => {
                self.hold(one, node, a);
                self.hold(other, node, b);
                let expected = match error {
                    MergeError::WindowsDiffer => self.ghost.ends[one].window != self.ghost.ends[other].window,
                    MergeError::Isolated => {
                        self.stats.refused += 1;
                        self.may_be_isolated(one, &[other]) && self.may_be_isolated(other, &[one])
                    }
                    _ => false,
                };
                assert!(expected, "ends {one} and {other} could not be merged: {error}");
            }
        }
        self.after(node);
    }

    fn invite(&mut self, random: &mut Random) {
        let Some(by) = self.living(random) else { return };
        if self.standing.len() > 1 && self.is_forger(by) {
            return;
        }
        let pipes = random.between(1, 2) as u16;
        let (ours, theirs) = self.net.socket_pair();
        match self.net.command(by, |state| state.invite(ours, pipes)) {
            Ok((_, keys)) => {
                let to = self.add_node(Standing::Invited, Some(self.networks[by]));
                let ends = self.offer(by, to, keys);
                self.note(|| format!("{by} invites {to} with {ends:?}"));
                let handle = Some(theirs);
                self.invitations.push(Invitation { by, to, handle, ends, accepted: None, isolated: None });
                if self.profile.forger && to == self.profile.nodes - 1 {
                    self.make_forger(to, random);
                }
            }
            Err((InviteError::BrokerLost, _)) => {}
            Err((error, _)) => panic!("node {by} could not invite: {error}"),
        }
        self.after(by);
    }

    /// The pipes of an invitation to `to`; returns the far ends.
    pub(super) fn offer(&mut self, by: usize, to: usize, keys: Vec<Port>) -> Vec<EndId> {
        let window = self.profile.windows[0];
        let invitation = self.invitations.len();
        let mut ends = Vec::new();
        for key in keys {
            let places = [Place::Dropped, Place::Invited(invitation)];
            let pipe = self.ghost.pipe(window.bytes, places, bit(by) | bit(to));
            self.hold(pipe[0], by, key);
            ends.push(pipe[1]);
        }
        ends
    }

    /// Some invitee accepts.
    pub(super) fn accept(&mut self, some: usize) {
        let open: Vec<usize> = (0..self.invitations.len()).filter(|&i| self.invitations[i].handle.is_some()).collect();
        let Some(&invitation) = open.get(some % open.len().max(1)) else { return };
        let to = self.invitations[invitation].to;
        let Some(handle) = self.invitations[invitation].handle.take() else { return };
        if self.is_alive(to) {
            self.note(|| format!("{to} accepts"));
            let link = match self.invitations[invitation].isolated {
                Some(_) => self.accept_shared(to, handle),
                None => {
                    let accepted = self.net.command(to, |state| state.accept(handle));
                    accepted.unwrap_or_else(|_| panic!("node {to} could not accept"))
                }
            };
            self.invitations[invitation].accepted = Some(link);
            self.after(to);
        }
    }

    fn misfortune(&mut self, random: &mut Random) {
        let Some(node) = self.living(random) else { return };
        let Some(other) = self.living(random) else { return };
        match random.below(4) {
            0 if self.profile.crashes && (!self.is_broker(node) || random.chance(200)) => self.crash(node, random),
            1 if self.profile.cuts && node != other && !self.is_forger(node) && self.net.cut(node, other, random) => {
                self.note(|| format!("the link of {node} and {other} is cut"));
                self.stats.cuts += 1;
                self.cut.insert(pair(node, other));
            }
            2 if self.profile.refusals && node != other && !self.is_broker(node) && !self.is_broker(other) => {
                let names = (self.net.members[node].name, self.net.members[other].name);
                let broker = self.networks[node];
                if let (Some(one), Some(two), true) = (names.0, names.1, self.is_alive(broker)) {
                    self.note(|| format!("{node} and {other} may not meet"));
                    self.forbidden.insert(pair(node, other));
                    self.net.command(broker, |state| state.forbid_introduction(one, two));
                    self.after(broker);
                }
            }
            3 if self.profile.leaves && !self.is_broker(node) => self.leave(node),
            _ => {}
        }
    }

    /// A node shuts down in order.
    pub(super) fn leave(&mut self, node: usize) {
        if self.invitations.iter().any(|i| (i.by == node || i.to == node) && i.ends.iter().any(|&e| self.is_invited(e)))
        {
            return;
        }
        self.note(|| format!("{node} leaves"));
        let own: Vec<EndId> = self.held.iter().copied().filter(|&end| self.node_of(end) == Some(node)).collect();
        for end in own {
            self.release(end);
            self.ghost.end(end, Place::Closed(CloseReason::default()));
        }
        self.standing[node] = Standing::Leaving;
        self.net.command(node, TestNode::shutdown);
        self.after(node);
    }

    fn is_invited(&self, end: EndId) -> bool {
        matches!(self.ghost.ends[end].place, Place::Invited(_))
    }

    /// A node is gone without a word.
    pub(super) fn crash(&mut self, node: usize, random: &mut Random) {
        self.note(|| format!("{node} crashes"));
        self.stats.crashes += 1;
        self.standing[node] = Standing::Crashed;
        let own: Vec<EndId> = self.held.iter().copied().filter(|&end| self.node_of(end) == Some(node)).collect();
        for end in own {
            self.release(end);
            self.ghost.end(end, Place::Perished);
        }
        self.lose_invited(node);
        self.net.crash(node, random);
        self.absorb();
    }

    /// What `node` was invited to, and has not got, it never will.
    pub(super) fn lose_invited(&mut self, node: usize) {
        for invitation in 0..self.invitations.len() {
            if self.invitations[invitation].to == node {
                self.invitations[invitation].handle = None;
                for end in self.invitations[invitation].ends.clone() {
                    if self.is_invited(end) {
                        self.ghost.end(end, Place::Dropped);
                    }
                }
            }
        }
    }

    /// After a command: the node's outputs are done, and what was said is taken note of.
    pub(super) fn after(&mut self, node: usize) {
        self.net.drain(node);
        self.absorb();
    }

    /// Everything open is closed, in any order.
    pub(super) fn close_all(&mut self, random: &mut Random) {
        while let Some(end) = random.pick(&self.held) {
            self.close(end, random);
            for _ in 0..random.below(4) {
                self.progress(random);
            }
        }
    }
}

fn outcome<H>(result: &Result<(), SendError<H>>) -> String {
    match result {
        Ok(()) => "sent".into(),
        Err(error) => error.kind.to_string(),
    }
}
