//! Bytes arrive: frames are cut from the stream, checked, and handed to their conversation.
//!
//! A small payload is copied out of the receive buffer; a large one is a slice of it. What a frame brings is accepted
//! before it is known who wants it, so that a moved port is never lost with its carrier.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::{Buf, BytesMut};

use super::Node;
use super::plain::SLICED;
use crate::close::Loss;
use crate::control::Control;
use crate::event::{Descriptor, Event, EventKind};
use crate::frame::{Body, DataHead, HEAD_LEN, Head, PlainEvent};
use crate::id::LinkId;
use crate::id::PortId;
use crate::kind::FrameKind;
use crate::link::LinkState;
use crate::message::Data;
use crate::name::{Address, NameSource, NodeName, PortName};
use crate::note::{MAX_NOTE, Note};
use crate::output::Discard;
use crate::payload::Payload;
use crate::violation::Violation;

impl<H, S: NameSource> Node<H, S> {
    /// Takes every whole frame from the front of `input`, and the handles that came with them from the front of
    /// `handles`. What is left of `input` is the beginning of a frame; append to it what the link brings next
    /// ([`wanted`](Self::wanted) says how much is missing). Input for a link that has ended is dropped.
    ///
    /// # Errors
    ///
    /// What the other side did that no honest node does. The link is being ended by outputs then; other links and
    /// their routes go on.
    pub fn handle_bytes(
        &mut self,
        link: LinkId,
        input: &mut BytesMut,
        handles: &mut VecDeque<H>,
    ) -> Result<(), Violation> {
        self.handle_frames(link, input, handles, Notes::PassedOver).map(drop).inspect_err(|violation| {
            self.break_off_link(link, input, handles, *violation);
        })
    }

    /// Does what [`handle_bytes`](Self::handle_bytes) does up to the first [note](Note) of the driver at the other end,
    /// which it returns: what is behind it is still in `input`, and nobody else looks at it before the next call.
    ///
    /// # Errors
    ///
    /// As for `handle_bytes`.
    pub fn handle_bytes_and_notes(
        &mut self,
        link: LinkId,
        input: &mut BytesMut,
        handles: &mut VecDeque<H>,
    ) -> Result<Option<Note<H>>, Violation> {
        self.handle_frames(link, input, handles, Notes::Wanted).inspect_err(|violation| {
            self.break_off_link(link, input, handles, *violation);
        })
    }

    /// The driver at the other end breaks what the two drivers agreed on: the link ends. A stale link is
    /// ignored.
    pub fn handle_bad_driver(&mut self, link: LinkId, why: &'static str) {
        if self.link(link).is_none() {
            return;
        }
        self.end_link(link, Some(Violation::Driver { why }));
        self.run();
    }

    fn break_off_link(&mut self, link: LinkId, input: &mut BytesMut, handles: &mut VecDeque<H>, violation: Violation) {
        input.clear();
        self.discard_later(Discard::Handles(core::mem::take(handles).into()));
        self.end_link(link, Some(violation));
        self.run();
    }

    /// How many bytes are missing of the frame at the front of `input`; zero when that is not known yet, or when the
    /// frame is one that ends the link.
    #[must_use]
    pub fn wanted(&self, input: &[u8]) -> usize {
        match Head::read(input, &self.limits) {
            Ok(Some(head)) => head.len().saturating_sub(input.len()),
            Ok(None) | Err(_) => 0,
        }
    }

