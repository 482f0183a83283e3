//! Ends of pipes that travel inside messages, with what was queued in them: raw, typed, nested, back and forth.

use mage::{Receiver, Remote};

use super::{Carrier, CarrierRequest, Stage, Words, WordsRequest, counted, said, succeeded};

/// Waits for the next message of a carrier, which must be of one kind.
macro_rules! taken {
    ($receiver:expr, $variant:ident { $field:ident }) => {
        match $receiver.next().await {
            Some(CarrierRequest::$variant { $field }) => $field,
            other => panic!("{other:?}"),
        }
    };
}

pub(super) mod an_end_sent_over_the_first_pipe_brings_its_queue {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("takes");
        let carrier = Remote::<Carrier>::bind(pipe);
        let (words, receiver) = stage.node.create_pending::<Words>();
        let words = words.bind();
        words.say("queued before it left").expect("room");
        carrier.take_receiver(receiver).expect("room");
        words.say("sent after it left").expect("room");
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let mut carrier = Receiver::<Carrier>::bind(stage.join().await);
        let mut words = taken!(carrier, TakeReceiver { words }).bind();
        assert_eq!(said(&mut words).await, "queued before it left");
        assert_eq!(said(&mut words).await, "sent after it left");
    }
}

pub(super) mod an_end_sent_over_any_pipe_brings_its_queue {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("takes");
        let first = Remote::<Carrier>::bind(pipe);
        // A second pipe, over which a third travels, both with messages inside.
        let (second, second_receiver) = stage.node.create_pending::<Carrier>();
        let (words, words_receiver) = stage.node.create_pending::<Words>();
        let (second, words) = (second.bind(), words.bind());
        words.say("one").expect("room");
        second.say("before").expect("room");
        second.take_receiver(words_receiver).expect("room");
        first.take_carrier_receiver(second_receiver).expect("room");
        words.say("two").expect("room");
        second.say("after").expect("room");
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let mut first = Receiver::<Carrier>::bind(stage.join().await);
        let mut second = taken!(first, TakeCarrierReceiver { carrier }).bind();
        assert_eq!(taken!(second, Say { text }), "before");
        let mut words = taken!(second, TakeReceiver { words }).bind();
        assert_eq!(taken!(second, Say { text }), "after");
        assert_eq!(said(&mut words).await, "one");
        assert_eq!(said(&mut words).await, "two");
    }
}

pub(super) mod an_end_inside_a_queued_end_brings_its_queue {
    use super::*;

    const DEPTH: i32 = 20;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("unpacks");
        // Each pipe lies in the queue of the next; all leave with the last.
        let (words, innermost) = stage.node.create_pending::<Words>();
        words.bind().say("innermost").expect("room");
        let (remote, mut receiver) = stage.node.create_pending::<Carrier>();
        remote.bind().take_receiver(innermost).expect("room");
        for _ in 1..DEPTH {
            let (remote, outer) = stage.node.create_pending::<Carrier>();
            remote.bind().take_carrier_receiver(receiver).expect("room");
            receiver = outer;
        }
        Remote::<Carrier>::bind(pipe).take_carrier_receiver(receiver).expect("room");
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let mut carrier = Receiver::<Carrier>::bind(stage.join().await);
        for _ in 0..DEPTH {
            carrier = taken!(carrier, TakeCarrierReceiver { carrier }).bind();
        }
        let mut words = taken!(carrier, TakeReceiver { words }).bind();
        assert_eq!(said(&mut words).await, "innermost");
        assert!(words.next().await.is_none(), "its remote is gone");
    }
}

