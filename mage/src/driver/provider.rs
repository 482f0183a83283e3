//! What the bindings call: the node as a [`Backend`].

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use mage_proto::NodeName;
use smallvec::SmallVec;

use super::effect::{Dropped, Effect, Effects};
use super::flush::{LARGE, flush_before_sleep};
use super::inward::Expected;
use super::seat::{For, GONE, Seat, Waits};
use super::{Core, Driver, State};
use crate::adapter::{BoxFuture, Patience, WouldDeadlock};
use crate::backend::{Backend, End, MergeError};
use crate::pipe::{CloseReason, Message, MessagePipe, SendErrorKind};

type CoreMessage = mage_proto::Message<std::os::fd::OwnedFd>;
/// Seats whose ports are on their way into a message.
type Packed = SmallVec<[(End, Waits); 2]>;

impl Driver {
    /// Notes what the calling thread will wait for next, should it wait.
    fn expect(&self, what: Expected) {
        match what {
            Expected::Answer => Patience::expect_answer(),
            Expected::Room => Patience::expect_room(),
        }
        self.lookout.expect(what);
    }

    fn owns(&self, pipe: &MessagePipe) -> bool {
        std::ptr::addr_eq(Arc::as_ptr(pipe.backend()), self)
    }

    /// Asks `ready` under the lock; registers a clone of `waker` when it says that it is not yet time. The clone is made
    /// before, outside the lock: that it is in vain now and then costs less than a second look each time.
    #[inline]
    fn wait_for<T>(
        &self,
        end: End,
        what: For,
        waker: Option<&Waker>,
        ready: impl FnOnce(&mut State, &mut Effects) -> Option<T>,
    ) -> Poll<T> {
        let mut clone = waker.cloned();
        let mut effects = Effects::new();
        let polled = self.enter(&mut effects, |state, effects| {
            if let Some(value) = ready(state, effects) {
                return Poll::Ready(value);
            }
            if let Some(seat) = state.seats.get_mut(end)
                && let Some(clone) = clone.take_if(|clone| !seat.waits.knows(what, clone))
            {
                let registered = seat.waits.register(what, clone);
                effects.extend(registered.replaced.map(|waker| Effect::Drop(Dropped::Waker(waker))));
                if !registered.crowd.is_empty() {
                    effects.extend(registered.crowd.into_iter().map(Effect::Wake));
                }
            }
            Poll::Pending
        });
        self.perform(&mut effects);
        polled
    }
}

impl State {
    /// Sends what is in `slot`, or leaves it there. (Messages are large: handing one up and down costs more than all the
    /// rest of a send.)
    #[inline]
    fn send(&mut self, end: End, slot: &mut Message, effects: &mut Effects) -> Result<(), SendErrorKind> {
        if !slot.pipes.is_empty() {
            return self.send_cargo(end, slot, effects);
        }
        let (Some(core), Some(seat)) = (&mut self.core, self.seats.get(end)) else {
            return Err(SendErrorKind::Closed(self.gone()));
        };
        if slot.handles.is_empty() && core.send_payload(&seat.port, &mut slot.payload) {
            return Ok(());
        }
        let (payload, handles) = (mem::take(&mut slot.payload), mem::take(&mut slot.handles));
        match core.send(&seat.port, CoreMessage { payload, cargo: Vec::new(), handles }) {
            Ok(()) => Ok(()),
            Err(error) => {
                slot.payload = error.message.payload;
                slot.handles = error.message.handles;
                Err(kind(error.kind))
            }
        }
    }

    fn send_cargo(&mut self, end: End, slot: &mut Message, effects: &mut Effects) -> Result<(), SendErrorKind> {
        if slot.pipes.iter().any(|pipe| pipe.end() == end) {
            return Err(SendErrorKind::OwnPipe);
        }
        if slot.pipes.iter().any(|pipe| self.seats.get(pipe.end()).is_none()) {
            return Err(SendErrorKind::Foreign);
        }
        let (Some(core), Some(from)) = (&mut self.core, self.seats.take(end)) else {
            return Err(SendErrorKind::Closed(self.gone()));
        };
        let mut packed = Packed::new();
        let mut cargo = Vec::with_capacity(slot.pipes.len());
        for pipe in &slot.pipes {
            if let Some(Seat { port, waits }) = self.seats.take(pipe.end()) {
                packed.push((pipe.end(), waits));
                cargo.push(port);
            }
        }
        let (payload, handles) = (mem::take(&mut slot.payload), mem::take(&mut slot.handles));
        let sent = core.send(&from.port, CoreMessage { payload, cargo, handles });
        self.seats.put_back(end, from);
        match sent {
            Ok(()) => {
                // The pipes stay in the slot: their ends are gone, so that dropping them closes nothing.
                for (_, mut waits) in packed {
                    effects.extend(waits.take_all().into_iter().map(Effect::Wake));
                }
                Ok(())
            }
            Err(error) => {
                for (port, (end, waits)) in error.message.cargo.into_iter().zip(packed) {
                    self.seats.put_back(end, Seat { port, waits });
                }
                slot.payload = error.message.payload;
                slot.handles = error.message.handles;
                Err(kind(error.kind))
            }
        }
    }

