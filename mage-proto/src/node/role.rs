//! What a node is in its network: alone, its broker, or a member; and what it keeps in that role.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Node;
use super::receive::Refusal;
use crate::id::LinkId;
use crate::name::{NameSource, NodeName};

/// What this node is in its network, fixed by the first invitation that it sends or accepts.
#[derive(Debug, Clone)]
pub(super) enum Role {
    Undecided,
    Broker(Broker),
    Joining,
    Member(Member),
}

/// What the broker keeps.
#[derive(Debug, Clone, Default)]
pub(super) struct Broker {
    /// Every pair that was introduced, or was linked from the beginning, and how many sockets it took.
    pub(super) pairs: BTreeMap<Pair, u8>,
    /// Socket pairs that the driver was asked for, and who sought.
    pub(super) making: BTreeMap<u64, (NodeName, Pair)>,
    pub(super) forbidden: BTreeSet<Pair>,
    /// Whom each member has referred and who is still alive.
    pub(super) referred: BTreeMap<NodeName, BTreeSet<NodeName>>,
    pub(super) next_tag: u64,
}

/// Two nodes, the lesser name first.
pub(super) type Pair = (NodeName, NodeName);

pub(super) fn pair(a: NodeName, b: NodeName) -> Pair {
    if a < b { (a, b) } else { (b, a) }
}

/// What a member keeps.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// `None` once it is lost.
    pub(super) broker: Option<NodeName>,
    /// Nodes that the broker was asked for and has not answered.
    pub(super) asked: BTreeSet<NodeName>,
    /// Nodes to ask for next.
    pub(super) waiting: VecDeque<NodeName>,
    pub(super) next_id: u64,
}

impl Member {
    pub(super) fn of(broker: NodeName) -> Self {
        Self { broker: Some(broker), asked: BTreeSet::new(), waiting: VecDeque::new(), next_id: 0 }
    }
}

impl<H, S: NameSource> Node<H, S> {
    /// The member at the other end of a link, this node being the broker.
    pub(super) fn member_of(&self, link: LinkId) -> Result<NodeName, Refusal> {
        match &self.role {
            Role::Broker(_) if self.link(link).is_some_and(|link| link.isolated.is_some()) => {
                Err(Refusal::OutOfPlace("an isolated node is no member"))
            }
            Role::Broker(_) => self.node_of(link).ok_or(Refusal::OutOfPlace("the two nodes have not met yet")),
            Role::Undecided | Role::Joining | Role::Member(_) => Err(NOT_BROKER),
        }
    }

    /// The broker, if it is at the other end of a link.
    pub(super) fn broker_of(&self, link: LinkId) -> Result<NodeName, Refusal> {
        match &self.role {
            Role::Member(Member { broker: Some(broker), .. }) if self.node_of(link) == Some(*broker) => Ok(*broker),
            Role::Undecided | Role::Broker(_) | Role::Joining | Role::Member(_) => {
                Err(Refusal::OutOfPlace("only the broker says this"))
            }
        }
    }
}

pub(super) const NOT_BROKER: Refusal = Refusal::OutOfPlace("this node is no broker");
