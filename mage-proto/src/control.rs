//! What nodes tell nodes: joining the network, meeting other nodes, and leaving.
//!
//! ```text
//!   Greet     first frame, both ways: version and limits       Seek      member → broker: let me meet this node
//!   Welcome   inviter → invitee: who you are, your pipes       Meet      broker → both: here is a socket to each other
//!   Refer     member → broker: I invited somebody              MeetFailed  node → broker: the socket did not arrive
//!   ReferOk, ReferNo   the broker's answer                     NoMeet    broker → both: you will not meet
//!   Bye       I shall send no more events
//! ```

use alloc::vec::Vec;

use crate::event::{DESCRIPTOR_LEN, Descriptor, read_node};
use crate::kind::FrameKind;
use crate::limits::{Limits, MIN_MAX_FRAME};
use crate::name::NodeName;
use crate::violation::Violation;
use crate::wire::{Reader, Writer};

/// The version of the protocol that this crate speaks.
pub const PROTOCOL_VERSION: u16 = 1;
/// The first bytes of a Greet: "mage" and a byte that no text has.
const MAGIC: u64 = 0x0100_00ff_6567_616d;
/// A flag of Greet: the link is isolated, and a name follows.
const ISOLATED: u32 = 1;
const SHORT: &str = "the body is too short";

/// A frame from node to node. Handles (of Welcome, Refer and Meet) travel beside it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Control {
    Greet(Greet),
    Welcome(Welcome),
    Refer { id: u64 },
    ReferOk { id: u64, node: NodeName },
    ReferNo { id: u64 },
    Seek { node: NodeName },
    Meet { node: NodeName, attempt: u8 },
    MeetFailed { node: NodeName, attempt: u8 },
    NoMeet { node: NodeName },
    Bye,
}

/// What each side says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Greet {
    pub(crate) least_version: u16,
    pub(crate) most_version: u16,
    /// The longest frame that the sender of this takes.
    pub(crate) max_frame: u32,
    /// The most ports that the sender of this keeps for the link.
    pub(crate) max_ports: u32,
    /// The most ports that it takes in one message.
    pub(crate) cargo: u16,
    /// The most handles that it takes with one frame.
    pub(crate) handles: u16,
    /// What it calls itself on this link, if it means an isolated one.
    pub(crate) isolated: Option<NodeName>,
}

/// The most that a node takes in one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Takes {
    pub(crate) cargo: u16,
    pub(crate) handles: u16,
}

/// What an invitee learns. A handle travels with it where the inviter is not the broker: the link to the broker.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Welcome {
    pub(crate) you: NodeName,
    pub(crate) me: NodeName,
    pub(crate) broker: NodeName,
    /// The initial pipes, in the order in which the inviter asked for them.
    pub(crate) pipes: Vec<Descriptor>,
}

impl Greet {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            least_version: PROTOCOL_VERSION,
            most_version: PROTOCOL_VERSION,
            max_frame: limits.max_frame,
            max_ports: limits.ports_per_link,
            cargo: limits.cargo,
            handles: limits.handles,
            isolated: None,
        }
    }

    /// What the sender of this takes in one message.
    pub(crate) fn takes(&self) -> Takes {
        let most = u16::try_from(self.max_ports).unwrap_or(u16::MAX);
        Takes { cargo: self.cargo.min(most), handles: self.handles }
    }

    fn write(self, out: &mut Writer<'_>) {
        out.u64(MAGIC).u16(self.least_version).u16(self.most_version);
        out.u32(self.max_frame).u32(self.max_ports).u16(self.cargo).u16(self.handles);
        out.u32(if self.isolated.is_some() { ISOLATED } else { 0 });
        if let Some(name) = self.isolated {
            out.u128(name.bits());
        }
    }

    fn read(input: &mut Reader<'_>) -> Result<Self, Violation> {
        let malformed = |field| Violation::Malformed { kind: FrameKind::Greet, field };
        let short = malformed(SHORT);
        if input.u64().ok_or(short)? != MAGIC {
            return Err(malformed("this is not Mage"));
        }
        let (least, most) = (input.u16().ok_or(short)?, input.u16().ok_or(short)?);
        if least > PROTOCOL_VERSION || most < PROTOCOL_VERSION {
            return Err(Violation::Version { least, most, ours: PROTOCOL_VERSION });
        }
        let (max_frame, max_ports) = (input.u32().ok_or(short)?, input.u32().ok_or(short)?);
        let (cargo, handles, flags) = (input.u16().ok_or(short)?, input.u16().ok_or(short)?, input.u32().ok_or(short)?);
        let isolated = if flags & ISOLATED == 0 { None } else { Some(read_node(FrameKind::Greet, input)?) };
        // Later versions may say more behind this; what this version needs comes first.
        let (least_version, most_version) = (least, most);
        let greet = Self { least_version, most_version, max_frame, max_ports, cargo, handles, isolated };
        if greet.max_frame < MIN_MAX_FRAME {
            return Err(malformed("max_frame is below 32 KiB"));
        }
        Ok(greet)
    }
}

