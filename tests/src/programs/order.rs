//! What order is promised: that of one pipe. Between two pipes there is none, whatever they share.
//!
//! A program cannot show that an order is not promised; these show that each pipe keeps its own whichever of two is read
//! first, and that neither has to wait for the other.

use mage::{Receiver, Remote};

use super::{Carrier, CarrierRequest, Stage, Words, counted, said, succeeded};

const COUNT: i32 = 100;

pub(super) mod one_pipe_keeps_its_order_and_two_need_not {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let mut worker = stage.child("reads the second first").pipes(2).spawn(&stage.node).expect("a child");
        let (one, other): (Remote<Words>, Remote<Words>) = (worker.remote(), worker.remote());
        for number in 0..COUNT {
            one.count(number).expect("room");
            other.count(-number).expect("room");
        }
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let accepting = mage::Invitation::inherited().expect("an invitation").accept(&stage.node);
        let [one, other] = <[_; 2]>::try_from(accepting.all().await.expect("pipes")).expect("two pipes");
        let (mut one, mut other) = (Receiver::bind(one), Receiver::bind(other));
        for number in 0..COUNT {
            assert_eq!(counted(&mut other).await, -number);
        }
        for number in 0..COUNT {
            assert_eq!(counted(&mut one).await, number);
        }
    }
}

pub(super) mod an_end_that_travels_keeps_its_order_and_no_other {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("reads what came last first");
        let carrier = Remote::<Carrier>::bind(pipe);
        let (early, early_receiver) = stage.node.create_pending::<Words>();
        let (late, late_receiver) = stage.node.create_pending::<Words>();
        let (early, late) = (early.bind(), late.bind());
        for number in 0..COUNT {
            early.count(number).expect("room");
        }
        carrier.take_receiver(early_receiver).expect("room");
        carrier.take_receiver(late_receiver).expect("room");
        for number in 0..COUNT {
            late.count(number).expect("room");
            early.count(COUNT + number).expect("room");
        }
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let mut carrier = Receiver::<Carrier>::bind(stage.join().await);
        let mut ends = Vec::new();
        while let Some(CarrierRequest::TakeReceiver { words }) = carrier.next().await {
            ends.push(words.bind());
            if ends.len() == 2 {
                break;
            }
        }
        let [early, late] = &mut ends[..] else { panic!("two ends") };
        for number in 0..COUNT {
            assert_eq!(counted(late).await, number);
        }
        for number in 0..2 * COUNT {
            assert_eq!(counted(early).await, number);
        }
    }
}

pub(super) mod the_first_pipe_and_a_second_need_not_agree {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("answers over both");
        let carrier = Remote::<Carrier>::bind(pipe);
        let (there, answers) = stage.node.create_pending::<Words>();
        let (words, receiver) = stage.node.create_pending::<Words>();
        carrier.take_remote(there).expect("room");
        carrier.take_receiver(receiver).expect("room");
        let words = words.bind();
        let mut answers = answers.bind();
        for number in 0..COUNT {
            words.count(number).expect("room");
            carrier.say("meanwhile").expect("room");
            assert_eq!(counted(&mut answers).await, number);
        }
        drop((words, carrier));
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let mut carrier = Receiver::<Carrier>::bind(stage.join().await);
        let (answers, mut words) = match (carrier.next().await, carrier.next().await) {
            (Some(CarrierRequest::TakeRemote { words: answers }), Some(CarrierRequest::TakeReceiver { words })) => {
                (answers.bind(), words.bind())
            }
            other => panic!("{other:?}"),
        };
        // What comes over the first pipe is left unread until the second is done.
        for number in 0..COUNT {
            assert_eq!(counted(&mut words).await, number);
            answers.count(number).expect("room");
        }
        for _ in 0..COUNT {
            assert!(matches!(carrier.next().await, Some(CarrierRequest::Say { text }) if text == "meanwhile"));
        }
    }
}

pub(super) mod messages_queue_in_one_process_before_a_receiver_is_bound {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (words, receiver) = stage.node.create_pending::<Words>();
        let words = words.bind();
        for number in 0..COUNT {
            words.count(number).expect("room");
        }
        let mut receiver = receiver.bind();
        for number in 0..COUNT {
            assert_eq!(counted(&mut receiver).await, number);
        }
    }

    pub(in crate::programs) async fn child(_stage: &Stage, _part: &str) {}
}

pub(super) mod messages_flow_in_one_process_after_a_receiver_is_bound {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (words, mut receiver) = stage.node.create::<Words>();
        for number in 0..COUNT {
            words.say(&number.to_string()).expect("room");
            assert_eq!(said(&mut receiver).await, number.to_string());
        }
        drop(words);
        assert!(receiver.next().await.is_none());
    }

    pub(in crate::programs) async fn child(_stage: &Stage, _part: &str) {}
}
