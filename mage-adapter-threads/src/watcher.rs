//! The sockets that an adapter watches, and the one call that waits for all of them.
//!
//! ```text
//!   Watch ──want_write, wake, stop──▶ Watched ◀──by key── Sockets ──epoll_wait──▶ the operating system
//!                                        │ called by the leader only (leader.rs)
//!                                        ▼
//!                                     on_ready
//! ```
//!
//! This is Linux's epoll through `rustix`, level-triggered: a turn of the loop is one `epoll_wait`, and a socket that
//! was not read to its end is simply reported again; edge-triggered for what only wakes. (The `polling` crate would be portable; its wait is five calls on
//! Linux, for a timer descriptor and a notifier that are armed anew every time, where a blocking round trip must
//! manage with three in all.) Another system's selector takes the place of [`Sockets::wait`], `add` and `Watched`'s
//! calls of `epoll`.
//!
//! What must hold: callbacks are called by the leader alone, so calls never overlap; no lock is held while one runs
//! except its own; keys are never used twice, so a late event cannot reach a younger watch.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, TryLockError, Weak};
use std::time::Duration;

use mage::adapter::{Drained, OnReady, Ready, WatchControl};
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};

use crate::leader::Reactor;
use crate::lock;

/// How many events one wait brings at most; those left over come with the next.
pub(crate) const BATCH: usize = 64;
/// The key under which the bell is registered.
const BELL: u64 = u64::MAX;

/// Every watched socket of an adapter.
pub(crate) struct Sockets {
    epoll: OwnedFd,
    /// Ends a wait from another thread. Edge-triggered and never read: each ring is one event, without a second call.
    bell: OwnedFd,
    watches: Mutex<Watches>,
    /// Whoever must be called without the operating system saying so.
    due: Mutex<VecDeque<Arc<Watched>>>,
    /// One of them has no time to wait until the thread that is running waits.
    hurry: AtomicBool,
}

#[derive(Default)]
struct Watches {
    by_key: BTreeMap<u64, Arc<Watched>>,
    next_key: u64,
    over: bool,
}

/// Room for the events of one wait.
pub(crate) type Room = [MaybeUninit<epoll::Event>; BATCH];

impl Sockets {
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &bell, epoll::EventData::new_u64(BELL), epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        Ok(Self { epoll, bell, watches: Mutex::default(), due: Mutex::default(), hurry: AtomicBool::new(false) })
    }

    /// Starts to watch `socket`.
    pub(crate) fn add(
        &self,
        reactor: &Arc<Reactor>,
        socket: Arc<OwnedFd>,
        trigger: Trigger,
        on_ready: OnReady,
    ) -> io::Result<Arc<dyn WatchControl>> {
        let mut watches = lock(&self.watches);
        if watches.over {
            return Err(io::Error::other("the adapter has been shut down"));
        }
        let key = watches.next_key;
        epoll::add(&self.epoll, &socket, epoll::EventData::new_u64(key), trigger.interest(false))?;
        watches.next_key += 1;
        let watched = Arc::new(Watched {
            key,
            socket,
            trigger,
            reactor: Arc::downgrade(reactor),
            on_ready: Mutex::new(Some(on_ready)),
            due: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            writing: Mutex::new(false),
        });
        watches.by_key.insert(key, Arc::clone(&watched));
        Ok(Arc::new(Control(watched)))
    }

    /// Ends the wait of the leader, or its next one.
    pub(crate) fn ring(&self) {
        // The counter would need 2^64 rings to overflow, so this cannot fail for want of room.
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }

    /// Waits until a socket is ready, the bell rings or `timeout` is over, whichever is first.
    pub(crate) fn wait<'room>(&self, room: &'room mut Room, timeout: Option<Duration>) -> &'room [epoll::Event] {
        // A timeout beyond what the system can count to is none; a wait that ends early is repeated by the caller.
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        match epoll::wait(&self.epoll, &mut room[..], timeout.as_ref()) {
            Ok((events, _)) => events,
            // Interrupted by a signal: nothing happened. No other error is possible for a valid descriptor.
            Err(_) => &[],
        }
    }

    /// Calls whoever one of `events` is for. Only the leader may do this.
    pub(crate) fn dispatch(&self, events: &[epoll::Event]) {
        for event in events {
            let (key, flags) = (event.data.u64(), event.flags);
            let watched = lock(&self.watches).by_key.get(&key).cloned();
            if let Some(watched) = watched {
                let ended = epoll::EventFlags::HUP | epoll::EventFlags::ERR;
                let readable = flags.intersects(epoll::EventFlags::IN | epoll::EventFlags::RDHUP | ended);
                watched.call(Ready { readable, writable: flags.intersects(epoll::EventFlags::OUT | ended) });
            }
        }
    }

    /// Calls whoever is due. Only the leader may do this.
    pub(crate) fn call_due(&self) {
        self.hurry.store(false, Ordering::SeqCst);
        // One round: who becomes due meanwhile waits until sockets and timers had their turn.
        let round = lock(&self.due).len();
        for _ in 0..round {
            let Some(watched) = lock(&self.due).pop_front() else { break };
            if watched.due.load(Ordering::SeqCst) {
                watched.call(Ready::default());
            }
        }
    }

    /// Says whether somebody is due.
    pub(crate) fn any_due(&self) -> bool {
        !lock(&self.due).is_empty()
    }

    /// Says whether somebody is due who has no time.
    pub(crate) fn any_urgent(&self) -> bool {
        self.hurry.load(Ordering::SeqCst)
    }

    /// Stops every watch, and refuses new ones.
    pub(crate) fn shut_down(&self) {
        let watches = {
            let mut watches = lock(&self.watches);
            watches.over = true;
            std::mem::take(&mut watches.by_key)
        };
        for watched in watches.values() {
            watched.stop_in(self);
        }
        let due = std::mem::take(&mut *lock(&self.due));
        drop(due);
    }
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sockets").field("watches", &lock(&self.watches).by_key.len()).finish_non_exhaustive()
    }
}

