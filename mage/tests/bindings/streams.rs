//! Answers of many values.

use futures::StreamExt;
use mage::call::{STREAM_WINDOW, StreamClosed, Unsent};
use mage::memory::MemoryBackend;
use mage::{CallError, CloseReason, StreamSink};

use crate::generated::calculator::*;
use crate::implementations::Plain;
use crate::{pair, pair_in, poll, run};

fn sink(receiver: &mut mage::Receiver<Calculator>) -> StreamSink<i32> {
    match receiver.try_next().unwrap() {
        Some(CalculatorRequest::Count { items, .. }) => items,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stream_brings_every_value_in_order_and_then_ends() {
    for serve_blocking in [true, false] {
        let (remote, receiver) = pair();
        let server = std::thread::spawn(move || match serve_blocking {
            true => receiver.serve_sync(&mut Plain::default()).unwrap(),
            false => run(receiver.serve(Plain::default())),
        });
        let mut numbers = remote.count(5);
        for expected in 5..1005 {
            assert_eq!(numbers.next_blocking(), Some(Ok(expected)));
        }
        assert_eq!(numbers.next_blocking(), None);
        assert_eq!(numbers.next_blocking(), None);
        drop((numbers, remote));
        server.join().unwrap();
    }
}

#[test]
fn a_stream_is_a_stream() {
    let (remote, receiver) = pair();
    std::thread::spawn(move || receiver.serve_sync(&mut Plain::default()));
    let sum = run(remote.count(1).map(Result::unwrap).fold(0, |sum, n| async move { sum + n }));
    assert_eq!(sum, 500_500);
}

#[test]
fn a_sink_waits_for_a_consumer_that_does_not_take() {
    let (remote, mut receiver) = pair();
    let mut numbers = remote.count(0);
    let mut items = sink(&mut receiver);
    for n in 0..STREAM_WINDOW {
        run(items.send(n.cast_signed())).unwrap();
    }
    {
        let mut next = Box::pin(items.send(99));
        assert!(poll(&mut next).is_pending());
    }
    for n in 0..STREAM_WINDOW / 2 {
        assert_eq!(numbers.next_blocking(), Some(Ok(n.cast_signed())));
    }
    let mut next = Box::pin(items.send(100));
    assert!(poll(&mut next).is_pending(), "the grant is not read yet");
    assert!(receiver.try_next().unwrap().is_none());
    assert!(poll(&mut next).is_ready());
}

#[test]
fn dropping_the_stream_tells_the_sink() {
    let (remote, mut receiver) = pair();
    let numbers = remote.count(0);
    let mut items = sink(&mut receiver);
    run(items.send(1)).unwrap();
    drop(numbers);
    assert!(receiver.try_next().unwrap().is_none());
    assert!(items.is_cancelled());
    run(items.cancelled());
    assert_eq!(run(items.send(2)), Err(StreamClosed(2)));
    assert_eq!(items.send_blocking(3), Err(Unsent::Closed(3)));
}

#[test]
fn a_handler_that_waits_for_its_consumer_is_told_when_that_goes() {
    let (remote, receiver) = pair();
    let plain = Plain::default();
    let mut numbers = remote.count(0);
    let mut serve = Box::pin(receiver.serve(plain.clone()));
    assert!(poll(&mut serve).is_pending());
    assert_eq!(run(numbers.next()), Some(Ok(0)));
    drop(numbers);
    assert!(poll(&mut serve).is_pending());
    assert!(poll(&mut serve).is_pending());
    drop(remote);
    assert!(poll(&mut serve).is_ready());
}

#[test]
fn a_stream_ends_with_the_reason_when_its_pipe_closes() {
    let (remote, mut receiver) = pair();
    let mut numbers = remote.count(0);
    let mut items = sink(&mut receiver);
    run(items.send(7)).unwrap();
    receiver.close(4, "no more");
    assert_eq!(run(numbers.next()), Some(Ok(7)));
    assert_eq!(run(numbers.next()), Some(Err(CallError::Closed(CloseReason::closed(4, "no more")))));
    assert_eq!(run(numbers.next()), None);
}

#[test]
fn a_stream_that_could_not_be_asked_for_says_so_once() {
    let (remote, _receiver) = pair_in(&MemoryBackend::with_window(1));
    remote.log("fills it").unwrap();
    let mut numbers = remote.count(0);
    assert_eq!(numbers.next_blocking(), Some(Err(CallError::Full)));
    assert_eq!(numbers.next_blocking(), None);
}

#[test]
fn a_value_that_cannot_be_sent_ends_the_stream_on_both_sides() {
    use crate::generated::types::{Everything, EverythingRequest};
    let (near, far) = MemoryBackend::new().create_pipe();
    let (remote, mut receiver) = (mage::Remote::<Everything>::bind(near), mage::Receiver::<Everything>::bind(far));
    let mut words = remote.words(0);
    let Some(EverythingRequest::Words { mut items, .. }) = receiver.try_next().unwrap() else { panic!() };
    run(items.send("four".into())).unwrap();
    run(items.send("fives".into())).unwrap();
    assert_eq!(run(words.next()), Some(Ok("four".to_string())));
    assert_eq!(run(words.next()), Some(Err(CallError::Unsendable)));
    assert_eq!(run(words.next()), None);
    assert!(receiver.try_next().unwrap().is_none());
    assert_eq!(run(items.send("late".into())), Err(StreamClosed("late".to_string())));
}
