//! Nodes that never met are introduced by the broker, which made both ends of the socket that they get.
//!
//! ```text
//!   N ──Seek{Z}──▶ K          K: makes a socket pair      K ──Meet{Z} + one end──▶ N ──Greet──▶ Z
//!                             K: refuses, or Z is gone    K ──Meet{N} + other end─▶ Z ──Greet──▶ N
//!                                                         K ──NoMeet{Z}──▶ N, ──NoMeet{N}──▶ Z
//! ```
//!
//! A refusal is told to both, because both ends of a route must fail; it counts as the loss of the node. The broker
//! introduces a pair once: two links between the same nodes would not keep the order of events.
//!
//! Here K has forbidden X and Z to meet, scene `introduction_refused`:
//!
//! ```text
//! K sends B to Z
//!     B@K -> A@X: Handoff{B'@Z, unsure}
//!     KZ@K -> ZK@Z: Data{"a port", B' (after B, to A@X)}
//!     X -> K: Seek{Z}
//!     Z -> K: Seek{X}
//!     K -> X: NoMeet{Z}
//!     X: A ended: lost: a process on the route is gone
//!     K -> Z: NoMeet{X}
//!     K -> X: NoMeet{Z}
//!     A@X -> B@K: Gone
//!     K -> Z: NoMeet{X}
//!     B'@Z -> B@K: Gone
//!     B@K -> A@X: Gone
//!     B@K -> B'@Z: Gone
//!     A@X -> B@K: Gone{reply}
//!     B@K -> B'@Z: Gone{reply}
//!     B'@Z -> B@K: Gone{reply}
//! ```

use alloc::vec::Vec;

use super::receive::Refusal;
use super::role::{Member, NOT_BROKER, Pair, Role, pair};
use super::{Node, Reach};
use crate::control::Control;
use crate::id::LinkId;
use crate::link::{Admission, LinkState};
use crate::name::{NameSource, NodeName};
use crate::outbox::Outbox;
use crate::output::{Discard, JoinError, Output};

/// No pair of sockets could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no pair of sockets could be made")]
pub struct SocketPairError;

impl<H, S: NameSource> Node<H, S> {
    /// Forbids that the broker introduces `a` and `b` from now on. Nothing happens on a node that is no broker.
    pub fn forbid_introduction(&mut self, a: NodeName, b: NodeName) {
        if let Role::Broker(broker) = &mut self.role {
            broker.forbidden.insert(pair(a, b));
        }
    }

    /// Answers [`Output::CreateSocketPair`].
    pub fn socket_pair(&mut self, tag: u64, sockets: Result<(H, H), SocketPairError>) {
        match &mut self.role {
            Role::Broker(broker) => match broker.making.remove(&tag) {
                Some((_, pair)) => self.meet(pair, sockets),
                None => self.discard_sockets(sockets),
            },
            Role::Undecided | Role::Joining | Role::Member(_) => self.refer(tag, sockets),
        }
        self.run();
    }

    pub(super) fn discard_sockets(&mut self, sockets: Result<(H, H), SocketPairError>) {
        if let Ok((one, other)) = sockets {
            self.discard_later(Discard::Handles(alloc::vec![one, other]));
        }
    }

    /// Makes sure that `node` will be linked, or is known to be lost: false. `named_by` is who named it.
    pub(super) fn need_link(&mut self, node: NodeName, named_by: Option<NodeName>) -> bool {
        if node == self.name || self.nodes.contains_key(&node) {
            return true;
        }
        if self.lost.contains(node) {
            return false;
        }
        let can_ask = match &self.role {
            Role::Joining | Role::Member(Member { broker: Some(_), .. }) => true,
            Role::Undecided | Role::Broker(_) | Role::Member(Member { broker: None, .. }) => false,
        };
        if !can_ask {
            // Nobody can introduce it. No port depends on it yet: whoever names it first fails here.
            self.lost.insert(node, &self.limits);
            return false;
        }
        if let Some(named_by) = named_by
            && self.unresolved(named_by) >= usize::from(self.limits.unresolved_per_link)
        {
            return false;
        }
        self.nodes.insert(node, Reach::Sought { outbox: Outbox::new(), named_by });
        self.seek(node);
        true
    }

    /// How many nodes that `named_by` named are not linked yet.
    fn unresolved(&self, named_by: NodeName) -> usize {
        let by = |reach: &&Reach<H>| match reach {
            Reach::Sought { named_by: by, .. } => *by == Some(named_by),
            Reach::Linked(_) => false,
        };
        self.nodes.values().filter(by).count()
    }

    fn seek(&mut self, node: NodeName) {
        if let Role::Member(member) = &mut self.role {
            member.waiting.push_back(node);
            self.seek_waiting();
        }
    }

