//! Workers: processes that this one starts and invites.
//!
//! ```text
//!   Worker::reexec("network").spawn(&node)          fn main() {
//!        │ this executable again, invited               if mage::worker::entry().as_deref() == Some("network") {
//!        ▼                                                  let node = Node::new(adapter)?;
//!   Worker { pipes, usable at once }   ◀── link ──▶         let pipe = Invitation::inherited()?.accept(&node).wait()?;
//!        ready · wait · kill
//! ```
//!
//! What must hold: a worker that ends is reaped, whether or not anybody waits for it; no descriptor of one worker reaches
//! another; what goes wrong on the worker's side before it joined is an error of [`ready`](Worker::ready), not a hang.

mod exit;

use std::ffi::OsStr;
use std::future::{Future, poll_fn};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::pin::{Pin, pin};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use mage_proto::LinkId;

use crate::adapter::WouldDeadlock;
use crate::backend::Backend;
use crate::driver::{Driver, JoinFailed, LinkKind};
use crate::inherit::{ENTRY, INVITATION};
use crate::interface::Interface;
use crate::node::{InviteErrorKind, JoinError, Node, NodeName};
use crate::pipe::MessagePipe;
use crate::receiver::Receiver;
use crate::remote::Remote;
use crate::socket;
use crate::sync::Lock;

use exit::Exit;

pub use crate::inherit::{InheritError, Invitation, entry};

/// How long [`Worker::ready`] waits, unless the command says otherwise.
const PATIENCE: Duration = Duration::from_secs(30);
/// After a worker's connection ended, how long to wait for its exit status, which comes a moment later.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// A process that was started by this one and invited to its network.
///
/// Dropping it closes the first pipes that nobody took. The process itself is left alone: it sees its pipes close and
/// ends when it likes, and is reaped then. [`WorkerCommand::kill_on_drop`] kills it instead.
pub struct Worker {
    process: Arc<Exit>,
    driver: Arc<Driver>,
    link: LinkId,
    /// What came of the invitation, once that is known.
    joined: Lock<Option<Result<NodeName, JoinFailed>>>,
    pipes: std::vec::IntoIter<MessagePipe>,
    patience: Duration,
    kill_on_drop: bool,
}

/// How a worker is to be started.
#[derive(Debug)]
pub struct WorkerCommand {
    command: Command,
    pipes: u16,
    patience: Duration,
    kill_on_drop: bool,
}

