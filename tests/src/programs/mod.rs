//! Programs of two and more processes: what a parent does and what its children do, side by side.
//!
//! ```text
//!   processes.rs ──starts──▶ child parent <executor> <program> ──Worker──▶ child child <executor> <program> <part>
//!                            └ fails or hangs alone; may count its own descriptors and children
//! ```
//!
//! A program is a module with `async fn parent(stage)` and `async fn child(stage, pipe, part)`. Add its name to the list
//! below, and it runs on every executor, in the tests and in the command that repeats them.

mod bytes;
mod endings;
mod resources;

use std::fs::File;
use std::future::Future;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use mage::pipe::{CloseReason, Message, SendErrorKind};
use mage::{Invitation, MessagePipe, Node, Worker, worker::WorkerCommand};

use crate::children::{Executor, Running};

/// What one process of a program has.
#[derive(Debug)]
pub struct Stage {
    /// What everything runs on.
    pub executor: Executor,
    /// This process's node.
    pub node: Node,
    program: &'static str,
}

/// What one process does.
type Part<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// One program.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its name, a sentence.
    pub name: &'static str,
    parent: for<'a> fn(&'a Stage) -> Part<'a>,
    child: for<'a> fn(&'a Stage, &'a str) -> Part<'a>,
}

/// The list of programs: `file { programs }`, each a module in that file.
macro_rules! programs {
    ($($file:ident { $($name:ident)* })*) => {
        /// Every program.
        pub const PROGRAMS: &[Program] = &[$($(Program {
            name: stringify!($name),
            parent: |stage| Box::pin($file::$name::parent(stage)),
            child: |stage, part| Box::pin($file::$name::child(stage, part)),
        },)*)*];

        /// Calls `$each!` with the name of every program.
        #[macro_export]
        macro_rules! for_each_program {
            ($each:ident $executor:ident) => { $($($each! { $executor $name })*)* };
        }
    };
}

programs! {
    bytes {
        messages_of_every_size_pass
        a_slow_reader_bounds_what_is_under_way
        everything_sent_before_the_child_runs_arrives
        a_burst_that_nobody_follows_up_arrives
        a_handle_passes
        a_pipe_travels_and_its_messages_with_it
        two_children_talk_without_their_parent
    }
    endings {
        a_killed_child_loses_its_pipes_and_nothing_else
        what_a_child_sent_before_it_left_arrives
        a_child_that_writes_garbage_is_cut_off
        a_child_that_dies_before_it_joins_is_reported
        a_killed_parent_is_noticed
        an_invitation_is_adopted_once
    }
    resources {
        no_descriptor_and_no_zombie_remains
        a_worker_that_is_dropped_is_reaped
        a_grandchild_inherits_no_socket
    }
}

impl Stage {
    /// Prepares a child that plays `part` of the same program.
    ///
    /// # Panics
    ///
    /// When this executable has no path.
    pub fn child(&self, part: &str) -> WorkerCommand {
        Worker::command(this_program())
            .args(["child", &self.executor.to_string(), self.program, part])
            .kill_on_drop(true)
    }

    /// Starts a child with one pipe to it.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start(&self, part: &str) -> (Worker, MessagePipe) {
        let mut worker = self.child(part).spawn(&self.node).expect("a child");
        let pipe = worker.take_pipe().expect("a pipe");
        (worker, pipe)
    }

    /// Joins the parent.
    ///
    /// # Panics
    ///
    /// When there is no invitation.
    pub async fn join(&self) -> MessagePipe {
        Invitation::inherited().expect("an invitation").accept(&self.node).await.expect("a pipe")
    }
}

/// The executable that plays all parts.
///
/// # Panics
///
/// When this executable has no path.
pub fn this_program() -> PathBuf {
    let this = std::env::current_exe().expect("a path");
    let folder = this.parent().expect("a folder");
    // Tests lie one folder below the executables.
    let folder = if folder.ends_with("deps") { folder.parent().expect("a folder") } else { folder };
    folder.join("child")
}

