//! iceoryx2: samples in shared memory, and an event service for whoever sleeps. One way it tells the far side of every
//! 64th message and of the last, which is its best (for each message costs four times as much).

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, anyhow, ensure};
use futures::FutureExt;
use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use iceoryx2::sample::Sample as Received;

use super::exchange::{self, Exchange};
use super::{Family, Implementation};
use crate::measure::{Gauge, Sample};
use crate::message::{self, Tally};
use crate::process::{Job, Server};
use crate::workload::Workload::{BulkCopied, BulkShared, Call64, Call64K, OneWay1K, OneWay1M, OneWay64, OneWay64K};

pub(super) const ALL: &[Implementation] = &[Implementation {
    name: "iceoryx2",
    family: Family::Peer,
    workloads: &[Call64, Call64K, OneWay64, OneWay1K, OneWay64K, OneWay1M, BulkCopied, BulkShared],
    client,
    server,
}];

/// How many one-way messages are sent at most before the far side is told.
const STEP: u32 = 64;
/// The number of the message that ends the server.
const QUIT: u64 = message::ASK - 1;

/// One side: what it sends by and what it receives by.
struct Side {
    publisher: Publisher<ipc::Service, [u8], ()>,
    notifier: Notifier<ipc::Service>,
    subscriber: Subscriber<ipc::Service, [u8], ()>,
    listener: Listener<ipc::Service>,
    untold: u32,
    /// How many one-way messages are sent before the far side is told: fewer than may wait, or nobody would ever go on.
    step: u32,
}

/// What an error of iceoryx2 says; not all of them are errors of the standard library.
fn said(error: impl std::fmt::Debug) -> anyhow::Error {
    anyhow!("{error:?}")
}

impl Side {
    /// Opens the services of a run: what goes `there` and what comes `back`, as this side sees it.
    fn open(name: &str, size: usize, there: &str, back: &str) -> Result<Self> {
        set_log_level(LogLevel::Error);
        let node = NodeBuilder::new().create::<ipc::Service>().map_err(said)?;
        // As many may wait as memory of some megabytes holds; nothing is ever overwritten.
        let waiting = (16_usize << 20).checked_div(size).unwrap_or(1).clamp(1, 1024);
        let samples = |direction: &str| -> Result<_> {
            let name = ServiceName::new(&format!("{name}/{direction}")).map_err(said)?;
            let service = node.service_builder(&name).publish_subscribe::<[u8]>();
            let service = service.enable_safe_overflow(false).subscriber_max_buffer_size(waiting).history_size(0);
            service.subscriber_max_borrowed_samples(1).open_or_create().map_err(said)
        };
        let events = |direction: &str| -> Result<_> {
            let name = ServiceName::new(&format!("{name}/{direction}")).map_err(said)?;
            node.service_builder(&name).event().open_or_create().map_err(said)
        };
        let outgoing = samples(there)?;
        let publisher = outgoing.publisher_builder().initial_max_slice_len(size).max_loaned_samples(1);
        let publisher = publisher.backpressure_strategy(BackpressureStrategy::RetryUntilDelivered);
        Ok(Self {
            publisher: publisher.create().map_err(said)?,
            notifier: events(there)?.notifier_builder().create().map_err(said)?,
            subscriber: samples(back)?.subscriber_builder().create().map_err(said)?,
            listener: events(back)?.listener_builder().create().map_err(said)?,
            untold: 0,
            step: STEP.min(u32::try_from(waiting / 2)?.max(1)),
        })
    }

    fn publish(&self, data: &[u8]) -> Result<()> {
        let sample = self.publisher.loan_slice_uninit(data.len()).map_err(said)?;
        let receivers = sample.write_from_slice(data).send().map_err(said)?;
        ensure!(receivers == 1, "{receivers} received it");
        Ok(())
    }

    fn tell(&mut self) -> Result<()> {
        self.untold = 0;
        self.notifier.notify().map_err(said)?;
        Ok(())
    }

