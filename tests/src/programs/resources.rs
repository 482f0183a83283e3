//! What is left behind when processes come and go: nothing.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::task::Poll;
use std::time::{Duration, Instant};

use mage::Worker;
use mage::pipe::Message;

use super::{Stage, receive, send, succeeded};

/// What this process has open, by number and what it is.
fn descriptors() -> BTreeSet<(String, String)> {
    let entries = fs::read_dir("/proc/self/fd").expect("a list of descriptors");
    entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let target = fs::read_link(&path).ok()?;
            Some((path.file_name()?.to_string_lossy().into_owned(), target.to_string_lossy().into_owned()))
        })
        // The one that reads the list itself.
        .filter(|(_, target)| !target.ends_with("/fd"))
        .collect()
}

/// The numbers of this process's children, ended ones included, from the system's process table.
fn children() -> Vec<String> {
    let this = std::process::id().to_string();
    let processes = fs::read_dir("/proc").expect("a list of processes");
    processes
        .filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("stat")).ok())
        .filter(|stat| stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)) == Some(&this))
        .collect()
}

/// Gives other threads and tasks their turn until `left` says that nothing is left; fails when there still is something
/// after a time that no healthy run needs.
async fn eventually<T: std::fmt::Debug>(what: &str, mut left: impl FnMut() -> Vec<T>) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let left = left();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: {left:?}");
        std::thread::yield_now();
        let mut yielded = false;
        std::future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

pub(super) mod no_descriptor_and_no_zombie_remains {
    use super::*;

    async fn round(stage: &Stage) {
        let (worker, pipe) = stage.start("echo");
        let (victim, to_victim) = stage.start("echo");
        let (kept, travels) = stage.node.create_pipe();
        let handle = fs::File::open("/dev/null").expect("a file");
        send(&pipe, Message { pipes: vec![travels], handles: vec![handle.into()], ..Message::default() }).await;
        let back = receive(&pipe).await;
        assert_eq!((back.pipes.len(), back.handles.len()), (1, 1));
        // Some are on their way when their receiver dies.
        let handle = fs::File::open("/dev/null").expect("a file");
        send(&to_victim, Message { pipes: back.pipes, handles: vec![handle.into()], ..Message::default() }).await;
        victim.kill().expect("a process to kill");
        victim.wait().await.expect("a status");
        to_victim.closed().await;
        drop((pipe, kept));
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn parent(stage: &Stage) {
        // What a first round opens for good: descriptors of the executor and of the adapter.
        let before = descriptors();
        round(stage).await;
        eventually("children", children).await;
        let kept = settled().await.difference(&before).count();
        for _ in 0..10 {
            round(stage).await;
        }
        eventually("descriptors", || {
            let new: Vec<_> = descriptors().difference(&before).cloned().collect();
            if new.len() <= kept { Vec::new() } else { new }
        })
        .await;
        eventually("children", children).await;
    }

    /// The descriptors that are open when nothing is being closed any more.
    async fn settled() -> BTreeSet<(String, String)> {
        let mut last = descriptors();
        let mut same = 0;
        eventually("descriptors that come and go", || {
            let now = descriptors();
            let changed: Vec<_> = now.symmetric_difference(&last).cloned().collect();
            same = if changed.is_empty() { same + 1 } else { 0 };
            last = now;
            if same > 50 { Vec::new() } else { vec![changed] }
        })
        .await;
        last
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let pipe = stage.join().await;
        while let Ok(message) = pipe.receive().await {
            send(&pipe, message).await;
        }
    }
}

pub(super) mod a_worker_that_is_dropped_is_reaped {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        // One ends by itself after it was dropped, one is killed by being dropped.
        drop(Worker::command("true").spawn(&stage.node).expect("a process"));
        drop(Worker::command("sleep").arg("1000").kill_on_drop(true).spawn(&stage.node).expect("a process"));
        eventually("children", children).await;
    }

    pub(in crate::programs) async fn child(_stage: &Stage, _part: &str) {}
}

pub(super) mod a_grandchild_inherits_no_socket {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("lists");
        let listed = receive(&pipe).await;
        let listed = String::from_utf8_lossy(&listed.payload);
        assert!(listed.contains("/dev/null"), "{listed}");
        assert!(!listed.contains("socket:"), "{listed}");
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let pipe = stage.join().await;
        let list = Command::new("ls").args(["-l", "/proc/self/fd"]).stderr(Stdio::null()).output().expect("a list");
        send(&pipe, &list.stdout[..]).await;
    }
}

