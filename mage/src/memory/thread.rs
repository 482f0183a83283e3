//! Waiting without an executor: a thread that parks, and one thread for all timers of a backend.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Runs `future` on this thread, which sleeps while there is nothing to do for it.
pub(super) fn block_on(mut future: Pin<&mut dyn Future<Output = ()>>) {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    while future.as_mut().poll(&mut cx).is_pending() {
        // A wake-up that came since the poll makes this return at once; one that was meant for somebody else on this
        // thread costs one more poll.
        thread::park();
    }
}

/// Sleepers by deadline. The thread that wakes them runs while there is one.
#[derive(Default)]
pub(super) struct Timers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    sleepers: BTreeMap<(Instant, u64), Waker>,
    next: u64,
    running: bool,
}

impl Timers {
    pub(super) fn sleep_until(&self, deadline: Instant) -> impl Future<Output = ()> + Send + 'static {
        let mut sleeper = Sleeper { shared: Arc::clone(&self.0), key: None };
        poll_fn(move |cx| sleeper.poll(deadline, cx))
    }
}

/// One wait; takes itself off the list when it is dropped early.
struct Sleeper {
    shared: Arc<Shared>,
    key: Option<(Instant, u64)>,
}

impl Sleeper {
    fn poll(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= deadline {
            return Poll::Ready(());
        }
        let mut state = self.shared.state();
        let key = *self.key.get_or_insert_with(|| {
            state.next += 1;
            (deadline, state.next)
        });
        let replaced = state.sleepers.insert(key, cx.waker().clone());
        if !state.running {
            state.running = true;
            let shared = Arc::clone(&self.shared);
            thread::spawn(move || shared.run());
        }
        self.shared.changed.notify_one();
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waker = self.shared.state().sleepers.remove(&key);
            // Tells the thread of an earlier deadline, and drops the waker after the lock.
            self.shared.changed.notify_one();
            drop(waker);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.state();
        while let Some((&key, _)) = state.sleepers.first_key_value() {
            let now = Instant::now();
            if key.0 > now {
                let wait = self.changed.wait_timeout(state, key.0 - now);
                state = wait.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let due = state.sleepers.remove(&key);
            drop(state);
            due.into_iter().for_each(Waker::wake);
            state = self.state();
        }
        state.running = false;
    }
}
