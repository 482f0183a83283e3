//! A port has moved: its old neighbours learn where it is, and the proxy that it left becomes unnecessary.
//!
//! ```text
//!   A@X                           B@Y (proxy)                       B'@Z
//!    |<──Handoff{B', unsure}────────|── the message with B' ─────────▶|
//!    |   writer := B'               |══ what waited at B ════════════▶|
//!    |══ data under way ═══════════▶|══ passed on ═══════════════════▶|
//!    |<────────────────────────────────────────────Hello{B'}──────────|
//!    |   outbound := B'             |                                 |
//!    |──End────────────────────────▶|── Handoff{A, sure} ────────────▶|   writer := A
//!    |                              x removed                         |
//!    |══ data ═══════════════════════════════════════════════════════▶|
//! ```
//!
//! Each stream is a row of segments, one for each writer; a Handoff ends one segment and names the next writer, so the
//! order is kept whatever path the events take. Adjacent proxies collapse at once, none waits for another. What passes
//! over the links, as the scene `move` plays it:
//!
//! ```text
//! Y sends B to Z
//!     B@Y -> A@X: Handoff{B'@Z, unsure}
//!     YZ@Y -> ZY@Z: Data{"a port", B' (after B, to A@X)}
//!     B'@Z -> A@X: Hello{B'@Z}
//!     A@X -> B@Y: End
//!     B@Y -> B'@Z: Handoff{A@X, sure}
//! X sends "after" from A
//!     A@X -> B'@Z: Data{"after"}
//! ```
//!
//! … and when both ends move at once, scene `both_ends_move`: no side waits for the other, each Hello passes the opposite
//! proxy once.
//!
//! ```text
//! X sends A to W
//! Y sends B to Z
//!     A@X -> B@Y: Handoff{A'@W, unsure}
//!     B@Y -> A@X: Handoff{B'@Z, unsure}
//!     XW@X -> WX@W: Data{"a port", A' (after A, to B@Y)}
//!     YZ@Y -> ZY@Z: Data{"a port", B' (after B, to A@X)}
//!     B'@Z -> A@X: Hello{B'@Z}
//!     A'@W -> B@Y: Hello{A'@W}
//!     A@X -> A'@W: Hello{B'@Z, 1 hop}
//!     B@Y -> B'@Z: Hello{A'@W, 1 hop}
//!     B'@Z -> A@X: End
//!     A'@W -> B@Y: End
//!     A@X -> A'@W: Handoff{B'@Z, sure}
//!     B@Y -> B'@Z: Handoff{A'@W, sure}
//! W sends "there" from A
//! Z sends "and back" from B
//!     A'@W -> B'@Z: Data{"there"}
//!     B'@Z -> A'@W: Data{"and back"}
//! ```
//!
//! … when B moves again before anything has settled, scene `adjacent_proxies`:
//!
//! ```text
//! Y sends B to Z
//!     YZ@Y -> ZY@Z: Data{"a port", B' (after B, to A@X)}
//! Z sends B to W
//!     ZW@Z -> WZ@W: Data{"a port", B'' (after B', to A@X)}
//!     B''@W -> A@X: Hello{B''@W}
//! X sends "through both proxies" from A
//!     A@X -> B@Y: Data{"through both proxies"}
//!     B@Y -> B'@Z: Data{"through both proxies"}
//!     B'@Z -> B''@W: Data{"through both proxies"}
//! what X has to know arrives now
//!     B@Y -> A@X: Handoff{B'@Z, unsure}
//!     B'@Z -> A@X: Hello{B'@Z}
//!     A@X -> B@Y: End
//!     B'@Z -> A@X: Handoff{B''@W, unsure}
//!     A@X -> B'@Z: End
//!     B@Y -> B'@Z: Handoff{A@X, sure}
//!     B'@Z -> B''@W: Handoff{A@X, sure}
//! X sends "direct" from A
//!     A@X -> B''@W: Data{"direct"}
//! ```
//!
//! … and with messages in every place that there is, scene `move_under_way`:
//!
//! ```text
//! X sends "1 unread at B" from A
//!     A@X -> B@Y: Data{"1 unread at B"}
//! X sends "2 on its way to B" from A
//! Y sends B to Z
//!     B@Y -> A@X: Handoff{B'@Z, unsure}
//!     YZ@Y -> ZY@Z: Data{"a port", B' (after B, to A@X)}
//!     B@Y -> B'@Z: Data{"1 unread at B"}
//! X sends "3 still sent to B" from A
//!     A@X -> B@Y: Data{"2 on its way to B"}
//!     B'@Z -> A@X: Hello{B'@Z}
//!     A@X -> B@Y: Data{"3 still sent to B"}
//!     B@Y -> B'@Z: Data{"2 on its way to B"}
//!     A@X -> B@Y: End
//!     B@Y -> B'@Z: Data{"3 still sent to B"}
//!     B@Y -> B'@Z: Handoff{A@X, sure}
//! X sends "4 sent to where B went" from A
//!     A@X -> B'@Z: Data{"4 sent to where B went"}
//! ```

