//! What arrives is told once for each time that it does, and not again because nobody reads it.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use mage::adapter::{Drained, Watch};
use rustix::net::{Shutdown, shutdown};

use super::READABLE;
use crate::rig::{Happenings, Rig, happenings, sockets};

/// Watches `end` and reads nothing, where the adapter says that it can.
fn unread(rig: &impl Rig, end: &Arc<OwnedFd>) -> Option<(Watch, Happenings<mage::adapter::Ready>)> {
    let adapter = rig.adapter();
    if !adapter.tells_arrivals() {
        return None;
    }
    let (report, calls) = happenings();
    let told = move |ready| {
        report.send(ready).unwrap();
        Drained::Yes
    };
    Some((adapter.watch_arrivals(Arc::clone(end), Box::new(told)).expect("a watch"), calls))
}

pub(crate) fn each_arrival_is_told_once_though_nothing_is_read<R: Rig>() {
    let rig = R::start();
    let (end, far) = sockets();
    let Some((_watch, calls)) = unread(&rig, &end) else { return };
    for _ in 0..20 {
        rustix::io::write(&far, b"x").unwrap();
        assert_eq!(calls.next(), READABLE);
    }
    assert_eq!(calls.so_far(), []);
}

pub(crate) fn a_shutdown_that_changes_nothing_is_an_arrival<R: Rig>() {
    let rig = R::start();
    let (end, far) = sockets();
    // What makes the end readable.
    rustix::io::write(&far, b"x").unwrap();
    let Some((_watch, calls)) = unread(&rig, &end) else { return };
    assert_eq!(calls.next(), READABLE);
    for _ in 0..20 {
        shutdown(&far, Shutdown::Read).unwrap();
        assert_eq!(calls.next(), READABLE);
    }
    assert_eq!(calls.so_far(), []);
}

pub(crate) fn no_arrival_is_told_after_the_watch_is_dropped<R: Rig>() {
    let rig = R::start();
    let (end, far) = sockets();
    let Some((watch, calls)) = unread(&rig, &end) else { return };
    rustix::io::write(&far, b"x").unwrap();
    assert_eq!(calls.next(), READABLE);
    drop(watch);
    rustix::io::write(&far, b"x").unwrap();
    assert_eq!(calls.rest(), []);
}
