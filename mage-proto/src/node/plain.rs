//! The short way of a plain message: whole, without ports, from a port to its settled peer.
//!
//! Nearly every message is one. On the long way it is an event: built, queued in the worklist, matched against the
//! state table, moved a dozen times on the stack. Here it goes straight from the application to the link's buffer, and
//! straight from the receive buffer to the reader's queue, one look-up for each table. What is checked is the same, and
//! there is no error here: whatever is not plain, is not admitted, or reaches a port that is not settled, takes the long
//! way, which says what is wrong. What this bought is in `docs/performance.md`.

use alloc::vec::Vec;
use core::mem::take;

use bytes::{Buf, BytesMut};

use super::{Node, Reach};
use crate::event::{Event, EventKind};
use crate::frame::{DATA_HEAD_LEN, DataMarks, Head, PlainData};
use crate::id::LinkId;
use crate::id::PortId;
use crate::link::{Link, LinkState};
use crate::message::{Data, Handles};
use crate::name::{Address, NameSource, NodeName, PortName};
use crate::outbox::COPIED;
use crate::output::Output;
use crate::payload::Payload;
use crate::port::{Active, Entry, Hint, Holder, Port, State, Writer};

/// Payloads from this many bytes on stay in the receive buffer; below, a copy is cheaper than what a slice would pin.
pub(super) const SLICED: usize = 16 << 10;

/// From which port to where a plain message goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) id: PortId,
    pub(super) from: PortName,
    pub(super) dest: Address,
    pub(super) hint: Hint,
}

impl<H, S: NameSource> Node<H, S> {
    /// Sends a message without cargo that was charged already.
    #[inline]
    pub(super) fn send_plain(&mut self, way: Way, payload: &mut Payload, cost: u32, starved: bool) {
        let Way { from, dest, .. } = way;
        if dest.node == self.name {
            return self.send_near(way, payload, cost, starved);
        }
        let Some(id) = self.link_near(way) else { return self.send_far(way, payload, cost, starved) };
        let Some(link) = self.links.get_mut(id.index()) else { return };
        let marks = DataMarks { dest: dest.port, from, cost, more: false, starved, hops: 0, handles: 0 };
        if payload.len() <= COPIED {
            link.outbox.plain(marks, payload);
        } else {
            link.outbox.message(marks, Vec::new(), take(payload), Vec::new(), None);
        }
        if link.outbox.wakes() {
            self.output(Output::LinkReady { link: id });
        }
    }

    /// Sends to a port of this node.
    #[inline]
    fn send_near(&mut self, way: Way, payload: &mut Payload, cost: u32, starved: bool) {
        let from = self.address(way.from);
        let size = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        if let Some(id) = self.ports.find_near(way.hint, way.dest.port)
            && let Some(active) = self.ports.get_mut(id).and_then(|port| settled(port, from))
            && active.admits_plain(size, cost, &self.limits)
        {
            let held = active.holder == Holder::Application;
            if active.accept(&mut self.queues, uncut(payload, cost, starved)) && held {
                self.output(Output::Readable(id));
            }
            if Hint(id.0) != way.hint {
                self.remember(way.id, Hint(id.0));
            }
            return;
        }
        self.send_far(way, payload, cost, starved);
    }

    /// Sends the long way.
    #[cold]
    fn send_far(&mut self, way: Way, payload: &mut Payload, cost: u32, starved: bool) {
        self.emit(way.from, way.dest, EventKind::Data(uncut(payload, cost, starved)));
        self.run();
    }

    /// The link to the node that `way` leads to, if there is one. (Of a link that is Up it is certain that the table of
    /// nodes says the same.)
    #[inline]
    fn link_near(&mut self, way: Way) -> Option<LinkId> {
        match self.links.get(usize::try_from(way.hint.0).unwrap_or(usize::MAX)) {
            Some(Link { state: LinkState::Up { node, .. }, serial, .. }) if *node == way.dest.node => {
                Some(LinkId { index: way.hint.0, serial: *serial })
            }
            Some(_) | None => match self.nodes.get(&way.dest.node) {
                Some(&Reach::Linked(link)) => {
                    self.remember(way.id, Hint(link.index));
                    Some(link)
                }
                Some(Reach::Sought { .. }) | None => None,
            },
        }
    }

    /// Notes where the outbound of the end `id` was found.
    fn remember(&mut self, id: PortId, hint: Hint) {
        if let Some(Port { state: State::Active(active), .. }) = self.ports.get_mut(id) {
            active.hint = hint;
        }
    }

