//! The first bytes of a message on an interface's pipe.
//!
//! ```text
//!   kind u8 │ method u32 │ call u64, for every kind but one-way │ interface u64, with HELLO │ parameters …
//! ```
//!
//! The first message that a remote sends on its pipe carries HELLO and the id of its interface. Until that message is
//! known to be sent, others carry it too, so that no race between threads puts a message without it first.

use crate::parameter::{BadValue, Encoder};

/// The bit of the kind that says that the interface's id follows.
const HELLO: u8 = 0x80;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// A call that has no answer. Remote to receiver.
    OneWay = 0,
    /// A call that is answered by one `Reply`, `Error` or `Failed`, or by any number of `Item` and one `End` or `Failed`.
    /// Remote to receiver.
    Call = 1,
    /// The values of an answer. Receiver to remote, as all that answers.
    Reply = 2,
    /// The error of an answer.
    Error = 3,
    /// Nobody waits for the answer any more. Remote to receiver.
    Cancel = 4,
    /// Asks for a `Flushed` once everything sent before was dispatched. Remote to receiver.
    Flush = 5,
    /// Answers a `Flush`.
    Flushed = 6,
    /// There will be no (further) answer; one byte says why, see [`Failure`].
    Failed = 7,
    /// One value of a stream.
    Item = 8,
    /// The stream is complete.
    End = 9,
    /// As many more values may be sent on a stream: a u32. Remote to receiver.
    Grant = 10,
}

/// Why a call that arrived has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Failure {
    /// The implementation dropped it.
    Dropped = 0,
    /// The answer was too large, or held something that cannot be sent.
    Unsendable = 1,
}

impl Failure {
    pub(crate) fn from_code(code: u8) -> Self {
        // What a later version may add means at least that there is no answer.
        if code == Self::Unsendable as u8 { Self::Unsendable } else { Self::Dropped }
    }
}

/// The head of a message that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) method: u32,
    /// 0 for one-way.
    pub(crate) call: u64,
    /// The id of the sender's interface, when it says so.
    pub(crate) interface: Option<u64>,
    /// Where the parameters begin.
    pub(crate) len: usize,
}

impl Kind {
    fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::OneWay,
            1 => Self::Call,
            2 => Self::Reply,
            3 => Self::Error,
            4 => Self::Cancel,
            5 => Self::Flush,
            6 => Self::Flushed,
            7 => Self::Failed,
            8 => Self::Item,
            9 => Self::End,
            10 => Self::Grant,
            _ => return None,
        })
    }
}

impl Head {
    /// Reads the head of a message.
    #[inline]
    pub(crate) fn read(payload: &[u8]) -> Result<Self, BadValue> {
        let mut rest = payload;
        let [code] = take(&mut rest)?;
        let kind = Kind::from_code(code & !HELLO).ok_or(BadValue::UnexpectedKind { kind: code })?;
        let method = u32::from_le_bytes(take(&mut rest)?);
        let call = if kind == Kind::OneWay { 0 } else { u64::from_le_bytes(take(&mut rest)?) };
        let interface = if code & HELLO == 0 { None } else { Some(u64::from_le_bytes(take(&mut rest)?)) };
        Ok(Self { kind, method, call, interface, len: payload.len() - rest.len() })
    }
}

#[inline]
fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], BadValue> {
    let (bytes, after) = rest.split_first_chunk::<N>().ok_or_else(|| BadValue::Short { missing: N - rest.len() })?;
    *rest = after;
    Ok(*bytes)
}

/// Starts a message with a call id.
#[inline]
pub(crate) fn write(kind: Kind, method: u32, call: u64, interface: Option<u64>) -> Encoder {
    let mut to = Encoder::new();
    begin(&mut to, kind, method, call, interface);
    to
}

/// Writes the head into an encoder that is where it will stay: it is large, and would be copied on its way out of
/// [`write`].
#[inline]
pub(crate) fn begin(to: &mut Encoder, kind: Kind, method: u32, call: u64, interface: Option<u64>) {
    to.raw(&[kind as u8 | if interface.is_some() { HELLO } else { 0 }]);
    to.raw(&method.to_le_bytes());
    if kind != Kind::OneWay {
        to.raw(&call.to_le_bytes());
    }
    if let Some(id) = interface {
        to.raw(&id.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_head_reads_back_and_no_shorter_one_does() {
        for code in 0..=10 {
            let kind = Kind::from_code(code).unwrap();
            assert_eq!(kind as u8, code);
            for interface in [None, Some(0x0102_0304_0506_0708)] {
                let call = if kind == Kind::OneWay { 0 } else { 77 };
                let payload = write(kind, 0xAABB_CCDD, call, interface).finish().unwrap().payload;
                let head = Head { kind, method: 0xAABB_CCDD, call, interface, len: payload.len() };
                assert_eq!(Head::read(&payload), Ok(head));
                for short in 0..payload.len() {
                    assert!(matches!(Head::read(&payload[..short]), Err(BadValue::Short { .. })));
                }
            }
        }
        assert_eq!(Head::read(&[11, 0, 0, 0, 0]), Err(BadValue::UnexpectedKind { kind: 11 }));
    }

    #[test]
    fn a_one_way_head_is_five_bytes_as_documented() {
        let payload = write(Kind::OneWay, 0x0403_0201, 0, None).finish().unwrap().payload;
        assert_eq!(&*payload, [0, 1, 2, 3, 4]);
        let payload = write(Kind::Call, 0x0403_0201, 5, Some(6)).finish().unwrap().payload;
        assert_eq!(&*payload, [0x81, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]);
    }
}
