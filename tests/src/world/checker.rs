//! What must hold: at every message that is read, at every end that is reported, and when everything has arrived.
//!
//! The letters are those of the protocol's list of properties: S for what must hold always, L for what must come about.
//!
//! | property | where it is checked |
//! |---|---|
//! | S1 in order, once; S5 to the right end | `check_message`, at each read: the payload names its stream and its number |
//! | S2 nothing is lost without failures | `check_settled` |
//! | S3 a close comes after what was sent before it | `check_ended_read` |
//! | S4 nobody is closed whose peer was not; S13 a failure ends what used it only | `check_ended`, at each report |
//! | S6 a port is in one place | `check_message`, `hold`, and the census in `check_census` |
//! | S7 no Gone and nothing pended without failures | `check_quiet`, `check_census` |
//! | S8 no panic; honest nodes are not accused | `run`, and `hear` for each `BadPeer` and `BadRoute` |
//! | S9 bounds, and books that balance | `audit`, now and then and whenever all is quiet |
//! | S10 each handle is delivered or dropped once | [`Token`] in the core's hands, `check_message`, `finish` |
//! | S11 credit is conserved | `check_route` |
//! | S12 the same seed does the same | [`run_many`](super::run::run_many), for some seeds |
//! | L1 collapse | `check_census`, `check_route` |
//! | L2 ends and losses are noticed; L5 waiting senders go on | `check_signals`, `check_settled` |
//! | L3 nothing is left; L6 leaving comes to an end | `finish` |
//! | L4 it comes to rest | `settle` |
//! | L7 each search for a node ends | `check_census` |
//!
//! Worlds with a dishonest node check what is said of pipes that it never touched; how much is left where it was is the
//! business of the limits.

use mage_proto::{CloseReason, Loss, Message, Output, PortId, RouteError, SendErrorKind};

use super::frames::kind;
use super::ghost::{EndId, Nodes, Place};
use super::random::Random;
use super::script::Profile;
use super::token::Token;
use super::{BROKER, SHORTAGE, Standing, World, bit, pair};

/// The payload of the message `seq` of a stream, told apart from all others by every part of it.
#[must_use]
pub fn payload(stream: usize, seq: u64, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size.max(16));
    bytes.extend((stream as u64).to_le_bytes());
    bytes.extend(seq.to_le_bytes());
    let key = (stream as u64).wrapping_mul(31).wrapping_add(seq);
    bytes.extend((16..size).map(|at| (at as u64 / 64).wrapping_add(key) as u8));
    bytes
}

impl World {
    /// Takes note of everything that the nodes have said.
    pub(super) fn absorb(&mut self) {
        while let Some((node, output)) = self.net.news.pop_front() {
            self.hear(node, output);
        }
    }