pub(super) mod the_invitee_gets_ends_that_were_queued {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        // Everything is sent before the child runs.
        let (ours, theirs) = (stage.node.create_pending::<Words>(), stage.node.create_pending::<Words>());
        let (worker, pipe) = stage.start("takes");
        let carrier = Remote::<Carrier>::bind(pipe);
        carrier.take_receiver(ours.1).expect("room");
        carrier.take_remote(theirs.0).expect("room");
        ours.0.bind().say("to the child").expect("room");
        let mut words = theirs.1.bind();
        assert_eq!(said(&mut words).await, "to the parent");
        drop(carrier);
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let mut carrier = Receiver::<Carrier>::bind(stage.join().await);
        let mut words = taken!(carrier, TakeReceiver { words }).bind();
        let remote = taken!(carrier, TakeRemote { words }).bind();
        assert_eq!(said(&mut words).await, "to the child");
        remote.say("to the parent").expect("room");
        assert!(carrier.next().await.is_none());
    }
}

pub(super) mod an_end_received_from_a_remote_is_used {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("makes a pipe");
        let mut carrier = Receiver::<Carrier>::bind(pipe);
        let raw = taken!(carrier, TakePipe { pipe });
        let words = Remote::<Words>::bind(raw);
        words.say("over your own pipe").expect("room");
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let carrier = Remote::<Carrier>::bind(stage.join().await);
        let (here, there) = stage.node.create_pipe();
        carrier.take_pipe(there).expect("room");
        assert_eq!(said(&mut Receiver::bind(here)).await, "over your own pipe");
    }
}

pub(super) mod the_first_pipe_is_sent_back {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let mut worker = stage.child("sends back").pipes(2).spawn(&stage.node).expect("a child");
        let first = worker.take_pipe().expect("a pipe");
        let mut carrier: Receiver<Carrier> = worker.receiver();
        let words = Remote::<Words>::bind(first);
        words.say("queued at the far end").expect("room");
        let back = taken!(carrier, TakePipe { pipe });
        // Both ends are here now; what was queued came back with its end.
        let mut receiver = Receiver::<Words>::bind(back);
        assert_eq!(said(&mut receiver).await, "queued at the far end");
        words.say("at home").expect("room");
        assert_eq!(said(&mut receiver).await, "at home");
        drop(carrier);
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let accepting = mage::Invitation::inherited().expect("an invitation").accept(&stage.node);
        let [first, second] = <[_; 2]>::try_from(accepting.all().await.expect("pipes")).expect("two pipes");
        let carrier = Remote::<Carrier>::bind(second);
        carrier.take_pipe(first).expect("room");
        Remote::closed(&carrier).await;
    }
}

pub(super) mod a_child_passes_a_remote_and_a_receiver {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("passes both");
        let mut carrier = Receiver::<Carrier>::bind(pipe);
        let (remote, mut receiver) = match carrier.next().await {
            Some(CarrierRequest::TakeBoth { remote, receiver }) => (remote.bind(), receiver.bind()),
            other => panic!("{other:?}"),
        };
        remote.say("to your receiver").expect("room");
        assert_eq!(said(&mut receiver).await, "from my remote");
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let carrier = Remote::<Carrier>::bind(stage.join().await);
        let (there, here) = stage.node.create_pending::<Words>();
        let (mine, theirs) = stage.node.create_pending::<Words>();
        let mine = mine.bind();
        mine.say("from my remote").expect("room");
        carrier.take_both(there, theirs).expect("room");
        assert_eq!(said(&mut here.bind()).await, "to your receiver");
    }
}

pub(super) mod passed_ends_carry_further_ends {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("passes a carrier");
        let mut first = Receiver::<Carrier>::bind(pipe);
        // A remote that came from the child carries an end to it, a receiver that came from it brings one.
        let to_child = taken!(first, TakeCarrier { carrier }).bind();
        let mut from_child = taken!(first, TakeCarrierReceiver { carrier }).bind();
        let (words, receiver) = stage.node.create_pending::<Words>();
        to_child.take_receiver(receiver).expect("room");
        words.bind().say("two pipes deep").expect("room");
        taken!(from_child, TakeRemote { words }).bind().say("and back").expect("room");
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let first = Remote::<Carrier>::bind(stage.join().await);
        let (there, here) = stage.node.create_pending::<Carrier>();
        first.take_carrier(there).expect("room");
        let (mine, theirs) = stage.node.create_pending::<Carrier>();
        first.take_carrier_receiver(theirs).expect("room");
        let (answers, receiver) = stage.node.create_pending::<Words>();
        mine.bind().take_remote(answers).expect("room");
        let mut here = here.bind();
        let mut words = taken!(here, TakeReceiver { words }).bind();
        assert_eq!(said(&mut words).await, "two pipes deep");
        assert_eq!(said(&mut receiver.bind()).await, "and back");
    }
}

