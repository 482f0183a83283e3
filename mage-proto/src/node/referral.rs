//! A member invites a process, and the broker admits it: the member vouches for the process, the broker for the name.
//!
//! ```text
//!   member M                           broker K                          invitee C
//!    |── Refer{id} + one end ──────────▶| names it c                        |
//!    |◀─ ReferOk{id, c} ────────────────|── Greet ─────────────────────────▶|  (over the new socket)
//!    |── Welcome{c, m, k, pipes} + other end ──────────────────────────────▶|
//!    |                                  |◀─ Greet ──────────────────────────|
//!    |                                  |── Welcome{c, k, k} ──────────────▶|
//! ```
//!
//! The broker learns nothing from the invitee but through its own socket, and the member cannot give it another name:
//! the invitee leaves when the two disagree.

use alloc::vec::Vec;

use super::introduction::SocketPairError;
use super::receive::Refusal;
use super::role::{Member, NOT_BROKER, Role, pair};
use super::{Node, Reach};
use crate::control::Control;
use crate::id::LinkId;
use crate::link::{Admission, Link, LinkState};
use crate::name::{NameSource, NodeName, node_name};
use crate::outbox::Outbox;
use crate::output::{JoinError, Output};

impl<H, S: NameSource> Node<H, S> {
    /// Asks for a pair of sockets for each invitee that the broker has to admit.
    pub(super) fn refer_waiting(&mut self) {
        let Role::Member(Member { broker: Some(broker), next_id, .. }) = &mut self.role else { return };
        if !matches!(self.nodes.get(broker), Some(Reach::Linked(_))) {
            return;
        }
        let mut tags = Vec::new();
        for (_, link) in &mut self.links {
            if let LinkState::Inviting(inviting) = &mut link.state
                && let Admission::Waiting = inviting.admission
            {
                *next_id = next_id.wrapping_add(1);
                inviting.admission = Admission::NoSockets { tag: *next_id };
                tags.push(*next_id);
            }
        }
        for tag in tags {
            self.output(Output::CreateSocketPair { tag });
        }
    }

    /// The sockets for an invitee and the broker are there.
    pub(super) fn refer(&mut self, tag: u64, sockets: Result<(H, H), SocketPairError>) {
        let wants = |admission: &Admission<H>| match admission {
            Admission::NoSockets { tag: wanted } => *wanted == tag,
            Admission::Ours | Admission::Waiting | Admission::Asked { .. } | Admission::Admitted { .. } => false,
        };
        let Some(link) = self.find_invitation(wants) else { return self.discard_sockets(sockets) };
        let Role::Member(Member { broker: Some(broker), .. }) = &self.role else {
            return self.discard_sockets(sockets);
        };
        let broker = *broker;
        let Ok((theirs, invitees)) = sockets else { return self.drop_link(link, JoinError::NoSocket) };
        self.set_admission(link, Admission::Asked { id: tag, handle: invitees });
        self.send_control(broker, &Control::Refer { id: tag }, Some(theirs));
    }

    pub(super) fn find_invitation(&self, wanted: impl Fn(&Admission<H>) -> bool) -> Option<LinkId> {
        self.links.iter().find_map(|(index, link)| match &link.state {
            LinkState::Inviting(inviting) if wanted(&inviting.admission) => {
                Some(LinkId { index: u32::try_from(index).unwrap_or(u32::MAX), serial: link.serial })
            }
            LinkState::Inviting(_)
            | LinkState::Accepting
            | LinkState::Greeted { .. }
            | LinkState::ToBroker { .. }
            | LinkState::Referred { .. }
            | LinkState::Introduced { .. }
            | LinkState::Up { .. }
            | LinkState::Leaving { .. } => None,
        })
    }

    /// Replaces how far the admission of an invitee has come; returns what it was.
    fn set_admission(&mut self, link: LinkId, admission: Admission<H>) -> Option<Admission<H>> {
        match self.link_mut(link) {
            Some(Link { state: LinkState::Inviting(inviting), .. }) => {
                Some(core::mem::replace(&mut inviting.admission, admission))
            }
            Some(_) | None => None,
        }
    }

    /// A member has invited somebody: the broker gives it a name and a link.
    pub(super) fn handle_refer(&mut self, link: LinkId, id: u64, handle: &mut Option<H>) -> Result<(), Refusal> {
        let member = self.member_of(link)?;
        let most = usize::from(self.limits.referrals);
        let fresh = node_name(&mut self.names);
        let Role::Broker(broker) = &mut self.role else { return Err(NOT_BROKER) };
        let referred = broker.referred.entry(member).or_default();
        if referred.len() >= most {
            self.send_control(member, &Control::ReferNo { id }, None);
            return Ok(());
        }
        let Some(handle) = handle.take() else { return Ok(()) };
        referred.insert(fresh);
        broker.pairs.insert(pair(member, fresh), 0);
        self.nodes.insert(fresh, Reach::Sought { outbox: Outbox::new(), named_by: None });
        self.open_link(LinkState::Referred { node: fresh }, handle);
        self.send_control(member, &Control::ReferOk { id, node: fresh }, None);
        Ok(())
    }

    /// The broker has admitted our invitee. (The invitee may have died meanwhile; then nobody waits for it.)
    pub(super) fn handle_refer_ok(&mut self, link: LinkId, id: u64, node: NodeName) -> Result<(), Refusal> {
        let broker = self.broker_of(link)?;
        if node == self.name || self.nodes.contains_key(&node) || self.lost.contains(node) {
            return Err(Refusal::Malformed("the newcomer's name is that of another node"));
        }
        let Some(invitation) = self.find_invitation(asked(id)) else { return Ok(()) };
        if let Some(Admission::Asked { handle, .. }) = self.set_admission(invitation, Admission::Waiting) {
            self.set_admission(invitation, Admission::Admitted { node, broker, handle });
            self.try_welcome(invitation);
        }
        Ok(())
    }

    /// The broker does not want our invitee.
    pub(super) fn handle_refer_no(&mut self, link: LinkId, id: u64) -> Result<(), Refusal> {
        self.broker_of(link)?;
        if let Some(invitation) = self.find_invitation(asked(id)) {
            self.drop_link(invitation, JoinError::Refused);
        }
        Ok(())
    }
}

/// Whether an admission is the one that the broker was asked for under `id`.
fn asked<H>(id: u64) -> impl Fn(&Admission<H>) -> bool {
    move |admission| match admission {
        Admission::Asked { id: asked, .. } => *asked == id,
        Admission::Ours | Admission::Waiting | Admission::NoSockets { .. } | Admission::Admitted { .. } => false,
    }
}
