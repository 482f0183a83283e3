//! What must not be lost when the pipe is full: answers, cancellations, grants.
//!
//! ```text
//!   send ──▶ nothing waits: straight to the pipe ── full ──▶ queue ── room: the owner's waker ──▶ drain
//!       └──▶ something waits: to the back of the queue
//! ```
//!
//! What must hold: messages leave in the order in which one thread sent them; no lock is held across a call of the
//! backend, because a backend may wake somebody in place who sends here again.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::head::{self, Failure, Head, Kind};
use crate::backend::{Backend, End};
use crate::pipe::{Message, SendErrorKind};

/// One end's unsent messages.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) end: End,
    /// Whether the queue holds something or somebody is sending from it; written under its lock.
    waiting: AtomicBool,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    messages: VecDeque<Message>,
    drain: Drain,
}

/// Who is sending from the queue.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Drain {
    /// Nobody.
    #[default]
    Idle,
    /// Some thread.
    Busy,
    /// Some thread, and there was a reason to look again since it began.
    Again,
}

impl Outbox {
    pub(crate) fn new(backend: Arc<dyn Backend>, end: End) -> Self {
        Self { backend, end, waiting: AtomicBool::new(false), queue: Mutex::default() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many messages wait for room.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        if self.waiting.load(Ordering::Acquire) { self.queue().messages.len() } else { 0 }
    }

    /// Sends `message` now or as soon as there is room; `waker` is called then, and has to call [`drain`](Self::drain).
    /// What a closed pipe refuses is dropped: whoever waits for it learns of the closing.
    #[inline]
    pub(crate) fn send(&self, message: &mut Message, waker: impl FnOnce() -> Waker) {
        if self.waiting.load(Ordering::Acquire) || !self.try_send(message) {
            {
                let mut queue = self.queue();
                queue.messages.push_back(mem::take(message));
                self.waiting.store(true, Ordering::Release);
            }
            self.drain(&waker());
        }
    }

    /// Says no, and leaves what has to be sent, when the pipe is full.
    #[inline]
    fn try_send(&self, message: &mut Message) -> bool {
        match self.backend.send(self.end, message) {
            Ok(()) | Err(SendErrorKind::Closed(_)) => true,
            Err(SendErrorKind::Full) => false,
            Err(
                SendErrorKind::TooLarge { .. }
                | SendErrorKind::TooDeep
                | SendErrorKind::TooManyAttachments
                | SendErrorKind::OwnPipe
                | SendErrorKind::Foreign
                | SendErrorKind::Isolated,
            ) => match unsendable(message) {
                Some(failed) => {
                    *message = failed;
                    self.try_send(message)
                }
                None => true,
            },
        }
    }

    /// Sends what waits, as far as there is room.
    pub(crate) fn drain(&self, waker: &Waker) {
        {
            let mut queue = self.queue();
            match queue.drain {
                Drain::Idle if queue.messages.is_empty() => return,
                Drain::Idle => queue.drain = Drain::Busy,
                Drain::Busy | Drain::Again => {
                    queue.drain = Drain::Again;
                    return;
                }
            }
        }
        while self.drain_once(waker) {}
    }

    /// Sends one message or waits for room; says whether to go on.
    fn drain_once(&self, waker: &Waker) -> bool {
        let next = {
            let mut queue = self.queue();
            queue.drain = Drain::Busy;
            let next = queue.messages.pop_front();
            if next.is_none() {
                queue.drain = Drain::Idle;
                self.waiting.store(false, Ordering::Release);
            }
            next
        };
        let Some(mut message) = next else { return false };
        if self.try_send(&mut message) {
            return true;
        }
        self.queue().messages.push_front(message);
        match self.backend.poll_writable(self.end, Some(waker)) {
            // Closed: the next attempt to send drops the message.
            Poll::Ready(Ok(()) | Err(_)) => true,
            Poll::Pending => {
                let mut queue = self.queue();
                let again = queue.drain == Drain::Again;
                queue.drain = if again { Drain::Busy } else { Drain::Idle };
                again
            }
        }
    }
}

/// What to say instead of an answer that cannot be sent.
#[cold]
fn unsendable(message: &Message) -> Option<Message> {
    let head = Head::read(&message.payload).ok()?;
    match head.kind {
        Kind::Reply | Kind::Error | Kind::Item => {
            let mut to = head::write(Kind::Failed, head.method, head.call, None);
            to.raw(&[Failure::Unsendable as u8]);
            to.finish().ok()
        }
        Kind::OneWay
        | Kind::Call
        | Kind::Cancel
        | Kind::Flush
        | Kind::Flushed
        | Kind::Failed
        | Kind::End
        | Kind::Grant => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::MemoryBackend;

    #[test]
    fn what_meets_a_full_pipe_leaves_later_in_order() {
        let backend = MemoryBackend::with_window(2);
        let (near, far) = backend.create_pipe();
        let outbox = Outbox::new(Arc::clone(near.backend()), near.end());
        for number in 0..7u8 {
            outbox.send(&mut (&[number][..]).into(), || Waker::noop().clone());
        }
        assert_eq!(outbox.len(), 5);
        let mut seen = Vec::new();
        while seen.len() < 7 {
            while let Some(message) = far.try_receive().unwrap() {
                seen.push(message.payload[0]);
            }
            outbox.drain(Waker::noop());
        }
        assert_eq!((seen, outbox.len()), ((0..7).collect(), 0));
        outbox.send(&mut (&[9][..]).into(), || unreachable!("there is room"));
        assert_eq!(far.try_receive().unwrap().unwrap().payload[0], 9);
    }

    #[test]
    fn a_closed_pipe_empties_the_outbox() {
        let backend = MemoryBackend::with_window(1);
        let (near, far) = backend.create_pipe();
        let outbox = Outbox::new(Arc::clone(near.backend()), near.end());
        for number in 0..3u8 {
            outbox.send(&mut (&[number][..]).into(), || Waker::noop().clone());
        }
        drop(far);
        outbox.drain(Waker::noop());
        assert_eq!(outbox.len(), 0);
    }
}