pub(super) mod an_end_crosses_ten_times {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe, mut back) = to_and_fro(stage).await;
        let (words, mut travels) = stage.node.create_pending::<Words>();
        let words = words.bind();
        for round in 0..10 {
            words.count(round).expect("room");
            pipe.take_receiver(travels).expect("room");
            travels = taken!(back, TakeReceiver { words });
        }
        let mut travels = travels.bind();
        for round in 0..10 {
            assert_eq!(counted(&mut travels).await, round);
        }
        drop(pipe);
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        return_everything(stage).await;
    }
}

pub(super) mod an_end_with_an_end_in_its_queue_crosses_ten_times {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe, mut back) = to_and_fro(stage).await;
        let (words, inner) = stage.node.create_pending::<Words>();
        let words = words.bind();
        let (outer, mut travels) = stage.node.create_pending::<Carrier>();
        let outer = outer.bind();
        outer.take_receiver(inner).expect("room");
        for round in 0..10 {
            words.count(round).expect("room");
            outer.say(&round.to_string()).expect("room");
            pipe.take_carrier_receiver(travels).expect("room");
            travels = taken!(back, TakeCarrierReceiver { carrier });
        }
        let mut travels = travels.bind();
        let mut inner = taken!(travels, TakeReceiver { words }).bind();
        for round in 0..10 {
            assert_eq!(taken!(travels, Say { text }), round.to_string());
            assert_eq!(counted(&mut inner).await, round);
        }
        drop(pipe);
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        return_everything(stage).await;
    }
}

/// A child that [returns everything](return_everything), a way to it and a way back.
async fn to_and_fro(stage: &Stage) -> (mage::Worker, Remote<Carrier>, Receiver<Carrier>) {
    let (worker, pipe) = stage.start("returns");
    let pipe = Remote::<Carrier>::bind(pipe);
    let (there, back) = stage.node.create_pending::<Carrier>();
    pipe.take_carrier(there).expect("room");
    (worker, pipe, back.bind())
}

/// Sends back every end that comes, over the carrier that comes first.
async fn return_everything(stage: &Stage) {
    let mut pipe = Receiver::<Carrier>::bind(stage.join().await);
    let back = taken!(pipe, TakeCarrier { carrier }).bind();
    while let Some(request) = pipe.next().await {
        match request {
            CarrierRequest::TakeReceiver { words } => back.take_receiver(words).expect("room"),
            CarrierRequest::TakeCarrierReceiver { carrier } => back.take_carrier_receiver(carrier).expect("room"),
            other => panic!("{other:?}"),
        }
    }
}

pub(super) mod an_end_reaches_a_bound_receiver {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("is bound");
        let carrier = Remote::<Carrier>::bind(pipe);
        carrier.say("are you bound?").expect("room");
        let (words, receiver) = stage.node.create_pending::<Words>();
        carrier.take_receiver(receiver).expect("room");
        // The receiver was bound long before this end reaches it: it says so.
        let words = words.bind();
        assert_eq!(words.echo("bound").await.expect("an answer"), "bound");
        drop(words);
        succeeded(worker).await;
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        let mut carrier = Receiver::<Carrier>::bind(stage.join().await);
        assert_eq!(taken!(carrier, Say { text }), "are you bound?");
        let mut words = taken!(carrier, TakeReceiver { words }).bind();
        while let Some(request) = words.next().await {
            match request {
                WordsRequest::Echo { text, reply } => reply.send(text),
                other => panic!("{other:?}"),
            }
        }
    }
}
