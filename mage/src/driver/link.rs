//! One connection: its socket, its watches, and who writes to it.
//!
//! What must hold: a link is closed once, whoever opens it meanwhile.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU8};
use std::sync::{Arc, Weak};

use mage_proto::LinkId;

use super::flush::{self, Sender};
use super::{Driver, reading};
use crate::adapter::Watch;
use crate::node::NodeEvent;
use crate::socket;
use crate::sync::{Lock, Turn};

/// One connection to one remote node.
pub(super) struct Link {
    id: LinkId,
    pub(super) driver: Weak<Driver>,
    /// Who writes now. Frames are taken from the core only by who has the turn, so they keep their order.
    pub(super) turn: Turn,
    pub(super) sender: Lock<Sender>,
    watch: Lock<Watching>,
    /// The watch of the other side's bell, once there is a ring.
    bell: Lock<Watching>,
    /// Something was received since the last direct write, so the next send may be one.
    pub(super) answerable: AtomicBool,
    /// The application has sent something since the ring was found empty, and may expect an answer.
    pub(super) sent: AtomicBool,
    /// The socket or the ring is full, and the flusher comes when it no longer is.
    pub(super) full: AtomicBool,
    /// The watch's interest in writing is on.
    pub(super) writing: AtomicBool,
    /// Whether the flusher was woken and has not come yet: [`NOT`](super::flush::NOT) and so on.
    pub(super) summoned: AtomicU8,
}

/// The link's watch. Opening and closing may happen on two threads at once, in either order.
enum Watching {
    NotYet,
    Now(Arc<Watch>),
    Over,
}

impl Link {
    pub(super) fn new(id: LinkId, driver: Weak<Driver>, socket: OwnedFd, rings: bool) -> Self {
        Self {
            id,
            driver,
            turn: Turn::default(),
            sender: Lock::new(Sender::new(Arc::new(socket), rings)),
            watch: Lock::new(Watching::NotYet),
            bell: Lock::new(Watching::NotYet),
            answerable: AtomicBool::new(false),
            sent: AtomicBool::new(false),
            full: AtomicBool::new(false),
            writing: AtomicBool::new(false),
            summoned: AtomicU8::new(flush::NOT),
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

    /// Keeps the watch of the other side's bell.
    pub(super) fn listen(&self, watch: Watch) {
        install(&self.bell, watch);
    }

    /// Hears no more of the other side's bell.
    pub(super) fn listen_no_more(&self) {
        let watch = std::mem::replace(&mut *self.bell.lock(), Watching::Over);
        drop(watch);
    }

    /// Ends the connection: the far end sees it at once, this side hears no more of it.
    pub(super) fn close(&self) {
        let watch = std::mem::replace(&mut *self.watch.lock(), Watching::Over);
        let bell = std::mem::replace(&mut *self.bell.lock(), Watching::Over);
        let sender = self.sender.lock().close();
        if let Some(socket) = sender.socket() {
            // The adapter may hold the descriptor a little longer, and a child that is being started a copy of it.
            socket::shut_down(socket.as_fd());
        }
        drop((watch, bell));
        drop(sender);
    }
}

fn install(place: &Lock<Watching>, watch: Watch) {
    let watch = Arc::new(watch);
    let mut place = place.lock();
    if matches!(*place, Watching::NotYet) {
        *place = Watching::Now(watch);
    } else {
        // Closed meanwhile. The watch stops when it is dropped, after the lock.
        drop(place);
        drop(watch);
    }
}

impl Driver {
    /// Begins to watch a new connection.
    pub(super) fn open(&self, link: &Arc<Link>) {
        let Some(socket) = link.sender.lock().socket().map(Arc::clone) else { return };
        let watched = socket::set_nonblocking(socket.as_fd()).and_then(|()| reading::begin(self, link, socket));
        match watched {
            Ok(watch) => {
                install(&link.watch, watch);
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
