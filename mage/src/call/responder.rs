//! The right to answer one call, once.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};

use super::head::{Failure, Kind};
use super::served::Ticket;
use crate::interface::Method;

/// Answers one call. It may be kept, moved to another thread, and used after the receiver took further requests.
///
/// Dropped unanswered, it answers `CallError::Dropped`; nothing closes.
#[must_use = "dropping the responder leaves the caller without an answer"]
pub struct Responder<T: 'static, E: 'static = Infallible> {
    /// `None` once it is answered.
    ticket: Option<Ticket>,
    method: &'static Method<T, E>,
}

impl<T, E> Responder<T, E> {
    #[inline]
    pub(crate) fn new(ticket: Ticket, method: &'static Method<T, E>) -> Self {
        Self { ticket: Some(ticket), method }
    }

    /// Answers with `value`. Never waits: an answer that meets a full pipe is sent when there is room. Nothing happens
    /// if the caller does not wait any more.
    #[inline]
    pub fn send(mut self, value: T) {
        if let Some(ticket) = self.ticket.take() {
            ticket.answer(Kind::Reply, |to| (self.method.encode)(value, to));
        }
    }

    /// Answers with the application's error.
    pub fn fail(mut self, error: E) {
        if let Some(ticket) = self.ticket.take() {
            ticket.answer(Kind::Error, |to| (self.method.encode_error)(error, to));
        }
    }

    /// Answers with a value or the application's error.
    pub fn answer(self, result: Result<T, E>) {
        match result {
            Ok(value) => self.send(value),
            Err(error) => self.fail(error),
        }
    }

    /// Says whether the caller does not wait any more.
    pub fn is_cancelled(&self) -> bool {
        self.ticket.as_ref().is_none_or(Ticket::is_cancelled)
    }

    /// Waits until the caller does not wait any more, which may never come.
    pub async fn cancelled(&self) {
        if let Some(ticket) = &self.ticket {
            poll_fn(|cx| ticket.poll_cancelled(cx.waker())).await;
        }
    }

    /// Answers with what comes of `work`, which is dropped half-way if the caller does not wait any more.
    pub async fn run(self, work: impl Future<Output = T>) {
        if let Some(value) = self.until_cancelled(work).await {
            self.send(value);
        }
    }

    /// Answers with what comes of `work`, a value or the application's error, as [`run`](Self::run) does.
    pub async fn run_fallible(self, work: impl Future<Output = Result<T, E>>) {
        if let Some(result) = self.until_cancelled(work).await {
            self.answer(result);
        }
    }

    async fn until_cancelled<F: Future>(&self, work: F) -> Option<F::Output> {
        match &self.ticket {
            Some(ticket) => ticket.watch().run(work).await,
            None => None,
        }
    }
}

impl<T, E> Drop for Responder<T, E> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            ticket.fail(Failure::Dropped);
        }
    }
}

impl<T, E> fmt::Debug for Responder<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("method", &self.method.name).finish_non_exhaustive()
    }
}
