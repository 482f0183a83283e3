//! The in-memory backend: pipes inside one process without a node, a socket or an executor, for tests with fakes.
//!
//! ```text
//!   Remote ── send ──▶ [ inbox of the far end ] ── receive ──▶ Receiver
//! ```
//!
//! What must hold: the promises of [`Backend`], so that whatever passes here passes over a node too. A message is never
//! dropped and a waker never called while the table is locked: both may come back for another call.

mod table;
mod thread;

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Instant;

use crate::adapter::{BoxFuture, Patience, WouldDeadlock};
use crate::backend::{Backend, End, MergeError};
use crate::pipe::{CloseReason, Message, MessagePipe, SendErrorKind};

use table::{Released, Table};
use thread::Timers;

/// A messaging provider whose pipes lead from this process to itself.
///
/// Futures that it is asked to spawn get a thread of their own each; any thread may block.
pub struct MemoryBackend {
    table: Mutex<Table>,
    timers: Timers,
}

impl MemoryBackend {
    /// The number of unread messages that a pipe of [`new`](Self::new) holds in each direction.
    pub const DEFAULT_WINDOW: usize = 1024;

    /// Makes a backend whose pipes hold up to [`DEFAULT_WINDOW`](Self::DEFAULT_WINDOW) unread messages.
    pub fn new() -> Arc<Self> {
        Self::with_window(Self::DEFAULT_WINDOW)
    }

    /// Makes a backend whose pipes hold up to `window` unread messages (at least one) in each direction.
    pub fn with_window(window: usize) -> Arc<Self> {
        Arc::new(Self { table: Mutex::new(Table::new(window.max(1))), timers: Timers::default() })
    }

    /// Makes a pipe and returns its ends.
    pub fn create_pipe(self: &Arc<Self>) -> (MessagePipe, MessagePipe) {
        let (a, b) = self.table().create_pipe();
        (MessagePipe::from_end(self.clone(), a), MessagePipe::from_end(self.clone(), b))
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Every change of the table is complete before anything that could panic.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owns(&self, pipe: &MessagePipe) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(pipe.backend()), self)
    }
}

impl Backend for MemoryBackend {
    fn create_pipe(&self) -> (End, End) {
        self.table().create_pipe()
    }

    fn send(&self, end: End, message: &mut Message) -> Result<(), SendErrorKind> {
        Patience::expect_answer();
        if !message.pipes.iter().all(|pipe| self.owns(pipe)) {
            return Err(SendErrorKind::Foreign);
        }
        let sent = self.table().send(end, message);
        if let Some(reader) = sent? {
            reader.wake();
        }
        Ok(())
    }

    fn receive(
        &self,
        end: End,
        max: usize,
        into: &mut VecDeque<Message>,
        waker: Option<&Waker>,
    ) -> Poll<Result<(), CloseReason>> {
        // Cloned before and dropped after the lock: both run code of whoever made the waker.
        let mut reader = waker.cloned();
        let received = self.table().receive(end, max, into, &mut reader);
        match received {
            Poll::Ready(Ok(writers)) => {
                writers.into_iter().for_each(Waker::wake);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(reason)) => Poll::Ready(Err(reason)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_writable(&self, end: End, waker: Option<&Waker>) -> Poll<Result<(), CloseReason>> {
        let polled = self.table().poll_writable(end, waker);
        if polled.is_pending() {
            Patience::expect_room();
        }
        polled
    }

    fn poll_closed(&self, end: End, waker: Option<&Waker>) -> Poll<CloseReason> {
        self.table().poll_closed(end, waker)
    }

    fn merge(&self, a: End, b: End) -> Result<(), MergeError> {
        let released = self.table().merge(a, b);
        released.settle();
        Ok(())
    }

    fn close(&self, end: End, code: u32, text: &str) {
        let released: Released = self.table().close(end, CloseReason::closed(code, text));
        released.settle();
    }

    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) -> Result<(), WouldDeadlock> {
        thread::block_on(future);
        Ok(())
    }

    fn spawn(&self, mut future: BoxFuture<()>) {
        std::thread::spawn(move || thread::block_on(future.as_mut()));
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()> {
        Box::pin(self.timers.sleep_until(deadline))
    }
}

impl fmt::Debug for MemoryBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBackend").field("ends", &self.table().len()).finish()
    }
}

#[cfg(test)]
mod tests;
