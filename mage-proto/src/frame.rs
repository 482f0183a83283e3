//! Frames: the length-delimited units of a link, their head, and the decoder that takes one from the front of a stream.
//!
//! ```text
//!   every frame   u32 length (of the whole frame) | u8 kind | u8 flags | u16 handles
//!   an event      … | u128 dest (port) | u128 from (port, on the sending node) | body
//!   Data          … | u16 ports | u8 hops | u8 0 | u32 cost | ports × descriptor | payload        flags: MORE, STARVED
//!   a control     … | body
//! ```

use alloc::vec::Vec;

use crate::control::{Control, read_descriptors};
use crate::event::{DESCRIPTOR_LEN, Descriptor, EventKind};
use crate::fields::Fields;
use crate::kind::{FrameKind, NOTE};
use crate::limits::Limits;
use crate::name::PortName;
use crate::violation::Violation;
use crate::wire::{Reader, Writer};

/// The head of every frame, in bytes.
pub(crate) const HEAD_LEN: usize = 8;
/// The head of an event, in bytes.
const EVENT_HEAD_LEN: usize = HEAD_LEN + 32;
/// Kinds from here on may be skipped by who does not know them, so that later versions can say more.
const FIRST_OPTIONAL_KIND: u8 = 0x80;
/// The head of a Data frame up to its descriptors, in bytes: the overhead of a small message.
pub(crate) const DATA_HEAD_LEN: usize = EVENT_HEAD_LEN + 8;
/// Another fragment of the same message follows.
const MORE: u8 = 1;
/// The sender's credit is used up.
const STARVED: u8 = 2;

/// A Data frame that brings a whole message without ports and handles: nearly every one. Its payload begins at
/// [`DATA_HEAD_LEN`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainData {
    pub(crate) dest: PortName,
    pub(crate) from: PortName,
    pub(crate) cost: u32,
    pub(crate) starved: bool,
}

/// The first eight bytes of a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) length: u32,
    kind: u8,
    flags: u8,
    pub(crate) handles: u16,
}

/// A frame without its payload, which stays where it was received until somebody is known to want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    Data {
        dest: PortName,
        from: PortName,
        head: DataHead,
    },
    /// Any event but Data.
    Event {
        dest: PortName,
        from: PortName,
        kind: PlainEvent,
    },
    Control(Control),
    /// A note of the driver at the other end, or a frame of a later version: to be passed over.
    Unknown,
}

/// An event without a message in it, so that its handle type does not matter.
pub(crate) type PlainEvent = EventKind<core::convert::Infallible>;

/// What stands before the payload of a Data frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataHead {
    pub(crate) cost: u32,
    pub(crate) more: bool,
    pub(crate) starved: bool,
    pub(crate) hops: u8,
    pub(crate) cargo: Vec<Descriptor>,
    /// Where the payload begins, counted from the start of the frame.
    pub(crate) payload_at: usize,
}

impl Head {
    /// Reads the head of the frame at the front of `input`; `None` until it is there whole.
    #[inline]
    pub(crate) fn read(input: &[u8], limits: &Limits) -> Result<Option<Self>, Violation> {
        let mut reader = Reader::new(input);
        let (Some(length), Some(kind), Some(flags), Some(handles)) =
            (reader.u32(), reader.u8(), reader.u8(), reader.u16())
        else {
            return Ok(None);
        };
        let (least, most) = (8, limits.max_frame);
        if !(least..=most).contains(&length) {
            return Err(Violation::FrameLength { length, least, most });
        }
        if handles > limits.handles {
            return Err(Violation::TooManyHandles { announced: handles, most: limits.handles });
        }
        Ok(Some(Self { length, kind, flags, handles }))
    }

    /// Whether it is a [note](crate::note).
    pub(crate) fn is_note(self) -> bool {
        self.kind == NOTE
    }

    /// The frame's length in bytes.
    #[inline]
    pub(crate) fn len(self) -> usize {
        usize::try_from(self.length).unwrap_or(usize::MAX)
    }

