//! Plain threads: calls block the thread that makes them, which reads its own reply.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use mage::{Node, Receiver, Remote, SendError, SharedBuffer};
use mage_adapter_threads::{Adapter, TaskLoop};

use super::service::Service;
use super::{Meter, Spot, SpotRequest, couriers, executor};
use super::{PIECE, check_tally, start};
use crate::measure::{Gauge, Held, Sample};
use crate::message;
use crate::process::{Job, Server};
use crate::workload::Workload;

pub(super) fn client(job: &Job) -> Result<Sample> {
    let node = super::node(job, Adapter::new()?)?;
    match job.workload {
        Workload::ThreadsCall | Workload::ThreadsOneWay => between_threads(job, &node),
        Workload::Moved => couriers::client(job, &node),
        _ => between_processes(job, &node),
    }
}

pub(super) fn server(job: &'static Job, socket: OwnedFd) -> Result<()> {
    if job.workload == Workload::Moved {
        return couriers::server(job, socket);
    }
    let adapter = Adapter::new()?;
    if job.workload.links() > 1 {
        // One thread for all of them: with a thread for each, every message would wake another one.
        return TaskLoop::new(&adapter, "").run_until(executor::server(job, socket, adapter.clone()))?;
    }
    let node = super::node(job, adapter)?;
    let pipe = node.accept(socket).wait()?;
    Receiver::<Meter>::bind(pipe).serve_sync(&mut Service::new(job.workload.size()))?;
    Ok(())
}

fn between_processes(job: &Job, node: &Node) -> Result<Sample> {
    let (server, remotes) = start(job, node)?;
    let gauge = job.gauge(&[&server])?;
    let remote = remotes.first().context("no link")?;
    ensure!(remote.tally().wait()? == (0, 0), "a fresh server has counted");
    let sample = match job.workload {
        Workload::Call64 | Workload::Call64K => calls(job, &gauge, remote)?,
        Workload::BulkCopied => bulk(job, &gauge, remote)?,
        Workload::BulkShared => share(job, &gauge, remote)?,
        Workload::Pass1 => gauge.round_trips(|number| listen(number as i64, hand(node, remote, number as i64)?))?,
        Workload::Pass32 => gauge.bursts(32, |count| pass_many(node, remote, count as i64))?,
        Workload::Pipes10K | Workload::Pipes1M => keep_many(job, &gauge, &server, node, remote)?,
        // Sleeps because doing nothing is what is measured, not to wait for anything.
        Workload::Idle => gauge.idle(thread::sleep)?,
        _ => pushes(job, &gauge, &remotes)?,
    };
    drop(remotes);
    server.finish(sample)
}

pub(super) fn calls(job: &Job, gauge: &Gauge, remote: &Remote<Meter>) -> Result<Sample> {
    let size = job.workload.size();
    let mut out = message::blank(size);
    gauge.round_trips(|number| {
        message::number(&mut out, number);
        message::check(&remote.echo(&out).wait()?, number, size)
    })
}

fn pushes(job: &Job, gauge: &Gauge, remotes: &[Remote<Meter>]) -> Result<Sample> {
    let size = job.workload.size();
    let links = remotes.len() as u64;
    let mut out = message::blank(size);
    let mut next = 0;
    gauge.bursts(links, |count| {
        for _ in 0..count / links {
            message::number(&mut out, next);
            next += 1;
            for remote in remotes {
                until_sent(remote, remote.push(&out))?;
            }
        }
        remotes.iter().try_for_each(|remote| {
            ready(remote)?;
            check_tally(remote.tally().wait()?, count / links, size)
        })
    })
}

/// Waits for room once.
fn ready(remote: &Remote<Meter>) -> Result<()> {
    Remote::ready(remote).wait()?.map_err(|reason| anyhow!("{reason}"))
}

/// Waits for room for as long as there is none.
fn until_sent(remote: &Remote<Meter>, mut sent: Result<(), SendError>) -> Result<()> {
    while let Err(unsent) = sent {
        ensure!(unsent.is_full(), "{unsent}");
        ready(remote)?;
        sent = unsent.send_again(remote);
    }
    Ok(())
}

fn bulk(job: &Job, gauge: &Gauge, remote: &Remote<Meter>) -> Result<Sample> {
    let data = message::bulk(job.workload.size());
    let all = message::sound_pages(&data, 0).cast_signed();
    gauge.single(1, || {
        let mut page = 0;
        for piece in data.chunks(PIECE) {
            until_sent(remote, remote.piece(piece, page))?;
            page += (PIECE / message::PAGE) as i64;
        }
        ready(remote)?;
        let pages = remote.pages().wait()?;
        ensure!(pages == all, "{pages} pages of {all} arrived");
        Ok(())
    })
}

/// The buffer was filled and sealed before.
fn share(job: &Job, gauge: &Gauge, remote: &Remote<Meter>) -> Result<Sample> {
    let filled = SharedBuffer::copy_from_slice(&message::bulk(job.workload.size()))?;
    gauge.single(1, || {
        let pages = remote.share(filled).wait()?;
        ensure!(pages == 1, "the first page did not arrive");
        Ok(())
    })
}

fn hand(node: &Node, remote: &Remote<Meter>, number: i64) -> Result<Receiver<Spot>> {
    let (theirs, ours) = node.create_pending::<Spot>();
    until_sent(remote, remote.hand(number, theirs))?;
    Ok(ours.bind())
}

fn listen(number: i64, mut spot: Receiver<Spot>) -> Result<()> {
    match spot.next_blocking()? {
        Some(SpotRequest::Tell { number: told }) if told == number => Ok(()),
        other => anyhow::bail!("the answer to {number} is {other:?}"),
    }
}

fn pass_many(node: &Node, remote: &Remote<Meter>, count: i64) -> Result<()> {
    let mut under_way = VecDeque::new();
    for number in 0..count {
        under_way.push_back((number, hand(node, remote, number)?));
        if under_way.len() == 32 {
            let (number, spot) = under_way.pop_front().context("none under way")?;
            listen(number, spot)?;
        }
    }
    under_way.into_iter().try_for_each(|(number, spot)| listen(number, spot))
}

fn keep_many(job: &Job, gauge: &Gauge, server: &Server, node: &Node, remote: &Remote<Meter>) -> Result<Sample> {
    let many = job.workload.pipes();
    let mut spots = Vec::with_capacity(many as usize);
    let before = Held::now(server)?;
    let sample = gauge.single(many, || {
        for number in 0..many as i64 {
            let (ours, theirs) = node.create_pending::<Spot>();
            until_sent(remote, remote.keep(number, theirs))?;
            let ours = ours.bind();
            ours.tell(number)?;
            spots.push(ours);
        }
        ready(remote)?;
        let kept = remote.kept().wait()?;
        ensure!(kept == many as i64, "{kept} pipes brought their message");
        Ok(())
    })?;
    before.each(server, sample, many)
}

/// The same interface inside one node, served by another thread.
fn between_threads(job: &Job, node: &Node) -> Result<Sample> {
    let (remote, receiver) = node.create::<Meter>();
    let gauge = job.gauge(&[])?;
    let size = job.workload.size();
    thread::scope(|scope| {
        let serving = scope.spawn(move || receiver.serve_sync(&mut Service::new(size)));
        let sample = match job.workload {
            Workload::ThreadsCall => calls(job, &gauge, &remote),
            _ => pushes(job, &gauge, std::slice::from_ref(&remote)),
        };
        drop(remote);
        serving.join().map_err(|_panic| anyhow::anyhow!("the server panicked"))??;
        sample
    })
}
