//! A node: its tables, its worklist, and the ways in and out. Each conversation of the protocol has a room of its own
//! with its own `impl Node`.
//!
//! ```text
//!   commands ─▶ pipe, merge, invitation, leave ─┐                        ┌─▶ poll_output
//!                                               ▼                        │
//!   handle_bytes ─▶ frame ─▶ receive ─▶ dispatch ─▶ (handoff, close,   outputs
//!                                ▲          │         failure)           ▲
//!                                │          ▼                            │
//!                                └── worklist (events, in order) ─▶ transmit ─▶ outboxes ─▶ poll_transmit
//! ```
//!
//! Events between ports of one node pass through the worklist, never by recursion, and what leaves the node is handed
//! to its link in worklist order. Inputs are checked before anything changes.

mod arrive;
mod census;
mod close;
mod dispatch;
mod failure;
mod handoff;
pub mod inspect;
mod introduction;
mod invitation;
mod isolated;
mod leave;
mod linger;
mod merge;
mod pipe;
mod plain;
mod receive;
mod referral;
mod reject;
mod role;
mod transmit;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::num::NonZeroU32;

use hashbrown::HashMap;
use slab::Slab;

use crate::event::{Event, EventKind};
use crate::id::LinkId;
use crate::id::PortId;
use crate::limits::Limits;
use crate::link::{Link, LinkState};
use crate::message::Data;
use crate::name::{Address, NameSource, NodeName, PortName, node_name};
use crate::outbox::{Outbox, Transmit};
use crate::output::{Discard, Output};
use crate::payload::Block;
use crate::port::queue::Queues;
use crate::port::table::{Keys, Ports, draw_keys};
use role::Role;

pub use census::Census;
pub use introduction::SocketPairError;
pub use invitation::{AcceptError, InviteError};
pub use merge::MergeError;
pub use pipe::{SendError, SendErrorKind};
pub use reject::Source;

/// One participant of a network, normally a process: a state machine without I/O.
///
/// `H` is the handle type (an owned descriptor in the facade, a counted token in tests): the core moves handles or lets
/// go of them, it cannot use them. `S` gives names.
///
/// There are commands (from the application), inputs (`handle_*` and [`socket_pair`](Self::socket_pair)) and outputs.
/// After every command or input, poll outputs with [`poll_output`](Self::poll_output) until there are none, and bytes
/// with [`poll_transmit`](Self::poll_transmit) for each link whose socket can take some.
#[derive(Debug)]
pub struct Node<H, S> {
    name: NodeName,
    names: S,
    limits: Limits,
    role: Role,
    ports: Ports<H>,
    /// Where small payloads that arrive are copied to.
    block: Block,
    /// What waits at ports.
    queues: Queues<H>,
    links: Slab<Link<H>>,
    /// The serial of the next link.
    link_serial: NonZeroU32,
    /// The other nodes that this one is linked to or wants to meet.
    nodes: HashMap<NodeName, Reach<H>, Keys>,
    lost: Lost,
    work: VecDeque<Event<H>>,
    outputs: VecDeque<Output<H>>,
    leave: leave::Leave,
}

/// A copy that goes its own way: for searches that try what might happen next. Outputs that were not polled yet stay
/// with the original.
impl<H: Clone, S: Clone> Clone for Node<H, S> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            names: self.names.clone(),
            limits: self.limits.clone(),
            role: self.role.clone(),
            ports: self.ports.clone(),
            block: Block::default(),
            queues: self.queues.clone(),
            links: self.links.clone(),
            link_serial: self.link_serial,
            nodes: self.nodes.clone(),
            lost: self.lost.clone(),
            work: self.work.clone(),
            outputs: VecDeque::new(),
            leave: self.leave,
        }
    }
}

/// How another node is reached.
#[derive(Debug, Clone)]
enum Reach<H> {
    /// Over a link that is Up (or Leaving).
    Linked(LinkId),
    /// Not yet: what is for it waits here. `named_by`: who made this node look for it.
    Sought { outbox: Outbox<H>, named_by: Option<NodeName> },
}

/// Nodes that were lost stay lost: a link to one of them is refused, an event for one of them is dropped.
#[derive(Debug, Clone)]
struct Lost {
    order: VecDeque<NodeName>,
    names: HashMap<NodeName, (), Keys>,
}

impl Lost {
    fn contains(&self, node: NodeName) -> bool {
        (!self.order.is_empty() && self.names.contains_key(&node)) || node == NodeName::NOWHERE
    }

    fn insert(&mut self, node: NodeName, limits: &Limits) {
        if self.names.insert(node, ()).is_some() {
            return;
        }
        self.order.push_back(node);
        if self.order.len() > usize::try_from(limits.lost_nodes).unwrap_or(usize::MAX)
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
    }
}

impl<H, S: NameSource> Node<H, S> {
    /// Makes a node that is alone: it may create pipes, and becomes a broker with its first invitation or a member by
    /// accepting one.
    pub fn new(mut names: S, limits: Limits) -> Self {
        let name = node_name(&mut names);
        let keys = draw_keys(&mut names);
        Self {
            name,
            names,
            limits,
            role: Role::Undecided,
            ports: Ports::new(keys.clone()),
            block: Block::default(),
            queues: Queues::new(),
            links: Slab::new(),
            link_serial: NonZeroU32::MIN,
            nodes: HashMap::with_hasher(keys.clone()),
            lost: Lost { order: VecDeque::new(), names: HashMap::with_hasher(keys) },
            work: VecDeque::new(),
            outputs: VecDeque::new(),
            leave: leave::Leave::Staying,
        }
    }