    /// Asks for as many nodes as may be asked for at once.
    fn seek_waiting(&mut self) {
        loop {
            let Role::Member(Member { broker: Some(broker), asked, waiting, .. }) = &mut self.role else { return };
            let broker = *broker;
            let linked = matches!(self.nodes.get(&broker), Some(Reach::Linked(_)));
            if !linked || asked.len() >= usize::from(self.limits.seeks) {
                return;
            }
            let Some(node) = waiting.pop_front() else { return };
            asked.insert(node);
            self.send_control(broker, &Control::Seek { node }, None);
        }
    }

    /// The link to the broker is up: what waited for it goes on.
    pub(super) fn broker_ready(&mut self) {
        if let Role::Member(member) = &mut self.role {
            // Whoever was sought while this node was joining has not been asked for.
            let mut sought: Vec<NodeName> = self
                .nodes
                .iter()
                .filter(|(_, reach)| matches!(reach, Reach::Sought { .. }))
                .map(|(node, _)| *node)
                .filter(|node| !member.asked.contains(node) && !member.waiting.contains(node))
                .collect();
            sought.sort_unstable();
            member.waiting.extend(sought);
        }
        self.seek_waiting();
        self.refer_waiting();
    }

    /// A member wants to meet another.
    pub(super) fn handle_seek(&mut self, link: LinkId, target: NodeName) -> Result<(), Refusal> {
        let seeker = self.member_of(link)?;
        if target == self.name || target == seeker {
            return Err(Refusal::Malformed("a node seeks itself or its broker"));
        }
        let known = self.nodes.contains_key(&target) && !self.is_isolated(target);
        let most = usize::from(self.limits.seeks_per_member);
        let Role::Broker(broker) = &self.role else { return Err(NOT_BROKER) };
        let both = pair(seeker, target);
        if !known {
            self.send_control(seeker, &Control::NoMeet { node: target }, None);
        } else if broker.forbidden.contains(&both) {
            self.refuse(both);
        } else if broker.pairs.contains_key(&both) {
            // The Meet is under way already: both sought at once.
        } else if broker.making.values().filter(|(by, _)| *by == seeker).count() >= most {
            self.refuse(both);
        } else {
            self.make_sockets(seeker, both, 1);
        }
        Ok(())
    }

    fn make_sockets(&mut self, seeker: NodeName, both: Pair, attempt: u8) {
        let Role::Broker(broker) = &mut self.role else { return };
        broker.pairs.insert(both, attempt);
        broker.next_tag = broker.next_tag.wrapping_add(1);
        let tag = broker.next_tag;
        broker.making.insert(tag, (seeker, both));
        self.output(Output::CreateSocketPair { tag });
    }

    /// The sockets for two nodes are there, or not.
    fn meet(&mut self, both: Pair, sockets: Result<(H, H), SocketPairError>) {
        let (one, other) = both;
        let Role::Broker(broker) = &self.role else { return self.discard_sockets(sockets) };
        let attempt = broker.pairs.get(&both).copied().unwrap_or(0);
        let known = self.nodes.contains_key(&one) && self.nodes.contains_key(&other);
        match sockets {
            Ok((first, second)) if known => {
                self.send_control(one, &Control::Meet { node: other, attempt }, Some(first));
                self.send_control(other, &Control::Meet { node: one, attempt }, Some(second));
            }
            sockets @ Ok(_) => {
                self.discard_sockets(sockets);
                self.refuse(both);
            }
            Err(SocketPairError) => self.meet_again(one, both, attempt),
        }
    }

    fn meet_again(&mut self, seeker: NodeName, both: Pair, attempt: u8) {
        if attempt < self.limits.meet_attempts {
            self.make_sockets(seeker, both, attempt.saturating_add(1));
        } else {
            self.refuse(both);
        }
    }

    /// Two nodes will not meet: each loses the other.
    fn refuse(&mut self, both: Pair) {
        for (node, other) in [both, (both.1, both.0)] {
            self.send_control(node, &Control::NoMeet { node: other }, None);
        }
    }

    /// A socket to another member has come.
    pub(super) fn handle_meet(
        &mut self,
        link: LinkId,
        node: NodeName,
        attempt: u8,
        handle: &mut Option<H>,
    ) -> Result<(), Refusal> {
        self.broker_of(link)?;
        if node == self.name {
            return Err(Refusal::Malformed("a node is introduced to itself"));
        }
        self.answered(node);
        if self.lost.contains(node) || matches!(self.nodes.get(&node), Some(Reach::Linked(_))) {
            // The other side sees that its socket is closed.
            return Ok(());
        }
        let Some(handle) = handle.take() else { return Ok(()) };
        if let Some(earlier) = self.find_introduced(node) {
            self.forget_link(earlier);
        }
        if !self.nodes.contains_key(&node) {
            self.nodes.insert(node, Reach::Sought { outbox: Outbox::new(), named_by: None });
        }
        self.open_link(LinkState::Introduced { node, attempt }, handle);
        Ok(())
    }

