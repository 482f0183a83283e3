//! `MessagePipe`: one end of a pipe, owned, movable, and what it carries.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::adapter::WouldDeadlock;
use crate::backend::{Backend, End, MergeError};

pub use mage_proto::{CloseReason, Loss, Payload};

/// What an application sends: bytes, and the pipe ends and handles that travel with them.
#[derive(Debug, Default)]
pub struct Message {
    /// The bytes. Small ones are stored inline, without a heap allocation.
    pub payload: Payload,
    /// Ends of pipes that move to the receiver of the message.
    pub pipes: Vec<MessagePipe>,
    /// Operating-system handles that move to the receiver of the message, at most 64.
    pub handles: Vec<OwnedFd>,
}

impl From<Payload> for Message {
    fn from(payload: Payload) -> Self {
        Self { payload, pipes: Vec::new(), handles: Vec::new() }
    }
}

impl From<&[u8]> for Message {
    fn from(payload: &[u8]) -> Self {
        Payload::from(payload).into()
    }
}

/// Why a message was not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The far end was closed or lost.
    #[error("the pipe is closed: {0}")]
    Closed(CloseReason),
    /// The receiver has not read enough of what was sent before; wait until the pipe is writable.
    #[error("the pipe is full")]
    Full,
    /// The payload exceeds the node's limit, in bytes.
    #[error("a payload of {size} bytes exceeds the limit of {limit}")]
    TooLarge {
        /// The payload's size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Structs and unions lie deeper in one another than a reader would follow.
    #[error("structs lie more than {MAX_DEPTH} deep in one another", MAX_DEPTH = crate::parameter::MAX_DEPTH)]
    TooDeep,
    /// More pipes or handles than one message may carry.
    #[error("too many pipes or handles in one message")]
    TooManyAttachments,
    /// The message carries the very end it is sent over, or the one at the far side.
    #[error("a pipe end cannot travel over its own pipe")]
    OwnPipe,
    /// The message carries a pipe of another node.
    #[error("the message carries a pipe of another node")]
    Foreign,
    /// The message carries a pipe that must not leave over this connection.
    #[error("the pipe leads to another network and cannot be moved over an isolated connection")]
    Isolated,
}

/// One end of a message pipe. Dropping it closes the pipe.
pub struct MessagePipe {
    backend: Arc<dyn Backend>,
    end: End,
}

impl MessagePipe {
    /// Wraps an end that `backend` made and that nobody else owns.
    pub fn from_end(backend: Arc<dyn Backend>, end: End) -> Self {
        Self { backend, end }
    }

    /// Gives the end up without closing it.
    pub fn into_end(mut self) -> (Arc<dyn Backend>, End) {
        (Arc::clone(&self.backend), std::mem::replace(&mut self.end, End::GIVEN_UP))
    }

    /// The provider that this pipe belongs to.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// The end's key inside its backend.
    pub fn end(&self) -> End {
        self.end
    }

    /// Makes another pipe in the same backend.
    pub fn create_sibling(&self) -> (MessagePipe, MessagePipe) {
        let (a, b) = self.backend.create_pipe();
        (Self::from_end(Arc::clone(&self.backend), a), Self::from_end(Arc::clone(&self.backend), b))
    }

    /// Sends a message to the far end, wherever it is.
    ///
    /// # Errors
    ///
    /// What stood in the way, and the message, whole.
    pub fn send(&self, message: impl Into<Message>) -> Result<(), (SendErrorKind, Message)> {
        let mut message = message.into();
        match self.backend.send(self.end, &mut message) {
            Ok(()) => Ok(()),
            Err(kind) => Err((kind, message)),
        }
    }

    /// Takes up to `max` messages; see [`Backend::receive`].
    pub fn poll_receive_batch(
        &self,
        max: usize,
        into: &mut VecDeque<Message>,
        waker: Option<&Waker>,
    ) -> Poll<Result<(), CloseReason>> {
        self.backend.receive(self.end, max, into, waker)
    }

    /// Takes the next message without waiting; `None` when there is none yet.
    ///
    /// # Errors
    ///
    /// Why the pipe ended, once everything sent before was taken.
    pub fn try_receive(&self) -> Result<Option<Message>, CloseReason> {
        let mut taken = VecDeque::with_capacity(1);
        match self.poll_receive_batch(1, &mut taken, None) {
            Poll::Ready(Ok(())) => Ok(taken.pop_front()),
            Poll::Ready(Err(reason)) => Err(reason),
            Poll::Pending => Ok(None),
        }
    }

    /// Takes the next message, waiting for it.
    ///
    /// # Errors
    ///
    /// Why the pipe ended, once everything sent before was taken.
    ///
    /// # Cancel safety
    ///
    /// A dropped future takes no message.
    pub async fn receive(&self) -> Result<Message, CloseReason> {
        let mut taken = VecDeque::with_capacity(1);
        poll_fn(|cx| self.poll_receive_batch(1, &mut taken, Some(cx.waker()))).await?;
        Ok(taken.pop_front().unwrap_or_default())
    }

    /// Takes the next message, blocking this thread for it.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] where this thread must not wait; inside, why the pipe ended.
    pub fn receive_blocking(&self) -> Result<Result<Message, CloseReason>, WouldDeadlock> {
        let mut received = None;
        {
            let mut wait = pin!(async { received = Some(self.receive().await) });
            self.backend.block_on(wait.as_mut())?;
        }
        received.ok_or(WouldDeadlock)
    }

    /// Waits for room to send; see [`Backend::poll_writable`].
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<Result<(), CloseReason>> {
        self.backend.poll_writable(self.end, Some(cx.waker()))
    }

    /// Waits until the far end is closed or lost.
    pub async fn closed(&self) -> CloseReason {
        poll_fn(|cx| self.backend.poll_closed(self.end, Some(cx.waker()))).await
    }

    /// Fuses this end with `other`: their far ends become the two ends of one pipe.
    ///
    /// # Errors
    ///
    /// What stood in the way, and both ends.
    pub fn merge(self, other: MessagePipe) -> Result<(), (MergeError, MessagePipe, MessagePipe)> {
        if !Arc::ptr_eq(&self.backend, &other.backend) {
            return Err((MergeError::Foreign, self, other));
        }
        let (backend, a) = self.into_end();
        let (_, b) = other.into_end();
        backend
            .merge(a, b)
            .map_err(|kind| (kind, Self::from_end(Arc::clone(&backend), a), Self::from_end(Arc::clone(&backend), b)))
    }

    /// Closes the pipe and says why: a code of the application's own and a text of at most 256 bytes (a longer one is
    /// cut at a character).
    pub fn close(self, code: u32, text: &str) {
        let (backend, end) = self.into_end();
        backend.close(end, code, text);
    }
}

impl Drop for MessagePipe {
    fn drop(&mut self) {
        if self.end != End::GIVEN_UP {
            self.backend.close(self.end, 0, "");
        }
    }
}

impl fmt::Debug for MessagePipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MessagePipe").field(&self.end.0).finish()
    }
}
