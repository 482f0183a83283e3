//! What is known of one connection to one remote node.
//!
//! ```text
//!   inviter                 Inviting ──Greet, and admitted: Welcome goes out──▶ Up ──Bye──▶ Leaving
//!   invitee                 Accepting ──Greet──▶ Greeted ──Welcome──▶ Up
//!   … to the broker         ToBroker ──Greet, Welcome──▶ Up
//!   broker, referred node   Referred ──Greet: Welcome goes out──▶ Up
//!   introduced nodes, both  Introduced ──Greet──▶ Up
//! ```
//!
//! Each side sends Greet first. Only a link that is Up carries events.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU32;

use crate::control::Takes;
use crate::id::PortId;
use crate::limits::MIN_MAX_FRAME;
use crate::name::NodeName;
use crate::outbox::Outbox;
use crate::port::Hint;

/// One connection.
#[derive(Debug, Clone)]
pub(crate) struct Link<H> {
    pub(crate) serial: NonZeroU32,
    pub(crate) state: LinkState<H>,
    pub(crate) outbox: Outbox<H>,
    /// What the two nodes are called on this link, if it is an isolated one.
    pub(crate) isolated: Option<Box<Aliases>>,
    /// What the other side takes in one message, as far as it said.
    pub(crate) takes: Takes,
    /// Ports that this link put here and that still exist, and closed ones that its node has to finish.
    pub(crate) ports: u32,
    /// How many of them there were when stubs were last looked for that may be evicted.
    pub(crate) swept: u32,
    /// Payload bytes that this link put here and that nobody has taken yet.
    pub(crate) held: u64,
    /// The part of `held` that waits for its sender to be entitled.
    pub(crate) pended: u64,
    /// How often the driver said that handles were lost on the way in, less the frames that turned out to lack some.
    pub(crate) shortages: u32,
    /// The place of the port that the last plain message was for.
    pub(crate) heard: Hint,
}

/// What the two nodes of an isolated link call themselves on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Aliases {
    pub(crate) ours: NodeName,
    /// `None` until the other side has greeted.
    pub(crate) theirs: Option<NodeName>,
}

/// How far a connection has come.
#[derive(Debug, Clone)]
pub(crate) enum LinkState<H> {
    /// We invited the node at the other end; it is welcomed when it has greeted and was admitted.
    Inviting(Box<Inviting<H>>),
    /// We were invited; the inviter has not greeted.
    Accepting,
    /// The inviter has greeted and will welcome us.
    Greeted { max_frame: u32 },
    /// We were invited by a member, and this is our link to the broker.
    ToBroker { broker: NodeName, max_frame: Option<u32> },
    /// We are the broker, and a member has referred this node to us.
    Referred { node: NodeName },
    /// The broker introduced this node and us.
    Introduced { node: NodeName, attempt: u8 },
    /// Events flow.
    Up { node: NodeName, max_frame: u32 },
    /// We said Bye, or answered one.
    Leaving { node: NodeName, max_frame: u32 },
}

/// What an inviter keeps until it can welcome its invitee.
#[derive(Debug, Clone)]
pub(crate) struct Inviting<H> {
    /// The far ends of the initial pipes.
    pub(crate) pipes: Vec<PortId>,
    /// What the invitee's Greet said, once it came.
    pub(crate) max_frame: Option<u32>,
    pub(crate) admission: Admission<H>,
}

/// Who names the invitee, and how far that has come.
#[derive(Debug, Clone)]
pub(crate) enum Admission<H> {
    /// We are the broker.
    Ours,
    /// The broker will, once we are a member ourselves.
    Waiting,
    /// The broker will, once there is a pair of sockets for the two.
    NoSockets { tag: u64 },
    /// The broker was asked; the handle is the invitee's end of its link to the broker.
    Asked { id: u64, handle: H },
    /// The broker admitted it.
    Admitted { node: NodeName, broker: NodeName, handle: H },
}

impl<H> Link<H> {
    /// The longest frame that the other side takes, as far as it said.
    pub(crate) fn max_frame(&self) -> u32 {
        match &self.state {
            LinkState::Up { max_frame, .. }
            | LinkState::Leaving { max_frame, .. }
            | LinkState::Greeted { max_frame }
            | LinkState::ToBroker { max_frame: Some(max_frame), .. } => *max_frame,
            LinkState::ToBroker { max_frame: None, .. }
            | LinkState::Inviting(_)
            | LinkState::Accepting
            | LinkState::Referred { .. }
            | LinkState::Introduced { .. } => MIN_MAX_FRAME,
        }
    }
}
