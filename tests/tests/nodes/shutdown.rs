//! A node is shut down in order: what was sent is delivered, or whoever waits hears that it takes too long.

use std::collections::VecDeque;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Wake, Waker};
use std::time::Duration;

use mage::node::ShutdownError;
use mage::pipe::{CloseReason, SendErrorKind};
use mage_tests::children::Executor;

use crate::{connected, ended, message, receive};

pub(crate) fn a_shutdown_delivers_what_was_sent(executor: Executor) {
    let running = executor.start();
    let (a, _b, near, far) = connected(&running);
    for number in 0..300_u32 {
        near.send(&number.to_le_bytes()[..]).unwrap();
    }
    a.shutdown_blocking(Duration::from_secs(60)).expect("an orderly end");
    for number in 0..300_u32 {
        assert_eq!(*receive(&far).payload, number.to_le_bytes());
    }
    assert_eq!(ended(&far), CloseReason::default());
    let (kind, _) = near.send(message(b"late")).unwrap_err();
    assert!(matches!(kind, SendErrorKind::Closed(_)));
    assert_eq!(a.invite(UnixStream::pair().unwrap().0).unwrap_err().kind.to_string(), "the node is shut down");
}

/// A waker that keeps the thread that calls it until it is let go.
struct Stuck {
    reached: Mutex<mpsc::Sender<()>>,
    released: Mutex<mpsc::Receiver<()>>,
}

impl Wake for Stuck {
    fn wake(self: Arc<Self>) {
        self.reached.lock().unwrap().send(()).unwrap();
        let _ = self.released.lock().unwrap().recv();
    }
}

pub(crate) fn a_shutdown_that_takes_too_long_says_so(executor: Executor) {
    let (running, stuck) = (executor.start(), Executor::Threads.start());
    let (a, b) = (running.node(), stuck.node());
    let (to_a, to_b) = UnixStream::pair().unwrap();
    let near = a.invite(to_b).unwrap();
    let far = b.accept(to_a).wait().unwrap();
    let (reached, reaches) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let waker = Waker::from(Arc::new(Stuck { reached: Mutex::new(reached), released: Mutex::new(released) }));
    assert!(far.poll_receive_batch(1, &mut VecDeque::new(), Some(&waker)).is_pending());
    near.send(message(b"read by nobody")).unwrap();
    reaches.recv().unwrap();
    // The far side reads no further, so that it cannot confirm that it knows of the end.
    assert_eq!(a.shutdown_blocking(Duration::from_millis(1)), Err(ShutdownError::TimedOut));
    drop(release);
}
