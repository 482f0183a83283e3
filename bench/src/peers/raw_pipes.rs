//! Fresh socket pairs, passed over a socket with bare hands: what passing a pipe is measured against.

use std::collections::VecDeque;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use anyhow::{Context, Result, ensure};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recv, recvmsg, send, sendmsg, socketpair,
};

use super::{Family, Implementation};
use crate::measure::{Gauge, Held, Sample};
use crate::message;
use crate::process::{Job, Server};
use crate::workload::Workload::{Pass1, Pass32, Pipes10K};

pub(super) const ALL: &[Implementation] = &[Implementation {
    name: "raw-rights",
    family: Family::Base,
    workloads: &[Pass1, Pass32, Pipes10K],
    client,
    server,
}];

/// How many pipes the workload of many pipes passes.
pub(super) const MANY: u64 = 10_000;

fn pair() -> Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Sends `number`, and with it `handle`.
pub(super) fn pass(socket: &OwnedFd, number: u64, handle: BorrowedFd<'_>) -> Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let handles = [handle];
    ensure!(control.push(SendAncillaryMessage::ScmRights(&handles)), "no room for a descriptor");
    sendmsg(socket, &[IoSlice::new(&number.to_le_bytes())], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The next number and handle; `None` at the end.
pub(super) fn take(socket: &OwnedFd) -> Result<Option<(u64, Option<OwnedFd>)>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut word = [0; 8];
    let got = recvmsg(socket, &mut [IoSliceMut::new(&mut word)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let handle = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut handles) => handles.next(),
        _ => None,
    });
    Ok((got.bytes > 0).then(|| (u64::from_le_bytes(word), handle)))
}

fn tell(socket: &OwnedFd, number: u64) -> Result<()> {
    ensure!(send(socket, &number.to_le_bytes(), SendFlags::NOSIGNAL)? == 8, "cut short");
    Ok(())
}

fn told(socket: &OwnedFd) -> Result<u64> {
    let mut word = [0; 8];
    let (got, _) = recv(socket, &mut word, RecvFlags::empty())?;
    ensure!(got == 8, "{got} bytes instead of a number");
    Ok(u64::from_le_bytes(word))
}

fn client(job: &Job) -> Result<Sample> {
    let (socket, theirs) = pair()?;
    let server = Server::start(job, 0, theirs, "")?;
    let gauge = job.gauge(&[&server])?;
    let sample = match job.workload {
        Pass1 => gauge.round_trips(|number| {
            let (ours, theirs) = pair()?;
            pass(&socket, number, theirs.as_fd())?;
            drop(theirs);
            ensure!(told(&ours)? == number, "the answer to {number} is another");
            Ok(())
        })?,
        Pass32 => {
            let mut under_way = VecDeque::new();
            gauge.bursts(32, |count| {
                for number in 0..count {
                    let (ours, theirs) = pair()?;
                    pass(&socket, number, theirs.as_fd())?;
                    under_way.push_back((number, ours));
                    if under_way.len() == 32 {
                        collect(&mut under_way)?;
                    }
                }
                while !under_way.is_empty() {
                    collect(&mut under_way)?;
                }
                Ok(())
            })?
        }
        _ => many(&socket, &server, &gauge)?,
    };
    drop(socket);
    server.finish(sample)
}

fn collect(under_way: &mut VecDeque<(u64, OwnedFd)>) -> Result<()> {
    let (number, pipe) = under_way.pop_front().context("none under way")?;
    ensure!(told(&pipe)? == number, "the answer to {number} is another");
    Ok(())
}

fn many(socket: &OwnedFd, server: &Server, gauge: &Gauge) -> Result<Sample> {
    let mut pipes = Vec::with_capacity(MANY as usize);
    let before = Held::now(server)?;
    let sample = gauge.single(MANY, || {
        for number in 0..MANY {
            let (ours, theirs) = pair()?;
            pass(socket, number, theirs.as_fd())?;
            drop(theirs);
            tell(&ours, number)?;
            pipes.push(ours);
        }
        tell(socket, message::ASK)?;
        ensure!(told(socket)? == MANY, "not every pipe brought its message");
        Ok(())
    })?;
    before.each(server, sample, MANY)
}

fn server(job: &Job, socket: OwnedFd) -> Result<()> {
    let mut pipes = Vec::new();
    let mut sound = 0;
    while let Some((number, pipe)) = take(&socket)? {
        match pipe {
            Some(pipe) if job.workload == Pipes10K => {
                sound += u64::from(told(&pipe)? == number);
                pipes.push(pipe);
            }
            Some(pipe) => tell(&pipe, number)?,
            None => tell(&socket, sound)?,
        }
    }
    Ok(())
}
