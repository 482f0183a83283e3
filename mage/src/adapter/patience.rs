//! How long to look on before sleeping.
//!
//! To sleep and to be woken costs two processes some 5 µs of work, and where a core has gone idle meanwhile it takes 30 µs
//! and more until it runs again. What is waited for often comes sooner than that: in a conversation the other side is
//! about to answer. So who finds nothing gives the processor away (`sched_yield`) and looks again, for no longer
//! than a sleep would cost. On one core that runs the other side; on two the time passes.
//!
//! ```text
//!   nothing there ──look_on: yields, yes──▶ look ──nothing──▶ look_on … no: MOST has passed ──▶ sleep, and rest
//!                                            └──came──▶ go on, as patient as before
//! ```
//!
//! What must hold: who is disappointed looks on less. Time that was lost is rested for [`REST`] times as long, twice as
//! long each time in a row, so that waits that are in vain cost a sixteenth at first and soon nothing. Time is
//! lost where nothing came, and where the processor came back late (a third process has taken its share of it: whoever
//! sleeps instead is preferred when it wakes).
//!
//! (The idea is that of a lock that spins before it blocks, for no longer than blocking costs: Karlin et al., *Empirical
//! studies of competitive spinning*, 1991.)

use std::thread;
use std::time::{Duration, Instant};

/// How long to look on: what it costs to sleep and be woken.
const MOST: Duration = Duration::from_micros(5);
/// What came after this time did not come because somebody looked on.
const LATE: Duration = Duration::from_micros(100);
/// How many times as long to rest as was lost.
const REST: u32 = 16;
/// How often that is doubled.
const DOUBLED: u32 = 8;
/// The longest rest.
const LONGEST: Duration = Duration::from_secs(1);

/// Decides who looks on before it sleeps. One for each place where something is waited for.
#[derive(Debug, Clone, Default)]
pub struct Patience {
    /// Nothing came since.
    since: Option<Instant>,
    rests_until: Option<Instant>,
    /// How often it was in vain without a success between.
    in_vain: u32,
}

impl Patience {
    /// A patience that was never disappointed.
    pub const fn new() -> Self {
        Self { since: None, rests_until: None, in_vain: 0 }
    }

    /// Nothing is there: gives the processor away, and returns whether to look again. Otherwise it is time to sleep.
    pub fn look_on(&mut self) -> bool {
        let now = Instant::now();
        match self.since {
            None if self.rests_until.is_some_and(|end| now < end) => return false,
            None => self.since = Some(now),
            Some(since) if now.duration_since(since) >= MOST => {
                self.rest(now, since);
                return false;
            }
            Some(_) => {}
        }
        thread::yield_now();
        true
    }

    /// Something came.
    pub fn came(&mut self) {
        let Some(since) = self.since else { return };
        let now = Instant::now();
        if now.duration_since(since) >= LATE {
            self.rest(now, since);
        } else {
            (self.since, self.in_vain) = (None, 0);
        }
    }

    fn rest(&mut self, now: Instant, since: Instant) {
        let lost = now.duration_since(since).saturating_mul(REST << self.in_vain);
        self.rests_until = now.checked_add(lost.min(LONGEST));
        self.in_vain = (self.in_vain + 1).min(DOUBLED);
        self.since = None;
    }
}