    /// Reads `frame`, which begins with this head and is whole, if it is a plain message. `None` says nothing about
    /// what else it is.
    #[inline]
    pub(crate) fn plain_data(self, frame: &[u8]) -> Option<PlainData> {
        if self.kind != FrameKind::Data.byte() || self.flags & !STARVED != 0 || self.handles != 0 {
            return None;
        }
        let mut input = Reader::new(frame.get(HEAD_LEN..DATA_HEAD_LEN)?);
        let (dest, from) = (PortName::new(input.u128()?)?, PortName::new(input.u128()?)?);
        let (ports_and_reserved, cost) = (input.u32()?, input.u32()?);
        let starved = self.flags & STARVED != 0;
        (ports_and_reserved == 0 && cost != 0).then_some(PlainData { dest, from, cost, starved })
    }

    /// Reads the rest of `frame`, which begins with this head and is whole.
    pub(crate) fn body(self, frame: &[u8], limits: &Limits) -> Result<Body, Violation> {
        let Some(kind) = FrameKind::of_byte(self.kind) else {
            let optional = self.kind >= FIRST_OPTIONAL_KIND;
            return if optional { Ok(Body::Unknown) } else { Err(Violation::UnknownKind { kind: self.kind }) };
        };
        let mut fields = Fields::new(kind, frame.get(HEAD_LEN..).unwrap_or_default());
        let flags = if kind == FrameKind::Data { MORE | STARVED } else { 0 };
        if self.flags & !flags != 0 {
            return Err(fields.wrong("flags", u64::from(self.flags), "some of them are unknown"));
        }
        if kind.byte() >= FrameKind::Greet.byte() {
            return Control::read(&mut fields, limits).map(Body::Control);
        }
        let (dest, from) = (fields.port("port that it is for")?, fields.port("port that it is from")?);
        if kind == FrameKind::Data {
            let head = self.data(&mut fields, frame.len(), limits)?;
            return Ok(Body::Data { dest, from, head });
        }
        if self.handles != 0 {
            return Err(fields.too_many("handles", u64::from(self.handles), 0));
        }
        let kind = PlainEvent::read(&mut fields)?;
        Ok(Body::Event { dest, from, kind })
    }

    fn data(self, fields: &mut Fields<'_>, length: usize, limits: &Limits) -> Result<DataHead, Violation> {
        let count = fields.u16("number of ports")?;
        let hops = fields.u8("hops")?;
        if hops != 0 && count == 0 {
            return Err(fields.wrong("hops", u64::from(hops), "a message without ports is not counted"));
        }
        fields.zeros(1)?;
        let cost = fields.u32("cost")?;
        if cost == 0 && (count != 0 || self.handles != 0) {
            return Err(fields.malformed("a later fragment brings ports or handles"));
        }
        let cargo = if count == 0 { Vec::new() } else { read_descriptors(fields, count, limits)? };
        let payload_at = length.saturating_sub(fields.rest().len());
        let (more, starved) = (self.flags & MORE != 0, self.flags & STARVED != 0);
        Ok(DataHead { cost, more, starved, hops, cargo, payload_at })
    }
}

/// Puts the length of everything since `start` at `start`.
#[inline]
fn seal(out: &mut [u8], start: usize) {
    let length = u32::try_from(out.len().saturating_sub(start)).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start..).and_then(|frame| frame.first_chunk_mut::<4>()) {
        *place = length.to_le_bytes();
    }
}

/// Appends a control frame.
pub(crate) fn write_control(out: &mut Vec<u8>, control: &Control, handles: u16) {
    let start = out.len();
    let mut writer = Writer::new(out);
    writer.u32(0).u8(control.frame_kind().byte()).u8(0).u16(handles);
    control.write(&mut writer);
    seal(out, start);
}

