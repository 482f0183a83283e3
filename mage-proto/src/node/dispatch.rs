//! The state table: what each event does in each state of the port that it reaches.
//!
//! An event counts only if it comes from the port's writer. One exception: a believed neighbour may say that the route
//! is broken. Everything else from others waits in `pending` until its sender becomes the writer, or for ever.

use alloc::boxed::Box;

use super::Node;
use crate::close::Loss;
use crate::event::{Event, EventKind};
use crate::id::LinkId;
use crate::id::PortId;
use crate::kind::FrameKind;
use crate::link::Link;
use crate::name::{Address, NameSource, NodeName, PortName};
use crate::output::Output;
use crate::port::pending::{Next, Pended, Pending};
use crate::port::{Entry, Holder, Port, Proxy, State, Stub, StubWait, Told, Writer};
use crate::violation::RouteError;

impl<H, S: NameSource> Node<H, S> {
    /// An event has reached this node.
    pub(super) fn deliver(&mut self, event: Event<H>) {
        let Event { dest, from, kind } = event;
        let Some(id) = self.ports.find(dest.port) else { return self.unknown(dest, from, kind) };
        let Some(port) = self.ports.get_mut(id) else { return };
        if matches!(kind, EventKind::Gone { .. }) && port.believes(from) {
            return self.fail(id, Some(from), Loss::Node);
        }
        if port.writer.address() != from {
            return self.pend(id, from, kind);
        }
        self.handle(id, from, kind);
        self.handle_pending(id, dest.port);
    }

    /// Handles what waited for its sender to become the writer of the port called `name`.
    fn handle_pending(&mut self, id: PortId, name: PortName) {
        // Most often: the port is still there and nothing waits at it.
        if self.ports.get(id).is_some_and(|port| port.name == name && port.pending.is_none()) {
            return;
        }
        while let Some(id) = self.ports.find(name)
            && let Some(port) = self.ports.get_mut(id)
            && let Some(pending) = &mut port.pending
        {
            let writer = port.writer.address();
            let next = pending.pop(writer);
            if pending.is_empty() {
                port.pending = None;
            }
            match next {
                Next::Event(kind) => {
                    self.unhold_event(&kind);
                    self.handle(id, writer, kind);
                }
                Next::Poisoned => self.route_error(id, writer, RouteError::Poisoned),
                Next::None => return,
            }
        }
    }

    /// Keeps an event of somebody who is not the writer.
    fn pend(&mut self, id: PortId, from: Address, kind: EventKind<H>) {
        let via = self.hold_pended(&kind);
        let local = from.node == self.name;
        let limits = &self.limits;
        let Some(port) = self.ports.get_mut(id) else { return };
        let window = match &port.state {
            State::Active(active) => Some(active.credit.window),
            State::Stub(_) | State::Proxy(_) | State::Dead { .. } => None,
        };
        let pending = port.pending.get_or_insert_with(|| Box::new(Pending::new()));
        let pended = pending.push(from, kind, window, limits, local);
        if pending.is_empty() {
            port.pending = None;
        }
        match pended {
            Pended::Kept => self.bound_pended(via, from.node),
            Pended::Poisoned(events) => events.into_iter().for_each(|event| self.drop_pended(event)),
        }
    }

    /// Drops an event that waited in `pending`.
    pub(super) fn drop_pended(&mut self, kind: EventKind<H>) {
        self.unhold_event(&kind);
        self.drop_event(kind);
    }

    /// Charges the link that brought an event which is to wait; returns it, if it did bring bytes.
    fn hold_pended(&mut self, kind: &EventKind<H>) -> Option<LinkId> {
        let EventKind::Data(data) = kind else { return None };
        self.hold(data);
        let via = data.via?;
        let link = self.link_mut(via)?;
        link.pended = link.pended.saturating_add(u64::try_from(data.payload.len()).unwrap_or(u64::MAX));
        Some(via)
    }

