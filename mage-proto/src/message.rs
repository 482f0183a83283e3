//! What an application sends, and the keys by which it holds ports.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use crate::id::{LinkId, PortId};
use crate::payload::Payload;

/// A port, held by the application that owns it: the one key to it. It is moved, never copied: sending a port inside a
/// message, closing it and merging it all take the key. Dropping the key leaves the port open for ever, so the facade
/// wraps it in a type that closes.
#[derive(PartialEq, Eq, Hash)]
pub struct Port(pub(crate) PortId);

impl Port {
    /// The port's place in this node, as outputs name it.
    #[must_use]
    pub fn id(&self) -> PortId {
        self.0
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Port({})", self.0.0)
    }
}

/// What an application sends: bytes, and the ports and handles that travel with them.
#[derive(Debug, PartialEq, Eq)]
pub struct Message<H> {
    /// The bytes.
    pub payload: Payload,
    /// Ports that move to the receiver.
    pub cargo: Vec<Port>,
    /// Handles that move to the receiver.
    pub handles: Vec<H>,
}

impl<H> Message<H> {
    /// A message of bytes only.
    pub fn new(payload: impl Into<Payload>) -> Self {
        Self { payload: payload.into(), cargo: Vec::new(), handles: Vec::new() }
    }
}

/// A message, or a fragment of one, inside the core: cargo is already inside, and the sender's marks are kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Data<H> {
    pub(crate) payload: Payload,
    pub(crate) cargo: Vec<PortId>,
    pub(crate) handles: Handles<H>,
    /// What the whole message counts, stamped by its sender; zero in every fragment but the first.
    pub(crate) cost: u32,
    /// Another fragment of the same message follows.
    pub(crate) more: bool,
    /// The message took the sender's credit to zero or below.
    pub(crate) starved: bool,
    /// How many proxies have passed it on, where it brings ports: one of them may be the end that it is bound for.
    pub(crate) hops: u8,
    /// The link that brought it, which is charged for its bytes while it waits here; `None` when it was sent here.
    pub(crate) via: Option<LinkId>,
}

/// The handles of a message inside the core. Hardly any has some, while all are moved, and wait: so they are a pointer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(clippy::box_collection, reason = "a vector is three words even where there is nothing in it")]
pub(crate) struct Handles<H>(Option<Box<Vec<H>>>);

impl<H> Handles<H> {
    pub(crate) const NONE: Self = Self(None);

    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |handles| handles.len())
    }

    #[inline]
    pub(crate) fn take(&mut self) -> Vec<H> {
        self.0.take().map_or_else(Vec::new, |handles| *handles)
    }
}

impl<H> From<Vec<H>> for Handles<H> {
    fn from(handles: Vec<H>) -> Self {
        Self((!handles.is_empty()).then(|| Box::new(handles)))
    }
}

impl<H> Data<H> {
    /// Continues the message begun by an earlier fragment.
    pub(crate) fn continues(&self) -> bool {
        self.cost == 0
    }

    pub(crate) fn attachments(&self) -> usize {
        self.cargo.len().saturating_add(self.handles.len())
    }

    pub(crate) fn into_message(mut self) -> Message<H> {
        let handles = self.handles.take();
        Message { payload: self.payload, cargo: self.cargo.into_iter().map(Port).collect(), handles }
    }
}
