//! Bytes from anybody, cut anywhere: no node panics, keeps more than it may, or depends on where the cuts are.

use std::collections::VecDeque;

#[path = "wire/strange.rs"]
mod strange;

use bytes::BytesMut;
use mage_proto::{Limits, Message, Output};
use mage_tests::scene::forge::{Forged, kind};
use mage_tests::world::random::{Names, Random};
use proptest::prelude::*;
use strange::{Pair, TestNode, anything, drain, pair, stage, written};

/// Cuts `bytes` at places that depend on `seed` alone.
fn cut(bytes: &[u8], seed: u64) -> Vec<&[u8]> {
    let mut random = Random::new(seed);
    let (mut rest, mut chunks) = (bytes, Vec::new());
    while !rest.is_empty() {
        let most = [1, 3, 20, 1000][random.below(4)];
        let (chunk, left) = rest.split_at(random.between(1, most).min(rest.len()));
        chunks.push(chunk);
        rest = left;
    }
    chunks
}

/// What a node says after it was fed these chunks: outputs, and bytes on the link.
fn reaction(pair: &mut Pair, chunks: &[&[u8]]) -> (Vec<String>, Vec<u8>) {
    for chunk in chunks {
        if !pair.feed(chunk) {
            break;
        }
    }
    let said = drain(&mut pair.node);
    // When the link is there to be written to is a matter of time.
    let said = said.into_iter().filter(|output| !output.contains("LinkReady")).collect();
    (said, written(&mut pair.node, pair.link))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_make_a_node_panic_or_keep_what_it_need_not(stage in stage(), bytes in anything()) {
        let mut pair = pair(stage);
        let fed = pair.feed(&bytes);
        // Not more is kept than the beginning of one frame.
        prop_assert!(pair.input.len() <= 32 << 10);
        prop_assert!(fed || pair.input.is_empty());
        if !fed {
            let ended = drain(&mut pair.node).iter().any(|output| output.contains("CloseLink"));
            prop_assert!(ended, "a violation ends the link");
            let census = pair.node.census();
            prop_assert_eq!((census.links, census.stubs, census.proxies, census.pending), (0, 0, 0, 0), "{:?}", census);
        }
        // And it goes on.
        let (one, other) = pair.node.create_pipe();
        pair.node.send(&one, Message::new(&b"still here"[..])).expect("room");
        let read = pair.node.receive(&other).expect("open").expect("a message");
        prop_assert_eq!(&read.payload[..], &b"still here"[..]);
    }

    #[test]
    fn where_the_bytes_are_cut_makes_no_difference(stage in stage(), bytes in anything(), seed in any::<u64>()) {
        let whole = reaction(&mut pair(stage), &[&bytes]);
        let chunks = cut(&bytes, seed);
        let parts = reaction(&mut pair(stage), &chunks);
        prop_assert_eq!(whole, parts);
    }

    #[test]
    fn what_an_honest_node_says_is_understood_wherever_it_is_cut(seed in any::<u64>(), sizes in proptest::collection::vec(0..90_000_usize, 1..5)) {
        let limits = Limits { max_frame: 32 << 10, ..Limits::default() };
        let mut broker = TestNode::new(Names::new(1), limits.clone());
        let mut member = TestNode::new(Names::new(2), limits);
        let (link, ports) = broker.invite(0, 1).expect("it may invite");
        for (number, &size) in sizes.iter().enumerate() {
            let payload: Vec<u8> = (0..size).map(|at| (at / 100 + number) as u8).collect();
            broker.send(&ports[0], Message::new(payload)).expect("room");
        }
        let member_link = member.accept(0).expect("it may accept");
        let (mut to_broker, mut to_member) = (BytesMut::new(), BytesMut::new());
        let mut initial = None;
        for round in 0..4 {
            let (said, answered) = (written(&mut broker, link), written(&mut member, member_link));
            for (node, link, input, bytes) in [
                (&mut member, member_link, &mut to_member, &said),
                (&mut broker, link, &mut to_broker, &answered),
            ] {
                for chunk in cut(bytes, seed ^ round) {
                    let missing = node.wanted(input);
                    input.extend_from_slice(chunk);
                    prop_assert!(missing <= 32 << 10);
                    prop_assert!(node.handle_bytes(link, input, &mut VecDeque::new()).is_ok());
                }
            }
            while let Some(output) = member.poll_output() {
                if let Output::InitialPort { port, .. } = output {
                    initial = Some(port);
                }
            }
        }
        let port = initial.expect("it has joined");
        for (number, &size) in sizes.iter().enumerate() {
            let read = member.receive(&port).expect("open").expect("a message");
            prop_assert!(read.payload.len() == size);
            prop_assert!(read.payload.iter().enumerate().all(|(at, &byte)| byte == (at / 100 + number) as u8));
        }
    }
}

#[test]
fn handles_that_no_frame_announced_end_the_link() {
    for count in [0, 1] {
        let mut pair = pair(strange::Stage::Member);
        // A frame of a kind that this version passes over.
        let mut input = BytesMut::from(&[8, 0, 0, 0, 0x80, 0, 0, 0][..]);
        let mut handles: VecDeque<u32> = (0..count).collect();
        let result = pair.node.handle_bytes(pair.link, &mut input, &mut handles);
        assert_eq!(result.is_err(), count > 0, "{result:?}");
        assert!(handles.is_empty(), "they are given back to be closed");
    }
}

#[test]
fn a_node_that_was_lost_is_not_met_again() {
    const STRANGER: u128 = 90_000;
    for lost in [false, true] {
        let mut pair = pair(strange::Stage::Member);
        if lost {
            assert!(pair.feed(&Forged::control(kind::NO_MEET).u128(STRANGER).frame()));
        }
        let meet = Forged::control(kind::MEET).handles(1).u128(STRANGER).u8(1).frame();
        let result = pair.node.handle_bytes(pair.link, &mut BytesMut::from(&meet[..]), &mut VecDeque::from([7]));
        assert!(result.is_ok(), "{result:?}");
        let opened = drain(&mut pair.node).iter().any(|output| output.contains("OpenLink"));
        assert_eq!(opened, !lost);
    }
}
