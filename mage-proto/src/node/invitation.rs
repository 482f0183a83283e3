//! A process joins the network over one inherited socket.
//!
//! ```text
//!   broker K                              child C          member M invites            broker K        child C
//!    |──Greet──▶                ◀──Greet──|                 |──Refer + socket──▶ K        |
//!    |──Welcome{c, k, k, pipes}──────────▶| name := c       |◀──ReferOk{c}─────── K        |
//!    |── what was queued on the pipes ───▶| Up              |──Welcome{c, m, k, pipes} + socket to K──▶ C
//!                                                                                K ──Greet, Welcome──▶ C
//! ```
//!
//! The initial pipes are ordinary ones whose far ends move with the Welcome like any port in a message, so whatever
//! was sent before the child existed follows in order.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU32;

use super::receive::Refusal;
use super::role::{Member, Role};
use super::{Node, Reach};
use crate::close::Loss;
use crate::control::{Control, Greet, Takes, Welcome};
use crate::frame::write_control;
use crate::id::LinkId;
use crate::id::PortId;
use crate::kind::FrameKind;
use crate::link::{Admission, Aliases, Inviting, Link, LinkState};
use crate::message::Port as Key;
use crate::name::{NameSource, NodeName, node_name};
use crate::outbox::Outbox;
use crate::output::{Discard, JoinError, Output};
use crate::port::{Hint, Holder};
use crate::violation::Violation;

/// Why nobody could be invited; the handle is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InviteError {
    /// More initial pipes than [`Limits::cargo`](crate::Limits::cargo).
    #[error("{pipes} initial pipes; {most} are allowed")]
    TooManyPipes {
        /// How many were asked for.
        pipes: u16,
        /// How many are allowed.
        most: u16,
    },
    /// The broker is gone, and only a broker admits new nodes.
    #[error("the broker of this network is gone")]
    BrokerLost,
    /// This node is being shut down.
    #[error("this node is being shut down")]
    ShutDown,
}

/// Why an invitation could not even be tried; the handle is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// This node has invited others already, so it is a broker; or it has accepted an invitation before.
    #[error("this node already belongs to a network")]
    HasNetwork,
    /// This node is being shut down.
    #[error("this node is being shut down")]
    ShutDown,
}

impl<H, S: NameSource> Node<H, S> {
    /// Invites whoever holds the other end of `handle`, and returns this side's ends of the initial pipes, usable at
    /// once. A node that has neither invited nor accepted before becomes the broker of a network by it.
    ///
    /// # Errors
    ///
    /// Why not, and the handle.
    pub fn invite(&mut self, handle: H, pipes: u16) -> Result<(LinkId, Vec<Key>), (InviteError, H)> {
        if let Err(error) = self.may_invite(pipes) {
            return Err((error, handle));
        }
        if let Role::Undecided = self.role {
            self.role = Role::Broker(Default::default());
        }
        let admission = match &self.role {
            Role::Broker(_) => Admission::Ours,
            Role::Member(Member { broker: None, .. }) => return Err((InviteError::BrokerLost, handle)),
            Role::Undecided | Role::Joining | Role::Member(_) => Admission::Waiting,
        };
        let (keys, pipes) = self.initial_pipes(pipes);
        let inviting = Inviting { pipes, max_frame: None, admission };
        let link = self.open_link(LinkState::Inviting(Box::new(inviting)), handle);
        self.refer_waiting();
        self.run();
        Ok((link, keys))
    }

    pub(super) fn may_invite(&self, pipes: u16) -> Result<(), InviteError> {
        let most = self.limits.cargo;
        if self.is_leaving() {
            return Err(InviteError::ShutDown);
        }
        if pipes > most { Err(InviteError::TooManyPipes { pipes, most }) } else { Ok(()) }
    }

    /// Makes the pipes of an invitation: this side's ends, and those that wait for the invitee.
    pub(super) fn initial_pipes(&mut self, pipes: u16) -> (Vec<Key>, Vec<PortId>) {
        let window = self.limits.window;
        let pairs = (0..pipes).map(|_| self.create_pair(window, Holder::Application, Holder::Cargo));
        pairs.map(|(ours, theirs)| (Key(ours), theirs)).unzip()
    }

