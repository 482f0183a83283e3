//! A watch is woken by hand: one call for several wakes, none lost, never two at once.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use mage::adapter::{Drained, Watch};

use super::{NEITHER, READABLE, put, watched};
use crate::rig::{Rig, Slot, happenings, read_some, sockets, watch};

pub(crate) fn a_woken_callback_that_is_not_done_is_called_again<R: Rig>() {
    let rig = R::start();
    let (near, _far) = sockets();
    let (report, calls) = happenings();
    let mut left = 5;
    let watch = watch(&rig, &near, move |ready| {
        report.send(ready).unwrap();
        left -= 1;
        if left > 0 { Drained::No } else { Drained::Yes }
    });
    watch.wake();
    assert_eq!([(); 5].map(|()| calls.next()), [NEITHER; 5]);
}

pub(crate) fn a_woken_watch_is_called_with_neither_flag<R: Rig>() {
    let rig = R::start();
    let mut watched = watched(&rig);
    for _ in 0..3 {
        watched.watch.wake();
        assert_eq!(watched.calls.next(), (NEITHER, 0));
    }
    watched.far.write_all(b"x").unwrap();
    assert_eq!(watched.calls.next(), (READABLE, 1));
}

pub(crate) fn several_wakes_are_one_call<R: Rig>() {
    let rig = R::start();
    let (near, mut far) = sockets();
    let (report, calls) = happenings();
    let slot = Slot::<Watch>::default();
    let (own, socket) = (Arc::clone(&slot), Arc::clone(&near));
    put(
        &slot,
        watch(&rig, &near, move |ready| {
            if read_some(&socket, 64).is_some() {
                for _ in 0..5 {
                    own.lock().unwrap().as_ref().unwrap().wake();
                }
            }
            report.send(ready).unwrap();
            Drained::Yes
        }),
    );
    for _ in 0..3 {
        far.write_all(b"x").unwrap();
        assert_eq!(calls.next(), READABLE);
        assert_eq!(calls.next(), NEITHER);
    }
    assert_eq!(calls.so_far(), []);
}

pub(crate) fn a_wake_during_a_call_is_not_lost<R: Rig>() {
    let rig = R::start();
    let (near, _far) = sockets();
    let (report, calls) = happenings();
    let (go_on, holds) = happenings::<()>();
    let watch = watch(&rig, &near, move |_| {
        report.send(()).unwrap();
        holds.next();
        Drained::Yes
    });
    watch.wake();
    for _ in 0..10 {
        // The callback is running now, and goes on only after it was woken again.
        calls.next();
        watch.wake();
        go_on.send(()).unwrap();
    }
    calls.next();
    go_on.send(()).unwrap();
}

pub(crate) fn calls_of_one_watch_never_overlap<R: Rig>() {
    let rig = R::start();
    let (near, mut far) = sockets();
    let inside = AtomicBool::new(false);
    let overlapped = Arc::new(AtomicBool::new(false));
    let (report, calls) = happenings();
    let (socket, seen) = (Arc::clone(&near), Arc::clone(&overlapped));
    let watch = watch(&rig, &near, move |_| {
        if inside.swap(true, Ordering::SeqCst) {
            seen.store(true, Ordering::SeqCst);
        }
        let read = read_some(&socket, 1).unwrap_or(0);
        thread::yield_now();
        inside.store(false, Ordering::SeqCst);
        report.send(read).unwrap();
        if read == 0 { Drained::Yes } else { Drained::No }
    });
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..100).for_each(|_| watch.wake()));
        }
        far.write_all(&[0; 100]).unwrap();
    });
    let mut read = 0;
    while read < 100 {
        read += calls.next();
    }
    assert!(!overlapped.load(Ordering::SeqCst));
}