    /// The handle of a Meet did not arrive: the broker may try again.
    pub(super) fn meet_came_without_handle(&mut self, node: NodeName, attempt: u8) {
        self.answered(node);
        self.meeting_failed(node, attempt);
    }

    fn find_introduced(&self, wanted: NodeName) -> Option<LinkId> {
        self.links.iter().find_map(|(index, link)| match link.state {
            LinkState::Introduced { node, .. } if node == wanted => {
                Some(LinkId { index: u32::try_from(index).unwrap_or(u32::MAX), serial: link.serial })
            }
            LinkState::Introduced { .. }
            | LinkState::Inviting(_)
            | LinkState::Accepting
            | LinkState::Greeted { .. }
            | LinkState::ToBroker { .. }
            | LinkState::Referred { .. }
            | LinkState::Up { .. }
            | LinkState::Leaving { .. } => None,
        })
    }

    /// Drops a link that another takes the place of, without consequences.
    fn forget_link(&mut self, id: LinkId) {
        if let Some(link) = self.links.try_remove(id.index()) {
            self.discard_later(Discard::Handles(link.outbox.into_handles()));
            self.output(Output::CloseLink { link: id });
        }
    }

    /// The socket to a node that we were introduced to failed before it greeted.
    pub(super) fn meeting_failed(&mut self, node: NodeName, attempt: u8) {
        if !matches!(self.nodes.get(&node), Some(Reach::Sought { .. })) {
            return;
        }
        match &self.role {
            Role::Member(Member { broker: Some(broker), .. }) => {
                self.send_control(*broker, &Control::MeetFailed { node, attempt }, None);
            }
            Role::Undecided | Role::Broker(_) | Role::Joining | Role::Member(_) => self.node_lost(node),
        }
    }

    /// A meeting came to nothing on one side; the other will see its socket closed.
    pub(super) fn handle_meet_failed(&mut self, link: LinkId, node: NodeName, attempt: u8) -> Result<(), Refusal> {
        let from = self.member_of(link)?;
        let Role::Broker(broker) = &self.role else { return Err(NOT_BROKER) };
        let both = pair(from, node);
        match broker.pairs.get(&both).copied() {
            Some(current) if current == attempt => self.meet_again(from, both, attempt),
            // The other side said so before: another attempt is under way.
            Some(_) => {}
            None => self.send_control(from, &Control::NoMeet { node }, None),
        }
        Ok(())
    }

    /// The broker says that we shall not meet a node.
    pub(super) fn handle_no_meet(&mut self, link: LinkId, node: NodeName) -> Result<(), Refusal> {
        self.broker_of(link)?;
        self.answered(node);
        if node == self.name || matches!(self.nodes.get(&node), Some(Reach::Linked(_))) {
            return Ok(());
        }
        if let Some(introduced) = self.find_introduced(node) {
            self.forget_link(introduced);
        }
        self.node_lost(node);
        Ok(())
    }

    /// The broker has answered for `node`; another may be asked for.
    fn answered(&mut self, node: NodeName) {
        if let Role::Member(member) = &mut self.role {
            member.asked.remove(&node);
            member.waiting.retain(|&waiting| waiting != node);
        }
        self.seek_waiting();
    }

    /// Forgets everything about introducing a node that is lost.
    pub(super) fn forget_introductions(&mut self, node: NodeName) {
        match &mut self.role {
            Role::Broker(broker) => {
                broker.pairs.retain(|(a, b), _| *a != node && *b != node);
                broker.forbidden.retain(|(a, b)| *a != node && *b != node);
                broker.referred.remove(&node);
                broker.referred.values_mut().for_each(|referred| {
                    referred.remove(&node);
                });
            }
            Role::Member(member) => {
                member.asked.remove(&node);
                member.waiting.retain(|&waiting| waiting != node);
            }
            Role::Undecided | Role::Joining => {}
        }
    }

    /// The broker is gone: whoever was sought will not be met, whoever was invited will not be admitted.
    pub(super) fn broker_lost(&mut self) {
        let Role::Member(member) = &mut self.role else { return };
        member.broker = None;
        member.asked.clear();
        member.waiting.clear();
        self.output(Output::BrokerLost);
        let sought = |(node, reach): (&NodeName, &Reach<H>)| match reach {
            Reach::Sought { .. } => Some(*node),
            Reach::Linked(_) => None,
        };
        let mut sought: Vec<NodeName> = self.nodes.iter().filter_map(sought).collect();
        sought.sort_unstable();
        for node in sought {
            // A link that the broker had made already may still come up.
            if self.find_introduced(node).is_none() {
                self.node_lost(node);
            }
        }
        let unadmitted = |admission: &Admission<H>| match admission {
            Admission::Waiting | Admission::NoSockets { .. } | Admission::Asked { .. } => true,
            Admission::Ours | Admission::Admitted { .. } => false,
        };
        while let Some(invitation) = self.find_invitation(unadmitted) {
            self.drop_link(invitation, JoinError::Refused);
        }
    }
}
