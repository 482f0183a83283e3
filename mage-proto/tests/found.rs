//! What random worlds found, each as the shortest scene that shows it.

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
