//! What the nodes say: each thing is expected, or something has failed that explains it.

use mage_proto::{Output, PortId, RouteError};

use crate::world::ghost::EndId;
use crate::world::random::Random;
use crate::world::token::Token;
use crate::world::{Standing, World, pair};

impl World {
    /// Takes note of everything that the nodes have said.
    pub(in crate::world) fn absorb(&mut self) {
        while let Some((node, output)) = self.net.news.pop_front() {
            self.hear(node, output);
        }
    }

    fn hear(&mut self, node: usize, output: Output<Token>) {
        match output {
            Output::Readable(port) => {
                if let Some(end) = self.end_at(node, port) {
                    self.ghost.ends[end].idle = false;
                }
            }
            Output::Writable(port) => {
                if let Some(end) = self.end_at(node, port) {
                    self.ghost.ends[end].blocked = false;
                }
            }
            Output::Ended { port, reason } => {
                let Some(end) = self.end_at(node, port) else { return };
                self.note(|| format!("{node} hears that {end} ended: {reason:?}"));
                self.ghost.ends[end].told = true;
                self.check_ended(end, &reason);
            }
            Output::InitialPort { link, index, port } => {
                let mut invitations = self.invitations.iter();
                let invitation = invitations.find(|i| i.to == node && i.accepted == Some(link));
                let end = invitation.expect("an invitation").ends[usize::from(index)];
                self.hold(end, node, port);
            }
            Output::Accepted { link } if let Some(shared) = self.shared(node, link) => self.note_shared(shared, link),
            Output::Accepted { .. } => {
                self.note(|| format!("{node} has joined"));
                self.standing[node] = Standing::Joined;
                self.name(node);
            }
            Output::AcceptFailed { link, reason } => {
                self.note(|| format!("{node} could not join: {reason}"));
                assert!(self.failures_happen(), "node {node} could not join: {reason}");
                match self.shared(node, link) {
                    Some(shared) => self.lose_shared(shared),
                    None => self.crash(node, &mut Random::new(0)),
                }
            }
            Output::Invited { link, node: name } => {
                self.note(|| format!("{node} has invited {name:?}"));
                self.note_sharer(node, link, name);
            }
            Output::InviteFailed { reason, .. } => {
                self.note(|| format!("an invitation by {node} failed: {reason}"));
                assert!(self.failures_happen(), "an invitation by {node} failed: {reason}");
            }
            Output::NodeLost { node: name, after_bye } => {
                self.note(|| format!("{node} lost {name:?}, after its bye: {after_bye}"));
                assert!(after_bye || self.failures_happen(), "node {node} lost {name:?}, but nothing has failed");
            }
            Output::BadPeer { node: name, violation, .. } => {
                self.note(|| format!("{node} says of {name:?}: {violation}"));
                self.stats.violations += 1;
                let who = name.and_then(|name| self.names.get(&name).copied());
                let forged = self.profile.forger && who.is_none_or(|who| self.is_forger(who) || self.is_forger(node));
                assert!(forged, "node {node} says that {who:?} broke the protocol: {violation}");
            }
            Output::BadRoute { port, error, .. } => {
                let end = port.and_then(|port| self.ports[node].get(&port).copied());
                self.note(|| format!("{node} says of the route of {end:?}: {error}"));
                self.stats.route_errors += 1;
                let full = matches!(error, RouteError::Overrun { .. } | RouteError::CreditOverflow { .. });
                let merged = full && self.profile.merges;
                assert!(self.profile.forger || merged, "node {node} says of the route of {end:?}: {error}");
            }
            Output::BrokerLost => {
                let leaving = |node: usize| !matches!(self.standing[node], Standing::Joined);
                let left = leaving(self.networks[node]) || leaving(node);
                assert!(left || self.failures_happen(), "node {node} lost the broker, but nothing has failed");
            }
            Output::Drained => {
                self.note(|| format!("{node} has left"));
                assert_eq!(self.standing[node], Standing::Leaving, "node {node} has left without being asked");
                // Whom it could not reach then, it never could.
                for other in (0..self.standing.len()).filter(|&other| other != node) {
                    if self.is_broken(node, other) {
                        self.cut.insert(pair(node, other));
                    }
                }
                self.standing[node] = Standing::Left;
                self.net.remove(node);
            }
            other => panic!("node {node} says {other:?}"),
        }
    }

    /// The end that an output names. An application that is leaving has given all away already, and what comes over
    /// a dishonest route is closed at once.
    fn end_at(&self, node: usize, port: PortId) -> Option<EndId> {
        let end = self.ports[node].get(&port).copied();
        let known = end.is_some() || self.standing[node] == Standing::Leaving || self.profile.forger;
        assert!(known, "node {node} names {port:?}, which is nobody's");
        end
    }
}
