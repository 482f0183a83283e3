//! How long to look on before sleeping.
//!
//! To sleep and to be woken costs two processes some 5 µs of work, and where a core has gone idle meanwhile it takes 20 µs
//! and more until it runs again. In a conversation the other side is about to answer, often sooner than that. So who
//! has sent something and finds nothing there yet gives the processor away (`sched_yield`) and looks again, for about as
//! long as a sleep costs. On one core that runs the other side; on two it saves both the way through the kernel. A
//! call of 64 bytes between two cores takes 2 µs instead of 40, and 4 µs of processor time instead of 25; on one core a
//! third less (`docs/performance.md`).
//!
//! ```text
//!   sent something, nothing there ──lasts──▶ look ──nothing──▶ lasts … no, `most` has passed ──▶ sleep, and rest
//!                                              └────came─────▶ go on, as patient as before
//! ```
//!
//! What must hold:
//!
//! - Who has sent nothing expects nothing, and sleeps at once: a reader of news costs what it would without this, and is
//!   woken for many at a time. So does who waits for room, which comes for many messages at once.
//! - Who is disappointed looks on less. Time that was lost is rested for [`REST`] times as long, twice as long each
//!   time in a row, so that waits that are in vain cost a sixteenth at first and soon nothing. Time is lost where
//!   nothing came, and where the processor came back late (a third process has taken its share; whoever sleeps instead is
//!   preferred when it wakes).
//!
//! (The idea is that of a lock that spins before it blocks, for no longer than blocking costs: Karlin, Li, Manasse and
//! Owicki, *Empirical studies of competitive spinning for a shared-memory multiprocessor*, 1991.)

use std::cell::Cell;
use std::hint;
use std::thread;
use std::time::{Duration, Instant};

/// So often to look before the processor is given away again: for less than that takes.
const SPINS: u32 = 8;
/// What came after so many times as long as one may look on did not come because somebody did.
const LATE: u32 = 4;
/// How many times as long to rest as was lost.
const REST: u32 = 16;
/// How often that is doubled.
const DOUBLED: u32 = 8;
/// The longest rest.
const LONGEST: Duration = Duration::from_secs(1);

thread_local! {
    /// This thread has sent something since its last wait.
    static SENT: Cell<bool> = const { Cell::new(false) };
}

/// Decides who looks on before it sleeps. One for each place where something is waited for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Patience {
    /// Since when it looks on.
    since: Option<Instant>,
    rests_until: Option<Instant>,
    /// How often it was in vain, without a success between.
    in_vain: u32,
}

impl Patience {
    /// How long to look on unless the application says otherwise: what it costs to sleep and be woken on a machine where
    /// that is expensive.
    pub const USUAL: Duration = Duration::from_micros(50);

    /// A patience that was never disappointed.
    pub const fn new() -> Self {
        Self { since: None, rests_until: None, in_vain: 0 }
    }

    /// Says whether the calling thread has sent a message since this was last asked, and so may expect an answer.
    pub fn is_answer_expected() -> bool {
        SENT.take()
    }

    /// The calling thread sends a message.
    pub(crate) fn expect_answer() {
        // A thread that is being torn down waits no more.
        let _ = SENT.try_with(|sent| sent.set(true));
    }

    /// The calling thread waits for room.
    pub(crate) fn expect_room() {
        let _ = SENT.try_with(|sent| sent.set(false));
    }

    /// Nothing is there. Returns whether to [`look`](Self::look) again; otherwise it is time to sleep. One may look on for
    /// `most`, if something is `expected` (which is asked when looking begins).
    pub fn lasts(&mut self, most: Duration, expected: impl FnOnce() -> bool) -> bool {
        if self.since.is_none() && (most.is_zero() || !expected()) {
            return false;
        }
        self.lasts_at(Instant::now(), most)
    }

    fn lasts_at(&mut self, now: Instant, most: Duration) -> bool {
        match self.since {
            None if self.rests_until.is_some_and(|end| now < end) => false,
            None => {
                self.since = Some(now);
                true
            }
            Some(since) if now.duration_since(since) >= most => {
                self.rest(now, since);
                false
            }
            Some(_) => true,
        }
    }

