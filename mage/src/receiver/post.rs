//! Serving in a sequence of the application: the shape of C++ Mage, where messages are dispatched on the thread that
//! bound the receiver.
//!
//! ```text
//!   a message arrives ── wake ──▶ runner.post(turn) ──▶ the sequence: dispatch until nothing waits
//! ```

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use futures::task::AtomicWaker;

use super::Receiver;
use crate::adapter::{BoxFuture, LocalTaskRunner, TaskRunner};
use crate::interface::{Interface, ServeSync};

impl<I: Interface> Receiver<I> {
    /// Has `implementation` serve requests in the sequence of `runner`: a [`TaskRunner`], which needs it to be `Send`,
    /// or a [`LocalTaskRunner`].
    ///
    /// It serves until the pipe ends or the returned guard is dropped; receiver and implementation are then dropped in
    /// the sequence. A panic closes the pipe with the code [`CLOSED_PANICKED`](crate::call::CLOSED_PANICKED).
    pub fn post_to<S, R>(self, runner: &R, implementation: S) -> Serving
    where
        I: ServeSync<S>,
        R: RunsReceivers<S>,
    {
        let stop = Arc::new(Stop::default());
        runner.run_receiver(self, implementation, Token(Arc::clone(&stop)));
        Serving(stop)
    }
}

/// A runner that can serve with an implementation of type `S`.
#[diagnostic::on_unimplemented(
    message = "an implementation of type `{S}` cannot serve on a `{Self}`",
    note = "a `TaskRunner` takes an implementation that is `Send`, a `LocalTaskRunner` any that is `'static`"
)]
pub trait RunsReceivers<S> {
    /// Serves until `token` says stop; see [`Receiver::post_to`].
    fn run_receiver<I: ServeSync<S>>(&self, receiver: Receiver<I>, implementation: S, token: Token);
}

impl<S: Send + 'static> RunsReceivers<S> for TaskRunner {
    fn run_receiver<I: ServeSync<S>>(&self, receiver: Receiver<I>, implementation: S, token: Token) {
        spawn(self.clone(), Box::pin(serve(receiver, implementation, token)));
    }
}

impl<S: 'static> RunsReceivers<S> for LocalTaskRunner {
    fn run_receiver<I: ServeSync<S>>(&self, receiver: Receiver<I>, implementation: S, token: Token) {
        self.spawn_local(serve(receiver, implementation, token));
    }
}

async fn serve<I: ServeSync<S>, S>(receiver: Receiver<I>, mut implementation: S, token: Token) {
    let stop = Arc::clone(&token.0);
    let mut dispatch = std::pin::pin!(receiver.dispatch(&mut implementation, || stop.requested()));
    std::future::poll_fn(|cx| {
        token.0.task.register(cx.waker());
        dispatch.as_mut().poll(cx).map(|_reason| ())
    })
    .await;
}

/// Keeps a receiver served; dropping it stops that.
///
/// Dropped inside the sequence, no request is dispatched any more; dropped elsewhere, one that is being dispatched is
/// completed.
#[must_use = "dropping the guard stops the serving; detach it to serve as long as the pipe stands"]
pub struct Serving(Arc<Stop>);

impl Serving {
    /// Serves as long as the pipe stands.
    pub fn detach(self) {
        self.0.detached.store(true, Ordering::Release);
    }

    /// Says whether serving has ended: the pipe ended, or the implementation panicked.
    pub fn is_finished(&self) -> bool {
        self.0.finished.load(Ordering::Acquire)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if !self.0.detached.load(Ordering::Acquire) {
            self.0.stopped.store(true, Ordering::Release);
            self.0.task.wake();
        }
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("finished", &self.is_finished()).finish()
    }
}

/// The serving side of a [`Serving`].
#[derive(Debug)]
pub struct Token(Arc<Stop>);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.finished.store(true, Ordering::Release);
    }
}

#[derive(Debug, Default)]
struct Stop {
    stopped: AtomicBool,
    detached: AtomicBool,
    finished: AtomicBool,
    task: AtomicWaker,
}

impl Stop {
    fn requested(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }
}

/// A future that runs in a sequence: every wake-up posts a turn, unless one is posted already.
struct Posted {
    runner: TaskRunner,
    future: Mutex<Option<BoxFuture<()>>>,
    turn: AtomicU8,
}

/// The values of `turn`: no turn is posted or running, one is, one is running and another is wanted.
const NONE: u8 = 0;
const POSTED: u8 = 1;
const AGAIN: u8 = 2;

fn spawn(runner: TaskRunner, future: BoxFuture<()>) {
    let posted = Posted { runner, future: Mutex::new(Some(future)), turn: AtomicU8::new(NONE) };
    Waker::from(Arc::new(posted)).wake();
}

impl Wake for Posted {
    fn wake(self: Arc<Self>) {
        if self
            .turn
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |turn| Some(if turn == NONE { POSTED } else { AGAIN }))
            == Ok(NONE)
        {
            let turn = Turn(Some(Arc::clone(&self)));
            self.runner.post(move || turn.run());
        }
    }
}

/// One turn, posted. Dropped unrun (the sequence has ended), it drops the future: nobody will poll it again.
struct Turn(Option<Arc<Posted>>);

impl Turn {
    fn run(mut self) {
        let Some(posted) = self.0.take() else { return };
        posted.turn.store(POSTED, Ordering::Release);
        let waker = Waker::from(Arc::clone(&posted));
        // Nobody else polls, so that the lock is only held by a turn; a panic of the future leaves nothing behind it.
        let mut future = posted.future.lock().unwrap_or_else(PoisonError::into_inner);
        let done = match future.as_mut() {
            Some(running) => running.as_mut().poll(&mut Context::from_waker(&waker)).is_ready(),
            None => true,
        };
        let ended = if done { future.take() } else { None };
        drop(future);
        drop(ended);
        if posted.turn.compare_exchange(POSTED, NONE, Ordering::AcqRel, Ordering::Acquire).is_err() && !done {
            posted.turn.store(NONE, Ordering::Release);
            waker.wake();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(posted) = self.0.take() {
            let future = posted.future.lock().unwrap_or_else(PoisonError::into_inner).take();
            drop(future);
        }
    }
}
