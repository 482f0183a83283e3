//! The part of a [`TaskRunner`] that is the same on every executor: a queue of tasks, and who is running it now.
//!
//! ```text
//!   any thread ──post──▶ TaskRunner ──▶ queue ──▶ Sequence (a future) ──polled by──▶ the executor
//!                                                    │ while it runs tasks
//!                                                    ▼
//!                                    this thread's current sequence: runs_here, task_runner()
//! ```
//!
//! An adapter spawns the [`Sequence`] as one future, so that its tasks run one at a time on whatever thread polls it.
//! What must hold: no task runs inside `post`; no lock is held while a task or a destructor runs; a task that panics
//! ends alone; a sequence ends when its last runner is gone and its queue is empty, or when the future is dropped (then
//! what waits is dropped unrun, and so is everything posted later).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::{LocalTaskRunner, RunTasks, Task, TaskRunner};

/// How many tasks run before the executor gets its thread back.
const BATCH: usize = 64;

thread_local! {
    static CURRENT: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// The sequence that a thread is running, and the local runner that goes with it where there is one.
#[derive(Clone)]
struct Scope {
    shared: Arc<Shared>,
    local: Option<LocalTaskRunner>,
}

struct Shared {
    name: String,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    runners: usize,
    ended: bool,
    waker: Option<Waker>,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No task and no destructor runs under this lock, so a poisoned queue is whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_current(self: &Arc<Self>) -> bool {
        CURRENT.with_borrow(|current| current.as_ref().is_some_and(|scope| Arc::ptr_eq(&scope.shared, self)))
    }
}

/// The draining side of a task runner: a future that runs what is posted, until nobody can post any more.
pub struct Sequence(Arc<Shared>);

impl Sequence {
    /// Makes a task runner, and the future that an executor has to poll for it. `name` may be empty.
    pub fn new(name: &str) -> (TaskRunner, Self) {
        let shared = Arc::new(Shared { name: name.to_owned(), queue: Mutex::default() });
        (Runner::of(&shared), Self(shared))
    }

    /// The runner of the sequence that this thread is running.
    pub fn current() -> Option<TaskRunner> {
        CURRENT.with_borrow(|current| current.as_ref().map(|scope| Runner::of(&scope.shared)))
    }

    /// The local runner of this thread, while it runs code inside [`SequenceScope::enter`].
    pub fn current_local() -> Option<LocalTaskRunner> {
        CURRENT.with_borrow(|current| current.as_ref().and_then(|scope| scope.local.clone()))
    }

    /// What it takes to run other code than posted tasks inside this sequence.
    pub fn scope(&self) -> SequenceScope {
        SequenceScope(Arc::clone(&self.0))
    }

    /// Takes up to [`BATCH`] tasks, or registers `waker` and says whether the sequence is over.
    fn take_batch(&self, waker: &Waker) -> Result<VecDeque<Task>, Poll<()>> {
        let mut queue = self.0.queue();
        match queue.tasks.len() {
            0 if queue.runners == 0 => Err(Poll::Ready(())),
            0 => {
                if !queue.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
                    queue.waker = Some(waker.clone());
                }
                Err(Poll::Pending)
            }
            1..=BATCH => Ok(std::mem::take(&mut queue.tasks)),
            _ => Ok(queue.tasks.drain(..BATCH).collect()),
        }
    }
}

impl Future for Sequence {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.take_batch(cx.waker()) {
            Err(poll) => poll,
            Ok(batch) => {
                let _inside = Entered::new(&self.0, None);
                for task in batch {
                    // The panic hook has spoken; the tasks behind it must not suffer.
                    let _ = catch_unwind(AssertUnwindSafe(task));
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

impl Drop for Sequence {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.ended = true;
        let left = (std::mem::take(&mut queue.tasks), queue.waker.take());
        drop(queue);
        drop(left);
    }
}

impl fmt::Debug for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sequence").field(&self.0.name).finish()
    }
}

/// A sequence as a place to be in: an adapter enters it around code that belongs to the sequence without having been
/// posted to it, such as the local futures of the same thread. The code must run where the sequence is drained.
#[derive(Clone)]
pub struct SequenceScope(Arc<Shared>);

impl SequenceScope {
    /// Makes this the thread's current sequence, and `local` its local runner, until `inside` returns.
    pub fn enter<T>(&self, local: &LocalTaskRunner, inside: impl FnOnce() -> T) -> T {
        let _inside = Entered::new(&self.0, Some(local));
        inside()
    }
}

impl fmt::Debug for SequenceScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SequenceScope").field(&self.0.name).finish()
    }
}

/// Puts the thread's former scope back when it is dropped; `None` inside when the scope was the right one already.
struct Entered(Option<Option<Scope>>);

