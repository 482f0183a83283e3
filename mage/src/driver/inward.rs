//! A ring that a link is read from: what it brings, and when its reader looks on, and when it sleeps.
//!
//! ```text
//!   read ──nothing──▶ in a conversation: those whom something was for have their turn, and then it is looked again
//!                └──▶ this side has sent something: look on for a while (`Patience`), others having their turn between
//!                └──▶ otherwise: say that this side waits, look once more, sleep until the bell rings
//! ```
//!
//! While its reader looks on, a writer sees nobody wait and rings no bell: two processes in conversation make one system
//! call each for a message, `sched_yield`.
//!
//! A node whose application waits for room (its last word on that counts, whichever thread said it) expects no answers: a
//! sender that looked on for credit would be given it message by message.
//!
//! What must hold: a ring is left only after this side has said that it waits and has looked once more; one ring of a node
//! is looked on at a time, the last that somebody wrote to, so that a server of many clients does not look for each of them
//! while others have something to say.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::adapter::Patience;
use crate::ring::{Astray, Bell, Heard, RingReader};
use crate::socket::ReadBuffer;

/// A ring to read from.
pub(super) struct Inward {
    ring: RingReader,
    /// This side's, for a writer that waits for room.
    bell: Arc<Bell>,
    heard: Arc<Heard>,
    patience: Patience,
    /// It has brought something since it was found empty.
    moved: bool,
    /// When it was last found empty, this side had sent something.
    conversing: bool,
}

/// What to do where a ring has nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pause {
    /// Something came meanwhile.
    Over,
    /// To come back when others had their turn.
    Turn,
    /// To wait for the bell.
    Sleep,
}

/// What an application that has just been heard of may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    Answer,
    /// To send more: that comes for many messages at once.
    Room,
}

/// Who of a node's readers looks on, and for how long.
#[derive(Debug)]
pub(super) struct Lookout {
    pub(super) most: Duration,
    /// What was expected last is an answer.
    answer: AtomicBool,
    /// Where in memory its [`Inward`]'s bell is, which tells it from others.
    who: AtomicUsize,
}

impl Lookout {
    pub(super) fn new(most: Duration) -> Self {
        Self { most, answer: AtomicBool::new(true), who: AtomicUsize::new(0) }
    }

    /// The application has sent something, or waits for room.
    pub(super) fn expect(&self, what: Expected) {
        let answer = what == Expected::Answer;
        // Nearly always it is known: what all threads read stays unwritten.
        if self.answer.load(Ordering::Relaxed) != answer {
            self.answer.store(answer, Ordering::Relaxed);
        }
    }
}

impl Inward {
    pub(super) fn new(ring: RingReader, bell: Arc<Bell>, heard: Arc<Heard>) -> Self {
        Self { ring, bell, heard, patience: Patience::new(), moved: false, conversing: false }
    }

    pub(super) fn heard(&self) -> &Heard {
        &self.heard
    }

    /// Reads what is there and fits, and wakes a writer that waited for room.
    pub(super) fn read(&mut self, buffer: &mut ReadBuffer, wanted: usize, lookout: &Lookout) -> Result<usize, Astray> {
        let count = buffer.read(&mut self.ring, wanted)?;
        if count > 0 {
            self.moved = true;
            self.patience.came(lookout.most);
            if self.ring.wakes()? {
                self.bell.ring();
            }
        }
        Ok(count)
    }

    /// Nothing is there. `sent` says whether this side has sent something since this was last asked.
    pub(super) fn pause(&mut self, sent: &AtomicBool, lookout: &Lookout) -> Result<Pause, Astray> {
        if mem::take(&mut self.moved) && self.conversing {
            return Ok(Pause::Turn);
        }
        if self.looks_on(sent, lookout) {
            Patience::look(|| self.ring.unread() != Ok(0));
            return Ok(if self.ring.unread()? == 0 { Pause::Turn } else { Pause::Over });
        }
        self.sleep()
    }

    fn looks_on(&mut self, sent: &AtomicBool, lookout: &Lookout) -> bool {
        let me = Arc::as_ptr(&self.bell).addr();
        if self.patience.is_looking() && lookout.who.load(Ordering::Relaxed) != me {
            self.patience.give_up();
            return false;
        }
        let lasts = self.patience.lasts(lookout.most, || {
            self.conversing = sent.swap(false, Ordering::AcqRel) && lookout.answer.load(Ordering::Relaxed);
            self.conversing
        });
        if lasts {
            lookout.who.store(me, Ordering::Relaxed);
        }
        lasts
    }

