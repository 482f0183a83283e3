//! A link that ends takes the pipes that used it with it, and nothing else.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::Duration;

use mage::node::NodeEvent;
use mage::pipe::{CloseReason, Loss};
use mage_tests::children::Executor;

use crate::{connected, ended, message, patterned, receive};

pub(crate) fn a_dropped_node_loses_its_pipes_and_nothing_else(executor: Executor) {
    let running = executor.start();
    let (a, b, near, far) = connected(&running);
    let (to_a, to_c) = UnixStream::pair().unwrap();
    let near_c = a.invite(to_c).unwrap();
    let c = running.node();
    let far_c = c.accept(to_a).wait().unwrap();
    drop(b);
    assert_eq!(ended(&near), CloseReason::Lost(Loss::Node));
    assert_eq!(ended(&far), CloseReason::Lost(Loss::Node));
    near_c.send(message(b"still there")).unwrap();
    assert_eq!(*receive(&far_c).payload, *b"still there");
    drop(a);
    assert_eq!(ended(&far_c), CloseReason::Lost(Loss::Node));
}

pub(crate) fn garbage_ends_its_own_pipes_and_is_reported(executor: Executor) {
    let running = executor.start();
    let (report, reports) = mpsc::channel();
    let a = running.supervised(move |event| drop(report.send(event)));
    let (to_a, to_b) = UnixStream::pair().unwrap();
    let healthy = a.invite(to_b).unwrap();
    let b = running.node();
    let far = b.accept(to_a).wait().unwrap();

    let (mut rogue, to_rogue) = UnixStream::pair().unwrap();
    let lost = a.invite(to_rogue).unwrap();
    rogue.write_all(&patterned(1000)).unwrap();
    assert_eq!(ended(&lost), CloseReason::Lost(Loss::Node));
    let mut rest = Vec::new();
    // The connection is over for the rogue, too: it sees the end, not silence.
    let _ = rogue.read_to_end(&mut rest);
    let event = reports.recv_timeout(Duration::from_secs(60)).expect("a report");
    assert!(matches!(event, NodeEvent::BadPeer { node: None, .. }), "{event:?}");

    healthy.send(message(b"unharmed")).unwrap();
    assert_eq!(*receive(&far).payload, *b"unharmed");
}

pub(crate) fn an_end_of_stream_inside_a_frame_ends_its_own_pipes(executor: Executor) {
    let running = executor.start();
    let a = running.node();
    let (mut rogue, to_rogue) = UnixStream::pair().unwrap();
    let lost = a.invite(to_rogue).unwrap();
    rogue.write_all(&[40, 0, 0, 0]).unwrap();
    rogue.shutdown(Shutdown::Write).unwrap();
    assert_eq!(ended(&lost), CloseReason::Lost(Loss::Node));
}

pub(crate) fn a_node_on_an_executor_that_ended_loses_its_links(executor: Executor) {
    let (running, other) = (executor.start(), Executor::Threads.start());
    let (a, b) = (running.node(), other.node());
    let (to_a, to_b) = UnixStream::pair().unwrap();
    let _near = a.invite(to_b).unwrap();
    let far = b.accept(to_a).wait().unwrap();
    drop(running);
    if executor == Executor::Threads {
        // The node itself keeps the threads of its adapter.
        drop(a);
    }
    assert_eq!(ended(&far), CloseReason::Lost(Loss::Node));
}
