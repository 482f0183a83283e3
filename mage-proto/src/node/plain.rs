//! The short way of a plain message: whole, without ports, from a port to its settled peer.
//!
//! Nearly every message is one. On the long way it is an event: built, queued in the worklist, matched against the
//! state table, moved a dozen times on the stack. Here it goes straight from the application to the link's buffer, and
//! straight from the receive buffer to the reader's queue. What is checked is the same, and whatever is not plain, or
//! reaches a port that is not settled, takes the long way. Measured with batches of 64-byte messages between two nodes
//! driven by hand, in one run: see `docs/performance.md`.

use alloc::vec::Vec;

use bytes::BytesMut;

use super::receive::cut_payload;
use super::{Node, Reach};
use crate::event::EventKind;
use crate::frame::{DATA_HEAD_LEN, DataMarks, PlainData};
use crate::link::LinkId;
use crate::message::{Data, Message, PortId};
use crate::name::{Address, NameSource, NodeName, PortName};
use crate::output::Output;
use crate::port::{Port, State, Writer};

impl<H, S: NameSource> Node<H, S> {
    /// Sends a message without cargo that was charged already.
    #[inline]
    pub(super) fn send_plain(&mut self, from: PortName, dest: Address, message: Message<H>, cost: u32, starved: bool) {
        let Message { payload, handles, .. } = message;
        if dest.node != self.name
            && let Some(Reach::Linked(link)) = self.nodes.get(&dest.node)
        {
            let id = *link;
            let Some(link) = self.links.get_mut(id.index()) else { return };
            let attached = u16::try_from(handles.len()).unwrap_or(u16::MAX);
            let marks = DataMarks { dest: dest.port, from, cost, more: false, starved, handles: attached };
            link.outbox.message(marks, Vec::new(), payload, handles, None);
            if link.outbox.wakes() {
                self.output(Output::LinkReady { link: id });
            }
            return;
        }
        let data = Data { payload, cargo: Vec::new(), handles, cost, more: false, starved, via: None };
        if dest.node == self.name
            && let Some(id) = self.settled(dest.port, self.address(from))
        {
            self.data_at_end(id, self.address(from), data);
        } else {
            self.emit(from, dest, EventKind::Data(data));
        }
        self.run();
    }

    /// Takes a plain message from the front of `input`, if its route is settled here. False: nothing was done.
    #[inline]
    pub(super) fn handle_plain(
        &mut self,
        link: LinkId,
        node: NodeName,
        plain: PlainData,
        input: &mut BytesMut,
        length: usize,
    ) -> bool {
        let from = Address { node, port: plain.from };
        let Some(id) = self.settled(plain.dest, from) else { return false };
        let payload = cut_payload(input, length, DATA_HEAD_LEN);
        let PlainData { cost, starved, .. } = plain;
        let via = Some(link);
        let data = Data { payload, cargo: Vec::new(), handles: Vec::new(), cost, more: false, starved, via };
        self.data_at_end(id, from, data);
        true
    }

    /// The end called `dest`, if `from` is its settled writer and nothing waits before what `from` says.
    #[inline]
    fn settled(&mut self, dest: PortName, from: Address) -> Option<PortId> {
        let id = self.ports.find(dest)?;
        match self.ports.get_mut(id)? {
            Port { writer: Writer::Sure(writer), pending: None, state: State::Active(active), reroutes, .. }
                if *writer == from && active.assembly.is_none() =>
            {
                *reroutes = 0;
                Some(id)
            }
            Port { .. } => None,
        }
    }
}
