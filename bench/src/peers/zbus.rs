//! zbus from peer to peer: messages and a message stream, which is its shortest way. Calls are method calls, one way is
//! a signal.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, ensure};
use futures::StreamExt;
use serde_bytes::{ByteBuf, Bytes};
use zbus::connection::Builder;
use zbus::message::Type;
use zbus::{Connection, Message, MessageStream};

use super::exchange::{self, Exchange};
use super::{Family, Implementation, on_tokio};
use crate::measure::Sample;
use crate::message::Tally;
use crate::process::{Job, Server};
use crate::workload::Workload::{Call64, Call64K, OneWay1K, OneWay1M, OneWay64, OneWay64K};

pub(super) const ALL: &[Implementation] = &[Implementation {
    name: "zbus",
    family: Family::Peer,
    workloads: &[Call64, Call64K, OneWay64, OneWay1K, OneWay64K, OneWay1M],
    client,
    server,
}];

const PATH: &str = "/meter";
const INTERFACE: &str = "meter.Meter";

/// An answer, where it lies.
pub(super) struct Echo(ByteBuf);

impl AsRef<[u8]> for Echo {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Exchange for Connection {
    type Answer = Echo;

    async fn echo(&mut self, data: &[u8]) -> Result<Echo> {
        let answer = self.call_method(None::<&str>, PATH, Some(INTERFACE), "Echo", &Bytes::new(data)).await?;
        Ok(Echo(answer.body().deserialize()?))
    }

    async fn push(&mut self, data: &[u8]) -> Result<()> {
        let signal = Message::signal(PATH, INTERFACE, "Push").build(&Bytes::new(data))?;
        Ok(self.send(&signal).await?)
    }

    async fn tally(&mut self) -> Result<(u64, u64)> {
        let answer = self.call_method(None::<&str>, PATH, Some(INTERFACE), "Tally", &()).await?;
        Ok(answer.body().deserialize()?)
    }
}

fn client(job: &'static Job) -> Result<Sample> {
    let (ours, theirs) = UnixStream::pair()?;
    let server = Server::start(job, 0, theirs.into(), "")?;
    let gauge = job.gauge(&[&server])?;
    let (sample, server) = on_tokio(async move {
        let mut connection = Builder::unix_stream(ours).p2p().build().await?;
        ensure!(connection.tally().await? == (0, 0), "a fresh server has counted");
        Ok((exchange::measure(job, &gauge, &mut connection).await?, server))
    })?;
    server.finish(sample)
}

fn server(job: &'static Job, socket: OwnedFd) -> Result<()> {
    let size = job.workload.size();
    on_tokio(async move {
        let connection = Builder::unix_stream(UnixStream::from(socket)).server(zbus::Guid::generate());
        let connection = connection.p2p().build().await?;
        let mut messages = MessageStream::from(&connection);
        let mut tally = Tally::default();
        while let Some(Ok(message)) = messages.next().await {
            let header = message.header();
            match (header.message_type(), header.member().context("no member")?.as_str()) {
                (Type::Signal, _) => tally.note(message.body().deserialize::<&Bytes>()?, size),
                (Type::MethodCall, "Echo") => {
                    connection.reply(&header, &message.body().deserialize::<&Bytes>()?).await?;
                }
                (Type::MethodCall, _) => connection.reply(&header, &tally.take()).await?,
                (Type::MethodReturn | Type::Error, _) => {}
            }
        }
        Ok(())
    })
}