/// Why a worker was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// No pair of sockets could be made.
    #[error("no socket could be made for the worker")]
    Socket(#[source] io::Error),
    /// The node invites nobody.
    #[error("the worker cannot be invited: {0}")]
    Invite(#[source] InviteErrorKind),
    /// The program could not be started.
    #[error("{program} could not be started")]
    Start {
        /// The program.
        program: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The process runs, but its end could not be watched for; it was killed.
    #[error("the worker could not be watched")]
    Watch(#[source] io::Error),
}

/// Why a worker did not become ready.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadyError {
    /// The process ended before it joined.
    #[error("the worker ended before it accepted its invitation: {0}")]
    Exited(ExitStatus),
    /// The process runs, but did not join.
    #[error("the worker did not join: {0}")]
    Join(#[source] JoinError),
    /// The process runs, and did not join in time.
    #[error("the worker did not join within {0:?}")]
    TimedOut(Duration),
    /// This node was closed first.
    #[error("the node is shut down")]
    ShutDown,
    /// This thread must not wait.
    #[error(transparent)]
    WouldDeadlock(#[from] WouldDeadlock),
}

impl Worker {
    /// Starts this executable again. The new process finds out who it is with [`entry`], which returns `name` there.
    #[must_use]
    pub fn reexec(name: &str) -> WorkerCommand {
        // The link, not the path behind it: it leads to the running file even when that was replaced or removed.
        let mut worker = Self::command("/proc/self/exe");
        if let Some(program) = std::env::args_os().next() {
            worker.command.arg0(program);
        }
        worker.command.env(ENTRY, name);
        worker
    }

    /// Starts the program at `path`, or found under that name in `PATH`.
    #[must_use]
    pub fn command(path: impl AsRef<OsStr>) -> WorkerCommand {
        let mut command = Command::new(path);
        command.env_remove(ENTRY);
        WorkerCommand { command, pipes: 1, patience: PATIENCE, kill_on_drop: false }
    }

    /// The operating system's number of the process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Takes the next of the first pipes to the worker, in the order in which the worker finds them; `None` when all
    /// were taken.
    pub fn take_pipe(&mut self) -> Option<MessagePipe> {
        self.pipes.next()
    }

    /// Takes the next of the first pipes and binds it, to call an object that the worker serves.
    ///
    /// # Panics
    ///
    /// When all first pipes were taken: [`WorkerCommand::pipes`] asks for more than one.
    pub fn remote<I: Interface>(&mut self) -> Remote<I> {
        Remote::bind(self.next_pipe())
    }

    /// Takes the next of the first pipes and binds it, to serve the worker.
    ///
    /// # Panics
    ///
    /// When all first pipes were taken: [`WorkerCommand::pipes`] asks for more than one.
    pub fn receiver<I: Interface>(&mut self) -> Receiver<I> {
        Receiver::bind(self.next_pipe())
    }

    fn next_pipe(&mut self) -> MessagePipe {
        self.pipes.next().expect("a first pipe that was not taken yet")
    }

    /// Waits until the worker has accepted its invitation, and returns the name of its node.
    ///
    /// # Errors
    ///
    /// Why it will not, or did not in the time that [`WorkerCommand::ready_within`] gave it.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and asked again.
    pub async fn ready(&self) -> Result<NodeName, ReadyError> {
        let mut timer = self.driver.sleep_until(Instant::now() + self.patience);
        let joined = poll_fn(|cx| match self.poll_joined(cx) {
            Poll::Ready(joined) => Poll::Ready(Some(joined)),
            Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
        })
        .await;
        match joined {
            Some(Ok(node)) => Ok(node),
            Some(Err(JoinFailed::Join(reason))) => Err(self.explain(reason).await),
            Some(Err(JoinFailed::NodeClosed)) => Err(ReadyError::ShutDown),
            None => Err(ReadyError::TimedOut(self.patience)),
        }
    }

    /// [Waits](Self::ready) on this thread.
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready); [`ReadyError::WouldDeadlock`] where this thread must not wait.
    pub fn ready_blocking(&self) -> Result<NodeName, ReadyError> {
        self.block_on(self.ready())?
    }

    /// Waits until the process has ended.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    ///
    /// # Cancel safety
    ///
    /// May be dropped and asked again.
    pub async fn wait(&self) -> io::Result<ExitStatus> {
        poll_fn(|cx| self.process.poll(cx.waker())).await
    }

    /// [Waits](Self::wait) on this thread.
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait); [`io::ErrorKind::Deadlock`] where this thread must not wait.
    pub fn wait_blocking(&self) -> io::Result<ExitStatus> {
        self.block_on(self.wait()).map_err(|error| io::Error::new(io::ErrorKind::Deadlock, error))?
    }

    /// Kills the process, if it still runs. It is to be [waited](Self::wait) for as any other.
    ///
    /// # Errors
    ///
    /// What the operating system says.
    pub fn kill(&self) -> io::Result<()> {
        self.process.kill()
    }

    fn poll_joined(&self, cx: &mut Context<'_>) -> Poll<Result<NodeName, JoinFailed>> {
        if let Some(joined) = *self.joined.lock() {
            return Poll::Ready(joined);
        }
        let Poll::Ready(joined) = self.driver.poll_joined(self.link, cx.waker()) else { return Poll::Pending };
        let joined = joined.and_then(|joined| joined.node.ok_or(JoinFailed::NodeClosed));
        // Who came in between has the true outcome: a join's is given once.
        Poll::Ready(*self.joined.lock().get_or_insert(joined))
    }

    /// A connection that ended means most often that the process did, which says more.
    async fn explain(&self, reason: JoinError) -> ReadyError {
        let mut timer = self.driver.sleep_until(Instant::now() + LAST_MOMENT);
        let exited = poll_fn(|cx| match self.process.poll(cx.waker()) {
            Poll::Ready(status) => Poll::Ready(status.ok()),
            Poll::Pending => timer.as_mut().poll(cx).map(|()| None),
        })
        .await;
        exited.map_or(ReadyError::Join(reason), ReadyError::Exited)
    }

    fn block_on<T>(&self, future: impl Future<Output = T>) -> Result<T, WouldDeadlock> {
        let mut output = None;
        {
            let future = pin!(async { output = Some(future.await) });
            self.driver.block_on(future as Pin<&mut dyn Future<Output = ()>>)?;
        }
        output.ok_or(WouldDeadlock)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.driver.forget_join(self.link);
        if self.kill_on_drop {
            // A process that has ended already cannot be killed, and need not be.
            let _ = self.process.kill();
        }
    }
}

impl WorkerCommand {
    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable of the worker's environment, which otherwise is this process's.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Takes a variable away from the worker's environment.
    #[must_use]
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Starts the worker in another directory.
    #[must_use]
    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Where the worker's standard output goes; otherwise where this process's goes.
    #[must_use]
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    /// Where the worker's standard error goes; otherwise where this process's goes.
    #[must_use]
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.command.stderr(stderr);
        self
    }

    /// How many first pipes lead to the worker [1, at most 128].
    #[must_use]
    pub fn pipes(mut self, count: u16) -> Self {
        self.pipes = count;
        self
    }

    /// How long [`Worker::ready`] waits [30 seconds].
    #[must_use]
    pub fn ready_within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Whether dropping the [`Worker`] kills the process (default: no).
    #[must_use]
    pub fn kill_on_drop(mut self, kill: bool) -> Self {
        self.kill_on_drop = kill;
        self
    }

    /// Starts the process and invites it to the network of `node`.
    ///
    /// # Errors
    ///
    /// Why it does not run; nothing of it remains.
    pub fn spawn(mut self, node: &Node) -> Result<Worker, SpawnError> {
        let (ours, theirs) = socket::pair().map_err(SpawnError::Socket)?;
        let invited = node.begin_invite(ours, self.pipes, LinkKind::Network);
        let (link, pipes) = invited.map_err(|error| SpawnError::Invite(error.kind))?;
        let driver = Arc::clone(node.driver());
        self.command.env(INVITATION, "0").stdin(theirs);
        let started = self.command.spawn().map_err(|source| {
            let program = self.command.get_program().to_string_lossy().into_owned();
            SpawnError::Start { program, source }
        });
        // The command holds this process's copy of the worker's end: without it, the link ends when the worker does.
        drop(self.command);
        let process = started
            .and_then(|child| Exit::watch(child, driver.adapter()).map_err(SpawnError::Watch))
            .inspect_err(|_| driver.forget_join(link))?;
        Ok(Worker {
            process,
            driver,
            link,
            joined: Lock::new(None),
            pipes: pipes.into_iter(),
            patience: self.patience,
            kill_on_drop: self.kill_on_drop,
        })
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("id", &self.id()).field("pipes", &self.pipes.len()).finish_non_exhaustive()
    }
}
