//! The calling side: answers, errors, timeouts, cancellation, closing.

use std::time::Duration;

use mage::backend::Backend;
use mage::call::{CLOSED_PANICKED, Unsent};
use mage::memory::MemoryBackend;
use mage::{CallError, CloseReason, Remote};

use crate::generated::calculator::*;
use crate::implementations::Plain;
use crate::{pair, pair_in, poll, run};

#[test]
fn one_way_calls_made_before_anybody_serves_arrive_in_order() {
    let (remote, mut receiver) = pair();
    remote.log("one").unwrap();
    remote.clone().log("two").unwrap();
    for expected in ["one", "two"] {
        match receiver.try_next().unwrap() {
            Some(CalculatorRequest::Log { text }) => assert_eq!(text, expected),
            other => panic!("{other:?}"),
        }
    }
    assert!(receiver.try_next().unwrap().is_none());
    drop(remote);
    assert!(receiver.try_next().is_err());
}

#[test]
fn a_call_is_answered_on_a_plain_thread() {
    let (remote, receiver) = pair();
    let server = std::thread::spawn(move || receiver.serve_sync(&mut Plain::default()).unwrap());
    assert_eq!(remote.add(20, 22).wait(), Ok(42));
    assert_eq!(remote.div(7, 2).wait(), Ok(3));
    assert_eq!(remote.div(1, 0).wait(), Err(CallError::App(MathError::DivisionByZero)));
    drop(remote);
    assert_eq!(server.join().unwrap(), CloseReason::default());
}

#[test]
fn a_call_is_on_its_way_before_its_reply_is_polled() {
    let (remote, mut receiver) = pair();
    let mut reply = remote.add(1, 2);
    let Some(CalculatorRequest::Add { a, b, reply: responder }) = receiver.try_next().unwrap() else { panic!() };
    responder.send(a + b);
    assert_eq!(poll(&mut reply), std::task::Poll::Ready(Ok(3)));
}

#[test]
fn answers_find_their_calls_in_any_order() {
    let (remote, mut receiver) = pair();
    let replies: Vec<_> = (0..100).map(|n| remote.add(n, n)).collect();
    let mut requests = Vec::new();
    while let Some(request) = receiver.try_next().unwrap() {
        requests.push(request);
    }
    for request in requests.into_iter().rev() {
        let CalculatorRequest::Add { a, b, reply } = request else { panic!() };
        reply.send(a + b);
    }
    for (n, reply) in (0..).zip(replies) {
        assert_eq!(run(reply), Ok(2 * n));
    }
}

#[test]
fn a_dropped_responder_is_an_error_of_that_call_alone() {
    let (remote, mut receiver) = pair();
    let (first, second) = (remote.add(1, 1), remote.add(2, 2));
    let Some(CalculatorRequest::Add { reply, .. }) = receiver.try_next().unwrap() else { panic!() };
    drop(reply);
    let Some(CalculatorRequest::Add { a, b, reply }) = receiver.try_next().unwrap() else { panic!() };
    reply.send(a + b);
    assert_eq!(run(first), Err(CallError::Dropped));
    assert_eq!(run(second), Ok(4));
}

#[test]
fn dropping_a_reply_cancels_the_call_where_it_is_served() {
    let (remote, mut receiver) = pair();
    let reply = remote.add(1, 1);
    let Some(CalculatorRequest::Add { reply: responder, .. }) = receiver.try_next().unwrap() else { panic!() };
    assert!(!responder.is_cancelled());
    drop(reply);
    assert!(receiver.try_next().unwrap().is_none());
    assert!(responder.is_cancelled());
    run(responder.cancelled());
    responder.send(2);
    let next = remote.add(3, 4);
    let Some(CalculatorRequest::Add { reply, .. }) = receiver.try_next().unwrap() else { panic!() };
    reply.send(7);
    assert_eq!(run(next), Ok(7));
}

#[test]
fn a_timeout_cancels_the_call() {
    let (remote, mut receiver) = pair();
    let reply = remote.add(1, 1).timeout(Duration::from_millis(1));
    let Some(CalculatorRequest::Add { reply: responder, .. }) = receiver.try_next().unwrap() else { panic!() };
    assert_eq!(reply.wait(), Err(CallError::TimedOut));
    assert!(receiver.try_next().unwrap().is_none());
    assert!(responder.is_cancelled());
}

#[test]
fn an_answer_in_time_beats_the_timeout() {
    let (remote, receiver) = pair();
    std::thread::spawn(move || receiver.serve_sync(&mut Plain::default()));
    assert_eq!(remote.add(1, 1).timeout(Duration::from_secs(3600)).wait(), Ok(2));
}

