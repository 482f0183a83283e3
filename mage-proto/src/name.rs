//! Names: 128 random bits that mean one thing in the whole network, and how they print.
//!
//! A name is never reused and never guessed; it is no secret either (neighbours on a route learn it), so it is a key,
//! not a permission. What may write to a port is decided by its *writer*, see `port`.

use core::fmt;
use core::num::NonZeroU128;

/// Where names come from: one fresh, unguessable 128-bit number a call.
///
/// The facade reads the operating system's random source, tests count from a seed. The core asks nobody else.
pub trait NameSource {
    /// Returns the next number. It must not repeat, and nobody outside may be able to guess it.
    fn next_name(&mut self) -> u128;
}

/// Names one incarnation of a node. A process that restarts is a new node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(NonZeroU128);

/// Names a port, wherever it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortName(NonZeroU128);

/// Where a port is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The node that holds the port.
    pub node: NodeName,
    /// The port's own name.
    pub port: PortName,
}

impl NodeName {
    /// Takes 128 bits for a name; `None` for zero, which names nothing.
    #[must_use]
    pub const fn new(bits: u128) -> Option<Self> {
        match NonZeroU128::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// A node that is always lost; see `node/isolated.rs`.
    pub(crate) const NOWHERE: Self = Self(NonZeroU128::MAX);

    /// The 128 bits, never zero.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0.get()
    }
}

impl PortName {
    /// Takes 128 bits for a name; `None` for zero, which names nothing.
    #[must_use]
    pub const fn new(bits: u128) -> Option<Self> {
        match NonZeroU128::new(bits) {
            Some(bits) => Some(Self(bits)),
            None => None,
        }
    }

    /// The 128 bits, never zero.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0.get()
    }
}

/// Draws until the source gives something else than zero; a source that never does would be broken, so after some
/// tries one is taken instead of asking for ever.
fn draw(source: &mut impl NameSource) -> NonZeroU128 {
    (0..8).find_map(|_| NonZeroU128::new(source.next_name())).unwrap_or(NonZeroU128::MIN)
}

pub(crate) fn node_name(source: &mut impl NameSource) -> NodeName {
    NodeName(draw(source))
}

pub(crate) fn port_name(source: &mut impl NameSource) -> PortName {
    PortName(draw(source))
}

/// Eight hexadecimal digits tell names apart in a log; the whole name never appears there.
fn short(bits: u128) -> u32 {
    u32::try_from(bits & 0xffff_ffff).unwrap_or_default()
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "N-{:08x}", short(self.bits()))
    }
}

impl fmt::Debug for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P-{:08x}", short(self.bits()))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}.{:?}", self.node, self.port)
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