    /// Gives the processor away once, and then looks for a short while whether it is `there`.
    pub fn look(there: impl Fn() -> bool) -> bool {
        thread::yield_now();
        (0..SPINS).any(|_| {
            hint::spin_loop();
            there()
        })
    }

    /// Whether it looks on.
    pub fn is_looking(&self) -> bool {
        self.since.is_some()
    }

    /// Something came, to one who may look on for `most`.
    pub fn came(&mut self, most: Duration) {
        if self.is_looking() {
            self.came_at(Instant::now(), most);
        }
    }

    fn came_at(&mut self, now: Instant, most: Duration) {
        let Some(since) = self.since else { return };
        if now.duration_since(since) >= most.saturating_mul(LATE) {
            self.rest(now, since);
        } else {
            (self.since, self.in_vain) = (None, 0);
        }
    }

    /// Looks on no more, though not in vain.
    pub fn give_up(&mut self) {
        self.since = None;
    }

    fn rest(&mut self, now: Instant, since: Instant) {
        let rest = now.duration_since(since).saturating_mul(REST << self.in_vain).min(LONGEST);
        self.rests_until = now.checked_add(rest);
        self.in_vain = (self.in_vain + 1).min(DOUBLED);
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_micros(50);

    fn never() -> bool {
        unreachable!("asked while it looks on")
    }

    #[test]
    fn who_expects_nothing_sleeps_at_once_and_so_does_who_may_not_look_on() {
        let mut patience = Patience::new();
        assert!(!patience.lasts(MOST, || false));
        assert!(!patience.lasts(Duration::ZERO, || true));
        assert!(!patience.is_looking());
        assert!(patience.lasts(Duration::MAX, || true) && patience.lasts(Duration::MAX, never));
    }

    #[test]
    fn a_thread_that_has_sent_expects_one_answer_unless_it_waits_for_room() {
        Patience::expect_answer();
        assert!(Patience::is_answer_expected());
        assert!(!Patience::is_answer_expected());
        Patience::expect_answer();
        Patience::expect_room();
        assert!(!Patience::is_answer_expected());
    }

    #[test]
    fn who_looks_on_in_vain_rests_sixteen_times_as_long_and_longer_each_time() {
        let (mut patience, mut now) = (Patience::new(), Instant::now());
        for doubled in (0..=DOUBLED).chain([DOUBLED; 3]) {
            assert!(patience.lasts_at(now, MOST));
            assert!(patience.lasts_at(now + MOST - Duration::from_nanos(1), MOST));
            assert!(!patience.lasts_at(now + MOST, MOST));
            let rest = (MOST * (REST << doubled)).min(LONGEST);
            now += MOST + rest;
            assert!(!patience.lasts_at(now - Duration::from_nanos(1), MOST), "rested too little after {doubled}");
        }
        assert!(patience.lasts_at(now, MOST));
        patience.came_at(now + MOST / 2, MOST);
        // As patient as in the beginning.
        assert!(patience.lasts_at(now + MOST, MOST));
        assert!(!patience.lasts_at(now + MOST * 2, MOST));
        assert!(patience.lasts_at(now + MOST * (2 + REST), MOST));
    }

    #[test]
    fn what_came_late_was_in_vain_and_rests_are_bounded() {
        let (mut patience, now) = (Patience::new(), Instant::now());
        assert!(patience.lasts_at(now, MOST));
        let late = now + Duration::from_secs(3600);
        patience.came_at(late, MOST);
        assert!(!patience.lasts_at(late + LONGEST - Duration::from_nanos(1), MOST));
        assert!(patience.lasts_at(late + LONGEST, MOST));
    }

    #[test]
    fn who_gives_up_need_not_rest() {
        let (mut patience, now) = (Patience::new(), Instant::now());
        assert!(patience.lasts_at(now, MOST));
        patience.give_up();
        assert!(!patience.is_looking());
        assert!(patience.lasts_at(now + MOST * 2, MOST));
    }
}
