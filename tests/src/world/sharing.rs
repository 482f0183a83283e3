//! Networks of one world that share pipes over isolated links, and nothing else.
//!
//! ```text
//!   network of 0                 network of 4          what crosses: the pipes of an invitation, and ports whose two ends
//!     0 ── 1 ── 2 ══ isolated ══ 4 ── 5                are at the two nodes of one such link
//!            └────── isolated ═══════ 5                what does not: a name of a node, a route through a third node
//! ```
//!
//! A send that would lead a route elsewhere is refused. What a node cannot see (a port in a queue of a port, two ends
//! that move at the same time) is found out later, and ends that route. So a pipe across may be lost as long as it
//! moves; one that was whole when all was quiet, and has not moved since, may not.

use mage_proto::{Address, LinkId, NodeName};

use super::ghost::{EndId, Nodes, Place};
use super::random::Random;
use super::token::Token;
use super::workload::MOST_NODES;
use super::{Invitation, Standing, World, bit};

/// Networks in one world at most.
const MOST_NETWORKS: usize = 3;

impl World {
    /// A node shares pipes with one of another network, or with one that is the first of a new network.
    pub(super) fn share(&mut self, random: &mut Random) {
        let Some(by) = self.living(random) else { return };
        let brokers = (0..self.networks.len()).filter(|&node| self.networks[node] == node).count();
        let room = brokers < MOST_NETWORKS && self.standing.len() < MOST_NODES;
        let others: Vec<usize> = (0..self.standing.len())
            .filter(|&n| self.standing[n] == Standing::Joined && self.networks[n] != self.networks[by])
            .collect();
        let to = match random.pick(&others) {
            Some(other) if !(room && random.chance(200)) => other,
            _ if room => {
                let to = self.add_node(Standing::Joined, None);
                self.name(to);
                to
            }
            _ => return,
        };
        let pipes = random.between(1, 2) as u16;
        let (ours, theirs) = self.net.socket_pair();
        self.net.isolate(&ours);
        let Ok((link, keys)) = self.net.command(by, |state| state.invite_isolated(ours, pipes)) else {
            panic!("node {by} could not share pipes")
        };
        let ends = self.offer(by, to, keys);
        self.note(|| format!("{by} shares {ends:?} with {to}"));
        let isolated = Some(link);
        self.invitations.push(Invitation { by, to, handle: Some(theirs), ends, accepted: None, isolated });
        self.after(by);
    }

    /// The node accepts what is shared with it.
    pub(super) fn accept_shared(&mut self, to: usize, handle: Token) -> LinkId {
        let accepted = self.net.command(to, |state| state.accept_isolated(handle));
        accepted.unwrap_or_else(|_| panic!("node {to} could not accept what is shared with it"))
    }

    /// Which isolated invitation `node` has accepted over `link`, if it was one.
    pub(super) fn shared(&self, node: usize, link: LinkId) -> Option<usize> {
        let of = |i: &Invitation| i.isolated.is_some() && i.to == node && i.accepted == Some(link);
        self.invitations.iter().position(of)
    }

    /// The invitee has its pipes, and a name of its own making for the inviter.
    pub(super) fn note_shared(&mut self, invitation: usize, link: LinkId) {
        let Invitation { by, to, .. } = self.invitations[invitation];
        self.note(|| format!("{to} shares pipes with {by}"));
        let views = self.net.living(to).link_views();
        let alias = views.into_iter().find(|view| view.link == link).and_then(|view| view.node);
        self.aliases.insert(alias.expect("a name for whoever is across"), (to, by));
    }

    /// The inviter has a name for whoever accepted its isolated invitation.
    pub(super) fn note_sharer(&mut self, by: usize, link: LinkId, alias: NodeName) {
        let of = |i: &&Invitation| i.by == by && i.isolated == Some(link);
        if let Some(to) = self.invitations.iter().find(of).map(|invitation| invitation.to) {
            self.aliases.insert(alias, (by, to));
        }
    }

    /// Its pipes were not accepted; the invitee goes on without.
    pub(super) fn lose_shared(&mut self, invitation: usize) {
        for end in self.invitations[invitation].ends.clone() {
            if matches!(self.ghost.ends[end].place, Place::Invited(_)) {
                self.ghost.end(end, Place::Dropped);
            }
        }
    }

    /// Whether nodes of more than one network are among these.
    pub(super) fn crosses(&self, nodes: Nodes) -> bool {
        let mut networks = (0..self.networks.len()).filter(|&node| nodes & bit(node) != 0).map(|n| self.networks[n]);
        let first = networks.next();
        networks.any(|network| Some(network) != first)
    }

    /// Whether the route of `end` may have been led across and then elsewhere, where nobody could see it.
    pub(super) fn may_lead_elsewhere(&self, end: EndId) -> bool {
        !self.rests(end) && self.crosses(self.ghost.touched(end))
    }

    /// Whether a node may refuse to lead the routes of `ports` where `end` leads: they might go through an isolated link
    /// and on. A pipe that has both ends at the node may always go where a pipe goes that has not just moved.
    pub(super) fn may_be_isolated(&self, end: EndId, ports: &[EndId]) -> bool {
        let nodes = ports.iter().fold(self.ghost.touched(end), |all, &port| all | self.ghost.touched(port));
        let at_home = |&port: &EndId| self.rests(port) && self.node_of(self.ghost.peer(port)) == self.node_of(port);
        self.crosses(nodes) && !(self.rests(end) && ports.iter().all(at_home))
    }

    /// Whether a node has to refuse to lead the route of `port` where `end` leads: across, and back to a third node.
    pub(super) fn must_be_isolated(&self, end: EndId, port: EndId) -> bool {
        let network = |end: EndId| self.node_of(end).map(|node| self.networks[node]);
        let (far, peer) = (self.ghost.peer(end), self.ghost.peer(port));
        let across = self.ghost.is_held(far) && network(far) != network(end);
        let elsewhere = self.node_of(peer) != self.node_of(port) && network(peer) == network(port);
        let whole = |end: EndId| self.rests(end) && !self.ghost.ends[end].told;
        across && elsewhere && whole(end) && whole(port)
    }

    /// Neither end of the pipe has moved since it was whole.
    fn rests(&self, end: EndId) -> bool {
        !self.ghost.ends[end].moved && !self.ghost.ends[self.ghost.peer(end)].moved
    }

    /// Which node `address` is at for `node`, which may know the nodes of its network by their names, and those across
    /// by the names that it made up itself.
    pub(super) fn place_of(&self, node: usize, address: Address) -> Option<usize> {
        let network = |&known: &usize| self.networks[known] == self.networks[node];
        let known = self.names.get(&address.node).copied().filter(network);
        known.or_else(|| self.aliases.get(&address.node).filter(|(by, _)| *by == node).map(|(_, who)| *who))
    }
}
