//! Promises about threads that wait.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use mage::adapter::{Adapter, Drained, Watch, WouldDeadlock};

use crate::rig::{Rig, block_on, happenings, read_some, sockets, watch};

/// What a thread waits for: bytes that a callback has read.
#[derive(Default)]
struct Inbox {
    bytes: usize,
    waker: Option<Waker>,
}

/// A socket whose bytes a thread can wait for.
struct Link {
    inbox: Arc<Mutex<Inbox>>,
    near: Arc<OwnedFd>,
    far: UnixStream,
    _watch: Watch,
}

impl Link {
    fn new(rig: &impl Rig) -> Self {
        let (near, far) = sockets();
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        let (socket, filled) = (Arc::clone(&near), Arc::clone(&inbox));
        let watch = watch(rig, &near, move |_| {
            let read = read_some(&socket, 64).unwrap_or(0);
            let mut inbox = filled.lock().unwrap();
            inbox.bytes += read;
            let waker = inbox.waker.take();
            drop(inbox);
            if let Some(waker) = waker {
                waker.wake();
            }
            Drained::Yes
        });
        Self { inbox, near, far, _watch: watch }
    }

    /// Waits for `bytes` bytes and takes them.
    fn wait_for(&self, adapter: &dyn Adapter, bytes: usize) -> Result<(), WouldDeadlock> {
        let arrived = poll_fn(|cx| {
            let mut inbox = self.inbox.lock().unwrap();
            if inbox.bytes >= bytes {
                inbox.bytes -= bytes;
                return Poll::Ready(());
            }
            inbox.waker = Some(cx.waker().clone());
            Poll::Pending
        });
        block_on(adapter, arrived)
    }
}

/// Sends back what it reads, until the stream ends.
fn echo(far: &UnixStream) {
    let mut far = far;
    let mut buffer = [0; 64];
    while let Ok(read @ 1..) = far.read(&mut buffer) {
        far.write_all(&buffer[..read]).unwrap();
    }
}

pub(crate) fn a_plain_thread_waits_until_it_is_woken<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    assert!(adapter.may_block());
    let (send, receive) = futures::channel::oneshot::channel();
    let (report, begun) = happenings();
    thread::scope(|scope| {
        scope.spawn(move || {
            begun.next();
            send.send("woken").unwrap();
        });
        let waits = async {
            report.send(()).unwrap();
            receive.await.unwrap()
        };
        assert_eq!(block_on(&*adapter, waits), Ok("woken"));
    });
    assert!(adapter.may_block());
}

pub(crate) fn a_waiting_thread_sees_what_a_callback_does<R: Rig>() {
    let rig = R::start();
    let link = Link::new(&rig);
    thread::scope(|scope| {
        scope.spawn(|| (&link.far).write_all(b"abc").unwrap());
        link.wait_for(&*rig.adapter(), 3).unwrap();
    });
}

pub(crate) fn a_round_trip_after_another_from_one_thread<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    let link = Link::new(&rig);
    thread::scope(|scope| {
        scope.spawn(|| echo(&link.far));
        for _ in 0..2000 {
            rustix::io::write(&link.near, b"x").unwrap();
            link.wait_for(&*adapter, 1).unwrap();
        }
        rustix::net::shutdown(&link.near, rustix::net::Shutdown::Write).unwrap();
    });
}

pub(crate) fn several_threads_wait_at_once<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    let links: Vec<_> = (0..4).map(|_| Link::new(&rig)).collect();
    thread::scope(|scope| {
        for link in &links {
            scope.spawn(|| echo(&link.far));
            scope.spawn(|| {
                for _ in 0..500 {
                    rustix::io::write(&link.near, b"x").unwrap();
                    link.wait_for(&*adapter, 1).unwrap();
                }
                rustix::net::shutdown(&link.near, rustix::net::Shutdown::Write).unwrap();
            });
        }
    });
}

pub(crate) fn sockets_are_served_after_a_waiting_thread_left<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    let waited_for = Link::new(&rig);
    let (near, mut far) = sockets();
    let (report, calls) = happenings();
    let socket = Arc::clone(&near);
    let _watch = watch(&rig, &near, move |_| {
        report.send(read_some(&socket, 64)).unwrap();
        Drained::Yes
    });
    for round in 0..20 {
        if round % 2 == 0 {
            (&waited_for.far).write_all(b"x").unwrap();
            waited_for.wait_for(&*adapter, 1).unwrap();
        } else {
            // A wait that is long enough for whoever steps in for this thread to have gone to sleep.
            let timer = adapter.sleep_until(Instant::now() + Duration::from_millis(5));
            block_on(&*adapter, timer).unwrap();
        }
        // This thread makes no further call of the adapter.
        far.write_all(b"y").unwrap();
        assert_eq!(calls.next(), Some(1));
    }
}

pub(crate) fn a_wait_inside_a_task_is_refused<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    let (report, wait) = happenings();
    rig.start_runner("refused").post(move || {
        report.send((adapter.may_block(), block_on(&*adapter, async {}))).unwrap();
    });
    assert_eq!(wait.next(), (false, Err(WouldDeadlock)));
}

pub(crate) fn a_wait_inside_a_callback_is_refused<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    let (near, _far) = sockets();
    let (report, wait) = happenings();
    let watch = watch(&rig, &near, move |_| {
        report.send((adapter.may_block(), block_on(&*adapter, async {}))).unwrap();
        Drained::Yes
    });
    watch.wake();
    assert_eq!(wait.next(), (false, Err(WouldDeadlock)));
}

pub(crate) fn a_wait_inside_a_spawned_future_is_refused<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    let (report, wait) = happenings();
    rig.adapter().spawn(Box::pin(async move {
        report.send((adapter.may_block(), block_on(&*adapter, async {}))).unwrap();
    }));
    assert_eq!(wait.next(), (false, Err(WouldDeadlock)));
}

pub(crate) fn a_wait_inside_a_wait_is_refused<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    let inner = RefCell::new(None);
    block_on(&*adapter, async {
        *inner.borrow_mut() = Some((adapter.may_block(), block_on(&*adapter, async {})));
    })
    .unwrap();
    assert_eq!(inner.take(), Some((false, Err(WouldDeadlock))));
}
