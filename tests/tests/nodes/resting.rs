//! A bell that nobody can ring any more makes no work: the link goes on, and its node rests.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use mage::Node;
use mage_tests::world::random::Random;
use rustix::fs::SealFlags;
use rustix::net::{Shutdown, shutdown};

use crate::hand::{Hand, Manner};
use crate::message;
use crate::rogue::{OFFER, RING, Rogue, TAKEN, bell, memory};

/// More calls than anybody needs to find out that a bell is over.
const FEW: usize = 20;

/// What the other side does to its bell; returns what it keeps.
type Deed = fn(&mut Rogue) -> Vec<OwnedFd>;

/// A node whose calls are counted comes to rest after `deed`, however its adapter hears of arrivals.
fn rests_after(deed: Deed) {
    for manner in [Manner::Once, Manner::EndsForEver, Manner::Never] {
        let (hand, mut random) = (Hand::new(manner), Random::new(1));
        let node = Node::builder(hand.clone()).patience(Duration::ZERO).build().expect("a node");
        let (to_node, to_rogue) = UnixStream::pair().expect("sockets");
        let pipe = node.invite(to_rogue).expect("an invitation");
        let rogue = thread::spawn(move || {
            let mut rogue = Rogue::join(to_node);
            let kept = deed(&mut rogue);
            (rogue, kept)
        });
        while !rogue.is_finished() {
            hand.step(&mut random);
            thread::yield_now();
        }
        let rogue = rogue.join().expect("an honest rogue");
        assert!(hand.settle(FEW, &mut random), "{manner:?}: it never rests");
        pipe.send(message(b"to whom it may concern")).expect("an open pipe");
        assert!(hand.settle(FEW, &mut random), "{manner:?}: it rests no more");
        assert!(pipe.try_receive().expect("an open pipe").is_none(), "{manner:?}");
        assert_eq!(hand.watches(), 1, "{manner:?}: only the socket is to be watched");
        drop(rogue);
        assert!(hand.settle(FEW, &mut random), "{manner:?}: it does not rest after the end");
        assert_eq!((pipe.try_receive().is_err(), hand.watches()), (true, 0), "{manner:?}");
    }
}

#[test]
fn a_bell_that_is_gone_leaves_its_node_at_rest() {
    rests_after(|rogue| {
        let rings = rogue.switch();
        drop(rings.bell);
        vec![rings.out.into(), rings.back.into()]
    });
}

#[test]
fn a_bell_that_is_shut_down_leaves_its_node_at_rest() {
    rests_after(|rogue| {
        let rings = rogue.switch();
        shutdown(&rings.bell, Shutdown::Both).expect("a socket");
        vec![rings.out.into(), rings.back.into(), rings.bell]
    });
}

#[test]
fn a_bell_that_is_gone_before_its_ring_is_used_leaves_its_node_at_rest() {
    rests_after(|rogue| {
        let (rope, end) = bell();
        rogue.say(OFFER, &[&memory(RING, SealFlags::SHRINK), &end]);
        while rogue.hear().said[..] != *TAKEN {}
        drop(rope);
        vec![end]
    });
}
