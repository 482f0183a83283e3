//! A driver at the other end that breaks what was agreed on about rings loses its own link, and is reported.

use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::Duration;

use mage::node::NodeEvent;
use mage::pipe::{CloseReason, Loss};
use mage::{MessagePipe, Node};
use mage_proto::note;
use mage_tests::children::{Executor, Running};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::SealFlags;

use crate::rogue::{OFFER, RING, Rogue, SWITCH, TAKEN, bell, memory};
use crate::{ended, message, receive};

/// What a driver does that it must not; the pipe is the other side's end of its first.
type Attack = fn(&mut Rogue, &MessagePipe);

/// Runs each of `attacks` against a node with an honest link besides, which must not suffer.
fn each(executor: Executor, attacks: &[(&str, Attack)]) {
    let running = executor.start();
    for (name, attack) in attacks {
        attacked(&running, name, attack);
    }
}

/// Has a rogue join the network of `node`: the pipe to it, and the rogue.
fn join(node: &Node) -> (MessagePipe, Rogue) {
    let (to_node, to_rogue) = UnixStream::pair().unwrap();
    (node.invite(to_rogue).unwrap(), Rogue::join(to_node))
}

fn attacked(running: &Running, name: &str, attack: &Attack) {
    let (report, reports) = mpsc::channel();
    let node = running.supervised(move |event| drop(report.send(event)));
    let (to_node, to_honest) = UnixStream::pair().unwrap();
    let healthy = node.invite(to_honest).unwrap();
    let honest = running.node();
    let far = honest.accept(to_node).wait().unwrap();

    let (lost, mut rogue) = join(&node);
    attack(&mut rogue, &lost);
    let event = reports.recv_timeout(Duration::from_secs(60)).expect(name);
    assert!(matches!(event, NodeEvent::BadPeer { node: Some(_), .. }), "{name}: {event:?}");
    assert_eq!(ended(&lost), CloseReason::Lost(Loss::Node), "{name}");

    healthy.send(message(b"unharmed")).unwrap();
    assert_eq!(*receive(&far).payload, *b"unharmed");
    let more: Vec<NodeEvent> = reports.try_iter().collect();
    assert!(more.iter().all(|event| matches!(event, NodeEvent::NodeLost { .. })), "{name}: {more:?}");
}

pub(crate) fn an_offer_of_what_is_no_ring_ends_its_link(executor: Executor) {
    each(
        executor,
        &[
            ("no handles", |rogue, _| rogue.say(OFFER, &[])),
            ("one handle", |rogue, _| rogue.say(OFFER, &[&memory(RING, SealFlags::SHRINK)])),
            ("too small", |rogue, _| rogue.say(OFFER, &[&memory(RING - 1, SealFlags::SHRINK), &bell().1])),
            ("too large", |rogue, _| rogue.say(OFFER, &[&memory(RING + 1, SealFlags::SHRINK), &bell().1])),
            ("may shrink", |rogue, _| rogue.say(OFFER, &[&memory(RING, SealFlags::GROW), &bell().1])),
            ("no memory", |rogue, _| rogue.say(OFFER, &[&bell().0, &bell().1])),
            ("no bell", |rogue, _| {
                let pipe = rustix::pipe::pipe().unwrap().0;
                rogue.say(OFFER, &[&memory(RING, SealFlags::SHRINK), &pipe]);
            }),
        ],
    );
}

pub(crate) fn what_is_said_out_of_turn_ends_its_link(executor: Executor) {
    fn offer(rogue: &Rogue) -> OwnedFd {
        let (rope, end) = bell();
        rogue.say(OFFER, &[&memory(RING, SealFlags::SHRINK), &end]);
        rope
    }
    each(
        executor,
        &[
            ("taken, not offered", |rogue, _| rogue.say(TAKEN, &[])),
            ("left, not agreed", |rogue, _| rogue.say(SWITCH, &[])),
            ("handles, no ring", |rogue, _| rogue.say(&[4, 1, 0], &[])),
            ("a second offer", |rogue, _| drop((offer(rogue), offer(rogue)))),
            ("taken twice", |rogue, _| {
                let _rope = offer(rogue);
                rogue.hear();
                rogue.say(TAKEN, &[]);
                rogue.say(TAKEN, &[]);
            }),
            ("left twice", |rogue, _| {
                let rings = rogue.switch();
                rings.say(SWITCH);
            }),
            ("an offer in a ring", |rogue, _| {
                let rings = rogue.switch();
                rings.say(OFFER);
            }),
            ("goes on in the socket", |rogue, _| {
                let _rope = offer(rogue);
                while rogue.hear().said[..] != *TAKEN {}
                rogue.write(&[note(SWITCH, 0), vec![0; 20]].concat(), &[]);
            }),
        ],
    );
}

