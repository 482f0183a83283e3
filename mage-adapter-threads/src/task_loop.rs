//! `TaskLoop`: the loop of one thread, which runs tasks and local futures and waits for sockets and timers.
//!
//! ```text
//!   run ─▶ tasks that were posted ─▶ local futures that were woken ─▶ wait (leader.rs) ─┐
//!     ▲                                                                                 │
//!     └──────────── a task was posted, a future was woken, quit ◀───────────────────────┘
//! ```
//!
//! While the loop waits it leads if nobody else does: it polls the adapter's sockets and timers on this thread, so that
//! a message is read, and the task that it leads to is run, without another thread.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::stream::{FuturesUnordered, Stream};
use mage::adapter::{
    LocalBoxFuture, LocalTaskRunner, Occupied, RunLocalTasks, Sequence, SequenceScope, TaskRunner, WouldDeadlock,
};

use crate::leader::Reactor;
use crate::{Adapter, wait_for};

/// How many local futures complete before tasks have their turn again.
const BATCH: usize = 64;

/// The loop of one thread. It stays on the thread that made it.
///
/// ```
/// let adapter = mage_adapter_threads::Adapter::new()?;
/// let task_loop = mage_adapter_threads::TaskLoop::new(&adapter, "main");
/// let quit = task_loop.quit_handle();
/// task_loop.task_runner().post(move || quit.quit());
/// task_loop.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TaskLoop {
    reactor: Arc<Reactor>,
    leads: bool,
    runner: TaskRunner,
    quit: Arc<AtomicBool>,
    sequence: RefCell<Sequence>,
    scope: SequenceScope,
    local: LocalTaskRunner,
    incoming: Rc<Incoming>,
    futures: RefCell<FuturesUnordered<LocalBoxFuture<()>>>,
}

impl TaskLoop {
    /// Makes a loop for the calling thread and registers its runner under `name`, unless that is empty.
    pub fn new(adapter: &Adapter, name: &str) -> Self {
        let parts = LoopParts::new(name, &adapter.0.reactor, true);
        if !name.is_empty() {
            adapter.register(name, parts.task_runner());
        }
        Self::from(parts)
    }

    /// The runner that posts to this loop, from any thread.
    pub fn task_runner(&self) -> TaskRunner {
        self.runner.clone()
    }

    /// The runner of this thread for what is not `Send`.
    pub fn local_task_runner(&self) -> LocalTaskRunner {
        self.local.clone()
    }

    /// What ends [`run`](Self::run), from any thread.
    pub fn quit_handle(&self) -> QuitHandle {
        QuitHandle { flag: Arc::clone(&self.quit), runner: self.runner.clone() }
    }

    /// Runs tasks and local futures until the loop is told to quit. What was not run waits for the next `run`, and is
    /// dropped with the loop.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] inside another loop or wait of this thread.
    pub fn run(&self) -> Result<(), WouldDeadlock> {
        let _occupied = Occupied::try_enter()?;
        let turns = poll_fn(|cx| {
            self.turn(cx);
            if self.quit.swap(false, Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
        });
        wait_for(&self.reactor, pin!(turns), self.leads);
        Ok(())
    }

    /// Runs tasks and local futures until `future`, run inside the loop, is complete.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] inside another loop or wait of this thread.
    pub fn run_until<T>(&self, future: impl Future<Output = T>) -> Result<T, WouldDeadlock> {
        let _occupied = Occupied::try_enter()?;
        let mut future = pin!(future);
        let mut output = None;
        let turns = poll_fn(|cx| {
            if let Poll::Ready(value) = self.scope.enter(&self.local, || future.as_mut().poll(cx)) {
                output = Some(value);
                return Poll::Ready(());
            }
            self.turn(cx);
            Poll::Pending
        });
        wait_for(&self.reactor, pin!(turns), self.leads);
        output.ok_or(WouldDeadlock)
    }

    /// One turn: a batch of tasks, then the local futures that were woken.
    fn turn(&self, cx: &mut Context<'_>) {
        self.scope.enter(&self.local, || {
            // The loop holds a runner itself, so the sequence never ends before the loop does.
            let _ = Pin::new(&mut *self.sequence.borrow_mut()).poll(cx);
            self.poll_futures(cx);
        });
    }

    fn poll_futures(&self, cx: &mut Context<'_>) {
        let mut futures = self.futures.borrow_mut();
        for _ in 0..BATCH {
            futures.extend(self.incoming.futures.take());
            // A future that panics is gone, and the hook has spoken; the others must not suffer.
            let poll = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut *futures).poll_next(cx)));
            let idle = matches!(poll, Ok(Poll::Pending | Poll::Ready(None)));
            if idle && self.incoming.futures.borrow().is_empty() {
                return;
            }
        }
        cx.waker().wake_by_ref();
    }
}

