//! How processes end, and what the others see of it.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use mage::pipe::{CloseReason, Loss, Message};
use mage::worker::{InheritError, Invitation, ReadyError, SpawnError};
use mage::{MessagePipe, Worker};

use super::{Stage, ended, patterned, receive, send, succeeded};

/// The number of SIGKILL.
const KILL: i32 = 9;

/// Sends back what comes.
async fn echo(pipe: &MessagePipe) {
    while let Ok(message) = pipe.receive().await {
        send(pipe, message).await;
    }
}

pub(super) mod a_killed_child_loses_its_pipes_and_nothing_else {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (victim, to_victim) = stage.start("echo");
        let (witness, to_witness) = stage.start("echo");
        let (kept, travels) = stage.node.create_pipe();
        send(&to_victim, Message { pipes: vec![travels], ..Message::default() }).await;
        let travels = receive(&to_victim).await.pipes.pop().expect("the pipe");
        send(&to_victim, Message { pipes: vec![travels], ..Message::default() }).await;
        send(&to_witness, &b"before"[..]).await;
        receive(&to_witness).await;

        victim.kill().expect("a process to kill");
        let status = victim.wait().await.expect("a status");
        assert_eq!(status.signal(), Some(KILL));
        // It may have sent the pipe back in its last moment.
        while to_victim.receive().await.is_ok() {}
        assert_eq!(to_victim.closed().await, CloseReason::Lost(Loss::Node));
        let told = kept.closed().await;
        assert!(matches!(told, CloseReason::Lost(Loss::Node) | CloseReason::Closed { .. }), "{told}");

        send(&to_witness, &b"after"[..]).await;
        assert_eq!(*receive(&to_witness).await.payload, *b"after");
        drop(to_witness);
        succeeded(witness).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        echo(&stage.join().await).await;
    }
}

pub(super) mod what_a_child_sent_before_it_left_arrives {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("leaves");
        // It is gone before anything is read.
        succeeded(worker).await;
        for number in 0..800_u32 {
            assert_eq!(*receive(&pipe).await.payload, number.to_le_bytes());
        }
        assert_eq!(ended(&pipe).await, CloseReason::closed(3, "that was all"));
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let pipe = stage.join().await;
        for number in 0..800_u32 {
            send(&pipe, &number.to_le_bytes()[..]).await;
        }
        pipe.close(3, "that was all");
    }
}

pub(super) mod a_child_that_writes_garbage_is_cut_off {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (witness, to_witness) = stage.start("echo");
        for part in ["noise", "half a frame", "silence"] {
            let (worker, pipe) = stage.start(part);
            assert_eq!(ended(&pipe).await, CloseReason::Lost(Loss::Node), "{part}");
            let refused = worker.ready().await.expect_err("nobody joined");
            assert!(matches!(refused, ReadyError::Exited(_) | ReadyError::Join(_)), "{part}: {refused}");
            succeeded(worker).await;
        }
        send(&to_witness, &b"unharmed"[..]).await;
        assert_eq!(*receive(&to_witness).await.payload, *b"unharmed");
        drop(to_witness);
        succeeded(witness).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, part: &str) {
        if part == "echo" {
            return echo(&stage.join().await).await;
        }
        let socket = UnixStream::from(Invitation::inherited().expect("an invitation").into_socket());
        socket.set_nonblocking(false).expect("a socket that waits");
        let mut socket = socket;
        match part {
            "noise" => {
                socket.write_all(&patterned(100_000)).unwrap_or_default();
                // Cut off: the end comes, although nothing that was said made sense.
                let _ = socket.read_to_end(&mut Vec::new());
            }
            "half a frame" => socket.write_all(&[200, 0, 0, 0, 1]).expect("a reader"),
            _ => {}
        }
    }
}

pub(super) mod a_child_that_dies_before_it_joins_is_reported {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let worker = Worker::command("false").spawn(&stage.node).expect("a process");
        match worker.ready().await {
            Err(ReadyError::Exited(status)) => assert_eq!(status.code(), Some(1)),
            other => panic!("{other:?}"),
        }
        let missing = Worker::command("/there is no such program").spawn(&stage.node).expect_err("no process");
        assert!(matches!(missing, SpawnError::Start { .. }), "{missing}");

        let patience = Duration::from_millis(1);
        let stranger = Worker::command("sleep").arg("1000").ready_within(patience).kill_on_drop(true);
        let mut stranger = stranger.spawn(&stage.node).expect("a process");
        let pipe = stranger.take_pipe().expect("a pipe");
        assert!(matches!(stranger.ready().await, Err(ReadyError::TimedOut(waited)) if waited == patience));
        stranger.kill().expect("a process to kill");
        assert_eq!(stranger.wait().await.expect("a status").signal(), Some(KILL));
        assert_eq!(ended(&pipe).await, CloseReason::Lost(Loss::Node));
        assert!(stranger.take_pipe().is_none());
    }

    pub(in crate::programs) async fn child(_stage: &Stage, _part: &str) {}
}

pub(super) mod a_killed_parent_is_noticed {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        // A child that has a child: killing the first must end the second.
        let (middle, pipe) = stage.start("middle");
        let (kept, travels) = stage.node.create_pipe();
        send(&pipe, Message { pipes: vec![travels], ..Message::default() }).await;
        assert_eq!(*receive(&kept).await.payload, *b"the grandchild lives");
        // The route led through the child in the middle. What comes back now has taken the direct one both ways.
        send(&kept, &b"ping"[..]).await;
        assert_eq!(*receive(&kept).await.payload, *b"ping");
        middle.kill().expect("a process to kill");
        middle.wait().await.expect("a status");
        // The grandchild holds the other end, and says why it goes.
        assert_eq!(*receive(&kept).await.payload, *b"my parent is gone");
    }

    pub(in crate::programs) async fn child(stage: &Stage, part: &str) {
        let pipe = stage.join().await;
        if part == "middle" {
            let (worker, to_grandchild) = stage.start("grandchild");
            send(&to_grandchild, receive(&pipe).await).await;
            worker.wait().await.expect("a status");
            return;
        }
        let to_grandparent = receive(&pipe).await.pipes.pop().expect("a pipe");
        send(&to_grandparent, &b"the grandchild lives"[..]).await;
        send(&to_grandparent, receive(&to_grandparent).await).await;
        assert_eq!(ended(&pipe).await, CloseReason::Lost(Loss::Node));
        send(&to_grandparent, &b"my parent is gone"[..]).await;
    }
}

pub(super) mod an_invitation_is_adopted_once {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        assert!(matches!(Invitation::inherited(), Err(InheritError::NotAWorker)));
        assert_eq!(mage::worker::entry(), None);
        let (worker, pipe) = stage.start("adopts");
        assert_eq!(*receive(&pipe).await.payload, *b"once");
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let pipe = stage.join().await;
        assert!(matches!(Invitation::inherited(), Err(InheritError::AlreadyAdopted)));
        let mut nothing = Vec::new();
        std::io::stdin().read_to_end(&mut nothing).expect("an empty standard input");
        assert!(nothing.is_empty());
        send(&pipe, &b"once"[..]).await;
    }
}
