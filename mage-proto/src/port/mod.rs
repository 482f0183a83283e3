//! A port and its states.
//!
//! ```text
//!              ┌── moved, merged ──▶ Proxy ── End ──▶ (removed)
//!   Active ────┤                       └─── failure ──▶ Dead ── End, or the writer is gone ──▶ (removed)
//!     │        └── closed here, or Close came ──▶ Stub ── both ways done ──▶ (removed)
//!     └── failure ──▶ (removed)
//! ```
//!
//! Beside the states of the route there is what the application holds: an Active port until the route ends, a
//! [`Detached`] queue after. A port inside a message that waits in a queue here is an ordinary Active or Detached one
//! that no application holds.

pub(crate) mod pending;
pub(crate) mod queue;
pub(crate) mod table;

use alloc::boxed::Box;
use core::fmt;

use crate::close::CloseReason;
use crate::credit::Credit;
use crate::id::LinkId;
use crate::limits::Window;
use crate::message::Data;
use crate::name::{Address, NodeName, PortName};
use pending::Pending;
use queue::Queue;

/// What a port's place in the table holds.
#[derive(Debug, Clone)]
pub(crate) enum Entry<H> {
    /// Part of a route.
    Routed(Port<H>),
    /// What the application still holds of a port whose route has ended.
    Detached(Detached),
}

/// A port that is part of a route.
#[derive(Debug, Clone)]
pub(crate) struct Port<H> {
    pub(crate) name: PortName,
    pub(crate) writer: Writer,
    pub(crate) state: State<H>,
    /// Events from those not yet entitled.
    pub(crate) pending: Option<Box<Pending<H>>>,
    /// The link that put the port here, or whose node a stub waits for: it is charged for it.
    pub(crate) owner: Option<LinkId>,
    /// Changes of neighbour since the last message, close or credit.
    pub(crate) reroutes: u16,
}

/// The one address whose events a port handles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Writer {
    /// It exists.
    Sure(Address),
    /// It may never come to exist: a Handoff named it while it was being moved. Until its first event comes, the
    /// writer before it is believed too when it says that the route is broken.
    Unsure(Box<Unsure>),
}

/// A writer that was promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unsure {
    pub(crate) address: Address,
    pub(crate) handed_by: Address,
}

/// What a port on a route is.
#[derive(Debug, Clone)]
pub(crate) enum State<H> {
    /// An end of a pipe.
    Active(Active<H>),
    /// A closed end that waits for the last routing events.
    Stub(Stub),
    /// Passes events on to `target`.
    Proxy(Proxy),
    /// A proxy whose route failed: drops messages, still sends its Handoff.
    Dead { target: Address },
}

/// An end of a pipe.
#[derive(Debug, Clone)]
pub(crate) struct Active<H> {
    /// Where it sends; `None` once the far side is known to be closed or failed before the end of its stream came.
    pub(crate) outbound: Option<Address>,
    /// What waits to be read: taken out before the end is let go of.
    pub(crate) queue: Queue,
    /// Cost in bytes of what waits in `queue` and `assembly`.
    pub(crate) unread: u64,
    /// A message of which not all fragments have come.
    pub(crate) assembly: Option<Box<Assembly<H>>>,
    pub(crate) credit: Credit,
    pub(crate) holder: Holder,
    pub(crate) hint: Hint,
}

/// Where an end's outbound was found last: the place of the port if it is here, else that of the link to its node.
/// Whoever looks there checks whether it still is, so a wrong hint costs time and nothing else.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hint(pub(crate) u32);

/// Two nodes that differ in their hints only do the same, and print the same.
impl fmt::Debug for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

/// Who may use an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// The application.
    Application,
    /// A message in a queue here, or one that is being sent.
    Cargo,
}

/// A message of which not all fragments have come.
#[derive(Debug, Clone)]
pub(crate) struct Assembly<H> {
    /// The first fragment, its payload moved to `bytes`.
    pub(crate) first: Data<H>,
    pub(crate) bytes: bytes::BytesMut,
    /// The payload that the first fragment announced, in bytes.
    pub(crate) announced: u64,
}

