//! The calls under way of one remote: who waits for which answer.
//!
//! ```text
//!   the backend ── wake ──▶ sort: take all that arrived ──▶ slot of the call ── wake ──▶ Reply, Streaming
//! ```
//!
//! The table itself is the waker of the remote's end, so that answers are sorted where they arrive and no task is
//! needed. A call's id is `serial << 32 | slot`: an answer that comes after its call was cancelled finds another serial.
//! What must hold: one thread sorts at a time (values of a stream stay in order); nothing is dropped or woken, and the
//! backend is not called, while the slots are locked. The backend may hold its own lock while it hands a message to a
//! slot: so a message is moved once, from the backend's queue to its call.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Wake, Waker};

use super::head::{self, Head, Kind};
use super::outbox::Outbox;
use super::{BadMessage, CallError, STREAM_WINDOW};
use crate::few::Few;
use crate::interface::Identity;
use crate::parameter::{BadValue, Fault};
use crate::pipe::{CloseReason, Message, MessagePipe};

pub(super) struct CallTable {
    pub(super) outbox: Outbox,
    identity: &'static Identity,
    state: Mutex<State>,
    started: AtomicBool,
    sorting: AtomicU8,
}

/// The values of `sorting`: nobody sorts, somebody does, somebody does and has to look again, nobody ever will.
const IDLE: u8 = 0;
const BUSY: u8 = 1;
const AGAIN: u8 = 2;
const RETIRED: u8 = 3;

/// How often [`CallTable::retire`] looks for the end of a sorting under way, which takes microseconds.
const RETIRE_TRIES: u32 = 10_000;

#[derive(Default)]
struct State {
    /// Slots stay where they are when their call is over: an answer is large, and a slot that is moved to be dropped moves
    /// the room for one.
    slots: Vec<Slot>,
    /// The places of those whose call is over.
    free: Vec<u32>,
    serial: u32,
    ended: Option<Ended>,
}

/// Why no call is under way any more.
#[derive(Debug, Clone)]
pub(super) enum Ended {
    Closed(CloseReason),
    Abandoned,
}

impl<E> From<Ended> for CallError<E> {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Closed(reason) => Self::Closed(reason),
            Ended::Abandoned => Self::Abandoned,
        }
    }
}

#[derive(Default)]
struct Slot {
    /// `None` when the call is over.
    serial: Option<u32>,
    arrived: Arrived,
    waker: Option<Waker>,
}

/// What came for a call.
#[derive(Default)]
pub(super) enum Arrived {
    /// Nothing yet of an answer.
    #[default]
    Nothing,
    /// The answer.
    Answer(Message),
    /// Values of a stream that nobody took yet, its end included.
    Items(VecDeque<Message>),
}

/// What a call waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expect {
    Answer,
    Stream,
}

type Wakers = Few<Waker>;

