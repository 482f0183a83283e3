//! A message reaches the end of its route: joined from its fragments, checked against what its sender may have under
//! way, and queued for the application.

use alloc::boxed::Box;

use bytes::BytesMut;

use super::Node;
use crate::id::PortId;
use crate::kind::FrameKind;
use crate::limits::Limits;
use crate::message::Data;
use crate::name::{Address, NameSource};
use crate::output::Output;
use crate::payload::Payload;
use crate::port::queue::Queues;
use crate::port::{Active, Assembly, Holder, Port, State};
use crate::violation::RouteError;

/// How much is set aside for a large message when its first fragment comes, in bytes; the rest as it arrives.
const FIRST_RESERVE: u64 = 4 << 20;
/// The same as a multiple of that fragment: who announces much and sends little gets little.
const FIRST_MULTIPLE: u64 = 32;

impl<H, S: NameSource> Node<H, S> {
    /// A message, or a fragment of one, has come from the writer of the end `id`.
    pub(super) fn data_at_end(&mut self, id: PortId, from: Address, mut data: Data<H>) {
        if let Some(place) = data.cargo.iter().position(|&cargo| cargo == id) {
            // The peer became adjacent while the message was under way. Queued in itself the end could never be
            // reached again, so it is closed, and the message that carried it goes with it.
            data.cargo.remove(place);
            self.discard(data);
            return self.close_quietly(alloc::vec![id]);
        }
        let via = data.via;
        let bytes = bytes_of(&data);
        let limits = &self.limits;
        let Some(Port { state: State::Active(active), .. }) = self.ports.get_mut(id) else { return };
        match active.arrive(&mut self.queues, data, limits) {
            Ok(Arrival::Part) => self.charge_arrival(via, bytes, id, from),
            Ok(Arrival::Whole { first }) => {
                let held = active.holder == Holder::Application;
                self.signal(first && held, Output::Readable(id));
                self.charge_arrival(via, bytes, id, from);
            }
            Err((data, error)) => {
                self.discard(data);
                self.route_error(id, from, error);
            }
        }
    }

    /// Charges a link for bytes that wait here now; above its bound, the route that brought the last of them fails.
    fn charge_arrival(&mut self, via: Option<crate::id::LinkId>, bytes: u64, id: PortId, from: Address) {
        let limit = self.limits.link_bytes;
        let Some(link) = via.and_then(|via| self.link_mut(via)) else { return };
        link.held = link.held.saturating_add(bytes);
        let held = link.held;
        if held > limit {
            self.route_error(id, from, RouteError::LinkOverrun { held, limit });
        }
    }
}

/// What an arrival completed.
enum Arrival {
    /// More fragments of the message are to come.
    Part,
    /// A message is whole; `first`: nothing waited before it.
    Whole { first: bool },
}

impl<H> Active<H> {
    /// Queues a message or adds a fragment; gives it back with what is wrong with it.
    fn arrive(
        &mut self,
        queues: &mut Queues<H>,
        data: Data<H>,
        limits: &Limits,
    ) -> Result<Arrival, (Data<H>, RouteError)> {
        if data.continues() {
            return self.continue_message(queues, data);
        }
        if self.assembly.is_some() {
            return Err((data, out_of_place("a message begins inside another")));
        }
        let announced = match self.admit(bytes_of(&data), data.cost, data.attachments(), data.more, limits) {
            Ok(announced) => announced,
            Err(error) => return Err((data, error)),
        };
        if data.more {
            self.charge(data.cost);
            self.assembly = Some(Box::new(Assembly::begin(data, announced)));
            return Ok(Arrival::Part);
        }
        Ok(Arrival::Whole { first: self.accept(queues, data) })
    }

    /// Counts the cost of a message that was admitted.
    #[inline]
    fn charge(&mut self, cost: u32) {
        self.credit.arrived(cost);
        self.unread = self.unread.saturating_add(u64::from(cost));
    }

