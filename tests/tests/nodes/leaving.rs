//! A node takes its leave: others' routes no longer lead through it, and then its links end, with a word of farewell.

use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::Duration;

use mage::node::{Census, NodeEvent};
use mage::pipe::{CloseReason, Loss, Message};
use mage::{MessagePipe, Node};
use mage_tests::children::{Executor, Running};

use crate::{connected, ended, message, receive};

/// A chain of nodes `a` (which tells what happens to it), `b` and `c`, and a pipe from `a` to `c` that was passed on by `b`.
struct Chain {
    events: mpsc::Receiver<NodeEvent>,
    nodes: [Node; 3],
    links: [MessagePipe; 4],
    at_a: MessagePipe,
    at_c: MessagePipe,
}

fn chain(running: &Running) -> Chain {
    let (report, events) = mpsc::channel();
    let a = running.supervised(move |event| drop(report.send(event)));
    let (b, c) = (running.node(), running.node());
    let meet = |inviter: &Node, invitee: &Node| {
        let (here, there) = UnixStream::pair().expect("sockets");
        let near = inviter.invite(there).expect("an invitation");
        (near, invitee.accept(here).wait().expect("an accepted invitation"))
    };
    let (a_to_b, b_to_a) = meet(&a, &b);
    let (b_to_c, c_to_b) = meet(&b, &c);
    let (at_a, travels) = a.create_pipe();
    at_a.send(message(b"first")).unwrap();
    a_to_b.send(Message { pipes: vec![travels], ..Message::default() }).unwrap();
    b_to_c.send(receive(&b_to_a)).unwrap();
    let at_c = receive(&c_to_b).pipes.pop().expect("a pipe");
    Chain { events, nodes: [a, b, c], links: [a_to_b, b_to_a, b_to_c, c_to_b], at_a, at_c }
}

pub(crate) fn a_node_that_leaves_takes_no_route_with_it(executor: Executor) {
    let running = executor.start();
    let Chain { events, nodes: [a, b, c], links, at_a, at_c } = chain(&running);
    b.shutdown_blocking(Duration::from_secs(60)).expect("an orderly end");
    drop(b);
    let lost = loop {
        match events.recv_timeout(Duration::from_secs(60)).expect("an event") {
            NodeEvent::NodeLost { after_bye, .. } => break after_bye,
            other => drop(other),
        }
    };
    assert!(lost, "the link ended without a farewell");
    assert_eq!(ended(&links[0]), CloseReason::default(), "its own pipes are closed, not lost");
    for round in 0..100_u32 {
        at_a.send(message(&round.to_le_bytes())).unwrap();
    }
    assert_eq!(*receive(&at_c).payload, *b"first");
    for round in 0..100_u32 {
        assert_eq!(*receive(&at_c).payload, round.to_le_bytes());
    }
    at_c.send(message(b"answer")).unwrap();
    assert_eq!(*receive(&at_a).payload, *b"answer");
    drop((a, c));
}

pub(crate) fn what_cannot_be_delivered_is_given_back(executor: Executor) {
    let running = executor.start();
    let (a, b, near, far) = connected(&running);
    near.send(message(b"delivered")).unwrap();
    assert_eq!(*receive(&far).payload, *b"delivered");
    drop(b);
    assert_eq!(ended(&near), CloseReason::Lost(Loss::Node));
    let (_, back) = near.send(message(b"given back")).unwrap_err();
    assert_eq!(*back.payload, *b"given back");
    a.shutdown_blocking(Duration::from_secs(60)).expect("an orderly end");
}

pub(crate) fn a_census_counts_what_a_node_holds(executor: Executor) {
    let running = executor.start();
    let alone = running.node();
    let (one, other) = alone.create_pipe();
    assert_eq!(alone.census(), Census { active: 2, ..Census::default() });
    drop((one, other));
    assert_eq!(alone.census(), Census::default());
    let (a, _b, _near, _far) = connected(&running);
    // The first pipe's end may still be settling: a port passes messages on for as long as that takes.
    let Census { active, links, nodes, .. } = a.census();
    assert_eq!((active, links, nodes), (1, 1, 1));
}
