//! The tasks that drain sequences, and the local sets that hold what is not `Send`.
//!
//! A task runner of this adapter is one task of the runtime. The queue behind it is `mage::adapter::Sequence`.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::{Rc, Weak};

use mage::adapter::{LocalBoxFuture, LocalTaskRunner, RunLocalTasks, Sequence, TaskRunner};
use tokio::runtime::Handle;
use tokio::task::LocalSet;

/// Starts a sequence; it ends when the last of its runners is dropped, or with the runtime.
pub(crate) fn start(runtime: &Handle, name: &str) -> TaskRunner {
    let (runner, sequence) = Sequence::new(name);
    runtime.spawn(sequence);
    runner
}

/// Makes a future that runs `future`, and all of `local`, inside a sequence of the thread that polls it.
pub(crate) fn run_local<T>(
    local: Rc<LocalSet>,
    name: &str,
    future: impl Future<Output = T>,
) -> (TaskRunner, impl Future<Output = T>) {
    let (runner, sequence) = Sequence::new(name);
    let scope = sequence.scope();
    local.spawn_local(sequence);
    let thread = LocalTaskRunner::new(Rc::new(Local { local: Rc::downgrade(&local), runner: runner.clone() }));
    let inside = async move {
        let mut future = pin!(local.run_until(future));
        poll_fn(|cx| scope.enter(&thread, || future.as_mut().poll(cx))).await
    };
    (runner, inside)
}

/// Spawns into a local set, as long as that exists.
struct Local {
    local: Weak<LocalSet>,
    runner: TaskRunner,
}

impl RunLocalTasks for Local {
    fn spawn_local(&self, future: LocalBoxFuture<()>) {
        if let Some(local) = self.local.upgrade() {
            local.spawn_local(future);
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
