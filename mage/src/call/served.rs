//! The calls under way at the serving end: which are cancelled, what a stream may send, and whether there is room for
//! more.
//!
//! What must hold: nothing is dropped or woken, and the backend is not called, while the calls are locked. Answers find
//! their way after the receiver is gone only if its pipe still stands.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Wake, Waker};

use slab::Slab;

use super::head::{self, Failure, Kind};
use super::outbox::Outbox;
use crate::backend::Backend;
use crate::parameter::Encoder;
use crate::pipe::{Message, MessagePipe};

/// What the receiver and those who answer for it share. The waker of its outbox.
pub(crate) struct Served {
    outbox: Outbox,
    /// How many calls are open; written under the lock of `calls`.
    open: AtomicUsize,
    calls: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    open: Slab<Open>,
    serial: u64,
    /// The receiver, when it waits for room.
    receiver: Option<Waker>,
    ended: bool,
}

struct Open {
    serial: u64,
    call: u64,
    cancelled: bool,
    /// How many more values of a stream the caller takes.
    credit: u32,
    on_cancel: Option<Waker>,
    on_credit: Option<Waker>,
}

impl Open {
    fn cancel(&mut self) -> impl Iterator<Item = Waker> + use<> {
        self.cancelled = true;
        self.on_cancel.take().into_iter().chain(self.on_credit.take())
    }
}

/// Makes tickets for the requests of one receiver; nothing is allocated before the first.
#[derive(Debug)]
pub(crate) struct Answerer {
    served: Option<Arc<Served>>,
}

impl Answerer {
    pub(crate) const fn new() -> Self {
        Self { served: None }
    }

    pub(crate) fn served(&self) -> Option<&Arc<Served>> {
        self.served.as_ref()
    }

    /// Has answers go to `pipe`.
    pub(crate) fn prepare(&mut self, pipe: &MessagePipe) -> &Arc<Served> {
        self.served.get_or_insert_with(|| {
            let outbox = Outbox::new(Arc::clone(pipe.backend()), pipe.end());
            Arc::new(Served { outbox, open: AtomicUsize::new(0), calls: Mutex::default() })
        })
    }

    /// Opens a call that arrived.
    pub(crate) fn ticket(&mut self, pipe: &MessagePipe, method: u32, call: u64, credit: u32) -> Ticket {
        self.prepare(pipe).open(method, call, credit)
    }
}

impl Served {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a call.
    #[inline]
    pub(super) fn open(self: &Arc<Self>, method: u32, call: u64, credit: u32) -> Ticket {
        let mut calls = self.calls();
        calls.serial += 1;
        let (serial, cancelled) = (calls.serial, calls.ended);
        let index = calls.open.insert(Open { serial, call, cancelled, credit, on_cancel: None, on_credit: None });
        self.open.store(calls.open.len(), Ordering::Release);
        Ticket { served: Arc::clone(self), key: Key { index, serial }, call, method }
    }

    /// Closes a call; says whether anybody waits for its answer.
    fn finish(&self, key: Key) -> bool {
        let (closed, receiver) = {
            let mut calls = self.calls();
            let closed = calls.find(key).is_some().then(|| calls.open.remove(key.index));
            self.open.store(calls.open.len(), Ordering::Release);
            (closed, calls.receiver.take())
        };
        if let Some(receiver) = receiver {
            receiver.wake();
        }
        closed.is_some_and(|call| !call.cancelled)
    }

    /// Waits until fewer than `max` calls are unanswered or have an answer that waits to be sent.
    #[inline]
    pub(crate) fn poll_room(&self, max: usize, waker: &Waker) -> Poll<()> {
        let waiting = self.outbox.len();
        if self.open.load(Ordering::Acquire) + waiting < max {
            Poll::Ready(())
        } else {
            self.wait_for_room(waiting, max, waker)
        }
    }

