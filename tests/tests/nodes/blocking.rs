//! A wait on a thread that would have to make the progress itself is refused, whatever is waited for.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::Duration;

use mage::node::{AcceptError, ShutdownError};
use mage::worker::ReadyError;
use mage::{CallError, Node, ReceiverSet, Remote, Worker};
use mage_tests::children::Executor;
use mage_tests::programs::{Words, WordsSync};

/// Never served.
struct Silent;

impl WordsSync for Silent {
    fn say(&mut self, _text: String) {}

    fn count(&mut self, _number: i32) {}

    fn echo(&mut self, text: String) -> String {
        text
    }
}

/// Waits in every way there is; each is named with whether it was refused.
fn wait_for_everything(node: &Node, worker: &Worker) -> Vec<(&'static str, bool)> {
    let (pipe, _other) = node.create_pipe();
    let (remote, mut receiver) = node.create::<Words>();
    let mut set = ReceiverSet::new();
    set.insert(node.create::<Words>().1, ());
    let accepting = || node.accept(UnixStream::pair().expect("sockets").0);
    let (invitee, one, all) = (accepting(), accepting(), accepting());
    drop(invitee);
    vec![
        ("a message", pipe.receive_blocking().is_err()),
        ("a first pipe", matches!(one.wait(), Err(AcceptError::WouldDeadlock(_)))),
        ("first pipes", matches!(all.wait_all(), Err(AcceptError::WouldDeadlock(_)))),
        ("an answer", matches!(remote.echo("").wait(), Err(CallError::WouldDeadlock))),
        ("an answer in time", {
            matches!(remote.echo("").timeout(Duration::from_secs(60)).wait(), Err(CallError::WouldDeadlock))
        }),
        ("a flush", matches!(Remote::flush(&remote).wait(), Err(CallError::WouldDeadlock))),
        ("the end of a pipe", Remote::closed(&remote).wait().is_err()),
        ("room", Remote::ready(&remote).wait().is_err()),
        ("a request", receiver.next_blocking().is_err()),
        ("a request of many", set.next_blocking().is_err()),
        ("serving", receiver.serve_sync(&mut Silent).is_err()),
        ("a worker's beginning", matches!(worker.ready_blocking(), Err(ReadyError::WouldDeadlock(_)))),
        ("a worker's end", worker.wait_blocking().is_err_and(|error| error.kind() == io::ErrorKind::Deadlock)),
        ("leaving", node.shutdown_blocking(Duration::from_secs(60)) == Err(ShutdownError::WouldDeadlock)),
    ]
}

pub(crate) fn every_wait_inside_a_task_is_refused_and_harms_nothing(executor: Executor) {
    let running = executor.start();
    let (node, member) = (running.node(), running.node());
    // Never joins.
    let worker = Worker::command("sleep").arg("1000").kill_on_drop(true).spawn(&node).expect("a worker");
    let (report, reports) = mpsc::channel();
    // The node that waits belongs to no network, so that it could accept.
    let waits = member.clone();
    member.adapter().task_runner().post(move || {
        report.send(wait_for_everything(&waits, &worker)).unwrap();
    });
    let refused = reports.recv_timeout(Duration::from_secs(60)).expect("nothing waited");
    let waited: Vec<_> = refused.iter().filter(|(_, refused)| !refused).collect();
    assert!(waited.is_empty(), "{waited:?}");
    let (remote, receiver) = member.create::<Words>();
    drop(receiver);
    assert!(Remote::closed(&remote).wait().is_ok(), "a plain thread may wait, and the node was not shut down");
}
