//! The one place that performs what the core asks for, and owns the lock around it.
//!
//! ```text
//!   application ──Backend, Node──▶ ┌──────── State, under one lock ────────┐ ──outputs──▶ effects, after the lock:
//!   adapter ──on_ready──▶ link ──▶ │ the core · seats · links · joins      │              wake, open, close, flush,
//!                                  └───────────────────────────────────────┘              tell, drop
//! ```
//!
//! What must hold: the lock is held for table work only (some ten nanoseconds a message), never across a system call, a
//! callback, a waker or a destructor of somebody else's; whoever changed the core under it collects what the core wants
//! done before releasing it and performs that, in order, after. One room each: who owns ports and waits at them (`seat`),
//! reading (`reading`, `inward`), writing and when (`flush`), to
//! what (`way`), meeting other nodes (`join`), what the bindings call (`provider`).

mod effect;
mod flush;
mod inward;
mod join;
mod link;
mod provider;
mod reading;
mod said;
mod seat;
mod way;

use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};
use std::time::Duration;

use mage_proto::{LinkId, Output};

use crate::adapter::Adapter;
use crate::names::{OsNames, Reserve};
use crate::node::NodeEvent;
use crate::pipe::{CloseReason, Loss, MessagePipe};
use crate::socket::{self, Pool};
use crate::sync::Lock;

use effect::{Dropped, Effect, Effects};
use inward::Lookout;
use join::Joins;
use link::Link;
use seat::Seats;

pub(crate) use join::{JoinFailed, LinkKind};

pub(crate) type Core = mage_proto::Node<OwnedFd, OsNames>;
/// What the application wants to hear of its node, besides what its pipes say.
pub(crate) type Supervisor = Box<dyn Fn(NodeEvent) + Send + Sync>;

/// A node at work: the core, and the adapter that it lives on.
pub(crate) struct Driver {
    me: Weak<Driver>,
    adapter: Arc<dyn Adapter>,
    supervisor: Option<Supervisor>,
    names: Arc<Reserve>,
    /// What links read into.
    buffers: Arc<Pool>,
    /// Busy links get rings.
    rings: bool,
    lookout: Lookout,
    state: Lock<State>,
}

struct State {
    me: Weak<Driver>,
    /// `None` once the node is closed.
    core: Option<Core>,
    seats: Seats,
    /// By [`LinkId::index`].
    links: Vec<Option<Arc<Link>>>,
    /// Busy links get rings.
    rings: bool,
    joins: Joins,
    leaving: Leaving,
}

/// How far a shutdown has come.
#[derive(Debug, Default)]
enum Leaving {
    #[default]
    No,
    /// Nothing new begins; what is under way is being delivered.
    Draining(Option<Waker>),
    Drained,
}

impl Driver {
    pub(crate) fn new(
        adapter: Arc<dyn Adapter>,
        limits: mage_proto::Limits,
        supervisor: Option<Supervisor>,
        rings: bool,
        patience: Duration,
    ) -> Result<Arc<Self>, getrandom::Error> {
        let (names, reserve) = OsNames::new()?;
        Ok(Arc::new_cyclic(|me: &Weak<Self>| Self {
            me: me.clone(),
            adapter,
            supervisor,
            names: reserve,
            buffers: Arc::default(),
            rings,
            lookout: Lookout::new(patience),
            state: Lock::new(State {
                me: me.clone(),
                core: Some(Core::new(names, limits)),
                seats: Seats::default(),
                links: Vec::new(),
                rings,
                joins: Joins::default(),
                leaving: Leaving::No,
            }),
        }))
    }

    pub(crate) fn adapter(&self) -> &Arc<dyn Adapter> {
        &self.adapter
    }

    /// Whether busy links get rings.
    fn wants_rings(&self) -> bool {
        self.rings
    }

    /// Counts what there is; nothing, once the node is closed.
    pub(crate) fn census(&self) -> mage_proto::Census {
        self.state.lock().core.as_ref().map(Core::census).unwrap_or_default()
    }

    /// Changes the state under the lock and collects what has to be done after it.
    #[inline]
    fn enter<R>(&self, effects: &mut Effects, act: impl FnOnce(&mut State, &mut Effects) -> R) -> R {
        let mut state = self.state.lock();
        let result = act(&mut state, effects);
        state.collect(effects);
        result
    }

    /// Performs what a command or an input set going. Frames that became ready are written at once, or at the end of
    /// the read callback that this thread is in.
    #[inline]
    fn perform(&self, effects: &mut Effects) {
        self.perform_with(effects, |link| link.flush_now(self));
    }

    /// Performs what the application's sending set going, under the rule of [`flush`].
    #[inline]
    fn perform_sent(&self, effects: &mut Effects, large: bool) {
        self.perform_with(effects, |link| link.flush_sent(self, large));
    }