    /// Where a link has more pended than it may in all, the sender of `node` that holds most is poisoned.
    fn bound_pended(&mut self, via: Option<LinkId>, node: NodeName) {
        let limit = self.limits.link_pended_bytes;
        let over = |link: &Link<H>| link.pended > limit;
        if !via.and_then(|via| self.link(via)).is_some_and(over) {
            return;
        }
        let heaviest = self
            .ports
            .iter()
            .filter_map(|(id, entry)| match entry {
                Entry::Routed(Port { pending: Some(pending), .. }) => Some((id, pending.heaviest(node)?)),
                Entry::Routed(_) | Entry::Detached(_) => None,
            })
            .max_by_key(|(_, (_, bytes))| *bytes);
        let Some((id, (sender, _))) = heaviest else { return };
        let poisoned = self.ports.get_mut(id).and_then(|port| port.pending.as_mut()).map(|all| all.poison(sender));
        poisoned.into_iter().flatten().for_each(|event| self.drop_pended(event));
    }

    fn unhold_event(&mut self, kind: &EventKind<H>) {
        match kind {
            EventKind::Data(data) => {
                self.unhold(data);
                if let Some(link) = data.via.and_then(|via| self.link_mut(via)) {
                    let bytes = u64::try_from(data.payload.len()).unwrap_or(u64::MAX);
                    link.pended = link.pended.saturating_sub(bytes);
                }
            }
            EventKind::Close(_)
            | EventKind::Handoff { .. }
            | EventKind::Hello { .. }
            | EventKind::End
            | EventKind::Gone { .. }
            | EventKind::Credit(_) => {}
        }
    }

    /// Drops an event, closing its cargo.
    pub(super) fn drop_event(&mut self, kind: EventKind<H>) {
        match kind {
            EventKind::Data(data) => self.discard(data),
            EventKind::Close(_)
            | EventKind::Handoff { .. }
            | EventKind::Hello { .. }
            | EventKind::End
            | EventKind::Gone { .. }
            | EventKind::Credit(_) => {}
        }
    }

    /// Handles an event of the writer.
    fn handle(&mut self, id: PortId, from: Address, kind: EventKind<H>) {
        let Some(port) = self.ports.get_mut(id) else { return };
        if let Writer::Unsure(unsure) = &port.writer {
            // It exists: its first event is here.
            port.writer = Writer::Sure(unsure.address);
        }
        if matches!(kind, EventKind::Data(_) | EventKind::Close(_) | EventKind::Credit(_)) {
            port.reroutes = 0;
        }
        match (&mut port.state, kind) {
            (State::Active(_), EventKind::Data(data)) => self.data_at_end(id, from, data),
            (State::Active(_), EventKind::Close(closing)) => self.close_at_end(id, from, closing),
            (State::Active(_) | State::Stub(_) | State::Proxy(_), EventKind::Handoff { next, sure }) => {
                self.handoff(id, from, next, sure);
            }
            (State::Dead { .. }, EventKind::Handoff { next, sure }) => self.handoff_at_dead(id, from, next, sure),
            (State::Active(_), EventKind::Hello { peer, .. }) => self.hello_at_end(id, from, peer),
            (State::Active(_) | State::Stub(_), EventKind::End) => {
                self.out_of_place(id, from, FrameKind::End, "only a proxy is told that its stream has ended");
            }
            (State::Active(active), EventKind::Credit(credit)) => match active.credit.returned(credit) {
                Ok(writable) => {
                    let held = active.holder == Holder::Application;
                    self.signal(held && writable, Output::Writable(id));
                }
                Err(error) => self.route_error(id, from, error),
            },

            (State::Stub(Stub { wait: StubWait::Close, .. }), EventKind::Data(data)) => self.discard(data),
            (State::Stub(stub @ Stub { wait: StubWait::Close, .. }), EventKind::Close(_)) => {
                stub.wait = StubWait::Route;
                self.finish(id);
            }
            (State::Stub(Stub { wait: StubWait::Close, .. }), EventKind::Hello { peer, .. }) => {
                self.hello_at_end(id, from, peer);
            }
            (State::Stub(Stub { wait: StubWait::Close, .. }), EventKind::Credit(_)) => {}
            (State::Stub(Stub { wait: StubWait::Route, .. }), EventKind::Data(data)) => {
                self.discard(data);
                self.out_of_place(id, from, FrameKind::Data, "nothing but routing follows a close");
            }
            (
                State::Stub(Stub { wait: StubWait::Route, .. }),
                kind @ (EventKind::Close(_) | EventKind::Hello { .. } | EventKind::Credit(_)),
            ) => self.out_of_place(id, from, kind.frame_kind(), "nothing but routing follows a close"),

            (State::Proxy(_), EventKind::Data(data)) => self.pass_on_data(id, from, data),
            (State::Proxy(_), EventKind::Close(closing)) => self.close_at_proxy(id, closing),
            (State::Proxy(_), EventKind::Hello { peer, origin, hops }) => {
                self.hello_at_proxy(id, from, peer, origin, hops);
            }
            (State::Proxy(Proxy { target, told: Told::Peer(_), .. }) | State::Dead { target }, EventKind::End) => {
                let (name, target) = (port.name, *target);
                self.emit(name, target, EventKind::Handoff { next: from, sure: true });
                self.remove(id);
            }
            (State::Proxy(Proxy { told: Told::Orphan | Told::Spliced(_), .. }), EventKind::End) => {
                self.out_of_place(id, from, FrameKind::End, "the far side of this proxy was closed before it moved");
            }
            (State::Proxy(Proxy { target, .. }), EventKind::Credit(credit)) => {
                let (name, target) = (port.name, *target);
                self.emit(name, target, EventKind::Credit(credit));
            }

            (State::Dead { .. }, EventKind::Data(data)) => self.discard(data),
            (State::Dead { .. }, EventKind::Close(_) | EventKind::Hello { .. } | EventKind::Credit(_)) => {}

            (State::Active(_) | State::Stub(_) | State::Proxy(_) | State::Dead { .. }, EventKind::Gone { .. }) => {
                self.fail(id, Some(from), Loss::Node);
            }
        }
    }

