//! Ends that are sent, bound, unbound and fused.

use mage::memory::MemoryBackend;
use mage::{CallError, MessagePipe, PendingReceiver, PendingRemote, Receiver, Remote};

use crate::generated::calculator::*;
use crate::implementations::Plain;
use crate::{pair, pair_in, run};

fn text(receiver: &mut Receiver<Calculator>) -> String {
    match receiver.try_next().unwrap() {
        Some(CalculatorRequest::Log { text }) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pending_receiver_sent_in_a_call_is_served_with_what_was_called_before() {
    let backend = MemoryBackend::new();
    let (remote, receiver) = pair_in(&backend);
    let (inner, far) = PendingRemote::<Calculator>::pair(backend.create_pipe());
    let inner = inner.bind();
    let early = inner.add(1, 2);
    remote.open(far).unwrap();
    let late = inner.add(3, 4);
    std::thread::spawn(move || receiver.serve_sync(&mut Plain::default()));
    assert_eq!((early.wait(), late.wait()), (Ok(3), Ok(7)));
}

#[test]
fn unbinding_a_receiver_loses_no_message() {
    let (remote, mut receiver) = pair();
    for n in 0..100 {
        remote.log(&n.to_string()).unwrap();
    }
    assert_eq!(text(&mut receiver), "0");
    let mut receiver = receiver.unbind().unwrap().bind();
    assert_eq!(text(&mut receiver), "1");
    remote.log("100").unwrap();
    let pipe = receiver.unbind().unwrap().into_pipe();
    let mut receiver = PendingReceiver::<Calculator>::new(pipe).bind();
    for n in 2..=100 {
        assert_eq!(text(&mut receiver), n.to_string());
    }
    let reply = remote.add(20, 22);
    let Some(CalculatorRequest::Add { a, b, reply: responder }) = receiver.try_next().unwrap() else { panic!() };
    responder.send(a + b);
    assert_eq!(run(reply), Ok(42));
    drop(remote);
    assert!(receiver.try_next().is_err());
}

#[test]
fn a_receiver_with_unanswered_calls_stays_bound() {
    let (remote, mut receiver) = pair();
    let reply = remote.add(1, 1);
    let request = receiver.try_next().unwrap();
    let receiver = receiver.unbind().unwrap_err();
    let Some(CalculatorRequest::Add { reply: responder, .. }) = request else { panic!() };
    responder.send(2);
    assert!(receiver.unbind().is_ok());
    assert_eq!(run(reply), Ok(2));
}

#[test]
fn a_remote_is_unbound_when_it_is_the_only_one_and_no_call_is_under_way() {
    let (remote, mut receiver) = pair();
    let clone = remote.clone();
    let remote = Remote::unbind(remote).unwrap_err();
    drop(clone);
    let reply = remote.add(1, 1);
    let remote = Remote::unbind(remote).unwrap_err();
    drop(reply);
    let remote = Remote::unbind(remote).unwrap().bind();
    while receiver.try_next().unwrap().is_some() {}
    let reply = remote.add(2, 2);
    let Some(CalculatorRequest::Add { reply: responder, .. }) = receiver.try_next().unwrap() else { panic!() };
    responder.send(4);
    assert_eq!(run(reply), Ok(4));
}

#[test]
fn forwarding_joins_who_calls_here_with_who_serves_there() {
    let backend = MemoryBackend::new();
    let (near, far) = PendingRemote::<Calculator>::pair(backend.create_pipe());
    let (caller, middle) = PendingRemote::<Calculator>::pair(backend.create_pipe());
    let caller = caller.bind();
    caller.log("early").unwrap();
    near.forward_to(middle).unwrap();
    caller.log("late").unwrap();
    let mut receiver = far.bind();
    assert_eq!([text(&mut receiver), text(&mut receiver)], ["early", "late"]);
    let (foreign, _far) = PendingRemote::<Calculator>::pair(MemoryBackend::new().create_pipe());
    let (_caller, middle) = PendingRemote::<Calculator>::pair(backend.create_pipe());
    let (_, foreign, middle) = foreign.forward_to(middle).unwrap_err();
    drop((foreign, middle));
}

#[test]
fn ends_dropped_unbound_close_their_pipes() {
    let (a, b) = MemoryBackend::new().create_pipe();
    drop(PendingReceiver::<Calculator>::new(b));
    assert!(matches!(Remote::<Calculator>::bind(a).add(1, 1).wait(), Err(CallError::Closed(_))));
}

#[test]
fn ends_may_be_shared_between_threads() {
    fn is_send_and_sync<T: Send + Sync>() {}
    fn is_send<T: Send>() {}
    is_send_and_sync::<Remote<Calculator>>();
    is_send_and_sync::<MessagePipe>();
    is_send::<Receiver<Calculator>>();
    is_send::<PendingRemote<Calculator>>();
    is_send::<PendingReceiver<Calculator>>();
    is_send::<mage::Reply<i32, MathError>>();
    is_send::<mage::Responder<i32, MathError>>();
    is_send::<mage::Streaming<i32>>();
    is_send::<mage::ReceiverSet<Calculator, String>>();
}

#[test]
fn clones_call_from_many_threads_and_every_answer_finds_its_call() {
    let (remote, receiver) = pair();
    let server = std::thread::spawn(move || receiver.serve_sync(&mut Plain::default()));
    let callers: Vec<_> = (0..4)
        .map(|thread| {
            let remote = remote.clone();
            std::thread::spawn(move || {
                for n in 0..500 {
                    assert_eq!(remote.add(thread * 1000, n).wait(), Ok(thread * 1000 + n));
                }
            })
        })
        .collect();
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    drop(remote);
    server.join().unwrap().unwrap();
}

/// Whatever goes first, the others end: none hangs and nothing panics.
#[test]
fn dropping_in_any_order_ends_everything() {
    for order in 0..120_usize {
        let backend = MemoryBackend::new();
        let (remote, mut receiver) = pair_in(&backend);
        let clone = remote.clone();
        let reply = remote.add(1, 1);
        let numbers = remote.count(1);
        let requests = (receiver.try_next().unwrap(), receiver.try_next().unwrap());
        let mut parts: Vec<Box<dyn std::any::Any>> =
            vec![Box::new((remote, clone)), Box::new(receiver), Box::new(reply), Box::new(numbers), Box::new(requests)];
        let mut rest = order;
        while !parts.is_empty() {
            let count = parts.len();
            drop(parts.remove(rest % count));
            rest /= count;
        }
        assert_eq!(format!("{backend:?}"), "MemoryBackend { ends: 0 }");
        assert_eq!(std::sync::Arc::strong_count(&backend), 1, "order {order}");
    }
}
