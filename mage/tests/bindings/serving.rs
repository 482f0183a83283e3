//! The ways to serve: overlapping, one at a time, in a sequence, many at once.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures::StreamExt;
use mage::adapter::{LocalTaskRunner, RunLocalTasks, RunTasks, Task, TaskRunner};
use mage::call::CLOSED_PANICKED;
use mage::memory::MemoryBackend;
use mage::set::SetEvent;
use mage::{CallError, CloseReason, PendingReceiver, Receiver, ReceiverSet, StreamSink};

use crate::generated::calculator::*;
use crate::implementations::{Local, Plain};
use crate::{pair, pair_in, run};

/// Adds when its gate is opened; counts how many additions are under way.
#[derive(Default)]
struct Gated {
    gates: Mutex<Vec<Waker>>,
    open: Mutex<bool>,
    begun: Mutex<Vec<i32>>,
    dropped: Mutex<u32>,
}

/// Counts futures that were dropped before they were done.
struct OnDrop<'a>(&'a Mutex<u32>);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            *self.0.lock().unwrap() += 1;
        }
    }
}

impl Gated {
    async fn passage(&self) {
        std::future::poll_fn(|cx| {
            if *self.open.lock().unwrap() {
                return Poll::Ready(());
            }
            self.gates.lock().unwrap().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.gates.lock().unwrap().drain(..).for_each(Waker::wake);
    }
}

struct Shared(Arc<Gated>);

impl CalculatorHandler for Shared {
    async fn log(&self, _text: String) {
        self.0.passage().await;
    }

    async fn add(&self, a: i32, b: i32) -> i32 {
        self.0.begun.lock().unwrap().push(a);
        let guard = OnDrop(&self.0.dropped);
        self.0.passage().await;
        std::mem::forget(guard);
        a + b
    }

    async fn div(&self, a: i32, b: i32) -> Result<i32, MathError> {
        crate::implementations::divide(a, b)
    }

    async fn open(&self, _calculator: PendingReceiver<Calculator>) {}

    async fn count(&self, _first: i32, _items: StreamSink<i32>) {}
}

fn turn<F: Future + ?Sized>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn calls_begin_in_order_and_overlap_without_being_spawned() {
    let (remote, receiver) = pair();
    let gated = Arc::new(Gated::default());
    let replies: Vec<_> = (0..5).map(|n| remote.add(n, 100)).collect();
    let mut serve = pin!(receiver.serve(Shared(gated.clone())));
    assert!(turn(serve.as_mut()).is_pending());
    assert_eq!(*gated.begun.lock().unwrap(), [0, 1, 2, 3, 4]);
    gated.open();
    assert!(turn(serve.as_mut()).is_pending());
    for (n, reply) in (0..).zip(replies) {
        assert_eq!(run(reply), Ok(100 + n));
    }
    drop(remote);
    assert_eq!(turn(serve.as_mut()), Poll::Ready(CloseReason::default()));
}

#[test]
fn serial_serving_completes_a_call_before_it_begins_the_next() {
    let (remote, receiver) = pair();
    let gated = Arc::new(Gated::default());
    let replies: Vec<_> = (0..3).map(|n| remote.add(n, 0)).collect();
    let mut serve = pin!(receiver.serial().serve(Shared(gated.clone())));
    for _ in 0..3 {
        assert!(turn(serve.as_mut()).is_pending());
    }
    assert_eq!(*gated.begun.lock().unwrap(), [0]);
    gated.open();
    assert!(turn(serve.as_mut()).is_pending());
    assert_eq!(*gated.begun.lock().unwrap(), [0, 1, 2]);
    assert_eq!(replies.into_iter().map(run).collect::<Result<Vec<_>, _>>(), Ok(vec![0, 1, 2]));
}

#[test]
fn no_more_calls_than_allowed_are_in_flight() {
    let (remote, receiver) = pair();
    let gated = Arc::new(Gated::default());
    let replies: Vec<_> = (0..5).map(|n| remote.add(n, 0)).collect();
    let mut serve = pin!(receiver.max_in_flight(2).serve(Shared(gated.clone())));
    assert!(turn(serve.as_mut()).is_pending());
    assert_eq!(*gated.begun.lock().unwrap(), [0, 1]);
    gated.open();
    while gated.begun.lock().unwrap().len() < 5 {
        assert!(turn(serve.as_mut()).is_pending());
    }
    assert_eq!(replies.into_iter().map(run).collect::<Result<Vec<_>, _>>(), Ok(vec![0, 1, 2, 3, 4]));
}

#[test]
fn a_cancelled_call_is_dropped_where_it_waits() {
    let (remote, receiver) = pair();
    let gated = Arc::new(Gated::default());
    let reply = remote.add(1, 1);
    let mut serve = pin!(receiver.serve(Shared(gated.clone())));
    assert!(turn(serve.as_mut()).is_pending());
    drop(reply);
    assert!(turn(serve.as_mut()).is_pending());
    assert!(turn(serve.as_mut()).is_pending());
    assert_eq!(*gated.dropped.lock().unwrap(), 1);
}

#[test]
fn a_cancellation_behind_requests_that_may_not_be_taken_is_seen() {
    let (remote, receiver) = pair();
    let gated = Arc::new(Gated::default());
    let stuck = remote.add(1, 1);
    let never_begun = remote.add(2, 2);
    let last = remote.div(9, 3);
    drop((stuck, never_begun));
    let mut serve = pin!(receiver.max_in_flight(1).serve(Shared(gated.clone())));
    for _ in 0..4 {
        assert!(turn(serve.as_mut()).is_pending());
    }
    assert_eq!(*gated.begun.lock().unwrap(), [1], "what was cancelled before it was taken never begins");
    assert_eq!(*gated.dropped.lock().unwrap(), 1);
    assert_eq!(run(last), Ok(3));
}

#[test]
fn a_receiver_at_its_limit_serves_on_for_ever() {
    let (remote, receiver) = pair();
    let server = std::thread::spawn(move || run(receiver.max_in_flight(1).serve(Plain::default())));
    let mut replies = VecDeque::new();
    for n in 0..2000 {
        replies.push_back((n, remote.add(n, 0)));
        if n % 3 == 0 {
            replies.pop_front();
        }
        if replies.len() > 300 {
            let (n, reply) = replies.pop_front().unwrap();
            assert_eq!(reply.wait(), Ok(n));
        }
    }
    for (n, reply) in replies {
        assert_eq!(reply.wait(), Ok(n));
    }
    drop(remote);
    server.join().unwrap();
}

#[test]
fn one_way_requests_are_completed_after_the_far_end_is_gone_and_calls_are_dropped() {
    let (remote, receiver) = pair();
    let gated = Arc::new(Gated::default());
    remote.log("finish this").unwrap();
    let reply = remote.add(1, 1);
    let mut serve = pin!(receiver.serve(Shared(gated.clone())));
    assert!(turn(serve.as_mut()).is_pending());
    drop(remote);
    drop(reply);
    assert!(turn(serve.as_mut()).is_pending());
    assert!(turn(serve.as_mut()).is_pending());
    assert_eq!(*gated.dropped.lock().unwrap(), 1);
    gated.open();
    assert!(turn(serve.as_mut()).is_ready());
}

#[test]
fn an_implementation_that_is_not_send_serves_on_its_thread() {
    let (remote, receiver) = pair();
    let local = Local::default();
    remote.log("kept").unwrap();
    let reply = remote.add(2, 3);
    let mut serve = pin!(receiver.serve_local(local.clone()));
    assert!(turn(serve.as_mut()).is_pending());
    assert_eq!(run(reply), Ok(5));
    assert_eq!(*local.log.borrow(), ["kept"]);
}

#[test]
fn a_receiver_is_a_stream_of_requests() {
    let (remote, receiver) = pair();
    (0..200).for_each(|n| remote.log(&n.to_string()).unwrap());
    drop(remote);
    let seen = run(receiver.fold(0, |n, request| async move {
        match request {
            CalculatorRequest::Log { text } => assert_eq!(text, n.to_string()),
            other => panic!("{other:?}"),
        }
        n + 1
    }));
    assert_eq!(seen, 200);
}

#[test]
fn a_blocking_loop_takes_requests_until_the_end() {
    let (remote, mut receiver) = pair();
    let server = std::thread::spawn(move || {
        let mut sum = 0;
        while let Some(request) = receiver.next_blocking().unwrap() {
            if let CalculatorRequest::Add { a, b, reply } = request {
                sum += a + b;
                reply.send(sum);
            }
        }
        receiver.close_reason().cloned()
    });
    assert_eq!(remote.add(1, 2).wait(), Ok(3));
    assert_eq!(remote.add(3, 4).wait(), Ok(10));
    drop(remote);
    assert_eq!(server.join().unwrap(), Some(CloseReason::default()));
}

#[test]
fn a_receiver_of_its_own_serves_as_long_as_its_pipe_stands() {
    let (remote, receiver) = pair();
    receiver.serve_detached(Plain::default());
    assert_eq!(remote.add(1, 1).wait(), Ok(2));
}

/// Generic code can spawn any handler.
#[test]
fn generic_code_can_serve_any_handler_elsewhere() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    fn serve<H: CalculatorHandler>(receiver: Receiver<Calculator>, handler: H) {
        let mut serving = Box::pin(is_send(receiver.serve(handler)));
        assert!(turn(serving.as_mut()).is_ready());
    }
    let (remote, receiver) = pair();
    drop(remote);
    serve(receiver, Plain::default());
}

/// Serves whoever it is opened for as it serves itself.
#[derive(Clone)]
struct Nesting;

fn spawn(future: impl Future<Output = CloseReason> + Send + 'static) {
    std::thread::spawn(move || run(future));
}

impl CalculatorHandler for Nesting {
    async fn log(&self, _text: String) {}

