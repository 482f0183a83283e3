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
use crate::fields::Fields;
use crate::kind::FrameKind;
use crate::limits::Limits;
use crate::message::Data;
use crate::name::{Address, NodeName, PortName};
use crate::violation::Violation;
use crate::wire::Writer;

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
    pub(crate) fn read(fields: &mut Fields<'_>) -> Result<Self, Violation> {
        let event = match fields.kind {
            FrameKind::Close => {
                let code = fields.u32("code")?;
                let length = usize::from(fields.u16("length of the text")?);
                if length > MAX_CLOSE_TEXT {
                    return Err(fields.too_many("bytes of text", wide(length), wide(MAX_CLOSE_TEXT)));
                }
                let text = core::str::from_utf8(fields.bytes(length, "text")?);
                let text = text.map_err(|_| fields.malformed("its text is not UTF-8"))?;
                Self::Close(Closing { code, text: text.into() })
            }
            FrameKind::Handoff => Self::Handoff { next: fields.address("next writer")?, sure: fields.truth("sure")? },
            FrameKind::Hello => {
                let (peer, origin) = (fields.address("new peer")?, fields.address("origin")?);
                Self::Hello { peer, origin, hops: fields.u8("hops")? }
            }
            FrameKind::End => Self::End,
            FrameKind::Gone => Self::Gone { reply: fields.truth("reply")? },
            FrameKind::Credit => {
                let (bytes, messages) = (fields.u64("bytes")?, fields.u32("messages")?);
                let above = "it is too large";
                Self::Credit(Account {
                    bytes: i64::try_from(bytes).map_err(|_| fields.wrong("bytes", bytes, above))?,
                    messages: i32::try_from(messages)
                        .map_err(|_| fields.wrong("messages", u64::from(messages), above))?,
                })
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
            | FrameKind::Bye => return Err(fields.malformed("it is no event")),
        };
        fields.end()?;
        Ok(event)
    }
}

impl Descriptor {
    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        out.u128(self.name.bits()).u128(self.writer.bits());
        out.u8(u8::from(self.peer.is_some())).bytes(&[0; 7]);
        out.u128(self.peer.map_or(0, |peer| peer.node.bits())).u128(self.peer.map_or(0, |peer| peer.port.bits()));
        self.credit.write(out);
    }

    pub(crate) fn read(fields: &mut Fields<'_>, limits: &Limits) -> Result<Self, Violation> {
        let (name, writer) = (fields.port("name of a moved port")?, fields.port("writer of a moved port")?);
        let has_peer = fields.truth("whether a moved port has a peer")?;
        fields.zeros(7)?;
        let (node, port) = (fields.u128("peer of a moved port")?, fields.u128("peer of a moved port")?);
        let peer = match (has_peer, NodeName::new(node), PortName::new(port)) {
            (true, Some(node), Some(port)) => Some(Address { node, port }),
            (false, None, None) => None,
            (true, _, _) => return Err(fields.malformed("the peer of a moved port is announced and has no name")),
            (false, _, _) => return Err(fields.malformed("the peer of a moved port is named and not announced")),
        };
        Ok(Self { name, writer, peer, credit: Credit::read(fields, limits)? })
    }
}

pub(crate) fn write_address(out: &mut Writer<'_>, address: Address) {
    out.u128(address.node.bits()).u128(address.port.bits());
}

/// A count as limits are told.
fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