    /// This node's name. A member gets its final name when it is welcomed.
    #[must_use]
    pub fn name(&self) -> NodeName {
        self.name
    }

    /// The bounds that this node was made with.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The next thing to be done; `None` when there is nothing.
    pub fn poll_output(&mut self) -> Option<Output<H>> {
        self.outputs.pop_front()
    }

    /// Moves the next batch of frames for `link` into `batch`, which must be empty. Returns false when nothing waits;
    /// the next frame is then announced by [`Output::LinkReady`].
    pub fn poll_transmit(&mut self, link: LinkId, batch: &mut Transmit<H>) -> bool {
        let Some(state) = self.link_mut(link) else { return false };
        let max_frame = state.max_frame();
        let polled = state.outbox.poll(max_frame, batch);
        if let Some((origin, bytes)) = polled.released {
            self.release_origin(origin, bytes);
        }
        if batch.is_empty() {
            self.advance_leave();
        } else if self.leaves() {
            batch.forget_that_it_is_last();
        }
        !batch.is_empty()
    }

    /// Performs everything that the last command or input set going.
    #[inline]
    fn run(&mut self) {
        while let Some(event) = self.work.pop_front() {
            if event.dest.node == self.name { self.deliver(event) } else { self.transmit(event) }
        }
        self.advance_leave();
    }

    /// Appends an event from `port` of this node to the worklist.
    fn emit(&mut self, port: PortName, dest: Address, kind: EventKind<H>) {
        let from = self.address(port);
        self.work.push_back(Event { dest, from, kind });
    }

    #[inline]
    fn address(&self, port: PortName) -> Address {
        Address { node: self.name, port }
    }

    #[inline]
    fn output(&mut self, output: Output<H>) {
        self.outputs.push_back(output);
    }

    /// The link `id`, unless it ended.
    #[inline]
    fn link(&self, id: LinkId) -> Option<&Link<H>> {
        self.links.get(id.index()).filter(|link| link.serial == id.serial)
    }

    /// The link `id`, unless it ended.
    #[inline]
    fn link_mut(&mut self, id: LinkId) -> Option<&mut Link<H>> {
        self.links.get_mut(id.index()).filter(|link| link.serial == id.serial)
    }

    /// The node at the other end of a link that is Up.
    #[inline]
    fn node_of(&self, id: LinkId) -> Option<NodeName> {
        match &self.link(id)?.state {
            LinkState::Up { node, .. } | LinkState::Leaving { node, .. } => Some(*node),
            LinkState::Inviting(_)
            | LinkState::Accepting
            | LinkState::Greeted { .. }
            | LinkState::ToBroker { .. }
            | LinkState::Referred { .. }
            | LinkState::Introduced { .. } => None,
        }
    }

    /// Has the driver drop what the core lets go of.
    #[cold]
    fn discard_later(&mut self, discarded: Discard<H>) {
        self.output(Output::Discard(Box::new(discarded)));
    }

    /// Lets go of a message that nobody will read: its cargo is closed, the rest goes to the driver to be dropped.
    fn discard(&mut self, mut data: Data<H>) {
        let cargo = core::mem::take(&mut data.cargo);
        if data.handles.len() > 0 || data.payload.is_shared() {
            self.discard_later(Discard::Message(data.into_message()));
        }
        self.close_quietly(cargo);
    }

    /// Lets go of a message that waited here.
    fn discard_held(&mut self, data: Data<H>) {
        self.unhold(&data);
        self.discard(data);
    }

    /// Charges the link that brought `data` for as long as it waits here.
    #[inline]
    fn hold(&mut self, data: &Data<H>) {
        if let Some(link) = data.via.and_then(|via| self.link_mut(via)) {
            link.held = link.held.saturating_add(u64::try_from(data.payload.len()).unwrap_or(u64::MAX));
        }
    }

    /// Ends what [`hold`](Self::hold) began.
    #[inline]
    fn unhold(&mut self, data: &Data<H>) {
        if let Some(link) = data.via.and_then(|via| self.link_mut(via)) {
            link.held = link.held.saturating_sub(u64::try_from(data.payload.len()).unwrap_or(u64::MAX));
        }
    }

    /// Signals to the application, where it holds the port.
    fn signal(&mut self, held: bool, output: Output<H>) {
        if held {
            self.output(output);
        }
    }
}

/// Whether an entry may be used by the application under this key.
fn held_by_application<H>(ports: &Ports<H>, id: PortId) -> bool {
    use crate::port::{Entry, Holder, State};
    match ports.entry(id) {
        Some(Entry::Detached(detached)) => detached.holder == Holder::Application,
        Some(Entry::Routed(port)) => match &port.state {
            State::Active(active) => active.holder == Holder::Application,
            State::Stub(_) | State::Proxy(_) | State::Dead { .. } => false,
        },
        None => false,
    }
}
