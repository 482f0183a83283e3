//! What a frame is: the number that every frame says first, and every complaint about one names.

use core::fmt;

/// What a frame is. Kinds below 0x10 are events between ports, the others are between nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the two lists, with their meaning, stand at the top of `event` and `control`")]
pub enum FrameKind {
    Data = 0x01,
    Close = 0x02,
    Handoff = 0x03,
    Hello = 0x04,
    End = 0x05,
    Gone = 0x06,
    Credit = 0x07,
    Greet = 0x10,
    Welcome = 0x11,
    Refer = 0x12,
    ReferOk = 0x13,
    ReferNo = 0x14,
    Seek = 0x15,
    Meet = 0x16,
    MeetFailed = 0x17,
    NoMeet = 0x18,
    Bye = 0x19,
}

/// The kind of a [note](crate::Note), which is the drivers' business: one of those that may be passed over.
pub(crate) const NOTE: u8 = 0x80;

pub(crate) const KINDS: [FrameKind; 17] = [
    FrameKind::Data,
    FrameKind::Close,
    FrameKind::Handoff,
    FrameKind::Hello,
    FrameKind::End,
    FrameKind::Gone,
    FrameKind::Credit,
    FrameKind::Greet,
    FrameKind::Welcome,
    FrameKind::Refer,
    FrameKind::ReferOk,
    FrameKind::ReferNo,
    FrameKind::Seek,
    FrameKind::Meet,
    FrameKind::MeetFailed,
    FrameKind::NoMeet,
    FrameKind::Bye,
];

impl FrameKind {
    #[inline]
    pub(crate) const fn byte(self) -> u8 {
        self as u8
    }

    pub(crate) fn of_byte(byte: u8) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.byte() == byte)
    }
}

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
