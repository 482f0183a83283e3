//! The task that watches one socket.
//!
//! ```text
//!   Watch ──want_write, wake, stop──▶ Told ──wakes──▶ Watching (a task) ──polls──▶ Async
//!                                                        │
//!                                                        ▼
//!                                                     on_ready
//! ```
//!
//! smol asks the operating system for one event at a time, and only for the kind that is polled, so that an interest in
//! writing that is off costs nothing.
//!
//! What must hold: calls are made by the task alone, so they never overlap; readability is asked for again only after a
//! call that drained the socket; after a call that did not, the task yields first.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use async_io::Async;
use futures::task::AtomicWaker;
use mage::adapter::{Drained, OnReady, Ready, Watch, WatchControl};

use crate::runner::Spawner;

/// How many calls follow on each other before the executor gets its thread back.
const CALLS: usize = 8;

/// Starts to watch `socket` on `executor`.
pub(crate) fn watch(executor: &Spawner, socket: Arc<OwnedFd>, on_ready: OnReady) -> io::Result<Watch> {
    let told = Arc::new(Told::default());
    let registered = Async::new_nonblocking(socket)?;
    executor.spawn(Watching { told: Arc::clone(&told), registered, on_ready, unread: false, again: false });
    Ok(Watch::new(told))
}

/// What the owner of a watch tells its task.
#[derive(Debug, Default)]
struct Told {
    writing: AtomicBool,
    woken: AtomicBool,
    stopped: AtomicBool,
    task: AtomicWaker,
}

impl WatchControl for Told {
    fn want_write(&self, on: bool) {
        if self.writing.swap(on, Ordering::SeqCst) != on {
            self.task.wake();
        }
    }

    fn wake(&self) {
        if !self.woken.swap(true, Ordering::SeqCst) {
            self.task.wake();
        }
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.task.wake();
    }
}

/// The task of one watch.
struct Watching {
    told: Arc<Told>,
    registered: Async<Arc<OwnedFd>>,
    on_ready: OnReady,
    /// The socket was readable, and has not been drained since.
    unread: bool,
    /// The last call said that there is more.
    again: bool,
}

impl Future for Watching {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.told.task.register(cx.waker());
        for _ in 0..CALLS {
            if self.told.stopped.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
            match self.call_if_due(cx) {
                Call::Drained => {}
                Call::NotDrained => break,
                Call::NotDue => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// What became of a look at the socket.
enum Call {
    NotDue,
    Drained,
    NotDrained,
}

impl Watching {
    fn call_if_due(&mut self, cx: &mut Context<'_>) -> Call {
        let due = self.told.woken.swap(false, Ordering::SeqCst) || self.again;
        let writing = self.told.writing.load(Ordering::SeqCst);
        // An error of the selector counts as readiness: the callback learns what is wrong when it tries.
        let readable = self.unread || self.registered.poll_readable(cx).is_ready();
        let writable = writing && self.registered.poll_writable(cx).is_ready();
        if !due && !readable && !writable {
            return Call::NotDue;
        }
        let drained = (self.on_ready)(Ready { readable, writable });
        self.again = drained == Drained::No;
        self.unread = self.again && readable;
        if self.again { Call::NotDrained } else { Call::Drained }
    }
}
