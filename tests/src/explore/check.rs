//! What must hold when nothing is under way.

use super::state::{Place, State};

impl State {
    /// Whether nothing is under way.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.asked.is_empty() && self.deliverable().next().is_none()
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

    /// L3: nothing is left.
    fn check_empty(&self) {
        for node in self.nodes.iter().flatten() {
            let census = node.census();
            let ports = census.active + census.detached + census.stubs + census.proxies + census.dead_proxies;
            assert_eq!(ports, 0, "L3: {census:?} when everything is closed");
        }
    }
}
