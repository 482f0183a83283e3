//! What random worlds found, each as the shortest scene that shows it.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use bytes::BytesMut;
use mage_proto::{Limits, NameSource, Node, Output, PortId};

#[derive(Debug)]
struct Counter(u128);

impl NameSource for Counter {
    fn next_name(&mut self) -> u128 {
        self.0 += 1;
        self.0
    }
}

fn ended(node: &mut Node<u32, Counter>) -> Vec<PortId> {
    std::iter::from_fn(|| node.poll_output())
        .filter_map(|output| if let Output::Ended { port, .. } = output { Some(port) } else { None })
        .collect()
}

#[test]
fn an_end_that_was_merged_away_is_not_heard_of_again() {
    let mut node = Node::new(Counter(0), Limits::default());
    let (link, mut lost) = node.invite(0, 1).expect("a fresh node may invite");
    node.handle_lost(link);
    let (given, kept) = node.create_pipe();
    let kept = kept.id();
    assert_eq!(ended(&mut node), [lost[0].id()]);
    node.merge(lost.remove(0), given).expect("a lost pipe may be merged");
    assert_eq!(ended(&mut node), [kept]);
}

/// A handle that tells when it is dropped.
#[derive(Debug)]
struct Told(Rc<Cell<u32>>);

impl Drop for Told {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn a_handle_that_came_with_a_refused_frame_is_left_to_the_driver() {
    let dropped = Rc::new(Cell::new(0));
    let mut node = Node::new(Counter(0), Limits::default());
    let link = node.accept(Told(dropped.clone())).expect("a fresh node may accept");
    // Length 16, Refer, no flags, one handle, id 7: only members say this, and only to a broker.
    let mut refer = BytesMut::from(&[16, 0, 0, 0, 0x12, 0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0][..]);
    let refused = node.handle_bytes(link, &mut refer, &mut VecDeque::from([Told(dropped.clone())]));
    assert!(refused.is_err());
    assert_eq!(dropped.get(), 0);
    while node.poll_output().is_some() {}
    assert_eq!(dropped.get(), 2);
}
