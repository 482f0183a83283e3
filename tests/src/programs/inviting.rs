//! Who invites, who accepts, who serves: every combination, and receivers bound early and late.

use mage::{Invitation, Receiver, Remote};

use super::{Stage, Words, WordsRequest, counted, said, succeeded};

pub(super) mod the_parent_invites_and_calls {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("serves");
        let remote = Remote::<Words>::bind(pipe);
        remote.say("hello").expect("room");
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let mut receiver = Receiver::bind(stage.join().await);
        assert_eq!(said(&mut receiver).await, "hello");
    }
}

pub(super) mod the_parent_invites_and_serves {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("calls");
        let mut receiver = Receiver::bind(pipe);
        assert_eq!(said(&mut receiver).await, "hello");
        drop(receiver);
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let remote = Remote::<Words>::bind(stage.join().await);
        remote.say("hello").expect("room");
        Remote::closed(&remote).await;
    }
}

pub(super) mod the_parent_accepts_and_serves {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (child, socket) = stage.start_inviter("calls");
        let mut receiver = Receiver::bind(stage.node.accept(socket).await.expect("a pipe"));
        assert_eq!(said(&mut receiver).await, "hello");
        drop(receiver);
        child.succeeded().await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let remote = Remote::<Words>::bind(stage.invite_parent());
        remote.say("hello").expect("room");
        Remote::closed(&remote).await;
    }
}

pub(super) mod the_parent_accepts_and_calls {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (child, socket) = stage.start_inviter("serves");
        let remote = Remote::<Words>::bind(stage.node.accept(socket).await.expect("a pipe"));
        remote.say("hello").expect("room");
        child.succeeded().await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let mut receiver = Receiver::bind(stage.invite_parent());
        assert_eq!(said(&mut receiver).await, "hello");
    }
}

pub(super) mod an_acceptance_waits_for_its_inviter {
    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (child, socket) = stage.start_inviter("invites who accepts already");
        let remote = Remote::<Words>::bind(stage.node.accept(socket).await.expect("a pipe"));
        remote.say("at last").expect("room");
        child.succeeded().await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let socket = Invitation::inherited().expect("a socket").into_socket();
        // The acceptor greets first; nothing is invited before its greeting is there.
        poll(&mut [PollFd::new(&socket, PollFlags::IN)], None).expect("a greeting");
        let mut receiver = Receiver::bind(stage.node.invite(socket).expect("an invitation"));
        assert_eq!(said(&mut receiver).await, "at last");
    }
}

pub(super) mod a_receiver_is_bound_after_what_was_sent {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let mut worker = stage.child("binds late").pipes(2).spawn(&stage.node).expect("a child");
        let words: Remote<Words> = worker.remote();
        let signal: Remote<Words> = worker.remote();
        for number in 0..100 {
            words.count(number).expect("room");
        }
        // The child answers before it binds the first pipe.
        signal.echo("all was sent").await.expect("an answer");
        for number in 100..200 {
            words.count(number).expect("room");
        }
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let accepting = Invitation::inherited().expect("an invitation").accept(&stage.node);
        let [words, signal] = <[_; 2]>::try_from(accepting.all().await.expect("pipes")).expect("two pipes");
        let mut signal = Receiver::<Words>::bind(signal);
        match signal.next().await {
            Some(WordsRequest::Echo { text, reply }) => reply.send(text),
            other => panic!("{other:?}"),
        }
        let mut words = Receiver::bind(words);
        for number in 0..200 {
            assert_eq!(counted(&mut words).await, number);
        }
    }
}

pub(super) mod a_callback_gets_the_accepted_pipe {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("accepts with a callback");
        let remote = Remote::<Words>::bind(pipe);
        remote.say("hello").expect("room");
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let (report, reports) = smol::channel::bounded(1);
        let accepting = Invitation::inherited().expect("an invitation").accept(&stage.node);
        accepting.then(move |pipe| report.try_send(pipe).expect("one call"));
        let pipe = reports.recv().await.expect("a call").expect("a pipe");
        assert_eq!(said(&mut Receiver::bind(pipe)).await, "hello");
    }
}

pub(super) mod many_threads_invite_at_once {
    use super::*;

    const THREADS: usize = 4;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let started: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| stage.start("serves"))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a child")).collect()
        });
        for (number, (worker, pipe)) in started.into_iter().enumerate() {
            let remote = Remote::<Words>::bind(pipe);
            remote.count(number as i32).expect("room");
            assert_eq!(remote.echo("who?").await.expect("an answer"), number.to_string());
            drop(remote);
            succeeded(worker).await;
        }
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let mut receiver = Receiver::bind(stage.join().await);
        let number = counted(&mut receiver).await;
        match receiver.next().await {
            Some(WordsRequest::Echo { reply, .. }) => reply.send(number.to_string()),
            other => panic!("{other:?}"),
        }
        assert!(receiver.next().await.is_none());
    }
}
