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
mod ends;
mod inviting;
mod order;
mod resources;
mod threads;
mod typed;

mage::include_magen!("scenarios");

use std::fs::File;
use std::future::Future;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use mage::pipe::{CloseReason, Message, SendErrorKind};
use mage::{Invitation, MessagePipe, Node, Receiver, Worker, worker::WorkerCommand};

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

/// The end of a child that was not invited, to be waited for.
#[derive(Debug)]
pub struct Ended(smol::channel::Receiver<std::process::ExitStatus>);

impl Ended {
    /// Waits until the child has ended as it should.
    async fn succeeded(self) {
        let status = self.0.recv().await.expect("a status");
        assert!(status.success(), "a child failed: {status}");
    }
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
    inviting {
        the_parent_invites_and_calls
        the_parent_invites_and_serves
        the_parent_accepts_and_serves
        the_parent_accepts_and_calls
        an_acceptance_waits_for_its_inviter
        a_receiver_is_bound_after_what_was_sent
        a_callback_gets_the_accepted_pipe
        many_threads_invite_at_once
    }
    ends {
        an_end_sent_over_the_first_pipe_brings_its_queue
        an_end_sent_over_any_pipe_brings_its_queue
        an_end_inside_a_queued_end_brings_its_queue
        the_invitee_gets_ends_that_were_queued
        an_end_received_from_a_remote_is_used
        the_first_pipe_is_sent_back
        a_child_passes_a_remote_and_a_receiver
        passed_ends_carry_further_ends
        an_end_crosses_ten_times
        an_end_with_an_end_in_its_queue_crosses_ten_times
        an_end_reaches_a_bound_receiver
    }
    order {
        one_pipe_keeps_its_order_and_two_need_not
        an_end_that_travels_keeps_its_order_and_no_other
        the_first_pipe_and_a_second_need_not_agree
        messages_queue_in_one_process_before_a_receiver_is_bound
        messages_flow_in_one_process_after_a_receiver_is_bound
    }
    threads {
        a_receiver_serves_on_another_thread
        a_remote_is_shared_by_threads_of_one_process
        a_remote_to_another_process_is_shared_by_threads
        pipes_are_made_on_any_thread
    }
    typed {
        a_message_to_a_receiver_that_is_gone_is_dropped
        ends_of_different_interfaces_do_not_meet
        a_call_is_answered_by_another_process
        a_shared_buffer_is_read_where_it_lies
        a_node_that_is_never_used_leaves_nothing
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
        a_process_without_descriptors_loses_one_pipe_only
        handles_beside_a_ring_that_find_no_room_lose_their_pipes_only
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

    /// Starts a child that invites this process, over the socket that is returned.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start_inviter(&self, part: &str) -> (Ended, UnixStream) {
        let (ours, theirs) = UnixStream::pair().expect("sockets");
        let mut command = Command::new(this_program());
        command.args(["child", &self.executor.to_string(), self.program, part]);
        command.env("MAGE_INVITATION", "0").stdin(OwnedFd::from(theirs));
        let mut child = command.spawn().expect("a child");
        let (report, ended) = smol::channel::bounded(1);
        std::thread::spawn(move || report.send_blocking(child.wait().expect("a status")));
        (Ended(ended), ours)
    }

    /// Invites the parent, in a child that was started to do that.
    ///
    /// # Panics
    ///
    /// When there is no socket to invite over.
    pub fn invite_parent(&self) -> MessagePipe {
        let socket = Invitation::inherited().expect("a socket").into_socket();
        self.node.invite(socket).expect("an invitation")
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

/// Waits for the next thing that is said.
async fn said(words: &mut Receiver<Words>) -> String {
    match words.next().await {
        Some(WordsRequest::Say { text }) => text,
        other => panic!("{other:?}"),
    }
}

/// Waits for the next number.
async fn counted(words: &mut Receiver<Words>) -> i32 {
    match words.next().await {
        Some(WordsRequest::Count { number }) => number,
        other => panic!("{other:?}"),
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