    async fn add(&self, a: i32, b: i32) -> i32 {
        a + b
    }

    async fn div(&self, a: i32, b: i32) -> Result<i32, MathError> {
        crate::implementations::divide(a, b)
    }

    async fn open(&self, calculator: PendingReceiver<Calculator>) {
        spawn(calculator.bind().serve(self.clone()));
    }

    async fn count(&self, _first: i32, _items: StreamSink<i32>) {}
}

#[test]
fn a_handler_spawns_receivers_of_its_own_kind() {
    let backend = MemoryBackend::new();
    let (mut calls, receiver) = pair_in(&backend);
    spawn(receiver.serve(Nesting));
    for depth in 0..3 {
        let (inner, pending) = mage::PendingRemote::pair(backend.create_pipe());
        calls.open(pending).unwrap();
        calls = inner.bind();
        assert_eq!(calls.add(depth, 1).wait(), Ok(depth + 1));
    }
}

/// A sequence that runs when the test says so.
#[derive(Default, Clone)]
struct Sequence(Arc<Mutex<VecDeque<Task>>>);

impl std::fmt::Debug for Sequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sequence")
    }
}

impl std::fmt::Debug for LocalSequence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalSequence")
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
    assert!(turn(future.as_mut()).is_ready());
    assert_eq!(log.notes(), ["last"]);
}

