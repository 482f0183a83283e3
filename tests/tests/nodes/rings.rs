//! Busy links leave their sockets for rings in shared memory; nothing else changes.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use mage::pipe::{CloseReason, Loss};
use mage::{MessagePipe, Node};
use mage_tests::children::{Executor, Running};

use crate::{connected, message, patterned, receive, send, wait};

/// So many exchanges make a link busy for certain.
const BUSY: usize = 50;

/// Talks until both sides have left the socket.
fn make_busy(near: &MessagePipe, far: &MessagePipe) {
    for _ in 0..BUSY {
        near.send(message(b"ping")).unwrap();
        assert_eq!(*receive(far).payload, *b"ping");
        far.send(message(b"pong")).unwrap();
        assert_eq!(*receive(near).payload, *b"pong");
    }
}

pub(crate) fn much_more_than_a_ring_holds_goes_both_ways_at_once(executor: Executor) {
    let running = executor.start();
    let (_a, _b, near, far) = connected(&running);
    make_busy(&near, &far);
    let sizes: Vec<usize> = (0..300).map(|place| place * 997 % 200_000).collect();
    std::thread::scope(|scope| {
        for pipe in [&near, &far] {
            let sizes = &sizes;
            scope.spawn(move || sizes.iter().for_each(|&size| send(pipe, message(&patterned(size)))));
            scope.spawn(move || {
                for &size in sizes {
                    assert!(*receive(pipe).payload == *patterned(size), "{size} bytes differ");
                }
            });
        }
    });
}

pub(crate) fn handles_come_with_their_messages_in_order(executor: Executor) {
    let running = executor.start();
    let (_a, _b, near, far) = connected(&running);
    make_busy(&near, &far);
    // Together more than may lie in a socket at a time, and messages without any between them.
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..500_usize {
                let mut sent = message(&number.to_le_bytes());
                for _ in 0..number % 5 {
                    let (reading, writing) = rustix::pipe::pipe().unwrap();
                    File::from(writing).write_all(&number.to_le_bytes()).unwrap();
                    sent.handles.push(reading);
                }
                send(&near, sent);
            }
        });
        for number in 0..500_usize {
            let received = receive(&far);
            assert_eq!(*received.payload, number.to_le_bytes());
            assert_eq!(received.handles.len(), number % 5);
            for handle in received.handles {
                let mut said = Vec::new();
                File::from(handle).read_to_end(&mut said).unwrap();
                assert_eq!(said, number.to_le_bytes());
            }
        }
    });
}

pub(crate) fn what_comes_of_a_node_that_goes_is_what_it_sent_first(executor: Executor) {
    let running = executor.start();
    let (_a, b, near, far) = connected(&running);
    make_busy(&near, &far);
    for number in 0..200_u32 {
        send(&far, message(&number.to_le_bytes()));
    }
    drop(b);
    for number in 0..=200_u32 {
        match near.receive_blocking().expect("a thread that may wait") {
            Ok(received) => assert_eq!(*received.payload, number.to_le_bytes()),
            Err(reason) => return assert_eq!(reason, CloseReason::Lost(Loss::Node)),
        }
    }
    panic!("more came than was sent");
}

pub(crate) fn a_shutdown_delivers_what_is_in_a_ring(executor: Executor) {
    let running = executor.start();
    let (_a, b, near, far) = connected(&running);
    make_busy(&near, &far);
    let sizes: Vec<usize> = (0..20).map(|place| place * 5000).collect();
    sizes.iter().for_each(|&size| send(&far, message(&patterned(size))));
    let leaves = b.shutdown(std::time::Instant::now() + std::time::Duration::from_secs(60));
    let mut left = Box::pin(leaves);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for &size in &sizes {
                assert!(*receive(&near).payload == *patterned(size), "{size} bytes differ");
            }
        });
        wait(&far, left.as_mut()).expect("nothing is kept back");
    });
}

pub(crate) fn a_side_that_wants_no_rings_has_none(executor: Executor) {
    let running = executor.start();
    for (ours, theirs) in [(false, true), (true, false), (false, false)] {
        let (_a, _b, near, far) = joined(&running, ours, theirs);
        make_busy(&near, &far);
        send(&near, message(&patterned(100_000)));
        assert!(*receive(&far).payload == *patterned(100_000));
    }
}

fn joined(running: &Running, ours: bool, theirs: bool) -> (Node, Node, MessagePipe, MessagePipe) {
    let a = running.builder().rings(ours).build().expect("a node");
    let b = running.builder().rings(theirs).build().expect("a node");
    let (to_a, to_b) = UnixStream::pair().expect("sockets");
    let near = a.invite(OwnedFd::from(to_b)).expect("an invitation");
    let far = b.accept(OwnedFd::from(to_a)).wait().expect("an accepted invitation");
    (a, b, near, far)
}
