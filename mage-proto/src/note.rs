//! Notes: what the drivers at the two ends of a link tell each other.
//!
//! A driver may know a better way for a link's bytes than the socket (memory that both processes share, say) and has to
//! agree on it with the driver at the other end, between two frames and in order with them. A note is a frame for that:
//! this crate carries it and knows nothing of what it says. Its kind is one that may be passed over, so a driver that
//! knows no notes hears nothing of them.

use alloc::vec::Vec;

use crate::frame::HEAD_LEN;
use crate::kind::NOTE;
use crate::payload::Payload;
use crate::wire::Writer;

/// What one driver told the other.
#[derive(Debug)]
#[non_exhaustive]
pub struct Note<H> {
    /// The words, at most [`MAX_NOTE`] bytes.
    pub said: Payload,
    /// The handles that came with them.
    pub handles: Vec<H>,
}

/// The longest note, in bytes. A longer one is passed over.
pub const MAX_NOTE: usize = 64;

/// Returns the frame that says `said` to the driver at the other end, and brings so many handles. It may be written
/// between any two [batches](crate::Transmit) of a link that is up. The driver there sees it if it asks for notes
/// ([`handle_bytes_and_notes`](crate::Node::handle_bytes_and_notes)).
#[must_use]
pub fn note(said: &[u8], handles: u16) -> Vec<u8> {
    let length = HEAD_LEN.saturating_add(said.len());
    let mut frame = Vec::with_capacity(length);
    Writer::new(&mut frame).u32(u32::try_from(length).unwrap_or(u32::MAX)).u8(NOTE).u8(0).u16(handles);
    frame.extend_from_slice(said);
    frame
}
