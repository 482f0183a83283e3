//! Memory for large payloads that are being encoded, used again when they were written.
//!
//! ```text
//!   take ──▶ a buffer ── encode ──▶ payload ──▶ written or dropped, anywhere ─┐
//!     ▲                               └─ the buffer's other half is kept here │
//!     └────────────────── taken back, once nothing points into it ◀──────────┘
//! ```
//!
//! What the allocator gets back at this size it gives back to the system, and a fresh page costs more than what is
//! written into it: 64 KiB one way had 6 to 10 page faults a message. What must hold: a buffer carries one payload at a
//! time, so that keeping a payload keeps no other one's memory; what a thread keeps is bounded.
//!
//! Of smaller ones a thread keeps the last, which serves as long as each payload is gone (copied to its link) before the
//! next one is encoded: no allocation a message instead of two. It holds at most four times what it is given for.

use std::cell::RefCell;

use bytes::BytesMut;

/// Of smaller ones only the last is kept; the allocator is good at them.
const LEAST: usize = 16 << 10;
/// Larger ones are not kept.
const MOST: usize = 2 << 20;
/// How much a thread keeps, in bytes.
const KEPT: usize = 4 << 20;
/// Sizes differ by a few bytes from message to message: a buffer made for one should serve the next one too.
const STEP: usize = 16 << 10;
/// The same for small ones.
const SMALL_STEP: usize = 256;

thread_local! {
    static SMALL: RefCell<BytesMut> = RefCell::new(BytesMut::new());
    static SPARE: RefCell<Spare> = const { RefCell::new(Spare { buffers: Vec::new(), bytes: 0 }) };
}

/// Buffers, how large each is, and how large they are together.
struct Spare {
    buffers: Vec<(BytesMut, usize)>,
    bytes: usize,
}

impl Spare {
    /// The one used last whose payload is gone: it may still be in the cache.
    fn find(&mut self, size: usize) -> Option<BytesMut> {
        let place = self.buffers.iter_mut().rposition(|(buffer, _)| buffer.try_reclaim(size))?;
        let (buffer, size) = self.buffers.remove(place);
        self.bytes -= size;
        Some(buffer)
    }

    /// Returns what has to go for it.
    fn keep(&mut self, buffer: BytesMut, size: usize) -> Vec<(BytesMut, usize)> {
        self.buffers.push((buffer, size));
        self.bytes += size;
        let (mut surplus, mut bytes) = (0, self.bytes);
        while bytes > KEPT
            && let Some((_, size)) = self.buffers.get(surplus)
        {
            bytes -= size;
            surplus += 1;
        }
        self.bytes = bytes;
        self.buffers.drain(..surplus).collect()
    }
}

/// An empty buffer with room for `size` bytes.
pub(crate) fn take(size: usize) -> BytesMut {
    if size < LEAST {
        return take_small(size);
    }
    if size > MOST {
        return BytesMut::with_capacity(size);
    }
    let spare = SPARE.try_with(|spare| spare.borrow_mut().find(size)).ok().flatten();
    spare.unwrap_or_else(|| BytesMut::with_capacity(size.next_multiple_of(STEP)))
}

/// The last small buffer, if all of it is free and not much too large.
#[inline]
fn take_small(size: usize) -> BytesMut {
    let mut buffer = SMALL.try_with(RefCell::take).unwrap_or_default();
    // One with room behind its payload might carry two.
    if buffer.capacity() < size && buffer.try_reclaim(size) && buffer.capacity() <= 4 * size {
        return buffer;
    }
    BytesMut::with_capacity(size.next_multiple_of(SMALL_STEP))
}

/// Keeps what is left of a buffer whose contents, so many bytes, went into a payload.
pub(crate) fn keep(rest: BytesMut, payload: usize) {
    if payload < LEAST {
        // Dropped outside the borrow; a thread that is ending keeps nothing.
        let former = SMALL.try_with(|small| small.replace(rest));
        drop(former);
    } else if (LEAST..=MOST).contains(&payload) {
        // All that it holds on to, which may be much more than the payload: it grew, or was made for a larger one.
        let size = payload + rest.capacity();
        // A thread that is ending keeps nothing. The surplus is dropped outside the borrow.
        let surplus = SPARE.try_with(|spare| spare.borrow_mut().keep(rest, size));
        drop(surplus);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(size: usize) -> bytes::Bytes {
        let mut buffer = take(size);
        buffer.resize(size, 7);
        let payload = buffer.split().freeze();
        keep(buffer, size);
        payload
    }

    #[test]
    fn a_buffer_is_used_again_when_its_payload_is_gone_and_not_before() {
        let first = payload(70_000);
        let second = payload(70_000);
        assert_ne!(first.as_ptr(), second.as_ptr());
        let place = first.as_ptr();
        drop(first);
        // Whoever else wants memory meanwhile does not get this.
        let _somebody_else: Vec<Vec<u8>> = (0..100).map(|_| Vec::with_capacity(1 << 17)).collect();
        assert_eq!(payload(70_001).as_ptr(), place);
        assert!(second.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn a_small_buffer_is_used_again_when_its_payload_is_gone_and_carries_one_at_a_time() {
        let place = payload(1000).as_ptr();
        let kept = payload(1001);
        assert_eq!(kept.as_ptr(), place);
        assert_ne!(payload(1000).as_ptr(), place);
        drop(payload(8000));
        assert!(take(1000).capacity() <= 4000);
    }

    #[test]
    fn a_large_buffer_that_carried_little_counts_as_large() {
        drop(payload(MOST));
        let small = payload(LEAST);
        let large = payload(MOST);
        drop((small, large));
        let kept = SPARE.with(|spare| spare.borrow().bytes);
        assert_eq!(kept, 2 * MOST);
    }

    #[test]
    fn what_a_thread_keeps_is_bounded() {
        let payloads: Vec<_> = (0..2 * KEPT / LEAST).map(|_| payload(LEAST)).collect();
        drop(payloads);
        drop(payload(MOST + 1));
        SPARE.with(|spare| {
            let spare = spare.borrow();
            assert_eq!((spare.bytes, spare.buffers.len()), (KEPT, KEPT / LEAST));
        });
    }
}
