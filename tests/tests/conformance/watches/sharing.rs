//! Watches, tasks and sequences leave room for each other, whatever one of them does.

use std::io::Write;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use mage::adapter::Drained;

use super::{READABLE, watched};
use crate::rig::{Rig, happenings, sockets, watch};

pub(crate) fn a_callback_that_left_data_lets_other_watches_have_their_turn<R: Rig>() {
    let rig = R::start();
    let mut other = watched(&rig);
    let (near, mut far) = sockets();
    let had_turn = Arc::new(AtomicBool::new(false));
    let (begun, begins) = happenings();
    let (report, wait) = happenings();
    let seen = Arc::clone(&had_turn);
    let _watch = watch(&rig, &near, move |_| {
        let _ = begun.send(());
        if seen.load(Ordering::SeqCst) {
            let _ = report.send(());
            return Drained::Yes;
        }
        Drained::No
    });
    far.write_all(b"x").unwrap();
    begins.next();
    other.far.write_all(b"x").unwrap();
    assert_eq!(other.calls.next(), (READABLE, 1));
    had_turn.store(true, Ordering::SeqCst);
    wait.next();
}

pub(crate) fn a_callback_that_left_data_lets_tasks_have_their_turn<R: Rig>() {
    let rig = R::start();
    let runner = rig.start_runner("turn");
    let (near, mut far) = sockets();
    let had_turn = Arc::new(AtomicBool::new(false));
    let (report, wait) = happenings();
    let seen = Arc::clone(&had_turn);
    let mut task = Some(move || had_turn.store(true, Ordering::SeqCst));
    let _watch = watch(&rig, &near, move |_| {
        if let Some(task) = task.take() {
            runner.post(task);
        }
        if seen.load(Ordering::SeqCst) {
            let _ = report.send(());
            return Drained::Yes;
        }
        Drained::No
    });
    far.write_all(b"x").unwrap();
    wait.next();
}

pub(crate) fn a_panicking_callback_ends_alone<R: Rig>() {
    let rig = R::start();
    let mut other = watched(&rig);
    let (near, mut far) = sockets();
    let (report, calls) = happenings();
    let count = Mutex::new(0);
    let _watch = watch(&rig, &near, move |_| {
        *count.lock().unwrap() += 1;
        report.send(*count.lock().unwrap()).unwrap();
        std::panic::resume_unwind(Box::new("on purpose"))
    });
    far.write_all(b"x").unwrap();
    assert_eq!(calls.rest(), [1]);
    other.far.write_all(b"x").unwrap();
    assert_eq!(other.calls.next(), (READABLE, 1));
    far.shutdown(Shutdown::Both).unwrap();
}

pub(crate) fn a_blocked_sequence_does_not_stop_a_watch<R: Rig>() {
    let rig = R::start();
    let (release, blocker) = happenings::<()>();
    let (report, wait) = happenings();
    rig.start_runner("blocked").post(move || {
        report.send(()).unwrap();
        blocker.next();
    });
    wait.next();
    let mut watched = watched(&rig);
    watched.far.write_all(b"x").unwrap();
    assert_eq!(watched.calls.next(), (READABLE, 1));
    release.send(()).unwrap();
}
