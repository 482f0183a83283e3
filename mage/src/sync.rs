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
//! ever lost, however requests and releases interleave.

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
        if self.0.compare_exchange(TAKEN, FREE, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            return true;
        }
        // A swap, not a store: it has to see what the last request published, also one between the two steps.
        self.0.swap(TAKEN, Ordering::AcqRel);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
