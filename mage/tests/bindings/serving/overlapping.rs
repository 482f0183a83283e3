//! How many calls are under way at once, in which order they begin, and when they are dropped.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use mage::{CloseReason, PendingReceiver, StreamSink};

use crate::generated::calculator::*;
use crate::implementations::Plain;
use crate::{pair, poll, run};

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

#[test]
fn calls_begin_in_order_and_overlap_without_being_spawned() {
    let (remote, receiver) = pair();
    let gated = Arc::new(Gated::default());
    let replies: Vec<_> = (0..5).map(|n| remote.add(n, 100)).collect();
    let mut serve = pin!(receiver.serve(Shared(gated.clone())));
    assert!(poll(&mut serve).is_pending());
    assert_eq!(*gated.begun.lock().unwrap(), [0, 1, 2, 3, 4]);
    gated.open();
    assert!(poll(&mut serve).is_pending());
    for (n, reply) in (0..).zip(replies) {
        assert_eq!(run(reply), Ok(100 + n));
    }
    drop(remote);
    assert_eq!(poll(&mut serve), Poll::Ready(CloseReason::default()));
}

#[test]
fn serial_serving_completes_a_call_before_it_begins_the_next() {
    let (remote, receiver) = pair();
    let gated = Arc::new(Gated::default());
    let replies: Vec<_> = (0..3).map(|n| remote.add(n, 0)).collect();
    let mut serve = pin!(receiver.serial().serve(Shared(gated.clone())));
    for _ in 0..3 {
        assert!(poll(&mut serve).is_pending());
    }
    assert_eq!(*gated.begun.lock().unwrap(), [0]);
    gated.open();
    assert!(poll(&mut serve).is_pending());
    assert_eq!(*gated.begun.lock().unwrap(), [0, 1, 2]);
    assert_eq!(replies.into_iter().map(run).collect::<Result<Vec<_>, _>>(), Ok(vec![0, 1, 2]));
}

#[test]
fn no_more_calls_than_allowed_are_in_flight() {
    let (remote, receiver) = pair();
    let gated = Arc::new(Gated::default());
    let replies: Vec<_> = (0..5).map(|n| remote.add(n, 0)).collect();
    let mut serve = pin!(receiver.max_in_flight(2).serve(Shared(gated.clone())));
    assert!(poll(&mut serve).is_pending());
    assert_eq!(*gated.begun.lock().unwrap(), [0, 1]);
    gated.open();
    while gated.begun.lock().unwrap().len() < 5 {
        assert!(poll(&mut serve).is_pending());
    }
    assert_eq!(replies.into_iter().map(run).collect::<Result<Vec<_>, _>>(), Ok(vec![0, 1, 2, 3, 4]));
}

#[test]
fn a_cancelled_call_is_dropped_where_it_waits() {
    let (remote, receiver) = pair();
    let gated = Arc::new(Gated::default());
    let reply = remote.add(1, 1);
    let mut serve = pin!(receiver.serve(Shared(gated.clone())));
    assert!(poll(&mut serve).is_pending());
    drop(reply);
    assert!(poll(&mut serve).is_pending());
    assert!(poll(&mut serve).is_pending());
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
        assert!(poll(&mut serve).is_pending());
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
    assert!(poll(&mut serve).is_pending());
    drop(remote);
    drop(reply);
    assert!(poll(&mut serve).is_pending());
    assert!(poll(&mut serve).is_pending());
    assert_eq!(*gated.dropped.lock().unwrap(), 1);
    gated.open();
    assert!(poll(&mut serve).is_ready());
}
