//! The core alone, driven by hand in one thread: no socket, no lock, no executor, no encoding of values.

use std::collections::VecDeque;

use anyhow::{Context, Result, anyhow, ensure};
use bytes::BytesMut;
use mage_proto::{Limits, LinkId, Message, NameSource, Node, Output, Port, Transmit};

use super::{Family, Implementation, no_server};
use crate::measure::Sample;
use crate::message::{self, Tally};
use crate::process::Job;
use crate::workload::Workload::{CoreLink, CoreLocal, CoreMillion};

pub(super) const ALL: &[Implementation] = &[Implementation {
    name: "mage-proto",
    family: Family::Mage,
    workloads: &[CoreLink, CoreMillion, CoreLocal],
    client,
    server: no_server,
}];

/// How many messages are sent before the other side is driven.
const BATCH: u64 = 64;

/// Numbers from a multiplicative generator: distinct, and spread as random names are.
struct Spread(u128);

impl NameSource for Spread {
    fn next_name(&mut self) -> u128 {
        self.0 = self.0.wrapping_mul(0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645).wrapping_add(1);
        self.0
    }
}

/// A node, what it holds of its one link, and the bytes on their way to it.
struct Side {
    node: Node<(), Spread>,
    link: Option<LinkId>,
    arriving: BytesMut,
    ports: VecDeque<Port>,
}

impl Side {
    fn new(seed: u128) -> Self {
        let node = Node::new(Spread(seed), Limits::default());
        Self { node, link: None, arriving: BytesMut::with_capacity(1 << 16), ports: VecDeque::new() }
    }

    /// Does what the node wants done.
    fn drain(&mut self) {
        while let Some(output) = self.node.poll_output() {
            if let Output::InitialPort { port, .. } = output {
                self.ports.push_back(port);
            }
        }
    }

    /// Carries everything that waits here to `other`; says whether there was anything.
    fn carry(&mut self, other: &mut Self, batch: &mut Transmit<()>) -> Result<bool> {
        self.drain();
        let (Some(from), Some(to)) = (self.link, other.link) else { return Ok(false) };
        let mut carried = false;
        while self.node.poll_transmit(from, batch) {
            carried = true;
            batch.slices().for_each(|slice| other.arriving.extend_from_slice(slice));
            drop(batch.advance(batch.len()));
        }
        other.node.handle_bytes(to, &mut other.arriving, &mut VecDeque::new()).map_err(|bad| anyhow!("{bad}"))?;
        other.drain();
        Ok(carried)
    }
}

fn settle(a: &mut Side, b: &mut Side, batch: &mut Transmit<()>) -> Result<()> {
    while a.carry(b, batch)? | b.carry(a, batch)? {}
    Ok(())
}

fn client(job: &Job) -> Result<Sample> {
    let (mut a, mut b) = (Side::new(1), Side::new(1 << 99 | 1));
    let mut batch = Transmit::default();
    let (link, ports) = a.node.invite((), 1).map_err(|refused| anyhow!("{:?}", refused.0))?;
    (a.link, a.ports) = (Some(link), ports.into());
    b.link = Some(b.node.accept(()).map_err(|refused| anyhow!("{:?}", refused.0))?);
    settle(&mut a, &mut b, &mut batch)?;
    let (ours, theirs) = (a.ports.pop_front().context("no port")?, b.ports.pop_front().context("no port")?);
    // They stay open: ports have no destructor.
    let others = if job.workload == CoreMillion { 1_000_000 } else { 0 };
    for _ in 0..others / 2 {
        let (_, _) = (a.node.create_pipe(), b.node.create_pipe());
    }
    let (near, far) = a.node.create_pipe();

    let size = job.workload.size();
    let mut out = message::blank(size);
    let mut next = 0;
    let mut taken = VecDeque::with_capacity(64);
    let mut tally = Tally::default();
    job.gauge(&[])?.bursts(BATCH, |count| {
        for _ in 0..count / BATCH {
            let from = if job.workload == CoreLocal { &near } else { &ours };
            for _ in 0..BATCH {
                message::number(&mut out, next);
                next += 1;
                a.node.send(from, Message::new(&out[..])).map_err(|unsent| anyhow!("{}", unsent.kind))?;
            }
            let got = if job.workload == CoreLocal {
                a.node.receive_batch(&far, usize::MAX, |message| taken.push_back(message))
            } else {
                settle(&mut a, &mut b, &mut batch)?;
                b.node.receive_batch(&theirs, usize::MAX, |message| taken.push_back(message))
            };
            ensure!(got == Ok(BATCH as usize), "{got:?} messages instead of {BATCH}");
            taken.drain(..).for_each(|message| tally.note(&message.payload, size));
            if job.workload == CoreLocal { a.drain() } else { settle(&mut a, &mut b, &mut batch)? }
        }
        message::check_tally(tally.take(), count, size)
    })
}
