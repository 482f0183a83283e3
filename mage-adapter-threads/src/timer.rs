//! Deadlines, and whom to wake at each. The leader sleeps no longer than to the first of them.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::leader::Reactor;
use crate::lock;

/// A deadline, and what tells two equal ones apart.
type Key = (Instant, u64);

/// What waits for a point in time.
#[derive(Default)]
pub(crate) struct Timers(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: BTreeMap<Key, Waker>,
    next: u64,
}

impl Timers {
    /// Wakes whoever's deadline has passed, in the order of the deadlines.
    pub(crate) fn fire(&self) {
        loop {
            let mut state = lock(&self.0);
            let Some(first) = state.waiting.first_entry() else { return };
            if first.key().0 > Instant::now() {
                return;
            }
            let waker = first.remove();
            drop(state);
            waker.wake();
        }
    }

    /// How long it is to the first deadline, when there is one.
    pub(crate) fn until_first(&self) -> Option<Duration> {
        let first = lock(&self.0).waiting.first_key_value().map(|(key, _)| key.0);
        first.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Stores `waker` under `key`, or under a new key for `deadline`; says whether the first deadline is now earlier.
    fn store(&self, deadline: Instant, key: &mut Option<Key>, waker: &Waker) -> bool {
        let mut state = lock(&self.0);
        let before = state.waiting.first_key_value().map(|(key, _)| key.0);
        let number = state.next;
        let key = key.get_or_insert_with(|| {
            state.next += 1;
            (deadline, number)
        });
        let former = state.waiting.insert(*key, waker.clone());
        drop(state);
        drop(former);
        before.is_none_or(|before| deadline < before)
    }

    fn forget(&self, key: Key) {
        let forgotten = lock(&self.0).waiting.remove(&key);
        drop(forgotten);
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers").field("waiting", &lock(&self.0).waiting.len()).finish_non_exhaustive()
    }
}

/// Completes at a deadline.
pub(crate) struct Sleep {
    reactor: Arc<Reactor>,
    deadline: Instant,
    key: Option<Key>,
}

impl Sleep {
    pub(crate) fn new(reactor: Arc<Reactor>, deadline: Instant) -> Self {
        Self { reactor, deadline, key: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.deadline <= Instant::now() {
            return Poll::Ready(());
        }
        if this.reactor.timers.store(this.deadline, &mut this.key, cx.waker()) {
            this.reactor.attend();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.reactor.timers.forget(key);
        }
    }
}
