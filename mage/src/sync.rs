//! What threads of a node share to keep out of each other's way: a lock, and a turn.
//!
//! A [`Lock`] guards state for some ten nanoseconds. A [`Turn`] decides who does a piece of work that must not be done
//! twice at once, such as writing to a socket, without anyone ever waiting for it:
//!
//! ```text
//!   Free ──request: yours──▶ Taken ──release: done──▶ Free
//!                              │  ▲
//!            request: not yours│  │release: go again
//!                              ▼  │
//!                            Wanted
//! ```
//!
//! What must hold: whoever asked and was refused may go away, since the holder goes once more after that; no request is
//! ever lost, however requests and releases interleave (the tests go through every interleaving of three threads).

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A mutex whose contents are whole between any two statements that could panic, so that poison means nothing.
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const FREE: u8 = 0;
const TAKEN: u8 = 1;
const WANTED: u8 = 2;

/// The right to do a piece of work that one thread does at a time.
#[derive(Debug, Default)]
pub(crate) struct Turn(AtomicU8);

impl Turn {
    /// Asks for the turn. When it is refused, its holder will do the work once more, beginning after this call.
    pub(crate) fn request(&self) -> bool {
        // Release: what the caller did before asking happened before the holder's next round. Acquire: the other way.
        let before = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            Some(if state == FREE { TAKEN } else { WANTED })
        });
        before == Ok(FREE)
    }

    /// Asks for the turn only where somebody has it, who then does the work once more. Returns whether somebody had.
    pub(crate) fn remind(&self) -> bool {
        let taken = |state| (state != FREE).then_some(WANTED);
        self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, taken).is_ok()
    }

    /// Ends the turn though somebody may have asked meanwhile. Who does this sees to it that the work is done later,
    /// beginning after this call.
    pub(crate) fn abandon(&self) {
        self.0.swap(FREE, Ordering::AcqRel);
    }

    /// Ends a round. Returns whether the turn is over; if not, somebody asked meanwhile and another round is due.
    pub(crate) fn release(&self) -> bool {
        self.give_up() || self.go_again()
    }

    /// The first step of a release: the turn is free if nobody asked.
    fn give_up(&self) -> bool {
        self.0.compare_exchange(TAKEN, FREE, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The second step: the requests so far are noted, and the next round is for them.
    fn go_again(&self) -> bool {
        // A swap, not a store: it has to see what the last request published, also one between the two steps.
        self.0.swap(TAKEN, Ordering::AcqRel);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::thread;

    #[test]
    fn a_refused_request_makes_the_holder_go_again_once() {
        let turn = Turn::default();
        assert!(turn.request());
        assert!(!turn.request());
        assert!(!turn.request());
        assert!(!turn.release(), "the work of the refused requests is due");
        assert!(turn.release());
        assert!(turn.request());
    }

    #[test]
    fn a_reminder_reaches_a_holder_and_takes_no_turn() {
        let turn = Turn::default();
        assert!(!turn.remind());
        assert!(turn.request());
        assert!(turn.remind());
        assert!(!turn.release());
        turn.abandon();
        assert!(!turn.remind());
    }

    /// What a thread of the exhaustive test does next.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    enum Step {
        Queue,
        Request,
        Work,
        GiveUp,
        GoAgain,
        /// Ends its turn early and has another round done, as a flusher would.
        Abandon,
        Done,
    }

    /// One step of one thread: its next step, the turn, and what is queued after it.
    fn step(step: Step, turn: u8, queued: u8, hasty: bool) -> (Step, u8, u8) {
        let turn = Turn(AtomicU8::new(turn));
        let mut queued = queued;
        let next = match step {
            Step::Queue => {
                queued += 1;
                Step::Request
            }
            Step::Request if turn.request() => Step::Work,
            Step::Work => {
                queued = 0;
                if hasty { Step::Abandon } else { Step::GiveUp }
            }
            Step::GiveUp if !turn.give_up() => Step::GoAgain,
            Step::GoAgain => {
                turn.go_again();
                Step::Work
            }
            Step::Abandon => {
                turn.abandon();
                // The round that is owed; a hasty thread is not hasty twice.
                Step::Request
            }
            Step::Request | Step::GiveUp | Step::Done => Step::Done,
        };
        (next, turn.0.into_inner(), queued)
    }

    #[test]
    fn no_interleaving_of_three_threads_loses_a_request_or_gives_two_the_turn() {
        type Thread = (Step, bool);
        let start: ([Thread; 3], u8, u8) = ([(Step::Queue, true), (Step::Queue, false), (Step::Queue, false)], FREE, 0);
        let (mut seen, mut next) = (BTreeSet::from([start]), vec![start]);
        while let Some((threads, turn, queued)) = next.pop() {
            let holders = threads.iter().filter(|(step, _)| matches!(step, Step::Work | Step::GiveUp | Step::GoAgain));
            let holders = holders.count() + threads.iter().filter(|(step, _)| *step == Step::Abandon).count();
            assert!(holders <= 1, "two hold the turn: {threads:?}");
            if threads.iter().all(|(step, _)| *step == Step::Done) {
                assert_eq!((turn, queued), (FREE, 0), "something was queued and nobody went for it");
            }
            for place in 0..threads.len() {
                let (mut threads, (now, hasty)) = (threads, threads[place]);
                if now == Step::Done {
                    continue;
                }
                let (then, turn, queued) = step(now, turn, queued, hasty);
                threads[place] = (then, hasty && now != Step::Abandon);
                if seen.insert((threads, turn, queued)) {
                    next.push((threads, turn, queued));
                }
            }
        }
        assert!(seen.len() > 100, "{} states are too few to have tried everything", seen.len());
    }

    #[test]
    fn no_request_is_lost_and_no_two_threads_hold_the_turn() {
        let turn = Arc::new(Turn::default());
        let queued = Arc::new(AtomicUsize::new(0));
        let inside = Arc::new(AtomicUsize::new(0));
        let work = || {
            for _ in 0..20_000 {
                queued.fetch_add(1, Ordering::Relaxed);
                if !turn.request() {
                    continue;
                }
                loop {
                    assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0, "two threads hold the turn");
                    queued.store(0, Ordering::Relaxed);
                    inside.fetch_sub(1, Ordering::Relaxed);
                    if turn.release() {
                        break;
                    }
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(work);
            }
        });
        assert_eq!(queued.load(Ordering::Relaxed), 0, "something was queued and nobody went for it");
    }
}