    /// Performs what the application's closing set going.
    fn perform_closed(&self, effects: &mut Effects) {
        self.perform_with(effects, |link| link.flush_closed());
    }

    #[inline]
    fn perform_with(&self, effects: &mut Effects, flush: impl Fn(&Arc<Link>)) {
        effects.take_each(|effect| match effect {
            Effect::Wake(waker) => {
                flush::Deferral::has_woken();
                waker.wake();
            }
            Effect::Flush(link) => flush(&link),
            Effect::Open(_) | Effect::Close(_) | Effect::CreateSocketPair(_) | Effect::Tell(_) | Effect::Drop(_) => {
                self.perform_rarer(effect)
            }
        });
        self.names.stock_up();
    }

    #[cold]
    fn perform_rarer(&self, effect: Effect) {
        match effect {
            Effect::Open(link) => self.open(&link),
            Effect::Close(link) => link.close(),
            Effect::CreateSocketPair(tag) => self.create_socket_pair(tag),
            Effect::Tell(event) => self.tell(*event),
            Effect::Drop(dropped) => drop(dropped),
            Effect::Wake(_) | Effect::Flush(_) => {}
        }
    }

    fn create_socket_pair(&self, tag: u64) {
        let pair = socket::pair().map_err(|_| mage_proto::SocketPairError);
        let mut effects = Effects::new();
        self.enter(&mut effects, |state, effects| match &mut state.core {
            Some(core) => core.socket_pair(tag, pair),
            None => effects.push(Effect::Drop(Dropped::Pair(pair.ok()))),
        });
        self.perform(&mut effects);
    }

    fn tell(&self, event: NodeEvent) {
        if let Some(supervisor) = &self.supervisor {
            supervisor(event);
        }
    }

    /// The driver at the other end breaks what the two agreed on.
    fn accuse(&self, link: LinkId, why: &'static str) {
        let mut effects = Effects::new();
        self.enter(&mut effects, |state, _| {
            if let Some(core) = &mut state.core {
                core.handle_bad_driver(link, why);
            }
        });
        self.perform(&mut effects);
    }

    /// The connection is of no further use.
    fn lose(&self, link: LinkId) {
        let mut effects = Effects::new();
        self.enter(&mut effects, |state, _| {
            if let Some(core) = &mut state.core {
                core.handle_lost(link);
            }
        });
        self.perform(&mut effects);
    }

    /// Closes the application's ends and begins to drain.
    pub(crate) fn begin_shutdown(&self) {
        let mut effects = Effects::new();
        self.enter(&mut effects, |state, effects| {
            let Some(core) = &mut state.core else { return };
            if !matches!(state.leaving, Leaving::No) {
                return;
            }
            state.leaving = Leaving::Draining(None);
            for mut seat in state.seats.take_all() {
                effects.extend(seat.waits.take_all().into_iter().map(Effect::Wake));
                core.close(seat.port, 0, "");
            }
            core.shutdown();
        });
        self.perform(&mut effects);
    }

