//! `Node`: one participant of a network, normally a process; where pipes come from and other processes are met.
//!
//! ```text
//!   inviter                                   invitee
//!   node.invite(socket) ─▶ pipe, usable       node.accept(other_socket) ─▶ Accepting ─▶ pipe
//!        └── messages queue until it is accepted ──────────────────────────────────────▶ │
//! ```
//!
//! The first invitation makes a node the broker of its network, the first acceptance makes it a member. Pipes can then
//! travel to any member; two members that have never met are introduced as soon as a pipe leads from one to the other.

mod accepting;
mod error;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use mage_proto::LinkId;

use crate::adapter::{Adapter, Patience, WouldDeadlock};
use crate::backend::Backend;
use crate::driver::{Driver, LinkKind, Supervisor};
use crate::endpoint::{PendingReceiver, PendingRemote};
use crate::interface::Interface;
use crate::pipe::MessagePipe;
use crate::receiver::Receiver;
use crate::remote::Remote;
use crate::socket;

pub use accepting::Accepting;
pub use error::{AcceptError, InviteError, InviteErrorKind, NodeError, ShutdownError};
pub use mage_proto::{Census, JoinError, Limits, NodeName, RouteError, Violation, Window};

/// One participant of a network. Clones are handles to the same node; when the last one is dropped, the node closes:
/// its links end at once, and every pipe that it still holds is lost. [`shutdown`](Self::shutdown) is the gentle way.
#[derive(Clone)]
pub struct Node(Arc<Owner>);

/// What the clones of a node share. Pipes, futures and the adapter only hold the driver.
struct Owner {
    driver: Arc<Driver>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.driver.close();
    }
}

/// What a node reports besides what its pipes say.
#[derive(Debug)]
#[non_exhaustive]
pub enum NodeEvent {
    /// Another process of the network is gone, and every route through it ended.
    NodeLost {
        /// Its node.
        node: NodeName,
        /// It took its leave before.
        after_bye: bool,
    },
    /// Another process broke the protocol. Its connection ends, and every route through it.
    BadPeer {
        /// Its node, where that is known already.
        node: Option<NodeName>,
        /// What it did.
        violation: Violation,
    },
    /// Something arrived that breaks a promise, and its route ends. The node that passed it on may be honest.
    BadRoute {
        /// The node that it came from last.
        via: NodeName,
        /// What is wrong.
        error: RouteError,
    },
    /// A message did not fit the interface of its pipe, which closes.
    BadMessage {
        /// The node that messages come from there, unless it is lost.
        node: Option<NodeName>,
        /// Nobody passes messages on between that node and this one: it was that node's doing. False does not say that
        /// it was not.
        direct: bool,
        /// The method, the parameter, and what is wrong.
        reason: String,
    },
    /// The adapter or the system refused to watch a new connection, which ends.
    LinkFailed {
        /// What it said.
        error: io::Error,
    },
    /// The broker is gone. Pipes live on, but nobody new will be met.
    BrokerLost,
}

/// How a node is made when the defaults do not fit.
pub struct NodeBuilder {
    adapter: Arc<dyn Adapter>,
    limits: Limits,
    supervisor: Option<Supervisor>,
    rings: bool,
    patience: Duration,
}

impl NodeBuilder {
    /// Replaces the bounds of everything that others can make this node hold.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Calls `supervisor` for each [`NodeEvent`], on whatever thread notices it, outside every lock. It must not block.
    #[must_use]
    pub fn supervisor(mut self, supervisor: impl Fn(NodeEvent) + Send + Sync + 'static) -> Self {
        self.supervisor = Some(Box::new(supervisor));
        self
    }

    /// Switches shared memory off, or on again. A connection over which much is sent otherwise gets a ring of 512 KiB in
    /// memory that the two processes share, for each direction, and two or three more descriptors: that takes half the
    /// time of a socket. Off, or where the other side has it off, everything goes through the socket. A sandbox that allows no
    /// `memfd_create` wants it off.
    #[must_use]
    pub fn rings(mut self, on: bool) -> Self {
        self.rings = on;
        self
    }

    /// Sets for how long a thread that has sent something looks whether an answer comes before it sleeps: 50 µs unless it is
    /// set, none with [`Duration::ZERO`]. It gives the processor away between its looks, and looks less where that is
    /// in vain ([`Patience`]); so a call takes a twentieth of the time where the other process runs on another core, and of the
    /// processor time of both a sixth. This is for links with [`rings`](Self::rings); an adapter has its own for what
    /// stays in the process.
    #[must_use]
    pub fn patience(mut self, most: Duration) -> Self {
        self.patience = most;
        self
    }

