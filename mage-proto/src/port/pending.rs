//! Events that came before their sender was entitled to write, kept apart by sender.
//!
//! Honest nodes need this: a moved port's Hello may overtake the Handoff that makes it the writer, and it may then use
//! its whole window. Whoever keeps sending without ever becoming the writer is poisoned: what it sent is discarded,
//! and should it become the writer after all, the route fails.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::event::EventKind;
use crate::limits::{Limits, Window};
use crate::message::Data;
use crate::name::{Address, NodeName};

/// The events that wait at one port.
#[derive(Debug, Clone)]
pub(crate) struct Pending<H> {
    senders: Vec<Sender<H>>,
    /// Nodes of which more senders came than are listened to; each of those others counts as poisoned.
    crowded: Vec<NodeName>,
}

#[derive(Debug, Clone)]
struct Sender<H> {
    address: Address,
    events: Waiting<H>,
}

#[derive(Debug, Clone)]
enum Waiting<H> {
    Kept { events: VecDeque<EventKind<H>>, controls: u16, cost: u64, bytes: u64 },
    Poisoned,
}

/// What became of an event that was to wait.
#[derive(Debug)]
pub(crate) enum Pended<H> {
    /// It waits.
    Kept,
    /// Its sender went too far: everything of it is given back to be discarded.
    Poisoned(VecDeque<EventKind<H>>),
}

/// What a new writer had waiting.
#[derive(Debug)]
pub(crate) enum Next<H> {
    /// Its next event.
    Event(EventKind<H>),
    /// It went too far before it was entitled.
    Poisoned,
    /// Nothing.
    None,
}

impl<H> Pending<H> {
    pub(crate) fn new() -> Self {
        Self { senders: Vec::new(), crowded: Vec::new() }
    }

    /// Keeps an event of a sender that is not the writer. `local`: the sender is a port of this node, which is honest.
    pub(crate) fn push(
        &mut self,
        from: Address,
        kind: EventKind<H>,
        window: Option<Window>,
        limits: &Limits,
        local: bool,
    ) -> Pended<H> {
        let place = match self.senders.iter().position(|sender| sender.address == from) {
            Some(place) => place,
            None if !local && self.of_node(from.node) >= usize::from(limits.pended_senders) => {
                if !self.crowded.contains(&from.node) {
                    self.crowded.push(from.node);
                }
                return Pended::Poisoned(VecDeque::from([kind]));
            }
            None => {
                let events = Waiting::Kept { events: VecDeque::new(), controls: 0, cost: 0, bytes: 0 };
                self.senders.push(Sender { address: from, events });
                self.senders.len().saturating_sub(1)
            }
        };
        let Some(sender) = self.senders.get_mut(place) else { return Pended::Poisoned(VecDeque::from([kind])) };
        let Waiting::Kept { events, controls, cost, bytes } = &mut sender.events else {
            return Pended::Poisoned(VecDeque::from([kind]));
        };
        match &kind {
            EventKind::Data(data) => {
                *cost = cost.saturating_add(u64::from(data.cost));
                *bytes = bytes.saturating_add(u64::try_from(data.payload.len()).unwrap_or(u64::MAX));
            }
            EventKind::Close(_)
            | EventKind::Handoff { .. }
            | EventKind::Hello { .. }
            | EventKind::End
            | EventKind::Gone { .. }
            | EventKind::Credit(_) => *controls = controls.saturating_add(1),
        }
        events.push_back(kind);
        let window = window.map_or(limits.max_window.bytes, |window| window.bytes);
        let most = u64::from(window).saturating_add(u64::from(limits.max_message));
        if local || (*controls <= limits.pended_controls && *cost <= most.saturating_add(64) && *bytes <= most) {
            return Pended::Kept;
        }
        match core::mem::replace(&mut sender.events, Waiting::Poisoned) {
            Waiting::Kept { events, .. } => Pended::Poisoned(events),
            Waiting::Poisoned => Pended::Poisoned(VecDeque::new()),
        }
    }

    fn of_node(&self, node: NodeName) -> usize {
        self.senders.iter().filter(|sender| sender.address.node == node).count()
    }

    /// The sender on `node` that has most bytes waiting, and how many; `None` when none has any.
    pub(crate) fn heaviest(&self, node: NodeName) -> Option<(Address, u64)> {
        let bytes = |sender: &Sender<H>| match &sender.events {
            Waiting::Kept { bytes, .. } => *bytes,
            Waiting::Poisoned => 0,
        };
        let of_node = self.senders.iter().filter(|sender| sender.address.node == node);
        of_node.map(|sender| (sender.address, bytes(sender))).filter(|(_, bytes)| *bytes > 0).max_by_key(|of| of.1)
    }

    /// Listens to a sender no more; gives back what it had waiting.
    pub(crate) fn poison(&mut self, sender: Address) -> VecDeque<EventKind<H>> {
        let found = self.senders.iter_mut().find(|known| known.address == sender);
        match found.map(|sender| core::mem::replace(&mut sender.events, Waiting::Poisoned)) {
            Some(Waiting::Kept { events, .. }) => events,
            Some(Waiting::Poisoned) | None => VecDeque::new(),
        }
    }