    #[cold]
    fn wait_for_room(&self, waiting: usize, max: usize, waker: &Waker) -> Poll<()> {
        // Cloned outside the lock, and only where there is no room: nearly every request finds some.
        let waker = waker.clone();
        let replaced = {
            let mut calls = self.calls();
            if calls.open.len() + waiting < max {
                return Poll::Ready(());
            }
            calls.receiver.replace(waker)
        };
        drop(replaced);
        // The outbox may have emptied since it was asked, and found nobody to tell.
        if waiting > 0 && self.outbox.len() == 0 && self.calls().open.len() < max {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Says whether nothing is unanswered and no answer waits to be sent.
    pub(crate) fn is_idle(&self) -> bool {
        self.calls().open.is_empty() && self.outbox.len() == 0
    }

    /// Marks a call that the far side does not wait for any more; says whether it was found.
    pub(crate) fn cancel(&self, call: u64) -> bool {
        let wakers = {
            let mut calls = self.calls();
            let open = calls.open.iter_mut().map(|(_, open)| open).find(|open| open.call == call && !open.cancelled);
            open.map(Open::cancel)
        };
        let found = wakers.is_some();
        wakers.into_iter().flatten().for_each(Waker::wake);
        found
    }

    /// Marks every call as cancelled, those to come too: the pipe ended.
    pub(crate) fn cancel_all(&self) {
        let wakers: Vec<_> = {
            let mut calls = self.calls();
            calls.ended = true;
            calls.open.iter_mut().flat_map(|(_, open)| open.cancel()).collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Lets the stream of a call send `more` values.
    pub(crate) fn grant(&self, call: u64, more: u32) {
        let waker = {
            let mut calls = self.calls();
            let open = calls.open.iter_mut().map(|(_, open)| open).find(|open| open.call == call);
            open.and_then(|open| {
                open.credit = open.credit.saturating_add(more);
                open.on_credit.take()
            })
        };
        waker.into_iter().for_each(Waker::wake);
    }

    /// Sends a message now or as soon as there is room.
    pub(crate) fn send(self: &Arc<Self>, message: &mut Message) {
        self.outbox.send(message, || Waker::from(Arc::clone(self)));
    }
}

impl Wake for Served {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.outbox.drain(&Waker::from(Arc::clone(self)));
        let receiver = self.calls().receiver.take();
        if let Some(receiver) = receiver {
            receiver.wake();
        }
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").field("open", &self.calls().open.len()).finish()
    }
}

impl Calls {
    fn find(&mut self, key: Key) -> Option<&mut Open> {
        self.open.get_mut(key.index).filter(|open| open.serial == key.serial)
    }
}

#[derive(Debug, Clone, Copy)]
struct Key {
    index: usize,
    serial: u64,
}

/// The right to answer one call. Dropping it answers nothing: its holder decides what that means.
#[derive(Debug)]
pub(crate) struct Ticket {
    served: Arc<Served>,
    key: Key,
    call: u64,
    method: u32,
}

impl Ticket {
    /// Closes the call with a last message.
    #[inline]
    pub(super) fn answer(self, kind: Kind, encode: impl FnOnce(&mut Encoder)) {
        if self.served.finish(self.key) {
            self.say(kind, encode);
        }
    }

    /// Closes the call without an answer.
    pub(super) fn fail(self, failure: Failure) {
        self.answer(Kind::Failed, |to| to.raw(&[failure as u8]));
    }

    /// Sends a message about the call; what cannot be encoded becomes a failure.
    #[inline]
    pub(super) fn say(&self, kind: Kind, encode: impl FnOnce(&mut Encoder)) {
        let mut to = Encoder::new();
        head::begin(&mut to, kind, self.method, self.call, None);
        encode(&mut to);
        match to.seal() {
            None => self.served.send(&mut to.message),
            Some(_) => self.say(Kind::Failed, unsendable),
        }
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.served.calls().find(self.key).is_none_or(|open| open.cancelled)
    }

    /// Waits until nobody waits for the answer any more.
    pub(super) fn poll_cancelled(&self, waker: &Waker) -> Poll<()> {
        let mut calls = self.served.calls();
        // One that is answered is not cancelled any more.
        let Some(open) = calls.find(self.key) else { return Poll::Pending };
        if open.cancelled {
            return Poll::Ready(());
        }
        let replaced = wait(&mut open.on_cancel, waker);
        drop(calls);
        drop(replaced);
        Poll::Pending
    }

    /// Waits until the stream may send a value and takes the right to; `false` when nobody wants it any more.
    pub(super) fn poll_credit(&self, waker: &Waker) -> Poll<bool> {
        let mut calls = self.served.calls();
        let Some(open) = calls.find(self.key) else { return Poll::Ready(false) };
        if open.cancelled {
            return Poll::Ready(false);
        }
        if let Some(rest) = open.credit.checked_sub(1) {
            open.credit = rest;
            return Poll::Ready(true);
        }
        let replaced = wait(&mut open.on_credit, waker);
        drop(calls);
        drop(replaced);
        Poll::Pending
    }

    /// A second ticket that can only be asked whether the call is cancelled.
    pub(super) fn watch(&self) -> Watched {
        Watched(Ticket { served: Arc::clone(&self.served), key: self.key, call: self.call, method: self.method })
    }

    /// The provider of the pipe that the call came over.
    pub(super) fn backend(&self) -> &dyn Backend {
        &*self.served.outbox.backend
    }
}

/// Tells when a call is cancelled whose ticket somebody else holds.
#[derive(Debug)]
pub(super) struct Watched(Ticket);

impl Watched {
    /// Runs `work` until it is done or the call is cancelled.
    pub(super) async fn run<F: Future>(self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => self.0.poll_cancelled(cx.waker()).map(|()| None),
        })
        .await
    }
}

/// Sets the waker of a wait and returns the one that it replaces.
fn wait(place: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    let known = place.as_ref().is_some_and(|known| known.will_wake(waker));
    if known { None } else { place.replace(waker.clone()) }
}

fn unsendable(to: &mut Encoder) {
    to.raw(&[Failure::Unsendable as u8]);
}
