//! The ends of a memory backend and what waits at them: plain data behind the backend's lock.
//!
//! An operation returns what has to happen after the lock is released (wakers to call, messages to drop) and does none
//! of it itself.

use std::collections::VecDeque;
use std::task::{Poll, Waker};

use crate::backend::End;
use crate::pipe::{CloseReason, Message, SendErrorKind};

/// Every end that is alive. A key is `generation << 32 | index`, so that none is handed out twice.
pub(super) struct Table {
    places: Vec<Place>,
    free: Vec<u32>,
    window: usize,
}

struct Place {
    generation: u32,
    port: Option<Port>,
}

/// One end: what arrived and was not read, and who waits.
#[derive(Default)]
struct Port {
    /// Where sent messages go; `None` once the far end is gone.
    peer: Option<End>,
    /// Why the far end is gone.
    ended: CloseReason,
    inbox: VecDeque<Message>,
    reader: Option<Waker>,
    writers: Vec<Waker>,
    closers: Vec<Waker>,
}

/// What an operation let go of, to be dropped and woken after the lock.
#[derive(Default)]
#[must_use]
pub(super) struct Released {
    messages: VecDeque<Message>,
    wakers: Vec<Waker>,
}

impl Released {
    pub(super) fn settle(self) {
        drop(self.messages);
        self.wakers.into_iter().for_each(Waker::wake);
    }
}

