//! What comes is told: each time, also what was there before, the end, and again what a callback left.

use std::io::Write;
use std::sync::Arc;

use mage::adapter::{Drained, Watch};

use super::{READABLE, put, watch_draining, watched};
use crate::rig::{Rig, Slot, happenings, read_some, sockets, watch};

pub(crate) fn a_socket_that_becomes_readable_is_told_each_time<R: Rig>() {
    let rig = R::start();
    let mut watched = watched(&rig);
    for length in 1..20 {
        watched.far.write_all(&vec![0; length]).unwrap();
        assert_eq!(watched.calls.next(), (READABLE, length));
    }
}

pub(crate) fn data_that_came_before_the_watch_is_told<R: Rig>() {
    let rig = R::start();
    let (near, mut far) = sockets();
    far.write_all(b"early").unwrap();
    let (report, calls) = happenings();
    let _watch = watch_draining(&rig, &near, report);
    assert_eq!(calls.next(), (READABLE, 5));
}

pub(crate) fn the_end_of_a_stream_is_told<R: Rig>() {
    let rig = R::start();
    let (near, far) = sockets();
    let (report, calls) = happenings();
    let slot = Slot::<Watch>::default();
    let (own, socket) = (Arc::clone(&slot), Arc::clone(&near));
    put(
        &slot,
        watch(&rig, &near, move |ready| {
            report.send((ready.readable, read_some(&socket, 64))).unwrap();
            drop(own.lock().unwrap().take());
            Drained::Yes
        }),
    );
    drop(far);
    assert_eq!(calls.rest(), [(true, Some(0))]);
}

pub(crate) fn an_end_that_follows_data_is_told_although_the_data_was_drained<R: Rig>() {
    let rig = R::start();
    let (near, mut far) = sockets();
    far.write_all(b"last words").unwrap();
    drop(far);
    let (report, calls) = happenings();
    let slot = Slot::<Watch>::default();
    let (own, socket) = (Arc::clone(&slot), Arc::clone(&near));
    let started = slot.lock().unwrap();
    let watch = watch(&rig, &near, move |_| {
        let read = read_some(&socket, 64);
        if read == Some(0) {
            drop(own.lock().unwrap().take());
        }
        report.send(read).unwrap();
        // A short read, so there is no more: but the end is still to come.
        Drained::Yes
    });
    drop(started);
    put(&slot, watch);
    assert_eq!(calls.next(), Some(10));
    assert_eq!(calls.next(), Some(0));
}

pub(crate) fn a_callback_that_left_data_is_called_again_without_new_data<R: Rig>() {
    let rig = R::start();
    let (near, mut far) = sockets();
    let (report, calls) = happenings();
    let socket = Arc::clone(&near);
    let _watch = watch(&rig, &near, move |ready| match read_some(&socket, 1) {
        Some(_) => {
            report.send(ready).unwrap();
            Drained::No
        }
        None => Drained::Yes,
    });
    for _ in 0..3 {
        far.write_all(b"abc").unwrap();
        assert_eq!([(); 3].map(|()| calls.next()), [READABLE; 3]);
    }
}

pub(crate) fn more_watches_than_one_wait_reports_are_all_served<R: Rig>() {
    let rig = R::start();
    let mut watched: Vec<_> = (0..200).map(|_| watched(&rig)).collect();
    for _ in 0..3 {
        for watched in &mut watched {
            watched.far.write_all(b"x").unwrap();
        }
        for watched in &watched {
            assert_eq!(watched.calls.next(), (READABLE, 1));
        }
    }
}
