//! The calling end of an interface.

use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::sync::Arc;

use crate::call::{Caller, Reply, Waiting};
use crate::endpoint::PendingRemote;
use crate::interface::Interface;
use crate::pipe::{CloseReason, MessagePipe};

/// Calls an object of interface `I`, wherever it is.
///
/// The methods of the interface are called on the remote itself; what a remote offers besides are associated functions
/// (`Remote::closed(&remote)`), so that no name is taken from the interface. Usable before anybody serves the far end:
/// calls wait there. Clones share the pipe; it closes when the last of them is dropped, and calls under way then fail
/// with `CallError::Abandoned`.
///
/// # Calling and the wire
///
/// A call is on its way when the method returns; nothing waits for a later call.
pub struct Remote<I: Interface> {
    calls: I::Calls,
}

impl<I: Interface> Remote<I> {
    /// Calls over `pipe`, whose far end is, or will be, served as `I`.
    pub fn bind(pipe: MessagePipe) -> Self {
        Self { calls: I::calls(Caller::new(pipe, I::IDENTITY)) }
    }

    fn pipe(remote: &Self) -> &MessagePipe {
        I::caller(&remote.calls).pipe()
    }

    /// Waits until the far end is closed or lost.
    pub fn closed(remote: &Self) -> Waiting<impl Future<Output = CloseReason> + Unpin + use<'_, I>> {
        let pipe = Self::pipe(remote);
        let (backend, end) = (pipe.backend(), pipe.end());
        Waiting::new(Arc::clone(backend), poll_fn(move |cx| backend.poll_closed(end, Some(cx.waker()))))
    }

    /// Waits until there is room for another call.
    ///
    /// # Errors
    ///
    /// Why the pipe ended; there will be no room.
    pub fn ready(remote: &Self) -> Waiting<impl Future<Output = Result<(), CloseReason>> + Unpin + use<'_, I>> {
        let pipe = Self::pipe(remote);
        Waiting::new(Arc::clone(pipe.backend()), poll_fn(move |cx| pipe.poll_writable(cx)))
    }

    /// Waits until the far side has dispatched everything that was sent before: begun, not necessarily completed.
    pub fn flush(remote: &Self) -> Reply<()> {
        I::caller(&remote.calls).flush()
    }

    /// Closes the pipe for all clones and says why: a code of the application's own and a text of at most 256 bytes.
    pub fn close(remote: Self, code: u32, text: &str) {
        I::caller(&remote.calls).close(code, text);
    }

    /// Takes the remote off its pipe, to be sent away or bound elsewhere.
    ///
    /// # Errors
    ///
    /// Gives the remote back while it has clones or calls under way.
    pub fn unbind(remote: Self) -> Result<PendingRemote<I>, Self> {
        let caller = I::caller(&remote.calls).clone();
        drop(remote);
        match caller.into_pipe() {
            Ok(pipe) => Ok(PendingRemote::new(pipe)),
            Err(caller) => Err(Self { calls: I::calls(caller) }),
        }
    }
}

impl<I: Interface> Clone for Remote<I> {
    fn clone(&self) -> Self {
        Self { calls: self.calls.clone() }
    }
}

impl<I: Interface> Deref for Remote<I> {
    type Target = I::Calls;

    #[inline]
    fn deref(&self) -> &I::Calls {
        &self.calls
    }
}

impl<I: Interface> fmt::Debug for Remote<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Remote").field(&I::NAME).field(&Self::pipe(self).end().0).finish()
    }
}
