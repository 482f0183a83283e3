//! Handing requests to an implementation.
//!
//! A panic of the implementation closes its pipe and nothing else: it is caught around each turn of the loop, after which
//! nothing of the implementation is called again.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Poll, Waker};

use super::Receiver;
use super::overlap::Overlap;
use crate::adapter::WouldDeadlock;
use crate::call::block_on;
use crate::interface::{Interface, Serve, ServeLocal, ServeSync};
use crate::pipe::CloseReason;

/// How many requests are dispatched before the executor gets its thread back.
const TURN: usize = 256;

impl<I: Interface> Receiver<I> {
    /// Has `handler` serve requests until the pipe ends; returns why it did.
    ///
    /// Requests begin in order and overlap where they wait, all in the task that polls this. When the far end is gone,
    /// calls whose answer nobody waits for are dropped, and one-way requests are completed first. A panic closes the pipe
    /// with the code [`CLOSED_PANICKED`](crate::call::CLOSED_PANICKED).
    #[expect(
        clippy::manual_async_fn,
        reason = "`Send` has to be declared: inferred, it would depend on itself where a handler spawns one of its own type"
    )]
    pub fn serve<H>(self, handler: H) -> impl Future<Output = CloseReason> + Send
    where
        I: Serve<H>,
        H: Send + Sync,
    {
        async move { self.drive(|request| I::serve(&handler, request)).await }
    }

    /// As [`serve`](Self::serve), for an implementation and futures that stay on their thread.
    pub async fn serve_local<H>(self, handler: H) -> CloseReason
    where
        I: ServeLocal<H>,
    {
        self.drive(|request| I::serve_local(&handler, request)).await
    }

    /// As [`serve`](Self::serve), in the background, for as long as the pipe stands: the receiver owns itself.
    pub fn serve_detached<H>(self, handler: H)
    where
        I: Serve<H>,
        H: Send + Sync + 'static,
    {
        let backend = self.pipe.backend().clone();
        backend.spawn(Box::pin(async move {
            self.serve(handler).await;
        }));
    }

    /// Has `implementation` serve requests on this thread, which is blocked until the pipe ends; returns why it did.
    ///
    /// # Errors
    ///
    /// [`WouldDeadlock`] where this thread must not wait.
    pub fn serve_sync<S>(self, implementation: &mut S) -> Result<CloseReason, WouldDeadlock>
    where
        I: ServeSync<S>,
    {
        let backend = self.pipe.backend().clone();
        block_on(&*backend, self.dispatch(implementation, || false))
    }

    /// Hands requests to `implementation` until the pipe ends or, asked before each, `stop` says so.
    pub(super) async fn dispatch<S>(mut self, implementation: &mut S, mut stop: impl FnMut() -> bool) -> CloseReason
    where
        I: ServeSync<S>,
    {
        poll_fn(|cx| {
            let turn = || self.dispatch_turn(implementation, &mut stop, cx.waker());
            let Ok(polled) = catch_unwind(AssertUnwindSafe(turn)) else {
                self.panicked();
                return Poll::Ready(());
            };
            polled
        })
        .await;
        self.reason()
    }

    /// Hands one request to `implementation`; says whether it survived.
    pub(crate) fn dispatch_one<S>(&mut self, implementation: &mut S, request: I::Request) -> bool
    where
        I: ServeSync<S>,
    {
        let survived = catch_unwind(AssertUnwindSafe(|| I::serve_sync(implementation, request))).is_ok();
        if !survived {
            self.panicked();
        }
        survived
    }

    fn dispatch_turn<S>(&mut self, implementation: &mut S, stop: &mut impl FnMut() -> bool, waker: &Waker) -> Poll<()>
    where
        I: ServeSync<S>,
    {
        for _ in 0..TURN {
            if stop() {
                return Poll::Ready(());
            }
            match self.poll_request(waker) {
                Poll::Ready(Some(request)) => I::serve_sync(implementation, request),
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        waker.wake_by_ref();
        Poll::Pending
    }

    /// Runs what `start` makes of each request, overlapping.
    async fn drive<F: Future<Output = ()>>(mut self, start: impl Fn(I::Request) -> F) -> CloseReason {
        let mut running = Overlap::new();
        poll_fn(|cx| {
            let turn = || self.drive_turn(&mut running, &start, cx.waker());
            let Ok(polled) = catch_unwind(AssertUnwindSafe(turn)) else {
                self.panicked();
                return Poll::Ready(());
            };
            polled
        })
        .await;
        self.reason()
    }

    fn drive_turn<F: Future<Output = ()>>(
        &mut self,
        running: &mut Overlap<F>,
        start: &impl Fn(I::Request) -> F,
        waker: &Waker,
    ) -> Poll<()> {
        running.register(waker);
        for _ in 0..TURN {
            running.go_on();
            if running.len() >= self.overlap.min(self.max_in_flight) {
                self.look_ahead(waker);
                return Poll::Pending;
            }
            match self.poll_request(waker) {
                Poll::Ready(Some(request)) => running.start(start(request)),
                Poll::Ready(None) if running.len() == 0 => return Poll::Ready(()),
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
        waker.wake_by_ref();
        Poll::Pending
    }
}