use super::Node;
use crate::close::Loss;
use crate::event::{Descriptor, EventKind};
use crate::id::LinkId;
use crate::id::PortId;
use crate::kind::FrameKind;
use crate::limits::MAX_HOPS;
use crate::name::{Address, NameSource, NodeName};
use crate::port::queue::Queue;
use crate::port::{Active, Hint, Holder, Port, State, StubWait, Writer};
use crate::violation::{RouteError, Violation};

impl<H, S: NameSource> Node<H, S> {
    /// Checks the ports that a frame from `from` moves here, before anything changes.
    pub(super) fn check_descriptors(
        &self,
        kind: FrameKind,
        from: NodeName,
        descriptors: &[Descriptor],
    ) -> Result<(), Violation> {
        for descriptor in descriptors {
            if self.ports.find(descriptor.name).is_some() {
                return Err(Violation::NameTaken { name: descriptor.name });
            }
            let here = self.address(descriptor.name);
            let there = Address { node: from, port: descriptor.writer };
            if descriptor.peer == Some(here) || descriptor.peer == Some(there) {
                return Err(Violation::Malformed { kind, field: "a moved port is its own peer, or its writer is" });
            }
        }
        Ok(())
    }

    /// A port has moved here inside a message over `link`.
    pub(super) fn accept_port(&mut self, descriptor: Descriptor, from: NodeName, link: LinkId) -> PortId {
        let Descriptor { name, writer, peer, credit } = descriptor;
        let id = self.ports.insert(Port {
            name,
            writer: Writer::Sure(Address { node: from, port: writer }),
            state: State::Active(Active {
                outbound: peer,
                queue: Queue::new(),
                unread: 0,
                assembly: None,
                credit,
                holder: Holder::Cargo,
                hint: Hint::default(),
            }),
            pending: None,
            owner: Some(link),
            reroutes: 0,
        });
        let most = self.limits.ports_per_link;
        let over = self.link_mut(link).is_some_and(|link| {
            link.ports = link.ports.saturating_add(1);
            link.ports > most
        });
        if over {
            self.fail(id, None, Loss::Limit);
            return id;
        }
        let Some(peer) = peer else { return id };
        if !self.need_link(peer.node, Some(from)) {
            self.fail(id, None, Loss::Node);
            return id;
        }
        let me = self.address(name);
        self.emit(name, peer, EventKind::Hello { peer: me, origin: me, hops: MAX_HOPS });
        id
    }

    /// `from` will write no more; `next` continues its part of the stream.
    pub(super) fn handoff(&mut self, id: PortId, from: Address, next: Address, sure: bool) {
        let node = self.name;
        let Some(port) = self.ports.get_mut(id) else { return };
        if next == (Address { node, port: port.name }) {
            return self.out_of_place(id, from, FrameKind::Handoff, "a port cannot write to itself");
        }
        if let State::Active(Active { assembly: Some(_), .. }) = &port.state {
            return self.out_of_place(id, from, FrameKind::Handoff, "a message is not complete");
        }
        port.writer = Writer::handed(next, sure, from);
        let missed = port.pending.as_ref().is_some_and(|pending| pending.missed(next));
        if self.rerouted_too_often(id, from) {
            return;
        }
        if missed {
            return self.route_error(id, next, RouteError::Poisoned);
        }
        if !self.need_link(next.node, Some(from.node)) {
            return self.fail(id, None, Loss::Node);
        }
        self.finish(id);
    }

