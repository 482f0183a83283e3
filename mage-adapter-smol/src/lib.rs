//! Runs Mage on smol.
//!
//! ```text
//!   Adapter ── watch ────────── one task per socket, over Async (watcher.rs)
//!           ── task runners ─── one task per sequence (runner.rs)
//!           ── spawn, timers ── smol's own
//! ```
//!
//! It uses smol's global executor or one of the application's own, which the application has to run. The tasks of a
//! sequence run one at a time on any thread of the executor; what is not `Send` lives in a `LocalExecutor`
//! ([`Adapter::run_local`]).
//!
//! An `Adapter` is a handle: clones share one set of runners. It ends with its executor: from then on no callback, task
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
use std::thread;
use std::time::Instant;

use mage::adapter::{self, BoxFuture, LocalTaskRunner, Occupied, OnReady, Sequence, TaskRunner, Watch, WouldDeadlock};
use smol::{Executor, LocalExecutor, Timer};

use runner::Spawner;

/// Runs Mage on smol.
#[derive(Debug, Clone)]
pub struct Adapter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    executor: Spawner,
    named: Mutex<HashMap<String, TaskRunner>>,
    background: TaskRunner,
}

impl Adapter {
    /// Makes an adapter for smol's global executor, which runs on as many threads as `SMOL_THREADS` says (1 unless it
    /// is set).
    pub fn global() -> Self {
        Self::with_spawner(Spawner::Global)
    }

    /// Makes an adapter for `executor`. It does not keep the executor alive.
    pub fn new(executor: &Arc<Executor<'static>>) -> Self {
        Self::with_spawner(Spawner::Own(Arc::downgrade(executor)))
    }

    fn with_spawner(executor: Spawner) -> Self {
        let background = runner::start(&executor, "");
        Self(Arc::new(Inner { executor, named: Mutex::default(), background }))
    }

    /// Starts a sequence of tasks, and registers its runner under `name`.
    pub fn start_runner(&self, name: &str) -> TaskRunner {
        let runner = runner::start(&self.0.executor, name);
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
    pub async fn run_local<T>(
        &self,
        local: Rc<LocalExecutor<'static>>,
        name: &str,
        future: impl Future<Output = T>,
    ) -> T {
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
        watcher::watch(&self.0.executor, socket, on_ready)
    }

    /// False: smol asks anew after each event, and is told again of what has not been read.
    fn tells_arrivals(&self) -> bool {
        false
    }

    fn watch_arrivals(&self, end: Arc<OwnedFd>, on_ready: OnReady) -> io::Result<Watch> {
        self.watch(end, on_ready)
    }

    fn spawn(&self, future: BoxFuture<()>) {
        self.0.executor.spawn(future);
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()> {
        Box::pin(async move {
            Timer::at(deadline).await;
        })
    }

    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) -> Result<(), WouldDeadlock> {
        if !self.may_block() {
            return Err(WouldDeadlock);
        }
        let _occupied = Occupied::enter();
        smol::block_on(future);
        Ok(())
    }

    /// False on the global executor's threads and in everything that this adapter runs. What the application spawns
    /// onto an executor of its own by itself cannot be told from a plain thread: it must not wait.
    fn may_block(&self) -> bool {
        let global = thread::current().name().is_some_and(|name| name.starts_with("smol-"));
        !global && !Occupied::is_entered()
    }
}

/// Locks what is whole even after a panic: no user code runs under these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
