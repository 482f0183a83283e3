//! What types add: calls across processes, interfaces that do not match, receivers that are gone.

use mage::pipe::CloseReason;
use mage::{Receiver, Remote};

use super::{Carrier, CarrierRequest, Stage, Words, WordsRequest, patterned, said, succeeded};

pub(super) mod a_message_to_a_receiver_that_is_gone_is_dropped {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("hears one word");
        let words = Remote::<Words>::bind(pipe);
        words.say("heard").expect("room");
        succeeded(worker).await;
        // Either way nothing breaks: it is refused once the end is known, or dropped with the pipe.
        let unsent = words.say("unheard").expect_err("a closed pipe");
        assert!(!unsent.is_full(), "{unsent}");
        assert!(matches!(Remote::closed(&words).await, CloseReason::Closed { .. }));
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        assert_eq!(said(&mut Receiver::bind(stage.join().await)).await, "heard");
    }
}

pub(super) mod ends_of_different_interfaces_do_not_meet {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("serves another interface");
        let carrier = Remote::<Carrier>::bind(pipe);
        carrier.say("words?").expect("room");
        let reason = Remote::closed(&carrier).await;
        assert!(reason.to_string().contains("Words"), "{reason}");
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let mut receiver = Receiver::<Words>::bind(stage.join().await);
        assert!(receiver.next().await.is_none(), "a message of another interface was dispatched");
    }
}

pub(super) mod a_call_is_answered_by_another_process {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("echoes");
        let words = Remote::<Words>::bind(pipe);
        for number in 0..200 {
            let text = number.to_string();
            assert_eq!(words.echo(&text).await.expect("an answer"), text);
        }
        let many: Vec<_> = (0..200).map(|number| words.echo(&number.to_string())).collect();
        for (number, reply) in many.into_iter().enumerate() {
            assert_eq!(reply.await.expect("an answer"), number.to_string());
        }
        drop(words);
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let mut receiver = Receiver::<Words>::bind(stage.join().await);
        while let Some(request) = receiver.next().await {
            match request {
                WordsRequest::Echo { text, reply } => reply.send(text),
                other => panic!("{other:?}"),
            }
        }
    }
}

pub(super) mod a_shared_buffer_is_read_where_it_lies {
    use mage::SharedBuffer;

    use super::*;

    const LENGTH: usize = 16 << 20;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("reads");
        let carrier = Remote::<Carrier>::bind(pipe);
        let mut buffer = SharedBuffer::create(LENGTH).expect("memory");
        buffer.copy_from_slice(&patterned(LENGTH));
        carrier.take_buffer(buffer.seal().expect("a seal")).expect("room");
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let mut receiver = Receiver::<Carrier>::bind(stage.join().await);
        let Some(CarrierRequest::TakeBuffer { buffer }) = receiver.next().await else { panic!("no buffer") };
        assert!(*buffer == *patterned(LENGTH), "the bytes differ");
    }
}

pub(super) mod a_node_that_is_never_used_leaves_nothing {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let running = stage.executor.start();
        let unused = running.node();
        let (one, other) = running.node().create_pipe();
        // An executor may not be dropped by a task of another.
        std::thread::spawn(|| drop((unused, running))).join().expect("an orderly end");
        // Their node is gone with its last handle, and says so.
        assert!(one.send(&b"x"[..]).is_err());
        assert_eq!(other.closed().await, CloseReason::Lost(mage::pipe::Loss::Node));
    }

    pub(in crate::programs) async fn child(_stage: &Stage, _part: &str) {}
}
