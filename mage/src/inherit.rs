//! The child's half of starting a worker: adopting the socket that it was started with.
//!
//! ```text
//!   parent                                           child
//!   socket pair ── one end as standard input ──exec──▶ descriptor 0
//!   MAGE_INVITATION=0 ────────────────────────────────▶ Invitation::inherited(): duplicated (close-on-exec),
//!                                                       and standard input becomes /dev/null
//! ```
//!
//! The socket travels as standard input because that is the one way which is exact: the system hands over precisely this
//! descriptor to precisely this child. A descriptor that is made inheritable for a moment reaches any other child that
//! another thread starts in that moment as well, and a socket that somebody holds by accident never reports its end.
//! A worker has therefore no standard input of its own.
//!
//! What must hold: the socket is adopted at most once in a process, and no program that the worker starts afterwards
//! inherits it. (One that it starts before inherits it as its standard input.)

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::node::{Accepting, Node};
use crate::socket;

/// Names the descriptor that carries the invitation; only `0` is understood.
pub(crate) const INVITATION: &str = "MAGE_INVITATION";
/// Names the entry of a re-executed worker.
pub(crate) const ENTRY: &str = "MAGE_WORKER";

static ADOPTED: AtomicBool = AtomicBool::new(false);

/// An invitation to join the network of the process that started this one.
#[derive(Debug)]
#[must_use = "an invitation that is dropped is refused"]
pub struct Invitation {
    socket: OwnedFd,
}

/// Why this process has no invitation to adopt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InheritError {
    /// The process was not started as a worker.
    #[error("this process was not started as a worker: {INVITATION} is not set")]
    NotAWorker,
    /// The variable that names the descriptor says something that this version does not understand.
    #[error("{INVITATION} is {value:?}; this version understands \"0\"")]
    Unknown {
        /// What it says.
        value: String,
    },
    /// The invitation was adopted before, in this process.
    #[error("the invitation was adopted already")]
    AlreadyAdopted,
    /// Standard input is not the socket of an invitation: something between the two processes replaced it.
    #[error("standard input is not the socket of an invitation")]
    NotASocket(#[source] io::Error),
    /// The operating system refuses to duplicate or replace standard input.
    #[error("standard input cannot be adopted")]
    System(#[source] io::Error),
}

impl Invitation {
    /// Adopts the invitation that this process was started with.
    ///
    /// # Errors
    ///
    /// Why there is none. At most one call in a process succeeds.
    pub fn inherited() -> Result<Self, InheritError> {
        let value = std::env::var_os(INVITATION).ok_or(InheritError::NotAWorker)?;
        if value != "0" {
            return Err(InheritError::Unknown { value: value.to_string_lossy().into_owned() });
        }
        if ADOPTED.swap(true, Ordering::AcqRel) {
            return Err(InheritError::AlreadyAdopted);
        }
        Self::adopt().inspect_err(|_| ADOPTED.store(false, Ordering::Release))
    }

    fn adopt() -> Result<Self, InheritError> {
        let stdin = io::stdin();
        socket::check(stdin.as_fd()).map_err(InheritError::NotASocket)?;
        // Descriptors 0 to 2 are left alone, so that nothing which prints ever writes into the socket.
        let socket = rustix::io::fcntl_dupfd_cloexec(&stdin, 3).map_err(|error| InheritError::System(error.into()))?;
        let null = File::open("/dev/null").map_err(InheritError::System)?;
        rustix::stdio::dup2_stdin(null).map_err(|error| InheritError::System(error.into()))?;
        Ok(Self { socket })
    }

    /// Makes an invitation of a socket that reached this process in another way.
    pub fn over(socket: impl Into<OwnedFd>) -> Self {
        Self { socket: socket.into() }
    }

    /// Joins the network as `node`.
    pub fn accept(self, node: &Node) -> Accepting {
        node.accept(self.socket)
    }

    /// Gives up the socket, to be used in another way.
    pub fn into_socket(self) -> OwnedFd {
        self.socket
    }
}

/// Says which worker this process is: the name that [`Worker::reexec`](crate::Worker::reexec) was given by the process
/// that started it, `None` in a process that was started in any other way.
///
/// ```
/// # fn serve() {}
/// if mage::worker::entry().as_deref() == Some("network") {
///     serve();
/// }
/// ```
pub fn entry() -> Option<String> {
    let name = std::env::var(ENTRY).ok()?;
    // A program that a worker starts inherits the variable, and is no worker: it has another standard input.
    let invited = ADOPTED.load(Ordering::Acquire) || socket::check(io::stdin().as_fd()).is_ok();
    invited.then_some(name)
}
