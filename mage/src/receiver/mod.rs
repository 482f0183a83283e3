//! The serving end of an interface.
//!
//! ```text
//!   pipe ── 64 messages at a time ──▶ taken ──▶ Request ──▶ next · serve · serve_local · serve_sync · post_to
//! ```
//!
//! What must hold: requests come out in the order in which they were sent; a malformed message never becomes one, it
//! closes the pipe; no request is taken while as many calls as allowed are unanswered, but cancellations that wait behind
//! it are seen.

mod overlap;
mod post;
mod serve;

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures::Stream;

use crate::adapter::WouldDeadlock;
use crate::backend::Backend;
use crate::batch;
use crate::call::head::{self, Head, Kind};
use crate::call::{Answerer, BadMessage, CLOSED_PANICKED, block_on};
use crate::endpoint::PendingReceiver;
use crate::interface::{Incoming, Interface};
use crate::parameter::{BadValue, Decoder, Fault};
use crate::pipe::{CloseReason, Message, MessagePipe, Payload};

pub use post::{RunsReceivers, Serving};

/// How many messages a receiver that is at its limit of calls takes to find cancellations among them.
const LOOK_AHEAD: usize = 256;

type OnBadMessage = Box<dyn FnMut(&BadMessage) + Send>;

/// Serves an object of interface `I` to whoever holds the far end. Dropping it closes the pipe.
///
/// A request loop takes requests one by one ([`next`](Self::next), [`next_blocking`](Self::next_blocking), or as a
/// `Stream`); [`serve`](Self::serve), [`serve_local`](Self::serve_local), [`serve_sync`](Self::serve_sync) and
/// [`post_to`](Self::post_to) hand them to an implementation.
pub struct Receiver<I: Interface> {
    pipe: MessagePipe,
    taken: VecDeque<Message>,
    /// How many of those taken are done with; they are dropped together.
    done: usize,
    /// How many of those taken, the ones done with included, were looked at for cancellations.
    looked_at: usize,
    answerer: Answerer,
    /// In a box, as is what few receivers have: ten thousand of them are to be small.
    ended: Option<Box<CloseReason>>,
    max_in_flight: usize,
    overlap: usize,
    on_bad_message: Option<Box<OnBadMessage>>,
    interface: PhantomData<fn() -> I>,
}

impl<I: Interface> Receiver<I> {
    /// How many calls may be under way unless [`max_in_flight`](Self::max_in_flight) says otherwise.
    pub const DEFAULT_MAX_IN_FLIGHT: usize = 1024;

    /// Serves what is called over `pipe`.
    pub fn bind(pipe: MessagePipe) -> Self {
        Self::with_taken(pipe, VecDeque::new())
    }

    pub(crate) fn with_taken(pipe: MessagePipe, taken: VecDeque<Message>) -> Self {
        Self {
            pipe,
            taken,
            done: 0,
            looked_at: 0,
            answerer: Answerer::new(),
            ended: None,
            max_in_flight: Self::DEFAULT_MAX_IN_FLIGHT,
            overlap: usize::MAX,
            on_bad_message: None,
            interface: PhantomData,
        }
    }

    /// Lets at most `limit` (at least 1) calls be under way: begun and unanswered, or answered and not yet sent. Further
    /// requests wait in the pipe until the caller's side is full.
    #[must_use]
    pub fn max_in_flight(mut self, limit: usize) -> Self {
        self.max_in_flight = limit.max(1);
        self
    }

    /// Has an asynchronous implementation complete each request before it begins the next.
    #[must_use]
    pub fn serial(mut self) -> Self {
        self.overlap = 1;
        self
    }

    /// Calls `observe` when a message does not fit the interface, before the pipe is closed for it.
    #[must_use]
    pub fn on_bad_message(mut self, observe: impl FnMut(&BadMessage) + Send + 'static) -> Self {
        self.on_bad_message = Some(Box::new(Box::new(observe)));
        self
    }

    /// Waits for the next request; `None` when there will be no more, see [`close_reason`](Self::close_reason).
    ///
    /// # Cancel safety
    ///
    /// A dropped future takes no request.
    pub async fn next(&mut self) -> Option<I::Request> {
        poll_fn(|cx| self.poll_request(cx.waker())).await
    }

    /// Blocks this thread for the next request; `None` when there will be no more.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] where this thread must not wait.
    pub fn next_blocking(&mut self) -> Result<Option<I::Request>, WouldDeadlock> {
        let backend = self.pipe.backend().clone();
        block_on(&*backend, self.next())
    }

    /// Takes the next request if there is one.
    ///
    /// # Errors
    ///
    /// Why the pipe ended, after the last request.
    pub fn try_next(&mut self) -> Result<Option<I::Request>, CloseReason> {
        match self.poll_request(Waker::noop()) {
            Poll::Ready(Some(request)) => Ok(Some(request)),
            Poll::Ready(None) => Err(self.reason()),
            Poll::Pending => Ok(None),
        }
    }

