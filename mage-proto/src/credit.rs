//! Flow control of one pipe: what this end may still send, and what it owes the other for what was read.
//!
//! ```text
//!   sender: send ──▶ in flight ──▶ unread at the reader ──▶ owed ──Credit──▶ send
//! ```
//!
//! The sum over the four places is one window in each direction, for ever (merging two pipes keeps each direction's
//! sum). A sender may go below zero with its last message, so that one large message always fits; that message is
//! marked STARVED, and the reader returns all it owes when it takes it.

use crate::fields::Fields;
use crate::limits::{Limits, Window};
use crate::violation::{RouteError, Violation};
use crate::wire::Writer;

/// Both directions' accounts at one end of a pipe. Bytes are bytes of cost.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Credit {
    pub(crate) window: Window,
    /// What this end may still send; not positive: it must wait.
    pub(crate) send: Account,
    /// What the other end may still use or has under way to here.
    pub(crate) granted: Account,
    /// What was read here and not yet returned.
    pub(crate) owed: Account,
}

/// An amount of bytes and messages; either may pass below zero. Packed: each end of a pipe has three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(Rust, packed(4))]
pub(crate) struct Account {
    pub(crate) bytes: i64,
    pub(crate) messages: i32,
}

/// The bytes of a credit state on the wire.
pub(crate) const CREDIT_LEN: usize = 8 + 3 * 12;

impl Account {
    #[inline]
    pub(crate) fn of(window: Window) -> Self {
        Self { bytes: i64::from(window.bytes), messages: i32::try_from(window.messages).unwrap_or(i32::MAX) }
    }

    #[inline]
    pub(crate) fn add(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.messages = self.messages.saturating_add(other.messages);
    }

    #[inline]
    fn take(&mut self, cost: u32) {
        self.bytes = self.bytes.saturating_sub(i64::from(cost));
        self.messages = self.messages.saturating_sub(1);
    }

    #[inline]
    fn put(&mut self, cost: u32) {
        self.bytes = self.bytes.saturating_add(i64::from(cost));
        self.messages = self.messages.saturating_add(1);
    }

    #[inline]
    fn is_positive(self) -> bool {
        self.bytes > 0 && self.messages > 0
    }

    fn is_zero(self) -> bool {
        self.bytes == 0 && self.messages == 0
    }

    fn exceeds(self, bound: Self) -> bool {
        self.bytes > bound.bytes || self.messages > bound.messages
    }

    fn write(self, out: &mut Writer<'_>) {
        out.i64(self.bytes).u32(self.messages.cast_unsigned());
    }

    fn read(fields: &mut Fields<'_>, field: &'static str) -> Result<Self, Violation> {
        Ok(Self { bytes: fields.i64(field)?, messages: fields.u32(field)?.cast_signed() })
    }
}

impl Credit {
    /// The accounts of a fresh pipe.
    pub(crate) fn new(window: Window) -> Self {
        let full = Account::of(window);
        Self { window, send: full, granted: full, owed: Account::default() }
    }

    #[inline]
    pub(crate) fn may_send(&self) -> bool {
        self.send.is_positive()
    }

    /// Charges a message that leaves; says whether the sender is starved now.
    #[inline]
    pub(crate) fn charge(&mut self, cost: u32) -> bool {
        self.send.take(cost);
        !self.send.is_positive()
    }

    /// A message arrived and waits unread.
    #[inline]
    pub(crate) fn arrived(&mut self, cost: u32) {
        self.granted.take(cost);
    }

    /// An unread message leaves with its port: whoever holds the port will count it again.
    pub(crate) fn unarrived(&mut self, cost: u32) {
        self.granted.put(cost);
    }

    /// The application took a message; returns what is due to the sender now, if anything.
    #[inline]
    pub(crate) fn taken(&mut self, cost: u32, starved: bool) -> Option<Account> {
        self.owed.put(cost);
        let half = Account::of(self.window);
        let due = starved
            || self.owed.bytes.saturating_mul(2) >= half.bytes
            || self.owed.messages.saturating_mul(2) >= half.messages;
        if due { self.settle() } else { None }
    }

    /// Everything owed, to be returned now; `None` when nothing is.
    pub(crate) fn settle(&mut self) -> Option<Account> {
        if self.owed.is_zero() {
            return None;
        }
        let owed = core::mem::take(&mut self.owed);
        self.granted.add(owed);
        Some(owed)
    }

    /// Credit came back; says whether a starved sender may send again. `Err`: more than eight windows.
    pub(crate) fn returned(&mut self, credit: Account) -> Result<bool, RouteError> {
        let could = self.send.is_positive();
        let mut sum = self.send;
        sum.add(credit);
        let window = Account::of(self.window);
        let bound = Account { bytes: window.bytes.saturating_mul(8), messages: window.messages.saturating_mul(8) };
        if credit.bytes < 0 || credit.messages < 0 || sum.exceeds(bound) {
            let Account { bytes, messages } = credit;
            let Account { bytes: had_bytes, messages: had_messages } = self.send;
            return Err(RouteError::CreditOverflow { bytes, messages, had_bytes, had_messages });
        }
        self.send = sum;
        Ok(!could && sum.is_positive())
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        out.u32(self.window.bytes).u32(self.window.messages);
        for account in [self.send, self.granted, self.owed] {
            account.write(out);
        }
    }

    /// Reads a moved port's accounts, and says which bound they break.
    pub(crate) fn read(fields: &mut Fields<'_>, limits: &Limits) -> Result<Self, Violation> {
        const NAMES: [&str; 3] = ["what a moved port may send", "what it has granted", "what it owes"];
        let window = Window { bytes: fields.u32("window in bytes")?, messages: fields.u32("window in messages")? };
        let [send, granted, owed] = NAMES;
        let (send, granted, owed) =
            (Account::read(fields, send)?, Account::read(fields, granted)?, Account::read(fields, owed)?);
        if window.bytes == 0 || window.messages == 0 {
            return Err(fields.malformed("the window of a moved port is empty"));
        }
        let Window { bytes, messages } = limits.max_window;
        if window.bytes > bytes {
            return Err(fields.too_many("bytes in a window", u64::from(window.bytes), u64::from(bytes)));
        }
        if window.messages > messages {
            return Err(fields.too_many("messages in a window", u64::from(window.messages), u64::from(messages)));
        }
        let full = Account::of(window);
        let bound = Account { bytes: full.bytes.saturating_mul(8), messages: full.messages.saturating_mul(8) };
        // One message below zero at the most, and credit under way twice when pipes were merged.
        let floor = Account { bytes: i64::from(u32::MAX).saturating_mul(-2), messages: i32::MIN / 2 };
        for (account, field) in [send, granted, owed].into_iter().zip(NAMES) {
            let value = account.bytes.cast_unsigned();
            if account.exceeds(bound) {
                return Err(fields.wrong(field, value, "it is more than eight windows, in bytes or in messages"));
            }
            if floor.exceeds(account) {
                return Err(fields.wrong(field, value, "it is further below zero than any message takes it"));
            }
        }
        if owed.bytes < 0 || owed.messages < 0 {
            return Err(fields.wrong("what it owes", owed.bytes.cast_unsigned(), "it is negative"));
        }
        Ok(Self { window, send, granted, owed })
    }
}