impl Entered {
    fn new(shared: &Arc<Shared>, local: Option<&LocalTaskRunner>) -> Self {
        if shared.is_current() {
            return Self(None);
        }
        let scope = Scope { shared: Arc::clone(shared), local: local.cloned() };
        Self(Some(CURRENT.replace(Some(scope))))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(former) = self.0.take() {
            // The scope that ends is dropped after the cell was left: its destructor may look at the current sequence.
            drop(CURRENT.replace(former));
        }
    }
}

/// The posting side. The count of runners is what tells the sequence that nobody can post any more.
struct Runner(Arc<Shared>);

impl Runner {
    fn of(shared: &Arc<Shared>) -> TaskRunner {
        shared.queue().runners += 1;
        TaskRunner::new(Arc::new(Self(Arc::clone(shared))))
    }
}

impl RunTasks for Runner {
    fn post(&self, task: Task) {
        let mut queue = self.0.queue();
        if queue.ended {
            drop(queue);
            drop(task);
            return;
        }
        queue.tasks.push_back(task);
        let waker = queue.waker.take();
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn runs_here(&self) -> bool {
        self.0.is_current()
    }

    fn name(&self) -> &str {
        &self.0.name
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        queue.runners -= 1;
        let waker = if queue.runners == 0 { queue.waker.take() } else { None };
        drop(queue);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("name", &self.0.name).field("runs_here", &self.runs_here()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn poll(sequence: &mut Sequence, wakes: &Arc<Wakes>) -> Poll<()> {
        let waker = Waker::from(Arc::clone(wakes));
        Pin::new(sequence).poll(&mut Context::from_waker(&waker))
    }

    #[test]
    fn tasks_run_in_order_inside_the_sequence_and_never_inside_post() {
        let (runner, mut sequence) = Sequence::new("ui");
        let wakes = Arc::new(Wakes::default());
        let log = Arc::new(Mutex::new(Vec::new()));
        for number in 0..3 {
            let (log, runner_inside) = (Arc::clone(&log), runner.clone());
            runner.post(move || {
                let current = Sequence::current().expect("a current sequence");
                log.lock().unwrap().push((number, runner_inside.runs_here(), current.name().to_owned()));
            });
        }
        assert!(log.lock().unwrap().is_empty());
        assert!(poll(&mut sequence, &wakes).is_pending());
        let expected: Vec<_> = (0..3).map(|number| (number, true, "ui".to_owned())).collect();
        assert_eq!(*log.lock().unwrap(), expected);
        assert!(!runner.runs_here());
        assert!(Sequence::current().is_none());
    }

    #[test]
    fn a_sleeping_sequence_is_woken_once_for_many_tasks() {
        let (runner, mut sequence) = Sequence::new("");
        let wakes = Arc::new(Wakes::default());
        assert!(poll(&mut sequence, &wakes).is_pending());
        for _ in 0..10 {
            runner.post(|| ());
        }
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_panicking_task_does_not_stop_the_tasks_behind_it() {
        let (runner, mut sequence) = Sequence::new("");
        let ran = Arc::new(AtomicUsize::new(0));
        runner.post(|| std::panic::resume_unwind(Box::new("on purpose")));
        let count = Arc::clone(&ran);
        runner.post(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        assert!(poll(&mut sequence, &Arc::default()).is_pending());
        assert_eq!(ran.load(Ordering::Relaxed), 1);
        assert!(!runner.runs_here());
    }

    #[test]
    fn a_sequence_runs_what_is_left_and_ends_when_the_last_runner_is_gone() {
        let (runner, mut sequence) = Sequence::new("");
        let wakes = Arc::new(Wakes::default());
        let ran = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&ran);
        runner.post(move || {
            count.fetch_add(1, Ordering::Relaxed);
        });
        drop(runner);
        assert!(poll(&mut sequence, &wakes).is_pending());
        assert!(poll(&mut sequence, &wakes).is_ready());
        assert_eq!(ran.load(Ordering::Relaxed), 1);

        let (runner, mut sequence) = Sequence::new("");
        let before = wakes.0.load(Ordering::Relaxed);
        assert!(poll(&mut sequence, &wakes).is_pending());
        drop(runner);
        assert_eq!(wakes.0.load(Ordering::Relaxed), before + 1);
        assert!(poll(&mut sequence, &wakes).is_ready());
    }

    #[test]
    fn a_dropped_sequence_drops_its_tasks_unrun_and_those_posted_later() {
        let (runner, sequence) = Sequence::new("");
        let held = Arc::new(());
        let (first, second) = (Arc::clone(&held), Arc::clone(&held));
        runner.post(move || drop(first));
        drop(sequence);
        runner.post(move || drop(second));
        assert_eq!(Arc::strong_count(&held), 1);
    }
}
