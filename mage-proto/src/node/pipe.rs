//! Pipes as the application uses them: create, send, receive.
//!
//! An end cannot be sent over its own pipe, where that can be seen, scene `over_its_own_pipe`:
//!
//! ```text
//! X sends "your peer" with B from A
//! X sends "both are as they were" from A
//! ```

use alloc::vec::Vec;
use core::mem::take;

use super::plain::Way;
use super::{Node, Reach, held_by_application};
use crate::close::CloseReason;
use crate::control::Takes;
use crate::credit::Credit;
use crate::event::EventKind;
use crate::id::PortId;
use crate::limits::{Limits, Window};
use crate::message::{Data, Message, Port as Key};
use crate::name::{NameSource, NodeName, PortName, port_name};
use crate::payload::Payload;
use crate::port::queue::Queue;
use crate::port::{Active, Entry, Hint, Holder, Port, State, Writer};

/// A message that was not sent, and why. Nothing of it is lost.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct SendError<H> {
    /// Why it was not sent.
    pub kind: SendErrorKind,
    /// The message with everything in it.
    pub message: Message<H>,
}

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The far end was closed, or the route to it broke.
    #[error("the pipe is closed: {0}")]
    Closed(CloseReason),
    /// The window is used up: the far end has not read enough of what was sent before.
    #[error("the pipe is full")]
    Full,
    /// The payload exceeds [`Limits::max_message`].
    #[error("a payload of {size} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// The payload's size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// More ports or handles than [`Limits`] allows in one message, here or at the node that it would go to.
    #[error("{ports} ports and {handles} handles in one message; {most_ports} and {most_handles} are allowed")]
    TooManyAttachments {
        /// Ports in the message.
        ports: usize,
        /// Handles in the message.
        handles: usize,
        /// The limit of ports.
        most_ports: u16,
        /// The limit of handles.
        most_handles: u16,
    },
    /// The message carries the port that it is sent from, or that port's peer.
    #[error("a port cannot travel over its own pipe")]
    OwnPipe,
    /// The message carries a port over an isolated link whose far end is at a third node.
    #[error("a port whose far end is elsewhere cannot travel over an isolated link")]
    Isolated,
    /// The key is of another node, or the port is none that an application holds.
    #[error("the port is not one that this application holds")]
    BadPort,
}

impl<H, S: NameSource> Node<H, S> {
    /// Makes a pipe with the [window](Limits::window) of this node and returns its two ends.
    pub fn create_pipe(&mut self) -> (Key, Key) {
        self.create_pipe_with(self.limits.window)
    }

    /// Makes a pipe on which at most `window` may be under way in each direction. Both numbers are at least one.
    pub fn create_pipe_with(&mut self, window: Window) -> (Key, Key) {
        let (a, b) = self.create_pair(window, Holder::Application, Holder::Application);
        (Key(a), Key(b))
    }

    pub(super) fn create_pair(&mut self, window: Window, one: Holder, other: Holder) -> (PortId, PortId) {
        let window = Window { bytes: window.bytes.max(1), messages: window.messages.max(1) };
        let (a, b) = (port_name(&mut self.names), port_name(&mut self.names));
        (self.create_end(a, b, window, one), self.create_end(b, a, window, other))
    }

    fn create_end(&mut self, name: PortName, peer: PortName, window: Window, holder: Holder) -> PortId {
        let peer = self.address(peer);
        self.ports.insert(Port {
            name,
            writer: Writer::Sure(peer),
            state: State::Active(Active {
                outbound: Some(peer),
                queue: Queue::new(),
                unread: 0,
                assembly: None,
                credit: Credit::new(window),
                holder,
                hint: Hint::default(),
            }),
            pending: None,
            owner: None,
            reroutes: 0,
        })
    }

    /// Sends `message` from `port` to wherever its peer is.
    ///
    /// # Errors
    ///
    /// Why it was not sent, and the whole message; nothing has changed then.
    pub fn send(&mut self, port: &Key, message: Message<H>) -> Result<(), SendError<H>> {
        let mut message = message;
        if message.cargo.is_empty() && message.handles.is_empty() && self.send_payload(port, &mut message.payload) {
            return Ok(());
        }
        self.send_attached(port, message)
    }

