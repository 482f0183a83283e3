//! A thread that looks on before it sleeps: it serves everybody else meanwhile, and may be told not to. Who looks on here
//! would do so for ever, so that what it does not serve hangs the test.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use futures::channel::oneshot;
use mage::adapter::{Adapter as _, Drained, Ready, Watch};
use mage::{MessagePipe, Node};
use mage_adapter_threads::Adapter;

/// Has the calling thread expect an answer: it sends, and nobody answers.
fn expect(node: &Node) -> (MessagePipe, MessagePipe) {
    let (near, far) = node.create_pipe();
    near.send(&b"?"[..]).unwrap();
    (near, far)
}

fn patient(most: Duration) -> (Adapter, Node) {
    let adapter = Adapter::with_patience(most).unwrap();
    let node = Node::new(adapter.clone()).unwrap();
    (adapter, node)
}

/// Watches a socket of its own: the watch, what hears of the first arrival, and the other end.
fn watched(adapter: &Adapter) -> (Watch, oneshot::Receiver<()>, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    let (tell, told) = oneshot::channel();
    let mut tell = Some(tell);
    let on_ready = Box::new(move |ready: Ready| {
        if ready.readable
            && let Some(tell) = tell.take()
        {
            tell.send(()).unwrap();
        }
        Drained::Yes
    });
    (adapter.watch(Arc::new(OwnedFd::from(near)), on_ready).unwrap(), told, far)
}

#[test]
fn who_looks_on_serves_sockets() {
    let (adapter, node) = patient(Duration::MAX);
    let (_watch, told, far) = watched(&adapter);
    let _pipe = expect(&node);
    let writing = thread::spawn(move || (&far).write_all(b"!").map(|()| far));
    adapter.block_on(pin!(async move { told.await.unwrap() })).unwrap();
    writing.join().unwrap().unwrap();
}

#[test]
fn who_looks_on_as_a_follower_leads_when_the_leader_leaves() {
    let (adapter, node) = patient(Duration::MAX);
    for _ in 0..100 {
        let (_watch, told, far) = watched(&adapter);
        let (leave, left) = oneshot::channel();
        let leader = adapter.clone();
        let leading = thread::spawn(move || leader.block_on(pin!(async { left.await.unwrap() })).unwrap());
        let (report, waits) = mpsc::channel();
        let writing = thread::spawn(move || {
            waits.recv().unwrap();
            leave.send(()).unwrap();
            leading.join().unwrap();
            (&far).write_all(b"!").map(|()| far)
        });
        let _pipe = expect(&node);
        let waiting = async move {
            report.send(()).unwrap();
            told.await.unwrap();
        };
        adapter.block_on(pin!(waiting)).unwrap();
        writing.join().unwrap().unwrap();
    }
}

#[test]
fn who_looks_on_serves_timers() {
    let (adapter, node) = patient(Duration::MAX);
    let _pipe = expect(&node);
    adapter.block_on(pin!(adapter.sleep_until(Instant::now() + Duration::from_millis(1)))).unwrap();
}

#[test]
fn two_threads_that_look_on_for_ever_or_never_answer_each_other() {
    for most in [Duration::MAX, Duration::ZERO] {
        let (_adapter, node) = patient(most);
        let (near, far) = node.create_pipe();
        let (report, done) = mpsc::channel();
        let answering = thread::spawn(move || {
            while let Ok(message) = far.receive_blocking().unwrap() {
                far.send(message).unwrap();
            }
            report.send(()).unwrap();
        });
        for number in 0..1000_u32 {
            near.send(&number.to_le_bytes()[..]).unwrap();
            let answer = near.receive_blocking().unwrap().unwrap();
            assert_eq!(answer.payload[..], number.to_le_bytes()[..], "with {most:?}");
        }
        drop(near);
        done.recv().unwrap();
        answering.join().unwrap();
    }
}