    fn handle_frames(
        &mut self,
        link: LinkId,
        input: &mut BytesMut,
        handles: &mut VecDeque<H>,
        notes: Notes,
    ) -> Result<Option<Note<H>>, Violation> {
        loop {
            if self.link(link).is_none() {
                input.clear();
                self.discard_later(Discard::Handles(core::mem::take(handles).into()));
                return Ok(None);
            }
            if let Some(node) = self.node_of(link) {
                self.handle_plain(link, node, input);
                if input.is_empty() {
                    // Nearly always: whole messages arrived, and nothing else.
                    break;
                }
            }
            let Some(head) = Head::read(input, &self.limits)? else { break };
            let Some(frame) = input.get(..head.len()) else { break };
            let announced = usize::from(head.handles);
            let body = self.inward(link, head.body(frame, &self.limits)?);
            if handles.len() < announced {
                self.take_shortage(link, head.handles, handles)?;
                self.handle_short(link, body, input, head.len())?;
                self.run();
                continue;
            }
            match body {
                Body::Data { dest, from, head: data } => {
                    let node = self.entitled_node(link, FrameKind::Data)?;
                    self.check_descriptors(FrameKind::Data, node, &data.cargo)?;
                    let payload = cut_payload(input, head.len(), data.payload_at);
                    let taken: Vec<H> = if announced == 0 { Vec::new() } else { handles.drain(..announced).collect() };
                    self.handle_data(link, Address { node, port: from }, dest, data, payload, taken);
                }
                Body::Event { dest, from, kind } => {
                    let node = self.entitled_node(link, kind.frame_kind())?;
                    input.advance(head.len());
                    self.handle_event(Address { node, port: from }, dest, kind);
                }
                Body::Control(control) => {
                    self.handle_control(link, control, handles, announced)?;
                    if input.len() >= head.len() {
                        input.advance(head.len());
                    }
                }
                Body::Unknown => {
                    let said = cut_payload(input, head.len(), HEAD_LEN);
                    let handles = handles.drain(..announced).collect();
                    match notes {
                        Notes::Wanted if head.is_note() && said.len() <= MAX_NOTE => {
                            return Ok(Some(Note { said, handles }));
                        }
                        Notes::Wanted | Notes::PassedOver => self.discard_later(Discard::Handles(handles)),
                    }
                }
            }
            self.run();
        }
        if input.is_empty() && !handles.is_empty() {
            return Err(Violation::StrayHandles { count: handles.len() });
        }
        Ok(None)
    }

    /// Says that handles were lost on their way in because this process has no room for more descriptors (the driver
    /// saw it when it received). The frame that lacks them fails by itself, as a local shortage: its message's pipe
    /// ends, its introduction is tried again. Call it before [`handle_bytes`](Self::handle_bytes) with what came.
    pub fn handle_truncated(&mut self, link: LinkId) {
        if let Some(link) = self.link_mut(link) {
            link.shortages = link.shortages.saturating_add(1);
        }
    }

    /// A frame lacks handles: a violation, unless they were lost on the way in. Those that did come are dropped.
    fn take_shortage(&mut self, id: LinkId, announced: u16, handles: &mut VecDeque<H>) -> Result<(), Violation> {
        let arrived = handles.len();
        match self.link_mut(id) {
            Some(link) if link.shortages > 0 => link.shortages = link.shortages.saturating_sub(1),
            Some(_) | None => return Err(Violation::Handles { announced, arrived }),
        }
        self.discard_later(Discard::Handles(core::mem::take(handles).into()));
        Ok(())
    }

    /// Handles a frame whose handles were lost on the way in.
    fn handle_short(&mut self, link: LinkId, body: Body, input: &mut BytesMut, length: usize) -> Result<(), Violation> {
        match body {
            Body::Data { dest, from, head } => {
                let node = self.entitled_node(link, FrameKind::Data)?;
                self.check_descriptors(FrameKind::Data, node, &head.cargo)?;
                input.advance(length);
                let cargo = self.accept_cargo(head.cargo, node, link);
                self.close_quietly(cargo);
                let from = Address { node, port: from };
                match self.ports.find(dest) {
                    Some(id) if self.ports.get(id).is_some_and(|port| port.writer.address() == from) => {
                        self.fail(id, None, Loss::Exhausted);
                    }
                    // Where its turn has not come, the gap is where its sender's stream breaks off.
                    Some(_) | None => {
                        let dest = self.address(dest);
                        self.deliver(Event { dest, from, kind: EventKind::Gone { reply: false } });
                    }
                }
            }
            Body::Control(control) => {
                input.advance(length);
                match control {
                    Control::Meet { node, attempt } => self.meet_came_without_handle(node, attempt),
                    Control::Refer { .. } | Control::Welcome(_) => self.end_link(link, None),
                    Control::Greet(_)
                    | Control::ReferOk { .. }
                    | Control::ReferNo { .. }
                    | Control::Seek { .. }
                    | Control::MeetFailed { .. }
                    | Control::NoMeet { .. }
                    | Control::Bye => {}
                }
            }
            Body::Event { .. } | Body::Unknown => input.advance(length),
        }
        Ok(())
    }

    fn accept_cargo(&mut self, cargo: Vec<Descriptor>, from: NodeName, link: LinkId) -> Vec<PortId> {
        cargo.into_iter().map(|descriptor| self.accept_port(descriptor, from, link)).collect()
    }

    /// The node that events over `link` come from.
    fn entitled_node(&self, link: LinkId, kind: FrameKind) -> Result<NodeName, Violation> {
        match self.link(link).map(|link| &link.state) {
            Some(LinkState::Up { node, .. } | LinkState::Leaving { node, .. }) => Ok(*node),
            Some(
                LinkState::Inviting(_)
                | LinkState::Accepting
                | LinkState::Greeted { .. }
                | LinkState::ToBroker { .. }
                | LinkState::Referred { .. }
                | LinkState::Introduced { .. },
            )
            | None => Err(Violation::OutOfPlace { kind, why: "the two nodes have not met yet" }),
        }
    }

