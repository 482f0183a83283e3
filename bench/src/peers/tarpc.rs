//! tarpc over a Unix socket with bincode. It has calls only: one way means many of them in flight.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, future::BoxFuture};
use serde_bytes::ByteBuf;
use tarpc::client::{self, RpcError};
use tarpc::context;
use tarpc::server::{BaseChannel, Channel};
use tarpc::tokio_serde::formats::Bincode;
use tarpc::tokio_util::codec::LengthDelimitedCodec;

use super::exchange::{self, Exchange};
use super::{Family, Implementation, on_tokio};
use crate::measure::Sample;
use crate::message::Tally;
use crate::process::{Job, Server};
use crate::workload::Workload::{Call64, Call64K, OneWay1K, OneWay1M, OneWay64, OneWay64K};

pub(super) const ALL: &[Implementation] = &[Implementation {
    name: "tarpc",
    family: Family::Peer,
    workloads: &[Call64, Call64K, OneWay64, OneWay1K, OneWay64K, OneWay1M],
    client,
    server,
}];

/// How many calls are under way in the one-way workloads; more make it slower.
const IN_FLIGHT: usize = 64;

#[tarpc::service]
trait Meter {
    async fn echo(data: ByteBuf) -> ByteBuf;
    async fn push(data: ByteBuf);
    async fn tally() -> (u64, u64);
}

#[derive(Debug, Clone)]
struct Service {
    size: usize,
    tally: Arc<Mutex<Tally>>,
}

impl Meter for Service {
    async fn echo(self, _: context::Context, data: ByteBuf) -> ByteBuf {
        data
    }

    async fn push(self, _: context::Context, data: ByteBuf) {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).note(&data, self.size);
    }

    async fn tally(self, _: context::Context) -> (u64, u64) {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What both sides put around the stream.
macro_rules! transport {
    ($socket:expr) => {{
        let socket: UnixStream = $socket;
        socket.set_nonblocking(true)?;
        let stream = tokio::net::UnixStream::from_std(socket)?;
        let framed = LengthDelimitedCodec::builder().max_frame_length(64 << 20).new_framed(stream);
        tarpc::serde_transport::new(framed, Bincode::default())
    }};
}

/// Calls that are under way.
struct Calls {
    client: MeterClient,
    under_way: FuturesUnordered<BoxFuture<'static, Result<(), RpcError>>>,
}

/// A deadline that no run reaches.
fn patient() -> context::Context {
    let mut context = context::current();
    context.deadline = Instant::now() + Duration::from_secs(600);
    context
}

impl Exchange for Calls {
    type Answer = ByteBuf;

    async fn echo(&mut self, data: &[u8]) -> Result<ByteBuf> {
        Ok(self.client.echo(patient(), ByteBuf::from(data)).await?)
    }

    async fn push(&mut self, data: &[u8]) -> Result<()> {
        let (client, data) = (self.client.clone(), ByteBuf::from(data));
        self.under_way.push(async move { client.push(patient(), data).await }.boxed());
        if self.under_way.len() >= IN_FLIGHT {
            self.under_way.next().await.context("none under way")??;
        }
        Ok(())
    }

    async fn tally(&mut self) -> Result<(u64, u64)> {
        while let Some(done) = self.under_way.next().await {
            done?;
        }
        Ok(self.client.tally(patient()).await?)
    }
}

fn client(job: &'static Job) -> Result<Sample> {
    let (ours, theirs) = UnixStream::pair()?;
    let server = Server::start(job, 0, theirs.into(), "")?;
    let gauge = job.gauge(&[&server])?;
    let (sample, server) = on_tokio(async move {
        let client = MeterClient::new(client::Config::default(), transport!(ours)).spawn();
        ensure!(client.tally(patient()).await? == (0, 0), "a fresh server has counted");
        let mut calls = Calls { client, under_way: FuturesUnordered::new() };
        Ok((exchange::measure(job, &gauge, &mut calls).await?, server))
    })?;
    server.finish(sample)
}

fn server(job: &'static Job, socket: OwnedFd) -> Result<()> {
    let service = Service { size: job.workload.size(), tally: Arc::default() };
    on_tokio(async move {
        let channel = BaseChannel::with_defaults(transport!(UnixStream::from(socket)));
        // The calls begin in order and none of them waits, so none needs a task of its own.
        channel.execute(service.serve()).for_each(|call| call).await;
        Ok(())
    })
}
