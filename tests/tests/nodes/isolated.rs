//! Two nodes of different networks share pipes, and nothing else.

use std::os::unix::net::UnixStream;

use mage::node::{AcceptError, JoinError};
use mage::pipe::{Message, SendErrorKind};
use mage::{MessagePipe, Node};
use mage_tests::children::{Executor, Running};

use crate::{connected, message, receive};

/// Two networks of two nodes each, and a pipe between their brokers.
struct Networks {
    ours: Node,
    /// The other node of our network, and both ends of a pipe to it.
    member: (Node, MessagePipe, MessagePipe),
    /// Keeps the other network alive.
    _theirs: (Node, Node, MessagePipe, MessagePipe),
    near: MessagePipe,
    far: MessagePipe,
}

impl Networks {
    fn new(running: &Running) -> Self {
        let (ours, member, to_member, at_member) = connected(running);
        let theirs = connected(running);
        let (to_us, to_them) = UnixStream::pair().expect("sockets");
        let near = ours.invite_isolated(to_them).expect("an invitation");
        let far = theirs.0.accept_isolated(to_us).wait().expect("an accepted invitation");
        Self { ours, member: (member, to_member, at_member), _theirs: theirs, near, far }
    }
}

fn carrying(pipe: MessagePipe) -> Message {
    Message { pipes: vec![pipe], ..Message::default() }
}

pub(crate) fn two_networks_share_pipes_and_nothing_else(executor: Executor) {
    let running = executor.start();
    let networks = Networks::new(&running);
    networks.near.send(message(b"hello")).unwrap();
    assert_eq!(*receive(&networks.far).payload, *b"hello");
    // A pipe between the two nodes goes over, with what waits in it, and comes back.
    let (kept, travels) = networks.ours.create_pipe();
    kept.send(message(b"queued")).unwrap();
    networks.near.send(carrying(travels)).unwrap();
    let moved = receive(&networks.far).pipes.pop().expect("a pipe");
    assert_eq!(*receive(&moved).payload, *b"queued");
    moved.send(message(b"answer")).unwrap();
    assert_eq!(*receive(&kept).payload, *b"answer");
    networks.far.send(carrying(moved)).unwrap();
    let back = receive(&networks.near).pipes.pop().expect("a pipe");
    kept.send(message(b"home")).unwrap();
    assert_eq!(*receive(&back).payload, *b"home");
    // And the networks themselves work as before.
    networks.member.1.send(message(b"unharmed")).unwrap();
    assert_eq!(*receive(&networks.member.2).payload, *b"unharmed");
}

pub(crate) fn a_pipe_that_leads_elsewhere_stays_where_it_is(executor: Executor) {
    let running = executor.start();
    let networks = Networks::new(&running);
    let (member, to_member, at_member) = &networks.member;
    // One end is at the member of our network; the other would leave it.
    let (leaves, stays) = networks.ours.create_pipe();
    to_member.send(carrying(stays)).unwrap();
    let stays = receive(at_member).pipes.pop().expect("a pipe");
    let (kind, mut message_back) = networks.near.send(carrying(leaves)).unwrap_err();
    assert_eq!(kind, SendErrorKind::Isolated);
    let leaves = message_back.pipes.pop().expect("the pipe, given back");
    leaves.send(message(b"still at home")).unwrap();
    assert_eq!(*receive(&stays).payload, *b"still at home");
    drop(member.create_pipe());
}

pub(crate) fn both_sides_have_to_mean_the_same_kind_of_link(executor: Executor) {
    let running = executor.start();
    let (inviter, invitee) = (running.node(), running.node());
    let (to_inviter, to_invitee) = UnixStream::pair().expect("sockets");
    let _near = inviter.invite_isolated(to_invitee).expect("an invitation");
    let refused = invitee.accept(to_inviter).wait().expect_err("no pipe");
    assert!(matches!(refused, AcceptError::Join(JoinError::Violation(_))), "{refused:?}");
    // Neither belongs to a network by it.
    let (to_inviter, to_invitee) = UnixStream::pair().expect("sockets");
    let near = inviter.invite(to_invitee).expect("an invitation");
    near.send(message(b"in earnest")).unwrap();
    assert_eq!(*receive(&running.node().accept(to_inviter).wait().expect("a pipe")).payload, *b"in earnest");
}
