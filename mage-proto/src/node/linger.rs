//! Stubs and dead proxies linger until another node has said its last word. Whoever has to say it is charged for them.
//!
//! A node that never says it would otherwise have its neighbours keep a stub for each pipe that they close. Most
//! lingering ports may not be thrown out, because an honest node that is slow looks the same. Those that hold a poisoned
//! sender may: their route was broken by somebody, and no word that they still get will mend it.

use alloc::vec::Vec;

use super::{Node, Reach};
use crate::close::Loss;
use crate::id::LinkId;
use crate::id::PortId;
use crate::name::NameSource;
use crate::port::{Entry, Port, State};

impl<H, S: NameSource> Node<H, S> {
    /// Charges the link of the node that a lingering port waits for, unless the link that put it here is charged
    /// already. A link with more ports than it may have loses those that no honest node needs.
    pub(super) fn charge_lingering(&mut self, id: PortId) {
        let Some(port) = self.ports.get(id) else { return };
        let owner = port.owner.or_else(|| self.awaited(port));
        let charged = port.owner.is_some();
        let Some(owner) = owner else { return };
        if let Some(port) = self.ports.get_mut(id) {
            port.owner = Some(owner);
        }
        let limit = self.limits.ports_per_link;
        let Some(link) = self.link_mut(owner) else { return };
        link.ports = link.ports.saturating_add(u32::from(!charged));
        if link.ports <= limit {
            link.swept = 0;
        } else if link.ports > link.swept.saturating_add(limit / 8) {
            // To look through all ports for each that lingers would be an attack of its own.
            self.evict(owner);
        }
    }

    /// The link over which the last word to a port will come.
    fn awaited(&self, port: &Port<H>) -> Option<LinkId> {
        let neighbours = port.sends_to().into_iter().chain([port.writer.address()]);
        neighbours.filter(|neighbour| neighbour.node != self.name).find_map(|neighbour| {
            match self.nodes.get(&neighbour.node) {
                Some(Reach::Linked(link)) => Some(*link),
                Some(Reach::Sought { .. }) | None => None,
            }
        })
    }

    fn evict(&mut self, owner: LinkId) {
        let lingering: Vec<PortId> =
            self.ports.iter().filter(|(_, entry)| is_evictable(entry, owner)).map(|of| of.0).collect();
        for id in lingering {
            match self.ports.get(id).map(|port| &port.state) {
                Some(State::Stub(_)) => self.fail(id, None, Loss::Limit),
                Some(State::Dead { .. }) => self.remove(id),
                Some(State::Active(_) | State::Proxy(_)) | None => {}
            }
        }
        if let Some(link) = self.link_mut(owner) {
            link.swept = link.ports;
        }
    }
}

fn is_evictable<H>(entry: &Entry<H>, of: LinkId) -> bool {
    match entry {
        Entry::Routed(Port { owner, pending: Some(pending), state: State::Stub(_) | State::Dead { .. }, .. }) => {
            *owner == Some(of) && pending.holds_poisoned()
        }
        Entry::Routed(_) | Entry::Detached(_) => false,
    }
}
