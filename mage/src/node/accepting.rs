//! `Accepting`: an invitation on its way to being accepted, as a future, a wait, or a callback.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use mage_proto::LinkId;

use super::AcceptError;
use crate::backend::Backend;
use crate::driver::{Driver, JoinFailed};
use crate::pipe::MessagePipe;

/// An invitation that is being accepted: a future of the inviter's first pipe.
///
/// Dropping it lets the acceptance go on and closes the pipes that it brings.
#[must_use = "dropping it closes the pipes of the invitation"]
pub struct Accepting {
    driver: Arc<Driver>,
    state: State,
}

enum State {
    Refused(AcceptError),
    Under(LinkId),
    Done,
}

impl Accepting {
    pub(super) fn new(driver: Arc<Driver>, begun: Result<LinkId, AcceptError>) -> Self {
        let state = begun.map_or_else(State::Refused, State::Under);
        Self { driver, state }
    }

    /// Waits for the first pipe on this thread.
    ///
    /// # Errors
    ///
    /// Why there is none; [`AcceptError::WouldDeadlock`] where this thread must not wait.
    pub fn wait(self) -> Result<MessagePipe, AcceptError> {
        first(self.wait_all()?)
    }

    /// Waits for all pipes of the invitation on this thread.
    ///
    /// # Errors
    ///
    /// Why there are none; [`AcceptError::WouldDeadlock`] where this thread must not wait.
    pub fn wait_all(self) -> Result<Vec<MessagePipe>, AcceptError> {
        let driver = Arc::clone(&self.driver);
        let mut result = None;
        {
            let future = pin!(async { result = Some(self.all().await) });
            driver.block_on(future)?;
        }
        result.unwrap_or(Err(AcceptError::ShutDown))
    }

    /// Waits for all pipes of the invitation, in the inviter's order.
    ///
    /// # Errors
    ///
    /// Why there are none.
    pub async fn all(mut self) -> Result<Vec<MessagePipe>, AcceptError> {
        std::future::poll_fn(|cx| self.poll_all(cx)).await
    }

    /// Calls `callback` with the outcome, in the sequence of the calling thread: on the adapter's task runner of this
    /// thread, or on the adapter's own where this thread has none.
    pub fn then(self, callback: impl FnOnce(Result<MessagePipe, AcceptError>) + Send + 'static) {
        let runner = self.driver.adapter().task_runner();
        let driver = Arc::clone(&self.driver);
        driver.spawn(Box::pin(async move {
            let outcome = self.await;
            runner.post(move || callback(outcome));
        }));
    }

    fn poll_all(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<MessagePipe>, AcceptError>> {
        let outcome = match std::mem::replace(&mut self.state, State::Done) {
            State::Refused(error) => Err(error),
            State::Done => Err(AcceptError::ShutDown),
            State::Under(link) => match self.driver.poll_joined(link, cx.waker()) {
                Poll::Pending => {
                    self.state = State::Under(link);
                    return Poll::Pending;
                }
                Poll::Ready(Ok(joined)) => Ok(joined.pipes),
                Poll::Ready(Err(JoinFailed::Join(reason))) => Err(AcceptError::Join(reason)),
                Poll::Ready(Err(JoinFailed::NodeClosed)) => Err(AcceptError::ShutDown),
            },
        };
        Poll::Ready(outcome)
    }
}

impl Future for Accepting {
    type Output = Result<MessagePipe, AcceptError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_all(cx).map(|outcome| outcome.and_then(first))
    }
}

fn first(pipes: Vec<MessagePipe>) -> Result<MessagePipe, AcceptError> {
    pipes.into_iter().next().ok_or(AcceptError::NoPipe)
}

impl Drop for Accepting {
    fn drop(&mut self) {
        if let State::Under(link) = self.state {
            self.driver.forget_join(link);
        }
    }
}

impl fmt::Debug for Accepting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Refused(error) => return f.debug_tuple("Accepting").field(error).finish(),
            State::Under(_) => "waiting",
            State::Done => "done",
        };
        f.debug_tuple("Accepting").field(&state).finish()
    }
}
