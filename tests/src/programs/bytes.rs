//! What passes between two processes: bytes of every size, handles, pipes.

use std::fs::File;
use std::io::{Read, Write};

use mage::pipe::{Message, Payload};

use super::{Stage, patterned, receive, send, succeeded};

const SIZES: [usize; 7] = [0, 1, 100, 64 << 10, (256 << 10) + 1, 1 << 20, 64 << 20];

pub(super) mod messages_of_every_size_pass {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("echo");
        for size in SIZES {
            let payload = patterned(size);
            send(&pipe, Message::from(Payload::from(payload.clone()))).await;
            assert!(*receive(&pipe).await.payload == *payload, "{size} bytes came back differently");
        }
        drop(pipe);
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let pipe = stage.join().await;
        while let Ok(message) = pipe.receive().await {
            send(&pipe, message).await;
        }
    }
}

pub(super) mod a_slow_reader_bounds_what_is_under_way {
    use super::*;

    const COUNT: u32 = 64;
    const SIZE: usize = 4 << 20;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let mut worker = stage.child("slow").pipes(2).spawn(&stage.node).expect("a child");
        let (data, pace) = (worker.take_pipe().expect("a pipe"), worker.take_pipe().expect("a pipe"));
        for number in 0..COUNT {
            let mut payload = patterned(SIZE);
            payload[..4].copy_from_slice(&number.to_le_bytes());
            send(&data, Message::from(Payload::from(payload))).await;
            // The reader takes nothing before it is told to, so the writer is ahead of it all the time.
            send(&pace, &b"next"[..]).await;
        }
        drop((data, pace));
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let accepting = mage::Invitation::inherited().expect("an invitation").accept(&stage.node);
        let [data, pace] = <[_; 2]>::try_from(accepting.all().await.expect("pipes")).expect("two pipes");
        for number in 0..COUNT {
            receive(&pace).await;
            let message = receive(&data).await;
            assert_eq!(message.payload.len(), SIZE);
            assert_eq!(message.payload[..4], number.to_le_bytes());
        }
        let peak = peak_memory();
        assert!(peak < 64 << 20, "{peak} bytes of memory for a window of one message");
    }

    fn peak_memory() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").expect("a status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        line.trim().trim_end_matches("kB").trim().parse::<usize>().expect("a number") << 10
    }
}

pub(super) mod everything_sent_before_the_child_runs_arrives {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("late");
        let (kept, travels) = stage.node.create_pipe();
        for number in 0..500_u32 {
            send(&kept, &number.to_le_bytes()[..]).await;
        }
        send(&pipe, Message { pipes: vec![travels], ..Message::default() }).await;
        for number in 500..1001_u32 {
            send(&kept, &number.to_le_bytes()[..]).await;
        }
        assert_eq!(*receive(&pipe).await.payload, *b"all there");
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let pipe = stage.join().await;
        let moved = receive(&pipe).await.pipes.pop().expect("a pipe");
        for number in 0..1001_u32 {
            assert_eq!(*receive(&moved).await.payload, number.to_le_bytes());
        }
        send(&pipe, &b"all there"[..]).await;
    }
}

pub(super) mod a_burst_that_nobody_follows_up_arrives {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("counting");
        receive(&pipe).await;
        // A thread of its own sends, and then does nothing that would move anything on.
        let sender = std::thread::spawn(move || {
            for number in 0..100_u32 {
                pipe.send(&number.to_le_bytes()[..]).expect("room");
            }
            pipe
        });
        let pipe = sender.join().expect("a sender");
        // Only the child's own end tells that all arrived: this side neither sends nor receives.
        succeeded(worker).await;
        drop(pipe);
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let pipe = stage.join().await;
        send(&pipe, &b"ready"[..]).await;
        for number in 0..100_u32 {
            assert_eq!(*receive(&pipe).await.payload, number.to_le_bytes());
        }
    }
}

pub(super) mod a_handle_passes {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("writer");
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        send(&pipe, Message { handles: vec![writer.into()], ..Message::default() }).await;
        succeeded(worker).await;
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("what the child wrote");
        assert_eq!(text, "from the child");
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let pipe = stage.join().await;
        let handle = receive(&pipe).await.handles.pop().expect("a handle");
        File::from(handle).write_all(b"from the child").expect("a reader");
    }
}

pub(super) mod a_pipe_travels_and_its_messages_with_it {
    use super::*;

    /// How often the pipe crosses.
    const ROUNDS: u32 = 10;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("bouncer");
        let (kept, mut travels) = stage.node.create_pipe();
        for round in 0..ROUNDS {
            send(&kept, &round.to_le_bytes()[..]).await;
            send(&pipe, Message { pipes: vec![travels], ..Message::default() }).await;
            travels = receive(&pipe).await.pipes.pop().expect("the pipe");
        }
        for round in 0..ROUNDS {
            assert_eq!(*receive(&travels).await.payload, round.to_le_bytes());
        }
        drop(pipe);
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let pipe = stage.join().await;
        while let Ok(message) = pipe.receive().await {
            send(&pipe, message).await;
        }
    }
}

pub(super) mod two_children_talk_without_their_parent {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let ((one, to_one), (other, to_other)) = (stage.start("asks"), stage.start("answers"));
        let (a, b) = stage.node.create_pipe();
        send(&to_one, Message { pipes: vec![a], ..Message::default() }).await;
        send(&to_other, Message { pipes: vec![b], ..Message::default() }).await;
        succeeded(one).await;
        succeeded(other).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, part: &str) {
        let pipe = stage.join().await;
        let sibling = receive(&pipe).await.pipes.pop().expect("a pipe");
        if part == "answers" {
            while let Ok(message) = sibling.receive().await {
                send(&sibling, message).await;
            }
            return;
        }
        for round in 0..1000_u32 {
            send(&sibling, &round.to_le_bytes()[..]).await;
            assert_eq!(*receive(&sibling).await.payload, round.to_le_bytes());
        }
    }
}
