//! What must hold: at every message that is read, at every end that is reported, and when everything has arrived.
//!
//! The letters are those of the protocol's list of properties: S for what must hold always, L for what must come about.
//!
//! | property | where it is checked |
//! |---|---|
//! | S1 in order, once; S5 to the right end | `check_message`, at each read: the payload names its stream and its number |
//! | S2 nothing is lost without failures | `check_settled` |
//! | S3 a close comes after what was sent before it | `check_ended_read` |
//! | S4 nobody is closed whose peer was not; S13 a failure ends what used it only | `check_ended`, at each report |
//! | S6 a port is in one place | `check_message`, `hold`, and the census in `check_census` |
//! | S7 no Gone and nothing pended without failures | `check_quiet`, `check_census` |
//! | S8 no panic; honest nodes are not accused | `run`, and `hear` for each `BadPeer` and `BadRoute` |
//! | S9 bounds, and books that balance | `audit`, now and then and whenever all is quiet |
//! | S10 each handle is delivered or dropped once | [`Token`](super::token::Token) in the core's hands, `check_message`, `finish` |
//! | S11 credit is conserved | `check_route` |
//! | S12 the same seed does the same | [`run_many`](super::run::run_many), for some seeds |
//! | S14 no name of a node crosses an isolated link | `names_nobody`, at each write; `check_route` |
//! | L1 collapse | `check_census`, `check_route` |
//! | L2 ends and losses are noticed; L5 waiting senders go on | `check_signals`, `check_settled` |
//! | L3 nothing is left; L6 leaving comes to an end | `finish` |
//! | L4 it comes to rest | `settle` |
//! | L7 each search for a node ends | `check_census` |
//!
//! Worlds with a dishonest node check what is said of pipes that it never touched; how much is left where it was is the
//! business of the limits.

mod ending;
mod hearing;
mod quiet;
mod reading;

use super::ghost::{EndId, Place};
use super::script::Profile;
use super::{SHORTAGE, Standing, World, bit, pair};

/// The payload of the message `seq` of a stream, told apart from all others by every part of it.
#[must_use]
pub fn payload(stream: usize, seq: u64, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size.max(16));
    bytes.extend((stream as u64).to_le_bytes());
    bytes.extend(seq.to_le_bytes());
    let key = (stream as u64).wrapping_mul(31).wrapping_add(seq);
    bytes.extend((16..size).map(|at| (at as u64 / 64).wrapping_add(key) as u8));
    bytes
}

impl World {
    /// Whether anything may go wrong that is not the fault of the protocol.
    fn failures_happen(&self) -> bool {
        let Profile { crashes, cuts, refusals, forger, shortages, .. } = self.profile;
        crashes || cuts || refusals || forger || shortages
    }

    /// Whether something failed that the route of `end` may have used.
    fn may_be_lost(&self, end: EndId) -> bool {
        if self.may_lead_elsewhere(end) {
            return true;
        }
        if !self.failures_happen() {
            return false;
        }
        // When rings and overruns are dissolved, the loss comes from the peer's side; then the peer is gone as well.
        let touched = self.ghost.touched(end);
        if touched & SHORTAGE != 0 {
            return true;
        }
        let nodes: Vec<usize> = (0..self.standing.len()).filter(|&node| touched & bit(node) != 0).collect();
        nodes.iter().any(|&node| self.standing[node] == Standing::Crashed || self.standing[node] == Standing::Invited)
            || nodes.iter().any(|&a| nodes.iter().any(|&b| a < b && self.is_broken(a, b)))
    }

    /// Whether two nodes cannot reach each other, or could not once.
    fn is_broken(&self, a: usize, b: usize) -> bool {
        if self.cut.contains(&pair(a, b)) {
            return true;
        }
        let left = |node| self.standing[node] == Standing::Left;
        if left(a) || left(b) || self.networks[a] != self.networks[b] {
            return false;
        }
        let broker = self.networks[a];
        let reaches_broker =
            |node| node == broker || (self.net.linked(node, broker) && !self.cut.contains(&pair(node, broker)));
        let met = self.is_alive(broker) && reaches_broker(a) && reaches_broker(b);
        let unlucky = self.profile.refusals || self.profile.shortages;
        let refused = self.forbidden.contains(&pair(a, b)) || unlucky || !met;
        !self.net.linked(a, b) && refused
    }

    /// Whether the far side of `end` may be closed or gone, whoever knows it.
    pub(in crate::world) fn may_have_ended(&self, end: EndId) -> bool {
        let gone = match self.ghost.ends[self.ghost.peer(end)].place {
            Place::Held { .. } | Place::Cargo(_) | Place::Merged => false,
            Place::Invited(_) | Place::Closed(_) | Place::Dropped | Place::Perished => true,
        };
        gone || self.ghost.is_tainted(end) || self.profile.merges || self.may_be_lost(end)
    }
}