    fn hear(&mut self, node: usize, output: Output<Token>) {
        match output {
            Output::Readable(port) => {
                if let Some(end) = self.end_at(node, port) {
                    self.ghost.ends[end].idle = false;
                }
            }
            Output::Writable(port) => {
                if let Some(end) = self.end_at(node, port) {
                    self.ghost.ends[end].blocked = false;
                }
            }
            Output::Ended { port, reason } => {
                let Some(end) = self.end_at(node, port) else { return };
                self.note(|| format!("{node} hears that {end} ended: {reason:?}"));
                self.ghost.ends[end].told = true;
                self.check_ended(end, &reason);
            }
            Output::InitialPort { index, port, .. } => {
                let invitation = self.invitations.iter().find(|invitation| invitation.to == node);
                let end = invitation.expect("an invitation").ends[usize::from(index)];
                self.hold(end, node, port);
            }
            Output::Accepted { .. } => {
                self.note(|| format!("{node} has joined"));
                self.standing[node] = Standing::Joined;
                self.name(node);
            }
            Output::AcceptFailed { reason, .. } => {
                self.note(|| format!("{node} could not join: {reason}"));
                assert!(self.failures_happen(), "node {node} could not join: {reason}");
                self.crash(node, &mut Random::new(0));
            }
            Output::Invited { node: name, .. } => {
                self.note(|| format!("{node} has invited {name:?}"));
            }
            Output::InviteFailed { reason, .. } => {
                self.note(|| format!("an invitation by {node} failed: {reason}"));
                assert!(self.failures_happen(), "an invitation by {node} failed: {reason}");
            }
            Output::NodeLost { node: name, after_bye } => {
                self.note(|| format!("{node} lost {name:?}, after its bye: {after_bye}"));
                assert!(after_bye || self.failures_happen(), "node {node} lost {name:?}, but nothing has failed");
            }
            Output::BadPeer { node: name, violation, .. } => {
                self.note(|| format!("{node} says of {name:?}: {violation}"));
                self.stats.violations += 1;
                let who = name.and_then(|name| self.names.get(&name).copied());
                let forged = self.profile.forger && who.is_none_or(|who| self.is_forger(who) || self.is_forger(node));
                assert!(forged, "node {node} says that {who:?} broke the protocol: {violation}");
            }
            Output::BadRoute { port, error, .. } => {
                let end = port.and_then(|port| self.ports[node].get(&port).copied());
                self.note(|| format!("{node} says of the route of {end:?}: {error}"));
                self.stats.route_errors += 1;
                let full = matches!(error, RouteError::Overrun { .. } | RouteError::CreditOverflow { .. });
                let merged = full && self.profile.merges;
                assert!(self.profile.forger || merged, "node {node} says of the route of {end:?}: {error}");
            }
            Output::BrokerLost => {
                let leaving = |node: usize| !matches!(self.standing[node], Standing::Joined);
                let left = leaving(BROKER) || leaving(node);
                assert!(left || self.failures_happen(), "node {node} lost the broker, but nothing has failed");
            }
            Output::Drained => {
                self.note(|| format!("{node} has left"));
                assert_eq!(self.standing[node], Standing::Leaving, "node {node} has left without being asked");
                // Whom it could not reach then, it never could.
                for other in (0..self.standing.len()).filter(|&other| other != node) {
                    if self.is_broken(node, other) {
                        self.cut.insert(pair(node, other));
                    }
                }
                self.standing[node] = Standing::Left;
                self.net.remove(node);
            }
            other => panic!("node {node} says {other:?}"),
        }
    }

    /// The end that an output names. An application that is leaving has given all away already, and what comes over
    /// a dishonest route is closed at once.
    fn end_at(&self, node: usize, port: PortId) -> Option<EndId> {
        let end = self.ports[node].get(&port).copied();
        let known = end.is_some() || self.standing[node] == Standing::Leaving || self.profile.forger;
        assert!(known, "node {node} names {port:?}, which is nobody's");
        end
    }

    /// Whether anything may go wrong that is not the fault of the protocol.
    fn failures_happen(&self) -> bool {
        let Profile { crashes, cuts, refusals, forger, shortages, .. } = self.profile;
        crashes || cuts || refusals || forger || shortages
    }

    /// S1, S2, S5, S10: a message is the next that was sent, whole, and came to the right end.
    pub(super) fn check_message(&mut self, end: EndId, node: usize, message: Message<Token>) {
        if self.ghost.is_tainted(end) {
            return self.drop_tainted(end, message);
        }
        self.ghost.advance(end);
        let stream = self.ghost.ends[end].rx;
        let seq = self.ghost.streams[stream].read;
        let letter = self.ghost.streams[stream].letters.pop_front();
        let letter = letter.unwrap_or_else(|| panic!("{end} reads more than was sent on {stream}"));
        self.note(|| format!("{node} reads {stream}/{seq} at {end} with {:?}", letter.cargo));
        let expected = payload(stream, seq, letter.size);
        assert!(
            *message.payload == *expected,
            "{end} reads {:?} instead of {stream}/{seq}",
            message.payload.get(..16).map(|head| (head[0], head[8])),
        );
        self.ghost.streams[stream].read += 1;
        let tokens: Vec<u64> = message.handles.iter().map(Token::id).collect();
        assert_eq!(tokens, letter.tokens, "the handles of {stream}/{seq}");
        assert_eq!(message.cargo.len(), letter.cargo.len(), "the ports of {stream}/{seq}");
        let touched = self.ghost.touched(end);
        for (port, key) in letter.cargo.into_iter().zip(message.cargo) {
            assert!(matches!(self.ghost.ends[port].place, Place::Cargo(s) if s == stream), "{port} is in two places");
            self.ghost.ends[port].touched |= touched;
            self.hold(port, node, key);
        }
    }

