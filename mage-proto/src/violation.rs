//! What no honest node does. Two kinds that never mix: a [`Violation`] ends the link it came over, a [`RouteError`]
//! ends one route (the neighbour may be an honest node that passes on somebody else's garbage).

use crate::kind::FrameKind;
use crate::name::PortName;

/// Bytes or frames that no honest node sends: the link they came over ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A frame is longer than this node announced, or shorter than its own head.
    #[error("a frame says that it is {length} bytes long; between {least} and {most} are allowed")]
    FrameLength {
        /// What the frame's head says, in bytes.
        length: u32,
        /// The shortest frame, in bytes.
        least: u32,
        /// The longest frame that this node announced, in bytes.
        most: u32,
    },
    /// A frame of a kind that does not exist and may not be skipped.
    #[error("unknown frame kind {kind:#04x}")]
    UnknownKind {
        /// The kind byte.
        kind: u8,
    },
    /// A frame ends inside one of its fields.
    #[error("a {kind} frame ends before its field {field:?} does")]
    Truncated {
        /// The frame's kind.
        kind: FrameKind,
        /// The field, in the words of the document of the wire format.
        field: &'static str,
    },
    /// A frame goes on behind its last field.
    #[error("a {kind} frame goes on for {count} bytes behind its last field")]
    Surplus {
        /// The frame's kind.
        kind: FrameKind,
        /// How many bytes are too many.
        count: usize,
    },
    /// A field has a value that it may not have.
    #[error("a {kind} frame has {value} ({value:#x}) for {field:?}: {why}")]
    Value {
        /// The frame's kind.
        kind: FrameKind,
        /// The field.
        field: &'static str,
        /// What it says.
        value: u64,
        /// What is wrong with that.
        why: &'static str,
    },
    /// A frame's fields do not fit each other.
    #[error("a {kind} frame is malformed: {field}")]
    Malformed {
        /// The frame's kind.
        kind: FrameKind,
        /// What is wrong.
        field: &'static str,
    },
    /// A frame announces more handles than this node takes with one frame.
    #[error("a frame announces {announced} handles, {most} are allowed")]
    TooManyHandles {
        /// What the frame's head says.
        announced: u16,
        /// How many a frame may have.
        most: u16,
    },
    /// A frame announces more handles than came with it.
    #[error("a frame announces {announced} handles, {arrived} arrived")]
    Handles {
        /// What the frame's head says.
        announced: u16,
        /// How many were there.
        arrived: usize,
    },
    /// Handles arrived that no frame announced.
    #[error("{count} handles arrived that no frame announced")]
    StrayHandles {
        /// How many.
        count: usize,
    },
    /// A count in a frame is above its limit.
    #[error("a {kind} frame has {count} {what}, {most} are allowed")]
    TooMany {
        /// The frame's kind.
        kind: FrameKind,
        /// What there is too much of.
        what: &'static str,
        /// How many the frame says.
        count: u64,
        /// How many are allowed.
        most: u64,
    },
    /// A frame came in a state of the link, or from a role, in which it has no meaning.
    #[error("a {kind} frame is out of place: {why}")]
    OutOfPlace {
        /// The frame's kind.
        kind: FrameKind,
        /// What it would have needed.
        why: &'static str,
    },
    /// The first frame says that the other side speaks another protocol, or no version that this side speaks.
    #[error("the other side speaks versions {least} to {most} of the protocol, this side speaks {ours}")]
    Version {
        /// The lowest version that the other side speaks.
        least: u16,
        /// The highest version that the other side speaks.
        most: u16,
        /// The version that this side speaks.
        ours: u16,
    },
    /// The driver at the other end breaks what the two drivers agreed on by [notes](crate::Note).
    #[error("the driver at the other end breaks an agreement: {why}")]
    Driver {
        /// What it did.
        why: &'static str,
    },
    /// A moved port has the name of one that exists here.
    #[error("a moved port takes the name {name}, which is taken")]
    NameTaken {
        /// The name.
        name: PortName,
    },
}

/// A broken promise on one route: the route ends, the link lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// An event that may not come in the port's state.
    #[error("a {kind} event is out of place: {why}")]
    OutOfPlace {
        /// The event's kind.
        kind: FrameKind,
        /// Why it may not come.
        why: &'static str,
    },
    /// A message is larger than this node takes.
    #[error("a message of {size} bytes exceeds the limit of {limit}")]
    MessageTooLarge {
        /// Its payload in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A message's size is not what its first fragment said.
    #[error("a message of {size} bytes was announced with a cost of {cost}")]
    Cost {
        /// Payload bytes so far.
        size: u64,
        /// The cost that the first fragment carried.
        cost: u32,
    },
    /// More waits unread than the window allows.
    #[error("{unread} bytes or {messages} messages would wait unread; {limit} bytes are allowed")]
    Overrun {
        /// Cost in bytes that would wait.
        unread: u64,
        /// Messages that would wait.
        messages: usize,
        /// The port's hard cap in bytes.
        limit: u64,
    },
    /// More credit was returned than could have been used.
    #[error(
        "{bytes} bytes and {messages} messages of credit were returned to a sender that had {had_bytes} and \
             {had_messages}: beyond eight windows"
    )]
    CreditOverflow {
        /// Bytes returned.
        bytes: i64,
        /// Messages returned.
        messages: i32,
        /// Bytes that might be sent already.
        had_bytes: i64,
        /// Messages that might be sent already.
        had_messages: i32,
    },
    /// A port's neighbours change without end.
    #[error("a port was rerouted more than {limit} times without a message between")]
    Rerouted {
        /// The limit.
        limit: u16,
    },
    /// The writer sent more before it was entitled than is kept.
    #[error("the writer sent too much before it was entitled to")]
    Poisoned,
    /// A proxy holds more for a link than it may.
    #[error("{queued} bytes are queued on behalf of one proxy; {limit} are allowed")]
    OriginOverrun {
        /// Bytes queued.
        queued: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A link has put more bytes here than it may.
    #[error("the link holds {held} bytes here; {limit} are allowed")]
    LinkOverrun {
        /// Bytes held.
        held: u64,
        /// The limit in bytes.
        limit: u64,
    },
}
