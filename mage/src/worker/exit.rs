//! Noticing that a child process ended: its process descriptor is watched by the adapter, like a socket.
//!
//! What must hold: the child is reaped as soon as it ends, also when nobody asks and when the adapter ended before it; it
//! is killed only while it is not reaped, so that its number cannot belong to another process by then.

use std::io;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::adapter::{Adapter, Drained, Watch};
use crate::sync::Lock;

/// A child process, until it has ended and after.
pub(super) struct Exit {
    id: u32,
    state: Lock<State>,
}

struct State {
    /// `None` only while everything is dropped.
    child: Option<Child>,
    ended: Option<Result<ExitStatus, io::ErrorKind>>,
    waiting: Vec<Waker>,
    watch: Option<Watch>,
}

impl Exit {
    /// Watches for the end of `child`, which is killed when it cannot be watched.
    pub(super) fn watch(mut child: Child, adapter: &Arc<dyn Adapter>) -> io::Result<Arc<Self>> {
        let descriptor = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(rustix::io::Errno::SRCH);
        let descriptor = descriptor.and_then(|pid| pidfd_open(pid, PidfdFlags::NONBLOCK));
        let descriptor = match descriptor {
            Ok(descriptor) => Arc::new(descriptor),
            Err(error) => {
                put_down(&mut child);
                return Err(error.into());
            }
        };
        let id = child.id();
        let state = State { child: Some(child), ended: None, waiting: Vec::new(), watch: None };
        let exit = Arc::new(Self { id, state: Lock::new(state) });
        let watched = Arc::clone(&exit);
        let watch = adapter.watch(descriptor, Box::new(move |_| watched.look()));
        match watch {
            Ok(watch) => exit.keep(watch),
            Err(error) => {
                exit.state.lock().child.as_mut().map(put_down);
                return Err(error);
            }
        }
        Ok(exit)
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Keeps the watch until the child has ended, which it may have already.
    fn keep(&self, watch: Watch) {
        let mut state = self.state.lock();
        if state.ended.is_none() {
            state.watch = Some(watch);
        } else {
            drop(state);
            drop(watch);
        }
    }

    /// Reaps the child if it has ended.
    fn look(&self) -> Drained {
        let mut state = self.state.lock();
        state.reap();
        if state.ended.is_some() {
            let (waiting, watch) = (std::mem::take(&mut state.waiting), state.watch.take());
            drop(state);
            drop(watch);
            waiting.into_iter().for_each(Waker::wake);
        }
        Drained::Yes
    }

    /// Waits for the end.
    pub(super) fn poll(&self, waker: &Waker) -> Poll<io::Result<ExitStatus>> {
        let waker = waker.clone();
        let mut state = self.state.lock();
        state.reap();
        if let Some(ended) = state.ended {
            drop(state);
            return Poll::Ready(ended.map_err(io::Error::from));
        }
        if !state.waiting.iter().any(|known| known.will_wake(&waker)) {
            state.waiting.push(waker);
        }
        Poll::Pending
    }

    pub(super) fn kill(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        state.reap();
        let State { child, ended, .. } = &mut *state;
        match (child, ended) {
            (Some(child), None) => child.kill(),
            (Some(_) | None, _) => Ok(()),
        }
    }
}

impl State {
    fn reap(&mut self) {
        if let (None, Some(child)) = (&self.ended, &mut self.child) {
            match child.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) => self.ended = Some(Ok(status)),
                Err(error) => self.ended = Some(Err(error.kind())),
            }
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.reap();
        if let (None, Some(mut child)) = (&self.ended, self.child.take()) {
            // The watch is gone with its adapter, and nobody waits. Without a thread the system reaps it after us.
            let reap = move || drop(child.wait());
            let _ = thread::Builder::new().name("mage-reaper".to_owned()).spawn(reap);
        }
    }
}

fn put_down(child: &mut Child) {
    // It fails only for a child that has ended, which is reaped here all the same.
    let _ = child.kill();
    let _ = child.wait();
}
