//! Promises about watched sockets.

use std::fs::File;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};
use std::thread;

use mage::adapter::{Drained, Ready, Watch};

use crate::rig::{Happenings, Rig, Slot, happenings, read_some, sockets, watch};

const READABLE: Ready = Ready { readable: true, writable: false };
const NEITHER: Ready = Ready { readable: false, writable: false };

/// A watched socket whose callback drains it and reports how it was called.
struct Watched {
    watch: Watch,
    calls: Happenings<(Ready, usize)>,
    far: UnixStream,
}

fn watched(rig: &impl Rig) -> Watched {
    let (near, far) = sockets();
    let (report, calls) = happenings();
    let watch = watch_draining(rig, &near, report);
    Watched { watch, calls, far }
}

fn watch_draining(rig: &impl Rig, near: &Arc<OwnedFd>, report: Sender<(Ready, usize)>) -> Watch {
    let socket = Arc::clone(near);
    watch(rig, near, move |ready| {
        // What is read without having been told of would be told of later, when it is gone.
        let read = if ready.readable { read_some(&socket, 64).unwrap_or(0) } else { 0 };
        report.send((ready, read)).unwrap();
        Drained::Yes
    })
}

/// Puts `watch` where its own callback may find it.
fn put(slot: &Slot<Watch>, watch: Watch) {
    *slot.lock().unwrap() = Some(watch);
}

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

pub(crate) fn a_dropped_watch_lets_go_of_its_callback_and_socket<R: Rig>() {
    let rig = R::start();
    let mut watched = watched(&rig);
    watched.far.write_all(b"x").unwrap();
    assert_eq!(watched.calls.next(), (READABLE, 1));
    drop(watched.watch);
    // The callback is gone, so nothing calls it any more; and with it the last that held the near socket.
    assert_eq!(watched.calls.rest(), []);
    assert_eq!(watched.far.read(&mut [0; 1]).unwrap(), 0);
}

pub(crate) fn a_watch_dropped_inside_its_own_callback_is_not_called_again<R: Rig>() {
    let rig = R::start();
    let (near, mut far) = sockets();
    let (report, calls) = happenings();
    let slot = Slot::<Watch>::default();
    let own = Arc::clone(&slot);
    put(
        &slot,
        watch(&rig, &near, move |_| {
            let watch = own.lock().unwrap().take().expect("the watch of the first call");
            watch.wake();
            drop(watch);
            report.send(()).unwrap();
            Drained::No
        }),
    );
    far.write_all(b"never read").unwrap();
    assert_eq!(calls.rest(), [()]);
}

pub(crate) fn a_watched_socket_stays_open<R: Rig>() {
    let rig = R::start();
    let (near, mut far) = sockets();
    let (report, calls) = happenings();
    let watch = watch(&rig, &near, move |ready| {
        let _ = report.send(ready);
        Drained::Yes
    });
    drop(near);
    far.write_all(b"x").unwrap();
    assert_eq!(calls.next(), READABLE);
    drop(watch);
    // Reset, because what was sent was never read; or simply the end.
    assert!(far.read(&mut [0; 1]).map_or(true, |read| read == 0));
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

pub(crate) fn what_cannot_be_watched_is_an_error<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    let file = Arc::new(OwnedFd::from(File::open("/proc/self/exe").unwrap()));
    assert!(adapter.watch(file, Box::new(|_| Drained::Yes)).is_err());
    let (near, _far) = sockets();
    let _first = watch(&rig, &near, |_| Drained::Yes);
    assert!(adapter.watch(near, Box::new(|_| Drained::Yes)).is_err());
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
