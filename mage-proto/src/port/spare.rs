//! Room for messages that ports lend one another.
//!
//! A port whose queue runs empty gives its room away, and the next port that something arrives at takes it: so a busy
//! port allocates nothing, and ten thousand that had a message once hold none. What comes back first was used last, which
//! also keeps the caches warm.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use crate::message::Data;

/// The room of how many queues is kept. One that held a whole window of 1,024 messages is about 190 KiB.
const KEPT: usize = 16;

/// The room of queues that ran empty.
#[derive(Clone)]
pub(crate) struct Spare<H>(Vec<VecDeque<Data<H>>>);

impl<H> Spare<H> {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Gives room to a queue that has none: kept room, else for a single message, as most ports that wait have one.
    #[inline]
    pub(crate) fn lend(&mut self, queue: &mut VecDeque<Data<H>>) {
        if queue.capacity() == 0 {
            match self.0.pop() {
                Some(room) => *queue = room,
                None => queue.reserve_exact(1),
            }
        }
    }

    /// Takes the room of a queue that is empty.
    #[inline]
    pub(crate) fn keep(&mut self, queue: &mut VecDeque<Data<H>>) {
        if queue.is_empty() && queue.capacity() > 0 {
            let room = core::mem::take(queue);
            if self.0.len() < KEPT {
                self.0.push(room);
            }
        }
    }
}

/// Two nodes that differ in their spare room only do the same, and print the same.
impl<H> fmt::Debug for Spare<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_begins_with_room_for_one_and_lends_what_it_had_when_it_is_empty() {
        let mut spare = Spare::<()>::new();
        let (mut one, mut other) = (VecDeque::new(), VecDeque::new());
        spare.lend(&mut one);
        assert_eq!(one.capacity(), 1);
        one.reserve(100);
        let room = one.capacity();
        spare.keep(&mut one);
        assert_eq!(one.capacity(), 0);
        spare.lend(&mut other);
        assert_eq!(other.capacity(), room);
        for _ in 0..2 * KEPT {
            spare.keep(&mut VecDeque::with_capacity(1));
        }
        assert_eq!(spare.0.len(), KEPT);
    }
}
