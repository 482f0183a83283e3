//! Frames as anybody on the wire sees them. The layout is written down a second time here, on purpose: a change of the
//! bytes that the core does not mean to make is noticed.

use std::fmt;

/// How many frames of each kind were written, and their bytes without payloads of messages.
#[derive(Clone)]
pub struct Counts {
    /// By kind byte.
    pub frames: [u64; 256],
}

impl Default for Counts {
    fn default() -> Self {
        Self { frames: [0; 256] }
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.frames.iter().enumerate().filter(|(_, count)| **count > 0)).finish()
    }
}

pub use crate::scene::forge::kind;

/// The head of every frame: u32 length, u8 kind, u8 flags, u16 handles.
pub const HEAD: usize = 8;
/// The head of an event: … , u128 destination, u128 origin.
pub const EVENT_HEAD: usize = HEAD + 32;

impl Counts {
    /// How many frames of a kind there were.
    #[must_use]
    pub fn of(&self, kind: u8) -> u64 {
        self.frames[usize::from(kind)]
    }

    /// Events between ports that are not messages.
    #[must_use]
    pub fn controls(&self) -> u64 {
        (kind::CLOSE..=kind::CREDIT).map(|kind| self.of(kind)).sum()
    }

    /// Adds another run's counts.
    pub fn add(&mut self, other: &Self) {
        self.frames.iter_mut().zip(other.frames).for_each(|(sum, more)| *sum += more);
    }
}

/// Finds the frames in what a node writes. Whole heads come in one piece.
#[derive(Debug, Default)]
pub struct Scanner {
    /// Bytes of the current frame that have not passed yet.
    left: usize,
}

impl Scanner {
    /// Counts the frames that begin in `bytes`.
    ///
    /// # Panics
    ///
    /// When a frame is shorter than its head, or its head is torn.
    pub fn scan(&mut self, mut bytes: &[u8], counts: &mut Counts) {
        while !bytes.is_empty() {
            if self.left == 0 {
                let length = length_of(bytes).expect("a whole head");
                assert!(length >= HEAD, "a frame of {length} bytes");
                counts.frames[usize::from(bytes[4])] += 1;
                self.left = length;
            }
            let passed = self.left.min(bytes.len());
            self.left -= passed;
            bytes = &bytes[passed..];
        }
    }
}

/// The length that the head of a frame says.
#[must_use]
pub fn length_of(frame: &[u8]) -> Option<usize> {
    let length = frame.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*length) as usize)
}

/// A frame of `kind` with these flags, handles and body.
#[must_use]
pub fn frame(kind: u8, flags: u8, handles: u16, body: &[u8]) -> Vec<u8> {
    let mut frame = ((HEAD + body.len()) as u32).to_le_bytes().to_vec();
    frame.extend([kind, flags]);
    frame.extend(handles.to_le_bytes());
    frame.extend(body);
    frame
}

/// An event of `kind` from a port to a port.
#[must_use]
pub fn event(kind: u8, dest: u128, from: u128, body: &[u8]) -> Vec<u8> {
    let mut all = dest.to_le_bytes().to_vec();
    all.extend(from.to_le_bytes());
    all.extend(body);
    frame(kind, 0, 0, &all)
}