    /// A message over a route that a dishonest node had to do with: it promises nothing, so the end is closed. (To go
    /// on with it one would have to know what else waits there, to send no port into its own queue.)
    fn drop_tainted(&mut self, end: EndId, message: Message<Token>) {
        let (node, key) = self.release(end);
        self.note(|| format!("{node} closes {end}, which a dishonest node had to do with"));
        self.ghost.end(end, Place::Closed(CloseReason::default()));
        for key in message.cargo.into_iter().chain([key]) {
            self.net.command(node, |state| state.close(key, 0, ""));
        }
    }

    /// S3: when an end says that it is over, everything that was sent before was read.
    pub(super) fn check_ended_read(&mut self, end: EndId, reason: &CloseReason) {
        self.check_ended(end, reason);
        if matches!(reason, CloseReason::Closed { .. }) && !self.ghost.is_tainted(end) {
            assert!(
                self.ghost.is_read(end),
                "{end} is closed before everything was read: {:?}",
                self.ghost.incoming(end)
            );
        }
        self.ghost.lose_rest(end);
    }

    /// S4, S13: an end is closed only if its peer was, and lost only if something failed on its way.
    pub(super) fn check_ended(&mut self, end: EndId, reason: &CloseReason) {
        if self.ghost.is_tainted(end) {
            return;
        }
        let peer = self.ghost.peer(end);
        match reason {
            CloseReason::Closed { .. } => {
                let honest = match &self.ghost.ends[peer].place {
                    Place::Closed(said) => said == reason,
                    Place::Dropped => *reason == CloseReason::default(),
                    // The message that it was in could not be delivered.
                    Place::Cargo(_) => *reason == CloseReason::default() && self.may_be_lost(peer),
                    Place::Held { .. } | Place::Invited(_) | Place::Merged | Place::Perished => false,
                };
                assert!(honest, "{end} is {reason:?}, but its peer {peer} is {:?}", self.ghost.ends[peer].place);
            }
            CloseReason::Lost(loss) => {
                self.stats.lost += 1;
                let full = self.profile.merges && matches!(loss, Loss::Violation);
                let short = self.profile.shortages && matches!(loss, Loss::Exhausted);
                assert!(full || short || matches!(loss, Loss::Node), "{end} is lost: {loss:?}");
                assert!(full || self.may_be_lost(end), "{end} is lost, but nothing has failed on its way to {peer}");
            }
        }
    }

    /// Whether something failed that the route of `end` may have used.
    fn may_be_lost(&self, end: EndId) -> bool {
        if !self.failures_happen() {
            return false;
        }
        // When rings and overruns are dissolved, the loss comes from the peer's side; then the peer is gone as well.
        let touched = self.ghost.touched(end);
        if touched & SHORTAGE != 0 {
            return true;
        }
        let nodes: Vec<usize> = (0..self.standing.len()).filter(|&node| touched & bit(node) != 0).collect();
        nodes.iter().any(|&node| self.standing[node] == Standing::Crashed || self.standing[node] == Standing::Invited)
            || nodes.iter().any(|&a| nodes.iter().any(|&b| a < b && self.is_broken(a, b)))
    }

    /// Whether two nodes cannot reach each other, or could not once.
    fn is_broken(&self, a: usize, b: usize) -> bool {
        if self.cut.contains(&pair(a, b)) {
            return true;
        }
        let left = |node| self.standing[node] == Standing::Left;
        if left(a) || left(b) {
            return false;
        }
        let reaches_broker =
            |node| node == BROKER || (self.net.linked(node, BROKER) && !self.cut.contains(&pair(node, BROKER)));
        let broker = self.is_alive(BROKER) && reaches_broker(a) && reaches_broker(b);
        let unlucky = self.profile.refusals || self.profile.shortages;
        let refused = self.forbidden.contains(&pair(a, b)) || unlucky || !broker;
        !self.net.linked(a, b) && refused
    }