pub(super) mod a_process_without_descriptors_loses_one_pipe_only {
    use mage::pipe::{CloseReason, Loss};
    use rustix::process::{Resource, Rlimit, setrlimit};

    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let mut worker = stage.child("has no descriptors").pipes(2).spawn(&stage.node).expect("a child");
        let (takes_handle, lives_on) = (worker.take_pipe().expect("a pipe"), worker.take_pipe().expect("a pipe"));
        receive(&lives_on).await;
        let handle = fs::File::open("/dev/null").expect("a file");
        send(&takes_handle, Message { handles: vec![handle.into()], ..Message::default() }).await;
        send(&lives_on, &b"still there?"[..]).await;
        assert_eq!(*receive(&lives_on).await.payload, *b"still there");
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let accepting = mage::Invitation::inherited().expect("an invitation").accept(&stage.node);
        let [takes_handle, lives_on] = <[_; 2]>::try_from(accepting.all().await.expect("pipes")).expect("two pipes");
        setrlimit(Resource::Nofile, Rlimit { current: Some(200), maximum: Some(200) }).expect("a lower limit");
        let mut all = Vec::new();
        while let Ok(file) = fs::File::open("/dev/null") {
            all.push(file);
        }
        send(&lives_on, &b"none is left"[..]).await;
        assert_eq!(*receive(&lives_on).await.payload, *b"still there?");
        assert_eq!(takes_handle.receive().await.expect_err("no message"), CloseReason::Lost(Loss::Exhausted));
        send(&lives_on, &b"still there"[..]).await;
    }
}

pub(super) mod handles_beside_a_ring_that_find_no_room_lose_their_pipes_only {
    use mage::MessagePipe;
    use mage::pipe::{CloseReason, Loss};
    use rustix::process::{Resource, Rlimit, setrlimit};

    use super::*;

    /// So many exchanges make a link busy for certain.
    const BUSY: usize = 50;

    /// Some handles, and which message it is.
    fn with_handles(count: usize) -> Message {
        let handles = (0..count).map(|_| fs::File::open("/dev/null").expect("a file").into()).collect();
        Message { handles, ..Message::from(&b"with handles"[..]) }
    }

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let mut worker = stage.child("has no descriptors").pipes(4).spawn(&stage.node).expect("a child");
        let mut pipe = || worker.take_pipe().expect("a pipe");
        let (lives_on, none, some, all) = (pipe(), pipe(), pipe(), pipe());
        for _ in 0..BUSY {
            send(&lives_on, &b"ping"[..]).await;
            receive(&lives_on).await;
        }
        receive(&lives_on).await;
        send(&none, with_handles(2)).await;
        ask(&lives_on).await;
        send(&some, with_handles(3)).await;
        ask(&lives_on).await;
        send(&all, with_handles(3)).await;
        ask(&lives_on).await;
        succeeded(worker).await;
    }

    async fn ask(pipe: &MessagePipe) {
        send(pipe, &b"still there?"[..]).await;
        assert_eq!(*receive(pipe).await.payload, *b"still there");
    }

    async fn answer(pipe: &MessagePipe) {
        assert_eq!(*receive(pipe).await.payload, *b"still there?");
        send(pipe, &b"still there"[..]).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let accepting = mage::Invitation::inherited().expect("an invitation").accept(&stage.node);
        let pipes = <[_; 4]>::try_from(accepting.all().await.expect("pipes")).expect("four pipes");
        let [lives_on, none, some, all] = pipes;
        for _ in 0..BUSY {
            receive(&lives_on).await;
            send(&lives_on, &b"pong"[..]).await;
        }
        let mapped = fs::read_to_string("/proc/self/maps").expect("a list of what is mapped");
        assert!(mapped.contains("mage-ring"), "{mapped}");
        setrlimit(Resource::Nofile, Rlimit { current: Some(200), maximum: Some(200) }).expect("a lower limit");
        let mut files = Vec::new();
        while let Ok(file) = fs::File::open("/dev/null") {
            files.push(file);
        }
        send(&lives_on, &b"none is left"[..]).await;
        assert_eq!(none.receive().await.expect_err("no message"), CloseReason::Lost(Loss::Exhausted));
        // Room for one of three.
        drop(files.pop());
        answer(&lives_on).await;
        assert_eq!(some.receive().await.expect_err("no message"), CloseReason::Lost(Loss::Exhausted));
        drop(files);
        answer(&lives_on).await;
        let message = receive(&all).await;
        assert_eq!((&message.payload[..], message.handles.len()), (&b"with handles"[..], 3));
        answer(&lives_on).await;
    }
}
