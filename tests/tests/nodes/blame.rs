//! Whoever supervises a node hears who sent what does not fit an interface.

use std::sync::mpsc;
use std::time::Duration;

use mage::node::NodeEvent;
use mage::{CallError, Interface as _, Node, Receiver, Remote};
use mage_tests::children::{Executor, Running};
use mage_tests::programs::Words;

use crate::{closed, message, receive};

type Events = mpsc::Receiver<NodeEvent>;

/// A node that tells what happens to it, another one, and a pipe between them.
fn supervised(running: &Running) -> (Node, Events, Node, mage::MessagePipe, mage::MessagePipe) {
    let (report, reports) = mpsc::channel();
    let a = running.supervised(move |event| drop(report.send(event)));
    let b = running.node();
    let (to_a, to_b) = std::os::unix::net::UnixStream::pair().expect("sockets");
    let near = a.invite(to_b).expect("an invitation");
    let far = b.accept(to_a).wait().expect("an accepted invitation");
    (a, reports, b, near, far)
}

fn next(events: &Events) -> NodeEvent {
    events.recv_timeout(Duration::from_secs(60)).expect("an event")
}

pub(crate) fn a_bad_message_is_told_with_the_node_that_it_came_from(executor: Executor) {
    let running = executor.start();
    let (_a, events, b, near, far) = supervised(&running);
    let (tell, told) = mpsc::channel();
    let mut receiver = Receiver::<Words>::bind(near).on_bad_message(move |bad| tell.send(bad.node()).unwrap());
    far.send(message(&[77; 20])).unwrap();
    assert!(receiver.next_blocking().expect("a thread that may wait").is_none());
    let blamed = told.try_recv().expect("the application was asked first").expect("a node");
    let event = next(&events);
    let NodeEvent::BadMessage { node, direct, reason } = event else { panic!("{event:?}") };
    assert_eq!((node, direct), (Some(blamed), true));
    assert_eq!(reason, format!("{}: a message of kind 77 does not belong here", Words::NAME));
    drop(b);
    let event = next(&events);
    assert!(matches!(event, NodeEvent::NodeLost { node, .. } if node == blamed), "{event:?}");
}

pub(crate) fn a_bad_message_is_told_after_its_sender_has_gone(executor: Executor) {
    let running = executor.start();
    let (_a, events, b, near, far) = supervised(&running);
    far.send(message(&[77; 20])).unwrap();
    drop(far);
    closed(&near);
    let mut receiver = Receiver::<Words>::bind(near);
    assert!(receiver.next_blocking().expect("a thread that may wait").is_none());
    let event = next(&events);
    let NodeEvent::BadMessage { node: Some(blamed), direct: false, .. } = event else { panic!("{event:?}") };
    drop(b);
    let event = next(&events);
    assert!(matches!(event, NodeEvent::NodeLost { node, .. } if node == blamed), "{event:?}");
}

pub(crate) fn a_bad_answer_is_told_too(executor: Executor) {
    let running = executor.start();
    let (_a, events, _b, near, far) = supervised(&running);
    let remote = Remote::<Words>::bind(near);
    let reply = remote.echo("?");
    let mut answer = receive(&far).payload[..13].to_vec();
    answer[0] = 2;
    far.send(message(&answer)).unwrap();
    let Err(CallError::BadAnswer(bad)) = reply.wait() else { panic!("a good answer") };
    let event = next(&events);
    let NodeEvent::BadMessage { node, direct: true, reason } = event else { panic!("{event:?}") };
    assert_eq!((node, reason), (bad.node(), bad.to_string()));
    assert!(node.is_some());
}
