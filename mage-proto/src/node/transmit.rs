//! An event leaves the node: its ports are converted, and what they hold follows the carrier on the same link.
//!
//! ```text
//!   A@X                        B@Y (in the message)                       B'@Z
//!    |<──Handoff{B', unsure}─────|── Data { B' (after B, to A) } ───────────▶| Active(outbound A, writer B)
//!    |                           |══ what waited at B (followers) ══════════▶|
//! ```
//!
//! Conversion happens when the worklist reaches the message, whether or not the link exists yet. Nothing may come
//! between a carrier and its followers, so a queue inside a queue is walked with a stack of our own.
//!
//! When the peer stays behind on the same node, the same is said inside it, scene `move_from_local_peer`:
//!
//! ```text
//! X sends B to Y
//!     XY@X -> YX@Y: Data{"a port", B' (after B, to A@X)}
//!     B'@Y -> A@X: Hello{B'@Y}
//!     B@X -> B'@Y: Handoff{A@X, sure}
//! X sends "after" from A
//!     A@X -> B'@Y: Data{"after"}
//! ```
//!
//! … a port that comes back meets its own proxy, and does not mind, scene `there_and_back`:
//!
//! ```text
//! X sends B to Y
//!     XY@X -> YX@Y: Data{"a port", B' (after B, to A@X)}
//! Y sends B to X
//! X sends "which way?" from A
//!     B@X -> B'@Y: Data{"which way?"}
//!     B'@Y -> A@X: Hello{B'@Y}
//!     B@X -> B'@Y: Handoff{A@X, sure}
//!     YX@Y -> XY@X: Data{"a port", B'' (after B', to A@X)}
//!     B'@Y -> A@X: Handoff{B''@X, unsure}
//!     A@X -> B'@Y: End
//!     B'@Y -> B''@X: Data{"which way?"}
//!     B'@Y -> B''@X: Handoff{A@X, sure}
//! ```
//!
//! A port in a message to a node that is lost is not converted but closed; if the sender knows of the loss the message
//! comes back with the port, scene `sent_to_a_lost_node`:
//!
//! ```text
//! Y sends S to Z
//!     YZ@Y -> ZY@Z: Data{"a port", S' (after S, to R@Y)}
//!     S'@Z -> R@Y: Hello{S'@Z}
//!     S@Y -> S'@Z: Handoff{R@Y, sure}
//! Z crashes
//!     X: XZ ended: lost: a process on the route is gone
//!     X: Z is lost
//!     Y: YZ ended: lost: a process on the route is gone
//!     Y: R ended: lost: a process on the route is gone
//!     Y: Z is lost
//! Y sends "a port" with B from R
//! X sends "still here" from A
//!     A@X -> B@Y: Data{"still here"}
//! ```

use alloc::vec::Vec;

use super::{Node, Reach};
use crate::close::{CloseReason, Loss};
use crate::credit::Credit;
use crate::event::{Closing, Descriptor, Event, EventKind};
use crate::frame::{DataMarks, write_event};
use crate::id::PortId;
use crate::kind::FrameKind;
use crate::message::Data;
use crate::name::{Address, NameSource, NodeName, PortName, port_name};
use crate::outbox::{Origin, Outbox};
use crate::output::Output;
use crate::port::{Detached, Entry, Port, Proxy, State, Told};
use crate::violation::RouteError;

/// One event on its way out: to a port of the node in question, from a port of this one.
struct Leaving<H> {
    dest: PortName,
    from: PortName,
    kind: EventKind<H>,
}

impl<H, S: NameSource> Node<H, S> {
    /// Sends an event to another node, or lets go of it when that node is lost.
    pub(super) fn transmit(&mut self, event: Event<H>) {
        let node = event.dest.node;
        if !self.need_link(node, None) {
            return self.drop_event(event.kind);
        }
        let (dest, from) = (event.dest.port, event.from.port);
        match event.kind {
            EventKind::Data(data) if data.attachments() == 0 => self.queue_data(node, dest, from, data, Vec::new()),
            kind @ EventKind::Data(_) => self.transmit_all(node, alloc::vec![Leaving { dest, from, kind }]),
            kind @ (EventKind::Close(_)
            | EventKind::Handoff { .. }
            | EventKind::Hello { .. }
            | EventKind::End
            | EventKind::Gone { .. }
            | EventKind::Credit(_)) => self.queue_event(node, dest, from, &kind),
        }
    }

