//! Runs Mage on plain threads with a small task loop.
//!
//! ```text
//!   Adapter ── service thread ─────── polls when nobody else does (leader.rs)
//!           ── background loop ────── runs what is spawned, and tasks posted from threads that have no loop
//!           ── named loops ────────── Adapter::start_thread
//!
//!   your threads ── block_on ──────── polls for everybody while it waits
//!                ── TaskLoop ──────── tasks, timers, sockets and futures that are not Send, on one thread
//! ```
//!
//! For programs without an asynchronous executor, and for the shortest way of a blocking call: the thread that waits
//! for a reply is itself the one that reads it from the socket.
//!
//! An `Adapter` is a handle: clones share one set of threads, which ends when the last clone is dropped. From then on
//! no callback, task or spawned future runs.
#![forbid(unsafe_code)]

mod leader;
mod parker;
mod runner;
mod task_loop;
mod timer;
mod watcher;

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use mage::adapter::{
    self, BoxFuture, LocalTaskRunner, Occupied, OnReady, Patience, Sequence, TaskRunner, Watch, WouldDeadlock,
};

use leader::Reactor;
use runner::{JoinOnDrop, LoopThread};
use task_loop::LoopParts;
use watcher::{Sockets, Trigger};

pub use task_loop::{QuitHandle, TaskLoop};

/// Runs Mage on plain threads.
#[derive(Debug, Clone)]
pub struct Adapter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    reactor: Arc<Reactor>,
    named: Mutex<HashMap<String, TaskRunner>>,
    threads: Mutex<Vec<LoopThread>>,
    background: LoopThread,
    service: JoinOnDrop,
}

impl Adapter {
    /// Makes an adapter with a service thread and a background loop of its own.
    ///
    /// # Errors
    ///
    /// When the operating system has no thread or descriptor left.
    pub fn new() -> io::Result<Self> {
        Self::with_patience(Patience::USUAL)
    }

    /// Makes an adapter on which a thread that has sent something looks for an answer for as long as `most` before it
    /// sleeps ([`Patience`]). With none of it, a thread that waits takes no processor time at all.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn with_patience(most: Duration) -> io::Result<Self> {
        let reactor = Reactor::new(Sockets::new()?, most);
        // It never leads: a thread that waits for a reply must find the seat free or the service thread in it.
        let background = LoopThread::start("mage-background", LoopParts::new("", &reactor, false))?;
        let service = runner::start_service(&reactor)?;
        Ok(Self(Arc::new(Inner { reactor, named: Mutex::default(), threads: Mutex::default(), background, service })))
    }

    /// Starts a thread with a task loop, and registers the loop's runner under `name`. The thread ends with the
    /// adapter.
    ///
    /// # Errors
    ///
    /// When the operating system has no thread left.
    pub fn start_thread(&self, name: &str) -> io::Result<TaskRunner> {
        let thread = LoopThread::start(name, LoopParts::new(name, &self.0.reactor, true))?;
        let runner = thread.runner().clone();
        self.register(name, runner.clone());
        lock(&self.0.threads).push(thread);
        Ok(runner)
    }

    /// Lets `runner` be found under `name`, instead of any that was registered under that name before.
    pub fn register(&self, name: &str, runner: TaskRunner) {
        let former = lock(&self.0.named).insert(name.to_owned(), runner);
        drop(former);
    }
}

impl adapter::Adapter for Adapter {
    fn task_runner(&self) -> TaskRunner {
        Sequence::current().unwrap_or_else(|| self.0.background.runner().clone())
    }

    fn task_runner_of(&self, name: &str) -> Option<TaskRunner> {
        lock(&self.0.named).get(name).cloned()
    }

    fn local_task_runner(&self) -> Option<LocalTaskRunner> {
        Sequence::current_local()
    }

    fn watch(&self, socket: Arc<OwnedFd>, on_ready: OnReady) -> io::Result<Watch> {
        let reactor = &self.0.reactor;
        reactor.sockets.add(reactor, socket, Trigger::Level, on_ready).map(Watch::new)
    }

    fn tells_arrivals(&self) -> bool {
        true
    }

    fn watch_arrivals(&self, end: Arc<OwnedFd>, on_ready: OnReady) -> io::Result<Watch> {
        let reactor = &self.0.reactor;
        reactor.sockets.add(reactor, end, Trigger::Edge, on_ready).map(Watch::new)
    }

    fn spawn(&self, future: BoxFuture<()>) {
        runner::spawn_on(self.0.background.runner(), future);
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()> {
        Box::pin(timer::Sleep::new(Arc::clone(&self.0.reactor), deadline))
    }

    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) -> Result<(), WouldDeadlock> {
        let _occupied = Occupied::try_enter()?;
        wait_for(&self.0.reactor, future, true);
        Ok(())
    }

    fn may_block(&self) -> bool {
        !Occupied::is_entered()
    }
}

/// Polls `future` to completion on this thread, waiting for sockets and timers meanwhile; for everybody's, if it
/// `leads`.
fn wait_for(reactor: &Arc<Reactor>, mut future: Pin<&mut dyn Future<Output = ()>>, leads: bool) {
    let parker = runner::parker_of_this_thread(reactor);
    let waker = Waker::from(Arc::clone(&parker));
    let mut cx = Context::from_waker(&waker);
    while future.as_mut().poll(&mut cx).is_pending() {
        if leads { reactor.wait(&parker) } else { parker.sleep() }
    }
}

/// Locks what is whole even after a panic: no user code runs under these locks unless its panics are caught.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Inner {
    fn drop(&mut self) {
        // First all are told to end, then each is waited for, the background loop with the fields.
        self.reactor.shut_down();
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads.iter().chain([&self.background]) {
            thread.quit();
        }
        drop(threads);
        self.service.join();
    }
}
