//! Two nodes in one thread, driven by hand.

use std::collections::VecDeque;

use bytes::BytesMut;
use mage_proto::{CloseReason, Limits, LinkId, Message, NameSource, Node, Output, Port, Transmit};

#[derive(Debug, Clone)]
struct Counter(u128);

impl NameSource for Counter {
    fn next_name(&mut self) -> u128 {
        self.0 += 1;
        self.0
    }
}

type TestNode = Node<u32, Counter>;

/// One side of a connection: a node, its link, and what it has said so far.
struct Side {
    node: TestNode,
    link: Option<LinkId>,
    inbox: BytesMut,
    handles: VecDeque<u32>,
    initial: Vec<Port>,
    said: Vec<String>,
}

impl Side {
    fn new(seed: u128) -> Self {
        let node = Node::new(Counter(seed << 64), Limits::default());
        Self { node, link: None, inbox: BytesMut::new(), handles: VecDeque::new(), initial: Vec::new(), said: vec![] }
    }

    fn drain(&mut self) {
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::OpenLink { link, .. } => self.link = Some(link),
                Output::CloseLink { .. } => self.link = None,
                Output::InitialPort { port, .. } => self.initial.push(port),
                Output::LinkReady { .. } => {}
                other => self.said.push(format!("{other:?}")),
            }
        }
    }

    /// Moves what this side has to transmit to the other; says whether there was something.
    fn flush_to(&mut self, other: &mut Side) -> bool {
        self.drain();
        let Some(link) = self.link else { return false };
        let mut batch = Transmit::default();
        let mut moved = false;
        while self.node.poll_transmit(link, &mut batch) {
            moved = true;
            for slice in batch.slices() {
                other.inbox.extend_from_slice(slice);
            }
            other.handles.extend(batch.advance(usize::MAX));
            assert!(batch.is_empty());
            let link = other.link.expect("the other side is linked");
            let (inbox, handles) = (&mut other.inbox, &mut other.handles);
            other.node.handle_bytes(link, inbox, handles).expect("honest bytes");
            other.drain();
        }
        moved
    }
}

fn settle(a: &mut Side, b: &mut Side) {
    a.drain();
    b.drain();
    while a.flush_to(b) | b.flush_to(a) {}
}

fn joined() -> (Side, Side, Port, Port) {
    let (mut a, mut b) = (Side::new(1), Side::new(2));
    let (_, mut ports) = a.node.invite(0, 1).expect("a fresh node may invite");
    b.node.accept(0).expect("a fresh node may accept");
    settle(&mut a, &mut b);
    let (one, other) = (ports.remove(0), b.initial.remove(0));
    (a, b, one, other)
}

fn text(message: Option<Message<u32>>) -> String {
    String::from_utf8(message.expect("a message").payload.to_vec()).expect("text")
}

#[test]
fn what_was_sent_before_the_invitee_existed_arrives_in_order() {
    let (mut a, mut b) = (Side::new(1), Side::new(2));
    let (_, ports) = a.node.invite(0, 1).expect("a fresh node may invite");
    for n in 0..10 {
        a.node.send(&ports[0], Message::new(format!("{n}").as_bytes())).expect("room");
    }
    b.node.accept(0).expect("a fresh node may accept");
    settle(&mut a, &mut b);
    let port = b.initial.remove(0);
    for n in 0..10 {
        assert_eq!(text(b.node.receive(&port).expect("open")), format!("{n}"));
    }
    settle(&mut a, &mut b);
    assert_eq!(a.node.census().proxies, 0);
    assert_eq!(b.node.census().active, 1);
}

#[test]
fn a_port_that_moves_takes_its_messages_along_and_leaves_no_proxy() {
    let (mut a, mut b, one, other) = joined();
    let (stay, go) = a.node.create_pipe();
    a.node.send(&stay, Message::new(&b"before"[..])).expect("room");
    a.node.send(&one, Message { cargo: vec![go], ..Message::new(&b"port"[..]) }).expect("room");
    a.node.send(&stay, Message::new(&b"after"[..])).expect("room");
    settle(&mut a, &mut b);
    let carrier = b.node.receive(&other).expect("open").expect("a message");
    let moved = carrier.cargo.into_iter().next().expect("a port");
    assert_eq!(text(b.node.receive(&moved).expect("open")), "before");
    assert_eq!(text(b.node.receive(&moved).expect("open")), "after");
    b.node.send(&moved, Message::new(&b"back"[..])).expect("room");
    settle(&mut a, &mut b);
    assert_eq!(text(a.node.receive(&stay).expect("open")), "back");
    assert_eq!((a.node.census().proxies, b.node.census().proxies), (0, 0));
    b.node.close(moved, 7, "done");
    settle(&mut a, &mut b);
    assert_eq!(a.node.receive(&stay), Err(CloseReason::closed(7, "done")));
    a.node.close(stay, 0, "");
    settle(&mut a, &mut b);
    assert_eq!((a.node.census().active, b.node.census().active), (1, 1));
    assert_eq!((a.node.census().stubs, b.node.census().stubs), (0, 0));
}

