//! What Mage asks of an executor: five demands of C++ Mage, and three that a driver needs besides.
//!
//! ```text
//!   application ──picks──▶ an adapter (tokio, smol, threads, yours)
//!                               │ implements
//!                               ▼
//!   mage::Node ──asks──▶ Adapter { task_runner · task_runner_of · local_task_runner
//!                                  watch · spawn · sleep_until · block_on · may_block }
//! ```
//!
//! No adapter knows the wire, and nothing outside an adapter knows an executor. What must hold for each method is
//! written at the method and checked by one conformance suite that runs against every adapter.

mod occupied;
mod patience;
mod sequence;

pub use occupied::Occupied;
pub use patience::Patience;
pub use sequence::{Sequence, SequenceScope};

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::Instant;

/// A future that any thread may run.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// A future that stays on the thread that made it.
pub type LocalBoxFuture<T> = Pin<Box<dyn Future<Output = T>>>;
/// A unit of work that any thread may run.
pub type Task = Box<dyn FnOnce() + Send>;
/// What a watch calls when its socket is ready, or when it was woken.
pub type OnReady = Box<dyn FnMut(Ready) -> Drained + Send>;

/// One way of running code: the value that ties a `Node` to an executor.
///
/// All methods may be called from any thread unless they say otherwise.
pub trait Adapter: fmt::Debug + Send + Sync + 'static {
    /// Returns the runner of the sequence that the calling code runs in; from a thread that has none, the runner that
    /// the adapter was made with.
    fn task_runner(&self) -> TaskRunner;

    /// Returns the runner that was registered under `name`, from any thread.
    fn task_runner_of(&self, name: &str) -> Option<TaskRunner>;

    /// Returns the runner of this thread for work that is not `Send`, where the calling thread has one.
    fn local_task_runner(&self) -> Option<LocalTaskRunner>;

    /// Calls `on_ready` whenever `socket` (non-blocking) is readable, until the returned watch is dropped.
    ///
    /// Calls of one watch never overlap. After [`Drained::No`] the callback is called again without waiting for
    /// readiness, but not before other watches and tasks had their turn. Writing is not watched until
    /// [`Watch::want_write`] asks for it. The adapter keeps the socket alive at least as long as it watches it. A
    /// callback that panics is not called again. A socket whose stream has ended stays readable: the callback drops its
    /// watch then, or is called without end.
    ///
    /// # Errors
    ///
    /// Whatever the operating system or the executor says when the socket cannot be registered; one that has a watch
    /// already cannot.
    fn watch(&self, socket: Arc<OwnedFd>, on_ready: OnReady) -> io::Result<Watch>;

    /// Says whether [`watch_arrivals`](Self::watch_arrivals) keeps its promise here.
    fn tells_arrivals(&self) -> bool {
        false
    }

    /// Calls `on_ready` with `readable` once for each time that something arrives at `end`, a socket, or its other end is
    /// shut down for reading (which wakes whoever watches this one), and not again because what came has not been read
    /// (edge-triggered): so one that only wakes need not be read. Several arrivals before a call are one. All else is as for
    /// [`watch`](Self::watch), which this is where the adapter cannot do better.
    ///
    /// # Errors
    ///
    /// As for `watch`.
    fn watch_arrivals(&self, end: Arc<OwnedFd>, on_ready: OnReady) -> io::Result<Watch> {
        self.watch(end, on_ready)
    }

    /// Runs `future` in the background until it completes or the executor shuts down.
    fn spawn(&self, future: BoxFuture<()>);

    /// Completes at `deadline`, not before.
    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()>;

    /// Runs `future` to completion on the calling thread, which may do the adapter's work meanwhile (the threads
    /// adapter polls sockets as leader while it waits).
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] at once, without polling, where [`may_block`](Self::may_block) is false.
    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) -> Result<(), WouldDeadlock>;

    /// Says whether the calling thread may wait: false where it must itself make the progress that it would wait for
    /// (inside an executor's worker, for instance).
    fn may_block(&self) -> bool;
}

/// What a socket is ready for; neither, when the watch was [woken](Watch::wake).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ready {
    /// A read is worth trying: it will not block (end of stream and errors count), unless the socket was emptied
    /// meanwhile or the call before said [`Drained::No`].
    pub readable: bool,
    /// A write will not block.
    pub writable: bool,
}

/// Whether a callback took everything that its socket had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// The last read said "would block", or came back short because there was no more: wait for readiness again. (A read
    /// that brought handles comes back short although more may follow: that is `No`.)
    Yes,
    /// There may be more: call again soon, without asking the operating system.
    No,
}

