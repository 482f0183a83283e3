//! Shows that idle means idle: two connected processes with nothing to say, and the processor time that they use.
//!
//! ```text
//! cargo run -p mage-tests --bin idle -- [SECONDS]
//! ```
//!
//! For each executor it connects a parent and a child, has them talk once, leaves them alone for ten seconds (unless told
//! otherwise), and prints the clock ticks that `/proc/<pid>/stat` counted for both meanwhile. Fails when there are any.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use mage::{Invitation, MessagePipe, Node, Worker, worker};
use mage_tests::children::{Executor, Running};

fn main() -> ExitCode {
    if let Some(executor) = worker::entry() {
        let running = executor.parse::<Executor>().expect("an executor").start();
        echo(&running, &running.node());
        return ExitCode::SUCCESS;
    }
    let seconds = std::env::args().nth(1).map_or(10, |text| text.parse().expect("a number of seconds"));
    let used: u64 =
        [Executor::Threads, Executor::Tokio, Executor::Smol].map(|executor| measure(executor, seconds)).iter().sum();
    if used == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn echo(running: &Running, node: &Node) {
    running.run(async {
        let pipe = Invitation::inherited().expect("an invitation").accept(node).await.expect("a pipe");
        while let Ok(message) = pipe.receive().await {
            pipe.send(message).expect("room");
        }
    });
}

fn measure(executor: Executor, seconds: u64) -> u64 {
    let running = executor.start();
    let node = running.node();
    let mut worker = Worker::reexec(&executor.to_string()).spawn(&node).expect("a child");
    let pipe = worker.take_pipe().expect("a pipe");
    running.run(talk(&pipe));
    let before = ticks(std::process::id()) + ticks(worker.id());
    // Not to wait for anything: doing nothing is what is measured.
    thread::sleep(Duration::from_secs(seconds));
    let used = ticks(std::process::id()) + ticks(worker.id()) - before;
    println!("{executor}: {used} clock ticks of both processes in {seconds} s");
    running.run(talk(&pipe));
    drop(pipe);
    running.run(worker.wait()).expect("a status");
    used
}

async fn talk(pipe: &MessagePipe) {
    pipe.send(&b"still there?"[..]).expect("room");
    pipe.receive().await.expect("an answer");
}

/// User and system time of a process so far, in clock ticks.
fn ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("a process");
    let fields = stat.rsplit(')').next().expect("fields").split_whitespace();
    fields.skip(11).take(2).map(|field| field.parse::<u64>().expect("a number")).sum()
}
