//! Meeting processes that nobody started from here: a name in the file system where they can call.
//!
//! ```text
//!   server                                            client
//!   Listener::bind(&node, path)                       listener::connect(&node, path) ─▶ Accepting ─▶ pipe
//!        └─ next() ─▶ pipe ◀───────────── an ordinary invitation over an ordinary connection
//! ```
//!
//! Each connection is an [invitation](crate::Node::invite): the listening node is the broker, or a member that refers
//! its callers to the broker. What must hold: callers that nobody takes wait in a bounded queue and are refused beyond
//! it, so that a stranger can neither exhaust this process nor keep it busy; the name goes when the listener goes.

use std::collections::VecDeque;
use std::fmt;
use std::fs::{self, File};
use std::future::poll_fn;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Poll, Waker};

use rustix::io::Errno;

use crate::adapter::{Drained, Watch};
use crate::node::{Accepting, InviteError, Node};
use crate::pipe::MessagePipe;
use crate::sync::Lock;

/// How many callers wait until they are taken; more are refused.
const WAITING: usize = 64;

/// A place in the file system where other processes find this node.
pub struct Listener {
    node: Node,
    path: PathBuf,
    door: Arc<Door>,
    _watch: Watch,
}

/// Why there is no next caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The socket failed.
    #[error("the listening socket failed")]
    Socket(#[from] io::Error),
    /// The node invites nobody any more.
    #[error(transparent)]
    Invite(#[from] InviteError),
}

/// Calls the node that listens at `path` and accepts its invitation on behalf of `node`.
///
/// # Errors
///
/// Nobody listens there, or whatever else the operating system says.
pub fn connect(node: &Node, path: impl AsRef<Path>) -> io::Result<Accepting> {
    Ok(node.accept(UnixStream::connect(path)?))
}

impl Listener {
    /// Takes the name `path`, which must be free, and lets other processes call there.
    ///
    /// Who may call is a matter of the permissions of the directory and of the socket itself; what a caller may ask for
    /// is a matter of what is served to it.
    ///
    /// # Errors
    ///
    /// The name is taken, or whatever else the operating system says.
    pub fn bind(node: &Node, path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref().to_owned();
        let listener = UnixListener::bind(&path)?;
        // From here on the name is removed again if something goes wrong.
        let named = Named(path);
        listener.set_nonblocking(true)?;
        let socket = Arc::new(OwnedFd::from(listener.try_clone()?));
        let state = State { spare: spare(), ..State::default() };
        let door = Arc::new(Door { listener, state: Lock::new(state) });
        let watched = Arc::clone(&door);
        let watch = node.adapter().watch(socket, Box::new(move |_| watched.let_in()))?;
        Ok(Self { node: node.clone(), path: named.keep(), door, _watch: watch })
    }

    /// Waits for the next caller, invites it, and returns the first pipe to it, usable at once.
    ///
    /// # Errors
    ///
    /// The socket failed, or the node invites nobody any more.
    ///
    /// # Cancel safety
    ///
    /// A dropped future loses no caller.
    pub async fn next(&self) -> Result<MessagePipe, ListenError> {
        let stream = poll_fn(|cx| self.door.poll_next(cx.waker())).await?;
        Ok(self.node.invite(stream)?)
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Somebody may have removed it before.
        let _ = fs::remove_file(&self.path);
    }
}

/// A name in the file system that is removed unless it is kept.
struct Named(PathBuf);

impl Named {
    fn keep(mut self) -> PathBuf {
        std::mem::take(&mut self.0)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.0);
        }
    }
}

/// The listening socket, and who came in through it.
struct Door {
    listener: UnixListener,
    state: Lock<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<UnixStream>,
    failed: Option<io::Error>,
    waker: Option<Waker>,
    /// A descriptor that is given up when there are no others, so that callers do not wait for ever.
    spare: Option<File>,
}

fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

impl Door {
    /// Takes in everybody who waits outside. Whoever is over the limit is turned away: one who is left in the system's
    /// queue would keep the socket readable, and this callback busy.
    fn let_in(&self) -> Drained {
        let mut refused = Vec::new();
        let mut state = self.state.lock();
        loop {
            match self.listener.accept() {
                Ok((stream, _)) if state.waiting.len() < WAITING && state.spare.is_some() => {
                    state.waiting.push_back(stream);
                }
                Ok((stream, _)) => refused.push(stream),
                Err(error) => match Errno::from_io_error(&error) {
                    Some(Errno::AGAIN) => break,
                    Some(Errno::INTR | Errno::CONNABORTED) => {}
                    // Out of descriptors: with the spare one, callers can at least be turned away.
                    Some(Errno::MFILE | Errno::NFILE) if state.spare.take().is_some() => refused.clear(),
                    Some(_) | None => {
                        state.failed = Some(error);
                        break;
                    }
                },
            }
        }
        drop(refused);
        if state.spare.is_none() {
            state.spare = spare();
        }
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        Drained::Yes
    }

    fn poll_next(&self, waker: &Waker) -> Poll<io::Result<UnixStream>> {
        let waker = waker.clone();
        let mut state = self.state.lock();
        if let Some(stream) = state.waiting.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        if let Some(error) = state.failed.take() {
            return Poll::Ready(Err(error));
        }
        let former = state.waker.replace(waker);
        drop(state);
        drop(former);
        Poll::Pending
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("path", &self.path).finish_non_exhaustive()
    }
}