    /// Whether the far side of `end` may be closed or gone, whoever knows it.
    pub(super) fn may_have_ended(&self, end: EndId) -> bool {
        let gone = match self.ghost.ends[self.ghost.peer(end)].place {
            Place::Held { .. } | Place::Cargo(_) | Place::Merged => false,
            Place::Invited(_) | Place::Closed(_) | Place::Dropped | Place::Perished => true,
        };
        gone || self.ghost.is_tainted(end) || self.profile.merges || self.may_be_lost(end)
    }

    /// A send that did not succeed had a reason.
    pub(super) fn check_refused_send(&mut self, end: EndId, kind: &SendErrorKind) {
        if self.ghost.is_tainted(end) {
            return;
        }
        match kind {
            SendErrorKind::Closed(_) => {
                assert!(self.may_have_ended(end), "{end} is closed for sending, but not its peer")
            }
            SendErrorKind::Full => {}
            kind => panic!("{end} cannot send: {kind}"),
        }
    }

    /// Lets everything arrive, and checks what must hold then.
    pub(super) fn settle(&mut self, random: &mut Random, read: bool) {
        while self.invitations.iter().any(|invitation| invitation.handle.is_some()) {
            self.accept(0);
        }
        let before = self.net.counts.clone();
        let mut left: u64 = 3_000_000;
        loop {
            while self.progress(random) {
                left = left.checked_sub(1).expect("L4: the network comes to rest");
            }
            if !(read && self.read_all()) {
                break;
            }
        }
        // L4: nothing goes back and forth for ever.
        let frames: u64 = self.net.counts.frames.iter().zip(before.frames).map(|(now, then)| now - then).sum();
        assert!(frames < 20_000, "L4: {frames} frames until the network came to rest");
        self.note(|| format!("all is quiet, everything read: {read}"));
        self.check_quiet(read);
    }

    /// Every application reads everything; says whether there was anything.
    fn read_all(&mut self) -> bool {
        let mut some = false;
        let mut place = 0;
        while let Some(&end) = self.held.get(place) {
            while self.is_held(end) && self.receive(end) {
                some = true;
            }
            place += 1;
        }
        some
    }

    fn is_held(&self, end: EndId) -> bool {
        self.ghost.is_held(end)
    }

    fn check_quiet(&mut self, read: bool) {
        (0..self.standing.len()).filter(|&node| self.is_alive(node)).for_each(|node| self.audit(node));
        for node in 0..self.standing.len() {
            if self.is_alive(node) && !self.profile.forger {
                self.check_census(node, read);
            }
        }
        // A ring is dissolved by Gone, and a stub may hear of a node that has left when nobody needs it any more.
        if !(self.failures_happen() || self.profile.rings || self.profile.leaves) {
            assert_eq!(self.net.counts.of(kind::GONE), 0, "S7: a Gone in a run without failures");
        }
        for end in self.held.clone() {
            if !self.ghost.is_tainted(end) {
                self.check_signals(end);
                self.check_route(end, read);
                if read {
                    self.check_settled(end);
                }
            }
        }
        if read && !self.profile.forger {
            self.forget_routes();
        }
    }

    /// L1, L7, S7: nothing but ends is left, and nobody is looked for any more.
    fn check_census(&mut self, node: usize, read: bool) {
        let census = self.net.living(node).census();
        let routed = census.stubs + census.proxies + census.dead_proxies + census.pending;
        assert_eq!(routed, 0, "L1: node {node} has {census:?} when all is quiet");
        assert_eq!(census.links, census.nodes, "L7: node {node} has {census:?} when all is quiet");
        if read {
            let ends = self.ports[node].len();
            let invited = self.invitations.iter().filter(|i| i.by == node).flat_map(|i| &i.ends);
            let invited = invited.filter(|&&end| matches!(self.ghost.ends[end].place, Place::Invited(_))).count();
            assert_eq!(census.active + census.detached, ends + invited, "node {node} has {census:?} and {ends} ends");
        }
    }

