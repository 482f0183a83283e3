//! Answers of many values: the consumer at the calling end, the sink at the serving end.
//!
//! ```text
//!   StreamSink ── item, item, … at most STREAM_WINDOW unasked ──▶ Streaming
//!        ◀────────────── grant, for every half window taken ───────┘
//! ```

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;

use super::head::{Head, Kind};
use super::reply::{block_on, read_failure};
use super::served::Ticket;
use super::table::CallTable;
use super::{BadMessage, CallError, STREAM_WINDOW};
use crate::adapter::WouldDeadlock;
use crate::interface::Method;
use crate::parameter::{BadValue, Decoder, Fault};
use crate::pipe::Message;

/// The values that a call is answered with. After an error there are no more.
///
/// Dropping it before the end cancels the call.
#[must_use = "dropping the stream cancels the call"]
pub struct Streaming<T: 'static> {
    state: State,
    method: &'static Method<T>,
    /// How many values were taken since more were asked for.
    taken: u32,
}

enum State {
    Running { calls: Arc<CallTable>, call: u64 },
    Failed(CallError),
    Done,
}

impl<T> Unpin for Streaming<T> {}

impl<T> Streaming<T> {
    pub(super) fn new(calls: Arc<CallTable>, call: u64, method: &'static Method<T>) -> Self {
        Self { state: State::Running { calls, call }, method, taken: 0 }
    }

    pub(super) fn failed(error: CallError, method: &'static Method<T>) -> Self {
        Self { state: State::Failed(error), method, taken: 0 }
    }

    /// Waits for the next value; `None` after the last.
    ///
    /// # Errors
    ///
    /// Why there are no more, when it is not that the stream is complete.
    ///
    /// # Cancel safety
    ///
    /// A dropped future takes no value.
    pub async fn next(&mut self) -> Option<Result<T, CallError>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// Blocks this thread for the next value; `None` after the last.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next); [`CallError::WouldDeadlock`] where this thread must not wait.
    pub fn next_blocking(&mut self) -> Option<Result<T, CallError>> {
        let backend = match &self.state {
            State::Running { calls, .. } => Arc::clone(&calls.outbox.backend),
            State::Failed(_) | State::Done => return self.take_failure().map(Err),
        };
        block_on(&*backend, self.next()).unwrap_or(Some(Err(CallError::WouldDeadlock)))
    }

    fn take_failure(&mut self) -> Option<CallError> {
        match std::mem::replace(&mut self.state, State::Done) {
            State::Failed(error) => Some(error),
            State::Running { .. } | State::Done => None,
        }
    }

    /// Forgets a call that ended.
    fn finish(&mut self) {
        if let State::Running { calls, call } = std::mem::replace(&mut self.state, State::Done) {
            calls.remove(call);
        }
    }

    fn cancel(&mut self) {
        if let State::Running { calls, call } = std::mem::replace(&mut self.state, State::Done) {
            calls.cancel(call, self.method.id);
        }
    }

    fn take(&mut self, calls: &Arc<CallTable>, call: u64, mut message: Message) -> Option<Result<T, CallError>> {
        match read_item(self.method, &mut message) {
            Ok(Item::Value(value)) => {
                self.taken += 1;
                if self.taken == STREAM_WINDOW / 2 {
                    calls.grant(call, self.method.id, self.taken);
                    self.taken = 0;
                }
                Some(Ok(value))
            }
            Ok(Item::End) => {
                self.finish();
                None
            }
            Ok(Item::Failed(error)) => {
                // The sink may not know: a value that could not be sent is no error of its own.
                self.cancel();
                Some(Err(error))
            }
            Err(fault) => {
                let mut bad = BadMessage::new(self.method.name, &fault);
                calls.refuse(&mut bad);
                self.finish();
                Some(Err(CallError::BadAnswer(bad)))
            }
        }
    }
}

enum Item<T> {
    Value(T),
    End,
    Failed(CallError),
}

fn read_item<T>(method: &Method<T>, message: &mut Message) -> Result<Item<T>, Fault> {
    let head = Head::read(&message.payload)?;
    let from = &mut Decoder::new(message, head.len);
    match head.kind {
        Kind::Item => (method.decode)(from).map(Item::Value),
        Kind::End => Ok(Item::End),
        Kind::Failed => read_failure(from).map(Item::Failed),
        Kind::OneWay
        | Kind::Call
        | Kind::Reply
        | Kind::Error
        | Kind::Cancel
        | Kind::Flush
        | Kind::Flushed
        | Kind::Grant => Err(BadValue::UnexpectedKind { kind: head.kind as u8 }.into()),
    }
}