#[test]
fn calls_under_way_fail_when_the_pipe_closes() {
    let (remote, mut receiver) = pair();
    let (first, second) = (remote.add(1, 1), remote.add(2, 2));
    let request = receiver.try_next().unwrap();
    receiver.close(9, "going home");
    let reason = CloseReason::closed(9, "going home");
    assert_eq!(run(first), Err(CallError::Closed(reason.clone())));
    assert_eq!(second.wait(), Err(CallError::Closed(reason.clone())));
    assert_eq!(remote.add(3, 3).wait(), Err(CallError::Closed(reason.clone())));
    assert_eq!(run(Remote::closed(&remote)), reason);
    drop(request);
}

#[test]
fn an_answer_that_came_before_the_close_still_counts() {
    let (remote, mut receiver) = pair();
    let reply = remote.add(1, 1);
    let Some(CalculatorRequest::Add { reply: responder, .. }) = receiver.try_next().unwrap() else { panic!() };
    responder.send(2);
    drop(receiver);
    assert_eq!(run(reply), Ok(2));
}

#[test]
fn dropping_the_last_remote_closes_the_pipe_and_abandons_its_calls() {
    let (remote, mut receiver) = pair();
    let clone = remote.clone();
    let reply = remote.add(1, 1);
    drop(remote);
    let Some(CalculatorRequest::Add { reply: responder, .. }) = receiver.try_next().unwrap() else { panic!() };
    drop(clone);
    assert_eq!(run(reply), Err(CallError::Abandoned));
    assert!(receiver.try_next().is_err());
    assert!(responder.is_cancelled());
}

#[test]
fn closing_a_remote_says_why_to_the_receiver() {
    let (remote, mut receiver) = pair();
    let reply = remote.add(1, 1);
    Remote::close(remote.clone(), 5, "enough");
    assert_eq!(run(reply), Err(CallError::Abandoned));
    assert!(receiver.try_next().unwrap().is_some());
    assert_eq!(receiver.try_next().unwrap_err(), CloseReason::closed(5, "enough"));
    assert!(remote.log("late").is_err());
}

#[test]
fn what_a_full_pipe_refused_can_be_sent_again() {
    let (remote, mut receiver) = pair_in(&MemoryBackend::with_window(1));
    remote.log("first").unwrap();
    let unsent = remote.log("second").unwrap_err();
    assert!(unsent.is_full());
    let unsent = unsent.send_again(&remote).unwrap_err();
    assert_eq!(run(remote.add(1, 1)), Err(CallError::Full));
    assert!(poll(&mut Remote::ready(&remote)).is_pending());
    receiver.try_next().unwrap();
    Remote::ready(&remote).wait().unwrap().unwrap();
    unsent.send_again(&remote).unwrap();
    let Some(CalculatorRequest::Log { text }) = receiver.try_next().unwrap() else { panic!() };
    assert_eq!(text, "second");
}

#[test]
fn a_refused_call_gives_its_pipes_back() {
    let backend = MemoryBackend::with_window(1);
    let (remote, _receiver) = pair_in(&backend);
    remote.log("fills it").unwrap();
    let (inner, far) = mage::PendingRemote::<Calculator>::pair(backend.create_pipe());
    let (_kind, mut message) = remote.open(far).unwrap_err().into_parts();
    let far = mage::Receiver::<Calculator>::bind(message.pipes.remove(0));
    let inner = inner.bind();
    inner.log("still there").unwrap();
    drop(inner);
    assert_eq!(run(far.serve(Plain::default())), CloseReason::default());
}

#[test]
fn a_flush_is_answered_once_everything_before_it_was_dispatched() {
    let (remote, receiver) = pair();
    let plain = Plain::default();
    remote.log("one").unwrap();
    let mut flush = Remote::flush(&remote);
    assert!(poll(&mut flush).is_pending());
    let mut served = plain.clone();
    std::thread::spawn(move || receiver.serve_sync(&mut served));
    assert_eq!(flush.wait(), Ok(()));
    assert_eq!(plain.notes(), ["one"]);
}

#[test]
fn answers_that_meet_a_full_pipe_wait_and_none_is_lost() {
    let backend = MemoryBackend::with_window(4);
    let (near, far) = backend.create_pipe();
    let mut receiver = mage::Receiver::<Calculator>::bind(far);
    let remote = Remote::<Calculator>::bind(near);
    // Ten raw calls, and nobody who reads the answers yet.
    let mut responders = Vec::new();
    let mut replies = Vec::new();
    for n in 0..10 {
        replies.push(remote.add(n, 0));
        let Some(CalculatorRequest::Add { a, reply, .. }) = receiver.try_next().unwrap() else { panic!() };
        responders.push((a, reply));
    }
    responders.into_iter().for_each(|(a, reply)| reply.send(a));
    for (n, reply) in (0..).zip(replies) {
        assert_eq!(run(reply), Ok(n));
    }
}

