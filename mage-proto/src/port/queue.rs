//! What waits to be read at the ports of a node: one table for all of them, in which the queue of each is a list.
//!
//! A message that was read leaves its place to the next that arrives, at whichever port: so a busy port allocates nothing,
//! an idle one holds nothing, and the place that is taken is the one left last, which is still in the cache. Once nothing
//! waits at any port, what ten thousand of them needed at a time is given back in one piece; until then the table stays as
//! large as it was at most. (A vector for each port is given back sooner, but to an allocator that cannot pass it on, as
//! what lives longer lies between.)
//!
//! What must hold: each place is free or in the queue of one port. A [`Queue`] is emptied before it is let go of, as what
//! was in it would be in nobody's.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use crate::message::Data;

/// How many places are kept when nothing waits: a window of messages.
const KEPT: usize = 1024;
/// From how many on the others are given back: a busy pipe, and another beside it, never grow the table anew.
const LARGE: usize = 2 * KEPT;

/// No place.
const NONE: u32 = u32::MAX;

/// What waits at the ports of a node.
#[derive(Clone)]
pub(crate) struct Queues<H> {
    places: Vec<Place<H>>,
    /// The first free place; the others follow it.
    free: u32,
    /// How many places are taken.
    taken: u32,
}

#[derive(Debug, Clone)]
enum Place<H> {
    Free {
        next: u32,
    },
    /// `next`: behind this one in the queue of the same port.
    Taken {
        data: Data<H>,
        next: u32,
    },
}

/// The queue of one port.
#[derive(Clone)]
pub(crate) struct Queue {
    first: u32,
    last: u32,
    len: u32,
}

