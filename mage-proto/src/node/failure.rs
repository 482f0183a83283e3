//! Disorderly ends: a route breaks, a node is lost.
//!
//! Each neighbour of a failed port is told once; it tells its own. In the scene `target_crashes` the proxy B has told A of
//! a port that will never exist, and both must end:
//!
//! ```text
//! Y sends B to Z
//!     B@Y -> A@X: Handoff{B'@Z, unsure}
//! the message with the port is still under way
//! Z crashes
//!     X: XZ ended: lost: a process on the route is gone
//!     X: A ended: lost: a process on the route is gone
//!     X: Z is lost
//!     Y: YZ ended: lost: a process on the route is gone
//!     Y: Z is lost
//!     A@X -> B@Y: Gone
//!     B@Y -> A@X: Gone
//!     A@X -> B@Y: Gone{reply}
//! ```
//!
//! A failed proxy stays as a dead one until it knows who would have written next, so that this one is told too.
//! Events that are pended at it and say how the route runs are kept for the same reason.
//!
//! The node of a proxy that both ends still need is gone, scene `middle_crashes`:
//!
//! ```text
//! Y sends B to Z
//!     YZ@Y -> ZY@Z: Data{"a port", B' (after B, to A@X)}
//! Z sends "never read" from B
//! Y crashes
//!     Z: ZY ended: lost: a process on the route is gone
//!     Z: B ended: lost: a process on the route is gone
//!     Z: Y is lost
//!     B@Y -> A@X: Handoff{B'@Z, unsure}
//!     B'@Z -> A@X: Hello{B'@Z}
//!     X: XY ended: lost: a process on the route is gone
//!     X: Y is lost
//!     B'@Z -> A@X: Data{"never read"}
//!     B'@Z -> A@X: Gone
//!     X: A ended: lost: a process on the route is gone
//!     A@X -> B'@Z: Gone
//!     B'@Z -> A@X: Gone{reply}
//! ```
//!
//! … and one that nobody needs any more, scene `middle_crashes_late`:
//!
//! ```text
//! Y sends B to Z
//!     B@Y -> A@X: Handoff{B'@Z, unsure}
//!     YZ@Y -> ZY@Z: Data{"a port", B' (after B, to A@X)}
//!     B'@Z -> A@X: Hello{B'@Z}
//!     A@X -> B@Y: End
//!     B@Y -> B'@Z: Handoff{A@X, sure}
//! Y crashes
//!     X: XY ended: lost: a process on the route is gone
//!     X: Y is lost
//!     Z: ZY ended: lost: a process on the route is gone
//!     Z: Y is lost
//! X sends "nobody minds" from A
//!     A@X -> B'@Z: Data{"nobody minds"}
//! ```

use alloc::vec::Vec;

use super::{Node, Reach};
use crate::close::{CloseReason, Loss};
use crate::event::EventKind;
use crate::id::PortId;
use crate::name::{Address, NameSource, NodeName};
use crate::output::{Discard, Output};
use crate::port::{Active, Detached, Holder, Port, Proxy, State, Told};

impl<H, S: NameSource> Node<H, S> {
    /// The route of `id` is broken. `cause`: the neighbour that said so.
    pub(super) fn fail(&mut self, id: PortId, cause: Option<Address>, loss: Loss) {
        let Some(port) = self.ports.get(id) else { return };
        let writer = port.writer.address();
        let handed_by = port.writer.handed_by();
        let writer_gone = cause.is_some_and(|cause| cause == writer || handed_by == Some(cause))
            || self.lost.contains(writer.node)
            || handed_by.is_some_and(|handed_by| self.lost.contains(handed_by.node));
        let name = port.name;
        // A node that is neither linked nor sought hears nothing: a port that fails because too many unknown nodes were
        // named must not have this node look for one more.
        for neighbour in neighbours(port) {
            self.answer(name, neighbour, EventKind::Gone { reply: false });
        }
        let Some(port) = self.ports.get_mut(id) else { return };
        match &mut port.state {
            State::Active(active) => {
                let holder = active.holder;
                let queue = active.queue.hand_over();
                let partial = active.assembly.take().map(|assembly| assembly.into_data(true));
                let reason = CloseReason::Lost(loss);
                let window = active.credit.window;
                let detached = Detached { queue, origin: writer.node, reason: reason.clone(), holder, window };
                if let Some(port) = self.ports.detach(id, detached) {
                    self.signal(holder == Holder::Application, Output::Ended { port: id, reason });
                    self.retire(port);
                }
                partial.into_iter().for_each(|data| self.discard_held(data));
            }
            State::Stub(_) => self.remove(id),
            State::Proxy(_) | State::Dead { .. } if writer_gone => self.remove(id),
            State::Proxy(proxy) => {
                port.state = State::Dead { target: proxy.target };
                let data = port.pending.as_mut().map(|pending| pending.take_data()).unwrap_or_default();
                if port.pending.as_ref().is_some_and(|pending| pending.is_empty()) {
                    port.pending = None;
                }
                data.into_iter().for_each(|event| self.drop_pended(event));
                self.charge_lingering(id);
            }
            State::Dead { .. } => {}
        }
    }

    /// A node is gone for good: everything that depended on it fails.
    pub(super) fn node_lost(&mut self, node: NodeName) {
        if node == self.name {
            return;
        }
        self.lost.insert(node, &self.limits);
        if let Some(Reach::Sought { outbox, .. }) = self.nodes.remove(&node) {
            self.discard_later(Discard::Handles(outbox.into_handles()));
        }
        let affected: Vec<PortId> = self.ports.ids().filter(|&id| self.depends_on(id, node)).collect();
        for id in affected {
            // One failure may have settled another, and its place may be in use again.
            if self.depends_on(id, node) {
                self.fail(id, None, Loss::Node);
            }
        }
        self.forget_introductions(node);
    }

    fn depends_on(&self, id: PortId, node: NodeName) -> bool {
        let Some(port) = self.ports.get(id) else { return false };
        let sends_there = match &port.state {
            State::Active(Active { outbound, .. }) => outbound.is_some_and(|outbound| outbound.node == node),
            State::Stub(stub) => stub.outbound.is_some_and(|outbound| outbound.node == node),
            State::Proxy(Proxy { target, told: Told::Spliced(writer), .. }) => {
                target.node == node || writer.address().node == node
            }
            State::Proxy(Proxy { target, told: Told::Peer(_) | Told::Orphan, .. }) => target.node == node,
            State::Dead { .. } => false,
        };
        sends_there
            || port.writer.address().node == node
            || port.writer.handed_by().is_some_and(|handed_by| handed_by.node == node)
    }
}

/// Everybody who must hear that the route of `port` is broken, each once. A dead proxy has told them already.
fn neighbours<H>(port: &Port<H>) -> Vec<Address> {
    let told = match &port.state {
        State::Dead { .. } => return Vec::new(),
        State::Proxy(proxy) => match &proxy.told {
            Told::Peer(peer) => Some(*peer),
            Told::Orphan => None,
            Told::Spliced(writer) => Some(writer.address()),
        },
        State::Active(_) | State::Stub(_) => None,
    };
    let mut all: Vec<Address> = [Some(port.writer.address()), port.sends_to(), told].into_iter().flatten().collect();
    all.sort_unstable();
    all.dedup();
    all
}
