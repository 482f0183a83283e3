//! The narrow room through which the bindings reach a messaging provider.
//!
//! `Remote`, `Receiver` and `MessagePipe` know this trait and nothing below it. Two providers exist: the node (the
//! driver over `mage-proto`) and an in-memory one for tests with fakes. A third is an implementation of this trait.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Poll, Waker};
use std::time::Instant;

use mage_proto::NodeName;

use crate::adapter::{BoxFuture, WouldDeadlock};
use crate::pipe::{CloseReason, Message, SendErrorKind};

/// One end of a pipe inside one backend. Owned by exactly one `MessagePipe`; not meaningful in another backend.
///
/// A backend never hands out the same key twice. A call that names an end which is gone (closed, merged, or sent away
/// in a message) is harmless: closing it does nothing, anything else answers as a pipe does that this side closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct End(pub u64);

impl End {
    /// What remains in a `MessagePipe` whose end was given up; no backend hands it out.
    pub(crate) const GIVEN_UP: Self = Self(u64::MAX);
}

/// What a messaging provider does for the bindings.
///
/// Wakers: each end keeps one waker for reading and one list for writing and closing. A waker is called once per
/// registration, outside every lock of the backend, when the condition it waits for holds. Wakers may do work in
/// place (a `Remote` sorts replies in its own), so a backend must allow every call of this trait from inside `wake`.
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// Makes a pipe and returns its ends.
    fn create_pipe(&self) -> (End, End);

    /// Sends `message` from `end`. When it returns `Ok`, the message is on its way without any further call, and what is
    /// left in its place means nothing any more: the caller drops it. (A message is large, and handing one down by value and
    /// up again when it was not sent costs more than sending it.)
    ///
    /// # Errors
    ///
    /// The kind of failure; the message is whole and unsent then.
    fn send(&self, end: End, message: &mut Message) -> Result<(), SendErrorKind>;

    /// Moves up to `max` of the messages that wait at `end` to the back of `into`. `Ready(Ok(()))` when at least one
    /// was moved; `Ready(Err(_))` when the pipe is closed and everything sent before was taken; else registers
    /// `waker` as the one reader of this end (replacing any other) and returns `Pending`.
    fn receive(
        &self,
        end: End,
        max: usize,
        into: &mut VecDeque<Message>,
        waker: Option<&Waker>,
    ) -> Poll<Result<(), CloseReason>>;

    /// Gives every message that waits at `end` to `each`, which moves out what it wants, and registers `waker` as the one
    /// reader of this end (replacing any other) for what comes later. For who is its own waker: one call, where
    /// [`receive`](Self::receive) would need a second one only to register. `each` may be called under the backend's lock:
    /// it calls nothing of the backend and drops nothing.
    ///
    /// # Errors
    ///
    /// Why the pipe is closed. What was sent before was given to `each`; nothing is registered.
    fn drain(&self, end: End, waker: Waker, each: &mut dyn FnMut(&mut Message)) -> Result<(), CloseReason> {
        let mut taken = VecDeque::new();
        loop {
            let received = self.receive(end, usize::MAX, &mut taken, Some(&waker));
            taken.iter_mut().for_each(&mut *each);
            taken.clear();
            match received {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(reason)) => return Err(reason),
                Poll::Pending => return Ok(()),
            }
        }
    }

    /// Waits for room to send.
    fn poll_writable(&self, end: End, waker: Option<&Waker>) -> Poll<Result<(), CloseReason>>;

    /// Waits for the far end to be closed or lost, whether or not messages are still unread.
    fn poll_closed(&self, end: End, waker: Option<&Waker>) -> Poll<CloseReason>;

    /// Fuses two pipes: whatever arrives at `a` leaves at `b` and the other way round; both ends are gone.
    ///
    /// # Errors
    ///
    /// Both ends stay as they were when they cannot be merged.
    fn merge(&self, a: End, b: End) -> Result<(), MergeError>;

    /// Ends `end`; the far end reads what was sent before, then sees the code and text.
    fn close(&self, end: End, code: u32, text: &str);

    /// Reports to whoever supervises the provider that a message taken from `end` breaks the rules of its interface, and
    /// says which node messages come from there, where that is known. Nothing closes by it.
    fn reject(&self, end: End, reason: &str) -> Option<NodeName> {
        let _ = (end, reason);
        None
    }

    /// Runs `future` on the calling thread until it completes.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] where the calling thread must not wait.
    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) -> Result<(), WouldDeadlock>;

    /// Runs `future` in the background.
    fn spawn(&self, future: BoxFuture<()>);

    /// Completes at `deadline`.
    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()>;
}

/// Two ends that cannot be merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// The pipes were created with different windows.
    #[error("the pipes have different windows")]
    WindowsDiffer,
    /// The ends belong to different backends.
    #[error("the pipes belong to different nodes")]
    Foreign,
}
