//! Executors: the same on tokio and on smol, with everything on one thread of each process.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use futures::FutureExt;
use futures::future::{BoxFuture, try_join_all};
use mage::adapter::Adapter;
use mage::{Node, Receiver, Remote, SendError, SharedBuffer};

use super::service::Service;
use super::{Meter, Spot, SpotRequest};
use super::{PIECE, check_tally, start};
use crate::measure::{Gauge, Held, Sample};
use crate::message;
use crate::peers::on_tokio;
use crate::process::{Job, Server};
use crate::workload::Workload;

/// Sleeps, as the executor does it.
type Sleep = fn(Duration) -> BoxFuture<'static, ()>;

pub(super) fn tokio_client(job: &'static Job) -> Result<Sample> {
    let measured = on_tokio(async move {
        client(job, mage_adapter_tokio::Adapter::current()?, |time| Box::pin(tokio::time::sleep(time))).await
    })?;
    finish(measured)
}

pub(super) fn tokio_server(job: &'static Job, socket: OwnedFd) -> Result<()> {
    on_tokio(async move { server(job, socket, mage_adapter_tokio::Adapter::current()?).await })
}

pub(super) fn smol_client(job: &'static Job) -> Result<Sample> {
    let sleep = |time| -> BoxFuture<'static, ()> { Box::pin(smol::Timer::after(time).map(|_instant| ())) };
    finish(on_smol(|adapter| client(job, adapter, sleep))?)
}

pub(super) fn smol_server(job: &'static Job, socket: OwnedFd) -> Result<()> {
    on_smol(|adapter| server(job, socket, adapter))
}

/// As for tokio, a task: what `block_on` is given itself is polled after a look at the reactor only.
fn on_smol<T, F>(work: impl FnOnce(mage_adapter_smol::Adapter) -> F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let executor = Arc::new(smol::Executor::new());
    let adapter = mage_adapter_smol::Adapter::new(&executor);
    smol::block_on(executor.run(executor.spawn(work(adapter))))
}

/// What was measured, and the server, which ends when the client's executor has.
type Measured = (Sample, Option<Server>);

fn finish((sample, server): Measured) -> Result<Sample> {
    match server {
        Some(server) => server.finish(sample),
        None => Ok(sample),
    }
}

pub(super) async fn server(job: &'static Job, socket: OwnedFd, adapter: impl Adapter + Clone) -> Result<()> {
    let mut sockets = super::other_links(job, &socket)?;
    if sockets.is_empty() {
        sockets.push(socket);
    }
    try_join_all(sockets.into_iter().map(|socket| async {
        let node = super::node(job, adapter.clone())?;
        let receiver = Receiver::<Meter>::bind(node.accept(socket).await?);
        serve(receiver, Service::new(job.workload.size())).await;
        anyhow::Ok(())
    }))
    .await?;
    Ok(())
}

/// Serves with the synchronous implementation: no method of it waits.
async fn serve(mut receiver: Receiver<Meter>, mut service: Service) {
    while let Some(request) = receiver.next().await {
        <Meter as mage::interface::ServeSync<Service>>::serve_sync(&mut service, request);
    }
}

async fn client(job: &'static Job, adapter: impl Adapter, sleep: Sleep) -> Result<Measured> {
    let node = super::node(job, adapter)?;
    if job.workload == Workload::TasksCall {
        return Ok((between_tasks(job, &node).await?, None));
    }
    let (server, remotes) = start(job, &node)?;
    let gauge = job.gauge(&[&server])?;
    let remote = remotes.first().context("no link")?;
    ensure!(remote.tally().await? == (0, 0), "a fresh server has counted");
    let sample = match job.workload {
        Workload::Call64 | Workload::Call64K => calls(job, &gauge, remote).await?,
        Workload::BulkCopied => bulk(job, &gauge, remote).await?,
        Workload::BulkShared => share(job, &gauge, remote).await?,
        Workload::Pass1 => pass_one(&gauge, &node, remote).await?,
        Workload::Pass32 => pass_many(&gauge, &node, remote).await?,
        Workload::Pipes10K | Workload::Pipes1M => keep_many(job, &gauge, &server, &node, remote).await?,
        Workload::Idle => idle(&gauge, sleep).await?,
        _ => pushes(job, &gauge, &remotes).await?,
    };
    Ok((sample, Some(server)))
}

async fn idle(gauge: &Gauge, sleep: Sleep) -> Result<Sample> {
    // As [`Gauge::idle`]: doing nothing is what is measured.
    sleep(Gauge::SETTLING).await;
    let before = gauge.others()?;
    sleep(Gauge::IDLE).await;
    gauge.idle_since(before)
}

async fn calls(job: &Job, gauge: &Gauge, remote: &Remote<Meter>) -> Result<Sample> {
    let size = job.workload.size();
    let mut out = message::blank(size);
    let mut trips = gauge.trips();
    while let Some(number) = trips.next()? {
        message::number(&mut out, number);
        message::check(&remote.echo(&out).await?, number, size)?;
    }
    trips.finish()
}

