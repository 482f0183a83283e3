//! What tests see of a node beyond what an application sees: where each port's route runs, what its accounts say, and
//! whether what a link is charged for is what there is. Nothing here changes anything, and no program needs it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::{Node, held_by_application};
use crate::credit::Account;
use crate::id::LinkId;
use crate::id::PortId;
use crate::limits::Window;
use crate::message::{Data, Port as Key};
use crate::name::{Address, NameSource, NodeName, PortName};
use crate::port::queue::Queues;
use crate::port::{Active, Entry, Holder, Port, State};

/// A port as tests see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PortView {
    /// Its place.
    pub id: PortId,
    /// What it is.
    pub state: PortState,
    /// Its name; `None` without a route.
    pub name: Option<PortName>,
    /// Whose events it handles; `None` without a route.
    pub writer: Option<Address>,
    /// Where it sends; `None` without a route, or with a far side that has closed.
    pub sends_to: Option<Address>,
    /// Whether an application holds it.
    pub held: bool,
    /// Messages that wait to be read.
    pub queued: usize,
    /// Cost in bytes of what waits, the incomplete message included.
    pub unread: Tally,
    /// What an end of a route may send, has granted, and owes.
    pub credit: Option<CreditView>,
    /// Who has sent here without being entitled.
    pub pended: Vec<PendedView>,
}

/// What a port is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortState {
    /// An end of a route.
    Active,
    /// An end whose route is over.
    Detached,
    /// A closed end that waits for the last routing events.
    Stub,
    /// Passes events on.
    Proxy,
    /// A proxy whose route failed.
    Dead,
}

/// A number that the node keeps, and what counting says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_structs, reason = "two numbers, for ever")]
pub struct Tally {
    /// What the node believes.
    pub kept: u64,
    /// What there is.
    pub found: u64,
}

/// The accounts of one end; each in bytes of cost, and in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CreditView {
    /// The pipe's window.
    pub window: Window,
    /// What this end may still send.
    pub send: (i64, i32),
    /// What the other end may still use, or has under way.
    pub granted: (i64, i32),
    /// What was read here and not yet returned.
    pub owed: (i64, i32),
}

/// What one unentitled sender has waiting at a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendedView {
    /// The sender.
    pub from: Address,
    /// Events other than messages.
    pub controls: u64,
    /// Payload in bytes.
    pub bytes: u64,
    /// It went too far: nothing of it is kept any more.
    pub poisoned: bool,
}

/// A link as tests see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkView {
    /// Its id.
    pub link: LinkId,
    /// The node at the other end, once the two have met.
    pub node: Option<NodeName>,
    /// Ports that it put here.
    pub ports: Tally,
    /// Payload bytes that it put here and that wait.
    pub held: Tally,
    /// Those of them that are pended.
    pub pended: Tally,
}

impl From<Account> for (i64, i32) {
    fn from(account: Account) -> Self {
        (account.bytes, account.messages)
    }
}

impl<H, S: NameSource> Node<H, S> {
    /// Every port, for tests.
    #[must_use]
    pub fn port_views(&self) -> Vec<PortView> {
        self.ports.iter().map(|(id, entry)| view(id, entry, &self.queues)).collect()
    }

    /// Messages that wait at ports: what the table of them counts, and what is in the queues; for tests.
    #[must_use]
    pub fn queued(&self) -> Tally {
        let found = self.ports.iter().map(|(_, entry)| queued(entry, &self.queues).count());
        let found = u64::try_from(found.fold(0, usize::saturating_add)).unwrap_or(u64::MAX);
        Tally { kept: u64::from(self.queues.taken()), found }
    }

    /// Every link, for tests.
    #[must_use]
    pub fn link_views(&self) -> Vec<LinkView> {
        let mut views: Vec<LinkView> = Vec::new();
        for (index, link) in &self.links {
            let id = LinkId { index: u32::try_from(index).unwrap_or(u32::MAX), serial: link.serial };
            let kept = |kept| Tally { kept, found: 0 };
            let (ports, held, pended) = (kept(u64::from(link.ports)), kept(link.held), kept(link.pended));
            views.push(LinkView { link: id, node: self.node_of(id), ports, held, pended });
        }
        let mut find = |wanted: Option<LinkId>, found: &mut dyn FnMut(&mut LinkView)| {
            if let Some(view) = views.iter_mut().find(|view| Some(view.link) == wanted) {
                found(view);
            }
        };
        for (_, entry) in self.ports.iter() {
            if let Entry::Routed(port) = entry {
                find(port.owner, &mut |view| view.ports.found = view.ports.found.saturating_add(1));
            }
            for (via, bytes) in waiting(entry, &self.queues) {
                find(via, &mut |view| view.held.found = view.held.found.saturating_add(bytes));
            }
            for (via, bytes) in pended(entry) {
                find(via, &mut |view| {
                    view.held.found = view.held.found.saturating_add(bytes);
                    view.pended.found = view.pended.found.saturating_add(bytes);
                });
            }
        }
        views
    }
}

