//! What a node holds, counted: for tests that look for leaks.

use super::Node;
use crate::name::NameSource;
use crate::port::{Entry, State};

impl<H, S: NameSource> Node<H, S> {
    /// How many ports, links and other nodes this node knows, for tests of leaks.
    #[must_use]
    pub fn census(&self) -> Census {
        let mut census = Census { links: self.links.len(), nodes: self.nodes.len(), ..Census::default() };
        for (_, entry) in self.ports.iter() {
            census.count(entry);
        }
        census
    }
}

/// What a node holds, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// Ends of pipes with a route.
    pub active: usize,
    /// Closed ends that wait for the last routing events.
    pub stubs: usize,
    /// Ports that moved on and pass events after.
    pub proxies: usize,
    /// Proxies whose route failed.
    pub dead_proxies: usize,
    /// Ends without a route that an application or a message still holds.
    pub detached: usize,
    /// Events kept for senders that may not write yet: ports that keep some.
    pub pending: usize,
    /// Connections.
    pub links: usize,
    /// Other nodes that are linked or sought.
    pub nodes: usize,
}

impl Census {
    fn count<H>(&mut self, entry: &Entry<H>) {
        let of = match entry {
            Entry::Detached(_) => &mut self.detached,
            Entry::Routed(port) => {
                if port.pending.is_some() {
                    self.pending = self.pending.saturating_add(1);
                }
                match &port.state {
                    State::Active(_) => &mut self.active,
                    State::Stub(_) => &mut self.stubs,
                    State::Proxy(_) => &mut self.proxies,
                    State::Dead { .. } => &mut self.dead_proxies,
                }
            }
        };
        *of = of.saturating_add(1);
    }
}