/// What a watch is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// That there is something to read, as long as there is.
    Level,
    /// That something arrived, once.
    Edge,
}

impl Trigger {
    fn interest(self, writing: bool) -> epoll::EventFlags {
        let reading = match self {
            Self::Level => epoll::EventFlags::IN | epoll::EventFlags::RDHUP,
            Self::Edge => epoll::EventFlags::IN | epoll::EventFlags::ET,
        };
        if writing { reading | epoll::EventFlags::OUT } else { reading }
    }
}

/// One watched socket.
struct Watched {
    key: u64,
    socket: Arc<OwnedFd>,
    trigger: Trigger,
    reactor: Weak<Reactor>,
    /// Locked during a call; empty once stopped.
    on_ready: Mutex<Option<OnReady>>,
    /// To be called without readiness; the watch is then in the queue of who is due.
    due: AtomicBool,
    /// The last call said that there is more to read.
    unread: AtomicBool,
    stopped: AtomicBool,
    writing: Mutex<bool>,
}

impl Watched {
    fn call(self: Arc<Self>, ready: Ready) {
        self.call_once(ready);
        self.forget_if_stopped();
    }

    fn call_once(self: &Arc<Self>, mut ready: Ready) {
        let mut on_ready = lock(&self.on_ready);
        // From here on a wake asks for another call.
        self.due.store(false, Ordering::SeqCst);
        ready.readable |= self.unread.swap(false, Ordering::Relaxed);
        ready.writable &= *lock(&self.writing);
        let Some(callback) = on_ready.as_mut() else { return };
        if self.stopped.load(Ordering::SeqCst) {
            return;
        }
        match catch_unwind(AssertUnwindSafe(|| callback(ready))) {
            Ok(Drained::Yes) => {}
            Ok(Drained::No) => {
                self.unread.store(ready.readable, Ordering::Relaxed);
                // After whoever this call has woken.
                self.wake_soon();
            }
            // The panic hook has spoken; the other sockets must not suffer.
            Err(_) => self.stop(),
        }
    }

    /// Drops the callback of a stopped watch, unless it is being called; then the caller does so after the call.
    fn forget_if_stopped(&self) {
        if !self.stopped.load(Ordering::SeqCst) {
            return;
        }
        let forgotten = match self.on_ready.try_lock() {
            Ok(mut on_ready) => on_ready.take(),
            Err(TryLockError::Poisoned(on_ready)) => on_ready.into_inner().take(),
            Err(TryLockError::WouldBlock) => None,
        };
        drop(forgotten);
    }

    fn want_write(&self, on: bool) {
        let mut writing = lock(&self.writing);
        if *writing == on || self.stopped.load(Ordering::SeqCst) {
            return;
        }
        if let Some(reactor) = self.reactor.upgrade() {
            *writing = on;
            // Fails only if the watch is being stopped by another thread.
            let data = epoll::EventData::new_u64(self.key);
            let _ = epoll::modify(&reactor.sockets.epoll, &self.socket, data, self.trigger.interest(on));
        }
    }

    fn wake(self: &Arc<Self>) {
        let Some(reactor) = self.reactor.upgrade() else { return };
        let was_due = self.become_due(&reactor);
        let was_urgent = reactor.sockets.hurry.swap(true, Ordering::SeqCst);
        if !(was_due && was_urgent) {
            reactor.attend();
        }
    }

    fn wake_soon(self: &Arc<Self>) {
        let Some(reactor) = self.reactor.upgrade() else { return };
        if !self.become_due(&reactor) {
            reactor.attend_soon();
        }
    }

    /// Returns whether it was due already.
    fn become_due(self: &Arc<Self>, reactor: &Reactor) -> bool {
        let was_due = self.due.swap(true, Ordering::SeqCst);
        if !was_due {
            lock(&reactor.sockets.due).push_back(Arc::clone(self));
        }
        was_due
    }

    fn stop(&self) {
        if let Some(reactor) = self.reactor.upgrade() {
            self.stop_in(&reactor.sockets);
        }
    }

    fn stop_in(&self, sockets: &Sockets) {
        if !self.stopped.swap(true, Ordering::SeqCst) {
            // Fails only if it is not registered, which is what is wanted.
            let _ = epoll::delete(&sockets.epoll, &self.socket);
            let removed = lock(&sockets.watches).by_key.remove(&self.key);
            drop(removed);
        }
        self.forget_if_stopped();
    }
}

/// What the owner of a watch holds.
#[derive(Debug)]
struct Control(Arc<Watched>);

impl WatchControl for Control {
    fn want_write(&self, on: bool) {
        self.0.want_write(on);
    }

    fn wake(&self) {
        self.0.wake();
    }

    fn wake_soon(&self) {
        self.0.wake_soon();
    }

    fn stop(&self) {
        self.0.stop();
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("socket", &self.socket).field("stopped", &self.stopped).finish_non_exhaustive()
    }
}
