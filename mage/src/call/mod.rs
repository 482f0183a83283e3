//! The call layer: what is said on the pipe between a remote and a receiver, and who waits for it.
//!
//! ```text
//!   CalculatorCalls ─ Caller ──── call, cancel, flush, grant ───▶ Receiver ─ Request ─ Responder
//!        Reply ◀── CallTable ◀── reply, error, item, end, failed ─── Served ◀───────────┘
//! ```
//!
//! What must hold: every call that was sent is answered, fails with the pipe, or is cancelled by dropping its [`Reply`];
//! an answer never meets a full pipe, it waits in the outbox of its side.

mod caller;
pub(crate) mod head;
mod outbox;
mod reply;
mod responder;
mod served;
mod stream;
mod table;

use std::convert::Infallible;
use std::fmt;

use mage_proto::NodeName;

use crate::backend::{Backend, End};
use crate::parameter::{BadValue, Fault};
use crate::pipe::{CloseReason, SendErrorKind};

pub use caller::{Caller, SendError};
pub(crate) use reply::block_on;
pub use reply::{Reply, Waiting};
pub use responder::Responder;
pub(crate) use served::Answerer;
pub use stream::{Closed as StreamClosed, StreamSink, Streaming, Unsent};

/// The code of a pipe that was closed because a message on it was wrong; the text says which method and parameter.
pub const CLOSED_BAD_MESSAGE: u32 = 0xFFFF_FF01;
/// The code of a pipe that was closed because the implementation behind it panicked.
pub const CLOSED_PANICKED: u32 = 0xFFFF_FF02;

/// How many values of a stream may be under way; the consumer asks for more when it took half of them.
pub const STREAM_WINDOW: u32 = 64;

/// Why a call has no answer, or which error the implementation answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallError<E = Infallible> {
    /// The implementation's own error.
    App(E),
    /// The pipe ended before the answer came.
    Closed(CloseReason),
    /// The call was not sent: the receiver has not read enough of what was sent before.
    Full,
    /// The call was not sent, for another reason.
    NotSent(SendErrorKind),
    /// The time set with [`Reply::timeout`] is over; the call was cancelled.
    TimedOut,
    /// The implementation let go of the call without an answer.
    Dropped,
    /// The implementation's answer could not be sent: too large, or holding what cannot travel.
    Unsendable,
    /// The last clone of the remote was dropped or closed while the call was under way.
    Abandoned,
    /// The answer was malformed; the pipe was closed for it.
    BadAnswer(BadMessage),
    /// This thread has to make the progress that it was about to wait for.
    WouldDeadlock,
}

impl<E: fmt::Debug> fmt::Display for CallError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(error) => write!(f, "the call failed: {error:?}"),
            Self::Closed(reason) => write!(f, "the pipe ended before the answer came: {reason}"),
            Self::Full => f.write_str("the call was not sent: the pipe is full"),
            Self::NotSent(kind) => write!(f, "the call was not sent: {kind}"),
            Self::TimedOut => f.write_str("the answer did not come in time"),
            Self::Dropped => f.write_str("the other side dropped the call unanswered"),
            Self::Unsendable => f.write_str("the other side's answer could not be sent"),
            Self::Abandoned => f.write_str("the remote was dropped while the call was under way"),
            Self::BadAnswer(bad) => write!(f, "the answer was malformed: {bad}"),
            Self::WouldDeadlock => write!(f, "{}", crate::adapter::WouldDeadlock),
        }
    }
}

impl<E: fmt::Debug> std::error::Error for CallError<E> {}

impl<E> CallError<E> {
    /// The implementation's own error, where it is one.
    pub fn into_app(self) -> Option<E> {
        match self {
            Self::App(error) => Some(error),
            Self::Closed(_)
            | Self::Full
            | Self::NotSent(_)
            | Self::TimedOut
            | Self::Dropped
            | Self::Unsendable
            | Self::Abandoned
            | Self::BadAnswer(_)
            | Self::WouldDeadlock => None,
        }
    }
}

impl<E> From<SendErrorKind> for CallError<E> {
    fn from(kind: SendErrorKind) -> Self {
        match kind {
            SendErrorKind::Closed(reason) => Self::Closed(reason),
            SendErrorKind::Full => Self::Full,
            SendErrorKind::TooLarge { .. }
            | SendErrorKind::TooDeep
            | SendErrorKind::TooManyAttachments
            | SendErrorKind::OwnPipe
            | SendErrorKind::Foreign
            | SendErrorKind::Isolated => Self::NotSent(kind),
        }
    }
}

/// A message that does not fit the interface: the far side is broken, hostile, or of an incompatible version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadMessage {
    method: &'static str,
    path: String,
    value: BadValue,
    node: Option<NodeName>,
}

impl BadMessage {
    pub(crate) fn new(method: &'static str, fault: &Fault) -> Self {
        Self { method, path: fault.path(), value: fault.value(), node: None }
    }

    /// The full name of the method; of the interface, when the message belongs to none of its methods.
    pub fn method(&self) -> &str {
        self.method
    }

    /// The parameter, and the fields inside it that lead to the bad value, joined by dots; empty when the message as a
    /// whole is meant.
    pub fn parameter(&self) -> &str {
        &self.path
    }

    /// What is wrong.
    pub fn value(&self) -> BadValue {
        self.value
    }

    /// The node that messages come from on this pipe, where that is known: the far side's, or one that passes messages on
    /// for it.
    pub fn node(&self) -> Option<NodeName> {
        self.node
    }

    /// Tells the supervisor of the pipe's node.
    pub(crate) fn report(&mut self, backend: &dyn Backend, end: End) {
        self.node = backend.reject(end, &self.to_string());
    }

    /// What the far side gets to see.
    pub(crate) fn close_reason(&self) -> CloseReason {
        CloseReason::closed(CLOSED_BAD_MESSAGE, &format!("bad message: {self}"))
    }
}

impl fmt::Display for BadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "{}: {}", self.method, self.value)
        } else {
            write!(f, "{}, parameter {}: {}", self.method, self.path, self.value)
        }
    }
}

impl std::error::Error for BadMessage {}