    /// Accepts the invitation of whoever holds the other end of `handle`. [`Output::Accepted`] follows, after one
    /// [`Output::InitialPort`] for each pipe that the inviter made, or [`Output::AcceptFailed`].
    ///
    /// # Errors
    ///
    /// Why not, and the handle.
    pub fn accept(&mut self, handle: H) -> Result<LinkId, (AcceptError, H)> {
        if self.is_leaving() {
            return Err((AcceptError::ShutDown, handle));
        }
        match &self.role {
            Role::Undecided => {}
            Role::Broker(_) | Role::Joining | Role::Member(_) => return Err((AcceptError::HasNetwork, handle)),
        }
        let link = self.open_link(LinkState::Accepting, handle);
        self.role = Role::Joining;
        self.run();
        Ok(link)
    }

    /// The connection is gone: end of stream, or an error when reading or writing. Feed what was received before it.
    pub fn handle_lost(&mut self, link: LinkId) {
        self.end_link(link, None);
        self.run();
    }

    /// Begins a connection: the driver gets the socket, the other side a Greet.
    pub(super) fn open_link(&mut self, state: LinkState<H>, handle: H) -> LinkId {
        self.open_link_with(state, handle, Greet::new(&self.limits), None)
    }

    pub(super) fn open_link_with(
        &mut self,
        state: LinkState<H>,
        handle: H,
        greet: Greet,
        isolated: Option<Box<Aliases>>,
    ) -> LinkId {
        let serial = self.link_serial;
        self.link_serial = serial.checked_add(1).unwrap_or(NonZeroU32::MIN);
        let mut outbox = Outbox::new();
        write_control(outbox.frames(64), &Control::Greet(greet), 0);
        let woken = outbox.wakes();
        let index = self.links.insert(Link {
            serial,
            state,
            outbox,
            isolated,
            takes: Takes { cargo: u16::MAX, handles: u16::MAX },
            ports: 0,
            swept: 0,
            held: 0,
            pended: 0,
            shortages: 0,
            heard: Hint::default(),
        });
        let link = LinkId { index: u32::try_from(index).unwrap_or(u32::MAX), serial };
        self.output(Output::OpenLink { link, handle });
        if woken {
            self.output(Output::LinkReady { link });
        }
        link
    }

    /// The first frame of the other side.
    pub(super) fn handle_greet(&mut self, id: LinkId, greet: Greet) -> Result<(), Refusal> {
        let max_frame = greet.max_frame;
        self.greet_isolated(id, greet.isolated)?;
        let Some(link) = self.link_mut(id) else { return Ok(()) };
        link.takes = greet.takes();
        match &mut link.state {
            LinkState::Inviting(inviting) if inviting.max_frame.is_none() => {
                inviting.max_frame = Some(max_frame);
                self.try_welcome(id);
            }
            LinkState::Accepting => link.state = LinkState::Greeted { max_frame },
            LinkState::ToBroker { max_frame: unknown @ None, .. } => *unknown = Some(max_frame),
            LinkState::Referred { node } => {
                let node = *node;
                let me = self.name;
                let welcome = Control::Welcome(Welcome { you: node, me, broker: me, pipes: Vec::new() });
                let sought = self.link_up(id, node, max_frame);
                self.send_control(node, &welcome, None);
                self.append_outbox(id, sought);
            }
            LinkState::Introduced { node, .. } => {
                let node = *node;
                let sought = self.link_up(id, node, max_frame);
                self.append_outbox(id, sought);
            }
            LinkState::Inviting(_)
            | LinkState::ToBroker { .. }
            | LinkState::Greeted { .. }
            | LinkState::Up { .. }
            | LinkState::Leaving { .. } => return Err(Refusal::OutOfPlace("it comes first and once")),
        }
        Ok(())
    }

