//! A watch keeps its socket as long as it stands, and lets go of everything when it is dropped.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use mage::adapter::{Drained, Watch};

use super::{READABLE, put, watched};
use crate::rig::{Rig, Slot, happenings, sockets, watch};

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

pub(crate) fn what_cannot_be_watched_is_an_error<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    let file = Arc::new(OwnedFd::from(File::open("/proc/self/exe").unwrap()));
    assert!(adapter.watch(file, Box::new(|_| Drained::Yes)).is_err());
    let (near, _far) = sockets();
    let _first = watch(&rig, &near, |_| Drained::Yes);
    assert!(adapter.watch(near, Box::new(|_| Drained::Yes)).is_err());
}