    /// Says that this side waits, and looks once more.
    pub(super) fn sleep(&mut self) -> Result<Pause, Astray> {
        self.patience.give_up();
        self.ring.wait();
        if self.ring.unread()? == 0 {
            return Ok(Pause::Sleep);
        }
        self.ring.wait_no_more();
        Ok(Pause::Over)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::{self, RingWriter};

    struct Link {
        writer: RingWriter,
        inward: Inward,
        buffer: ReadBuffer,
        sent: AtomicBool,
    }

    impl Link {
        fn new() -> Self {
            let (writer, memory) = ring::create().unwrap();
            let (_bell, end) = Bell::new().unwrap();
            let (bell, _end) = Bell::new().unwrap();
            let heard = Arc::new(Heard::new(end, true).unwrap());
            Self {
                writer,
                inward: Inward::new(ring::open(memory).unwrap(), Arc::new(bell), heard),
                buffer: ReadBuffer::new(Arc::default()),
                sent: AtomicBool::new(false),
            }
        }

        fn write(&mut self) -> bool {
            assert_eq!(self.writer.write([&b"one"[..]].into_iter()), Ok(3));
            self.writer.wakes()
        }

        fn read(&mut self, lookout: &Lookout) -> usize {
            self.inward.read(&mut self.buffer, 0, lookout).unwrap()
        }

        fn pause(&mut self, lookout: &Lookout) -> Pause {
            self.inward.pause(&self.sent, lookout).unwrap()
        }

        fn send(&self) {
            self.sent.store(true, Ordering::Relaxed);
        }
    }

    fn for_ever() -> Lookout {
        Lookout::new(Duration::MAX)
    }

    #[test]
    fn a_reader_that_has_sent_nothing_sleeps_and_is_woken() {
        let (mut link, lookout) = (Link::new(), for_ever());
        assert_eq!(link.pause(&lookout), Pause::Sleep);
        assert!(link.write(), "the reader sleeps");
        assert_eq!(link.read(&lookout), 3);
        assert_eq!(link.pause(&lookout), Pause::Sleep);
    }

    #[test]
    fn what_came_before_it_was_said_that_this_side_waits_is_seen() {
        let mut link = Link::new();
        link.write();
        assert_eq!(link.inward.sleep(), Ok(Pause::Over));
        assert!(!link.write(), "nobody sleeps");
    }

    #[test]
    fn in_a_conversation_nobody_sleeps_and_nobody_is_woken() {
        let (mut link, lookout) = (Link::new(), for_ever());
        for _ in 0..3 {
            link.send();
            assert_eq!(link.pause(&lookout), Pause::Turn, "it looks on");
            assert_eq!(link.pause(&lookout), Pause::Turn, "it still does");
            assert!(!link.write(), "nobody sleeps");
            assert_eq!(link.read(&lookout), 3);
            assert_eq!(link.pause(&lookout), Pause::Turn, "whoever it was for may answer");
        }
        assert_eq!(link.pause(&lookout), Pause::Sleep, "nobody has answered");
        assert!(link.write());
    }

    #[test]
    fn what_comes_while_it_is_looked_on_is_seen_at_once() {
        let (mut link, lookout) = (Link::new(), for_ever());
        link.send();
        assert_eq!(link.read(&lookout), 0);
        link.write();
        assert_eq!(link.pause(&lookout), Pause::Over);
        assert_eq!(link.read(&lookout), 3);
    }

    #[test]
    fn one_ring_is_looked_on_at_a_time_the_last_that_was_written_to() {
        let (mut one, mut two, lookout) = (Link::new(), Link::new(), for_ever());
        one.send();
        assert_eq!(one.pause(&lookout), Pause::Turn);
        two.send();
        assert_eq!(two.pause(&lookout), Pause::Turn);
        assert_eq!(one.pause(&lookout), Pause::Sleep);
        assert!(one.write());
        assert_eq!(two.pause(&lookout), Pause::Turn);
        assert!(!two.write());
    }

    #[test]
    fn who_waits_for_room_sleeps_until_it_sends_again() {
        let (mut link, lookout) = (Link::new(), for_ever());
        link.send();
        lookout.expect(Expected::Room);
        assert_eq!(link.pause(&lookout), Pause::Sleep);
        link.send();
        lookout.expect(Expected::Answer);
        assert_eq!(link.pause(&lookout), Pause::Turn);
    }

    #[test]
    fn a_reader_without_patience_sleeps_whatever_it_has_sent() {
        let (mut link, lookout) = (Link::new(), Lookout::new(Duration::ZERO));
        for _ in 0..3 {
            link.send();
            assert_eq!(link.pause(&lookout), Pause::Sleep);
            assert!(link.write());
            assert_eq!(link.read(&lookout), 3);
        }
    }
}