    /// An event for a port that is not here (any more).
    fn unknown(&mut self, dest: Address, from: Address, kind: EventKind<H>) {
        match kind {
            EventKind::Data(data) => {
                self.discard(data);
                self.answer(dest.port, from, EventKind::Gone { reply: false });
            }
            EventKind::Close(_) | EventKind::Hello { .. } => {
                self.answer(dest.port, from, EventKind::Gone { reply: false });
            }
            EventKind::Handoff { next, .. } => self.answer(dest.port, next, EventKind::Gone { reply: false }),
            EventKind::Gone { reply: false } => self.answer(dest.port, from, EventKind::Gone { reply: true }),
            EventKind::Gone { reply: true } | EventKind::End | EventKind::Credit(_) => {}
        }
    }

    /// Emits from a name that is not here, or not for long. It never makes this node look for another: whoever asks about
    /// a port that does not exist has a link, or needs no answer.
    pub(super) fn answer(&mut self, port: PortName, dest: Address, kind: EventKind<H>) {
        if dest.node == self.name || self.nodes.contains_key(&dest.node) {
            self.emit(port, dest, kind);
        }
    }

    /// What waited at a port that is gone has reached an unknown name.
    pub(super) fn retire(&mut self, port: Port<H>) {
        self.uncharge(port.owner);
        let Some(pending) = port.pending else { return };
        let dest = self.address(port.name);
        for (from, kind) in pending.into_events() {
            self.unhold_event(&kind);
            self.unknown(dest, from, kind);
        }
    }

    /// Takes a port away that the application does not hold.
    pub(super) fn remove(&mut self, id: PortId) {
        match self.ports.remove(id) {
            Some(Entry::Routed(port)) => self.retire(port),
            Some(Entry::Detached(_)) | None => {}
        }
    }

    pub(super) fn uncharge(&mut self, owner: Option<LinkId>) {
        if let Some(link) = owner.and_then(|owner| self.link_mut(owner)) {
            link.ports = link.ports.saturating_sub(1);
        }
    }

    /// The route broke a promise: it ends, and the supervisor is told.
    pub(super) fn route_error(&mut self, id: PortId, via: Address, error: RouteError) {
        let held = super::held_by_application(&self.ports, id);
        self.output(Output::BadRoute { port: held.then_some(id), via: via.node, error });
        let loss = match error {
            RouteError::OriginOverrun { .. } | RouteError::LinkOverrun { .. } => Loss::Limit,
            RouteError::OutOfPlace { .. }
            | RouteError::MessageTooLarge { .. }
            | RouteError::Cost { .. }
            | RouteError::Overrun { .. }
            | RouteError::CreditOverflow { .. }
            | RouteError::Rerouted { .. }
            | RouteError::Poisoned => Loss::Violation,
        };
        self.fail(id, None, loss);
    }

    pub(super) fn out_of_place(&mut self, id: PortId, via: Address, kind: FrameKind, why: &'static str) {
        self.route_error(id, via, RouteError::OutOfPlace { kind, why });
    }
}