    /// Takes plain messages from the front of `input` for as long as there are any that it can place.
    #[inline]
    pub(super) fn handle_plain(&mut self, link: LinkId, node: NodeName, input: &mut BytesMut) {
        let mut done = 0_usize;
        while let Some(length) = input.get(done..).and_then(|rest| self.plain_frame(link, node, rest)) {
            done = done.saturating_add(length);
        }
        if done > 0 {
            input.advance(done);
        }
    }

    /// Takes the frame at the front of `input`, if it is a plain message whose route is settled here; returns its
    /// length. Most are for the port that the one before was for, so no name is hashed.
    #[inline]
    fn plain_frame(&mut self, link: LinkId, node: NodeName, input: &[u8]) -> Option<usize> {
        let head = Head::read(input, &self.limits).ok()??;
        let frame = input.get(..head.len())?;
        let PlainData { dest, from, cost, starved } = head.plain_data(frame)?;
        let payload = frame.get(DATA_HEAD_LEN..).filter(|payload| payload.len() < SLICED)?;
        let carrier = self.links.get_mut(link.index())?;
        let id = self.ports.find_near(carrier.heard, dest)?;
        carrier.heard = Hint(id.0);
        let active = settled(self.ports.get_mut(id)?, Address { node, port: from })?;
        let size = u64::try_from(payload.len()).unwrap_or(u64::MAX);
        let held = carrier.held.saturating_add(size);
        if held > self.limits.link_bytes || !active.admits_plain(size, cost, &self.limits) {
            return None;
        }
        carrier.held = held;
        let payload = self.block.copy(payload);
        let mine = active.holder == Holder::Application;
        let (cargo, handles, via) = (Vec::new(), Handles::NONE, Some(link));
        let data = Data { payload, cargo, handles, cost, more: false, starved, hops: 0, via };
        if active.accept(&mut self.queues, data) && mine {
            self.output(Output::Readable(id));
        }
        Some(head.len())
    }

    /// Takes up to `max` messages without cargo from the front of a port's queue and returns their credit. Returns how many,
    /// and whether the end is as most are then: open, and with nothing left to read.
    #[inline]
    pub(super) fn take_plain(
        &mut self,
        id: PortId,
        max: usize,
        into: &mut impl FnMut(&mut Payload, &mut Vec<H>),
    ) -> (usize, bool) {
        let Some(Entry::Routed(Port { name, state: State::Active(active), .. })) = self.ports.entry_mut(id) else {
            return (0, false);
        };
        let from = Address { node: self.name, port: *name };
        let mut count = 0_usize;
        while count < max
            && let Some(next) = self.queues.front_mut(&active.queue)
            && next.cargo.is_empty()
        {
            let (cost, starved, via, size) = (next.cost, next.starved, next.via, next.payload.len());
            let mut handles = next.handles.take();
            into(&mut next.payload, &mut handles);
            self.queues.pass(&mut active.queue);
            active.unread = active.unread.saturating_sub(u64::from(cost));
            let due = active.credit.taken(cost, starved);
            if let (Some(due), Some(dest)) = (due, active.outbound) {
                self.work.push_back(Event { dest, from, kind: EventKind::Credit(due) });
            }
            if let Some(via) = via
                && let Some(link) = self.links.get_mut(via.index()).filter(|link| link.serial == via.serial)
            {
                link.held = link.held.saturating_sub(u64::try_from(size).unwrap_or(u64::MAX));
            }
            count = count.saturating_add(1);
        }
        (count, active.queue.is_empty())
    }
}

/// The end at `port`, if `from` is its settled writer and nothing waits before what `from` says.
#[inline]
fn settled<H>(port: &mut Port<H>, from: Address) -> Option<&mut Active<H>> {
    match port {
        Port { writer: Writer::Sure(writer), pending: None, state: State::Active(active), reroutes, .. }
            if *writer == from && active.assembly.is_none() =>
        {
            *reroutes = 0;
            Some(active)
        }
        Port { .. } => None,
    }
}

/// A message as it is inside the core, whole and without ports.
#[inline]
fn uncut<H>(payload: &mut Payload, cost: u32, starved: bool) -> Data<H> {
    let (payload, cargo, handles) = (take(payload), Vec::new(), Handles::NONE);
    Data { payload, cargo, handles, cost, more: false, starved, hops: 0, via: None }
}
