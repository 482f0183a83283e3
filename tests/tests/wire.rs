//! Bytes from anybody, cut anywhere: no node panics, keeps more than it may, or depends on where the cuts are.

use std::collections::VecDeque;

use bytes::BytesMut;
use mage_proto::{Limits, LinkId, Message, Node, Output, Transmit};
use mage_tests::world::random::{Names, Random};
use proptest::prelude::*;

type TestNode = Node<u32, Names>;

/// How far a link has come when the strange bytes arrive.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Inviting,
    Accepting,
    Broker,
    Member,
}

/// A node under test, and an honest one on the other side of its link.
struct Pair {
    node: TestNode,
    link: LinkId,
    input: BytesMut,
    /// Everything that the honest side has written to it.
    heard: Vec<u8>,
}

fn drain(node: &mut TestNode) -> Vec<String> {
    std::iter::from_fn(|| node.poll_output()).map(|output| format!("{output:?}")).collect()
}

fn written(node: &mut TestNode, link: LinkId) -> Vec<u8> {
    let mut batch = Transmit::default();
    let mut bytes = Vec::new();
    while node.poll_transmit(link, &mut batch) {
        batch.slices().for_each(|slice| bytes.extend_from_slice(slice));
        let _handles = batch.advance(usize::MAX);
    }
    bytes
}

impl Pair {
    fn feed(&mut self, bytes: &[u8]) -> bool {
        self.input.extend_from_slice(bytes);
        self.node.handle_bytes(self.link, &mut self.input, &mut VecDeque::new()).is_ok()
    }
}

/// A node whose link has come so far.
fn pair(stage: Stage) -> Pair {
    let limits = Limits { max_frame: 32 << 10, max_message: 100_000, ..Limits::default() };
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

fn stage() -> impl Strategy<Value = Stage> {
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

/// Some hundred bytes, or frames, or what an honest node said with a byte changed.
fn anything() -> impl Strategy<Value = (Vec<u8>, Option<(usize, u8)>)> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..400).prop_map(|bytes| (bytes, None)),
        frames().prop_map(|bytes| (bytes, None)),
        (any::<usize>(), any::<u8>()).prop_map(|change| (Vec::new(), Some(change))),
    ]
}

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
    fn no_bytes_make_a_node_panic_or_keep_what_it_need_not(stage in stage(), (mut bytes, change) in anything()) {
        let mut pair = pair(stage);
        if let Some((place, byte)) = change {
            // Said again with one byte changed: to whoever is at a later stage, and to whoever is not.
            bytes = pair_heard();
            let place = place % bytes.len();
            bytes[place] = byte;
        }
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
    fn where_the_bytes_are_cut_makes_no_difference(stage in stage(), (bytes, _) in anything(), seed in any::<u64>()) {
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

/// What an honest broker says to a node that joins.
fn pair_heard() -> Vec<u8> {
    pair(Stage::Member).heard
}