/// Appends an event other than Data.
pub(crate) fn write_event<H>(out: &mut Vec<u8>, dest: PortName, from: PortName, kind: &EventKind<H>) {
    let start = out.len();
    let mut writer = Writer::new(out);
    writer.u32(0).u8(kind.frame_kind().byte()).u8(0).u16(0).u128(dest.bits()).u128(from.bits());
    kind.write(&mut writer);
    seal(out, start);
}

/// What goes before the payload of one Data frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DataMarks {
    pub(crate) dest: PortName,
    pub(crate) from: PortName,
    pub(crate) cost: u32,
    pub(crate) more: bool,
    pub(crate) starved: bool,
    /// How many proxies have passed the message on, where it brings ports.
    pub(crate) hops: u8,
    pub(crate) handles: u16,
}

/// The bytes before the payload of a Data frame with so many ports.
#[inline]
pub(crate) fn data_head_len(ports: usize) -> usize {
    ports.saturating_mul(DESCRIPTOR_LEN).saturating_add(DATA_HEAD_LEN)
}

/// Appends the head of a Data frame whose payload of `payload` bytes follows.
#[inline]
pub(crate) fn write_data_head(out: &mut Vec<u8>, marks: DataMarks, cargo: &[Descriptor], payload: usize) {
    let length = data_head_len(cargo.len()).saturating_add(payload);
    let flags = if marks.more { MORE } else { 0 } | if marks.starved { STARVED } else { 0 };
    let mut head = [0_u8; DATA_HEAD_LEN];
    let mut rest = &mut head[..];
    let mut put = |bytes: &[u8]| {
        let (place, left) = core::mem::take(&mut rest).split_at_mut(bytes.len());
        place.copy_from_slice(bytes);
        rest = left;
    };
    put(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    put(&[FrameKind::Data.byte(), flags]);
    put(&marks.handles.to_le_bytes());
    put(&marks.dest.bits().to_le_bytes());
    put(&marks.from.bits().to_le_bytes());
    put(&u16::try_from(cargo.len()).unwrap_or(u16::MAX).to_le_bytes());
    put(&[marks.hops, 0]);
    put(&marks.cost.to_le_bytes());
    out.extend_from_slice(&head);
    let mut writer = Writer::new(out);
    for descriptor in cargo {
        descriptor.write(&mut writer);
    }
}

/// Whom a whole frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Port(PortName),
    Node,
    /// The node, and nothing for its ports may follow.
    Bye,
}

/// The frames that lie one behind another in `bytes`, which this node has written.
pub(crate) fn split_frames(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::from_fn(move || {
        let length = usize::try_from(Reader::new(bytes).u32()?).ok()?;
        let (frame, rest) = bytes.split_at_checked(length.max(HEAD_LEN))?;
        bytes = rest;
        Some(frame)
    })
}

/// Whom `frame`, which this node has written, is for.
pub(crate) fn subject(frame: &[u8]) -> Subject {
    let kind = frame.get(4).copied().and_then(FrameKind::of_byte);
    let dest = Reader::new(frame.get(HEAD_LEN..).unwrap_or_default()).u128().and_then(PortName::new);
    match (kind, dest) {
        (Some(FrameKind::Bye), _) => Subject::Bye,
        (Some(kind), Some(dest)) if kind.byte() < FrameKind::Greet.byte() => Subject::Port(dest),
        (Some(_) | None, _) => Subject::Node,
    }
}

/// The names of the ports that come to exist with `frame`, an event that this node has written.
pub(crate) fn moved_ports(frame: &[u8]) -> impl Iterator<Item = PortName> {
    let is_data = frame.get(4) == Some(&FrameKind::Data.byte());
    let count = Reader::new(frame.get(EVENT_HEAD_LEN..).unwrap_or_default()).u16().filter(|_| is_data);
    let descriptors = frame.get(DATA_HEAD_LEN..).unwrap_or_default().chunks(DESCRIPTOR_LEN);
    descriptors.take(usize::from(count.unwrap_or(0))).filter_map(|of| PortName::new(Reader::new(of).u128()?))
}
