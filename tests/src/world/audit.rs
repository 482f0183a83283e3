//! What must hold inside a node: that its books are right, that its bounds hold, and that routes are what they seem.

use mage_proto::Address;
use mage_proto::inspect::{CreditView, PortState, PortView, Tally};

use super::World;
use super::ghost::{EndId, Place};

impl World {
    /// S9: every queue is within its bound, and what is charged is what there is.
    pub(super) fn audit(&self, node: usize) {
        let state = self.net.living(node);
        let limits = state.limits();
        for port in state.port_views() {
            balanced(node, "unread at a port", port.unread);
            if let Some(CreditView { window, .. }) = port.credit {
                // The last message before the bound may pass it with what its ports and handles cost.
                let most = limits.hard_cap(window) + 64 + 256 * u64::from(limits.cargo + limits.handles);
                assert!(port.unread.found <= most, "S9: {} bytes wait at one port of {node}", port.unread.found);
                assert!(port.queued <= window.messages as usize * 4 + 1, "S9: {} messages wait", port.queued);
            }
            for pended in &port.pended {
                let most = u64::from(limits.max_window.bytes) + u64::from(limits.max_message);
                let local = pended.from.node == state.name();
                let few = pended.controls <= u64::from(limits.pended_controls) && pended.bytes <= most;
                assert!(local || few, "S9: {pended:?} at {node}");
            }
        }
        balanced(node, "messages in queues", state.queued());
        for link in state.link_views() {
            balanced(node, "ports of a link", link.ports);
            balanced(node, "bytes held for a link", link.held);
            balanced(node, "bytes pended for a link", link.pended);
            assert!(link.held.found <= limits.link_bytes, "S9: {} bytes of one link at {node}", link.held.found);
        }
    }

    /// L1, S11: a settled pipe runs straight between its ends, and its credit is all there.
    pub(super) fn check_route(&self, end: EndId, read: bool) {
        let (Some((here, one)), Some((there, other))) = (self.view(end), self.view(self.ghost.peer(end))) else {
            return;
        };
        if one.state != PortState::Active || other.state != PortState::Active {
            return;
        }
        let far = other.name.map(|port| (Some(there), port));
        let place = |address: Option<Address>| address.map(|to| (self.place_of(here, to), to.port));
        assert_eq!(place(one.sends_to), far, "L1: {end} does not send to its peer, but all is quiet");
        assert_eq!(place(one.writer), far, "L1: {end} does not hear its peer, but all is quiet");
        if let (true, Some(sender), Some(reader)) = (read, one.credit, other.credit) {
            let (window, sum) = (i64::from(sender.window.bytes), sender.send.0 + reader.owed.0);
            let (messages, count) = (sender.window.messages as i32, sender.send.1 + reader.owed.1);
            if self.ghost.ends[end].merged {
                assert!(sum >= window && count >= messages, "S11: {end} lost credit in a merge: {sender:?} {reader:?}");
            } else {
                assert_eq!((sum, count), (window, messages), "S11: the credit of {end}: {sender:?} {reader:?}");
                assert_eq!(sender.send, reader.granted, "S11: the credit of {end}: {sender:?} {reader:?}");
            }
        }
    }

    fn view(&self, end: EndId) -> Option<(usize, PortView)> {
        let Place::Held { node, ref key } = self.ghost.ends[end].place else { return None };
        let state = self.net.living(node);
        state.port_views().into_iter().find(|port| port.id == key.id()).map(|port| (node, port))
    }
}

fn balanced(node: usize, what: &str, tally: Tally) {
    assert_eq!(tally.kept, tally.found, "S9: {what} at {node}");
}