impl From<LoopParts> for TaskLoop {
    fn from(parts: LoopParts) -> Self {
        let incoming =
            Rc::new(Incoming { futures: RefCell::default(), over: Cell::new(false), runner: parts.runner.clone() });
        Self {
            reactor: parts.reactor,
            leads: parts.leads,
            runner: parts.runner,
            quit: parts.quit,
            scope: parts.sequence.scope(),
            sequence: RefCell::new(parts.sequence),
            local: LocalTaskRunner::new(Rc::clone(&incoming) as Rc<dyn RunLocalTasks>),
            incoming,
            futures: RefCell::default(),
        }
    }
}

impl Drop for TaskLoop {
    fn drop(&mut self) {
        self.scope.enter(&self.local, || {
            self.incoming.over.set(true);
            drop(self.incoming.futures.take());
            self.futures.borrow_mut().clear();
        });
    }
}

impl fmt::Debug for TaskLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskLoop").field("runner", &self.runner).finish_non_exhaustive()
    }
}

/// Local futures that the loop has not seen yet.
struct Incoming {
    futures: RefCell<Vec<LocalBoxFuture<()>>>,
    over: Cell<bool>,
    runner: TaskRunner,
}

impl RunLocalTasks for Incoming {
    fn spawn_local(&self, future: LocalBoxFuture<()>) {
        if self.over.get() {
            drop(future);
            return;
        }
        self.futures.borrow_mut().push(future);
        if !self.runner.runs_here() {
            // The loop waits further down the stack: a task makes it look.
            self.runner.post(|| ());
        }
    }

    fn task_runner(&self) -> TaskRunner {
        self.runner.clone()
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("runner", &self.runner).finish_non_exhaustive()
    }
}

/// Ends the [`run`](TaskLoop::run) of one loop.
#[derive(Debug, Clone)]
pub struct QuitHandle {
    flag: Arc<AtomicBool>,
    runner: TaskRunner,
}

impl QuitHandle {
    /// Has the loop return after what it is running now; or return at once from its next `run`.
    pub fn quit(&self) {
        self.flag.store(true, Ordering::SeqCst);
        self.runner.post(|| ());
    }
}

/// What a loop is made of, as long as it may still move to the thread that it is for.
pub(crate) struct LoopParts {
    reactor: Arc<Reactor>,
    leads: bool,
    runner: TaskRunner,
    sequence: Sequence,
    quit: Arc<AtomicBool>,
}

impl LoopParts {
    pub(crate) fn new(name: &str, reactor: &Arc<Reactor>, leads: bool) -> Self {
        let (runner, sequence) = Sequence::new(name);
        Self { reactor: Arc::clone(reactor), leads, runner, sequence, quit: Arc::default() }
    }

    pub(crate) fn task_runner(&self) -> TaskRunner {
        self.runner.clone()
    }

    pub(crate) fn quit_handle(&self) -> QuitHandle {
        QuitHandle { flag: Arc::clone(&self.quit), runner: self.runner.clone() }
    }
}