    /// Moves ports to `node` with a frame that `carry` sends, and sends what must follow it.
    pub(super) fn transmit_cargo(
        &mut self,
        node: NodeName,
        cargo: Vec<PortId>,
        carry: impl FnOnce(&mut Self, Vec<Descriptor>),
    ) {
        let mut followers = Vec::new();
        let mut descriptors: Vec<_> = cargo.into_iter().map(|id| self.convert(id, node, &mut followers)).collect();
        self.outward_cargo(node, &mut descriptors);
        carry(self, descriptors);
        followers.reverse();
        self.transmit_all(node, followers);
    }

    /// Sends events from the back of `leaving`, each followed by what its cargo holds.
    fn transmit_all(&mut self, node: NodeName, mut leaving: Vec<Leaving<H>>) {
        let mut followers = Vec::new();
        while let Some(Leaving { dest, from, kind }) = leaving.pop() {
            match kind {
                EventKind::Data(data) if !self.fits(node, &data) => {
                    self.discard(data);
                    for later in leaving.extract_if(.., |later| later.from == from) {
                        self.drop_event(later.kind);
                    }
                    self.break_off(node, dest, from);
                }
                EventKind::Data(mut data) => {
                    let cargo = core::mem::take(&mut data.cargo);
                    let mut descriptors: Vec<_> =
                        cargo.into_iter().map(|id| self.convert(id, node, &mut followers)).collect();
                    self.outward_cargo(node, &mut descriptors);
                    self.queue_data(node, dest, from, data, descriptors);
                    leaving.extend(followers.drain(..).rev());
                }
                kind @ (EventKind::Close(_)
                | EventKind::Handoff { .. }
                | EventKind::Hello { .. }
                | EventKind::End
                | EventKind::Gone { .. }
                | EventKind::Credit(_)) => self.queue_event(node, dest, from, &kind),
            }
        }
    }

    /// Whether `node` takes a message with so many ports and handles. (Whoever sends one here is refused; one that is
    /// passed on comes too late for that.)
    fn fits(&self, node: NodeName, data: &Data<H>) -> bool {
        if data.attachments() == 0 {
            return true;
        }
        let takes = self.taken_by(node);
        data.cargo.len() <= usize::from(takes.cargo) && data.handles.len() <= usize::from(takes.handles)
    }

    /// Ends a stream in which something is missing.
    fn break_off(&mut self, node: NodeName, dest: PortName, from: PortName) {
        match self.ports.find(from) {
            Some(id) => self.fail(id, None, Loss::Limit),
            // What a port without route left behind has no port any more.
            None => self.queue_event(node, dest, from, &EventKind::Gone { reply: false }),
        }
    }

    /// Makes a proxy of the port `id`, which moves to `node`; what must follow the carrier goes to `followers`.
    fn convert(&mut self, id: PortId, node: NodeName, followers: &mut Vec<Leaving<H>>) -> Descriptor {
        let name = port_name(&mut self.names);
        let target = Address { node, port: name };
        match self.ports.entry_mut(id) {
            Some(Entry::Routed(port)) if matches!(port.state, State::Active(_)) => {
                self.convert_active(id, target, followers)
            }
            Some(Entry::Routed(_) | Entry::Detached(_)) | None => self.convert_detached(id, target, followers),
        }
    }

    fn convert_active(&mut self, id: PortId, target: Address, followers: &mut Vec<Leaving<H>>) -> Descriptor {
        let Some(port) = self.ports.get_mut(id) else { return orphan(target.port, target.port) };
        let writer = port.name;
        let told = match port.sends_to() {
            Some(outbound) => Told::Peer(outbound),
            None => Told::Orphan,
        };
        let proxy = State::Proxy(Proxy { target, told, queued: 0 });
        let State::Active(mut active) = core::mem::replace(&mut port.state, proxy) else {
            return orphan(target.port, writer);
        };
        let mut credit = active.credit;
        let partial = active.assembly.map(|assembly| assembly.into_data(true));
        for data in self.queues.take(&mut active.queue).into_iter().chain(partial) {
            credit.unarrived(data.cost);
            self.unhold(&data);
            followers.push(Leaving { dest: target.port, from: writer, kind: EventKind::Data(data) });
        }
        if let Some(outbound) = active.outbound {
            self.emit(writer, outbound, EventKind::Handoff { next: target, sure: false });
        }
        Descriptor { name: target.port, writer, peer: active.outbound, credit }
    }