    /// Welcomes an invitee that has greeted and was admitted.
    pub(super) fn try_welcome(&mut self, id: LinkId) {
        let fresh = node_name(&mut self.names);
        let Some(Link { state: LinkState::Inviting(inviting), .. }) = self.link_mut(id) else { return };
        let Some(max_frame) = inviting.max_frame else { return };
        let admission = match &inviting.admission {
            Admission::Ours | Admission::Admitted { .. } => {
                core::mem::replace(&mut inviting.admission, Admission::Ours)
            }
            Admission::Waiting | Admission::NoSockets { .. } | Admission::Asked { .. } => return,
        };
        let pipes = core::mem::take(&mut inviting.pipes);
        let (you, broker, handle) = match admission {
            Admission::Admitted { node, broker, handle } => (node, broker, Some(handle)),
            Admission::Ours | Admission::Waiting | Admission::NoSockets { .. } | Admission::Asked { .. } => {
                (fresh, self.name, None)
            }
        };
        let sought = self.link_up(id, you, max_frame);
        let me = self.name;
        self.transmit_cargo(you, pipes, |node, pipes| {
            let welcome = node.outward_welcome(you, Welcome { you, me, broker, pipes });
            node.send_control(you, &Control::Welcome(welcome), handle);
        });
        self.append_outbox(id, sought);
        self.output(Output::Invited { link: id, node: you });
    }

    /// Who we are, and our initial pipes; or, on the second link of a referred node, the broker's word for it.
    pub(super) fn handle_welcome(
        &mut self,
        id: LinkId,
        welcome: Welcome,
        handle: &mut Option<H>,
    ) -> Result<(), Refusal> {
        let Some(link) = self.link(id) else { return Ok(()) };
        match link.state {
            LinkState::Greeted { max_frame } if link.isolated.is_some() => self.join_isolated(id, welcome, max_frame),
            LinkState::Greeted { max_frame } => {
                let Welcome { you, me, broker, .. } = &welcome;
                if you == me || you == broker {
                    return Err(Refusal::Malformed("the invitee has the name of another node"));
                }
                self.check_descriptors(FrameKind::Welcome, *me, &welcome.pipes).map_err(Refusal::Violation)?;
                self.join(id, welcome, max_frame, handle.take());
                Ok(())
            }
            LinkState::ToBroker { broker, max_frame: Some(max_frame) } => {
                let Welcome { you, me, broker: named, pipes } = welcome;
                if you != self.name || me != broker || named != broker || !pipes.is_empty() {
                    return Err(Refusal::Malformed("the broker and the inviter disagree"));
                }
                let sought = self.link_up(id, broker, max_frame);
                self.append_outbox(id, sought);
                self.broker_ready();
                Ok(())
            }
            LinkState::Accepting
            | LinkState::ToBroker { .. }
            | LinkState::Inviting(_)
            | LinkState::Referred { .. }
            | LinkState::Introduced { .. }
            | LinkState::Up { .. }
            | LinkState::Leaving { .. } => Err(Refusal::OutOfPlace("nobody here waits to be welcomed")),
        }
    }

    fn join(&mut self, id: LinkId, welcome: Welcome, max_frame: u32, handle: Option<H>) {
        let Welcome { you, me, broker, pipes } = welcome;
        self.adopt_name(you);
        self.role = Role::Member(Member::of(broker));
        let sought = self.link_up(id, me, max_frame);
        self.append_outbox(id, sought);
        if let Some(handle) = handle {
            self.nodes.insert(broker, Reach::Sought { outbox: Outbox::new(), named_by: None });
            self.open_link(LinkState::ToBroker { broker, max_frame: None }, handle);
        }
        self.accept_initial(id, me, pipes);
        if me == broker {
            self.broker_ready();
        }
    }

    /// This node is called `name` from now on. Until it is welcomed no other node has heard its first name, so only
    /// its own ports know it (the worklist is empty between inputs).
    fn adopt_name(&mut self, name: NodeName) {
        let old = core::mem::replace(&mut self.name, name);
        for port in self.ports.iter_mut() {
            port.rename_node(old, name);
        }
    }

