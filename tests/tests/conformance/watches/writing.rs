//! Room is told while somebody wants to write, and only then.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use mage::adapter::{Drained, Ready, Watch};

use super::{NEITHER, READABLE, put, watch_draining};
use crate::rig::{Rig, Slot, happenings, sockets, watch};

pub(crate) fn a_writable_socket_is_told_while_that_is_wanted_only<R: Rig>() {
    let rig = R::start();
    let (near, _far) = sockets();
    let (report, calls) = happenings();
    let slot = Slot::<Watch>::default();
    let own = Arc::clone(&slot);
    put(
        &slot,
        watch(&rig, &near, move |ready| {
            if ready.writable {
                own.lock().unwrap().as_ref().unwrap().want_write(false);
            }
            report.send(ready).unwrap();
            Drained::Yes
        }),
    );
    for _ in 0..3 {
        slot.lock().unwrap().as_ref().unwrap().want_write(true);
        assert_eq!(calls.next(), Ready { readable: false, writable: true });
        slot.lock().unwrap().as_ref().unwrap().wake();
        assert_eq!(calls.next(), NEITHER);
    }
}

/// Writes until the socket takes no more; returns how many bytes it took.
fn fill(socket: &OwnedFd) -> usize {
    let mut filled = 0;
    while let Ok(written) = rustix::io::write(socket, &[0; 4096]) {
        filled += written;
    }
    filled
}

pub(crate) fn room_that_appears_while_writing_is_wanted_is_told<R: Rig>() {
    let rig = R::start();
    let (near, mut far) = sockets();
    let (report, calls) = happenings();
    let filler = Arc::clone(&near);
    let watch = watch(&rig, &near, move |ready| {
        if ready.writable {
            // Takes the room away again, so that each report has to stand for new room.
            report.send(fill(&filler)).unwrap();
        }
        Drained::Yes
    });
    let mut full = fill(&near);
    watch.want_write(true);
    for _ in 0..3 {
        far.read_exact(&mut vec![0; full]).unwrap();
        // The callback may fill in pieces while the far side still reads; an empty piece would be a false report.
        full = calls.next();
        assert_ne!(full, 0);
        for piece in calls.so_far() {
            assert_ne!(piece, 0);
            full += piece;
        }
    }
}

pub(crate) fn room_that_a_call_left_is_told_again<R: Rig>() {
    let rig = R::start();
    let (near, _far) = sockets();
    let (report, calls) = happenings();
    let socket = Arc::clone(&near);
    let watch = watch(&rig, &near, move |ready| {
        // One byte of a large room, and nothing left to read.
        let written = if ready.writable { rustix::io::write(&socket, b"x").unwrap_or(0) } else { 0 };
        report.send(written).unwrap();
        Drained::Yes
    });
    watch.want_write(true);
    assert_eq!([(); 10].map(|()| calls.next()), [1; 10]);
}

pub(crate) fn writability_makes_no_call_while_it_is_not_wanted<R: Rig>() {
    let rig = R::start();
    let (near, mut far) = sockets();
    let (report, calls) = happenings();
    let watch = watch_draining(&rig, &near, report);
    watch.want_write(true);
    while !calls.next().0.writable {}
    watch.want_write(false);
    // The call that reads this byte is the last one that may still speak of the former interest.
    far.write_all(b"x").unwrap();
    while calls.next().1 == 0 {}
    // Full and then emptied by the far side: the socket becomes writable, which is nobody's business now.
    let full = fill(&near);
    far.read_exact(&mut vec![0; full]).unwrap();
    far.write_all(b"x").unwrap();
    assert_eq!(calls.next(), (READABLE, 1));
    assert_eq!(calls.so_far(), []);
}