    fn convert_detached(&mut self, id: PortId, target: Address, followers: &mut Vec<Leaving<H>>) -> Descriptor {
        // Its own name may still be that of a stub here, so what follows comes from a name that nobody has.
        let writer = port_name(&mut self.names);
        let mut descriptor = orphan(target.port, writer);
        if let Some(Entry::Detached(Detached { mut queue, reason, window, .. })) = self.ports.remove(id) {
            let queue = self.queues.take(&mut queue);
            descriptor.credit = Credit::new(window);
            let end = match reason {
                CloseReason::Closed { code, text } => EventKind::Close(Closing { code, text }),
                CloseReason::Lost(_) => EventKind::Gone { reply: false },
            };
            queue.iter().for_each(|data| self.unhold(data));
            let kinds = queue.into_iter().map(EventKind::Data).chain([end]);
            followers.extend(kinds.map(|kind| Leaving { dest: target.port, from: writer, kind }));
        }
        descriptor
    }

    fn queue_event(&mut self, node: NodeName, dest: PortName, from: PortName, kind: &EventKind<H>) {
        match self.outward(node, kind) {
            None => self.with_outbox(node, |outbox| write_event(outbox.frames(128), dest, from, kind)),
            Some(kind) => self.with_outbox(node, |outbox| write_event(outbox.frames(128), dest, from, &kind)),
        }
    }

    fn queue_data(
        &mut self,
        node: NodeName,
        dest: PortName,
        from: PortName,
        mut data: Data<H>,
        cargo: Vec<Descriptor>,
    ) {
        let Some(origin) = self.charge_origin(from, &data) else { return self.discard(data) };
        let attached = data.handles.take();
        let handles = u16::try_from(attached.len()).unwrap_or(u16::MAX);
        let Data { payload, cost, more, starved, hops, .. } = data;
        let marks = DataMarks { dest, from, cost, more, starved, hops, handles };
        self.with_outbox(node, |outbox| outbox.message(marks, cargo, payload, attached, origin));
    }

    /// Counts what a proxy passes on against its bound. `None`: it had too much queued already, its route failed;
    /// `Some(None)`: the message was sent here, so the window bounds it.
    fn charge_origin(&mut self, from: PortName, data: &Data<H>) -> Option<Option<Origin>> {
        if data.via.is_none() {
            return Some(None);
        }
        let limit = self.limits.origin_bytes;
        let Some(id) = self.ports.find(from) else { return Some(None) };
        let Some(Port { state: State::Proxy(proxy), writer, .. }) = self.ports.get_mut(id) else { return Some(None) };
        let (queued, writer) = (proxy.queued, writer.address());
        if queued > limit {
            self.route_error(id, writer, RouteError::OriginOverrun { queued, limit });
            return None;
        }
        proxy.queued = queued.saturating_add(u64::try_from(data.payload.len()).unwrap_or(u64::MAX));
        Some(Some(Origin { port: id, name: from }))
    }

    /// Bytes that a proxy passed on have left.
    pub(super) fn release_origin(&mut self, origin: Origin, bytes: usize) {
        if let Some(Port { name, state: State::Proxy(proxy), .. }) = self.ports.get_mut(origin.port)
            && *name == origin.name
        {
            proxy.queued = proxy.queued.saturating_sub(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    /// Writes to what waits for `node`, and has the link flushed if it slept.
    pub(super) fn with_outbox(&mut self, node: NodeName, write: impl FnOnce(&mut Outbox<H>)) {
        match self.nodes.get_mut(&node) {
            Some(Reach::Linked(link)) => {
                let id = *link;
                if let Some(link) = self.link_mut(id) {
                    write(&mut link.outbox);
                    if link.outbox.wakes() {
                        self.output(Output::LinkReady { link: id });
                    }
                }
            }
            Some(Reach::Sought { outbox, .. }) => write(outbox),
            None => {}
        }
    }

    /// A proxy passes a message on. One that brings ports is counted: if the end that it is bound for is in it, behind
    /// proxies that no node can see through, that end moves on with each step and is never reached.
    pub(super) fn pass_on_data(&mut self, id: PortId, from: Address, mut data: Data<H>) {
        let Some(Port { name, state: State::Proxy(Proxy { target, .. }), .. }) = self.ports.get(id) else { return };
        let (name, target) = (*name, *target);
        if !data.cargo.is_empty() {
            let Some(hops) = data.hops.checked_add(1) else {
                self.discard(data);
                return self.out_of_place(id, from, FrameKind::Data, "it passed more than 255 proxies");
            };
            data.hops = hops;
        }
        self.emit(name, target, EventKind::Data(data));
    }
}

/// The descriptor of a port without a peer.
fn orphan(name: PortName, writer: PortName) -> Descriptor {
    Descriptor { name, writer, peer: None, credit: Credit::new(crate::limits::Window { bytes: 1, messages: 1 }) }
}