    /// Takes the next event of `writer`, which is entitled now.
    pub(crate) fn pop(&mut self, writer: Address) -> Next<H> {
        let Some(place) = self.senders.iter().position(|sender| sender.address == writer) else { return Next::None };
        let Some(sender) = self.senders.get_mut(place) else { return Next::None };
        let (next, done) = match &mut sender.events {
            Waiting::Poisoned => (Next::Poisoned, true),
            Waiting::Kept { events, controls, cost, bytes } => {
                let next = events.pop_front();
                match &next {
                    Some(EventKind::Data(data)) => {
                        *cost = cost.saturating_sub(u64::from(data.cost));
                        *bytes = bytes.saturating_sub(u64::try_from(data.payload.len()).unwrap_or(u64::MAX));
                    }
                    Some(
                        EventKind::Close(_)
                        | EventKind::Handoff { .. }
                        | EventKind::Hello { .. }
                        | EventKind::End
                        | EventKind::Gone { .. }
                        | EventKind::Credit(_),
                    ) => *controls = controls.saturating_sub(1),
                    None => {}
                }
                (next.map_or(Next::None, Next::Event), events.is_empty())
            }
        };
        if done {
            self.senders.remove(place);
        }
        next
    }

    /// Whether something of `sender` may have been dropped because too many of its node came before it.
    pub(crate) fn missed(&self, sender: Address) -> bool {
        self.crowded.contains(&sender.node) && self.senders.iter().all(|known| known.address != sender)
    }

    /// Whether a sender was poisoned here.
    pub(crate) fn holds_poisoned(&self) -> bool {
        let poisoned = |sender: &Sender<H>| match &sender.events {
            Waiting::Poisoned => true,
            Waiting::Kept { .. } => false,
        };
        !self.crowded.is_empty() || self.senders.iter().any(poisoned)
    }

    /// Whether `from` has said that the route is broken.
    pub(crate) fn holds_gone(&self, from: Address) -> bool {
        self.senders.iter().any(|sender| {
            sender.address == from
                && match &sender.events {
                    Waiting::Kept { events, .. } => events.iter().any(|event| matches!(event, EventKind::Gone { .. })),
                    Waiting::Poisoned => false,
                }
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.senders.is_empty() && self.crowded.is_empty()
    }

    /// Takes the messages out; what says how the route runs stays.
    pub(crate) fn take_data(&mut self) -> Vec<EventKind<H>> {
        let mut taken = Vec::new();
        for sender in &mut self.senders {
            if let Waiting::Kept { events, cost, bytes, .. } = &mut sender.events {
                let (data, routing): (Vec<_>, Vec<_>) =
                    core::mem::take(events).into_iter().partition(|event| matches!(event, EventKind::Data(_)));
                *events = routing.into();
                (*cost, *bytes) = (0, 0);
                taken.extend(data);
            }
        }
        self.senders.retain(|sender| match &sender.events {
            Waiting::Kept { events, .. } => !events.is_empty(),
            Waiting::Poisoned => true,
        });
        taken
    }

    /// Everything that waits, in the order of senders.
    pub(crate) fn into_events(self) -> impl Iterator<Item = (Address, EventKind<H>)> {
        self.senders.into_iter().flat_map(|sender| {
            let events = match sender.events {
                Waiting::Kept { events, .. } => events,
                Waiting::Poisoned => VecDeque::new(),
            };
            events.into_iter().map(move |event| (sender.address, event))
        })
    }

    /// The messages that wait, for tests.
    pub(crate) fn messages(&self) -> impl Iterator<Item = &Data<H>> {
        let events = self.senders.iter().flat_map(|sender| match &sender.events {
            Waiting::Kept { events, .. } => Some(events),
            Waiting::Poisoned => None,
        });
        events.flatten().filter_map(|event| match event {
            EventKind::Data(data) => Some(data),
            EventKind::Close(_)
            | EventKind::Handoff { .. }
            | EventKind::Hello { .. }
            | EventKind::End
            | EventKind::Gone { .. }
            | EventKind::Credit(_) => None,
        })
    }

    /// Who waits, with how many events other than messages and how many bytes; `None`: it is poisoned. For tests.
    pub(crate) fn senders(&self) -> impl Iterator<Item = (Address, Option<(u16, u64)>)> {
        self.senders.iter().map(|sender| match &sender.events {
            Waiting::Kept { controls, bytes, .. } => (sender.address, Some((*controls, *bytes))),
            Waiting::Poisoned => (sender.address, None),
        })
    }

    /// Gives every address that is `old` the node `new`; see `Node::adopt_name`.
    pub(crate) fn rename(&mut self, old: NodeName, new: NodeName) {
        for sender in &mut self.senders {
            super::rename(&mut sender.address, old, new);
        }
    }
}