    /// Makes the node.
    ///
    /// # Errors
    ///
    /// The operating system gives no random numbers, which names are made of.
    pub fn build(self) -> Result<Node, NodeError> {
        let driver = Driver::new(self.adapter, self.limits, self.supervisor, self.rings, self.patience)
            .map_err(|error| NodeError::Random(io::Error::other(error)))?;
        Ok(Node(Arc::new(Owner { driver })))
    }
}

impl Node {
    /// Makes a node that lives on `adapter`.
    ///
    /// # Errors
    ///
    /// The operating system gives no random numbers, which names are made of.
    pub fn new(adapter: impl Adapter) -> Result<Self, NodeError> {
        Self::builder(adapter).build()
    }

    /// Begins a node with other limits, or one that reports what happens to it.
    pub fn builder(adapter: impl Adapter) -> NodeBuilder {
        NodeBuilder {
            adapter: Arc::new(adapter),
            limits: Limits::default(),
            supervisor: None,
            rings: true,
            patience: Patience::USUAL,
        }
    }

    /// The adapter that the node lives on.
    pub fn adapter(&self) -> &Arc<dyn Adapter> {
        self.0.driver.adapter()
    }

    /// Makes a pipe and returns its two ends. Either may be sent to another process inside a message.
    ///
    /// On a node that is being shut down the pipe is closed from the beginning.
    pub fn create_pipe(&self) -> (MessagePipe, MessagePipe) {
        let (a, b) = self.0.driver.create_pipe();
        (self.pipe(a), self.pipe(b))
    }

    /// Makes a pipe of an interface and binds both ends: calls on the remote arrive at the receiver.
    pub fn create<I: Interface>(&self) -> (Remote<I>, Receiver<I>) {
        let (remote, receiver) = self.create_pipe();
        (Remote::bind(remote), Receiver::bind(receiver))
    }

    /// Makes a pipe of an interface whose ends are not bound yet, to be sent to others.
    pub fn create_pending<I: Interface>(&self) -> (PendingRemote<I>, PendingReceiver<I>) {
        PendingRemote::pair(self.create_pipe())
    }

    /// Counts what the node holds: its ends of pipes, ports that only pass messages on, connections. For diagnosis, and
    /// for tests that look for leaks; the time that it takes grows with the number of ports.
    pub fn census(&self) -> Census {
        self.0.driver.census()
    }

    fn pipe(&self, end: crate::backend::End) -> MessagePipe {
        MessagePipe::from_end(Arc::clone(&self.0.driver) as Arc<dyn Backend>, end)
    }

    /// Invites the process that holds, or will hold, the other end of `socket`, a connected Unix stream socket. Returns
    /// this side's end of a first pipe between the two, which may be used at once: what is sent waits for the other side.
    ///
    /// # Errors
    ///
    /// Why nobody can be invited over this socket, which is given back.
    pub fn invite(&self, socket: impl Into<OwnedFd>) -> Result<MessagePipe, InviteError> {
        self.invite_to(socket.into(), LinkKind::Network)
    }

    fn invite_to(&self, socket: OwnedFd, kind: LinkKind) -> Result<MessagePipe, InviteError> {
        let (link, mut pipes) = self.begin_invite(socket, 1, kind)?;
        self.0.driver.forget_join(link);
        Ok(pipes.pop().unwrap_or_else(|| self.pipe(crate::backend::End::GIVEN_UP)))
    }

    /// [Invites](Self::invite) without letting the other side into this node's network: the two nodes share this pipe and
    /// what is sent over it, and learn the names of no other node. For who is not trusted with the rest, or has a network
    /// of its own.
    ///
    /// The other side has to [accept](Self::accept_isolated) in the same manner; each may do so any number of times. A
    /// pipe can be moved over such a connection only if its far end is at one of the two nodes: anything else is
    /// [`SendErrorKind::Isolated`](crate::pipe::SendErrorKind::Isolated).
    ///
    /// # Errors
    ///
    /// Why nobody can be invited over this socket, which is given back.
    pub fn invite_isolated(&self, socket: impl Into<OwnedFd>) -> Result<MessagePipe, InviteError> {
        self.invite_to(socket.into(), LinkKind::Isolated)
    }

