//! Calls and serving, over the in-memory backend: no node, no socket, no executor.

mod calls;
mod endpoints;
pub mod generated;
mod hostile;
mod implementations;
mod serving;
mod streams;
mod values;
mod wire;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use generated::calculator::Calculator;
use mage::backend::Backend;
use mage::memory::MemoryBackend;
use mage::{Receiver, Remote};

/// A calculator's two ends in a backend of their own.
fn pair() -> (Remote<Calculator>, Receiver<Calculator>) {
    pair_in(&MemoryBackend::new())
}

fn pair_in(backend: &Arc<MemoryBackend>) -> (Remote<Calculator>, Receiver<Calculator>) {
    let (near, far) = backend.create_pipe();
    (Remote::bind(near), Receiver::bind(far))
}

/// Runs a future on this thread.
fn run<F: Future>(future: F) -> F::Output {
    let mut output = None;
    {
        let mut wait = pin!(async { output = Some(future.await) });
        MemoryBackend::new().block_on(wait.as_mut()).unwrap();
    }
    output.unwrap()
}

/// Polls once.
fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}
