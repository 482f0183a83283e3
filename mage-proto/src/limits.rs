//! Every bound of the core: what it protects, its default, and whom it is charged to.
//!
//! What one link can make a node hold is the sum of its rows: `ports_per_link` ports (the table says how large one is),
//! `link_bytes` of unread, pended and half-assembled payload, `link_pended_bytes` of it pended, one frame being
//! received (`max_frame`), and, for what this node forwards on the link's behalf, `origin_bytes` per proxy.

/// How much may be under way on one direction of a pipe before its reader takes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// In bytes of [cost](Limits::cost).
    pub bytes: u32,
    /// In messages.
    pub messages: u32,
}

/// The bounds of one node. All may be changed before the node is made; the defaults suit processes that share a
/// machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Limits {
    /// The longest frame in bytes, head included (1 MiB and 64 KiB, so that a mebibyte of payload arrives in one piece);
    /// announced to the other side. Longer messages travel as several frames. At least 32 KiB.
    pub max_frame: u32,
    /// The longest payload of a message in bytes (64 MiB), at most 4 GiB less 64 KiB.
    pub max_message: u32,
    /// The window of the pipes made here (1 MiB, 1,024 messages).
    pub window: Window,
    /// The largest window that another node may ask this one to honour (64 MiB, 1,048,576 messages).
    pub max_window: Window,
    /// The most ports in one message (128), at most 240.
    pub cargo: u16,
    /// The most handles in one message (64). A sender honours its own; a receiver refuses frames above this.
    pub handles: u16,
    /// The most ports that one link may have put here (16,384); above it, ports are accepted and closed.
    pub ports_per_link: u32,
    /// The most unentitled senders of one node that one port listens to (8).
    pub pended_senders: u16,
    /// The most events other than messages that may be pended at one port for one sending node (1,024).
    pub pended_controls: u16,
    /// The most payload in bytes that one link may have pended in all (16 MiB).
    pub link_pended_bytes: u64,
    /// The most payload in bytes that one link may have unread, pended and half-assembled here (128 MiB).
    pub link_bytes: u64,
    /// The most payload in bytes that this node queues towards one link on behalf of one proxy (8 MiB), besides the
    /// message in transmission.
    pub origin_bytes: u64,
    /// How often a port's neighbours may be changed without any message, close or credit between (1,024).
    pub reroutes: u16,
    /// How many lost nodes are remembered (4,096), the oldest forgotten first.
    pub lost_nodes: u32,
    /// How many introductions a member has under way at the broker (64); more wait here.
    pub seeks: u16,
    /// How many introductions the broker works on for one member (256); more are answered with a refusal.
    pub seeks_per_member: u16,
    /// How many nodes that one link named may be unresolved at once (32); ports that name more fail without asking.
    pub unresolved_per_link: u16,
    /// How many living nodes one member may have referred to the broker (64).
    pub referrals: u16,
    /// How often an introduction is tried again when a socket could not be made or did not arrive (3).
    pub meet_attempts: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_frame: (1 << 20) + (64 << 10),
            max_message: 64 << 20,
            window: Window { bytes: 1 << 20, messages: 1024 },
            max_window: Window { bytes: 64 << 20, messages: 1 << 20 },
            cargo: 128,
            handles: 64,
            ports_per_link: 16_384,
            pended_senders: 8,
            pended_controls: 1024,
            link_pended_bytes: 16 << 20,
            link_bytes: 128 << 20,
            origin_bytes: 8 << 20,
            reroutes: 1024,
            lost_nodes: 4096,
            seeks: 64,
            seeks_per_member: 256,
            unresolved_per_link: 32,
            referrals: 64,
            meet_attempts: 3,
        }
    }
}

/// The smallest `max_frame` that a node may announce: the head of a message with the largest cargo fits.
pub(crate) const MIN_MAX_FRAME: u32 = 32 << 10;
/// How many times a Hello may be passed on by proxies.
pub(crate) const MAX_HOPS: u8 = 255;

impl Limits {
    /// What a message counts against its pipe's window, in bytes: payload, 64 for its head, 256 for each port and
    /// handle.
    #[inline]
    #[must_use]
    pub fn cost(payload: usize, attachments: usize) -> u64 {
        let attachments = u64::try_from(attachments).unwrap_or(u64::MAX).saturating_mul(256);
        u64::try_from(payload).unwrap_or(u64::MAX).saturating_add(64).saturating_add(attachments)
    }

    /// The payload that a message of `cost` with so many attachments must have; `None` when no message costs that.
    #[inline]
    pub(crate) fn payload_of(cost: u32, attachments: usize) -> Option<u64> {
        u64::from(cost).checked_sub(Self::cost(0, attachments))
    }

    /// The most cost in bytes that may wait unread at one port of a pipe with this window: four windows, or one window
    /// and one message, whichever is more. (Merging pipes adds credit that this side never gave; see `node/merge.rs`.)
    #[inline]
    #[must_use]
    pub fn hard_cap(&self, window: Window) -> u64 {
        let window = u64::from(window.bytes);
        window.saturating_mul(4).max(window.saturating_add(u64::from(self.max_message)))
    }
}
