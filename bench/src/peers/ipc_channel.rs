//! ipc-channel: bytes, typed values, and shared memory. Calls are two channels.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, bail, ensure};
use futures::FutureExt;
use ipc_channel::ipc::{
    self, IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcReceiver, IpcSender, IpcSharedMemory,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::exchange::{self, Exchange};
use super::raw_pipes::MANY;
use super::{Family, Implementation};
use crate::measure::{Gauge, Held, Sample};
use crate::message::{self, Tally};
use crate::process::{Job, Server};
use crate::workload::Workload::{
    BulkCopied, BulkShared, Call64, Call64K, OneWay1K, OneWay1M, OneWay64, OneWay64K, Pass1, Pass32, Pipes10K,
};

pub(super) const ALL: &[Implementation] = &[
    Implementation {
        name: "ipc-channel-bytes",
        family: Family::Peer,
        workloads: &[Call64, Call64K, OneWay64, OneWay1K, OneWay64K, OneWay1M, BulkCopied],
        client: bytes_client,
        server: bytes_server,
    },
    Implementation {
        name: "ipc-channel-typed",
        family: Family::Peer,
        workloads: &[Call64, Call64K, OneWay64, OneWay1K, OneWay64K, OneWay1M, Pass1, Pass32, Pipes10K],
        client: typed_client,
        server: typed_server,
    },
    Implementation {
        name: "ipc-channel-memory",
        family: Family::Peer,
        workloads: &[OneWay64K, OneWay1M, BulkCopied, BulkShared],
        client: typed_client,
        server: typed_server,
    },
];

/// Starts the server and takes the ends that it makes for this side.
fn connect<T: Serialize + for<'de> Deserialize<'de>>(job: &Job) -> Result<(Server, T)> {
    let (bootstrap, name) = IpcOneShotServer::<T>::new()?;
    let (_, theirs) = UnixStream::pair()?;
    let server = Server::start(job, 0, theirs.into(), &name)?;
    Ok((server, bootstrap.accept()?.1))
}

struct Bytes {
    to: IpcBytesSender,
    from: IpcBytesReceiver,
}

impl Exchange for Bytes {
    type Answer = Vec<u8>;

    async fn echo(&mut self, data: &[u8]) -> Result<Vec<u8>> {
        self.to.send(data)?;
        Ok(self.from.recv()?)
    }

    async fn push(&mut self, data: &[u8]) -> Result<()> {
        Ok(self.to.send(data)?)
    }

    async fn tally(&mut self) -> Result<(u64, u64)> {
        self.to.send(&message::ASK.to_le_bytes())?;
        let answer = self.from.recv()?;
        Ok((message::number_of(&answer)?, message::number_of(answer.get(8..).context("no tally")?)?))
    }
}

fn bytes_client(job: &Job) -> Result<Sample> {
    let (server, (to, from)) = connect::<(IpcBytesSender, IpcBytesReceiver)>(job)?;
    let gauge = job.gauge(&[&server])?;
    let mut bytes = Bytes { to, from };
    let sample = if job.workload == BulkCopied {
        let data = message::bulk(job.workload.size());
        gauge.single(1, || {
            bytes.to.send(&data)?;
            let pages = message::number_of(&bytes.from.recv()?)?;
            ensure!(pages == message::sound_pages(&data, 0), "{pages} pages arrived");
            Ok(())
        })?
    } else {
        exchange::measure(job, &gauge, &mut bytes).now_or_never().context("a blocking peer waited")??
    };
    drop(bytes);
    server.finish(sample)
}

fn bytes_server(job: &Job, _socket: OwnedFd) -> Result<()> {
    let bootstrap = IpcSender::connect(job.argument.clone())?;
    let ((to_us, from), (to, from_us)) = (ipc::bytes_channel()?, ipc::bytes_channel()?);
    bootstrap.send((to_us, from_us))?;
    let mut tally = Tally::default();
    // It fails when the client is gone.
    while let Ok(data) = from.recv() {
        match job.workload {
            Call64 | Call64K => to.send(&data)?,
            BulkCopied => to.send(&message::sound_pages(&data, 0).to_le_bytes())?,
            _ if message::number_of(&data)? == message::ASK => {
                let (count, bytes) = tally.take();
                to.send(&[count.to_le_bytes(), bytes.to_le_bytes()].concat())?;
            }
            _ => tally.note(&data, job.workload.size()),
        }
    }
    Ok(())
}

#[derive(Debug, Serialize, Deserialize)]
enum Request {
    Echo(ByteBuf),
    Push(ByteBuf),
    PushMemory(IpcSharedMemory),
    Tally,
    Bulk(IpcSharedMemory),
    /// The number is told over the channel.
    Hand(u64, IpcSender<u64>),
    /// The channel is listened to for the number, and kept.
    Keep(u64, IpcReceiver<u64>),
    Kept,
}

#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Echo(ByteBuf),
    Tally(u64, u64),
    Count(u64),
}

struct Typed {
    to: IpcSender<Request>,
    from: IpcReceiver<Answer>,
    memory: bool,
}

impl Typed {
    fn ask(&self, request: Request) -> Result<u64> {
        self.to.send(request)?;
        match self.from.recv()? {
            Answer::Count(count) => Ok(count),
            other => bail!("{other:?} is no count"),
        }
    }

    fn hand(&self, number: u64) -> Result<IpcReceiver<u64>> {
        let (theirs, ours) = ipc::channel()?;
        self.to.send(Request::Hand(number, theirs))?;
        Ok(ours)
    }
}

