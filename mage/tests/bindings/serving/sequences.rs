//! Serving in a sequence of the application: nothing is dispatched elsewhere, nor after it or the guard is gone.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use mage::adapter::{LocalTaskRunner, RunLocalTasks, RunTasks, Task, TaskRunner};
use mage::{PendingReceiver, StreamSink};

use crate::generated::calculator::*;
use crate::implementations::Plain;
use crate::{pair, poll};

/// A sequence that runs when the test says so.
#[derive(Default, Clone)]
struct Sequence(Arc<Mutex<VecDeque<Task>>>);

impl std::fmt::Debug for Sequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sequence")
    }
}

impl RunTasks for Sequence {
    fn post(&self, task: Task) {
        self.0.lock().unwrap().push_back(task);
    }
    fn runs_here(&self) -> bool {
        true
    }
    fn name(&self) -> &str {
        ""
    }
}

impl Sequence {
    fn runner(&self) -> TaskRunner {
        TaskRunner::new(Arc::new(self.clone()))
    }

    /// Runs one task, if there is one.
    fn step(&self) -> bool {
        let task = self.0.lock().unwrap().pop_front();
        task.map(|task| task()).is_some()
    }

    fn run(&self) {
        while self.step() {}
    }
}

#[test]
fn requests_are_dispatched_in_the_sequence_that_bound_the_receiver() {
    let (remote, receiver) = pair();
    let (sequence, plain) = (Sequence::default(), Plain::default());
    let serving = receiver.post_to(&sequence.runner(), plain.clone());
    remote.log("one").unwrap();
    assert!(plain.notes().is_empty(), "nothing runs outside of the sequence");
    sequence.run();
    remote.log("two").unwrap();
    remote.log("three").unwrap();
    sequence.run();
    assert_eq!(plain.notes(), ["one", "two", "three"]);
    drop(serving);
    remote.log("four").unwrap();
    sequence.run();
    assert_eq!(plain.notes().len(), 3);
    assert!(remote.log("five").is_err(), "the guard is gone, and with it the receiver");
}

#[test]
fn many_messages_cost_one_posted_task() {
    let (remote, receiver) = pair();
    let (sequence, plain) = (Sequence::default(), Plain::default());
    let _serving = receiver.post_to(&sequence.runner(), plain.clone());
    sequence.run();
    (0..50).for_each(|_| remote.log("x").unwrap());
    assert!(sequence.step());
    assert_eq!(plain.notes().len(), 50);
    assert!(!sequence.step());
}

#[test]
fn a_sequence_that_ends_closes_what_it_served() {
    let (remote, receiver) = pair();
    let sequence = Sequence::default();
    let serving = receiver.post_to(&sequence.runner(), Plain::default());
    sequence.run();
    remote.log("wakes it").unwrap();
    sequence.0.lock().unwrap().drain(..).for_each(drop);
    assert!(remote.log("late").is_err());
    assert!(serving.is_finished());
}

/// Stops its own serving from inside a call.
struct Quitter {
    guard: Rc<RefCell<Option<mage::Serving>>>,
    log: Plain,
}

impl CalculatorSync for Quitter {
    fn log(&mut self, text: String) {
        self.log.note(text);
        self.guard.borrow_mut().take();
    }
    fn add(&mut self, a: i32, b: i32) -> i32 {
        a + b
    }
    fn div(&mut self, a: i32, b: i32) -> Result<i32, MathError> {
        crate::implementations::divide(a, b)
    }
    fn open(&mut self, _calculator: PendingReceiver<Calculator>) {}
    fn count(&mut self, _first: i32, _items: StreamSink<i32>) {}
}

/// A local runner whose futures the test polls.
#[derive(Default, Clone)]
struct LocalSequence(Rc<RefCell<Vec<mage::adapter::LocalBoxFuture<()>>>>);

impl std::fmt::Debug for LocalSequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalSequence")
    }
}

impl RunLocalTasks for LocalSequence {
    fn spawn_local(&self, future: mage::adapter::LocalBoxFuture<()>) {
        self.0.borrow_mut().push(future);
    }
    fn task_runner(&self) -> TaskRunner {
        Sequence::default().runner()
    }
}

#[test]
fn nothing_is_dispatched_after_the_guard_was_dropped_inside_a_call() {
    let (remote, receiver) = pair();
    let futures = LocalSequence::default();
    let (guard, log) = (Rc::new(RefCell::new(None)), Plain::default());
    let quitter = Quitter { guard: guard.clone(), log: log.clone() };
    let runner = LocalTaskRunner::new(Rc::new(futures.clone()));
    *guard.borrow_mut() = Some(receiver.post_to(&runner, quitter));
    remote.log("last").unwrap();
    remote.log("too late").unwrap();
    let mut future = futures.0.borrow_mut().remove(0);
    assert!(poll(&mut future).is_ready());
    assert_eq!(log.notes(), ["last"]);
}
