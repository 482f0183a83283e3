//! What can stand in the way of a node's own operations: one error for each.

use std::io;
use std::os::fd::OwnedFd;

use mage_proto::JoinError;

use crate::adapter::WouldDeadlock;

/// Why no node was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NodeError {
    /// The operating system gives no random numbers, which names are made of.
    #[error("the operating system gives no random numbers")]
    Random(#[source] io::Error),
}

/// Why nobody was invited. The socket is given back.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct InviteError {
    /// The reason.
    pub kind: InviteErrorKind,
    /// What was to be invited over.
    pub socket: OwnedFd,
}

/// Why nobody was invited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InviteErrorKind {
    /// The socket cannot carry a link.
    #[error("no connected unix stream socket: {0}")]
    Socket(#[source] io::Error),
    /// More first pipes than an invitation may have.
    #[error("{pipes} first pipes; {most} are allowed")]
    TooManyPipes {
        /// How many were asked for.
        pipes: u16,
        /// How many are allowed.
        most: u16,
    },
    /// The broker is gone, and only a broker admits new nodes.
    #[error("the broker of this network is gone")]
    BrokerLost,
    /// The node is closed, or being shut down.
    #[error("the node is shut down")]
    ShutDown,
}

impl From<mage_proto::InviteError> for InviteErrorKind {
    fn from(error: mage_proto::InviteError) -> Self {
        use mage_proto::InviteError as Error;
        match error {
            Error::TooManyPipes { pipes, most } => Self::TooManyPipes { pipes, most },
            Error::BrokerLost => Self::BrokerLost,
            Error::ShutDown => Self::ShutDown,
            // Another reason of a later core: nobody can be invited by this node any more.
            _ => Self::ShutDown,
        }
    }
}

/// Why an invitation was not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AcceptError {
    /// The socket cannot carry a link.
    #[error("no connected unix stream socket: {0}")]
    Socket(#[source] io::Error),
    /// This node has invited others already, so it is a broker; or it has accepted an invitation before.
    #[error("this node already belongs to a network")]
    HasNetwork,
    /// The two nodes did not come together.
    #[error("{0}")]
    Join(#[from] JoinError),
    /// The invitation brought no pipe.
    #[error("the invitation brought no pipe")]
    NoPipe,
    /// The node is closed, or being shut down.
    #[error("the node is shut down")]
    ShutDown,
    /// This thread must not wait.
    #[error(transparent)]
    WouldDeadlock(#[from] WouldDeadlock),
}

impl From<mage_proto::AcceptError> for AcceptError {
    fn from(error: mage_proto::AcceptError) -> Self {
        use mage_proto::AcceptError as Error;
        match error {
            Error::HasNetwork => Self::HasNetwork,
            Error::ShutDown => Self::ShutDown,
            // Another reason of a later core: this node joins nobody any more.
            _ => Self::ShutDown,
        }
    }
}

/// Why a node did not take leave as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// The deadline came before everything was delivered.
    #[error("the deadline came before everything sent was delivered")]
    TimedOut,
    /// This thread must not wait.
    #[error("waiting here would block the thread that has to make the progress waited for")]
    WouldDeadlock,
}