impl Exchange for Typed {
    type Answer = ByteBuf;

    async fn echo(&mut self, data: &[u8]) -> Result<ByteBuf> {
        self.to.send(Request::Echo(ByteBuf::from(data)))?;
        match self.from.recv()? {
            Answer::Echo(data) => Ok(data),
            other => bail!("{other:?} is no echo"),
        }
    }

    async fn push(&mut self, data: &[u8]) -> Result<()> {
        Ok(self.to.send(if self.memory {
            Request::PushMemory(IpcSharedMemory::from_bytes(data))
        } else {
            Request::Push(ByteBuf::from(data))
        })?)
    }

    async fn tally(&mut self) -> Result<(u64, u64)> {
        self.to.send(Request::Tally)?;
        match self.from.recv()? {
            Answer::Tally(count, bytes) => Ok((count, bytes)),
            other => bail!("{other:?} is no tally"),
        }
    }
}

fn typed_client(job: &Job) -> Result<Sample> {
    let (server, (to, from)) = connect::<(IpcSender<Request>, IpcReceiver<Answer>)>(job)?;
    let gauge = job.gauge(&[&server])?;
    let mut typed = Typed { to, from, memory: job.implementation == "ipc-channel-memory" };
    let sample = match job.workload {
        BulkCopied | BulkShared => bulk(job, &gauge, &typed)?,
        Pass1 => gauge.round_trips(|number| heard(number, typed.hand(number)?))?,
        Pass32 => gauge.bursts(32, |count| pass_many(&typed, count))?,
        Pipes10K => keep_many(&gauge, &server, &typed)?,
        _ => exchange::measure(job, &gauge, &mut typed).now_or_never().context("a blocking peer waited")??,
    };
    drop(typed);
    server.finish(sample)
}

/// Copied: the copy into the shared memory is timed; shared: it was filled before.
fn bulk(job: &Job, gauge: &Gauge, typed: &Typed) -> Result<Sample> {
    let data = message::bulk(job.workload.size());
    let filled = (job.workload == BulkShared).then(|| IpcSharedMemory::from_bytes(&data));
    // A clone has a mapping of its own; the one that was written through would be taken down while the clock runs.
    let mut sent = filled.clone();
    let expected = if filled.is_some() { 1 } else { message::sound_pages(&data, 0) };
    gauge.single(1, || {
        let memory = sent.take().unwrap_or_else(|| IpcSharedMemory::from_bytes(&data));
        let pages = typed.ask(Request::Bulk(memory))?;
        ensure!(pages == expected, "{pages} pages of {expected} arrived");
        Ok(())
    })
}

fn heard(number: u64, channel: IpcReceiver<u64>) -> Result<()> {
    let told = channel.recv()?;
    ensure!(told == number, "the answer to {number} is {told}");
    Ok(())
}

fn pass_many(typed: &Typed, count: u64) -> Result<()> {
    let mut under_way = VecDeque::new();
    for number in 0..count {
        under_way.push_back((number, typed.hand(number)?));
        if under_way.len() == 32 {
            let (number, channel) = under_way.pop_front().context("none under way")?;
            heard(number, channel)?;
        }
    }
    under_way.into_iter().try_for_each(|(number, channel)| heard(number, channel))
}

fn keep_many(gauge: &Gauge, server: &Server, typed: &Typed) -> Result<Sample> {
    let mut channels = Vec::new();
    let before = Held::now(server)?;
    let sample = gauge.single(MANY, || {
        for number in 0..MANY {
            let (ours, theirs) = ipc::channel()?;
            typed.to.send(Request::Keep(number, theirs))?;
            ours.send(number)?;
            channels.push(ours);
        }
        let kept = typed.ask(Request::Kept)?;
        ensure!(kept == MANY, "{kept} channels brought their message");
        Ok(())
    })?;
    before.each(server, sample, MANY)
}

fn typed_server(job: &Job, _socket: OwnedFd) -> Result<()> {
    let bootstrap = IpcSender::connect(job.argument.clone())?;
    let ((to_us, from), (to, from_us)) = (ipc::channel::<Request>()?, ipc::channel::<Answer>()?);
    bootstrap.send((to_us, from_us))?;
    let size = job.workload.size();
    let (mut tally, mut kept, mut sound) = (Tally::default(), Vec::new(), 0);
    let mut held = None;
    // It fails when the client is gone.
    while let Ok(request) = from.recv() {
        match request {
            Request::Echo(data) => to.send(Answer::Echo(data))?,
            Request::Push(data) => tally.note(&data, size),
            Request::PushMemory(data) => tally.note(&data, size),
            Request::Tally => {
                let (count, bytes) = tally.take();
                to.send(Answer::Tally(count, bytes))?;
            }
            Request::Bulk(data) => {
                let seen = if job.workload == BulkShared { data.get(..message::PAGE) } else { Some(&data[..]) };
                to.send(Answer::Count(message::sound_pages(seen.context("no data")?, 0)))?;
                // Giving 256 MiB back takes longer than all the rest, and is not what is measured.
                held = Some(data);
            }
            Request::Hand(number, channel) => channel.send(number)?,
            Request::Keep(number, channel) => {
                sound += u64::from(channel.recv()? == number);
                kept.push(channel);
            }
            Request::Kept => to.send(Answer::Count(sound))?,
        }
    }
    drop(held);
    Ok(())
}
