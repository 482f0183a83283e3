//! Real processes: this executable again, pinned, with one end of a socket pair as its standard input.
//!
//! ```text
//!   orchestrator ──▶ client (measures, prints its outcome) ──▶ server, or several (print what they allocated)
//! ```

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::measure::{Effort, Gauge, Sample, allocations};
use crate::workload::{Placement, Workload};

/// How long a run may take before it counts as hanging.
const LONGEST: Duration = Duration::from_secs(8);
/// The same for one that is watched by another program, which is a hundred times slower.
const LONGEST_LONG: Duration = Duration::from_secs(60);
const LONGEST_WATCHED: Duration = Duration::from_secs(15);

/// The hidden command that runs a [`Job`].
pub(crate) const COMMAND: &str = "run-job";

/// One run of one implementation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) implementation: String,
    pub(crate) workload: Workload,
    pub(crate) placement: Placement,
    /// The first and the last that may be used. (A process that is started by a pinned one cannot find out.)
    pub(crate) cores: [usize; 2],
    /// How long it is measured, in milliseconds.
    pub(crate) milliseconds: u64,
    /// Or how many operations are done, for counting.
    pub(crate) operations: Option<u64>,
    pub(crate) role: Role,
    /// What a server has to know besides.
    #[serde(default)]
    pub(crate) argument: String,
}

/// Which of the processes of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// The one that measures.
    Client,
    /// The others, from zero.
    Server(u32),
}

impl Job {
    pub(crate) fn effort(&self) -> Effort {
        match self.operations {
            Some(count) => Effort::Operations(count),
            None => Effort::Time(Duration::from_millis(self.milliseconds)),
        }
    }

    /// A gauge over this process and `servers`.
    pub(crate) fn gauge(&self, servers: &[&Server]) -> Result<Gauge> {
        let ids = servers.iter().map(|server| i32::try_from(server.child.id())).collect::<Result<_, _>>()?;
        Ok(Gauge::new(self.effort(), ids))
    }

    /// Puts this process where it belongs. A process whose threads are measured keeps all cores.
    pub(crate) fn settle(&self) -> Result<()> {
        if self.operations.is_some() {
            allocations::start();
        }
        let [first, last] = self.cores;
        let core = match (self.workload, self.placement, self.role) {
            (Workload::ThreadsCall | Workload::ThreadsOneWay, _, _) => return Ok(()),
            (_, Placement::Same, _) | (_, Placement::Split, Role::Client) => last,
            (_, Placement::Split, Role::Server(number)) => {
                if number % 2 == 0 {
                    first
                } else {
                    last
                }
            }
        };
        let mut set = CpuSet::new();
        set.set(core);
        Ok(sched_setaffinity(None, &set)?)
    }
}

/// The first and the last core that this process may use.
pub(crate) fn cores() -> Result<[usize; 2]> {
    let set = sched_getaffinity(None)?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core));
    let first = cores.next().context("no core")?;
    Ok([first, cores.next_back().unwrap_or(first)])
}

/// A command that runs `job` in this executable.
pub(crate) fn command(job: &Job) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(COMMAND).arg(serde_json::to_string(job)?).stdout(Stdio::piped());
    Ok(command)
}

/// Runs a client and returns what it found. `through`: what to start it with, as `perf` or `strace`.
pub(crate) fn run(job: &Job, through: &[&str]) -> Result<Sample> {
    let mut direct = command(job)?;
    let mut child = match through.split_first() {
        None => direct.stdin(Stdio::null()).process_group(0).spawn()?,
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(direct.get_program()).args(direct.get_args());
            command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0).spawn()?
        }
    };
    let longest = match through {
        [] if job.workload.is_long() => LONGEST_LONG,
        [] => LONGEST,
        [..] => LONGEST_WATCHED,
    };
    limited(&mut child, longest, read_outcome)?
}

/// Ends a process that takes longer than any run should, so that one that hangs fails its own cell only.
fn limited<T>(child: &mut Child, longest: Duration, work: impl FnOnce(&mut Child) -> T) -> Result<T> {
    let process = Pid::from_child(child);
    let (done, ended) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let watchdog = scope.spawn(move || {
            let late = ended.recv_timeout(longest) == Err(RecvTimeoutError::Timeout);
            if late {
                // With its servers, which would keep its output open. It fails only when all have ended meanwhile.
                let _ = kill_process_group(process, Signal::KILL);
            }
            late
        });
        let result = work(child);
        drop(done);
        let late = watchdog.join().is_ok_and(|late| late);
        ensure!(!late, "it did not end within {longest:?}");
        Ok(result)
    })
}

fn read_outcome<T: DeserializeOwned>(child: &mut Child) -> Result<T> {
    let mut text = String::new();
    child.stdout.take().context("no standard output")?.read_to_string(&mut text)?;
    let status = child.wait()?;
    ensure!(status.success(), "a process ended with {status}");
    Ok(serde_json::from_str(&text)?)
}

/// A process that serves; killed when it is dropped unfinished.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts server `number` of `job` with `socket` as its standard input.
    pub(crate) fn start(job: &Job, number: u32, socket: OwnedFd, argument: &str) -> Result<Self> {
        let job = Job { role: Role::Server(number), argument: argument.to_owned(), ..job.clone() };
        Ok(Self { child: command(&job)?.stdin(socket).spawn()? })
    }

    /// The process id, as it is called in `/proc`.
    pub(crate) fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// Waits until the server has ended, which it does when its connection does, and adds what it allocated to `sample`.
    pub(crate) fn finish(mut self, mut sample: Sample) -> Result<Sample> {
        sample.allocations += read_outcome::<u64>(&mut self.child).context("server")?;
        Ok(sample)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when the process has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// This process's standard input, which is a socket.
pub(crate) fn inherited_socket() -> Result<OwnedFd> {
    let socket = std::io::stdin().as_fd().try_clone_to_owned()?;
    if rustix::net::sockopt::socket_type(&socket).is_err() {
        bail!("standard input is no socket");
    }
    Ok(socket)
}