#[test]
fn a_set_serves_many_with_a_context_each_and_says_who_left() {
    let backend = MemoryBackend::new();
    let (first, a) = pair_in(&backend);
    let (second, b) = pair_in(&backend);
    let mut set = ReceiverSet::new();
    let a = set.insert(a, "a");
    let b = set.insert(b, "b");
    first.log("x").unwrap();
    second.log("y").unwrap();
    first.log("z").unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        match run(set.next()) {
            Some(SetEvent::Request { member, context, request: CalculatorRequest::Log { text } }) => {
                seen.push((member, *context, text));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, [(a, "a", "x".into()), (b, "b", "y".into()), (a, "a", "z".into())], "they take turns");
    second.log("unread").unwrap();
    drop(first);
    let Some(SetEvent::Request { member, .. }) = run(set.next()) else { panic!() };
    assert_eq!(member, b);
    match set.next_blocking().unwrap() {
        Some(SetEvent::Closed { member, context, reason }) => {
            assert_eq!((member, context, reason), (a, "a", CloseReason::default()));
        }
        other => panic!("{other:?}"),
    }
    assert!(set.remove(a).is_none());
    let (mut receiver, context) = set.remove(b).unwrap();
    assert_eq!(context, "b");
    second.log("still served").unwrap();
    assert!(receiver.try_next().unwrap().is_some());
    assert!(run(set.next()).is_none());
}

#[test]
fn a_place_in_a_set_that_is_used_again_is_another_member() {
    let backend = MemoryBackend::new();
    let mut set = ReceiverSet::<Calculator, _>::new();
    let (_first, receiver) = pair_in(&backend);
    let first = set.insert(receiver, 1);
    set.remove(first).unwrap();
    let (_second, receiver) = pair_in(&backend);
    let second = set.insert(receiver, 2);
    assert_ne!(first, second);
    assert_eq!(set.context_mut(first), None);
    assert_eq!(set.context_mut(second), Some(&mut 2));
}

#[test]
fn one_that_panics_leaves_the_set_and_the_others_are_served_on() {
    let backend = MemoryBackend::new();
    let (first, a) = pair_in(&backend);
    let (second, b) = pair_in(&backend);
    let mut set = ReceiverSet::new();
    set.insert(a, Plain::default());
    set.insert(b, Plain::default());
    first.log("panic").unwrap();
    let reply = second.add(1, 2);
    let failed = first.add(1, 1);
    let mut serve = Box::pin(set.serve());
    assert!(turn(serve.as_mut()).is_pending());
    assert_eq!(run(reply), Ok(3));
    let Err(CallError::Closed(reason)) = run(failed) else { panic!() };
    assert_eq!(reason.code(), Some(CLOSED_PANICKED));
    drop(second);
    assert!(turn(serve.as_mut()).is_ready());
}