    /// [Invites](Self::invite) with `pipes` first pipes, at most 128, which the invitee finds in the same order.
    ///
    /// # Errors
    ///
    /// Why nobody can be invited over this socket, which is given back.
    pub fn invite_many(&self, socket: impl Into<OwnedFd>, pipes: u16) -> Result<Vec<MessagePipe>, InviteError> {
        let (link, pipes) = self.begin_invite(socket.into(), pipes, LinkKind::Network)?;
        self.0.driver.forget_join(link);
        Ok(pipes)
    }

    /// Invites, and remembers the outcome until somebody asks for it.
    pub(crate) fn begin_invite(
        &self,
        socket: OwnedFd,
        pipes: u16,
        kind: LinkKind,
    ) -> Result<(LinkId, Vec<MessagePipe>), InviteError> {
        if let Err(error) = socket::check(socket.as_fd()) {
            return Err(InviteError { kind: InviteErrorKind::Socket(error), socket });
        }
        self.0.driver.invite(socket, pipes, kind).map_err(|(refusal, socket)| {
            let kind = refusal.map_or(InviteErrorKind::ShutDown, InviteErrorKind::from);
            InviteError { kind, socket }
        })
    }

    /// Accepts the invitation that comes, or waits already, in `socket`. What is returned is a future of the inviter's
    /// first pipe; it can also be waited for, or be given a callback.
    pub fn accept(&self, socket: impl Into<OwnedFd>) -> Accepting {
        self.accept_from(socket.into(), LinkKind::Network)
    }

    /// [Accepts](Self::accept) what an [isolated](Self::invite_isolated) invitation offers, without joining the inviter's
    /// network. A node that has a network of its own, or is a member of another, may do so.
    pub fn accept_isolated(&self, socket: impl Into<OwnedFd>) -> Accepting {
        self.accept_from(socket.into(), LinkKind::Isolated)
    }

    fn accept_from(&self, socket: OwnedFd, kind: LinkKind) -> Accepting {
        let checked = socket::check(socket.as_fd()).map_err(AcceptError::Socket);
        let begun = checked.and_then(|()| {
            let accepted = self.0.driver.accept(socket, kind);
            accepted.map_err(|(refusal, _)| refusal.map_or(AcceptError::ShutDown, AcceptError::from))
        });
        Accepting::new(Arc::clone(&self.0.driver), begun)
    }

    /// Takes leave of the network: closes every pipe that this side holds, sees to it that everything sent before is
    /// delivered, goes on passing messages for others until they no longer need it, and then ends every link. The node is
    /// closed afterwards, in any case at `deadline`.
    ///
    /// # Errors
    ///
    /// [`ShutdownError::TimedOut`]: the deadline came first, and something may not have been delivered.
    pub async fn shutdown(&self, deadline: Instant) -> Result<(), ShutdownError> {
        let driver = &self.0.driver;
        driver.begin_shutdown();
        let mut timer = driver.adapter().sleep_until(deadline);
        let in_time = poll_fn(|cx: &mut Context<'_>| {
            if driver.poll_drained(cx.waker()).is_ready() {
                return Poll::Ready(true);
            }
            timer.as_mut().poll(cx).map(|()| false)
        })
        .await;
        driver.close();
        if in_time { Ok(()) } else { Err(ShutdownError::TimedOut) }
    }

    /// [Takes leave](Self::shutdown), blocking this thread for at most `patience`.
    ///
    /// # Errors
    ///
    /// [`ShutdownError::WouldDeadlock`] where this thread must not wait (nothing has happened then);
    /// [`ShutdownError::TimedOut`] when it took too long, and something may not have been delivered.
    pub fn shutdown_blocking(&self, patience: Duration) -> Result<(), ShutdownError> {
        let mut result = Err(ShutdownError::WouldDeadlock);
        let deadline = Instant::now() + patience;
        let waited = {
            let future = pin!(async { result = self.shutdown(deadline).await });
            self.0.driver.block_on(future)
        };
        match waited {
            Ok(()) => result,
            Err(WouldDeadlock) => Err(ShutdownError::WouldDeadlock),
        }
    }

    pub(crate) fn driver(&self) -> &Arc<Driver> {
        &self.0.driver
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.driver.fmt(f)
    }
}

impl fmt::Debug for NodeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeBuilder")
            .field("adapter", &self.adapter)
            .field("limits", &self.limits)
            .field("supervisor", &self.supervisor.is_some())
            .field("rings", &self.rings)
            .field("patience", &self.patience)
            .finish()
    }
}
