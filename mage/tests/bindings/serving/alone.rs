//! A receiver that is served by itself: where it may be, by whom, as a stream, in a loop that blocks.

use std::pin::pin;

use futures::StreamExt;
use mage::memory::MemoryBackend;
use mage::{CloseReason, PendingReceiver, Receiver, StreamSink};

use crate::generated::calculator::*;
use crate::implementations::{Local, Plain};
use crate::{pair, pair_in, poll, run};

#[test]
fn an_implementation_that_is_not_send_serves_on_its_thread() {
    let (remote, receiver) = pair();
    let local = Local::default();
    remote.log("kept").unwrap();
    let reply = remote.add(2, 3);
    let mut serve = pin!(receiver.serve_local(local.clone()));
    assert!(poll(&mut serve).is_pending());
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
        assert!(poll(&mut serving).is_ready());
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
