//! The tasks that drain sequences, and the local executors that hold what is not `Send`.
//!
//! A task runner of this adapter is one task of the executor. The queue behind it is `mage::adapter::Sequence`.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::{Rc, Weak as LocalWeak};
use std::sync::Weak;

use mage::adapter::{LocalBoxFuture, LocalTaskRunner, Occupied, RunLocalTasks, Sequence, TaskRunner};
use smol::{Executor, LocalExecutor};

/// Where tasks are spawned.
#[derive(Debug, Clone)]
pub(crate) enum Spawner {
    /// On smol's global executor.
    Global,
    /// On one of the application's, as long as that exists.
    Own(Weak<Executor<'static>>),
}

impl Spawner {
    /// Runs `future` in the background. A panic ends it alone.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let occupying = async move {
            let mut future = pin!(future);
            poll_fn(|cx| {
                let _occupied = Occupied::enter();
                future.as_mut().poll(cx)
            })
            .await;
        };
        match self {
            Self::Global => smol::spawn(occupying).detach(),
            Self::Own(executor) => {
                if let Some(executor) = executor.upgrade() {
                    executor.spawn(occupying).detach();
                }
            }
        }
    }
}

/// Starts a sequence; it ends when the last of its runners is dropped, or with the executor.
pub(crate) fn start(executor: &Spawner, name: &str) -> TaskRunner {
    let (runner, sequence) = Sequence::new(name);
    executor.spawn(sequence);
    runner
}

/// Makes a future that runs `future`, and all of `local`, inside a sequence of the thread that polls it.
pub(crate) fn run_local<T>(
    local: Rc<LocalExecutor<'static>>,
    name: &str,
    future: impl Future<Output = T>,
) -> (TaskRunner, impl Future<Output = T>) {
    let (runner, sequence) = Sequence::new(name);
    let scope = sequence.scope();
    local.spawn(sequence).detach();
    let thread = LocalTaskRunner::new(Rc::new(Local { local: Rc::downgrade(&local), runner: runner.clone() }));
    let inside = async move {
        let mut future = pin!(local.run(future));
        poll_fn(|cx| {
            let _occupied = Occupied::enter();
            scope.enter(&thread, || future.as_mut().poll(cx))
        })
        .await
    };
    (runner, inside)
}

/// Spawns into a local executor, as long as that exists.
struct Local {
    local: LocalWeak<LocalExecutor<'static>>,
    runner: TaskRunner,
}

impl RunLocalTasks for Local {
    fn spawn_local(&self, future: LocalBoxFuture<()>) {
        if let Some(local) = self.local.upgrade() {
            local.spawn(future).detach();
        }
    }

    fn task_runner(&self) -> TaskRunner {
        self.runner.clone()
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").field("runner", &self.runner).finish_non_exhaustive()
    }
}
