//! Nodes meet: by an invitation of the broker or of a member, or because a pipe leads from one to the other.

use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::Duration;

use mage::node::{AcceptError, InviteErrorKind, JoinError};
use mage::pipe::{CloseReason, Loss, Message};
use mage::{MessagePipe, Node};
use mage_tests::children::{Executor, Running};

use crate::{connected, ended, message, receive};

/// A broker with two members that have not met.
fn three(running: &Running) -> ([Node; 3], [MessagePipe; 2], [MessagePipe; 2]) {
    let (broker, one, near_one, far_one) = connected(running);
    let (to_broker, to_two) = UnixStream::pair().unwrap();
    let near_two = broker.invite(to_two).unwrap();
    let two = running.node();
    let far_two = two.accept(to_broker).wait().unwrap();
    ([broker, one, two], [near_one, near_two], [far_one, far_two])
}

pub(crate) fn two_members_are_introduced(executor: Executor) {
    let running = executor.start();
    let ([broker, _one, _two], near, far) = three(&running);
    let (x, y) = broker.create_pipe();
    near[0].send(Message { pipes: vec![x], ..Message::default() }).unwrap();
    near[1].send(Message { pipes: vec![y], ..Message::default() }).unwrap();
    let x = receive(&far[0]).pipes.pop().unwrap();
    let y = receive(&far[1]).pipes.pop().unwrap();
    for round in 0..100_u32 {
        x.send(&round.to_le_bytes()[..]).unwrap();
        let got = receive(&y);
        assert_eq!(*got.payload, round.to_le_bytes());
        y.send(got).unwrap();
        assert_eq!(*receive(&x).payload, round.to_le_bytes());
    }
    // They have met, so that the broker is no longer needed.
    drop((broker, near));
    assert_eq!(ended(&far[0]), CloseReason::Lost(Loss::Node));
    x.send(message(b"without a broker")).unwrap();
    assert_eq!(*receive(&y).payload, *b"without a broker");
}

pub(crate) fn a_member_invites_another(executor: Executor) {
    let running = executor.start();
    let (broker, member, near, far) = connected(&running);
    let (to_member, to_third) = UnixStream::pair().unwrap();
    let to_invitee = member.invite(to_third).unwrap();
    to_invitee.send(message(b"welcome")).unwrap();
    let third = running.node();
    let from_member = third.accept(to_member).wait().unwrap();
    assert_eq!(*receive(&from_member).payload, *b"welcome");
    let (kept, travels) = broker.create_pipe();
    near.send(Message { pipes: vec![travels], ..Message::default() }).unwrap();
    to_invitee.send(receive(&far)).unwrap();
    let moved = receive(&from_member).pipes.pop().unwrap();
    kept.send(message(b"direct")).unwrap();
    assert_eq!(*receive(&moved).payload, *b"direct");
}

pub(crate) fn an_invitation_is_accepted_with_a_callback(executor: Executor) {
    let running = executor.start();
    let (a, b) = (running.node(), running.node());
    let (to_a, to_b) = UnixStream::pair().unwrap();
    let (report, reports) = mpsc::channel();
    let runner = b.adapter().task_runner();
    b.accept(to_a).then(move |outcome| drop(report.send((outcome.map(|_| ()), runner.runs_here()))));
    let _near = a.invite(to_b).unwrap();
    let (outcome, in_sequence) = reports.recv_timeout(Duration::from_secs(60)).expect("a call");
    outcome.expect("a pipe");
    assert!(in_sequence, "called outside the sequence");
}

pub(crate) fn a_broker_accepts_no_invitation(executor: Executor) {
    let running = executor.start();
    let (a, _b, _near, _far) = connected(&running);
    let (socket, _other) = UnixStream::pair().unwrap();
    assert!(matches!(a.accept(socket).wait(), Err(AcceptError::HasNetwork)));
}

pub(crate) fn a_lost_inviter_fails_the_acceptance(executor: Executor) {
    let running = executor.start();
    let b = running.node();
    let (socket, other) = UnixStream::pair().unwrap();
    let accepting = b.accept(socket);
    drop(other);
    assert!(matches!(accepting.wait(), Err(AcceptError::Join(JoinError::Lost))));
}

pub(crate) fn first_pipes_keep_their_order(executor: Executor) {
    let running = executor.start();
    let (a, b) = (running.node(), running.node());
    let (to_a, to_b) = UnixStream::pair().unwrap();
    let near = a.invite_many(to_b, 5).unwrap();
    for (number, pipe) in near.iter().enumerate() {
        pipe.send(message(&[number as u8])).unwrap();
    }
    let far = b.accept(to_a).wait_all().unwrap();
    let order: Vec<u8> = far.iter().map(|pipe| receive(pipe).payload[0]).collect();
    assert_eq!(order, [0, 1, 2, 3, 4]);
}

pub(crate) fn what_is_no_stream_socket_is_refused(executor: Executor) {
    let running = executor.start();
    let a = running.node();
    let refused = a.invite(std::fs::File::open("/dev/null").unwrap()).unwrap_err();
    assert!(matches!(refused.kind, InviteErrorKind::Socket(_)), "{refused}");
    let (datagram, _other) = std::os::unix::net::UnixDatagram::pair().unwrap();
    assert!(matches!(a.accept(datagram).wait(), Err(AcceptError::Socket(_))));
}
