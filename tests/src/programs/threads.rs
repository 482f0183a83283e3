//! Remotes and receivers on other threads than the one that made them.

use std::thread;

use mage::{Receiver, Remote};

use super::{Stage, Words, WordsRequest, counted, said, succeeded};

const THREADS: i32 = 4;
const COUNT: i32 = 500;

/// Counts from `threads` threads over one remote, waiting for room.
fn count_from_threads(words: &Remote<Words>) {
    thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || (0..COUNT).for_each(|number| count(words, thread * COUNT + number)));
        }
    });
}

fn count(words: &Remote<Words>, number: i32) {
    while let Err(unsent) = words.count(number) {
        assert!(unsent.is_full(), "{unsent}");
        Remote::ready(words).wait().expect("a thread that may wait").expect("an open pipe");
    }
}

/// Checks that everything counted arrives once, and what one thread counted in its order.
async fn check_counts(receiver: &mut Receiver<Words>) {
    let mut next = [0; THREADS as usize];
    for _ in 0..THREADS * COUNT {
        let number = counted(receiver).await;
        let next = &mut next[(number / COUNT) as usize];
        assert_eq!(number % COUNT, *next);
        *next += 1;
    }
}

pub(super) mod a_receiver_serves_on_another_thread {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("calls");
        let receiver = Receiver::<Words>::bind(pipe);
        let (report, heard) = smol::channel::unbounded();
        let serving = thread::spawn(move || {
            let mut receiver = receiver;
            while let Some(request) = receiver.next_blocking().expect("a thread that may wait") {
                match request {
                    WordsRequest::Say { text } => report.try_send(text).expect("a listener"),
                    other => panic!("{other:?}"),
                }
            }
        });
        assert_eq!(heard.recv().await.expect("a word"), "to whoever listens");
        succeeded(worker).await;
        serving.join().expect("a thread that ends with its pipe");
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        Remote::<Words>::bind(stage.join().await).say("to whoever listens").expect("room");
    }
}

pub(super) mod a_remote_is_shared_by_threads_of_one_process {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (words, mut receiver) = stage.node.create::<Words>();
        let sending = thread::spawn(move || count_from_threads(&words));
        check_counts(&mut receiver).await;
        sending.join().expect("all counted");
        assert!(receiver.next().await.is_none());
    }

    pub(in crate::programs) async fn child(_stage: &Stage, _part: &str) {}
}

pub(super) mod a_remote_to_another_process_is_shared_by_threads {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let (worker, pipe) = stage.start("counts");
        let words = Remote::<Words>::bind(pipe);
        let sending = thread::spawn(move || {
            count_from_threads(&words);
            words
        });
        succeeded(worker).await;
        drop(sending.join().expect("all counted"));
    }

    pub(in crate::programs) async fn child(stage: &Stage, _part: &str) {
        check_counts(&mut Receiver::bind(stage.join().await)).await;
    }
}

pub(super) mod pipes_are_made_on_any_thread {
    use super::*;

    pub(in crate::programs) async fn parent(stage: &Stage) {
        let made: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(|| stage.node.create::<Words>())).collect();
            threads.into_iter().map(|thread| thread.join().expect("a pipe")).collect()
        });
        for (words, mut receiver) in made {
            words.say("made elsewhere").expect("room");
            assert_eq!(said(&mut receiver).await, "made elsewhere");
        }
    }

    pub(in crate::programs) async fn child(_stage: &Stage, _part: &str) {}
}
