//! What a call returns: a future of its answer, which can also be waited for on a plain thread.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::head::{Failure, Head, Kind};
use super::table::{Arrived, CallTable};
use super::{BadMessage, CallError};
use crate::adapter::{BoxFuture, WouldDeadlock};
use crate::backend::Backend;
use crate::interface::Method;
use crate::parameter::{BadValue, Decoder, Fault};
use crate::pipe::Message;

/// The answer of a call that was sent. The call is under way whether or not this is polled.
///
/// # Cancel safety
///
/// Dropping it cancels the call: the implementation is told, and an answer that still comes is ignored.
#[must_use = "dropping the reply cancels the call; await it, or wait for it"]
pub struct Reply<T: 'static, E: 'static = Infallible> {
    state: State<E>,
    method: &'static Method<T, E>,
    deadline: Option<BoxFuture<()>>,
}

enum State<E> {
    Waiting { calls: Arc<CallTable>, call: u64 },
    Failed(CallError<E>),
    Done,
}

impl<T, E> Unpin for Reply<T, E> {}

impl<T, E> Reply<T, E> {
    #[inline]
    pub(super) fn new(calls: Arc<CallTable>, call: u64, method: &'static Method<T, E>) -> Self {
        Self { state: State::Waiting { calls, call }, method, deadline: None }
    }

    pub(super) fn failed(error: CallError<E>, method: &'static Method<T, E>) -> Self {
        Self { state: State::Failed(error), method, deadline: None }
    }

    /// Has the call fail with [`CallError::TimedOut`], and cancels it, unless it is answered within `limit` from now.
    pub fn timeout(mut self, limit: Duration) -> Self {
        if let State::Waiting { calls, .. } = &self.state
            && let Some(deadline) = Instant::now().checked_add(limit)
        {
            self.deadline = Some(calls.outbox.backend.sleep_until(deadline));
        }
        self
    }

    /// Blocks this thread until the answer is there.
    ///
    /// # Errors
    ///
    /// As for the future; [`CallError::WouldDeadlock`] where this thread must not wait (the call is cancelled then).
    pub fn wait(mut self) -> Result<T, CallError<E>> {
        let backend = match &self.state {
            State::Waiting { calls, .. } => Some(Arc::clone(&calls.outbox.backend)),
            State::Failed(_) | State::Done => None,
        };
        match backend {
            Some(backend) => match block_on(&*backend, &mut self) {
                Ok(answer) => answer,
                Err(WouldDeadlock) => Err(CallError::WouldDeadlock),
            },
            None => Err(self.take_failure()),
        }
    }

    fn take_failure(&mut self) -> CallError<E> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Failed(error) => error,
            State::Waiting { .. } | State::Done => CallError::Abandoned,
        }
    }

    fn cancel(&mut self) {
        if let State::Waiting { calls, call } = std::mem::replace(&mut self.state, State::Done) {
            calls.cancel(call, self.method.id);
        }
    }
}

/// Reads the answer; a malformed one closes the pipe.
#[inline]
fn read<T, E>(method: &Method<T, E>, calls: &CallTable, answer: &mut Message) -> Result<T, CallError<E>> {
    read_answer(method, answer).unwrap_or_else(|fault| {
        let mut bad = BadMessage::new(method.name, &fault);
        calls.refuse(&mut bad);
        Err(CallError::BadAnswer(bad))
    })
}

impl<T, E> Future for Reply<T, E> {
    type Output = Result<T, CallError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let State::Waiting { calls, call } = &this.state else { return Poll::Ready(Err(this.take_failure())) };
        let mut arrived = Arrived::Nothing;
        match calls.poll_answer(*call, cx.waker(), &mut arrived) {
            Poll::Ready(polled) => {
                let polled = match (polled, &mut arrived) {
                    (Ok(()), Arrived::Answer(answer)) => read(this.method, calls, answer),
                    (Ok(()), Arrived::Nothing | Arrived::Items(_)) => Err(CallError::Abandoned),
                    (Err(ended), _) => Err(ended.into()),
                };
                this.state = State::Done;
                Poll::Ready(polled)
            }
            Poll::Pending => match this.deadline.as_mut().map(|deadline| deadline.as_mut().poll(cx)) {
                Some(Poll::Ready(())) => {
                    this.cancel();
                    Poll::Ready(Err(CallError::TimedOut))
                }
                Some(Poll::Pending) | None => Poll::Pending,
            },
        }
    }
}

impl<T, E> Drop for Reply<T, E> {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl<T, E> fmt::Debug for Reply<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").field("method", &self.method.name).finish_non_exhaustive()
    }
}

/// The outer error: the bytes are wrong.
#[inline]
fn read_answer<T, E>(method: &Method<T, E>, answer: &mut Message) -> Result<Result<T, CallError<E>>, Fault> {
    let head = Head::read(&answer.payload)?;
    let from = &mut Decoder::new(answer, head.len);
    match head.kind {
        // Nothing follows `Flushed`, which is what the nothing of a flush is made of.
        Kind::Reply | Kind::Flushed => (method.decode)(from).map(Ok),
        Kind::Error => (method.decode_error)(from).map(|error| Err(CallError::App(error))),
        Kind::Failed => read_failure(from).map(Err),
        Kind::OneWay | Kind::Call | Kind::Cancel | Kind::Flush | Kind::Item | Kind::End | Kind::Grant => {
            Err(BadValue::UnexpectedKind { kind: head.kind as u8 }.into())
        }
    }
}

pub(super) fn read_failure<E>(from: &mut Decoder<'_>) -> Result<CallError<E>, Fault> {
    let [code] = from.raw()?;
    Ok(match Failure::from_code(code) {
        Failure::Dropped => CallError::Dropped,
        Failure::Unsendable => CallError::Unsendable,
    })
}

/// Blocks this thread for the value of a future.
pub(crate) fn block_on<F: Future>(backend: &dyn Backend, future: F) -> Result<F::Output, WouldDeadlock> {
    let mut output = None;
    {
        let mut wait = pin!(async { output = Some(future.await) });
        backend.block_on(wait.as_mut())?;
    }
    output.ok_or(WouldDeadlock)
}

/// Something to await, or to [`wait`](Self::wait) for on a plain thread.
#[must_use = "nothing happens until this is awaited or waited for"]
pub struct Waiting<F> {
    backend: Arc<dyn Backend>,
    future: F,
}

impl<F: Future + Unpin> Waiting<F> {
    pub(crate) fn new(backend: Arc<dyn Backend>, future: F) -> Self {
        Self { backend, future }
    }

    /// Blocks this thread until it has come.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] where this thread must not wait.
    pub fn wait(self) -> Result<F::Output, WouldDeadlock> {
        block_on(&*self.backend, self.future)
    }
}

impl<F: Future + Unpin> Future for Waiting<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        Pin::new(&mut self.future).poll(cx)
    }
}

impl<F> fmt::Debug for Waiting<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").finish_non_exhaustive()
    }
}