#[test]
fn a_large_message_is_cut_and_joined() {
    let (mut a, mut b, one, other) = joined();
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    a.node.send(&one, Message::new(large.clone())).expect("room");
    settle(&mut a, &mut b);
    let got = b.node.receive(&other).expect("open").expect("a message");
    assert!(*got.payload == *large);
}

#[test]
fn a_lost_link_ends_its_pipes_and_nothing_else() {
    let (mut a, mut b, one, other) = joined();
    let (left, right) = a.node.create_pipe();
    a.node.handle_lost(a.link.expect("linked"));
    a.drain();
    b.node.handle_lost(b.link.expect("linked"));
    b.drain();
    assert!(a.node.receive(&one).is_err());
    assert!(b.node.receive(&other).is_err());
    a.node.send(&left, Message::new(&b"still"[..])).expect("room");
    assert_eq!(text(a.node.receive(&right).expect("open")), "still");
}

#[test]
fn a_shutdown_says_bye_and_is_drained() {
    let (mut a, mut b, one, _other) = joined();
    a.node.send(&one, Message::new(&b"last"[..])).expect("room");
    a.node.shutdown();
    for _ in 0..4 {
        settle(&mut a, &mut b);
    }
    b.drain();
    // B keeps its end; A's stub waits for B's answer, which came, so A may go.
    assert!(a.said.iter().any(|said| said == "Drained"), "{:?}", a.said);
}

#[test]
fn merging_with_a_pipe_that_was_closed_passes_on_the_rest_and_the_close() {
    let (mut a, mut b, one, other) = joined();
    let (left, right) = a.node.create_pipe();
    b.node.send(&other, Message::new(&b"last words"[..])).expect("room");
    b.node.close(other, 5, "bye");
    settle(&mut a, &mut b);
    a.node.merge(one, right).expect("an ended pipe may be merged");
    settle(&mut a, &mut b);
    assert_eq!(text(a.node.receive(&left).expect("something is left")), "last words");
    assert_eq!(a.node.receive(&left), Err(CloseReason::closed(5, "bye")));
    a.node.close(left, 0, "");
    assert_eq!(a.node.census().active + a.node.census().stubs + a.node.census().proxies, 0);
}

/// Moves a closed end from A to B while its last message is still to be read, so that B holds an end whose far side is
/// gone and whose stream has not ended, and merges it there before the end arrives.
#[test]
fn merging_an_orphan_passes_on_what_still_comes_and_leaves_nothing() {
    let (mut a, mut b, one, other) = joined();
    let (stay, go) = a.node.create_pipe();
    a.node.send(&stay, Message::new(&b"first"[..])).expect("room");
    a.node.close(stay, 9, "gone");
    a.node.send(&one, Message { cargo: vec![go], ..Message::new(&b"carrier"[..]) }).expect("room");
    // Deliver the carrier without what follows it, by cutting the stream after its frame.
    a.drain();
    let link = a.link.expect("linked");
    let mut batch = Transmit::default();
    assert!(a.node.poll_transmit(link, &mut batch));
    let bytes: Vec<u8> = batch.slices().flatten().copied().collect();
    let _ = batch.advance(bytes.len());
    let carrier = u32::from_le_bytes(bytes[..4].try_into().expect("four bytes")) as usize;
    let b_link = b.link.expect("linked");
    b.inbox.extend_from_slice(&bytes[..carrier]);
    b.node.handle_bytes(b_link, &mut b.inbox, &mut b.handles).expect("honest");
    let orphan = b.node.receive(&other).expect("open").expect("a message").cargo.remove(0);
    let (left, right) = b.node.create_pipe();
    b.node.send(&left, Message::new(&b"nobody reads this"[..])).expect("room");
    b.node.merge(orphan, right).expect("an orphan may be merged");
    b.inbox.extend_from_slice(&bytes[carrier..]);
    b.node.handle_bytes(b_link, &mut b.inbox, &mut b.handles).expect("honest");
    settle(&mut a, &mut b);
    assert_eq!(text(b.node.receive(&left).expect("something is left")), "first");
    assert_eq!(b.node.receive(&left), Err(CloseReason::closed(9, "gone")));
    b.node.close(left, 0, "");
    settle(&mut a, &mut b);
    let census = b.node.census();
    assert_eq!((census.active, census.stubs, census.proxies, census.pending), (1, 0, 0, 0));
}