    /// Moves messages to the back of `into`; `None` when there are none yet.
    #[inline]
    fn receive(&mut self, end: End, max: usize, into: &mut VecDeque<Message>) -> Option<Result<(), CloseReason>> {
        let (Some(core), Some(seat)) = (&mut self.core, self.seats.get(end)) else {
            return Some(Err(self.gone()));
        };
        let mut arrived = Vec::new();
        let taken = core.receive_parts(&seat.port, max, |payload, cargo, handles| {
            if !cargo.is_empty() {
                arrived.push((into.len(), cargo));
            }
            into.push_back(Message { payload: mem::take(payload), pipes: Vec::new(), handles: mem::take(handles) });
        });
        if !arrived.is_empty() {
            self.unpack(arrived, into);
        }
        match taken {
            Ok(0) => None,
            Ok(_) => Some(Ok(())),
            Err(reason) => Some(Err(reason)),
        }
    }

    /// Gives the ports of messages, named by their places in `into`, to the application.
    #[cold]
    fn unpack(&mut self, arrived: Vec<(usize, Vec<mage_proto::Port>)>, into: &mut VecDeque<Message>) {
        for (place, cargo) in arrived {
            let pipes = cargo.into_iter().filter_map(|port| self.adopt(port)).collect();
            if let Some(message) = into.get_mut(place) {
                message.pipes = pipes;
            }
        }
    }

    /// Gives everything that waits to `each` and makes `waker` the reader; gives back which waker is none.
    #[inline]
    fn drain(
        &mut self,
        end: End,
        waker: Waker,
        each: &mut dyn FnMut(&mut Message),
    ) -> (Option<Waker>, Result<(), CloseReason>) {
        let (Some(core), Some(seat)) = (&mut self.core, self.seats.get(end)) else {
            return (Some(waker), Err(self.gone()));
        };
        let mut late = Vec::new();
        let drained = core.receive_parts(&seat.port, usize::MAX, |payload, cargo, handles| {
            let (payload, handles) = (mem::take(payload), mem::take(handles));
            let mut message = Message { payload, pipes: Vec::new(), handles };
            if cargo.is_empty() && late.is_empty() {
                each(&mut message);
            } else {
                late.push((message, cargo));
            }
        });
        if !late.is_empty() {
            self.unpack_each(late, each);
        }
        match (drained, self.ended(end), self.seats.get_mut(end)) {
            (Err(reason), _, _) | (Ok(_), Some(reason), _) => (Some(waker), Err(reason)),
            (Ok(_), None, Some(seat)) => (seat.waits.replace_reader(waker), Ok(())),
            (Ok(_), None, None) => (Some(waker), Err(self.gone())),
        }
    }

    /// Gives the ports of messages to the application, and the messages to `each`: the first with ports and all that came
    /// after it, so that they keep their order.
    #[cold]
    fn unpack_each(&mut self, late: Vec<(Message, Vec<mage_proto::Port>)>, each: &mut dyn FnMut(&mut Message)) {
        for (mut message, cargo) in late {
            message.pipes = cargo.into_iter().filter_map(|port| self.adopt(port)).collect();
            each(&mut message);
        }
    }

    fn create_pipe(&mut self) -> (End, End) {
        let Some((a, b)) = self.open_core().map(Core::create_pipe) else { return (GONE, GONE) };
        (self.seats.insert(a), self.seats.insert(b))
    }

    fn merge(&mut self, a: End, b: End, effects: &mut Effects) -> Result<(), MergeError> {
        if self.seats.get(a).is_none() || self.seats.get(b).is_none() {
            // As if the end that is gone had been closed just after.
            self.close(a, 0, "", effects);
            self.close(b, 0, "", effects);
            return Ok(());
        }
        let (Some(core), Some(one), Some(other)) = (&mut self.core, self.seats.take(a), self.seats.take(b)) else {
            return Ok(());
        };
        let (Seat { port: one, waits: mut at_one }, Seat { port: other, waits: mut at_other }) = (one, other);
        match core.merge(one, other) {
            Ok(()) => {
                effects.extend(at_one.take_all().into_iter().chain(at_other.take_all()).map(Effect::Wake));
                Ok(())
            }
            Err((error, one, other)) => {
                self.seats.put_back(a, Seat { port: one, waits: at_one });
                self.seats.put_back(b, Seat { port: other, waits: at_other });
                Err(merge_error(error))
            }
        }
    }

    fn close(&mut self, end: End, code: u32, text: &str, effects: &mut Effects) {
        let Some(Seat { port, mut waits }) = self.seats.take(end) else { return };
        effects.extend(waits.take_all().into_iter().map(Effect::Wake));
        if let Some(core) = &mut self.core {
            core.close(port, code, text);
        }
    }

