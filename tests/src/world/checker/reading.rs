//! What is read, and how it ends: the message that was sent next, and an end that has a reason.

use mage_proto::{CloseReason, Loss, Message, SendErrorKind};

use super::payload;
use crate::world::World;
use crate::world::ghost::{EndId, Place};
use crate::world::token::Token;

impl World {
    /// S1, S2, S5, S10: a message is the next that was sent, whole, and came to the right end.
    pub(in crate::world) fn check_message(&mut self, end: EndId, node: usize, message: Message<Token>) {
        if self.ghost.is_tainted(end) {
            return self.drop_tainted(end, message);
        }
        self.ghost.advance(end);
        let stream = self.ghost.ends[end].rx;
        let seq = self.ghost.streams[stream].read;
        let letter = self.ghost.streams[stream].letters.pop_front();
        let letter = letter.unwrap_or_else(|| panic!("{end} reads more than was sent on {stream}"));
        self.note(|| format!("{node} reads {stream}/{seq} at {end} with {:?}", letter.cargo));
        let expected = payload(stream, seq, letter.size);
        assert!(
            *message.payload == *expected,
            "{end} reads {:?} instead of {stream}/{seq}",
            message.payload.get(..16).map(|head| (head[0], head[8])),
        );
        self.ghost.streams[stream].read += 1;
        let from = self.node_of(self.ghost.peer(end));
        self.stats.crossed += u64::from(from.is_some_and(|from| self.networks[from] != self.networks[node]));
        let tokens: Vec<u64> = message.handles.iter().map(Token::id).collect();
        assert_eq!(tokens, letter.tokens, "the handles of {stream}/{seq}");
        assert_eq!(message.cargo.len(), letter.cargo.len(), "the ports of {stream}/{seq}");
        let touched = self.ghost.touched(end);
        for (port, key) in letter.cargo.into_iter().zip(message.cargo) {
            assert!(matches!(self.ghost.ends[port].place, Place::Cargo(s) if s == stream), "{port} is in two places");
            self.ghost.ends[port].touched |= touched;
            self.hold(port, node, key);
        }
    }

    /// A message over a route that a dishonest node had to do with: it promises nothing, so the end is closed. (To go
    /// on with it one would have to know what else waits there, to send no port into its own queue.)
    fn drop_tainted(&mut self, end: EndId, message: Message<Token>) {
        let (node, key) = self.release(end);
        self.note(|| format!("{node} closes {end}, which a dishonest node had to do with"));
        self.ghost.end(end, Place::Closed(CloseReason::default()));
        for key in message.cargo.into_iter().chain([key]) {
            self.net.command(node, |state| state.close(key, 0, ""));
        }
    }

    /// S3: when an end says that it is over, everything that was sent before was read.
    pub(in crate::world) fn check_ended_read(&mut self, end: EndId, reason: &CloseReason) {
        self.check_ended(end, reason);
        if matches!(reason, CloseReason::Closed { .. }) && !self.ghost.is_tainted(end) {
            assert!(
                self.ghost.is_read(end),
                "{end} is closed before everything was read: {:?}",
                self.ghost.incoming(end)
            );
        }
        self.ghost.lose_rest(end);
    }

    /// S4, S13: an end is closed only if its peer was, and lost only if something failed on its way.
    pub(in crate::world) fn check_ended(&mut self, end: EndId, reason: &CloseReason) {
        if self.ghost.is_tainted(end) {
            return;
        }
        let peer = self.ghost.peer(end);
        match reason {
            CloseReason::Closed { .. } => {
                let honest = match &self.ghost.ends[peer].place {
                    Place::Closed(said) => said == reason,
                    Place::Dropped => *reason == CloseReason::default(),
                    // The message that it was in could not be delivered.
                    Place::Cargo(_) => *reason == CloseReason::default() && self.may_be_lost(peer),
                    Place::Held { .. } | Place::Invited(_) | Place::Merged | Place::Perished => false,
                };
                assert!(honest, "{end} is {reason:?}, but its peer {peer} is {:?}", self.ghost.ends[peer].place);
            }
            CloseReason::Lost(loss) => {
                self.stats.lost += 1;
                let full = self.profile.merges && matches!(loss, Loss::Violation);
                let short = self.profile.shortages && matches!(loss, Loss::Exhausted);
                assert!(full || short || matches!(loss, Loss::Node), "{end} is lost: {loss:?}");
                assert!(full || self.may_be_lost(end), "{end} is lost, but nothing has failed on its way to {peer}");
            }
        }
    }

    /// A send that did not succeed had a reason.
    pub(in crate::world) fn check_refused_send(&mut self, end: EndId, cargo: &[EndId], kind: &SendErrorKind) {
        if self.ghost.is_tainted(end) {
            return;
        }
        match kind {
            SendErrorKind::Closed(_) => {
                assert!(self.may_have_ended(end), "{end} is closed for sending, but not its peer")
            }
            SendErrorKind::Full => {}
            SendErrorKind::Isolated => {
                self.stats.refused += 1;
                assert!(self.may_be_isolated(end, cargo), "{end} does not take {cargo:?}, which do not lead elsewhere");
            }
            kind => panic!("{end} cannot send: {kind}"),
        }
    }
}