#[inline]
fn slot(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

impl Queue {
    pub(crate) const fn new() -> Self {
        Self { first: NONE, last: NONE, len: 0 }
    }

    /// The queue, which belongs to another state of its port from now on.
    pub(crate) fn hand_over(&mut self) -> Self {
        core::mem::replace(self, Self::new())
    }

    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<H> Queues<H> {
    pub(crate) const fn new() -> Self {
        Self { places: Vec::new(), free: NONE, taken: 0 }
    }

    /// Queues a message.
    #[inline]
    pub(crate) fn push(&mut self, queue: &mut Queue, data: Data<H>) {
        let (at, taken) = (self.free, Place::Taken { data, next: NONE });
        let at = match self.places.get_mut(slot(at)) {
            Some(place @ &mut Place::Free { next }) => {
                *place = taken;
                self.free = next;
                at
            }
            Some(Place::Taken { .. }) | None => self.grow(taken),
        };
        match self.places.get_mut(slot(queue.last)) {
            Some(Place::Taken { next, .. }) => *next = at,
            Some(Place::Free { .. }) | None => queue.first = at,
        }
        queue.last = at;
        queue.len = queue.len.saturating_add(1);
        self.taken = self.taken.saturating_add(1);
    }

    #[cold]
    fn grow(&mut self, taken: Place<H>) -> u32 {
        let at = u32::try_from(self.places.len()).unwrap_or(NONE);
        self.places.push(taken);
        at
    }

    /// The message that is read next.
    #[inline]
    pub(crate) fn front(&self, queue: &Queue) -> Option<&Data<H>> {
        self.at(queue.first).map(|(data, _)| data)
    }

    /// The message that is read next.
    #[inline]
    pub(crate) fn front_mut(&mut self, queue: &Queue) -> Option<&mut Data<H>> {
        match self.places.get_mut(slot(queue.first)) {
            Some(Place::Taken { data, .. }) => Some(data),
            Some(Place::Free { .. }) | None => None,
        }
    }

    /// Takes the message that is read next.
    #[inline]
    pub(crate) fn pop(&mut self, queue: &mut Queue) -> Option<Data<H>> {
        let free = self.free;
        match core::mem::replace(self.places.get_mut(slot(queue.first))?, Place::Free { next: free }) {
            Place::Taken { data, next } => {
                self.left(queue, next);
                Some(data)
            }
            Place::Free { .. } => None,
        }
    }

    /// Drops the message that is read next, which everything was moved out of.
    #[inline]
    pub(crate) fn pass(&mut self, queue: &mut Queue) {
        let free = self.free;
        if let Some(place @ &mut Place::Taken { next, .. }) = self.places.get_mut(slot(queue.first)) {
            *place = Place::Free { next: free };
            self.left(queue, next);
        }
    }

    /// The first place of `queue` is free now, `next` is its first.
    #[inline]
    fn left(&mut self, queue: &mut Queue, next: u32) {
        self.free = queue.first;
        self.taken = self.taken.saturating_sub(1);
        queue.first = next;
        queue.len = queue.len.saturating_sub(1);
        if next == NONE {
            queue.last = NONE;
            if self.taken == 0 && self.places.len() > LARGE {
                self.give_back();
            }
        }
    }

    /// Nothing waits any more.
    #[cold]
    fn give_back(&mut self) {
        self.places.clear();
        self.places.shrink_to(KEPT);
        self.free = NONE;
    }

    /// Takes everything that waits in `queue`.
    #[inline]
    pub(crate) fn take(&mut self, queue: &mut Queue) -> VecDeque<Data<H>> {
        if queue.is_empty() { VecDeque::new() } else { self.take_some(queue) }
    }

    fn take_some(&mut self, queue: &mut Queue) -> VecDeque<Data<H>> {
        let mut taken = VecDeque::with_capacity(slot(queue.len));
        while let Some(data) = self.pop(queue) {
            taken.push_back(data);
        }
        taken
    }

    /// Everything that waits in `queue`, in order.
    pub(crate) fn iter(&self, queue: &Queue) -> impl Iterator<Item = &Data<H>> {
        let mut next = queue.first;
        core::iter::from_fn(move || {
            let (data, after) = self.at(next)?;
            next = after;
            Some(data)
        })
    }

    fn at(&self, place: u32) -> Option<(&Data<H>, u32)> {
        match self.places.get(slot(place))? {
            Place::Taken { data, next } => Some((data, *next)),
            Place::Free { .. } => None,
        }
    }

    /// How many messages wait at all ports, for tests.
    pub(crate) fn taken(&self) -> u32 {
        self.taken
    }
}

/// Which places are free says nothing about what a node will do. What waits is printed by `Node::state_text`.
impl<H> fmt::Debug for Queues<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

/// Nor do the places in which a queue lies.
impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Handles;
    use crate::payload::Payload;

    fn message(number: u32) -> Data<()> {
        Data {
            payload: Payload::new(),
            cargo: Vec::new(),
            handles: Handles::NONE,
            cost: number,
            more: false,
            starved: false,
            hops: 0,
            via: None,
        }
    }

    fn numbers(queues: &Queues<()>, queue: &Queue) -> Vec<u32> {
        queues.iter(queue).map(|data| data.cost).collect()
    }

    #[test]
    fn each_queue_keeps_its_order_whatever_happens_to_the_others() {
        let mut queues = Queues::new();
        let (mut one, mut other) = (Queue::new(), Queue::new());
        for number in 0..6 {
            let queue = if number % 2 == 0 { &mut one } else { &mut other };
            queues.push(queue, message(number));
        }
        assert_eq!((numbers(&queues, &one), numbers(&queues, &other)), (alloc::vec![0, 2, 4], alloc::vec![1, 3, 5]));
        assert_eq!(queues.front(&one).map(|data| data.cost), Some(0));
        queues.pass(&mut one);
        assert_eq!(queues.pop(&mut other).map(|data| data.cost), Some(1));
        queues.push(&mut one, message(6));
        queues.push(&mut other, message(7));
        assert_eq!(queues.places.len(), 6, "places that were left are taken again");
        assert_eq!((numbers(&queues, &one), one.len()), (alloc::vec![2, 4, 6], 3));
        let rest: Vec<u32> = queues.take(&mut other).into_iter().map(|data| data.cost).collect();
        assert_eq!((rest, other.is_empty(), queues.taken()), (alloc::vec![3, 5, 7], true, 3));
        while queues.pop(&mut one).is_some() {}
        assert!(one.is_empty() && queues.front_mut(&one).is_none() && queues.taken() == 0);
        queues.push(&mut one, message(8));
        assert_eq!(numbers(&queues, &one), [8]);
    }

    #[test]
    fn a_message_that_waits_takes_168_bytes() {
        assert_eq!(size_of::<Place<u32>>(), 168);
    }

    #[test]
    fn a_large_table_is_given_back_when_nothing_waits() {
        let mut queues = Queues::new();
        let mut ports: Vec<Queue> = (0..10_000).map(|_| Queue::new()).collect();
        ports.iter_mut().for_each(|queue| queues.push(queue, message(1)));
        assert!(queues.places.len() == 10_000);
        let [ports @ .., last] = &mut *ports else { return };
        ports.iter_mut().for_each(|queue| queues.pass(queue));
        assert!(queues.places.len() == 10_000, "something waits");
        queues.pass(last);
        assert!(queues.places.capacity() <= KEPT, "{} places are kept", queues.places.capacity());
        for number in 0..2000 {
            queues.push(last, message(number));
        }
        assert_eq!(queues.take(last).len(), 2000);
    }
}
