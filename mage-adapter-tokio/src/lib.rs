//! Runs Mage on tokio.
//!
//! ```text
//!   Adapter ── watch ────────── one task per socket, over AsyncFd (watcher.rs)
//!           ── task runners ─── one task per sequence (runner.rs)
//!           ── spawn, timers ── tokio's own
//! ```
//!
//! It needs a runtime with IO and time enabled, of either kind. On the multi-thread runtime the tasks of a sequence run
//! one at a time on any worker; on a current-thread runtime everything runs on the thread that drives it; what is not
//! `Send` lives in a `LocalSet` ([`Adapter::run_local`]).
//!
//! An `Adapter` is a handle: clones share one set of runners. It ends with the runtime: from then on no callback, task
//! or spawned future runs.
#![forbid(unsafe_code)]

mod runner;
mod watcher;

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mage::adapter::{self, BoxFuture, LocalTaskRunner, OnReady, Sequence, TaskRunner, Watch, WouldDeadlock};
use tokio::runtime::{Handle, TryCurrentError};
use tokio::task::LocalSet;

/// Runs Mage on tokio.
#[derive(Debug, Clone)]
pub struct Adapter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    runtime: Handle,
    named: Mutex<HashMap<String, TaskRunner>>,
    background: TaskRunner,
}

impl Adapter {
    /// Makes an adapter for the runtime that the calling code runs in.
    ///
    /// # Errors
    ///
    /// Outside a runtime.
    pub fn current() -> Result<Self, TryCurrentError> {
        Handle::try_current().map(Self::with_handle)
    }

    /// Makes an adapter for the runtime of `runtime`.
    pub fn with_handle(runtime: Handle) -> Self {
        let background = runner::start(&runtime, "");
        Self(Arc::new(Inner { runtime, named: Mutex::default(), background }))
    }

    /// Starts a sequence of tasks, and registers its runner under `name`.
    pub fn start_runner(&self, name: &str) -> TaskRunner {
        let runner = runner::start(&self.0.runtime, name);
        self.register(name, runner.clone());
        runner
    }

    /// Lets `runner` be found under `name`, instead of any that was registered under that name before.
    pub fn register(&self, name: &str, runner: TaskRunner) {
        let former = lock(&self.0.named).insert(name.to_owned(), runner);
        drop(former);
    }

    /// Runs `future` in `local`, where it and what it spawns can use a local task runner. The runner of the thread is
    /// registered under `name`, unless that is empty.
    pub async fn run_local<T>(&self, local: Rc<LocalSet>, name: &str, future: impl Future<Output = T>) -> T {
        let (runner, future) = runner::run_local(local, name, future);
        if !name.is_empty() {
            self.register(name, runner);
        }
        future.await
    }
}

impl adapter::Adapter for Adapter {
    fn task_runner(&self) -> TaskRunner {
        Sequence::current().unwrap_or_else(|| self.0.background.clone())
    }

    fn task_runner_of(&self, name: &str) -> Option<TaskRunner> {
        lock(&self.0.named).get(name).cloned()
    }

    fn local_task_runner(&self) -> Option<LocalTaskRunner> {
        Sequence::current_local()
    }

    fn watch(&self, socket: Arc<OwnedFd>, on_ready: OnReady) -> io::Result<Watch> {
        watcher::watch(&self.0.runtime, socket, on_ready)
    }

    /// True: tokio is edge-triggered, and a watch clears what it was told.
    fn tells_arrivals(&self) -> bool {
        true
    }

    fn watch_arrivals(&self, end: Arc<OwnedFd>, on_ready: OnReady) -> io::Result<Watch> {
        self.watch(end, on_ready)
    }

    fn spawn(&self, future: BoxFuture<()>) {
        self.0.runtime.spawn(future);
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()> {
        let _inside = self.0.runtime.enter();
        Box::pin(tokio::time::sleep_until(deadline.into()))
    }

    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) -> Result<(), WouldDeadlock> {
        if !self.may_block() {
            return Err(WouldDeadlock);
        }
        self.0.runtime.block_on(future);
        Ok(())
    }

    /// False wherever a runtime is current, which includes `spawn_blocking`: tokio does not tell the two apart. There,
    /// `Handle::block_on` waits.
    fn may_block(&self) -> bool {
        Handle::try_current().is_err()
    }
}

/// Locks what is whole even after a panic: no user code runs under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