async fn pushes(job: &Job, gauge: &Gauge, remotes: &[Remote<Meter>]) -> Result<Sample> {
    let size = job.workload.size();
    let links = remotes.len() as u64;
    let mut out = message::blank(size);
    let mut next = 0;
    let mut bursts = gauge.burst_sizes(links);
    while let Some(count) = bursts.next()? {
        for _ in 0..count / links {
            message::number(&mut out, next);
            next += 1;
            for remote in remotes {
                until_sent(remote, remote.push(&out)).await?;
            }
        }
        for remote in remotes {
            ready(remote).await?;
            check_tally(remote.tally().await?, count / links, size)?;
        }
    }
    bursts.finish()
}

/// Waits for room once.
async fn ready(remote: &Remote<Meter>) -> Result<()> {
    Remote::ready(remote).await.map_err(|reason| anyhow!("{reason}"))
}

/// Waits for room for as long as there is none.
async fn until_sent(remote: &Remote<Meter>, mut sent: Result<(), SendError>) -> Result<()> {
    while let Err(unsent) = sent {
        ensure!(unsent.is_full(), "{unsent}");
        ready(remote).await?;
        sent = unsent.send_again(remote);
    }
    Ok(())
}

async fn bulk(job: &Job, gauge: &Gauge, remote: &Remote<Meter>) -> Result<Sample> {
    let data = message::bulk(job.workload.size());
    let all = message::sound_pages(&data, 0).cast_signed();
    let begun = gauge.begin()?;
    let mut page = 0;
    for piece in data.chunks(PIECE) {
        until_sent(remote, remote.piece(piece, page)).await?;
        page += (PIECE / message::PAGE) as i64;
    }
    ready(remote).await?;
    let pages = remote.pages().await?;
    ensure!(pages == all, "{pages} pages of {all} arrived");
    begun.end(1)
}

/// The buffer was filled and sealed before.
async fn share(job: &Job, gauge: &Gauge, remote: &Remote<Meter>) -> Result<Sample> {
    let filled = SharedBuffer::copy_from_slice(&message::bulk(job.workload.size()))?;
    let begun = gauge.begin()?;
    let pages = remote.share(filled).await?;
    ensure!(pages == 1, "the first page did not arrive");
    begun.end(1)
}

async fn hand(node: &Node, remote: &Remote<Meter>, number: i64) -> Result<Receiver<Spot>> {
    let (theirs, ours) = node.create_pending::<Spot>();
    until_sent(remote, remote.hand(number, theirs)).await?;
    Ok(ours.bind())
}

async fn listen(number: i64, mut spot: Receiver<Spot>) -> Result<()> {
    match spot.next().await {
        Some(SpotRequest::Tell { number: told }) if told == number => Ok(()),
        other => bail!("the answer to {number} is {other:?}"),
    }
}

async fn pass_one(gauge: &Gauge, node: &Node, remote: &Remote<Meter>) -> Result<Sample> {
    let mut trips = gauge.trips();
    while let Some(number) = trips.next()? {
        let number = number.cast_signed();
        listen(number, hand(node, remote, number).await?).await?;
    }
    trips.finish()
}

async fn pass_many(gauge: &Gauge, node: &Node, remote: &Remote<Meter>) -> Result<Sample> {
    let mut under_way = VecDeque::new();
    let mut bursts = gauge.burst_sizes(32);
    while let Some(count) = bursts.next()? {
        for number in 0..count.cast_signed() {
            under_way.push_back((number, hand(node, remote, number).await?));
            if under_way.len() == 32 {
                let (number, spot) = under_way.pop_front().context("none under way")?;
                listen(number, spot).await?;
            }
        }
        while let Some((number, spot)) = under_way.pop_front() {
            listen(number, spot).await?;
        }
    }
    bursts.finish()
}

async fn keep_many(job: &Job, gauge: &Gauge, server: &Server, node: &Node, remote: &Remote<Meter>) -> Result<Sample> {
    let many = job.workload.pipes();
    let mut spots = Vec::with_capacity(many as usize);
    let before = Held::now(server)?;
    let begun = gauge.begin()?;
    for number in 0..many as i64 {
        let (ours, theirs) = node.create_pending::<Spot>();
        until_sent(remote, remote.keep(number, theirs)).await?;
        let ours = ours.bind();
        ours.tell(number)?;
        spots.push(ours);
    }
    ready(remote).await?;
    let kept = remote.kept().await?;
    ensure!(kept == many as i64, "{kept} pipes brought their message");
    before.each(server, begun.end(many)?, many)
}

/// The same interface inside one node, served by another task of the same thread.
async fn between_tasks(job: &Job, node: &Node) -> Result<Sample> {
    let (remote, receiver) = node.create::<Meter>();
    let gauge = job.gauge(&[])?;
    node.adapter().spawn(Box::pin(serve(receiver, Service::new(job.workload.size()))));
    calls(job, &gauge, &remote).await
}
