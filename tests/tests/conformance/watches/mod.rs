//! Promises about watched sockets.

mod arrivals;
mod lifetime;
mod reading;
mod sharing;
mod waking;
mod writing;

pub(crate) use arrivals::*;
pub(crate) use lifetime::*;
pub(crate) use reading::*;
pub(crate) use sharing::*;
pub(crate) use waking::*;
pub(crate) use writing::*;

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::mpsc::Sender;

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
