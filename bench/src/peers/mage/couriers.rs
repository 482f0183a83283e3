//! Three moves: the serving end of a pipe goes from A to B to C to D, and is then called from A. Afterwards nobody
//! between may have a port left that passes messages on: B and C count those of their nodes.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use anyhow::{Context, Result, anyhow, ensure};
use mage::{Node, PendingReceiver, Receiver, Remote};
use mage_adapter_threads::Adapter;

use super::service::Service;
use super::{Courier, CourierRequest, Meter, blocking};
use crate::measure::Sample;
use crate::process::{Job, Server};

/// B, C and D.
const PLACES: u32 = 3;

pub(super) fn client(job: &Job, node: &Node) -> Result<Sample> {
    let mut servers = Vec::new();
    let mut couriers: Vec<Remote<Courier>> = Vec::new();
    for place in 0..PLACES {
        let (ours, theirs) = UnixStream::pair()?;
        servers.push(Server::start(job, place, theirs.into(), "")?);
        couriers.push(Remote::bind(node.invite(ours)?));
    }
    // Each gets the next one's courier, from the back.
    while couriers.len() > 1 {
        let next = couriers.pop().and_then(|courier| Remote::unbind(courier).ok()).context("the courier is in use")?;
        couriers.last().context("no courier")?.next(next).wait()?;
    }
    let (meter, receiver) = node.create_pending::<Meter>();
    let first = couriers.pop().context("no courier")?;
    first.take(receiver).wait()?;
    let meter = meter.bind();
    ensure!(meter.tally().wait()? == (0, 0), "a fresh server has counted");

    let gauge = job.gauge(&[servers.last().context("no server")?])?;
    let mut sample = blocking::calls(job, &gauge, &meter)?;
    let relays = first.relays(i64::from(PLACES) - 1).wait()?;
    sample.extra.insert("relays".into(), relays as f64);
    drop((meter, first));
    servers.into_iter().rev().try_fold(sample, |sample, server| server.finish(sample))
}

/// Passes the meter on if somebody is next, and serves it otherwise.
pub(super) fn server(job: &Job, socket: OwnedFd) -> Result<()> {
    let node = Node::new(Adapter::new()?)?;
    let mut courier = Receiver::<Courier>::bind(node.accept(socket).wait()?);
    let mut further = None;
    while let Some(request) = courier.next_blocking()? {
        match request {
            CourierRequest::Next { next, reply } => {
                further = Some(next.bind());
                reply.send(());
            }
            CourierRequest::Take { meter, reply } => match &further {
                Some(further) => {
                    further.take(meter).wait()?;
                    reply.send(());
                }
                None => {
                    reply.send(());
                    serve(job, meter)?;
                }
            },
            CourierRequest::Relays { couriers, reply } => {
                let further = further.as_ref().filter(|_| couriers > 1);
                let theirs = further.map_or(Ok(0), |further| further.relays(couriers - 1).wait())?;
                let census = node.census();
                reply.send(theirs + i64::try_from(census.proxies + census.dead_proxies)?);
            }
        }
    }
    Ok(())
}

fn serve(job: &Job, meter: PendingReceiver<Meter>) -> Result<()> {
    let ended = meter.bind().serve_sync(&mut Service::new(job.workload.size()))?;
    ensure!(matches!(ended, mage::CloseReason::Closed { .. }), anyhow!("{ended}"));
    Ok(())
}
