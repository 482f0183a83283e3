//! What ports say to ports: the seven events, and their bytes.
//!
//! ```text
//!   Data     a message, or a fragment of one            Close    orderly end of the stream, after all data
//!   Handoff  "my part of your stream ends here;         Hello    "from now on send to `peer`"
//!             continue with what comes from `next`"     End      "I send nothing more to you" (answers Hello)
//!   Credit   what was read, returned to the sender      Gone     "the route is broken"
//! ```

use alloc::string::String;

use crate::close::MAX_CLOSE_TEXT;
use crate::credit::{Account, CREDIT_LEN, Credit};
use crate::kind::FrameKind;
use crate::limits::Limits;
use crate::message::Data;
use crate::name::{Address, NodeName, PortName};
use crate::violation::Violation;
use crate::wire::{Reader, Writer};

/// One event on its way from a port to a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Event<H> {
    pub(crate) dest: Address,
    pub(crate) from: Address,
    pub(crate) kind: EventKind<H>,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum EventKind<H> {
    Data(Data<H>),
    Close(Closing),
    /// `sure`: `next` exists already. A port that is being moved may never come to exist.
    Handoff {
        next: Address,
        sure: bool,
    },
    /// `origin` is the port that said it first, so that a ring is noticed; `hops` counts down at each proxy.
    Hello {
        peer: Address,
        origin: Address,
        hops: u8,
    },
    End,
    /// `reply`: answers a Gone, and is not answered.
    Gone {
        reply: bool,
    },
    Credit(Account),
}

/// What an application says when it closes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Closing {
    pub(crate) code: u32,
    pub(crate) text: String,
}

/// A moved port, described to the node that it moves to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Descriptor {
    /// The name it has there.
    pub(crate) name: PortName,
    /// The port on the sending node that writes to it until a Handoff says otherwise.
    pub(crate) writer: PortName,
    /// Where it sends; `None` when its far side is closed already.
    pub(crate) peer: Option<Address>,
    pub(crate) credit: Credit,
}

/// The bytes of a descriptor on the wire.
pub(crate) const DESCRIPTOR_LEN: usize = 16 + 16 + 8 + 32 + CREDIT_LEN;

impl<H> EventKind<H> {
    pub(crate) fn frame_kind(&self) -> FrameKind {
        match self {
            Self::Data(_) => FrameKind::Data,
            Self::Close(_) => FrameKind::Close,
            Self::Handoff { .. } => FrameKind::Handoff,
            Self::Hello { .. } => FrameKind::Hello,
            Self::End => FrameKind::End,
            Self::Gone { .. } => FrameKind::Gone,
            Self::Credit(_) => FrameKind::Credit,
        }
    }