    /// The link carries events from now on. Returns what waited for the node, to be sent behind whatever comes first.
    pub(super) fn link_up(&mut self, id: LinkId, node: NodeName, max_frame: u32) -> Option<Outbox<H>> {
        if let Some(link) = self.link_mut(id) {
            link.state = LinkState::Up { node, max_frame };
        }
        match self.nodes.insert(node, Reach::Linked(id)) {
            Some(Reach::Sought { outbox, .. }) => Some(outbox),
            Some(Reach::Linked(_)) | None => None,
        }
    }

    pub(super) fn append_outbox(&mut self, id: LinkId, waited: Option<Outbox<H>>) {
        let (Some(waited), Some(link)) = (waited, self.link_mut(id)) else { return };
        link.outbox.append(waited);
        if link.outbox.wakes() {
            self.output(Output::LinkReady { link: id });
        }
    }

    /// Sends a frame from node to node.
    pub(super) fn send_control(&mut self, node: NodeName, control: &Control, handle: Option<H>) {
        self.with_outbox(node, |outbox| match handle {
            None => write_control(outbox.frames(128), control, 0),
            Some(handle) => {
                let mut frame = Vec::new();
                write_control(&mut frame, control, 1);
                outbox.attached(frame, alloc::vec![handle]);
            }
        });
    }

    /// A link is over, by a violation of the other side or because the connection is gone.
    pub(super) fn end_link(&mut self, id: LinkId, violation: Option<Violation>) {
        let reason = violation.map_or(JoinError::Lost, JoinError::Violation);
        if let Some(violation) = violation {
            let node = self.node_of(id);
            self.output(Output::BadPeer { link: id, node, violation });
        }
        self.drop_link(id, reason);
    }

    /// Takes a link away, and with it what depended on it.
    pub(super) fn drop_link(&mut self, id: LinkId, reason: JoinError) {
        if self.link(id).is_none() {
            return;
        }
        let Some(Link { state, outbox, isolated, .. }) = self.links.try_remove(id.index()) else { return };
        self.discard_later(Discard::Handles(outbox.into_handles()));
        self.output(Output::CloseLink { link: id });
        match state {
            LinkState::Inviting(inviting) => self.invitation_failed(id, *inviting, reason),
            LinkState::Accepting | LinkState::Greeted { .. } => {
                if isolated.is_none() {
                    self.role = Role::Undecided;
                }
                self.output(Output::AcceptFailed { link: id, reason });
            }
            LinkState::ToBroker { broker, .. } => {
                self.node_lost(broker);
                self.broker_lost();
            }
            LinkState::Referred { node } => self.node_lost(node),
            LinkState::Introduced { node, attempt } => self.meeting_failed(node, attempt),
            LinkState::Up { node, .. } => self.depart(node, false),
            LinkState::Leaving { node, .. } => self.depart(node, true),
        }
        self.advance_leave();
    }

    fn invitation_failed(&mut self, id: LinkId, inviting: Inviting<H>, reason: JoinError) {
        match inviting.admission {
            Admission::Asked { handle, .. } | Admission::Admitted { handle, .. } => {
                self.discard_later(Discard::Handle(handle));
            }
            Admission::Ours | Admission::Waiting | Admission::NoSockets { .. } => {}
        }
        for &pipe in &inviting.pipes {
            self.fail(pipe, None, Loss::Node);
        }
        let pipes: Vec<PortId> = inviting.pipes;
        self.close_quietly(pipes);
        self.output(Output::InviteFailed { link: id, reason });
    }

    /// A node that was linked is gone.
    pub(super) fn depart(&mut self, node: NodeName, after_bye: bool) {
        match self.nodes.remove(&node) {
            Some(Reach::Linked(_)) => {}
            Some(reach @ Reach::Sought { .. }) => {
                self.nodes.insert(node, reach);
                return;
            }
            // It said Bye before, and was lost then.
            None => return,
        }
        self.node_lost(node);
        self.output(Output::NodeLost { node, after_bye });
        if let Role::Member(Member { broker: Some(broker), .. }) = &self.role
            && *broker == node
        {
            self.broker_lost();
        }
    }
}
