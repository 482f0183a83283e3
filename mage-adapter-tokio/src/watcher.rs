//! The task that watches one socket.
//!
//! ```text
//!   Watch ──want_write, wake, stop──▶ Told ──wakes──▶ Watching (a task) ──polls──▶ AsyncFd
//!                                                        │
//!                                                        ▼
//!                                                     on_ready
//! ```
//!
//! The socket is registered for reading only, and anew for both while writing is wanted: tokio is edge-triggered, so that
//! a standing interest in writing would wake the runtime each time the far side reads.
//!
//! What must hold: calls are made by the task alone, so they never overlap; readiness is cleared only after a call that
//! drained the socket, and only as it was before that call; after a call that did not, the task yields first.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use mage::adapter::{Drained, OnReady, Ready, Watch, WatchControl};
use tokio::io::Interest;
use tokio::io::unix::{AsyncFd, AsyncFdReadyGuard};
use tokio::runtime::Handle;

/// How many calls follow on each other before the runtime gets its thread back.
const CALLS: usize = 8;

/// Starts to watch `socket` on `runtime`.
pub(crate) fn watch(runtime: &Handle, socket: Arc<OwnedFd>, on_ready: OnReady) -> io::Result<Watch> {
    let _inside = runtime.enter();
    let told = Arc::new(Told::default());
    let registered = Some(register(&socket, false)?);
    runtime.spawn(Watching { told: Arc::clone(&told), socket, registered, writing: false, on_ready, again: false });
    Ok(Watch::new(told))
}

#[expect(deprecated, reason = "it is safe, and sound for the descriptor of an Arc<OwnedFd>; its successor is not safe")]
fn register(socket: &Arc<OwnedFd>, writing: bool) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    let interest = if writing { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
    AsyncFd::with_interest(Arc::clone(socket), interest)
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
    socket: Arc<OwnedFd>,
    /// None while the system refuses; the callback then tries for itself each time.
    registered: Option<AsyncFd<Arc<OwnedFd>>>,
    /// Registered for writing too.
    writing: bool,
    on_ready: OnReady,
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
            self.follow_interest();
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
    fn follow_interest(&mut self) {
        let writing = self.told.writing.load(Ordering::SeqCst);
        if self.registered.is_none() || self.writing != writing {
            // The former registration has to go before the same descriptor can be registered again.
            self.registered = None;
            self.registered = register(&self.socket, writing).ok();
            self.writing = writing;
        }
    }

    fn call_if_due(&mut self, cx: &mut Context<'_>) -> Call {
        let due = self.told.woken.swap(false, Ordering::SeqCst) || self.again;
        let blind = self.registered.is_none();
        let read = self.registered.as_ref().and_then(|fd| ready(fd.poll_read_ready(cx)));
        let write = self.registered.as_ref().filter(|_| self.writing).and_then(|fd| ready(fd.poll_write_ready(cx)));
        let ready = Ready { readable: blind || read.is_some(), writable: self.writing && (blind || write.is_some()) };
        if !due && !ready.readable && !ready.writable {
            return Call::NotDue;
        }
        let drained = (self.on_ready)(ready);
        if let (Drained::Yes, Some(mut read)) = (drained, read) {
            read.clear_ready();
        }
        if write.is_some() {
            // Registering anew tells of the room that the call left, too.
            self.registered = None;
        }
        self.again = drained == Drained::No;
        if self.again || blind { Call::NotDrained } else { Call::Drained }
    }
}

/// An error means that the runtime shuts down, and this task with it.
fn ready<'a>(
    poll: Poll<io::Result<AsyncFdReadyGuard<'a, Arc<OwnedFd>>>>,
) -> Option<AsyncFdReadyGuard<'a, Arc<OwnedFd>>> {
    match poll {
        Poll::Ready(Ok(guard)) => Some(guard),
        Poll::Ready(Err(_)) | Poll::Pending => None,
    }
}