    /// Queues a whole message that was admitted; says whether nothing waited before it.
    #[inline]
    pub(super) fn accept(&mut self, queues: &mut Queues<H>, whole: Data<H>) -> bool {
        self.charge(whole.cost);
        let first = self.queue.is_empty();
        queues.push(&mut self.queue, whole);
        first
    }

    /// Whether a whole message without attachments may come for certain: it costs what it should and stays inside the
    /// window, below every bound that [`admit`](Self::admit) knows.
    #[inline]
    pub(super) fn admits_plain(&self, size: u64, cost: u32, limits: &Limits) -> bool {
        let (window, cost) = (self.credit.window, u64::from(cost));
        cost == size.saturating_add(Limits::cost(0, 0))
            && size <= u64::from(limits.max_message)
            && self.unread.saturating_add(cost) <= u64::from(window.bytes)
            && self.queue.len() < window.messages
    }

    /// The payload that a message announces, if it may come. `size`: the payload in bytes that came with this fragment.
    #[inline]
    fn admit(&self, size: u64, cost: u32, attachments: usize, more: bool, limits: &Limits) -> Result<u64, RouteError> {
        let announced = Limits::payload_of(cost, attachments).ok_or(RouteError::Cost { size, cost })?;
        if size > announced || (!more && size < announced) {
            return Err(RouteError::Cost { size, cost });
        }
        let limit = u64::from(limits.max_message);
        if announced > limit {
            return Err(RouteError::MessageTooLarge { size: announced, limit });
        }
        let waiting = usize::try_from(self.queue.len()).unwrap_or(usize::MAX);
        let (unread, messages) = (self.unread.saturating_add(u64::from(cost)), waiting.saturating_add(1));
        let window = self.credit.window;
        let limit = limits.hard_cap(window).saturating_add(Limits::cost(0, attachments));
        let most_messages = usize::try_from(window.messages).unwrap_or(usize::MAX).saturating_mul(4).saturating_add(1);
        if unread > limit || messages > most_messages {
            return Err(RouteError::Overrun { unread, messages, limit });
        }
        Ok(announced)
    }

    fn continue_message(&mut self, queues: &mut Queues<H>, data: Data<H>) -> Result<Arrival, (Data<H>, RouteError)> {
        let Some(assembly) = &mut self.assembly else {
            return Err((data, out_of_place("a fragment continues no message")));
        };
        let size = assembly.size().saturating_add(bytes_of(&data));
        if size > assembly.announced || (!data.more && size < assembly.announced) {
            return Err((data, RouteError::Cost { size, cost: assembly.first.cost }));
        }
        assembly.bytes.extend_from_slice(&data.payload);
        if data.more {
            return Ok(Arrival::Part);
        }
        match self.assembly.take() {
            Some(assembly) => {
                let first = self.queue.is_empty();
                queues.push(&mut self.queue, assembly.into_data(false));
                Ok(Arrival::Whole { first })
            }
            None => Ok(Arrival::Part),
        }
    }
}

impl<H> Assembly<H> {
    fn begin(mut first: Data<H>, announced: u64) -> Self {
        let most = bytes_of(&first).saturating_mul(FIRST_MULTIPLE).min(FIRST_RESERVE);
        let reserve = usize::try_from(announced.min(most)).unwrap_or_default();
        let mut bytes = BytesMut::with_capacity(reserve);
        bytes.extend_from_slice(&first.payload);
        first.payload = Payload::new();
        Self { first, bytes, announced }
    }

    fn size(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap_or(u64::MAX)
    }

    /// The message as far as it has come; `more`: the rest will follow.
    pub(crate) fn into_data(self, more: bool) -> Data<H> {
        Data { payload: Payload::from(self.bytes.freeze()), more, ..self.first }
    }
}

#[inline]
fn bytes_of<H>(data: &Data<H>) -> u64 {
    u64::try_from(data.payload.len()).unwrap_or(u64::MAX)
}

fn out_of_place(why: &'static str) -> RouteError {
    RouteError::OutOfPlace { kind: FrameKind::Data, why }
}
