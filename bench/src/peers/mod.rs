//! The implementations, one file each, every one as its own documentation says and at its best.

mod mage;
mod raw;
mod raw_pipes;

use std::os::fd::OwnedFd;

use anyhow::{Context, Result};

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
    pub(crate) client: fn(&Job) -> Result<Sample>,
    /// Serves until the connection ends; the socket is what the client gave to `Server::start`.
    pub(crate) server: fn(&Job, OwnedFd) -> Result<()>,
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
    [raw::ALL, raw_pipes::ALL, mage::ALL].into_iter().flatten()
}

/// The one called `name`.
pub(crate) fn find(name: &str) -> Result<&'static Implementation> {
    all().find(|one| one.name == name).with_context(|| format!("no implementation is called {name:?}"))
}
