//! The implementations, one file each, every one as its own documentation says and at its best.

mod core;
mod exchange;
mod iceoryx2;
mod in_process;
mod ipc_channel;
mod mage;
mod raw;
mod raw_pipes;
mod remoc;
mod tarpc;
mod zbus;

use std::os::fd::OwnedFd;

use anyhow::{Context, Result, bail};
use tokio::runtime::{Builder, LocalOptions};

use crate::measure::Sample;
use crate::process::Job;
use crate::workload::Workload;

/// One way to do some of the workloads.
#[derive(Debug)]
pub(crate) struct Implementation {
    pub(crate) name: &'static str,
    pub(crate) family: Family,
    pub(crate) workloads: &'static [Workload],
    /// Measures.
    pub(crate) client: fn(&'static Job) -> Result<Sample>,
    /// Serves until the connection ends; the socket is what the client gave to `Server::start`.
    pub(crate) server: fn(&'static Job, OwnedFd) -> Result<()>,
}

/// What an implementation is compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// A socket with one write for each message: what all others are divided by.
    Base,
    /// What else can be had from the operating system with bare hands: shown, not compared.
    Raw,
    /// Somebody else's library.
    Peer,
    /// This library, through the generated API.
    Mage,
}

/// All of them, in the order of the table.
pub(crate) fn all() -> impl Iterator<Item = &'static Implementation> {
    [
        raw::ALL,
        raw_pipes::ALL,
        ipc_channel::ALL,
        iceoryx2::ALL,
        zbus::ALL,
        tarpc::ALL,
        remoc::ALL,
        in_process::ALL,
        core::ALL,
        mage::ALL,
    ]
    .into_iter()
    .flatten()
}

/// The one called `name`.
pub(crate) fn find(name: &str) -> Result<&'static Implementation> {
    all().find(|one| one.name == name).with_context(|| format!("no implementation is called {name:?}"))
}

/// Runs `work` on a tokio runtime of this thread: for one connection that is the fastest. It runs as a task, since tokio
/// asks the operating system for news each time before it polls what `block_on` was given itself.
fn on_tokio<T: 'static>(work: impl Future<Output = Result<T>> + 'static) -> Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async { tokio::task::spawn_local(work).await? })
}

/// For those that run inside one process.
fn no_server(job: &Job, _socket: OwnedFd) -> Result<()> {
    bail!("{} has no server", job.implementation)
}
