//! Rings: bytes from one process to another through memory that both have mapped, without a system call where both are
//! awake.
//!
//! ```text
//!   Writer ──copies in──▶ ┌─────────── memory ───────────┐ ──copies out──▶ Reader
//!                         │ written, waits │ read, waits │
//!                         └────────── data, a ring ──────┘
//!          ──────────────── rings the other's bell, if it waits ─────────▶ ◀── and the other way round
//! ```
//!
//! A system call on a socket with 64 bytes costs 1 µs and more, since the kernel allocates, accounts and frees a packet for
//! it; a copy of 64 bytes costs some nanoseconds, and a bell, which only wakes who sleeps, 0.4 µs. A round trip
//! through two rings takes half the time of one through sockets, a large message a quarter. (Measured; `docs/performance.md`.)
//!
//! One ring carries one direction of a link. Each side says in the memory how far it has come, and whether it waits; who
//! comes further and sees the other wait takes that down and rings a [`Bell`].
//!
//! What must hold:
//!
//! - **Nobody waits for ever**: who waits says so and then looks once more; who comes further moves on first and then looks
//!   whether somebody waits (`tests` goes through every interleaving).
//! - **The other process may be hostile.** It may change the memory at any time. So nothing is understood in place: bytes
//!   are copied out first. What it says of its position is checked against the size of the ring each time that it is
//!   used; one's own position is kept in private memory. It cannot take the memory away: the file is sealed against
//!   shrinking, and checked to be ordinary memory (`memory`). It cannot make a ring of the bell block or kill
//!   (`bell`). What it can do is write garbage, which is what a socket would bring, or not wake us for what it wrote.
//! - A process that is gone leaves what it wrote: the socket beside the ring says when it is gone, and then the ring is read
//!   to its end.

mod bell;
mod memory;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::os::fd::OwnedFd;

pub(crate) use bell::{Bell, Heard};
pub(crate) use memory::CAPACITY;
pub(crate) use reader::RingReader;
pub(crate) use writer::RingWriter;

/// The other side says that it is where it cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the other process says that it is where it cannot be")]
pub(crate) struct Astray;

/// Makes a ring to write to, and the handle that its reader needs.
///
/// # Errors
///
/// Whatever the operating system says.
pub(crate) fn create() -> io::Result<(RingWriter, OwnedFd)> {
    let (memory, handle) = memory::Memory::create()?;
    Ok((RingWriter::new(memory), handle))
}

/// Takes a handle for a ring to read from.
///
/// # Errors
///
/// It is none, or whatever the operating system says.
pub(crate) fn open(handle: OwnedFd) -> io::Result<RingReader> {
    Ok(RingReader::new(memory::Memory::open(&handle)?))
}
