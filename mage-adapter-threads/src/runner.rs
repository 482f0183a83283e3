//! The threads that an adapter runs code on.
//!
//! A task runner of this adapter is a task loop on a thread: one of the application's own ([`TaskLoop`]), one that the
//! adapter started under a name, or the background loop. The queue behind each is `mage::adapter::Sequence`.
//!
//! What must hold: a thread of the adapter is told to end and joined when its owner is dropped, except by itself.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use mage::adapter::{BoxFuture, Occupied, Sequence, TaskRunner};

use crate::leader::Reactor;
use crate::parker::Parker;
use crate::task_loop::{LoopParts, QuitHandle, TaskLoop};

/// Runs `future` as a local future of the loop behind `runner`.
pub(crate) fn spawn_on(runner: &TaskRunner, future: BoxFuture<()>) {
    runner.post(move || {
        if let Some(local) = Sequence::current_local() {
            local.spawn_local(future);
        }
    });
}

/// A thread with a task loop, ended and joined on drop.
pub(crate) struct LoopThread {
    runner: TaskRunner,
    quit: QuitHandle,
    thread: JoinOnDrop,
}

impl LoopThread {
    pub(crate) fn start(thread_name: &str, parts: LoopParts) -> io::Result<Self> {
        let (runner, quit) = (parts.task_runner(), parts.quit_handle());
        let thread = JoinOnDrop::start(thread_name, move || {
            let task_loop = TaskLoop::from(parts);
            // A thread that was just started is in no other loop.
            let _ = task_loop.run();
        })?;
        Ok(Self { runner, quit, thread })
    }

    pub(crate) fn runner(&self) -> &TaskRunner {
        &self.runner
    }

    pub(crate) fn quit(&self) {
        self.quit.quit();
    }
}

impl Drop for LoopThread {
    fn drop(&mut self) {
        self.quit();
    }
}

impl fmt::Debug for LoopThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopThread").field("thread", &self.thread).finish_non_exhaustive()
    }
}

/// Starts the thread that polls when no other one does; it ends after [`Reactor::shut_down`].
pub(crate) fn start_service(reactor: &Arc<Reactor>) -> io::Result<JoinOnDrop> {
    let reactor = Arc::clone(reactor);
    JoinOnDrop::start("mage-service", move || {
        let _occupied = Occupied::enter();
        reactor.serve();
    })
}

/// A thread that is waited for on drop.
pub(crate) struct JoinOnDrop(Option<JoinHandle<()>>);

impl JoinOnDrop {
    fn start(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        if name.contains('\0') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("a thread cannot be called {name:?}")));
        }
        thread::Builder::new().name(name.to_owned()).spawn(body).map(|thread| Self(Some(thread)))
    }

    pub(crate) fn join(&mut self) {
        let Some(thread) = self.0.take() else { return };
        // The last handle of an adapter may be dropped by one of its own threads, which then ends by itself.
        if thread.thread().id() != thread::current().id() {
            // Panics of user code are caught where it is called; there is nothing to pass on.
            let _ = thread.join();
        }
    }
}

impl Drop for JoinOnDrop {
    fn drop(&mut self) {
        self.join();
    }
}

impl fmt::Debug for JoinOnDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.as_ref().map(JoinHandle::thread), f)
    }
}

thread_local! {
    static PARKER: RefCell<Option<Arc<Parker>>> = const { RefCell::new(None) };
}

/// The calling thread's parker, kept so that a wait allocates nothing.
pub(crate) fn parker_of_this_thread(reactor: &Arc<Reactor>) -> Arc<Parker> {
    PARKER.with_borrow_mut(|kept| match kept {
        Some(parker) if parker.belongs_to(reactor) => Arc::clone(parker),
        _ => Arc::clone(kept.insert(Parker::new(reactor))),
    })
}