impl<H: fmt::Debug, S> Node<H, S> {
    /// Everything that this node knows, in words; for searches that must know whether they have been here before. Names
    /// print as eight digits, payloads as their length.
    #[must_use]
    pub fn state_text(&self) -> String {
        let Self {
            name,
            names: _,
            limits: _,
            role,
            ports,
            block: _,
            queues,
            links,
            link_serial: _,
            nodes,
            lost,
            work,
            outputs,
            leave,
        } = self;
        let mut text = format!("{name:?} {role:?} {leave:?} {:?} {work:?} {outputs:?}", lost.order);
        for (id, entry) in ports.iter() {
            text.push_str(&format!("\n{id:?} {entry:?}"));
            for data in queued(entry, queues) {
                text.push_str(&format!(" {data:?}"));
            }
        }
        for (index, link) in links {
            text.push_str(&format!("\n{index} {link:?}"));
        }
        let mut nodes: Vec<_> = nodes.iter().collect();
        nodes.sort_unstable_by_key(|(name, _)| **name);
        for (name, reach) in nodes {
            text.push_str(&format!("\n{name:?} {reach:?}"));
        }
        text
    }

    /// Another key to a port that the application holds, for a copy of a node: the original's key cannot be copied. With
    /// two keys to one port of one node all promises are off.
    #[must_use]
    pub fn duplicate_key(&self, port: PortId) -> Option<Key> {
        held_by_application(&self.ports, port).then_some(Key(port))
    }
}

fn size<H>(data: &Data<H>) -> (Option<LinkId>, u64) {
    (data.via, u64::try_from(data.payload.len()).unwrap_or(u64::MAX))
}

/// What is queued at an entry.
fn queued<'a, H>(entry: &Entry<H>, queues: &'a Queues<H>) -> impl Iterator<Item = &'a Data<H>> {
    let queue = match entry {
        Entry::Detached(detached) => Some(&detached.queue),
        Entry::Routed(Port { state: State::Active(active), .. }) => Some(&active.queue),
        Entry::Routed(_) => None,
    };
    queue.into_iter().flat_map(|queue| queues.iter(queue))
}

/// What waits at an entry to be read, by the link that brought it.
fn waiting<H>(entry: &Entry<H>, queues: &Queues<H>) -> Vec<(Option<LinkId>, u64)> {
    let part = match entry {
        Entry::Routed(Port { state: State::Active(active), .. }) => active.assembly.as_ref(),
        Entry::Routed(_) | Entry::Detached(_) => None,
    };
    let part = part.map(|part| (part.first.via, u64::try_from(part.bytes.len()).unwrap_or(u64::MAX)));
    queued(entry, queues).map(size).chain(part).collect()
}

/// What is pended at an entry, by the link that brought it.
fn pended<H>(entry: &Entry<H>) -> Vec<(Option<LinkId>, u64)> {
    match entry {
        Entry::Routed(Port { pending: Some(pending), .. }) => pending.messages().map(size).collect(),
        Entry::Routed(_) | Entry::Detached(_) => Vec::new(),
    }
}

fn view<H>(id: PortId, entry: &Entry<H>, queues: &Queues<H>) -> PortView {
    let (port, active) = match entry {
        Entry::Routed(port) => match &port.state {
            State::Active(active) => (port, Some(active)),
            State::Stub(_) | State::Proxy(_) | State::Dead { .. } => (port, None),
        },
        Entry::Detached(detached) => {
            return PortView {
                id,
                state: PortState::Detached,
                name: None,
                writer: None,
                sends_to: None,
                held: detached.holder == Holder::Application,
                queued: queued(entry, queues).count(),
                unread: Tally::default(),
                credit: None,
                pended: Vec::new(),
            };
        }
    };
    PortView {
        id,
        state: match port.state {
            State::Active(_) => PortState::Active,
            State::Stub(_) => PortState::Stub,
            State::Proxy(_) => PortState::Proxy,
            State::Dead { .. } => PortState::Dead,
        },
        name: Some(port.name),
        writer: Some(port.writer.address()),
        sends_to: port.sends_to(),
        held: active.is_some_and(|active| active.holder == Holder::Application),
        queued: queued(entry, queues).count(),
        unread: active.map_or_else(Tally::default, |active| unread(active, queues)),
        credit: active.map(|active| CreditView {
            window: active.credit.window,
            send: active.credit.send.into(),
            granted: active.credit.granted.into(),
            owed: active.credit.owed.into(),
        }),
        pended: port.pending.iter().flat_map(|pending| pending.senders()).map(pended_view).collect(),
    }
}

fn pended_view((from, waiting): (Address, Option<(u16, u64)>)) -> PendedView {
    let (controls, bytes) = waiting.unwrap_or_default();
    PendedView { from, controls: u64::from(controls), bytes, poisoned: waiting.is_none() }
}

fn unread<H>(active: &Active<H>, queues: &Queues<H>) -> Tally {
    let part = active.assembly.as_ref().map(|part| part.first.cost);
    let costs = queues.iter(&active.queue).map(|data| data.cost).chain(part);
    Tally { kept: active.unread, found: costs.map(u64::from).fold(0, u64::saturating_add) }
}
