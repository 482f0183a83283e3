//! The end of a run: everything is closed, everybody leaves, and nothing is left.

use crate::world::random::Random;
use crate::world::{Standing, World};

impl World {
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
