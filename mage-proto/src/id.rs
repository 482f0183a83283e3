//! Small numbers that mean something in one node only: the places of its ports and of its connections.

use core::fmt;
use core::num::NonZeroU32;

/// A port's place in its node: a small number that is used again after the port is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub(crate) u32);

impl PortId {
    /// The number, dense from zero.
    #[must_use]
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// A connection's place in its node. A later connection in the same place has another id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId {
    pub(crate) index: u32,
    /// Counts the links of the node, from one: so that where there may be none, that takes no room.
    pub(crate) serial: NonZeroU32,
}

impl LinkId {
    /// The place, a small number that is used again after the link has ended.
    #[must_use]
    pub fn index(self) -> usize {
        usize::try_from(self.index).unwrap_or(usize::MAX)
    }
}

impl fmt::Debug for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L-{}.{}", self.index, self.serial)
    }
}