impl CallTable {
    pub(super) fn new(pipe: &MessagePipe, identity: &'static Identity) -> Self {
        Self {
            outbox: Outbox::new(Arc::clone(pipe.backend()), pipe.end()),
            identity,
            state: Mutex::default(),
            started: AtomicBool::new(false),
            sorting: AtomicU8::new(IDLE),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a slot for a call about to be sent, and returns the call's id.
    #[inline]
    pub(super) fn insert(self: &Arc<Self>, expect: Expect) -> u64 {
        if !self.started.load(Ordering::Acquire) {
            self.start();
        }
        self.state().insert(expect)
    }

    /// Registers the table as the waker of its end.
    #[cold]
    fn start(self: &Arc<Self>) {
        if !self.started.swap(true, Ordering::AcqRel) {
            self.sort();
        }
    }

    /// Forgets a call; says whether its answer had not arrived.
    pub(super) fn remove(&self, call: u64) -> bool {
        let removed = self.state().remove(call);
        match removed.map(|(arrived, _waker)| arrived) {
            Some(Arrived::Nothing) => true,
            Some(Arrived::Items(items)) => !items.back().is_some_and(ends_stream),
            Some(Arrived::Answer(_)) | None => false,
        }
    }

    /// Forgets a call, and tells the far side unless it answered.
    pub(super) fn cancel(self: &Arc<Self>, call: u64, method: u32) {
        let ended = self.state().ended.is_some();
        if self.remove(call) && !ended {
            self.send(head::write(Kind::Cancel, method, call, None).finish().ok());
        }
    }

    /// Asks for more values of a stream.
    pub(super) fn grant(self: &Arc<Self>, call: u64, method: u32, more: u32) {
        let mut to = head::write(Kind::Grant, method, call, None);
        to.raw(&more.to_le_bytes());
        self.send(to.finish().ok());
    }

    fn send(self: &Arc<Self>, message: Option<Message>) {
        if let Some(mut message) = message {
            self.outbox.send(&mut message, || Waker::from(Arc::clone(self)));
        }
    }

    /// Moves the answer of `call` to `into`; its slot is free then.
    pub(super) fn poll_answer(&self, call: u64, waker: &Waker, into: &mut Arrived) -> Poll<Result<(), Ended>> {
        let mut state = self.state();
        let (polled, released) = state.poll_answer(call, waker, into);
        drop(state);
        drop(released);
        polled
    }

    /// The next message of the stream `call`.
    pub(super) fn poll_item(&self, call: u64, waker: &Waker) -> Poll<Result<Message, Ended>> {
        let mut state = self.state();
        let (polled, released) = state.poll_item(call, waker);
        drop(state);
        drop(released);
        polled
    }

    /// Takes all that arrived and hands it to those who wait.
    fn sort(self: &Arc<Self>) {
        if !self.begin_sorting() {
            return;
        }
        loop {
            if let Err(reason) = self.hand_out() {
                self.end(Ended::Closed(reason));
                return;
            }
            if self.sorting.compare_exchange(BUSY, IDLE, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return;
            }
            self.sorting.store(BUSY, Ordering::Release);
        }
    }

    /// Says whether this thread is the one to sort; the one that does looks again otherwise.
    fn begin_sorting(&self) -> bool {
        let next = |now| match now {
            IDLE => Some(BUSY),
            BUSY => Some(AGAIN),
            _ => None,
        };
        self.sorting.fetch_update(Ordering::AcqRel, Ordering::Acquire, next) == Ok(IDLE)
    }

    /// Has the table leave its end alone from now on, so that somebody else may read there. Not while a call is under
    /// way: then it stays as it is and returns false.
    pub(super) fn retire(&self) -> bool {
        // The answer to the last call may have been handed out by a thread that is not done yet.
        for _ in 0..RETIRE_TRIES {
            if !self.state().is_idle() || self.outbox.len() > 0 {
                return false;
            }
            if self.sorting.compare_exchange(IDLE, RETIRED, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    /// Gives what arrived to the calls that it answers, and registers the table for what comes later.
    fn hand_out(self: &Arc<Self>) -> Result<(), CloseReason> {
        let (mut wakers, mut unwanted, mut bad) = (Wakers::new(), Vec::new(), None);
        let mut state = None;
        let place = &mut |message: &mut Message| {
            let placed = state.get_or_insert_with(|| self.state()).place(message);
            match placed {
                Ok(Placed::Taken(waker)) => wakers.extend(waker),
                Ok(Placed::Unwanted) => unwanted.push(std::mem::take(message)),
                Err(value) => {
                    bad = Some(value);
                    unwanted.push(std::mem::take(message));
                }
            }
        };
        let drained = self.outbox.backend.drain(self.outbox.end, Waker::from(Arc::clone(self)), place);
        drop(state);
        drop(unwanted);
        wakers.take_each(Waker::wake);
        if let Some(value) = bad {
            self.refuse(&mut BadMessage::new(self.identity.name, &Fault::from(value)));
        }
        drained
    }

    /// Closes the pipe because of what arrived on it.
    pub(super) fn refuse(&self, bad: &mut BadMessage) {
        bad.report(&*self.outbox.backend, self.outbox.end);
        let reason = bad.close_reason();
        if let CloseReason::Closed { code, text } = &reason {
            self.outbox.backend.close(self.outbox.end, *code, text);
        }
        self.end(Ended::Closed(reason));
    }

    /// Fails every call under way, and those to come.
    pub(super) fn end(&self, ended: Ended) {
        let mut wakers = Wakers::new();
        {
            let mut state = self.state();
            state.ended.get_or_insert(ended);
            wakers.extend(state.slots.iter_mut().filter_map(|slot| slot.waker.take()));
        }
        wakers.take_each(Waker::wake);
    }
}

impl Wake for CallTable {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.outbox.len() > 0 {
            self.outbox.drain(&Waker::from(Arc::clone(self)));
        }
        self.sort();
    }
}

impl fmt::Debug for CallTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("CallTable").field("calls", &(state.slots.len() - state.free.len())).finish()
    }
}

impl State {
    #[inline]
    fn insert(&mut self, expect: Expect) -> u64 {
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        let index = self.free.pop().unwrap_or_else(|| self.grow());
        if let Some(slot) = self.slots.get_mut(index as usize) {
            slot.serial = Some(serial);
            // Nothing has arrived at a slot that is free.
            if expect == Expect::Stream {
                slot.arrived = Arrived::Items(VecDeque::new());
            }
        }
        u64::from(serial) << 32 | u64::from(index)
    }

    #[cold]
    fn grow(&mut self) -> u32 {
        // Four thousand million calls under way would not fit into memory.
        let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot::default());
        index
    }

    #[inline]
    fn slot(&mut self, call: u64) -> Option<&mut Slot> {
        let (index, serial) = split(call);
        self.slots.get_mut(index as usize).filter(|slot| slot.serial == Some(serial))
    }

    /// Whether no call is under way.
    fn is_idle(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    fn remove(&mut self, call: u64) -> Option<(Arrived, Option<Waker>)> {
        let slot = self.slot(call)?;
        slot.serial = None;
        let removed = (std::mem::take(&mut slot.arrived), slot.waker.take());
        self.free.push(split(call).0);
        Some(removed)
    }

    /// Beside whether the answer is there, a waker to be dropped after the lock.
    #[inline]
    fn poll_answer(
        &mut self,
        call: u64,
        waker: &Waker,
        into: &mut Arrived,
    ) -> (Poll<Result<(), Ended>>, Option<Waker>) {
        let (index, serial) = split(call);
        let Some(slot) = self.slots.get_mut(index as usize).filter(|slot| slot.serial == Some(serial)) else {
            return (Poll::Ready(Err(self.ended.clone().unwrap_or(Ended::Abandoned))), None);
        };
        let polled = match (&slot.arrived, &self.ended) {
            (Arrived::Answer(_), _) => Ok(()),
            (Arrived::Nothing | Arrived::Items(_), Some(ended)) => Err(ended.clone()),
            (Arrived::Nothing | Arrived::Items(_), None) => return (Poll::Pending, slot.wait(waker)),
        };
        *into = std::mem::take(&mut slot.arrived);
        slot.serial = None;
        let released = slot.waker.take();
        self.free.push(index);
        (Poll::Ready(polled), released)
    }

    /// Beside the next message, a waker to be dropped after the lock.
    fn poll_item(&mut self, call: u64, waker: &Waker) -> (Poll<Result<Message, Ended>>, Option<Waker>) {
        let ended = self.ended.clone();
        let Some(slot) = self.slot(call) else { return (Poll::Ready(Err(ended.unwrap_or(Ended::Abandoned))), None) };
        if let Arrived::Items(items) = &mut slot.arrived
            && let Some(message) = items.pop_front()
        {
            return (Poll::Ready(Ok(message)), None);
        }
        match ended {
            Some(ended) => (Poll::Ready(Err(ended)), None),
            None => (Poll::Pending, slot.wait(waker)),
        }
    }

    /// Moves `message` to the call that it answers, unless nobody waits for it.
    #[inline]
    fn place(&mut self, message: &mut Message) -> Result<Placed, BadValue> {
        let head = Head::read(&message.payload)?;
        match head.kind {
            Kind::Reply | Kind::Error | Kind::Failed | Kind::Flushed | Kind::Item | Kind::End => {}
            Kind::OneWay | Kind::Call | Kind::Cancel | Kind::Flush | Kind::Grant => {
                return Err(BadValue::UnexpectedKind { kind: head.kind as u8 });
            }
        }
        let Some(slot) = self.slot(head.call) else { return Ok(Placed::Unwanted) };
        match &mut slot.arrived {
            Arrived::Nothing => slot.arrived = Arrived::Answer(std::mem::take(message)),
            // Answered twice.
            Arrived::Answer(_) => return Ok(Placed::Unwanted),
            // One more than the values: the end.
            Arrived::Items(items) if items.len() > STREAM_WINDOW as usize => return Err(BadValue::Flood),
            Arrived::Items(items) => items.push_back(std::mem::take(message)),
        }
        Ok(Placed::Taken(slot.waker.take()))
    }
}

/// What became of a message.
enum Placed {
    /// A call has it; who waits for that.
    Taken(Option<Waker>),
    /// It is still where it was.
    Unwanted,
}

impl Slot {
    /// Sets the waker and returns the one that it replaces.
    fn wait(&mut self, waker: &Waker) -> Option<Waker> {
        let known = self.waker.as_ref().is_some_and(|known| known.will_wake(waker));
        if known { None } else { self.waker.replace(waker.clone()) }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves of an id")]
fn split(call: u64) -> (u32, u32) {
    (call as u32, (call >> 32) as u32)
}

fn ends_stream(message: &Message) -> bool {
    match Head::read(&message.payload).map(|head| head.kind) {
        Ok(Kind::End | Kind::Failed) => true,
        Ok(
            Kind::OneWay
            | Kind::Call
            | Kind::Reply
            | Kind::Error
            | Kind::Cancel
            | Kind::Flush
            | Kind::Flushed
            | Kind::Item
            | Kind::Grant,
        )
        | Err(_) => false,
    }
}