    /// A dead proxy learns who would have written next, and tells it.
    pub(super) fn handoff_at_dead(&mut self, id: PortId, from: Address, next: Address, sure: bool) {
        let Some(port) = self.ports.get_mut(id) else { return };
        port.writer = Writer::handed(next, sure, from);
        let name = port.name;
        if self.need_link(next.node, Some(from.node)) {
            self.emit(name, next, EventKind::Gone { reply: false });
        } else {
            self.remove(id);
        }
    }

    /// The far side has moved: from now on `peer` is where this end, or stub, sends.
    pub(super) fn hello_at_end(&mut self, id: PortId, from: Address, peer: Address) {
        let me = self.ports.get(id).map(|port| self.address(port.name));
        let Some(port) = self.ports.get_mut(id) else { return };
        let gone = port.pending.as_ref().is_some_and(|pending| pending.holds_gone(peer));
        let name = port.name;
        let outbound = match &mut port.state {
            State::Active(active) => &mut active.outbound,
            State::Stub(stub) => &mut stub.outbound,
            State::Proxy(_) | State::Dead { .. } => return,
        };
        let Some(old) = *outbound else {
            return self.out_of_place(id, from, FrameKind::Hello, "the far side was closed before");
        };
        if Some(peer) == me {
            return self.out_of_place(id, from, FrameKind::Hello, "a port cannot send to itself");
        }
        // The new peer is checked before anything switches, so that a failure still reaches the old one.
        if gone || !self.need_link(peer.node, Some(from.node)) {
            return self.fail(id, None, Loss::Node);
        }
        if let Some(Port { state, .. }) = self.ports.get_mut(id) {
            match state {
                State::Active(active) => active.outbound = Some(peer),
                State::Stub(stub) => stub.outbound = Some(peer),
                State::Proxy(_) | State::Dead { .. } => {}
            }
        }
        self.emit(name, old, EventKind::End);
        if !self.rerouted_too_often(id, from) {
            self.finish(id);
        }
    }

    /// A Hello passes a proxy. If the proxy said it itself, the route is a ring without ends, and is dissolved.
    pub(super) fn hello_at_proxy(&mut self, id: PortId, from: Address, peer: Address, origin: Address, hops: u8) {
        let Some(Port { name, state: State::Proxy(proxy), .. }) = self.ports.get(id) else { return };
        let (name, target) = (*name, proxy.target);
        if origin == self.address(name) {
            return self.fail(id, None, Loss::Node);
        }
        let Some(hops) = hops.checked_sub(1) else {
            return self.out_of_place(id, from, FrameKind::Hello, "it passed more than 255 proxies");
        };
        self.emit(name, target, EventKind::Hello { peer, origin, hops });
    }

    /// Counts a change of neighbour; says whether it was one too many, the route having failed then.
    fn rerouted_too_often(&mut self, id: PortId, from: Address) -> bool {
        let limit = self.limits.reroutes;
        let Some(port) = self.ports.get_mut(id) else { return true };
        port.reroutes = port.reroutes.saturating_add(1);
        if port.reroutes <= limit {
            return false;
        }
        self.route_error(id, from, RouteError::Rerouted { limit });
        true
    }

    /// Takes a stub away for which nothing can be under way any more.
    pub(super) fn finish(&mut self, id: PortId) {
        if self.ports.get(id).is_some_and(is_finished) {
            self.remove(id);
        }
    }
}

/// Whether a port is a stub for which nothing can be under way any more.
pub(super) fn is_finished<H>(port: &Port<H>) -> bool {
    match &port.state {
        State::Stub(stub) => {
            stub.wait == StubWait::Route && stub.outbound.is_none_or(|outbound| port.writer.address() == outbound)
        }
        State::Active(_) | State::Proxy(_) | State::Dead { .. } => false,
    }
}
