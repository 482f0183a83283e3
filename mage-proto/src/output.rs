//! What a node wants done: everything but bytes, in the order in which it must happen.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::close::CloseReason;
use crate::id::LinkId;
use crate::id::PortId;
use crate::message::{Message, Port};
use crate::name::NodeName;
use crate::violation::{RouteError, Violation};

/// One thing that the core wants done.
///
/// After any command or input the driver polls outputs until there are none. It performs them after it has released
/// whatever lock it holds around the node: a user's `Drop`, a waker or a system call must never run under it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output<H> {
    /// A connection begins: `handle` is its socket. Watch it, and feed what it receives to
    /// [`handle_bytes`](crate::Node::handle_bytes).
    OpenLink {
        /// The link's id from now until `CloseLink`.
        link: LinkId,
        /// The socket.
        handle: H,
    },
    /// The connection is over: close its socket; what was not written is lost.
    CloseLink {
        /// The link.
        link: LinkId,
    },
    /// The link has something to transmit, and had nothing when it was last polled.
    LinkReady {
        /// The link.
        link: LinkId,
    },
    /// Make a pair of connected sockets and answer with [`socket_pair`](crate::Node::socket_pair).
    CreateSocketPair {
        /// To be given back with the answer.
        tag: u64,
    },
    /// A port that had nothing to read has something now.
    Readable(PortId),
    /// A port that could not send may send again.
    Writable(PortId),
    /// The far end was closed, or the route to it broke. What arrived before is still there to be read.
    Ended {
        /// The port.
        port: PortId,
        /// Why.
        reason: CloseReason,
    },
    /// An initial pipe of the invitation that was accepted over `link`.
    InitialPort {
        /// The link to the inviter.
        link: LinkId,
        /// Its place among the pipes that the inviter asked for, from zero.
        index: u16,
        /// This side's end.
        port: Port,
    },
    /// The invitation was accepted: this node is a member of the inviter's network.
    Accepted {
        /// The link to the inviter.
        link: LinkId,
    },
    /// The invitation could not be accepted.
    AcceptFailed {
        /// The link to the inviter.
        link: LinkId,
        /// Why.
        reason: JoinError,
    },
    /// The invitee is a member of this network and has its initial pipes.
    Invited {
        /// The link to the invitee.
        link: LinkId,
        /// Its name.
        node: NodeName,
    },
    /// The invitee did not join; its initial pipes are lost.
    InviteFailed {
        /// The link to the invitee.
        link: LinkId,
        /// Why.
        reason: JoinError,
    },
    /// A node that was linked is gone; every route through it ended.
    NodeLost {
        /// The node.
        node: NodeName,
        /// It said Bye before.
        after_bye: bool,
    },
    /// A node broke the protocol; its link ends.
    BadPeer {
        /// The link.
        link: LinkId,
        /// The node, where it is known already.
        node: Option<NodeName>,
        /// What it did.
        violation: Violation,
    },
    /// Something arrived over a route that breaks a promise; the route ends. The neighbour that passed it on may be
    /// honest.
    BadRoute {
        /// The port at which it was noticed, where an application holds it.
        port: Option<PortId>,
        /// The node that it came from last.
        via: NodeName,
        /// What is wrong.
        error: RouteError,
    },
    /// The application has [rejected](crate::Node::reject) a message.
    Rejected {
        /// The node that it came from last; `None` if it is lost by now.
        node: Option<NodeName>,
        /// Nobody passes messages on between that node and this one, on the message's pipe.
        direct: bool,
        /// What is wrong with the message, in the application's words.
        reason: String,
    },
    /// The broker is gone: existing links and pipes live on, no node will be met any more.
    BrokerLost,
    /// After [`shutdown`](crate::Node::shutdown): nothing of any other node's depends on this one any more, and all
    /// links are closed.
    Drained,
    /// To be dropped outside the lock.
    Discard(Box<Discard<H>>),
}

/// What the core lets go of.
#[derive(Debug)]
#[non_exhaustive]
pub enum Discard<H> {
    /// A message that nobody will read.
    Message(Message<H>),
    /// A handle that nobody will use.
    Handle(H),
    /// Handles that nobody will use.
    Handles(Vec<H>),
}

/// Why an invitation came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The connection ended first.
    #[error("the connection ended before the invitation was accepted")]
    Lost,
    /// The other side broke the protocol, or speaks another.
    #[error("the other side broke the protocol: {0}")]
    Violation(#[source] Violation),
    /// The broker did not admit the invitee.
    #[error("the broker refused the invitee")]
    Refused,
    /// No pair of sockets could be made for the broker.
    #[error("no socket could be made")]
    NoSocket,
}