#[test]
fn a_panic_closes_the_pipe_with_a_reason_and_nothing_else() {
    for serve in [
        |receiver: mage::Receiver<Calculator>| receiver.serve_sync(&mut Plain::default()).unwrap(),
        |receiver: mage::Receiver<Calculator>| run(receiver.serve(Plain::default())),
    ] {
        let (remote, receiver) = pair();
        remote.log("panic").unwrap();
        let reply = remote.add(1, 1);
        assert_eq!(serve(receiver).code(), Some(CLOSED_PANICKED));
        let Err(CallError::Closed(reason)) = reply.wait() else { panic!() };
        assert_eq!(reason, CloseReason::closed(CLOSED_PANICKED, "the implementation of Calculator panicked"));
    }
}

#[test]
fn waiting_is_refused_where_the_thread_must_make_the_progress_itself() {
    let backend = std::sync::Arc::new(Forbidding(MemoryBackend::new()));
    let (near, far) = backend.create_pipe();
    let shared: std::sync::Arc<dyn Backend> = backend;
    let remote = Remote::<Calculator>::bind(mage::MessagePipe::from_end(shared.clone(), near));
    let mut receiver = mage::Receiver::<Calculator>::bind(mage::MessagePipe::from_end(shared, far));
    assert_eq!(remote.add(1, 1).wait(), Err(CallError::WouldDeadlock));
    assert!(Remote::closed(&remote).wait().is_err());
    assert!(Remote::ready(&remote).wait().is_err());
    assert_eq!(Remote::flush(&remote).wait(), Err(CallError::WouldDeadlock));
    let mut numbers = remote.count(1);
    assert_eq!(numbers.next_blocking(), Some(Err(CallError::WouldDeadlock)));
    // Refused calls were cancelled; the stream still stands, and so does what feeds it.
    let mut requests = std::iter::from_fn(|| receiver.try_next().unwrap());
    let sink = requests.find_map(|request| match request {
        CalculatorRequest::Count { items, .. } => Some(items),
        _ => None,
    });
    let mut items = sink.expect("the stream was asked for");
    assert_eq!(items.send_blocking(1), Err(Unsent::WouldDeadlock(1)));
    run(items.send(2)).unwrap();
    assert_eq!(run(numbers.next()), Some(Ok(2)));
    assert!(receiver.next_blocking().is_err());
    assert!(receiver.serve_sync(&mut Plain::default()).is_err());
}

/// A backend on whose threads nobody may wait.
#[derive(Debug)]
struct Forbidding(std::sync::Arc<MemoryBackend>);

impl Backend for Forbidding {
    fn create_pipe(&self) -> (mage::backend::End, mage::backend::End) {
        Backend::create_pipe(&*self.0)
    }
    fn send(
        &self,
        end: mage::backend::End,
        message: &mut mage::pipe::Message,
    ) -> Result<(), mage::pipe::SendErrorKind> {
        self.0.send(end, message)
    }
    fn receive(
        &self,
        end: mage::backend::End,
        max: usize,
        into: &mut std::collections::VecDeque<mage::pipe::Message>,
        waker: Option<&std::task::Waker>,
    ) -> std::task::Poll<Result<(), CloseReason>> {
        self.0.receive(end, max, into, waker)
    }
    fn poll_writable(
        &self,
        end: mage::backend::End,
        waker: Option<&std::task::Waker>,
    ) -> std::task::Poll<Result<(), CloseReason>> {
        self.0.poll_writable(end, waker)
    }
    fn poll_closed(&self, end: mage::backend::End, waker: Option<&std::task::Waker>) -> std::task::Poll<CloseReason> {
        self.0.poll_closed(end, waker)
    }
    fn merge(&self, a: mage::backend::End, b: mage::backend::End) -> Result<(), mage::backend::MergeError> {
        self.0.merge(a, b)
    }
    fn close(&self, end: mage::backend::End, code: u32, text: &str) {
        self.0.close(end, code, text);
    }
    fn block_on(
        &self,
        _future: std::pin::Pin<&mut dyn Future<Output = ()>>,
    ) -> Result<(), mage::adapter::WouldDeadlock> {
        Err(mage::adapter::WouldDeadlock)
    }
    fn spawn(&self, future: mage::adapter::BoxFuture<()>) {
        self.0.spawn(future);
    }
    fn sleep_until(&self, deadline: std::time::Instant) -> mage::adapter::BoxFuture<()> {
        self.0.sleep_until(deadline)
    }
}
