//! Channels inside one process: flume between threads, tokio's between tasks.

use std::thread;

use anyhow::{Context, Result, anyhow};
use futures::FutureExt;

use super::exchange::{self, Exchange};
use super::{Family, Implementation, no_server, on_tokio};
use crate::measure::Sample;
use crate::message::Tally;
use crate::process::Job;
use crate::workload::Workload::{TasksCall, ThreadsCall, ThreadsOneWay};

pub(super) const ALL: &[Implementation] = &[
    Implementation {
        name: "flume",
        family: Family::Peer,
        workloads: &[ThreadsCall, ThreadsOneWay, TasksCall],
        client: flume_client,
        server: no_server,
    },
    Implementation {
        name: "tokio-mpsc",
        family: Family::Peer,
        workloads: &[ThreadsCall, ThreadsOneWay, TasksCall],
        client: tokio_client,
        server: no_server,
    },
];

/// As many messages may wait as in a pipe of this library.
const WINDOW: usize = 1024;
/// What every workload here sends.
const SIZE: usize = 64;

type Bytes = [u8; SIZE];

#[derive(Debug)]
enum Item {
    Echo(Bytes),
    Push(Bytes),
    Tally,
}

#[derive(Debug)]
enum Answer {
    Echo(Bytes),
    Tally(u64, u64),
}

/// Answers one item, if it is answered.
fn serve(tally: &mut Tally, item: Item) -> Option<Answer> {
    match item {
        Item::Echo(data) => Some(Answer::Echo(data)),
        Item::Push(data) => {
            tally.note(&data, SIZE);
            None
        }
        Item::Tally => {
            let (count, bytes) = tally.take();
            Some(Answer::Tally(count, bytes))
        }
    }
}

fn bytes(data: &[u8]) -> Result<Bytes> {
    Ok(data.try_into()?)
}

fn echoed(answer: Answer) -> Result<Bytes> {
    match answer {
        Answer::Echo(data) => Ok(data),
        Answer::Tally(..) => Err(anyhow!("a tally is no echo")),
    }
}

fn tallied(answer: Answer) -> Result<(u64, u64)> {
    match answer {
        Answer::Tally(count, bytes) => Ok((count, bytes)),
        Answer::Echo(_) => Err(anyhow!("an echo is no tally")),
    }
}

/// Flume's ends, blocking.
struct Flume(flume::Sender<Item>, flume::Receiver<Answer>);

impl Exchange for Flume {
    type Answer = Bytes;

    async fn echo(&mut self, data: &[u8]) -> Result<Bytes> {
        self.0.send(Item::Echo(bytes(data)?))?;
        echoed(self.1.recv()?)
    }

    async fn push(&mut self, data: &[u8]) -> Result<()> {
        Ok(self.0.send(Item::Push(bytes(data)?))?)
    }

    async fn tally(&mut self) -> Result<(u64, u64)> {
        self.0.send(Item::Tally)?;
        tallied(self.1.recv()?)
    }
}

/// Flume's ends, between tasks.
struct FlumeTasks(Flume);

impl Exchange for FlumeTasks {
    type Answer = Bytes;

    async fn echo(&mut self, data: &[u8]) -> Result<Bytes> {
        self.0.0.send_async(Item::Echo(bytes(data)?)).await?;
        echoed(self.0.1.recv_async().await?)
    }

    async fn push(&mut self, data: &[u8]) -> Result<()> {
        Ok(self.0.0.send_async(Item::Push(bytes(data)?)).await?)
    }

    async fn tally(&mut self) -> Result<(u64, u64)> {
        self.0.0.send_async(Item::Tally).await?;
        tallied(self.0.1.recv_async().await?)
    }
}

fn flume_client(job: &'static Job) -> Result<Sample> {
    let ((to, requests), (answers, from)) = (flume::bounded(WINDOW), flume::bounded(WINDOW));
    let gauge = job.gauge(&[])?;
    let mut tally = Tally::default();
    if job.workload == TasksCall {
        return on_tokio(async move {
            tokio::spawn(async move {
                while let Ok(item) = requests.recv_async().await {
                    if let Some(answer) = serve(&mut tally, item)
                        && answers.send_async(answer).await.is_err()
                    {
                        break;
                    }
                }
            });
            exchange::measure(job, &gauge, &mut FlumeTasks(Flume(to, from))).await
        });
    }
    thread::spawn(move || {
        while let Ok(item) = requests.recv() {
            if let Some(answer) = serve(&mut tally, item)
                && answers.send(answer).is_err()
            {
                break;
            }
        }
    });
    exchange::measure(job, &gauge, &mut Flume(to, from)).now_or_never().context("a blocking peer waited")?
}

/// tokio's ends, blocking or not.
struct Mpsc {
    to: tokio::sync::mpsc::Sender<Item>,
    from: tokio::sync::mpsc::Receiver<Answer>,
    blocking: bool,
}

impl Mpsc {
    async fn send(&self, item: Item) -> Result<()> {
        if self.blocking {
            self.to.blocking_send(item)?;
        } else {
            self.to.send(item).await?;
        }
        Ok(())
    }

    async fn receive(&mut self) -> Result<Answer> {
        let answer = if self.blocking { self.from.blocking_recv() } else { self.from.recv().await };
        answer.context("the other end is gone")
    }
}

impl Exchange for Mpsc {
    type Answer = Bytes;

    async fn echo(&mut self, data: &[u8]) -> Result<Bytes> {
        self.send(Item::Echo(bytes(data)?)).await?;
        echoed(self.receive().await?)
    }

    async fn push(&mut self, data: &[u8]) -> Result<()> {
        self.send(Item::Push(bytes(data)?)).await
    }

    async fn tally(&mut self) -> Result<(u64, u64)> {
        self.send(Item::Tally).await?;
        tallied(self.receive().await?)
    }
}

fn tokio_client(job: &'static Job) -> Result<Sample> {
    let (to, mut requests) = tokio::sync::mpsc::channel(WINDOW);
    let (answers, from) = tokio::sync::mpsc::channel(WINDOW);
    let gauge = job.gauge(&[])?;
    let mut tally = Tally::default();
    if job.workload == TasksCall {
        return on_tokio(async move {
            tokio::spawn(async move {
                while let Some(item) = requests.recv().await {
                    if let Some(answer) = serve(&mut tally, item)
                        && answers.send(answer).await.is_err()
                    {
                        break;
                    }
                }
            });
            exchange::measure(job, &gauge, &mut Mpsc { to, from, blocking: false }).await
        });
    }
    thread::spawn(move || {
        while let Some(item) = requests.blocking_recv() {
            if let Some(answer) = serve(&mut tally, item)
                && answers.blocking_send(answer).is_err()
            {
                break;
            }
        }
    });
    let mut ends = Mpsc { to, from, blocking: true };
    exchange::measure(job, &gauge, &mut ends).now_or_never().context("a blocking peer waited")?
}
