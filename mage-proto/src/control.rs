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

use crate::event::{DESCRIPTOR_LEN, Descriptor};
use crate::fields::Fields;
use crate::kind::FrameKind;
use crate::limits::{Limits, MIN_MAX_FRAME};
use crate::name::NodeName;
use crate::violation::Violation;
use crate::wire::Writer;

/// The version of the protocol that this crate speaks.
pub const PROTOCOL_VERSION: u16 = 1;
/// The first bytes of a Greet: "mage" and a byte that no text has.
const MAGIC: u64 = 0x0100_00ff_6567_616d;
/// A flag of Greet: the link is isolated, and a name follows.
const ISOLATED: u32 = 1;

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

    fn read(fields: &mut Fields<'_>) -> Result<Self, Violation> {
        let magic = fields.u64("magic number")?;
        if magic != MAGIC {
            return Err(fields.wrong("magic number", magic, "this is not Mage"));
        }
        let (least, most) = (fields.u16("lowest version")?, fields.u16("highest version")?);
        if least > PROTOCOL_VERSION || most < PROTOCOL_VERSION {
            return Err(Violation::Version { least, most, ours: PROTOCOL_VERSION });
        }
        let (max_frame, max_ports) = (fields.u32("longest frame")?, fields.u32("most ports")?);
        let (cargo, handles) = (fields.u16("most ports in a message")?, fields.u16("most handles in a message")?);
        let flags = fields.u32("flags")?;
        let isolated = if flags & ISOLATED == 0 { None } else { Some(fields.node("name on an isolated link")?) };
        if max_frame < MIN_MAX_FRAME {
            return Err(fields.wrong("longest frame", u64::from(max_frame), "at least 32 KiB must be taken"));
        }
        // Later versions may say more behind this; what this version needs comes first.
        let (least_version, most_version) = (least, most);
        Ok(Self { least_version, most_version, max_frame, max_ports, cargo, handles, isolated })
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

    fn read(fields: &mut Fields<'_>, limits: &Limits) -> Result<Self, Violation> {
        let (you, me) = (fields.node("invitee")?, fields.node("inviter")?);
        let broker = fields.node("broker")?;
        let count = fields.u16("number of initial pipes")?;
        Ok(Self { you, me, broker, pipes: read_descriptors(fields, count, limits)? })
    }
}

/// Reads `count` descriptors and checks what can be checked without a node: the number of them, and that none repeats
/// another's name or writer.
pub(crate) fn read_descriptors(
    fields: &mut Fields<'_>,
    count: u16,
    limits: &Limits,
) -> Result<Vec<Descriptor>, Violation> {
    if count > limits.cargo {
        return Err(fields.too_many("ports", u64::from(count), u64::from(limits.cargo)));
    }
    if fields.rest().len() < usize::from(count).saturating_mul(DESCRIPTOR_LEN) {
        return Err(fields.wrong("number of ports", u64::from(count), "the frame is too short for so many"));
    }
    let mut read: Vec<Descriptor> = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let next = Descriptor::read(fields, limits)?;
        if read.iter().any(|other| other.name == next.name || other.writer == next.writer) {
            return Err(fields.malformed("two moved ports share a name"));
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

    pub(crate) fn read(fields: &mut Fields<'_>, limits: &Limits) -> Result<Self, Violation> {
        let control = match fields.kind {
            FrameKind::Greet => return Greet::read(fields).map(Self::Greet),
            FrameKind::Welcome => Self::Welcome(Welcome::read(fields, limits)?),
            FrameKind::Refer => Self::Refer { id: fields.u64("referral")? },
            FrameKind::ReferOk => Self::ReferOk { id: fields.u64("referral")?, node: fields.node("newcomer")? },
            FrameKind::ReferNo => Self::ReferNo { id: fields.u64("referral")? },
            FrameKind::Seek => Self::Seek { node: fields.node("node")? },
            FrameKind::Meet => Self::Meet { node: fields.node("node")?, attempt: fields.u8("attempt")? },
            FrameKind::MeetFailed => Self::MeetFailed { node: fields.node("node")?, attempt: fields.u8("attempt")? },
            FrameKind::NoMeet => Self::NoMeet { node: fields.node("node")? },
            FrameKind::Bye => Self::Bye,
            FrameKind::Data
            | FrameKind::Close
            | FrameKind::Handoff
            | FrameKind::Hello
            | FrameKind::End
            | FrameKind::Gone
            | FrameKind::Credit => return Err(fields.malformed("it is no frame between nodes")),
        };
        fields.end()?;
        Ok(control)
    }
}