impl Table {
    pub(super) fn new(window: usize) -> Self {
        Self { places: Vec::new(), free: Vec::new(), window }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub(super) fn create_pipe(&mut self) -> (End, End) {
        let (a, b) = (self.insert(), self.insert());
        self.connect(a, b);
        (a, b)
    }

    pub(super) fn send(&mut self, end: End, message: &mut Message) -> Result<Option<Waker>, SendErrorKind> {
        let Some(port) = self.port(end) else { return Err(SendErrorKind::Closed(CloseReason::default())) };
        let Some(peer) = port.peer else { return Err(SendErrorKind::Closed(port.ended.clone())) };
        if message.pipes.iter().any(|pipe| pipe.end() == end || pipe.end() == peer) {
            return Err(SendErrorKind::OwnPipe);
        }
        let window = self.window;
        match self.port(peer) {
            Some(far) if far.inbox.len() < window => {
                far.inbox.push_back(std::mem::take(message));
                Ok(far.reader.take())
            }
            Some(_) | None => Err(SendErrorKind::Full),
        }
    }

    /// Takes messages, or exchanges the waker that waits at `end` for `reader`.
    pub(super) fn receive(
        &mut self,
        end: End,
        max: usize,
        into: &mut VecDeque<Message>,
        reader: &mut Option<Waker>,
    ) -> Poll<Result<Vec<Waker>, CloseReason>> {
        let window = self.window;
        let Some(port) = self.port(end) else { return Poll::Ready(Err(CloseReason::default())) };
        if port.inbox.is_empty() {
            if port.peer.is_none() {
                return Poll::Ready(Err(port.ended.clone()));
            }
            std::mem::swap(&mut port.reader, reader);
            return Poll::Pending;
        }
        let was_full = port.inbox.len() >= window;
        let taken = max.min(port.inbox.len());
        into.extend(port.inbox.drain(..taken));
        let peer = port.peer.filter(|_| was_full);
        let writers = peer.and_then(|peer| self.port(peer)).map(|far| std::mem::take(&mut far.writers));
        Poll::Ready(Ok(writers.unwrap_or_default()))
    }

    pub(super) fn poll_writable(&mut self, end: End, waker: Option<&Waker>) -> Poll<Result<(), CloseReason>> {
        let window = self.window;
        let Some(port) = self.port(end) else { return Poll::Ready(Err(CloseReason::default())) };
        let Some(peer) = port.peer else { return Poll::Ready(Err(port.ended.clone())) };
        if self.port(peer).is_some_and(|far| far.inbox.len() < window) {
            return Poll::Ready(Ok(()));
        }
        if let Some(port) = self.port(end) {
            register(&mut port.writers, waker);
        }
        Poll::Pending
    }

    pub(super) fn poll_closed(&mut self, end: End, waker: Option<&Waker>) -> Poll<CloseReason> {
        match self.port(end) {
            None => Poll::Ready(CloseReason::default()),
            Some(port) if port.peer.is_none() => Poll::Ready(port.ended.clone()),
            Some(port) => {
                register(&mut port.closers, waker);
                Poll::Pending
            }
        }
    }

    pub(super) fn close(&mut self, end: End, reason: CloseReason) -> Released {
        let Some(port) = self.remove(end) else { return Released::default() };
        let mut released = Released { messages: port.inbox, wakers: Vec::new() };
        if let Some(peer) = port.peer {
            self.end(peer, reason, &mut released);
        }
        released
    }

    /// Joins the far ends of `a` and `b`; what waits unread at one goes to the far end of the other.
    pub(super) fn merge(&mut self, a: End, b: End) -> Released {
        let mut released = Released::default();
        let (Some(mut left), Some(mut right)) = (self.remove(a), self.remove(b)) else { return released };
        if left.peer == Some(b) {
            released.messages.extend(left.inbox.into_iter().chain(right.inbox));
            return released;
        }
        if let (Some(far_left), Some(far_right)) = (left.peer, right.peer) {
            self.connect(far_left, far_right);
        }
        self.inherit(right.peer, left.peer, &mut left, &mut released);
        self.inherit(left.peer, right.peer, &mut right, &mut released);
        for port in [left, right] {
            released.wakers.extend(port.reader.into_iter().chain(port.writers).chain(port.closers));
        }
        released
    }

    /// Hands what waits at `from` to `heir`, and tells it when there is nobody behind `from`.
    fn inherit(&mut self, heir: Option<End>, source: Option<End>, from: &mut Port, released: &mut Released) {
        let inbox = std::mem::take(&mut from.inbox);
        let Some(heir) = heir else {
            released.messages.extend(inbox);
            return;
        };
        if let Some(port) = self.port(heir) {
            port.inbox.extend(inbox);
            released.wakers.extend(port.reader.take());
            released.wakers.append(&mut port.writers);
        }
        if source.is_none() {
            self.end(heir, from.ended.clone(), released);
        }
    }

    fn end(&mut self, end: End, reason: CloseReason, released: &mut Released) {
        if let Some(port) = self.port(end) {
            port.peer = None;
            port.ended = reason;
            released.wakers.extend(port.reader.take());
            released.wakers.append(&mut port.writers);
            released.wakers.append(&mut port.closers);
        }
    }

    fn connect(&mut self, a: End, b: End) {
        for (end, peer) in [(a, b), (b, a)] {
            if let Some(port) = self.port(end) {
                port.peer = Some(peer);
            }
        }
    }

    fn insert(&mut self) -> End {
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: 0, port: None });
            u32::try_from(self.places.len() - 1).expect("fewer than four thousand million ends")
        });
        let place = &mut self.places[index as usize];
        place.port = Some(Port::default());
        End(u64::from(place.generation) << 32 | u64::from(index))
    }

    fn remove(&mut self, end: End) -> Option<Port> {
        self.port(end)?;
        let (index, _) = split(end);
        let place = self.places.get_mut(index as usize)?;
        place.generation += 1;
        // A place whose generations are used up is never used again.
        if place.generation < u32::MAX {
            self.free.push(index);
        }
        place.port.take()
    }

    fn port(&mut self, end: End) -> Option<&mut Port> {
        let (index, generation) = split(end);
        self.places.get_mut(index as usize).filter(|place| place.generation == generation)?.port.as_mut()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves of a key")]
fn split(end: End) -> (u32, u32) {
    (end.0 as u32, (end.0 >> 32) as u32)
}

fn register(list: &mut Vec<Waker>, waker: Option<&Waker>) {
    if let Some(waker) = waker
        && !list.iter().any(|known| known.will_wake(waker))
    {
        list.push(waker.clone());
    }
}