impl Welcome {
    fn write(&self, out: &mut Writer<'_>) {
        out.u128(self.you.bits()).u128(self.me.bits()).u128(self.broker.bits());
        out.u16(u16::try_from(self.pipes.len()).unwrap_or_default());
        for descriptor in &self.pipes {
            descriptor.write(out);
        }
    }

    fn read(input: &mut Reader<'_>, limits: &Limits) -> Result<Self, Violation> {
        let kind = FrameKind::Welcome;
        let (you, me, broker) = (read_node(kind, input)?, read_node(kind, input)?, read_node(kind, input)?);
        let count = input.u16().ok_or(Violation::Malformed { kind, field: SHORT })?;
        let pipes = read_descriptors(kind, count, input, limits)?;
        Ok(Self { you, me, broker, pipes })
    }
}

/// Reads `count` descriptors and checks what can be checked without a node: the number of them, and that none repeats
/// another's name or writer.
pub(crate) fn read_descriptors(
    kind: FrameKind,
    count: u16,
    input: &mut Reader<'_>,
    limits: &Limits,
) -> Result<Vec<Descriptor>, Violation> {
    if count > limits.cargo {
        let (count, most) = (u64::from(count), u64::from(limits.cargo));
        return Err(Violation::TooMany { kind, what: "ports", count, most });
    }
    if input.rest().len() < usize::from(count).saturating_mul(DESCRIPTOR_LEN) {
        return Err(Violation::Malformed { kind, field: "fewer descriptors than announced" });
    }
    let mut read: Vec<Descriptor> = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let next = Descriptor::read(kind, input, limits)?;
        if read.iter().any(|other| other.name == next.name || other.writer == next.writer) {
            return Err(Violation::Malformed { kind, field: "two moved ports share a name" });
        }
        read.push(next);
    }
    Ok(read)
}

impl Control {
    pub(crate) fn frame_kind(&self) -> FrameKind {
        match self {
            Self::Greet(_) => FrameKind::Greet,
            Self::Welcome(_) => FrameKind::Welcome,
            Self::Refer { .. } => FrameKind::Refer,
            Self::ReferOk { .. } => FrameKind::ReferOk,
            Self::ReferNo { .. } => FrameKind::ReferNo,
            Self::Seek { .. } => FrameKind::Seek,
            Self::Meet { .. } => FrameKind::Meet,
            Self::MeetFailed { .. } => FrameKind::MeetFailed,
            Self::NoMeet { .. } => FrameKind::NoMeet,
            Self::Bye => FrameKind::Bye,
        }
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        match self {
            Self::Greet(greet) => greet.write(out),
            Self::Welcome(welcome) => welcome.write(out),
            Self::Refer { id } | Self::ReferNo { id } => {
                out.u64(*id);
            }
            Self::ReferOk { id, node } => {
                out.u64(*id).u128(node.bits());
            }
            Self::Seek { node } | Self::NoMeet { node } => {
                out.u128(node.bits());
            }
            Self::Meet { node, attempt } | Self::MeetFailed { node, attempt } => {
                out.u128(node.bits()).u8(*attempt);
            }
            Self::Bye => {}
        }
    }

    pub(crate) fn read(kind: FrameKind, input: &mut Reader<'_>, limits: &Limits) -> Result<Self, Violation> {
        let malformed = |field| Violation::Malformed { kind, field };
        let control = match kind {
            FrameKind::Greet => return Greet::read(input).map(Self::Greet),
            FrameKind::Welcome => Self::Welcome(Welcome::read(input, limits)?),
            FrameKind::Refer => Self::Refer { id: input.u64().ok_or(malformed(SHORT))? },
            FrameKind::ReferOk => {
                let id = input.u64().ok_or(malformed(SHORT))?;
                Self::ReferOk { id, node: read_node(kind, input)? }
            }
            FrameKind::ReferNo => Self::ReferNo { id: input.u64().ok_or(malformed(SHORT))? },
            FrameKind::Seek => Self::Seek { node: read_node(kind, input)? },
            FrameKind::Meet => {
                let node = read_node(kind, input)?;
                Self::Meet { node, attempt: input.u8().ok_or(malformed(SHORT))? }
            }
            FrameKind::MeetFailed => {
                let node = read_node(kind, input)?;
                Self::MeetFailed { node, attempt: input.u8().ok_or(malformed(SHORT))? }
            }
            FrameKind::NoMeet => Self::NoMeet { node: read_node(kind, input)? },
            FrameKind::Bye => Self::Bye,
            FrameKind::Data
            | FrameKind::Close
            | FrameKind::Handoff
            | FrameKind::Hello
            | FrameKind::End
            | FrameKind::Gone
            | FrameKind::Credit => return Err(malformed("not a node's frame")),
        };
        if input.rest().is_empty() { Ok(control) } else { Err(malformed("the body is too long")) }
    }
}