    fn ended(&self, end: End) -> Option<CloseReason> {
        match (&self.core, self.seats.get(end)) {
            (Some(core), Some(seat)) => core.ended(&seat.port).cloned(),
            (_, _) => Some(self.gone()),
        }
    }

    fn is_writable(&self, end: End) -> bool {
        match (&self.core, self.seats.get(end)) {
            (Some(core), Some(seat)) => core.is_writable(&seat.port),
            (_, _) => false,
        }
    }
}

impl Backend for Driver {
    fn create_pipe(&self) -> (End, End) {
        let ends = self.enter(&mut Effects::new(), |state, _| state.create_pipe());
        self.names.stock_up();
        ends
    }

    fn send(&self, end: End, message: &mut Message) -> Result<(), SendErrorKind> {
        self.expect(Expected::Answer);
        if !message.pipes.iter().all(|pipe| self.owns(pipe)) {
            return Err(SendErrorKind::Foreign);
        }
        let large = message.payload.len() >= LARGE;
        let mut effects = Effects::new();
        let sent = self.enter(&mut effects, |state, effects| state.send(end, message, effects));
        self.perform_sent(&mut effects, large);
        sent
    }

    fn receive(
        &self,
        end: End,
        max: usize,
        into: &mut VecDeque<Message>,
        waker: Option<&Waker>,
    ) -> Poll<Result<(), CloseReason>> {
        self.wait_for(end, For::Reading, waker, |state, _| state.receive(end, max, into))
    }

    fn drain(&self, end: End, waker: Waker, each: &mut dyn FnMut(&mut Message)) -> Result<(), CloseReason> {
        let mut effects = Effects::new();
        let (released, drained) = self.enter(&mut effects, |state, _| state.drain(end, waker, each));
        self.perform(&mut effects);
        drop(released);
        drained
    }

    fn poll_writable(&self, end: End, waker: Option<&Waker>) -> Poll<Result<(), CloseReason>> {
        let polled = self.wait_for(end, For::Writing, waker, |state, _| match state.ended(end) {
            Some(reason) => Some(Err(reason)),
            None => state.is_writable(end).then_some(Ok(())),
        });
        if polled.is_pending() {
            self.expect(Expected::Room);
        }
        polled
    }

    fn poll_closed(&self, end: End, waker: Option<&Waker>) -> Poll<CloseReason> {
        self.wait_for(end, For::Closing, waker, |state, _| state.ended(end))
    }

    fn merge(&self, a: End, b: End) -> Result<(), MergeError> {
        let mut effects = Effects::new();
        let merged = self.enter(&mut effects, |state, effects| state.merge(a, b, effects));
        self.perform_sent(&mut effects, false);
        merged
    }

    fn close(&self, end: End, code: u32, text: &str) {
        let mut effects = Effects::new();
        self.enter(&mut effects, |state, effects| state.close(end, code, text, effects));
        self.perform_closed(&mut effects);
    }

    fn reject(&self, end: End, reason: &str) -> Option<NodeName> {
        let mut effects = Effects::new();
        let source = self.enter(&mut effects, |state, _| {
            let (core, seat) = (state.core.as_mut()?, state.seats.get(end)?);
            let source = core.source(&seat.port)?;
            core.reject(source, reason);
            Some(source)
        });
        self.perform(&mut effects);
        source?.node
    }

    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) -> Result<(), WouldDeadlock> {
        flush_before_sleep();
        self.adapter.block_on(pin!(Flushing(future)))
    }

    fn spawn(&self, future: BoxFuture<()>) {
        self.adapter.spawn(future);
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<()> {
        self.adapter.sleep_until(deadline)
    }
}

/// Writes what the future queued each time that its thread is about to sleep for it.
struct Flushing<'a>(Pin<&'a mut dyn Future<Output = ()>>);

impl Future for Flushing<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let polled = self.0.as_mut().poll(cx);
        if polled.is_pending() {
            flush_before_sleep();
        }
        polled
    }
}

fn kind(kind: mage_proto::SendErrorKind) -> SendErrorKind {
    use mage_proto::SendErrorKind as Kind;
    match kind {
        Kind::Closed(reason) => SendErrorKind::Closed(reason),
        Kind::Full => SendErrorKind::Full,
        Kind::TooLarge { size, limit } => SendErrorKind::TooLarge { size, limit },
        Kind::TooManyAttachments { .. } => SendErrorKind::TooManyAttachments,
        Kind::OwnPipe => SendErrorKind::OwnPipe,
        Kind::BadPort => SendErrorKind::Foreign,
        Kind::Isolated => SendErrorKind::Isolated,
        // Whatever a later core refuses, the message stays with its sender.
        _ => SendErrorKind::Foreign,
    }
}

fn merge_error(error: mage_proto::MergeError) -> MergeError {
    use mage_proto::MergeError as Error;
    match error {
        Error::WindowsDiffer => MergeError::WindowsDiffer,
        Error::BadPort => MergeError::Foreign,
        _ => MergeError::Foreign,
    }
}
