//! What must hold in every state, and what when nothing is under way. The letters are those of [`crate::world::checker`].

use mage_proto::Address;
use mage_proto::inspect::{PortState, PortView};

use super::state::{Place, State, TestNode, User};

impl State {
    /// Whether nothing is under way.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.asked.is_empty() && self.deliverable().next().is_none()
    }

    /// S6, S9, S11: what must hold in every state. (S1, S4, S7 and honest nodes' good name are checked as things happen.)
    ///
    /// # Panics
    ///
    /// When something does not hold.
    pub fn audit(&self) {
        for (place, end) in self.ends.iter().enumerate() {
            let held = |other: &super::state::End| matches!(end.place, Place::Held(..)) && other.place == end.place;
            assert!(!self.ends[..place].iter().any(held), "S6: {end:?} is held twice");
        }
        for node in self.nodes.iter().flatten() {
            let queued = node.queued();
            assert_eq!(queued.kept, queued.found, "S9: messages are in nobody's queue");
            for port in node.port_views() {
                assert_eq!(port.unread.kept, port.unread.found, "S9: {port:?}");
                if let (Some(credit), 0) = (port.credit, self.merged()) {
                    let (bytes, messages) = (i64::from(credit.window.bytes), i64::from(credit.window.messages));
                    for (kept, count) in [credit.send, credit.granted, credit.owed] {
                        assert!(kept <= bytes && i64::from(count) <= messages, "S11: credit grew at {port:?}");
                    }
                }
            }
            for link in node.link_views() {
                for tally in [link.ports, link.held, link.pended] {
                    assert_eq!(tally.kept, tally.found, "S9: {link:?}");
                }
            }
        }
    }

    /// How many ends were merged.
    fn merged(&self) -> usize {
        self.ends.iter().filter(|end| end.place == Place::Merged).count()
    }

    /// Checks a state in which nothing is under way: as it is, when everything was read, and when everything was closed.
    ///
    /// # Panics
    ///
    /// When something does not hold.
    pub fn check_quiet(&self) {
        let mut state = self.clone();
        state.check_collapsed();
        state.read_all();
        state.come_to_rest();
        state.read_all();
        state.check_collapsed();
        state.check_ends();
        state.check_routes();
        state.close_all();
        state.come_to_rest();
        state.check_empty();
    }

    /// L1, L7: only ends are left, and nobody is looked for.
    fn check_collapsed(&self) {
        for node in self.nodes.iter().flatten() {
            let census = node.census();
            let routed = census.proxies + census.dead_proxies + census.stubs + census.pending;
            assert_eq!(routed, 0, "L1: {census:?}");
            assert_eq!(census.nodes, census.links, "L7: {census:?}");
        }
    }

    fn read_all(&mut self) {
        for end in 0..self.ends.len() {
            while matches!(self.ends[end].place, Place::Held(..)) && self.read(end) {}
        }
    }

    /// S2, L2, L5: two ends are whole together, or over together.
    fn check_ends(&mut self) {
        for end in 0..self.ends.len() {
            let Some((ended, writable)) = self.look(end) else { continue };
            let peer = self.ends[end].peer;
            match self.ends[peer].place {
                Place::Held(..) => {
                    let far = self.look(peer).map(|(ended, _)| ended);
                    assert_eq!(Some(ended), far, "L2: end {end} and its peer {peer}");
                    assert!(!ended || self.failed, "L2: {end} and {peer} are over, but nothing has failed");
                    if !ended {
                        assert!(self.ends[end].due.is_empty(), "S2: end {end} misses {:?}", self.ends[end].due);
                        assert!(writable, "L5: end {end} cannot send, and everything is read");
                    }
                }
                Place::Travelling(..) => panic!("end {peer} travels for ever"),
                Place::Closed | Place::Merged => {
                    assert!(ended, "L2: end {end} does not know that its peer {peer} is closed");
                    assert!(self.failed || self.ends[end].due.is_empty(), "S3: end {end} misses what came before");
                }
                Place::Lost => assert!(ended, "L2: end {end} does not know that its peer {peer} is lost"),
            }
        }
    }

    /// L1, S11: a pipe runs straight between its ends, and when all is read its credit is all there.
    fn check_routes(&self) {
        for (place, end) in self.ends.iter().enumerate() {
            let (Some((_, one)), Some((there, other))) = (self.view(place), self.view(end.peer)) else { continue };
            if (one.state, other.state) != (PortState::Active, PortState::Active) {
                continue;
            }
            let far = other.name.map(|port| Address { node: there.name(), port });
            assert_eq!((one.sends_to, one.writer), (far, far), "L1: {place} is not joined with its peer");
            if let (Some(sender), Some(reader), 0) = (one.credit, other.credit, self.merged()) {
                let whole = (i64::from(sender.window.bytes), i64::from(sender.window.messages));
                let sum = (sender.send.0 + reader.owed.0, i64::from(sender.send.1 + reader.owed.1));
                assert_eq!(sum, whole, "S11: the credit of {place}: {sender:?} {reader:?}");
                assert_eq!(sender.send, reader.granted, "S11: the credit of {place}: {sender:?} {reader:?}");
            }
        }
    }

    fn view(&self, end: usize) -> Option<(&TestNode, PortView)> {
        let Place::Held(node, port) = self.ends[end].place else { return None };
        let node = self.nodes[node].as_ref()?;
        node.port_views().into_iter().find(|view| view.id == port).map(|view| (node, view))
    }

    /// Whether an end that is held is over, and whether it can send.
    fn look(&mut self, end: usize) -> Option<(bool, bool)> {
        let Place::Held(node, port) = self.ends[end].place else { return None };
        let key = self.key(node, port);
        let node = self.node(node);
        Some((node.ended(&key).is_some(), node.is_writable(&key)))
    }

    fn close_all(&mut self) {
        for end in 0..self.ends.len() {
            if matches!(self.ends[end].place, Place::Held(..)) {
                self.close(end);
            }
        }
        for ((node, _), port) in std::mem::take(&mut self.roads) {
            if self.is_alive(node) {
                let key = self.key(node, port);
                self.node(node).close(key, 0, "");
                self.drain(node);
            }
        }
    }

    /// L3, S10: nothing is left, and no handle was forgotten.
    fn check_empty(&self) {
        for socket in &self.sockets {
            assert!(!socket.users.contains(&User::Nobody), "S10: a handle that nobody has: {socket:?}");
        }
        for node in self.nodes.iter().flatten() {
            let census = node.census();
            let ports = census.active + census.detached + census.stubs + census.proxies + census.dead_proxies;
            assert_eq!(ports, 0, "L3: {census:?} when everything is closed");
        }
    }
}
