//! What the drivers at the two ends of a link say to each other, in [notes](mage_proto::Note) between frames.
//!
//! ```text
//!   A                                             B
//!   │──Offer(memory, bell)──────────────────────▶ │   A writes often: here is a ring for what it writes
//!   │◀────────────────────Offer(memory, bell)──── │   B makes one too, so that each can wake the other,
//!   │◀──────────────────────────────────Taken──── │   and has mapped A's
//!   │──Taken────────────────────────────────────▶ │
//!   │──Switch───────────────────────────────────▶ │   the last that A writes to the socket; the rest is in its ring
//!   │◀─────────────────────────────────Switch──── │
//!   │══Carrier(2), and the frame that brings them▶│   in the ring; the two handles come through the socket
//! ```
//!
//! Either side may begin, or both at once. Who does not want a ring, or cannot map one, says nothing, and all goes on
//! through the socket.

/// One thing said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// With two handles: the memory of a ring, and the end at which this side's bell is heard.
    Offer,
    /// The other side's ring is mapped and its bell is being listened to.
    Taken,
    /// What this side writes from now on is in its ring.
    Switch,
    /// So many handles lie in the socket, with one byte. They belong to the frame behind this note.
    Carrier(u16),
}

impl Said {
    /// The frame that says it.
    pub(super) fn frame(self) -> Vec<u8> {
        match self {
            Self::Offer => mage_proto::note(&[1], 2),
            Self::Taken => mage_proto::note(&[2], 0),
            Self::Switch => mage_proto::note(&[3], 0),
            Self::Carrier(handles) => {
                let [low, high] = handles.to_le_bytes();
                mage_proto::note(&[4, low, high], 0)
            }
        }
    }

    /// `None`: the words of a later version, which mean nothing here.
    pub(super) fn read(said: &[u8]) -> Option<Self> {
        match *said {
            [1] => Some(Self::Offer),
            [2] => Some(Self::Taken),
            [3] => Some(Self::Switch),
            [4, low, high] => Some(Self::Carrier(u16::from_le_bytes([low, high]))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for said in [Said::Offer, Said::Taken, Said::Switch, Said::Carrier(0), Said::Carrier(0x1234)] {
            let frame = said.frame();
            assert_eq!(Said::read(&frame[8..]), Some(said));
        }
        assert_eq!(Said::read(&[]), None);
        assert_eq!(Said::read(&[9]), None);
    }
}