/// Plays one part of a program in this process: `parent <executor> <program>` or `child <executor> <program> <part>`.
///
/// # Panics
///
/// When something in the program does not hold.
pub fn play(arguments: &[String]) -> ExitCode {
    let [role, executor, name, part @ ..] = arguments else {
        eprintln!("usage: child parent <executor> <program>");
        return ExitCode::from(2);
    };
    let Some(program) = PROGRAMS.iter().find(|program| program.name == name) else {
        eprintln!("no program is called {name}");
        return ExitCode::from(2);
    };
    let executor: Executor = executor.parse().expect("an executor");
    let running = executor.start();
    let stage = Stage { executor, node: running.node(), program: program.name };
    match role.as_str() {
        "parent" => running.run((program.parent)(&stage)),
        _ => running.run((program.child)(&stage, part.first().map_or("", String::as_str))),
    }
    leave(&running, &stage);
    ExitCode::SUCCESS
}

/// How long a program never takes.
const FOREVER: Duration = Duration::from_secs(120);

/// Runs a program on `executor` in processes of its own.
///
/// # Errors
///
/// How it failed, with what it said.
pub fn run(executor: Executor, name: &str) -> Result<(), String> {
    let mut command = Command::new(this_program());
    command.args(["parent", &executor.to_string(), name]).stdin(Stdio::null());
    // A file, not a pipe: nobody has to read it meanwhile, and no child that outlives its parent holds anybody up.
    let said = tempfile();
    let copy = || Stdio::from(said.try_clone().expect("a descriptor"));
    let mut parent = command.stdout(copy()).stderr(copy()).spawn().expect("the executable of the programs");
    let failure = match ended_within(&parent, FOREVER) {
        true => match parent.wait().expect("a status") {
            status if status.success() => return Ok(()),
            status => status.to_string(),
        },
        false => {
            drop((parent.kill(), parent.wait()));
            format!("still running after {FOREVER:?}")
        }
    };
    let mut text = String::new();
    (&said).seek(SeekFrom::Start(0)).and_then(|_| (&said).read_to_string(&mut text)).unwrap_or_default();
    Err(format!("{name} on {executor}: {failure}\n{text}"))
}

/// A file without a name.
fn tempfile() -> File {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    rustix::fs::memfd_create("said", flags).expect("memory").into()
}

/// Waits for a process, not longer than `patience`.
fn ended_within(process: &Child, patience: Duration) -> bool {
    let pid = rustix::process::Pid::from_child(process);
    let process = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).expect("a descriptor");
    let patience = rustix::event::Timespec::try_from(patience).expect("a time");
    let mut watched = [rustix::event::PollFd::new(&process, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut watched, Some(&patience)).expect("a poll") > 0
}

/// Takes leave so that everything sent arrives.
fn leave(running: &Running, stage: &Stage) {
    // A parent or child that was killed on purpose cannot confirm anything; there is nothing to wait for then.
    let deadline = Instant::now() + Duration::from_secs(20);
    running.run(stage.node.shutdown(deadline)).expect("an orderly end");
}

/// Receives one message.
async fn receive(pipe: &MessagePipe) -> Message {
    pipe.receive().await.expect("a message")
}

/// Waits for the end of a pipe that has nothing more to say.
async fn ended(pipe: &MessagePipe) -> CloseReason {
    pipe.receive().await.expect_err("the end of the pipe")
}

/// Sends, waiting for room.
async fn send(pipe: &MessagePipe, message: impl Into<Message>) {
    let mut message = message.into();
    while let Err((kind, back)) = pipe.send(message) {
        assert_eq!(kind, SendErrorKind::Full);
        message = back;
        std::future::poll_fn(|cx| pipe.poll_writable(cx)).await.expect("an open pipe");
    }
}

/// Waits until a child has ended as it should.
async fn succeeded(worker: Worker) {
    let status = worker.wait().await.expect("a status");
    assert!(status.success(), "a child failed: {status}");
}

/// Bytes that tell their place.
fn patterned(size: usize) -> Vec<u8> {
    (0..size).map(|place| (place % 251) as u8).collect()
}