    /// Sends a message of bytes only from `port`, without moving it more often than it has to be. Returns false when
    /// it was not sent: nothing has changed then, and [`send`](Self::send) says why. What is left in `payload` after it was
    /// sent means nothing any more; it may own memory, to be freed outside the driver's lock.
    #[inline]
    pub fn send_payload(&mut self, port: &Key, payload: &mut Payload) -> bool {
        let size = payload.len();
        if size <= usize::try_from(self.limits.max_message).unwrap_or(usize::MAX)
            && let Some(Port { name, state: State::Active(active), .. }) = self.ports.get_mut(port.0)
            && let Some(outbound) = active.outbound
            && active.credit.may_send()
        {
            let cost = u32::try_from(Limits::cost(size, 0)).unwrap_or(u32::MAX);
            let starved = active.credit.charge(cost);
            let way = Way { id: port.0, from: *name, dest: outbound, hint: active.hint };
            self.send_plain(way, payload, cost, starved);
            return true;
        }
        false
    }

    /// Sends a message with cargo or handles, or says why a message may not be sent.
    fn send_attached(&mut self, port: &Key, message: Message<H>) -> Result<(), SendError<H>> {
        let cost = match self.sendable(port.0, &message) {
            Ok(cost) => cost,
            Err(kind) => return Err(SendError { kind, message }),
        };
        for key in &message.cargo {
            self.set_holder(key.0, Holder::Cargo);
        }
        let Some(Port { name, state: State::Active(active), .. }) = self.ports.get_mut(port.0) else {
            return Err(SendError { kind: SendErrorKind::BadPort, message });
        };
        let (name, Some(outbound)) = (*name, active.outbound) else {
            return Err(SendError { kind: SendErrorKind::Closed(CloseReason::default()), message });
        };
        let starved = active.credit.charge(cost);
        let Message { payload, cargo, handles } = message;
        let cargo: Vec<PortId> = cargo.into_iter().map(|key| key.0).collect();
        let handles = handles.into();
        let data = Data { payload, cargo, handles, cost, more: false, starved, hops: 0, via: None };
        self.emit(name, outbound, EventKind::Data(data));
        self.run();
        Ok(())
    }

    /// What the message costs, if it may be sent.
    #[inline]
    fn sendable(&self, id: PortId, message: &Message<H>) -> Result<u32, SendErrorKind> {
        let active = match self.ports.entry(id) {
            Some(Entry::Detached(detached)) => return Err(SendErrorKind::Closed(detached.reason.clone())),
            Some(Entry::Routed(Port { state: State::Active(active), .. })) => active,
            Some(Entry::Routed(_)) | None => return Err(SendErrorKind::BadPort),
        };
        let Some(outbound) = active.outbound else {
            return Err(SendErrorKind::Closed(CloseReason::default()));
        };
        let (size, limit) = (message.payload.len(), usize::try_from(self.limits.max_message).unwrap_or(usize::MAX));
        if size > limit {
            return Err(SendErrorKind::TooLarge { size, limit });
        }
        let (ports, handles) = (message.cargo.len(), message.handles.len());
        let Takes { cargo: most_ports, handles: most_handles } = self.taken_by(outbound.node);
        if ports > usize::from(most_ports) || handles > usize::from(most_handles) {
            return Err(SendErrorKind::TooManyAttachments { ports, handles, most_ports, most_handles });
        }
        for (place, key) in message.cargo.iter().enumerate() {
            let repeated = message.cargo.iter().take(place).any(|earlier| earlier == key);
            if repeated || !held_by_application(&self.ports, key.0) {
                return Err(SendErrorKind::BadPort);
            }
            let is_peer = self.ports.get(key.0).is_some_and(|port| self.address(port.name) == outbound);
            if key.0 == id || is_peer {
                return Err(SendErrorKind::OwnPipe);
            }
            if !self.may_move(key.0, outbound) {
                return Err(SendErrorKind::Isolated);
            }
        }
        if !active.credit.may_send() {
            return Err(SendErrorKind::Full);
        }
        Ok(u32::try_from(Limits::cost(size, ports.saturating_add(handles))).unwrap_or(u32::MAX))
    }

    /// The most that may go to `node` in one message.
    #[inline]
    pub(super) fn taken_by(&self, node: NodeName) -> Takes {
        let Limits { cargo, handles, .. } = self.limits;
        let theirs = match self.nodes.get(&node) {
            Some(Reach::Linked(link)) => self.link(*link).map(|link| link.takes),
            Some(Reach::Sought { .. }) | None => None,
        };
        let theirs = theirs.unwrap_or(Takes { cargo, handles });
        Takes { cargo: cargo.min(theirs.cargo), handles: handles.min(theirs.handles) }
    }

