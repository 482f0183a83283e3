//! The calling end under a remote: sends calls, and closes the pipe when its last clone is dropped.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::head::{self, Kind};
use super::reply::Reply;
use super::stream::Streaming;
use super::table::{CallTable, Ended, Expect};
use crate::interface::{Identity, Interface, Method};
use crate::parameter::Encoder;
use crate::pipe::{Message, MessagePipe, SendErrorKind};
use crate::remote::Remote;

/// What generated `…Calls` types hold.
#[derive(Debug, Clone)]
pub struct Caller(Arc<Core>);

#[derive(Debug)]
struct Core {
    calls: Calls,
    pipe: MessagePipe,
    identity: &'static Identity,
    /// Whether a message with the interface's id is known to be sent.
    greeted: AtomicBool,
}

/// Made at the first call that is answered; dropped before the pipe.
#[derive(Debug, Default)]
struct Calls(OnceLock<Arc<CallTable>>);

impl Drop for Calls {
    fn drop(&mut self) {
        if let Some(calls) = self.0.get() {
            calls.end(Ended::Abandoned);
        }
    }
}

impl Core {
    fn calls(&self) -> &Arc<CallTable> {
        self.calls.0.get_or_init(|| Arc::new(CallTable::new(&self.pipe, self.identity)))
    }

    #[inline]
    fn hello(&self) -> Option<u64> {
        if self.greeted.load(Ordering::Relaxed) { None } else { Some(self.identity.id) }
    }

    /// Sends what was encoded, if it can be.
    #[inline]
    fn finish(&self, to: &mut Encoder) -> Result<(), SendErrorKind> {
        match to.seal() {
            None => self.send(&mut to.message),
            Some(kind) => Err(kind),
        }
    }

    #[inline]
    fn send(&self, message: &mut Message) -> Result<(), SendErrorKind> {
        self.pipe.backend().send(self.pipe.end(), message)?;
        if !self.greeted.load(Ordering::Relaxed) {
            self.greeted.store(true, Ordering::Release);
        }
        Ok(())
    }
}

impl Caller {
    pub(crate) fn new(pipe: MessagePipe, identity: &'static Identity) -> Self {
        Self(Arc::new(Core { calls: Calls::default(), pipe, identity, greeted: AtomicBool::new(false) }))
    }

    /// Sends a call that has no answer.
    ///
    /// # Errors
    ///
    /// What stood in the way, with the message.
    #[inline]
    pub fn send(&self, method: u32, params: impl FnOnce(&mut Encoder)) -> Result<(), SendError> {
        let mut to = Encoder::new();
        head::begin(&mut to, Kind::OneWay, method, 0, self.0.hello());
        params(&mut to);
        match self.0.finish(&mut to) {
            Ok(()) => Ok(()),
            Err(kind) => Err(SendError::new((kind, to.message))),
        }
    }

    /// Sends a call that is answered once.
    pub fn call<T, E>(&self, method: &'static Method<T, E>, params: impl FnOnce(&mut Encoder)) -> Reply<T, E> {
        match self.begin(Kind::Call, method.id, Expect::Answer, params) {
            Ok((calls, call)) => Reply::new(calls, call, method),
            Err(kind) => Reply::failed(kind.into(), method),
        }
    }

    /// Sends a call that is answered by a stream.
    pub fn stream<T>(&self, method: &'static Method<T>, params: impl FnOnce(&mut Encoder)) -> Streaming<T> {
        match self.begin(Kind::Call, method.id, Expect::Stream, params) {
            Ok((calls, call)) => Streaming::new(calls, call, method),
            Err(kind) => Streaming::failed(kind.into(), method),
        }
    }

    /// Asks to be told when everything sent before was dispatched.
    pub(crate) fn flush(&self) -> Reply<()> {
        static FLUSH: Method<()> = Method::new(0, "flush");
        match self.begin(Kind::Flush, FLUSH.id, Expect::Answer, |_| ()) {
            Ok((calls, call)) => Reply::new(calls, call, &FLUSH),
            Err(kind) => Reply::failed(kind.into(), &FLUSH),
        }
    }

    /// Sends a message that will be answered, and returns where the answer will be.
    #[inline]
    fn begin(
        &self,
        kind: Kind,
        method: u32,
        expect: Expect,
        params: impl FnOnce(&mut Encoder),
    ) -> Result<(Arc<CallTable>, u64), SendErrorKind> {
        let calls = self.0.calls();
        let call = calls.insert(expect);
        let mut to = Encoder::new();
        head::begin(&mut to, kind, method, call, self.0.hello());
        params(&mut to);
        match self.0.finish(&mut to) {
            Ok(()) => Ok((Arc::clone(calls), call)),
            Err(kind) => {
                calls.remove(call);
                Err(kind)
            }
        }
    }

    pub(crate) fn pipe(&self) -> &MessagePipe {
        &self.0.pipe
    }

    /// Closes the pipe for all clones.
    pub(crate) fn close(&self, code: u32, text: &str) {
        if let Some(calls) = self.0.calls.0.get() {
            calls.end(Ended::Abandoned);
        }
        self.0.pipe.backend().close(self.0.pipe.end(), code, text);
    }

    /// The pipe, if this is the only clone and no call is under way.
    pub(crate) fn into_pipe(self) -> Result<MessagePipe, Self> {
        let core = Arc::try_unwrap(self.0).map_err(Self)?;
        match core.calls.0.get() {
            Some(calls) if !calls.retire() => Err(Self(Arc::new(core))),
            Some(_) | None => Ok(core.pipe),
        }
    }
}

/// A one-way call that was not sent.
///
/// Holds the whole message, with the pipes and handles in it: [`send_again`](Self::send_again) when there is room, or
/// take it apart with [`into_parts`](Self::into_parts).
pub struct SendError(Box<(SendErrorKind, Message)>);

impl SendError {
    #[cold]
    fn new(unsent: (SendErrorKind, Message)) -> Self {
        Self(Box::new(unsent))
    }

    /// What stood in the way.
    pub fn kind(&self) -> &SendErrorKind {
        &self.0.0
    }

    /// Says whether the pipe was full: the call may succeed once `Remote::ready` says so.
    pub fn is_full(&self) -> bool {
        *self.kind() == SendErrorKind::Full
    }

    /// Sends the call over `remote`, which must be of the interface that it was meant for.
    ///
    /// # Errors
    ///
    /// What stands in the way now, with the message.
    pub fn send_again<I: Interface>(self, remote: &Remote<I>) -> Result<(), Self> {
        let mut unsent = self.0;
        match I::caller(remote).0.send(&mut unsent.1) {
            Ok(()) => Ok(()),
            Err(kind) => {
                unsent.0 = kind;
                Err(Self(unsent))
            }
        }
    }

    /// What stood in the way, and the encoded message with its pipes and handles.
    pub fn into_parts(self) -> (SendErrorKind, Message) {
        *self.0
    }
}

impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SendError").field(self.kind()).finish()
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the call was not sent: {}", self.kind())
    }
}

impl std::error::Error for SendError {}
