//! Meeting other nodes: invitations sent and accepted, from the call to what came of it.
//!
//! ```text
//!   invite ──▶ Inviting ──Invited──▶ greeted        accept ──▶ Accepting ──InitialPort… Accepted──▶ its pipes
//!                  └───InviteFailed──▶ why                         └──────AcceptFailed──────────────▶ why
//! ```
//!
//! A join is remembered until somebody asked for its outcome or said that nobody will.

use std::os::fd::OwnedFd;
use std::task::{Poll, Waker};

use mage_proto::{JoinError, LinkId, NodeName};

use super::Driver;
use super::effect::Effects;
use crate::pipe::MessagePipe;

/// What two nodes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkKind {
    /// Their network.
    Network,
    /// The pipes of the invitation, and what is sent over them.
    Isolated,
}

/// Why two nodes did not meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinFailed {
    /// The protocol says why.
    Join(JoinError),
    /// This node was closed first.
    NodeClosed,
}

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Joins(Vec<Join>);

#[derive(Debug)]
struct Join {
    link: LinkId,
    pipes: Vec<(u16, MessagePipe)>,
    outcome: Option<Result<Option<NodeName>, JoinFailed>>,
    waker: Option<Waker>,
}

impl Joins {
    fn begin(&mut self, link: LinkId) {
        self.0.push(Join { link, pipes: Vec::new(), outcome: None, waker: None });
    }

    fn of(&mut self, link: LinkId) -> Option<&mut Join> {
        self.0.iter_mut().find(|join| join.link == link)
    }

    fn take(&mut self, link: LinkId) -> Option<Join> {
        let place = self.0.iter().position(|join| join.link == link)?;
        Some(self.0.swap_remove(place))
    }

    /// Gives `pipe` back when nobody wants it.
    pub(super) fn initial_pipe(&mut self, link: LinkId, index: u16, pipe: MessagePipe) -> Option<MessagePipe> {
        let Some(join) = self.of(link) else { return Some(pipe) };
        join.pipes.push((index, pipe));
        None
    }

    pub(super) fn accepted(&mut self, link: LinkId) -> Option<Waker> {
        self.settle(link, Ok(None))
    }

    pub(super) fn invited(&mut self, link: LinkId, node: NodeName) -> Option<Waker> {
        self.settle(link, Ok(Some(node)))
    }

    pub(super) fn failed(&mut self, link: LinkId, reason: JoinError) -> Option<Waker> {
        self.settle(link, Err(JoinFailed::Join(reason)))
    }

    fn settle(&mut self, link: LinkId, outcome: Result<Option<NodeName>, JoinFailed>) -> Option<Waker> {
        let join = self.of(link)?;
        join.outcome = Some(outcome);
        join.waker.take()
    }

    /// The node is closed: whatever has no outcome yet has this one.
    pub(super) fn close_all(&mut self) -> Vec<Waker> {
        let undecided = self.0.iter_mut().filter(|join| join.outcome.is_none());
        undecided
            .filter_map(|join| {
                join.outcome = Some(Err(JoinFailed::NodeClosed));
                join.waker.take()
            })
            .collect()
    }
}

/// What was accepted or greeted.
pub(crate) struct Joined {
    /// The pipes of an accepted invitation, in the inviter's order.
    pub(crate) pipes: Vec<MessagePipe>,
    /// The invitee, where this node invited.
    pub(crate) node: Option<NodeName>,
}

/// Why an invitation was not even sent, with the socket.
pub(crate) type Refused<E> = (Option<E>, OwnedFd);

impl Driver {
    /// Invites the process at the other end of `socket` with so many initial pipes. The reason of a refusal is `None`
    /// when the node is closed.
    pub(crate) fn invite(
        &self,
        socket: OwnedFd,
        pipes: u16,
        kind: LinkKind,
    ) -> Result<(LinkId, Vec<MessagePipe>), Refused<mage_proto::InviteError>> {
        let mut effects = Effects::new();
        let invited = self.enter(&mut effects, |state, _| {
            let Some(core) = state.open_core() else { return Err((None, socket)) };
            let invited = match kind {
                LinkKind::Network => core.invite(socket, pipes),
                LinkKind::Isolated => core.invite_isolated(socket, pipes),
            };
            let (link, ports) = invited.map_err(|(error, socket)| (Some(error), socket))?;
            state.joins.begin(link);
            let pipes = ports.into_iter().filter_map(|port| state.adopt(port)).collect();
            Ok((link, pipes))
        });
        self.perform(&mut effects);
        invited
    }

    /// Accepts the invitation that comes, or waits, in `socket`.
    pub(crate) fn accept(&self, socket: OwnedFd, kind: LinkKind) -> Result<LinkId, Refused<mage_proto::AcceptError>> {
        let mut effects = Effects::new();
        let accepted = self.enter(&mut effects, |state, _| {
            let Some(core) = state.open_core() else { return Err((None, socket)) };
            let accepted = match kind {
                LinkKind::Network => core.accept(socket),
                LinkKind::Isolated => core.accept_isolated(socket),
            };
            let link = accepted.map_err(|(error, socket)| (Some(error), socket))?;
            state.joins.begin(link);
            Ok(link)
        });
        self.perform(&mut effects);
        accepted
    }

    /// Waits for what became of a join. Its outcome is given once.
    pub(crate) fn poll_joined(&self, link: LinkId, waker: &Waker) -> Poll<Result<Joined, JoinFailed>> {
        let waker = waker.clone();
        let mut state = self.state.lock();
        let decided = state.joins.of(link).is_none_or(|join| join.outcome.is_some());
        if decided {
            let join = state.joins.take(link);
            drop(state);
            return Poll::Ready(Self::outcome(join));
        }
        let former = state.joins.of(link).and_then(|join| join.waker.replace(waker));
        drop(state);
        drop(former);
        Poll::Pending
    }

    fn outcome(join: Option<Join>) -> Result<Joined, JoinFailed> {
        let Some(Join { mut pipes, outcome: Some(outcome), .. }) = join else { return Err(JoinFailed::NodeClosed) };
        let node = outcome?;
        pipes.sort_by_key(|&(index, _)| index);
        Ok(Joined { pipes: pipes.into_iter().map(|(_, pipe)| pipe).collect(), node })
    }

    /// Nobody will ask what became of a join; pipes that it brought are closed.
    pub(crate) fn forget_join(&self, link: LinkId) {
        // Taken under the lock, dropped after it: its pipes close.
        let join = self.state.lock().joins.take(link);
        drop(join);
    }
}
