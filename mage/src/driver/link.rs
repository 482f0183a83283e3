//! One connection: its socket, its watch, and what happens when something arrives.
//!
//! ```text
//!   watch ──on_ready──▶ one recvmsg into a large buffer ──▶ all whole frames handled under one lock ──▶ wakers
//!                                                                        what became ready to write ──▶ flush, last
//! ```
//!
//! What must hold: only the watch's callback reads; a read that came back short is not followed by one that would hear
//! "would block"; when the far end is gone, what it sent before is handled first. A link is closed once, whoever opens
//! it meanwhile.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use mage_proto::LinkId;

use super::effect::Effects;
use super::flush::{Deferral, Sender};
use super::{Driver, State};
use crate::adapter::{Drained, Ready, Watch};
use crate::node::NodeEvent;
use crate::socket::{self, ReadBuffer, Received};
use crate::sync::{Lock, Turn};

/// One connection to one remote node.
pub(super) struct Link {
    id: LinkId,
    pub(super) driver: Weak<Driver>,
    /// Who writes now. Frames are taken from the core only by who has the turn, so they keep their order.
    pub(super) turn: Turn,
    pub(super) sender: Lock<Sender>,
    watch: Lock<Watching>,
    /// Something was received since the last direct write, so the next send may be one.
    pub(super) answerable: AtomicBool,
    /// The socket is full, and the flusher comes when it no longer is.
    pub(super) full: AtomicBool,
    /// The flusher was woken and has not come yet.
    pub(super) summoned: AtomicBool,
}

/// The link's watch. Opening and closing may happen on two threads at once, in either order.
enum Watching {
    NotYet,
    Now(Arc<Watch>),
    Over,
}

impl Link {
    pub(super) fn new(id: LinkId, driver: Weak<Driver>, socket: OwnedFd) -> Self {
        Self {
            id,
            driver,
            turn: Turn::default(),
            sender: Lock::new(Sender::new(Arc::new(socket))),
            watch: Lock::new(Watching::NotYet),
            answerable: AtomicBool::new(false),
            full: AtomicBool::new(false),
            summoned: AtomicBool::new(false),
        }
    }

    pub(super) fn id(&self) -> LinkId {
        self.id
    }

    /// The watch, while there is one.
    pub(super) fn watch(&self) -> Option<Arc<Watch>> {
        match &*self.watch.lock() {
            Watching::Now(watch) => Some(Arc::clone(watch)),
            Watching::NotYet | Watching::Over => None,
        }
    }

    fn install(&self, watch: Watch) {
        let watch = Arc::new(watch);
        let mut place = self.watch.lock();
        if matches!(*place, Watching::NotYet) {
            *place = Watching::Now(watch);
        } else {
            // Closed meanwhile. The watch stops when it is dropped, after the lock.
            drop(place);
            drop(watch);
        }
    }

    /// Ends the connection: the far end sees it at once, this side hears no more of it.
    pub(super) fn close(&self) {
        let watch = std::mem::replace(&mut *self.watch.lock(), Watching::Over);
        let sender = self.sender.lock().close();
        if let Some(socket) = sender.socket() {
            // The adapter may hold the descriptor a little longer, and a child that is being started a copy of it.
            socket::shut_down(socket.as_fd());
        }
        drop(watch);
        drop(sender);
    }
}

impl Driver {
    /// Begins to watch a new connection.
    pub(super) fn open(&self, link: &Arc<Link>) {
        let Some(socket) = link.sender.lock().socket().map(Arc::clone) else { return };
        let mut reader = Reader {
            driver: self.me.clone(),
            link: Arc::clone(link),
            socket: Arc::clone(&socket),
            buffer: ReadBuffer::new(Arc::clone(&self.buffers)),
            handles: VecDeque::new(),
            wanted: 0,
        };
        let watched = socket::set_nonblocking(socket.as_fd())
            .and_then(|()| self.adapter().watch(socket, Box::new(move |ready| reader.on_ready(ready))));
        match watched {
            Ok(watch) => {
                link.install(watch);
                // Whoever found no watch yet left its frames to this wake.
                link.wake_flusher();
            }
            Err(error) => {
                self.tell(NodeEvent::LinkFailed { error });
                self.lose(link.id());
            }
        }
    }
}

/// The reading side, owned by the watch's callback.
struct Reader {
    driver: Weak<Driver>,
    link: Arc<Link>,
    socket: Arc<OwnedFd>,
    buffer: ReadBuffer,
    /// Received, and not yet announced by a whole frame.
    handles: VecDeque<OwnedFd>,
    /// How many bytes the frame under way still lacks.
    wanted: usize,
}

impl Reader {
    fn on_ready(&mut self, ready: Ready) -> Drained {
        let Some(driver) = self.driver.upgrade() else { return Drained::Yes };
        let mut drained = Drained::Yes;
        if ready.readable {
            // What this read sets going is written once, after all of it was handled.
            let deferral = Deferral::begin();
            drained = self.read(&driver);
            deferral.end();
        }
        if self.link.summoned.swap(false, Ordering::Acquire) || ready.writable {
            self.link.flush(&driver);
        }
        drained
    }

    fn read(&mut self, driver: &Driver) -> Drained {
        match self.buffer.receive(self.socket.as_fd(), self.wanted, &mut self.handles) {
            Ok(Received::Nothing) => Drained::Yes,
            Ok(Received::Bytes { drained, truncated }) => {
                self.link.answerable.store(true, Ordering::Relaxed);
                self.handle(driver, truncated);
                if drained { Drained::Yes } else { Drained::No }
            }
            Ok(Received::End) | Err(_) => {
                driver.lose(self.link.id());
                // A callback that says No is called again; this one has nothing to come back for.
                Drained::Yes
            }
        }
    }

    fn handle(&mut self, driver: &Driver, truncated: bool) {
        let Self { link, buffer, handles, wanted, .. } = self;
        let mut effects = Effects::new();
        *wanted = buffer.consume(|input| {
            driver.enter(&mut effects, |state, _| {
                let State { core: Some(core), .. } = state else { return 0 };
                if truncated {
                    core.handle_truncated(link.id());
                }
                // A violation ends the link through the core's own outputs.
                match core.handle_bytes(link.id(), input, handles) {
                    Ok(()) => core.wanted(input),
                    Err(_) => 0,
                }
            })
        });
        driver.perform(&mut effects);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // An adapter that shuts down drops its watches: nobody will read here again.
        if let Some(driver) = self.driver.upgrade() {
            driver.lose(self.link.id());
        }
    }
}