    /// Writes the body of every event but Data, whose body also has descriptors and a payload (see `frame`).
    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        match self {
            Self::Data(_) | Self::End => {}
            Self::Close(Closing { code, text }) => {
                out.u32(*code).u16(u16::try_from(text.len()).unwrap_or_default()).bytes(text.as_bytes());
            }
            Self::Handoff { next, sure } => {
                write_address(out, *next);
                out.u8(u8::from(*sure));
            }
            Self::Hello { peer, origin, hops } => {
                write_address(out, *peer);
                write_address(out, *origin);
                out.u8(*hops);
            }
            Self::Gone { reply } => {
                out.u8(u8::from(*reply));
            }
            Self::Credit(account) => {
                out.u64(account.bytes.cast_unsigned()).u32(account.messages.cast_unsigned());
            }
        }
    }

    /// Reads the body of an event other than Data.
    pub(crate) fn read(kind: FrameKind, input: &mut Reader<'_>) -> Result<Self, Violation> {
        let malformed = |field| Violation::Malformed { kind, field };
        let short = malformed("the body is too short");
        let event = match kind {
            FrameKind::Close => {
                let code = input.u32().ok_or(short)?;
                let length = usize::from(input.u16().ok_or(short)?);
                if length > MAX_CLOSE_TEXT {
                    return Err(malformed("the text is longer than 256 bytes"));
                }
                let text = core::str::from_utf8(input.bytes(length).ok_or(short)?);
                Self::Close(Closing { code, text: text.map_err(|_| malformed("the text is not UTF-8"))?.into() })
            }
            FrameKind::Handoff => {
                let next = read_address(kind, input)?;
                Self::Handoff { next, sure: read_bool(kind, input)? }
            }
            FrameKind::Hello => {
                let peer = read_address(kind, input)?;
                let origin = read_address(kind, input)?;
                Self::Hello { peer, origin, hops: input.u8().ok_or(short)? }
            }
            FrameKind::End => Self::End,
            FrameKind::Gone => Self::Gone { reply: read_bool(kind, input)? },
            FrameKind::Credit => {
                let bytes = i64::try_from(input.u64().ok_or(short)?).map_err(|_| malformed("bytes"))?;
                let messages = i32::try_from(input.u32().ok_or(short)?).map_err(|_| malformed("messages"))?;
                Self::Credit(Account { bytes, messages })
            }
            FrameKind::Data
            | FrameKind::Greet
            | FrameKind::Welcome
            | FrameKind::Refer
            | FrameKind::ReferOk
            | FrameKind::ReferNo
            | FrameKind::Seek
            | FrameKind::Meet
            | FrameKind::MeetFailed
            | FrameKind::NoMeet
            | FrameKind::Bye => return Err(malformed("not an event")),
        };
        if input.rest().is_empty() { Ok(event) } else { Err(malformed("the body is too long")) }
    }
}

impl Descriptor {
    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        out.u128(self.name.bits()).u128(self.writer.bits());
        out.u8(u8::from(self.peer.is_some())).bytes(&[0; 7]);
        out.u128(self.peer.map_or(0, |peer| peer.node.bits())).u128(self.peer.map_or(0, |peer| peer.port.bits()));
        self.credit.write(out);
    }

    pub(crate) fn read(kind: FrameKind, input: &mut Reader<'_>, limits: &Limits) -> Result<Self, Violation> {
        let malformed = |field| Violation::Malformed { kind, field };
        let short = malformed("a descriptor is cut short");
        let name = PortName::new(input.u128().ok_or(short)?).ok_or(malformed("a moved port has no name"))?;
        let writer = PortName::new(input.u128().ok_or(short)?).ok_or(malformed("a moved port has no writer"))?;
        let has_peer = read_bool(kind, input)?;
        if input.bytes(7).ok_or(short)?.iter().any(|&byte| byte != 0) {
            return Err(malformed("reserved bytes of a descriptor are set"));
        }
        let (node, port) = (input.u128().ok_or(short)?, input.u128().ok_or(short)?);
        let peer = match (has_peer, NodeName::new(node), PortName::new(port)) {
            (true, Some(node), Some(port)) => Some(Address { node, port }),
            (false, None, None) => None,
            (true, _, _) | (false, _, _) => return Err(malformed("the peer of a moved port")),
        };
        let credit = Credit::read(input, limits).map_err(malformed)?;
        Ok(Self { name, writer, peer, credit })
    }
}

pub(crate) fn write_address(out: &mut Writer<'_>, address: Address) {
    out.u128(address.node.bits()).u128(address.port.bits());
}

pub(crate) fn read_address(kind: FrameKind, input: &mut Reader<'_>) -> Result<Address, Violation> {
    let node = read_node(kind, input)?;
    let port = input.u128().and_then(PortName::new).ok_or(Violation::Malformed { kind, field: "a port's name" })?;
    Ok(Address { node, port })
}

pub(crate) fn read_node(kind: FrameKind, input: &mut Reader<'_>) -> Result<NodeName, Violation> {
    input.u128().and_then(NodeName::new).ok_or(Violation::Malformed { kind, field: "a node's name" })
}

pub(crate) fn read_bool(kind: FrameKind, input: &mut Reader<'_>) -> Result<bool, Violation> {
    match input.u8() {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        Some(_) | None => Err(Violation::Malformed { kind, field: "a yes or no is neither" }),
    }
}
