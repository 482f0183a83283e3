//! A batch of frames on its way into a socket, and how far the writing came.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use bytes::Bytes;

use super::KEPT;

/// One batch of frames for one link, in the order in which they must be written, and how far the writing came.
///
/// Reuse it: it keeps its buffers. A batch must be written whole, or its link closed, before the next is polled.
#[derive(Debug)]
pub struct Transmit<H> {
    pieces: VecDeque<Piece>,
    /// Bytes of the first piece that are written.
    written: usize,
    /// Bytes not written yet, over all pieces.
    length: usize,
    pub(super) handles: Vec<H>,
    /// Nothing waited behind it.
    pub(super) last: bool,
    /// An empty buffer to be used again.
    pub(super) spare: Vec<u8>,
}

#[derive(Debug)]
pub(super) enum Piece {
    Owned(Vec<u8>),
    Shared(Bytes),
}

impl Piece {
    #[inline]
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl<H> Default for Transmit<H> {
    fn default() -> Self {
        Self { pieces: VecDeque::new(), written: 0, length: 0, handles: Vec::new(), last: false, spare: Vec::new() }
    }
}

impl<H> Transmit<H> {
    /// Whether everything was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Whether nothing waited behind it when it was polled: the next frame is announced by
    /// [`LinkReady`](crate::Output::LinkReady), and until then polling again brings nothing. (A node that leaves has to be
    /// polled until nothing is left all the same; for it this is false.)
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.last
    }

    /// Says that the batch must be followed by another poll.
    pub(crate) fn forget_that_it_is_last(&mut self) {
        self.last = false;
    }

    /// How many bytes are not written yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// What is not written yet, in order.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let mut skip = self.written;
        self.pieces.iter().map(move |piece| piece.as_slice().get(core::mem::take(&mut skip)..).unwrap_or_default())
    }

    /// The handles that travel with the next byte; none once a byte of the batch was written.
    #[must_use]
    pub fn handles(&self) -> &[H] {
        &self.handles
    }

    /// Notes that the handles were sent before any bytes were, by a way of their own. Returns them, which this side may
    /// close now.
    #[must_use]
    pub fn take_handles(&mut self) -> Vec<H> {
        core::mem::take(&mut self.handles)
    }

    /// Notes that the next `count` bytes were written. Returns the handles that went with them, which this side may
    /// close now.
    #[must_use]
    pub fn advance(&mut self, count: usize) -> Vec<H> {
        let mut count = count.min(self.length);
        if count == 0 {
            return Vec::new();
        }
        self.length = self.length.saturating_sub(count);
        while let Some(first) = self.pieces.front() {
            let left = first.as_slice().len().saturating_sub(self.written);
            if count < left {
                self.written = self.written.saturating_add(count);
                break;
            }
            count = count.saturating_sub(left);
            self.written = 0;
            match self.pieces.pop_front() {
                Some(Piece::Owned(mut buffer)) if buffer.capacity() > self.spare.capacity() => {
                    buffer.clear();
                    self.spare = if buffer.capacity() <= KEPT { buffer } else { Vec::new() };
                }
                Some(Piece::Owned(_) | Piece::Shared(_)) | None => {}
            }
        }
        core::mem::take(&mut self.handles)
    }

    /// Gives the whole batch up, with the handles that were not sent.
    #[must_use]
    pub fn abandon(&mut self) -> Vec<H> {
        self.pieces.clear();
        self.written = 0;
        self.length = 0;
        core::mem::take(&mut self.handles)
    }

    #[inline]
    pub(super) fn push(&mut self, piece: Piece) {
        let length = piece.as_slice().len();
        if length > 0 {
            self.length = self.length.saturating_add(length);
            self.pieces.push_back(piece);
        }
    }
}
