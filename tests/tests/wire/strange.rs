//! Strange bytes, and nodes to feed them to.

use std::collections::VecDeque;

use bytes::BytesMut;
use mage_proto::{Limits, LinkId, Node, Transmit};
use mage_tests::scene::forge::{Forged, kind};
use mage_tests::world::random::Names;
use proptest::prelude::*;

pub(crate) type TestNode = Node<u32, Names>;

/// How far a link has come when the strange bytes arrive.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stage {
    Inviting,
    Accepting,
    Broker,
    Member,
}

/// A node under test, and an honest one on the other side of its link.
pub(crate) struct Pair {
    pub(crate) node: TestNode,
    pub(crate) link: LinkId,
    pub(crate) input: BytesMut,
    /// Everything that the honest side has written to it.
    heard: Vec<u8>,
}

/// What a node wants done, in words.
pub(crate) fn drain(node: &mut TestNode) -> Vec<String> {
    std::iter::from_fn(|| node.poll_output()).map(|output| format!("{output:?}")).collect()
}

/// What a node says over a link.
pub(crate) fn written(node: &mut TestNode, link: LinkId) -> Vec<u8> {
    let mut batch = Transmit::default();
    let mut bytes = Vec::new();
    while node.poll_transmit(link, &mut batch) {
        batch.slices().for_each(|slice| bytes.extend_from_slice(slice));
        let _handles = batch.advance(usize::MAX);
    }
    bytes
}

impl Pair {
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> bool {
        self.input.extend_from_slice(bytes);
        self.node.handle_bytes(self.link, &mut self.input, &mut VecDeque::new()).is_ok()
    }
}

/// A node whose link has come so far.
pub(crate) fn pair(stage: Stage) -> Pair {
    let limits = Limits { max_frame: 32 << 10, ..Limits::default() };
    let mut node = TestNode::new(Names::new(1), limits.clone());
    let mut other = TestNode::new(Names::new(2), limits);
    let (link, other_link) = match stage {
        Stage::Inviting | Stage::Broker => {
            (node.invite(0, 3).expect("it may invite").0, other.accept(0).expect("it may accept"))
        }
        Stage::Accepting | Stage::Member => {
            (node.accept(0).expect("it may accept"), other.invite(0, 3).expect("it may invite").0)
        }
    };
    let mut pair = Pair { node, link, input: BytesMut::new(), heard: Vec::new() };
    let (mut input, mut rounds) = (BytesMut::new(), 0);
    while matches!(stage, Stage::Broker | Stage::Member) && rounds < 4 {
        let said = written(&mut other, other_link);
        assert!(pair.feed(&said));
        pair.heard.extend(said);
        input.extend_from_slice(&written(&mut pair.node, link));
        assert!(other.handle_bytes(other_link, &mut input, &mut VecDeque::new()).is_ok());
        rounds += 1;
    }
    drain(&mut pair.node);
    pair
}

pub(crate) fn stage() -> impl Strategy<Value = Stage> {
    prop_oneof![Just(Stage::Inviting), Just(Stage::Accepting), Just(Stage::Broker), Just(Stage::Member)]
}

/// Bytes that are frames by their heads, whatever is in them.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![4 => 0x01_u8..=0x07, 3 => 0x10_u8..=0x19, 1 => any::<u8>()];
    let flags = prop_oneof![8 => Just(0_u8), 1 => 0..4_u8, 1 => any::<u8>()];
    let byte = prop_oneof![2 => Just(0_u8), 1 => Just(1_u8), 2 => any::<u8>()];
    let frame = (kind, flags, proptest::collection::vec(byte, 0..200)).prop_map(|(kind, flags, body)| {
        let mut frame = ((body.len() + 8) as u32).to_le_bytes().to_vec();
        frame.extend([kind, flags, 0, 0]);
        frame.extend(body);
        frame
    });
    proptest::collection::vec(frame, 1..6).prop_map(|frames| frames.concat())
}

/// Messages from the broker's end of a pipe to the member's, which announce much or little and bring what they like.
fn claims() -> impl Strategy<Value = Vec<u8>> {
    let cost = prop_oneof![Just(0_u32), 64..400_u32, 90_000..60_000_000_u32, any::<u32>()];
    let ports = prop_oneof![6 => Just(0_u16), 1 => 0..300_u16, 1 => any::<u16>()];
    let claim = (0..4_u8, ports, cost, proptest::collection::vec(any::<u8>(), 0..300));
    proptest::collection::vec(claim, 1..8).prop_map(|claims| {
        let heard = pair_heard();
        let welcome = frame_of(&heard, kind::WELCOME);
        let name = |at: usize| u128::from_le_bytes(*welcome[at..].first_chunk().expect("a name"));
        // The first pipe's end there, and the one here that has become its writer.
        let (dest, from) = (name(58), name(114));
        let frame = |(flags, ports, cost, body): (u8, u16, u32, Vec<u8>)| {
            Forged::event(kind::DATA, dest, from).flags(flags).u16(ports).u16(0).u32(cost).bytes(&body).frame()
        };
        claims.into_iter().flat_map(frame).collect()
    })
}

/// The first frame of that kind.
fn frame_of(mut said: &[u8], kind: u8) -> &[u8] {
    loop {
        let length = u32::from_le_bytes(*said.first_chunk().expect("a frame of that kind")) as usize;
        let (frame, rest) = said.split_at(length);
        if frame[4] == kind {
            return frame;
        }
        said = rest;
    }
}

/// Some hundred bytes, or frames, or claims, or what an honest node said (to whoever is at a later stage, and to whoever
/// is not) with a byte changed.
pub(crate) fn anything() -> impl Strategy<Value = Vec<u8>> {
    let changed = (any::<usize>(), any::<u8>()).prop_map(|(place, byte)| {
        let mut bytes = pair_heard();
        let place = place % bytes.len();
        bytes[place] = byte;
        bytes
    });
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..400), frames(), claims(), changed]
}

/// What an honest broker says to a node that joins.
fn pair_heard() -> Vec<u8> {
    pair(Stage::Member).heard
}