pub(crate) fn a_ring_that_lies_ends_its_link(executor: Executor) {
    each(
        executor,
        &[
            ("garbage", |rogue, _| {
                let rings = rogue.switch();
                rings.write(&[0xee; 1000], 1000);
            }),
            ("more than fits", |rogue, _| {
                let rings = rogue.switch();
                rings.write(&[], RING as u32);
            }),
            ("less than before", |rogue, _| {
                let rings = rogue.switch();
                rings.write(&[], u32::MAX);
            }),
            ("read what was not written", |rogue, pipe| {
                let rings = rogue.switch();
                rings.back.write_all_at(&1_000_000_u32.to_ne_bytes(), 128).unwrap();
                pipe.send(message(b"to nobody")).unwrap();
            }),
        ],
    );
}

pub(crate) fn handles_that_do_not_match_what_is_said_end_their_link(executor: Executor) {
    each(
        executor,
        &[
            ("none came", |rogue, _| {
                let rings = rogue.switch();
                rings.say(&[4, 1, 0]);
            }),
            ("too few came", |rogue, _| {
                let rings = rogue.switch();
                rogue.write(&[0], &[&bell().0]);
                rings.say(&[4, 2, 0]);
            }),
            ("announced twice", |rogue, _| {
                let rings = rogue.switch();
                rogue.write(&[0], &[&bell().0]);
                rogue.write(&[0], &[&bell().0]);
                let twice = [note(&[4, 1, 0], 0), note(&[4, 1, 0], 0)].concat();
                rings.write(&twice, twice.len() as u32);
            }),
            ("without end", |rogue, _| {
                let _rings = rogue.switch();
                for _ in 0..1000 {
                    rogue.write(&[0], &[]);
                }
            }),
        ],
    );
}

pub(crate) fn the_handles_of_a_link_that_ended_are_closed(executor: Executor) {
    let running = executor.start();
    let (rope, end) = bell();
    let (reading, writing) = rustix::pipe::pipe().unwrap();
    let node = running.node();
    let (lost, mut rogue) = join(&node);
    rogue.say(OFFER, &[&memory(RING, SealFlags::SHRINK), &end]);
    while rogue.hear().said[..] != *TAKEN {}
    rogue.say(TAKEN, &[]);
    rogue.say(SWITCH, &[]);
    rogue.write(&[0], &[&writing]);
    drop((end, writing));
    rogue.say(SWITCH, &[]);
    assert_eq!(ended(&lost), CloseReason::Lost(Loss::Node));
    for gone in [&rope, &reading] {
        let mut asked = [PollFd::new(gone, PollFlags::HUP)];
        let healthy = Timespec { tv_sec: 60, tv_nsec: 0 };
        assert_eq!(poll(&mut asked, Some(&healthy)).unwrap(), 1, "somebody still holds a handle");
    }
}

pub(crate) fn an_offer_that_nobody_answers_changes_nothing(executor: Executor) {
    let running = executor.start();
    let node = running.node();
    let (pipe, mut rogue) = join(&node);
    for number in 0..100_u32 {
        pipe.send(message(&number.to_le_bytes())).unwrap();
        assert_eq!(rogue.receive(), number.to_le_bytes());
    }
    assert_eq!(&rogue.hear().said[..], OFFER);
}

pub(crate) fn a_bell_that_ends_harms_only_who_ended_it(executor: Executor) {
    let running = executor.start();
    let node = running.node();
    let (lost, mut rogue) = join(&node);
    let rings = rogue.switch();
    drop(rings.bell);
    rings.out.write_all_at(&[0xee; 1000], 4096).unwrap();
    rings.out.write_all_at(&1000_u32.to_ne_bytes(), 0).unwrap();
    drop(rogue);
    // What it wrote is read, though nothing rang; it is garbage.
    assert_eq!(ended(&lost), CloseReason::Lost(Loss::Node));
}