/// A closed end. It goes when the far side's Close has come and its writer is who it sends to: until then a Handoff or
/// Hello may still be under way to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stub {
    pub(crate) outbound: Option<Address>,
    pub(crate) wait: StubWait,
}

/// What a closed end waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StubWait {
    /// The far side's Close.
    Close,
    /// The last routing events.
    Route,
}

/// A port that has moved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    pub(crate) target: Address,
    pub(crate) told: Told,
    /// Payload bytes queued towards the target's node on this proxy's behalf.
    pub(crate) queued: u64,
}

/// Whom a proxy has sent its Handoff to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// The port that it used to send to.
    Peer(Address),
    /// Nobody: its far side was closed already. It goes when the stream ends.
    Orphan,
    /// Nobody: it passes on the rest of a pipe whose far side was closed before the two were merged. When that stream
    /// ends it is a stub, and the writer it had before finishes its own.
    Spliced(Writer),
}

/// What the application still holds of a port whose route has ended.
#[derive(Debug, Clone)]
pub(crate) struct Detached {
    pub(crate) queue: Queue,
    /// The node of its last writer.
    pub(crate) origin: NodeName,
    pub(crate) reason: CloseReason,
    pub(crate) holder: Holder,
    /// The pipe's window, which bounds the queue wherever it moves.
    pub(crate) window: Window,
}

impl Writer {
    pub(crate) fn address(&self) -> Address {
        match self {
            Self::Sure(address) => *address,
            Self::Unsure(unsure) => unsure.address,
        }
    }

    pub(crate) fn handed_by(&self) -> Option<Address> {
        match self {
            Self::Sure(_) => None,
            Self::Unsure(unsure) => Some(unsure.handed_by),
        }
    }

    /// The writer that a Handoff from `from` names.
    pub(crate) fn handed(next: Address, sure: bool, from: Address) -> Self {
        if sure { Self::Sure(next) } else { Self::Unsure(Box::new(Unsure { address: next, handed_by: from })) }
    }
}

impl<H> Port<H> {
    /// Where the port sends: an end's and a stub's outbound, a proxy's target.
    pub(crate) fn sends_to(&self) -> Option<Address> {
        match &self.state {
            State::Active(active) => active.outbound,
            State::Stub(stub) => stub.outbound,
            State::Proxy(proxy) => Some(proxy.target),
            State::Dead { target } => Some(*target),
        }
    }

    /// Whether `from` is believed when it says that the route is broken.
    pub(crate) fn believes(&self, from: Address) -> bool {
        let neighbour = match &self.state {
            State::Active(active) => active.outbound,
            State::Stub(stub) => stub.outbound,
            State::Proxy(proxy) => Some(proxy.target),
            State::Dead { .. } => None,
        };
        self.writer.address() == from || self.writer.handed_by() == Some(from) || neighbour == Some(from)
    }
}

/// Replaces one node's name by another's in an address.
fn rename(address: &mut Address, old: NodeName, new: NodeName) {
    if address.node == old {
        address.node = new;
    }
}

impl Writer {
    fn rename_node(&mut self, old: NodeName, new: NodeName) {
        match self {
            Self::Sure(address) => rename(address, old, new),
            Self::Unsure(unsure) => {
                rename(&mut unsure.address, old, new);
                rename(&mut unsure.handed_by, old, new);
            }
        }
    }
}

impl<H> Port<H> {
    /// See `Node::adopt_name`.
    pub(crate) fn rename_node(&mut self, old: NodeName, new: NodeName) {
        self.writer.rename_node(old, new);
        match &mut self.state {
            State::Active(Active { outbound, .. }) | State::Stub(Stub { outbound, .. }) => {
                outbound.iter_mut().for_each(|outbound| rename(outbound, old, new));
            }
            State::Proxy(Proxy { target, told, .. }) => {
                rename(target, old, new);
                match told {
                    Told::Peer(peer) => rename(peer, old, new),
                    Told::Orphan => {}
                    Told::Spliced(writer) => writer.rename_node(old, new),
                }
            }
            State::Dead { target } => rename(target, old, new),
        }
        if let Some(pending) = &mut self.pending {
            pending.rename(old, new);
        }
    }
}