/// What an adapter's watch can be told; [`Watch`] is its face.
pub trait WatchControl: fmt::Debug + Send + Sync {
    /// See [`Watch::want_write`].
    fn want_write(&self, on: bool);
    /// See [`Watch::wake`].
    fn wake(&self);
    /// See [`Watch::wake_soon`]. An adapter for which the two are one leaves this as it is.
    fn wake_soon(&self) {
        self.wake();
    }
    /// Stops the watch. After it returns no *new* call of the callback begins, even when it is called from inside
    /// that callback.
    fn stop(&self);
}

/// A standing request to be told when a socket is ready. Dropping it stops the calls, even from inside the callback.
#[derive(Debug)]
pub struct Watch(Arc<dyn WatchControl>);

impl Watch {
    /// Wraps what an adapter made.
    pub fn new(control: Arc<dyn WatchControl>) -> Self {
        Self(control)
    }

    /// Switches the interest in writing on or off. While it is on, the callback is called with `writable` whenever the
    /// operating system says that a write would not block; while it is off, writability costs nothing at all.
    pub fn want_write(&self, on: bool) {
        self.0.want_write(on);
    }

    /// Has the callback called soon, in the watch's own context, with neither flag set unless the socket is ready too.
    /// Several wakes before that call are one.
    pub fn wake(&self) {
        self.0.wake();
    }

    /// As [`wake`](Self::wake), for what has a little time: until the calling thread has run what it was woken for, or
    /// waits. It is a few milliseconds at the most, whatever the thread does. Where threads run at will, that saves waking
    /// another one for what this one is about to do.
    pub fn wake_soon(&self) {
        self.0.wake_soon();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// What an adapter's task runner does; [`TaskRunner`] is its face.
pub trait RunTasks: fmt::Debug + Send + Sync {
    /// Appends `task` to the sequence; drops it unrun when the sequence has ended.
    fn post(&self, task: Task);
    /// Says whether the calling code runs inside this sequence.
    fn runs_here(&self) -> bool;
    /// The name it was registered under, empty when it has none.
    fn name(&self) -> &str;
}

/// A *sequence*: tasks run in the order in which they were posted, one at a time, never inside `post`.
#[derive(Debug, Clone)]
pub struct TaskRunner(Arc<dyn RunTasks>);

impl TaskRunner {
    /// Wraps what an adapter made.
    pub fn new(runner: Arc<dyn RunTasks>) -> Self {
        Self(runner)
    }

    /// Posts `task` to the end of the sequence, from any thread.
    pub fn post(&self, task: impl FnOnce() + Send + 'static) {
        self.0.post(Box::new(task));
    }

    /// Says whether the calling code runs inside this sequence.
    pub fn runs_here(&self) -> bool {
        self.0.runs_here()
    }

    /// The name under which the sequence was registered, empty when it has none.
    pub fn name(&self) -> &str {
        self.0.name()
    }
}

/// What an adapter's local runner does; [`LocalTaskRunner`] is its face.
pub trait RunLocalTasks: fmt::Debug {
    /// Runs `future` on this thread until it completes or the thread's loop ends.
    fn spawn_local(&self, future: LocalBoxFuture<()>);
    /// The `Send` face of the same thread's sequence.
    fn task_runner(&self) -> TaskRunner;
}

/// Runs what is not `Send`, on the thread that it belongs to.
#[derive(Debug, Clone)]
pub struct LocalTaskRunner(Rc<dyn RunLocalTasks>);

impl LocalTaskRunner {
    /// Wraps what an adapter made.
    pub fn new(runner: Rc<dyn RunLocalTasks>) -> Self {
        Self(runner)
    }

    /// Runs `future` on this thread.
    pub fn spawn_local(&self, future: impl Future<Output = ()> + 'static) {
        self.0.spawn_local(Box::pin(future));
    }

    /// The `Send` face of the same thread's sequence, to be posted to from elsewhere.
    pub fn task_runner(&self) -> TaskRunner {
        self.0.task_runner()
    }
}

/// The calling thread must make the progress that it was about to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("waiting here would block the thread that has to make the progress waited for")]
pub struct WouldDeadlock;

/// Remembers the sequence (or, without one, the thread) on which it was made, so that an object can check that it is
/// only used there.
#[derive(Debug)]
pub struct ThreadChecker {
    thread: ThreadId,
    sequence: Option<TaskRunner>,
}

impl ThreadChecker {
    /// Binds the checker to the calling sequence of `adapter`.
    pub fn new(adapter: &dyn Adapter) -> Self {
        let runner = adapter.task_runner();
        let sequence = runner.runs_here().then_some(runner);
        Self { thread: thread::current().id(), sequence }
    }

    /// Says whether the calling code runs where the checker was made.
    pub fn is_here(&self) -> bool {
        match &self.sequence {
            Some(runner) => runner.runs_here(),
            None => thread::current().id() == self.thread,
        }
    }
}
