//! One thread's way to sleep and be woken.
//!
//! ```text
//!   Awake ──park──▶ Asleep ──woken──▶ Noticed ──taken──▶ Awake
//!     └───start_leading──▶ Leads ──woken──▶ Noticed, and the reactor is roused
//! ```
//!
//! What must hold: a wake-up between looking and sleeping ends the sleep; only who sleeps costs its waker a system call.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Weak};
use std::task::Wake;
use std::thread::{self, Thread};

use crate::leader::Reactor;

/// One thread's way to sleep and be woken; the waker of the future that it waits for.
pub(crate) struct Parker {
    thread: Thread,
    /// Whom to rouse when this thread leads.
    reactor: Weak<Reactor>,
    state: AtomicU8,
    promoted: AtomicBool,
}

/// Neither waiting nor woken.
const AWAKE: u8 = 0;
/// Woken; the next wait returns at once.
const NOTICED: u8 = 1;
/// Parked.
const ASLEEP: u8 = 2;
/// Leading, perhaps inside its wait.
const LEADS: u8 = 3;

impl Parker {
    /// The calling thread's parker.
    pub(crate) fn new(reactor: &Arc<Reactor>) -> Arc<Self> {
        Arc::new(Self {
            thread: thread::current(),
            reactor: Arc::downgrade(reactor),
            state: AtomicU8::new(AWAKE),
            promoted: AtomicBool::new(false),
        })
    }

    /// Says whether this parker wakes threads that lead `reactor`.
    pub(crate) fn belongs_to(&self, reactor: &Arc<Reactor>) -> bool {
        std::ptr::eq(self.reactor.as_ptr(), Arc::as_ptr(reactor))
    }

    /// Sleeps until woken, without ever leading.
    pub(crate) fn sleep(&self) {
        if !self.take_notice() {
            self.park();
            self.take_notice();
        }
    }

    /// Sleeps until woken or promoted; a notice stays to be taken.
    pub(crate) fn park(&self) {
        if self.state.compare_exchange(AWAKE, ASLEEP, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            return;
        }
        while self.state.load(Ordering::SeqCst) == ASLEEP && !self.promoted.load(Ordering::SeqCst) {
            thread::park();
        }
    }

    /// Makes a follower the leader: it has been taken off the list and owns the seat from now on.
    pub(crate) fn promote(&self) {
        self.promoted.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }

    /// Says no, and takes the notice, when the thread was woken already.
    pub(crate) fn start_leading(&self) -> bool {
        self.promoted.store(false, Ordering::SeqCst);
        self.state.swap(LEADS, Ordering::SeqCst) != NOTICED
    }

    /// Woken, or to lead.
    pub(crate) fn is_called(&self) -> bool {
        self.is_noticed() || self.promoted.load(Ordering::SeqCst)
    }

    pub(crate) fn is_noticed(&self) -> bool {
        self.state.load(Ordering::SeqCst) == NOTICED
    }

    /// Returns to the state of a thread that runs; says whether it was woken.
    pub(crate) fn take_notice(&self) -> bool {
        self.state.swap(AWAKE, Ordering::SeqCst) == NOTICED
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match self.state.swap(NOTICED, Ordering::SeqCst) {
            ASLEEP => self.thread.unpark(),
            LEADS => {
                if let Some(reactor) = self.reactor.upgrade() {
                    reactor.rouse();
                }
            }
            // Awake or woken before: it will look before it sleeps.
            _ => {}
        }
    }
}
