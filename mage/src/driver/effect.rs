//! What is left to do after the lock: collected under it, performed in order after it.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::Waker;

use mage_proto::Discard;

use super::link::Link;
use crate::few::Few;
use crate::node::NodeEvent;
use crate::pipe::MessagePipe;

/// One thing to do.
pub(super) enum Effect {
    /// Somebody's condition holds.
    Wake(Waker),
    /// The link has frames to write and nobody is going to.
    Flush(Arc<Link>),
    /// A connection begins.
    Open(Arc<Link>),
    /// A connection is over.
    Close(Arc<Link>),
    /// The core needs two connected sockets, and will know them by this tag.
    CreateSocketPair(u64),
    /// The application may want to know.
    Tell(Box<NodeEvent>),
    /// Something to be dropped where destructors may run.
    Drop(Dropped),
}

/// What is only carried out of the lock to be dropped.
#[expect(dead_code, reason = "the fields exist for their destructors")]
pub(super) enum Dropped {
    Discard(Box<Discard<OwnedFd>>),
    Pair(Option<(OwnedFd, OwnedFd)>),
    Pipe(Box<MessagePipe>),
    Waker(Waker),
}

/// What one critical section leaves to do.
#[derive(Default)]
pub(super) struct Effects(Few<Effect>);

impl Effects {
    #[inline]
    pub(super) fn new() -> Self {
        Self(Few::new())
    }

    #[inline]
    pub(super) fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }

    #[inline]
    pub(super) fn extend(&mut self, effects: impl IntoIterator<Item = Effect>) {
        self.0.extend(effects);
    }

    pub(super) fn tell(&mut self, event: NodeEvent) {
        self.push(Effect::Tell(Box::new(event)));
    }

    /// Takes all of them out and has each performed.
    #[inline]
    pub(super) fn take_each(&mut self, perform: impl FnMut(Effect)) {
        self.0.take_each(perform);
    }
}