    /// Takes the next message of `port`; `Ok(None)` when there is none yet.
    ///
    /// # Errors
    ///
    /// Why the pipe ended, once everything that arrived was taken.
    pub fn receive(&mut self, port: &Key) -> Result<Option<Message<H>>, CloseReason> {
        let mut taken = None;
        let mut keep = |payload: &mut Payload, handles: &mut Vec<H>| {
            let (payload, handles) = (take(payload), take(handles));
            taken = Some(Message { payload, cargo: Vec::new(), handles });
        };
        if self.take_plain(port.0, 1, &mut keep) == (0, false) {
            taken = self.take(port.0)?;
        }
        self.run();
        Ok(taken)
    }

    /// Takes up to `max` messages of `port` and gives each to `into`, in order; returns how many.
    ///
    /// # Errors
    ///
    /// Why the pipe ended, when nothing was left to take.
    pub fn receive_batch(
        &mut self,
        port: &Key,
        max: usize,
        mut into: impl FnMut(Message<H>),
    ) -> Result<usize, CloseReason> {
        self.receive_parts(port, max, |payload, cargo, handles| {
            into(Message { payload: take(payload), cargo, handles: take(handles) });
        })
    }

    /// As [`receive_batch`](Self::receive_batch), with the parts of each message where they lie: whoever wants them takes
    /// them from there to where they belong, and a payload is moved once.
    ///
    /// # Errors
    ///
    /// Why the pipe ended, when nothing was left to take.
    #[inline]
    pub fn receive_parts(
        &mut self,
        port: &Key,
        max: usize,
        mut into: impl FnMut(&mut Payload, Vec<Key>, &mut Vec<H>),
    ) -> Result<usize, CloseReason> {
        let (mut count, empty) =
            self.take_plain(port.0, max, &mut |payload, handles| into(payload, Vec::new(), handles));
        while count < max && !empty {
            match self.take(port.0) {
                Ok(Some(Message { mut payload, cargo, mut handles })) => into(&mut payload, cargo, &mut handles),
                Ok(None) => break,
                Err(reason) if count == 0 => return Err(reason),
                Err(_) => break,
            }
            count = count.saturating_add(1);
        }
        self.run();
        Ok(count)
    }

    /// Takes one message and returns its credit.
    #[inline]
    fn take(&mut self, id: PortId) -> Result<Option<Message<H>>, CloseReason> {
        let data = match self.ports.entry_mut(id) {
            Some(Entry::Detached(detached)) => match self.queues.pop(&mut detached.queue) {
                Some(data) => data,
                None => return Err(detached.reason.clone()),
            },
            Some(Entry::Routed(Port { name, state: State::Active(active), .. })) => {
                let Some(data) = self.queues.pop(&mut active.queue) else { return Ok(None) };
                active.unread = active.unread.saturating_sub(u64::from(data.cost));
                let due = active.credit.taken(data.cost, data.starved);
                if let (Some(due), Some(outbound)) = (due, active.outbound) {
                    let name = *name;
                    self.emit(name, outbound, EventKind::Credit(due));
                }
                data
            }
            Some(Entry::Routed(_)) | None => return Ok(None),
        };
        self.unhold(&data);
        for &cargo in &data.cargo {
            self.set_holder(cargo, Holder::Application);
        }
        Ok(Some(data.into_message()))
    }

    pub(super) fn set_holder(&mut self, id: PortId, holder: Holder) {
        match self.ports.entry_mut(id) {
            Some(Entry::Detached(detached)) => detached.holder = holder,
            Some(Entry::Routed(Port { state: State::Active(active), .. })) => active.holder = holder,
            Some(Entry::Routed(_)) | None => {}
        }
    }

    /// Whether something waits at `port`.
    #[must_use]
    pub fn is_readable(&self, port: &Key) -> bool {
        match self.ports.entry(port.0) {
            Some(Entry::Detached(detached)) => !detached.queue.is_empty(),
            Some(Entry::Routed(Port { state: State::Active(active), .. })) => !active.queue.is_empty(),
            Some(Entry::Routed(_)) | None => false,
        }
    }

    /// Whether a message may be sent from `port` now.
    #[must_use]
    pub fn is_writable(&self, port: &Key) -> bool {
        match self.ports.entry(port.0) {
            Some(Entry::Routed(Port { state: State::Active(active), .. })) => {
                active.outbound.is_some() && active.credit.may_send()
            }
            Some(Entry::Routed(_) | Entry::Detached(_)) | None => false,
        }
    }

    /// Why the pipe ended, if it did; there may still be something to read.
    #[must_use]
    pub fn ended(&self, port: &Key) -> Option<&CloseReason> {
        match self.ports.entry(port.0) {
            Some(Entry::Detached(detached)) => Some(&detached.reason),
            Some(Entry::Routed(_)) | None => None,
        }
    }
}