    /// Whoever waits has been told when there is no reason to wait any more.
    fn check_signals(&mut self, end: EndId) {
        let Place::Held { node, ref key } = self.ghost.ends[end].place else { return };
        let state = self.net.living(node);
        let (readable, writable, ended) = (state.is_readable(key), state.is_writable(key), state.ended(key).is_some());
        let told = &self.ghost.ends[end];
        assert!(!(told.idle && readable), "{end} is readable, and nobody said so");
        assert!(!(told.blocked && writable), "L5: {end} is writable, and nobody said so");
        assert!(told.told || !ended, "L2: {end} has ended, and nobody said so");
    }

    /// S2, L2, L5: when all is quiet and read, two ends are whole together or over together.
    fn check_settled(&mut self, end: EndId) {
        let Place::Held { node, ref key } = self.ghost.ends[end].place else { return };
        let peer = self.ghost.peer(end);
        let ended = self.net.living(node).ended(key).cloned();
        match &self.ghost.ends[peer].place {
            Place::Held { node: far, key } => {
                let far = self.net.living(*far).ended(key).cloned();
                assert_eq!(ended.is_some(), far.is_some(), "L2: {end} is {ended:?}, its peer {peer} is {far:?}");
                if ended.is_none() {
                    assert!(self.ghost.is_read(end), "S2: {end} has not got everything that {peer} sent");
                    let Place::Held { node, ref key } = self.ghost.ends[end].place else { return };
                    assert!(self.net.living(node).is_writable(key), "L5: all is read, and {end} cannot send");
                }
            }
            Place::Closed(_) | Place::Dropped | Place::Perished => {
                assert!(ended.is_some(), "L2: {end} does not know that its peer {peer} is gone");
            }
            place @ (Place::Cargo(_) | Place::Invited(_) | Place::Merged) => {
                panic!("all is read, and {peer}, the peer of {end}, is {place:?}");
            }
        }
    }

    /// What is whole when all is quiet depends on its two nodes only from then on.
    fn forget_routes(&mut self) {
        for end in self.held.clone() {
            let peer = self.ghost.peer(end);
            let whole = !self.ghost.ends[end].told && !self.ghost.ends[peer].told;
            if let (Some(here), Some(_), true) = (self.node_of(end), self.node_of(peer), whole) {
                let here: Nodes = bit(here);
                self.ghost.ends[end].touched = here;
            }
        }
    }

    /// L3, L6, S10: everything is closed, everybody leaves, and nothing is left.
    pub fn finish(&mut self, random: &mut Random) {
        self.settle(random, true);
        self.close_all(random);
        self.settle(random, true);
        for node in 0..self.standing.len() {
            if self.is_alive(node) && !self.profile.forger {
                let census = self.net.living(node).census();
                assert_eq!(census.active + census.detached, 0, "L3: node {node} has {census:?} when all is closed");
            }
        }
        if self.profile.forger {
            return self.finish_dishonest(random);
        }
        let mut nodes: Vec<usize> = (0..self.standing.len()).filter(|&node| self.is_alive(node)).collect();
        while !nodes.is_empty() {
            let node = nodes.swap_remove(random.below(nodes.len()));
            let census = self.net.living(node).census();
            let ports = census.active + census.stubs + census.proxies + census.dead_proxies + census.detached;
            assert_eq!(ports, 0, "L3: node {node} has {census:?} when all is closed");
            self.leave(node);
            self.settle(random, true);
            assert_eq!(self.standing[node], Standing::Left, "L6: node {node} does not come to an end");
        }
        let alive = self.net.book.alive();
        assert!(alive.is_empty(), "S10: {} handles were never dropped: {alive:?}", alive.len());
    }

    /// What a dishonest node made others believe may keep stubs and proxies of its own routes, and messages pended
    /// there with the ports in them, but nothing else.
    fn finish_dishonest(&mut self, random: &mut Random) {
        let forger = (0..self.standing.len()).find(|&node| self.is_forger(node));
        if let Some(forger) = forger.filter(|&node| self.is_alive(node)) {
            self.crash(forger, random);
            self.settle(random, true);
        }
        for node in (0..self.standing.len()).filter(|&node| self.is_alive(node)) {
            let census = self.net.living(node).census();
            let ends = census.active + census.detached;
            assert!(ends == 0 || census.pending > 0, "L3: node {node} has {census:?} when all is closed");
        }
    }
}
