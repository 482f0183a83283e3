//! What must hold when everything under way has arrived.

use crate::world::frames::kind;
use crate::world::ghost::{EndId, Nodes, Place};
use crate::world::random::Random;
use crate::world::{World, bit};

impl World {
    /// Lets everything arrive, and checks what must hold then.
    pub(in crate::world) fn settle(&mut self, random: &mut Random, read: bool) {
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
        if !(self.failures_happen() || self.profile.rings || self.profile.leaves || self.profile.isolated) {
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
                self.ghost.ends[end].moved = false;
            }
        }
    }
}
