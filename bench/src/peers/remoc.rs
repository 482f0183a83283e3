//! remoc over a Unix socket: its base channels for requests and answers, its mpsc channels for what is passed.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, bail, ensure};
use remoc::rch::{base, mpsc};
use remoc::{Cfg, Connect};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::exchange::{self, Exchange};
use super::raw_pipes::MANY;
use super::{Family, Implementation, on_tokio};
use crate::measure::{Gauge, Held, Sample};
use crate::message::Tally;
use crate::process::{Job, Server};
use crate::workload::Workload::{Call64, Call64K, OneWay1K, OneWay1M, OneWay64, OneWay64K, Pass1, Pass32, Pipes10K};

pub(super) const ALL: &[Implementation] = &[Implementation {
    name: "remoc",
    family: Family::Peer,
    workloads: &[Call64, Call64K, OneWay64, OneWay1K, OneWay64K, OneWay1M, Pass1, Pass32, Pipes10K],
    client,
    server,
}];

#[derive(Debug, Serialize, Deserialize)]
enum Request {
    Echo(ByteBuf),
    Push(ByteBuf),
    Tally,
    /// The number is told over the channel.
    Hand(u64, mpsc::Sender<u64>),
    /// The channel is listened to for the number, and kept.
    Keep(u64, mpsc::Receiver<u64>),
    Kept,
}

#[derive(Debug, Serialize, Deserialize)]
enum Answer {
    Echo(ByteBuf),
    Tally(u64, u64),
    Count(u64),
}

/// Connects over `socket` and runs the connection in the background.
async fn connect<Tx: remoc::RemoteSend, Rx: remoc::RemoteSend>(
    socket: UnixStream,
) -> Result<(base::Sender<Tx>, base::Receiver<Rx>)> {
    socket.set_nonblocking(true)?;
    let (input, output) = tokio::net::UnixStream::from_std(socket)?.into_split();
    // As many ports as the largest workload opens; all else as it comes.
    let cfg = Cfg { max_ports: 2 * MANY as u32, ..Cfg::default() };
    let (connection, to, from) = Connect::io(cfg, input, output).await?;
    tokio::spawn(connection);
    Ok((to, from))
}

struct Ends {
    to: base::Sender<Request>,
    from: base::Receiver<Answer>,
}

impl Ends {
    async fn answer(&mut self) -> Result<Answer> {
        self.from.recv().await?.context("the server has ended")
    }

    async fn hand(&mut self, number: u64) -> Result<mpsc::Receiver<u64>> {
        let (theirs, ours) = mpsc::channel();
        self.to.send(Request::Hand(number, theirs)).await?;
        Ok(ours)
    }
}

impl Exchange for Ends {
    type Answer = ByteBuf;

    async fn echo(&mut self, data: &[u8]) -> Result<ByteBuf> {
        self.to.send(Request::Echo(ByteBuf::from(data))).await?;
        match self.answer().await? {
            Answer::Echo(data) => Ok(data),
            other => bail!("{other:?} is no echo"),
        }
    }

    async fn push(&mut self, data: &[u8]) -> Result<()> {
        Ok(self.to.send(Request::Push(ByteBuf::from(data))).await?)
    }

    async fn tally(&mut self) -> Result<(u64, u64)> {
        self.to.send(Request::Tally).await?;
        match self.answer().await? {
            Answer::Tally(count, bytes) => Ok((count, bytes)),
            other => bail!("{other:?} is no tally"),
        }
    }
}

fn client(job: &'static Job) -> Result<Sample> {
    let (ours, theirs) = UnixStream::pair()?;
    let server = Server::start(job, 0, theirs.into(), "")?;
    let gauge = job.gauge(&[&server])?;
    let (sample, server) = on_tokio(async move {
        let (to, from) = connect(ours).await?;
        let mut ends = Ends { to, from };
        let sample = match job.workload {
            Pass1 => gauge.round_trips_async(async |number| heard(number, ends.hand(number).await?).await).await,
            Pass32 => gauge.bursts_async(32, async |count| pass_many(&mut ends, count).await).await,
            Pipes10K => keep_many(&gauge, &server, &mut ends).await,
            _ => exchange::measure(job, &gauge, &mut ends).await,
        };
        Ok((sample?, server))
    })?;
    server.finish(sample)
}

async fn heard(number: u64, mut channel: mpsc::Receiver<u64>) -> Result<()> {
    let told = channel.recv().await?;
    ensure!(told == Some(number), "the answer to {number} is {told:?}");
    Ok(())
}

async fn pass_many(ends: &mut Ends, count: u64) -> Result<()> {
    let mut under_way = VecDeque::new();
    for number in 0..count {
        under_way.push_back((number, ends.hand(number).await?));
        if under_way.len() == 32 {
            let (number, channel) = under_way.pop_front().context("none under way")?;
            heard(number, channel).await?;
        }
    }
    for (number, channel) in under_way {
        heard(number, channel).await?;
    }
    Ok(())
}

async fn keep_many(gauge: &Gauge, server: &Server, ends: &mut Ends) -> Result<Sample> {
    let mut channels = Vec::new();
    let before = Held::now(server)?;
    let once = async || {
        for number in 0..MANY {
            let (ours, theirs) = mpsc::channel();
            ends.to.send(Request::Keep(number, theirs)).await?;
            ours.send(number).await?;
            channels.push(ours);
        }
        ends.to.send(Request::Kept).await?;
        match ends.answer().await? {
            Answer::Count(MANY) => Ok(()),
            other => bail!("{other:?} is not the count of {MANY} channels"),
        }
    };
    let sample = gauge.single_async(MANY, once).await?;
    before.each(server, sample, MANY)
}

fn server(job: &'static Job, socket: OwnedFd) -> Result<()> {
    let size = job.workload.size();
    on_tokio(async move {
        let (mut to, mut from) = connect::<Answer, Request>(UnixStream::from(socket)).await?;
        let (mut tally, mut kept, mut sound) = (Tally::default(), Vec::new(), 0);
        // It fails when the client is gone.
        while let Ok(Some(request)) = from.recv().await {
            match request {
                Request::Echo(data) => to.send(Answer::Echo(data)).await?,
                Request::Push(data) => tally.note(&data, size),
                Request::Tally => {
                    let (count, bytes) = tally.take();
                    to.send(Answer::Tally(count, bytes)).await?;
                }
                Request::Hand(number, channel) => drop(channel.send(number).await?),
                Request::Keep(number, mut channel) => {
                    sound += u64::from(channel.recv().await? == Some(number));
                    kept.push(channel);
                }
                Request::Kept => to.send(Answer::Count(sound)).await?,
            }
        }
        Ok(())
    })
}