    /// Waits until nothing that another node needs is left here, and every link is closed.
    pub(crate) fn poll_drained(&self, waker: &Waker) -> Poll<()> {
        let waker = waker.clone();
        let mut state = self.state.lock();
        let drained = state.core.is_none() || matches!(state.leaving, Leaving::Drained);
        let former = match &mut state.leaving {
            Leaving::Draining(place) if !drained => place.replace(waker),
            Leaving::Draining(_) | Leaving::No | Leaving::Drained => Some(waker),
        };
        drop(state);
        drop(former);
        if drained { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Ends everything at once: links close, pipes are lost, whoever waits is woken. What was sent and still fits
    /// goes out first, unless another thread is just writing it.
    pub(crate) fn close(&self) {
        let links: Vec<Arc<Link>> = self.state.lock().links.iter().flatten().map(Arc::clone).collect();
        for link in &links {
            link.flush(self);
        }
        let mut state = self.state.lock();
        let core = state.core.take();
        let links: Vec<Arc<Link>> = state.links.drain(..).flatten().collect();
        let seats: Vec<_> = state.seats.take_all().collect();
        let joins = state.joins.close_all();
        let draining = match std::mem::replace(&mut state.leaving, Leaving::Drained) {
            Leaving::Draining(waker) => waker,
            Leaving::No | Leaving::Drained => None,
        };
        drop(state);
        for link in &links {
            link.close();
        }
        drop(core);
        for mut seat in seats {
            seat.waits.take_all().into_iter().for_each(Waker::wake);
        }
        joins.into_iter().chain(draining).for_each(Waker::wake);
    }
}

impl State {
    /// Says why nothing can be done with an end that has no seat: this side gave it up, or the node is closed.
    fn gone(&self) -> CloseReason {
        if self.core.is_some() { CloseReason::default() } else { CloseReason::Lost(Loss::Node) }
    }

    /// The core, while the application may begin something new.
    fn open_core(&mut self) -> Option<&mut Core> {
        match self.leaving {
            Leaving::No => self.core.as_mut(),
            Leaving::Draining(_) | Leaving::Drained => None,
        }
    }

    fn link(&self, id: LinkId) -> Option<&Arc<Link>> {
        self.links.get(id.index())?.as_ref().filter(|link| link.id() == id)
    }

    /// Turns a port that arrived into a pipe of the application's.
    fn adopt(&mut self, port: mage_proto::Port) -> Option<MessagePipe> {
        let end = self.seats.insert(port);
        let backend = self.me.upgrade()?;
        Some(MessagePipe::from_end(backend, end))
    }

    /// Drains the core's outputs into what has to be done after the lock.
    #[inline]
    fn collect(&mut self, effects: &mut Effects) {
        while let Some(output) = self.core.as_mut().and_then(Core::poll_output) {
            self.translate(output, effects);
        }
    }

    fn translate(&mut self, output: Output<OwnedFd>, effects: &mut Effects) {
        match output {
            Output::Readable(port) => {
                let reader = self.seats.of(port).and_then(|seat| seat.waits.take_reader());
                effects.extend(reader.map(Effect::Wake));
            }
            Output::LinkReady { link } => effects.extend(self.link(link).map(Arc::clone).map(Effect::Flush)),
            Output::Writable(port) => {
                let writers = self.seats.of(port).map(|seat| seat.waits.take_writers()).unwrap_or_default();
                effects.extend(writers.into_iter().map(Effect::Wake));
            }
            Output::Ended { port, reason: _ } => {
                let all = self.seats.of(port).map(|seat| seat.waits.take_all()).unwrap_or_default();
                effects.extend(all.into_iter().map(Effect::Wake));
            }
            Output::OpenLink { link, handle } => effects.push(Effect::Open(self.insert_link(link, handle))),
            Output::CloseLink { link } => effects.extend(self.remove_link(link).map(Effect::Close)),
            Output::CreateSocketPair { tag } => effects.push(Effect::CreateSocketPair(tag)),
            Output::InitialPort { link, index, port } => {
                let unwanted = self.adopt(port).and_then(|pipe| self.joins.initial_pipe(link, index, pipe));
                effects.extend(unwanted.map(|pipe| Effect::Drop(Dropped::Pipe(Box::new(pipe)))));
            }
            Output::Accepted { link } => effects.extend(self.joins.accepted(link).map(Effect::Wake)),
            Output::AcceptFailed { link, reason } | Output::InviteFailed { link, reason } => {
                effects.extend(self.joins.failed(link, reason).map(Effect::Wake));
            }
            Output::Invited { link, node } => effects.extend(self.joins.invited(link, node).map(Effect::Wake)),
            Output::NodeLost { node, after_bye } => effects.tell(NodeEvent::NodeLost { node, after_bye }),
            Output::BadPeer { link: _, node, violation } => effects.tell(NodeEvent::BadPeer { node, violation }),
            Output::BadRoute { port: _, via, error } => effects.tell(NodeEvent::BadRoute { via, error }),
            Output::Rejected { node, direct, reason } => {
                effects.tell(NodeEvent::BadMessage { node, direct, reason });
            }
            Output::BrokerLost => effects.tell(NodeEvent::BrokerLost),
            Output::Drained => {
                if let Leaving::Draining(Some(waker)) = std::mem::replace(&mut self.leaving, Leaving::Drained) {
                    effects.push(Effect::Wake(waker));
                }
            }
            Output::Discard(discard) => effects.push(Effect::Drop(Dropped::Discard(discard))),
            // The core may learn to want more; a driver of this version has no answer to it.
            _ => {}
        }
    }

    fn insert_link(&mut self, id: LinkId, handle: OwnedFd) -> Arc<Link> {
        let link = Arc::new(Link::new(id, self.me.clone(), handle, self.rings));
        let index = id.index();
        if self.links.len() <= index {
            self.links.resize_with(index + 1, || None);
        }
        if let Some(place) = self.links.get_mut(index) {
            // The former tenant, if any, ended before: the core says CloseLink before it uses a place again.
            *place = Some(Arc::clone(&link));
        }
        link
    }

    fn remove_link(&mut self, id: LinkId) -> Option<Arc<Link>> {
        let place = self.links.get_mut(id.index())?;
        if place.as_ref().is_some_and(|link| link.id() == id) { place.take() } else { None }
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        let (ends, links) = (state.seats.len(), state.links.iter().flatten().count());
        drop(state);
        f.debug_struct("Node").field("ends", &ends).field("links", &links).finish_non_exhaustive()
    }
}