    /// Why the pipe ended, once the last request was taken.
    pub fn close_reason(&self) -> Option<&CloseReason> {
        self.ended.as_deref()
    }

    /// Closes the pipe and says why: a code of the application's own and a text of at most 256 bytes.
    pub fn close(self, code: u32, text: &str) {
        self.pipe.backend().close(self.pipe.end(), code, text);
    }

    /// Takes the receiver off its pipe, to be sent away or bound elsewhere. No message is lost.
    ///
    /// # Errors
    ///
    /// Gives the receiver back while calls are unanswered or answers wait to be sent.
    pub fn unbind(self) -> Result<PendingReceiver<I>, Self> {
        if self.answerer.served().is_some_and(|served| !served.is_idle()) {
            return Err(self);
        }
        let mut taken = self.taken;
        taken.drain(..self.done);
        Ok(PendingReceiver::with_taken(self.pipe, taken))
    }

    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        self.pipe.backend()
    }

    /// Takes the next request, or has `waker` called when there may be one.
    pub(crate) fn poll_request(&mut self, waker: &Waker) -> Poll<Option<I::Request>> {
        // Whoever sends messages that are no requests does not get this thread for ever.
        for _ in 0..LOOK_AHEAD {
            if self.ended.is_some() {
                return Poll::Ready(None);
            }
            if let Some(served) = self.answerer.served()
                && served.poll_room(self.max_in_flight, waker).is_pending()
            {
                self.look_ahead(waker);
                return Poll::Pending;
            }
            let taken = self.taken.len();
            let read = match self.taken.get_mut(self.done) {
                Some(message) => {
                    self.done += 1;
                    let read = Self::read(message, &self.pipe, &mut self.answerer);
                    if self.done == taken {
                        self.give_back();
                    } else {
                        release(message);
                    }
                    read
                }
                None => match self.poll_refill(waker) {
                    Poll::Ready(()) => continue,
                    Poll::Pending => return Poll::Pending,
                },
            };
            match read {
                Ok(Some(request)) => return Poll::Ready(Some(request)),
                Ok(None) => {}
                Err(mut bad) => self.refuse(&mut bad),
            }
        }
        waker.wake_by_ref();
        Poll::Pending
    }

    /// Takes what arrived, or notes the end.
    fn poll_refill(&mut self, waker: &Waker) -> Poll<()> {
        if self.taken.capacity() == 0 {
            self.taken = batch::take();
        }
        match self.pipe.poll_receive_batch(batch::SIZE, &mut self.taken, Some(waker)) {
            Poll::Ready(Ok(())) => Poll::Ready(()),
            Poll::Ready(Err(reason)) => {
                self.end(reason);
                Poll::Ready(())
            }
            Poll::Pending => {
                self.give_back();
                Poll::Pending
            }
        }
    }

    /// Gives the room of what was taken, all of which is done with, to whoever takes messages next: a receiver that was
    /// called now and then holds none.
    #[inline]
    fn give_back(&mut self) {
        batch::give(std::mem::take(&mut self.taken));
        (self.done, self.looked_at) = (0, 0);
    }

    /// Reads one message where it lies; `None` when it asks nothing of the implementation.
    #[inline]
    fn read(
        message: &mut Message,
        pipe: &MessagePipe,
        answerer: &mut Answerer,
    ) -> Result<Option<I::Request>, Box<BadMessage>> {
        let head = Head::read(&message.payload).map_err(Self::bad)?;
        if let Some(found) = head.interface
            && found != I::ID
        {
            return Err(Self::bad(BadValue::WrongInterface { found }));
        }
        match head.kind {
            Kind::OneWay | Kind::Call => {
                let params = Decoder::new(message, head.len);
                match I::decode(Incoming::new(head, params, pipe, answerer)) {
                    Ok(request) => Ok(Some(request)),
                    Err(fault) => {
                        let method = I::method_name(head.method).unwrap_or(I::NAME);
                        Err(Box::new(BadMessage::new(method, &fault)))
                    }
                }
            }
            Kind::Cancel | Kind::Grant | Kind::Flush => Self::control(head, message, pipe, answerer).map(|()| None),
            Kind::Reply | Kind::Error | Kind::Flushed | Kind::Failed | Kind::Item | Kind::End => {
                Err(Self::bad(BadValue::UnexpectedKind { kind: head.kind as u8 }))
            }
        }
    }

    #[cold]
    fn bad(value: BadValue) -> Box<BadMessage> {
        Box::new(BadMessage::new(I::NAME, &Fault::from(value)))
    }

    /// Does what a message says about calls that are under way; nothing for one that asks for a call.
    fn control(
        head: Head,
        message: &Message,
        pipe: &MessagePipe,
        answerer: &mut Answerer,
    ) -> Result<(), Box<BadMessage>> {
        match (head.kind, answerer.served()) {
            (Kind::Flush, _) => {
                if let Ok(mut flushed) = head::write(Kind::Flushed, head.method, head.call, None).finish() {
                    answerer.prepare(pipe).send(&mut flushed);
                }
            }
            (Kind::Cancel, Some(served)) => {
                served.cancel(head.call);
            }
            (Kind::Grant, served) => {
                let more = message.payload.get(head.len..).and_then(|rest| rest.first_chunk());
                let more = more.ok_or_else(|| Self::bad(BadValue::Short { missing: 4 }))?;
                if let Some(served) = served {
                    served.grant(head.call, u32::from_le_bytes(*more));
                }
            }
            // A call that is over, or none at all.
            (Kind::Cancel, None) => {}
            (
                Kind::OneWay
                | Kind::Call
                | Kind::Reply
                | Kind::Error
                | Kind::Flushed
                | Kind::Failed
                | Kind::Item
                | Kind::End,
                _,
            ) => {}
        }
        Ok(())
    }

    /// Acts on cancellations and grants that wait behind requests which may not be taken yet; without this, a call that
    /// waits to be cancelled would hold up its own cancellation.
    fn look_ahead(&mut self, waker: &Waker) {
        if self.done >= batch::SIZE {
            self.taken.drain(..self.done);
            (self.done, self.looked_at) = (0, self.looked_at.saturating_sub(self.done));
        }
        self.hurry();
        while self.taken.len() - self.done < LOOK_AHEAD {
            match self.pipe.poll_receive_batch(batch::SIZE, &mut self.taken, Some(waker)) {
                Poll::Ready(Ok(())) => self.hurry(),
                Poll::Ready(Err(_)) => {
                    // Nobody waits for an answer any more. The end itself is seen again after what was sent before.
                    self.answerer.served().inspect(|served| served.cancel_all());
                    return;
                }
                Poll::Pending => return,
            }
        }
    }

    /// Acts on the cancellations and grants among the messages taken.
    fn hurry(&mut self) {
        let mut place = self.looked_at.max(self.done);
        while let Some(message) = self.taken.get(place) {
            match Head::read(&message.payload) {
                Ok(head) if head.kind == Kind::Cancel || head.kind == Kind::Grant => {
                    self.skip_ahead(place, head);
                    self.taken.remove(place);
                }
                Ok(_) | Err(_) => place += 1,
            }
        }
        self.looked_at = place;
    }

    /// Acts on the cancellation or grant at `place`. A call cancelled before it was dispatched becomes an empty message
    /// of a kind that is skipped.
    fn skip_ahead(&mut self, place: usize, head: Head) {
        let is_open = self.answerer.served().is_some_and(|served| match head.kind == Kind::Cancel {
            true => served.cancel(head.call),
            false => true,
        });
        if head.kind == Kind::Grant {
            let more =
                self.taken.get(place).and_then(|message| message.payload.get(head.len..)?.first_chunk().copied());
            if let (Some(served), Some(more)) = (self.answerer.served(), more) {
                served.grant(head.call, u32::from_le_bytes(more));
            }
        } else if !is_open {
            let waits = |message: &&mut Message| {
                Head::read(&message.payload).is_ok_and(|other| other.kind == Kind::Call && other.call == head.call)
            };
            let call = self.taken.iter_mut().take(place).skip(self.done).find(waits);
            let skipped = head::write(Kind::Cancel, head.method, head.call, None).finish();
            if let (Some(call), Ok(skipped)) = (call, skipped) {
                *call = skipped;
            }
        }
    }

    #[cold]
    fn refuse(&mut self, bad: &mut BadMessage) {
        bad.report(&**self.pipe.backend(), self.pipe.end());
        if let Some(observe) = &mut self.on_bad_message {
            observe(bad);
        }
        self.close_because(bad.close_reason());
    }

    /// Closes the pipe after a panic of the implementation.
    #[cold]
    fn panicked(&mut self) {
        let text = format!("the implementation of {} panicked", I::NAME);
        self.close_because(CloseReason::closed(CLOSED_PANICKED, &text));
    }

    fn close_because(&mut self, reason: CloseReason) {
        if let CloseReason::Closed { code, text } = &reason {
            self.pipe.backend().close(self.pipe.end(), *code, text);
        }
        self.end(reason);
    }

    fn end(&mut self, reason: CloseReason) {
        self.ended.get_or_insert_with(|| Box::new(reason));
        self.give_back();
        self.answerer.served().inspect(|served| served.cancel_all());
    }

    fn reason(&self) -> CloseReason {
        self.ended.as_deref().cloned().unwrap_or_default()
    }
}

/// Drops what a message that was read still holds and that is worth dropping before its neighbours.
#[inline]
fn release(message: &mut Message) {
    if message.payload.len() > Payload::INLINE || !message.pipes.is_empty() || !message.handles.is_empty() {
        *message = Message::default();
    }
}

impl<I: Interface> Unpin for Receiver<I> {}

impl<I: Interface> Stream for Receiver<I> {
    type Item = I::Request;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I::Request>> {
        self.get_mut().poll_request(cx.waker())
    }
}

impl<I: Interface> fmt::Debug for Receiver<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Receiver").field(&I::NAME).field(&self.pipe.end().0).finish()
    }
}
