//! The vectors that messages are taken into, shared by all ends that a thread serves.
//!
//! An end that waits holds no vector, so that ten thousand idle ends hold none, and a busy one never allocates.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::pipe::Message;

/// How many messages are taken from the backend at once.
pub(crate) const SIZE: usize = 64;

/// How many empty vectors a thread keeps.
const SPARE: usize = 4;

thread_local! {
    static EMPTY: RefCell<Vec<VecDeque<Message>>> = const { RefCell::new(Vec::new()) };
}

/// An empty vector, with room if this thread has one.
#[inline]
pub(crate) fn take() -> VecDeque<Message> {
    // A thread that is ending has no spare ones.
    EMPTY.try_with(|spare| spare.borrow_mut().pop()).ok().flatten().unwrap_or_default()
}

/// Keeps the room of a vector that is done with; drops what is still in it.
#[inline]
pub(crate) fn give(mut batch: VecDeque<Message>) {
    if !batch.is_empty() {
        batch.clear();
    }
    if batch.capacity() > 0 && batch.capacity() <= 4 * SIZE {
        let _ = EMPTY.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < SPARE {
                spare.push(batch);
            }
        });
    }
}