impl<T> Stream for Streaming<T> {
    type Item = Result<T, CallError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let State::Running { calls, call } = &this.state else { return Poll::Ready(this.take_failure().map(Err)) };
        let (calls, call) = (Arc::clone(calls), *call);
        calls.poll_item(call, cx.waker()).map(|item| match item {
            Ok(message) => this.take(&calls, call, message),
            Err(ended) => {
                this.finish();
                Some(Err(ended.into()))
            }
        })
    }
}

impl<T> Drop for Streaming<T> {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl<T> fmt::Debug for Streaming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming").field("method", &self.method.name).finish_non_exhaustive()
    }
}

/// Nobody wants the values of a stream any more. Gives back the value that was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody wants the values of this stream any more")]
pub struct Closed<T>(pub T);

/// Why a thread that may have to wait did not send a value of a stream. Gives the value back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsent<T> {
    /// Nobody wants the values of the stream any more.
    #[error("nobody wants the values of this stream any more")]
    Closed(T),
    /// This thread has to make the progress that it was about to wait for.
    #[error("{WouldDeadlock}")]
    WouldDeadlock(T),
}

/// Answers one call with any number of values. Dropping it ends the stream.
#[must_use = "dropping the sink ends the stream"]
pub struct StreamSink<T: 'static> {
    /// `None` once it is ended.
    ticket: Option<Ticket>,
    method: &'static Method<T>,
}

impl<T> StreamSink<T> {
    pub(crate) fn new(ticket: Ticket, method: &'static Method<T>) -> Self {
        Self { ticket: Some(ticket), method }
    }

    /// Sends a value, waiting while the consumer has [`STREAM_WINDOW`] that it did not take.
    ///
    /// # Errors
    ///
    /// [`Closed`] with the value when the consumer is gone.
    ///
    /// # Cancel safety
    ///
    /// A dropped future sent nothing; the value is lost with it.
    pub async fn send(&mut self, value: T) -> Result<(), Closed<T>> {
        let Some(ticket) = &self.ticket else { return Err(Closed(value)) };
        if !poll_fn(|cx| ticket.poll_credit(cx.waker())).await {
            return Err(Closed(value));
        }
        ticket.say(Kind::Item, |to| (self.method.encode)(value, to));
        Ok(())
    }

    /// Sends a value as [`send`](Self::send) does, blocking this thread while it waits.
    ///
    /// # Errors
    ///
    /// Why it was not sent, with the value.
    pub fn send_blocking(&mut self, value: T) -> Result<(), Unsent<T>> {
        let Some(ticket) = &self.ticket else { return Err(Unsent::Closed(value)) };
        match block_on(ticket.backend(), poll_fn(|cx| ticket.poll_credit(cx.waker()))) {
            Ok(true) => {
                ticket.say(Kind::Item, |to| (self.method.encode)(value, to));
                Ok(())
            }
            Ok(false) => Err(Unsent::Closed(value)),
            Err(WouldDeadlock) => Err(Unsent::WouldDeadlock(value)),
        }
    }

    /// Says whether the consumer is gone.
    pub fn is_cancelled(&self) -> bool {
        self.ticket.as_ref().is_none_or(Ticket::is_cancelled)
    }

    /// Waits until the consumer is gone, which may never come.
    pub async fn cancelled(&self) {
        if let Some(ticket) = &self.ticket {
            poll_fn(|cx| ticket.poll_cancelled(cx.waker())).await;
        }
    }

    /// Hands the sink to `work` and runs that until it is done or the consumer is gone.
    pub async fn run<F: Future<Output = ()>>(self, work: impl FnOnce(Self) -> F) {
        if let Some(watched) = self.ticket.as_ref().map(Ticket::watch) {
            watched.run(work(self)).await;
        }
    }
}

impl<T> Drop for StreamSink<T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            ticket.answer(Kind::End, |_| ());
        }
    }
}

impl<T> fmt::Debug for StreamSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSink").field("method", &self.method.name).finish_non_exhaustive()
    }
}