    fn send(&mut self, data: &[u8]) -> Result<()> {
        self.publish(data)?;
        self.tell()
    }

    fn receive(&self) -> Result<Received<ipc::Service, [u8], ()>> {
        loop {
            if let Some(sample) = self.subscriber.receive().map_err(said)? {
                return Ok(sample);
            }
            self.listener.blocking_wait(|_| {}).map_err(said)?;
        }
    }
}

/// An answer, copied out of its sample.
type Copied = Vec<u8>;

impl Exchange for Side {
    type Answer = Copied;

    async fn echo(&mut self, data: &[u8]) -> Result<Copied> {
        self.send(data)?;
        Ok(self.receive()?.payload().to_vec())
    }

    async fn push(&mut self, data: &[u8]) -> Result<()> {
        self.publish(data)?;
        self.untold += 1;
        if self.untold >= self.step { self.tell() } else { Ok(()) }
    }

    async fn tally(&mut self) -> Result<(u64, u64)> {
        self.send(&message::ASK.to_le_bytes())?;
        let answer = self.receive()?;
        Ok((message::number_of(&answer)?, message::number_of(answer.get(8..).context("no tally")?)?))
    }
}

fn client(job: &Job) -> Result<Sample> {
    let (_, theirs) = UnixStream::pair()?;
    let name = format!("mage-bench-{}", std::process::id());
    let mut side = Side::open(&name, job.workload.size(), "there", "back")?;
    let server = Server::start(job, 0, theirs.into(), &name)?;
    // The server's first word: it is connected.
    ensure!(message::number_of(&side.receive()?)? == 0, "the server says something else");
    let gauge = job.gauge(&[&server])?;
    let sample = match job.workload {
        BulkCopied | BulkShared => bulk(job, &gauge, &mut side)?,
        _ => exchange::measure(job, &gauge, &mut side).now_or_never().context("a blocking peer waited")??,
    };
    side.send(&QUIT.to_le_bytes())?;
    server.finish(sample)
}

/// Copied: the copy into the sample is timed; shared: it was filled before.
fn bulk(job: &Job, gauge: &Gauge, side: &mut Side) -> Result<Sample> {
    let data = message::bulk(job.workload.size());
    let mut sample = Some(side.publisher.loan_slice_uninit(data.len()).map_err(said)?);
    let mut filled = match job.workload {
        BulkShared => sample.take().map(|sample| sample.write_from_slice(&data)),
        _ => None,
    };
    gauge.single(1, || {
        if let Some(sample) = sample.take() {
            filled = Some(sample.write_from_slice(&data));
        }
        filled.take().context("no sample")?.send().map_err(said)?;
        side.tell()?;
        let pages = message::number_of(&side.receive()?)?;
        let expected = if job.workload == BulkShared { 1 } else { message::sound_pages(&data, 0) };
        ensure!(pages == expected, "{pages} pages of {expected} arrived");
        Ok(())
    })
}

fn server(job: &Job, _socket: OwnedFd) -> Result<()> {
    let size = job.workload.size();
    let mut side = Side::open(&job.argument, size, "back", "there")?;
    side.send(&0_u64.to_le_bytes())?;
    let mut tally = Tally::default();
    loop {
        let data = side.receive()?;
        match message::number_of(&data)? {
            QUIT => return Ok(()),
            message::ASK => {
                let (count, bytes) = tally.take();
                side.send(&[count.to_le_bytes(), bytes.to_le_bytes()].concat())?;
            }
            _ => match job.workload {
                Call64 | Call64K => side.send(&data)?,
                BulkCopied => side.send(&message::sound_pages(&data, 0).to_le_bytes())?,
                BulkShared => {
                    let first = message::sound_pages(data.get(..message::PAGE).context("no data")?, 0);
                    side.send(&first.to_le_bytes())?;
                }
                _ => tally.note(&data, size),
            },
        }
    }
}