    fn handle_data(
        &mut self,
        link: LinkId,
        from: Address,
        dest: PortName,
        head: DataHead,
        payload: Payload,
        handles: Vec<H>,
    ) {
        let DataHead { cost, more, starved, hops, cargo, .. } = head;
        let cargo = self.accept_cargo(cargo, from.node, link);
        let handles = handles.into();
        let data = Data { payload, cargo, handles, cost, more, starved, hops, via: Some(link) };
        self.deliver(Event { dest: self.address(dest), from, kind: EventKind::Data(data) });
    }

    fn handle_event(&mut self, from: Address, dest: PortName, kind: PlainEvent) {
        let kind = match kind {
            EventKind::Data(mut data) => match data.handles.take().pop() {
                Some(never) => match never {},
                None => return,
            },
            EventKind::Close(closing) => EventKind::Close(closing),
            EventKind::Handoff { next, sure } => EventKind::Handoff { next, sure },
            EventKind::Hello { peer, origin, hops } => EventKind::Hello { peer, origin, hops },
            EventKind::End => EventKind::End,
            EventKind::Gone { reply } => EventKind::Gone { reply },
            EventKind::Credit(account) => EventKind::Credit(account),
        };
        self.deliver(Event { dest: self.address(dest), from, kind });
    }

    /// A frame between nodes. Those that bring handles say how many they must bring.
    fn handle_control(
        &mut self,
        link: LinkId,
        control: Control,
        handles: &mut VecDeque<H>,
        announced: usize,
    ) -> Result<(), Violation> {
        let kind = control.frame_kind();
        let expected = match &control {
            Control::Welcome(welcome) => usize::from(welcome.me != welcome.broker),
            Control::Refer { .. } | Control::Meet { .. } => 1,
            Control::Greet(_)
            | Control::ReferOk { .. }
            | Control::ReferNo { .. }
            | Control::Seek { .. }
            | Control::MeetFailed { .. }
            | Control::NoMeet { .. }
            | Control::Bye => 0,
        };
        if announced != expected {
            let value = u64::try_from(announced).unwrap_or(u64::MAX);
            let why = if expected == 0 { "it brings none" } else { "it brings one" };
            return Err(Violation::Value { kind, field: "number of handles", value, why });
        }
        let mut handle = if expected == 1 { handles.pop_front() } else { None };
        let result = match control {
            Control::Greet(greet) => self.handle_greet(link, greet),
            Control::Welcome(welcome) => self.handle_welcome(link, welcome, &mut handle),
            Control::Refer { id } => self.handle_refer(link, id, &mut handle),
            Control::Meet { node, attempt } => self.handle_meet(link, node, attempt, &mut handle),
            Control::ReferOk { id, node } => self.handle_refer_ok(link, id, node),
            Control::ReferNo { id } => self.handle_refer_no(link, id),
            Control::Seek { node } => self.handle_seek(link, node),
            Control::MeetFailed { node, attempt } => self.handle_meet_failed(link, node, attempt),
            Control::NoMeet { node } => self.handle_no_meet(link, node),
            Control::Bye => self.handle_bye(link),
        };
        // Whoever has no use for the handle leaves it.
        if let Some(handle) = handle {
            self.discard_later(Discard::Handle(handle));
        }
        result.map_err(|why| match why {
            Refusal::OutOfPlace(why) => Violation::OutOfPlace { kind, why },
            Refusal::Malformed(field) => Violation::Malformed { kind, field },
            Refusal::Violation(violation) => violation,
        })
    }
}

/// Whether a driver wants to hear what the one at the other end says.
#[derive(Debug, Clone, Copy)]
enum Notes {
    Wanted,
    PassedOver,
}

/// Why a node's frame is refused; the kind is added by the caller.
#[derive(Debug, Clone, Copy)]
pub(super) enum Refusal {
    OutOfPlace(&'static str),
    Malformed(&'static str),
    Violation(Violation),
}

/// Takes the frame of `length` bytes from the front of `input` and returns what lies from `at` to its end.
fn cut_payload(input: &mut BytesMut, length: usize, at: usize) -> Payload {
    if length.saturating_sub(at) >= SLICED {
        let mut frame = input.split_to(length);
        frame.advance(at);
        return Payload::from(frame.freeze());
    }
    let payload = Payload::copy_from_slice(input.get(at..length).unwrap_or_default());
    input.advance(length);
    payload
}
