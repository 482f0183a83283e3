//! This library, through the generated API, on each adapter: as its documentation says, with the default limits (but for
//! a million pipes, where it takes that many).

mod blocking;
mod couriers;
mod executor;
mod service;

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result};
use mage::adapter::Adapter;
use mage::node::Limits;
use mage::{Node, Remote};

use super::{Family, Implementation, raw_pipes};

use crate::message;
use crate::process::{Job, Server};
use crate::workload::Workload::{
    self, BulkCopied, BulkShared, Call64, Call64K, Idle, Links1, Links4, Links16, Links64, Moved, OneWay1K, OneWay1M,
    OneWay64, OneWay64K, Pass1, Pass32, Pipes1M, Pipes10K, TasksCall, ThreadsCall, ThreadsOneWay,
};

mage::include_magen!("meter");

const BETWEEN_PROCESSES: &[Workload] = &[
    Call64, Call64K, OneWay64, OneWay1K, OneWay64K, OneWay1M, BulkCopied, BulkShared, Pass1, Pass32, Pipes10K, Pipes1M,
    Links1, Links4, Links16, Links64, Idle, TasksCall,
];

pub(super) const ALL: &[Implementation] = &[
    Implementation {
        name: "mage-threads",
        family: Family::Mage,
        workloads: &[
            Call64,
            Call64K,
            OneWay64,
            OneWay1K,
            OneWay64K,
            OneWay1M,
            BulkCopied,
            BulkShared,
            Pass1,
            Pass32,
            Pipes10K,
            Pipes1M,
            Links1,
            Links4,
            Links16,
            Links64,
            Idle,
            Moved,
            ThreadsCall,
            ThreadsOneWay,
        ],
        client: blocking::client,
        server: blocking::server,
    },
    Implementation {
        name: "mage-tokio",
        family: Family::Mage,
        workloads: BETWEEN_PROCESSES,
        client: executor::tokio_client,
        server: executor::tokio_server,
    },
    Implementation {
        name: "mage-smol",
        family: Family::Mage,
        workloads: BETWEEN_PROCESSES,
        client: executor::smol_client,
        server: executor::smol_server,
    },
];

/// The size of the pieces in which bulk data is copied: far above what a socket buffers, far below the limit.
const PIECE: usize = 1 << 20;

/// Starts the server of `job` and invites it, over as many links as the workload has.
/// A node on `adapter`, which takes as many pipes as `job` opens.
fn node(job: &Job, adapter: impl Adapter) -> Result<Node> {
    let mut limits = Limits::default();
    limits.ports_per_link = limits.ports_per_link.max(2 * job.workload.pipes() as u32);
    Ok(Node::builder(adapter).limits(limits).build()?)
}

fn start(job: &Job, node: &Node) -> Result<(Server, Vec<Remote<Meter>>)> {
    let (ours, theirs) = UnixStream::pair()?;
    let server = Server::start(job, 0, theirs.into(), "")?;
    if job.workload.links() == 1 {
        return Ok((server, vec![Remote::bind(node.invite(ours)?)]));
    }
    let control = OwnedFd::from(ours);
    let mut remotes = Vec::new();
    for number in 0..job.workload.links() {
        let (ours, theirs) = UnixStream::pair()?;
        raw_pipes::pass(&control, number as u64, theirs.as_fd())?;
        remotes.push(Remote::bind(node.invite(ours)?));
    }
    Ok((server, remotes))
}

/// The sockets of the links of `job`, where there are several: they come over `control`.
fn other_links(job: &Job, control: &OwnedFd) -> Result<Vec<OwnedFd>> {
    let take = |_| raw_pipes::take(control)?.and_then(|(_, socket)| socket).context("a socket did not come");
    if job.workload.links() == 1 { Ok(Vec::new()) } else { (0..job.workload.links()).map(take).collect() }
}

fn check_tally((count, bytes): (i64, i64), expected: u64, size: usize) -> Result<()> {
    message::check_tally((count.cast_unsigned(), bytes.cast_unsigned()), expected, size)
}
