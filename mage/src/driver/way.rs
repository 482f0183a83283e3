//! The way out of a link: its socket, and for a busy link a ring in memory that both processes share.
//!
//! ```text
//!   Socket ──written to often──▶ Offered ──the other side took it, and offered one──▶ Leaving ──Switch is out──▶ Ring
//!      └──────no ring to be had──▶ Plain
//! ```
//!
//! What the two sides say meanwhile is in [`said`](super::said). What must hold: nothing comes between the bytes of a batch;
//! nothing is written to the socket after Switch but one byte for each frame that brings handles; those lie there before
//! the other side can see the frame, and never more than [`CARRIED`] that it has not come to.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice};
use std::mem;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mage_proto::Transmit;
use smallvec::SmallVec;

use super::said::Said;
use crate::ring::{self, Astray, Bell, CAPACITY, RingWriter};
use crate::socket::{self, MAX_HANDLES_PER_CALL, MAX_SLICES, Sent};

/// A link that was written to so often gets a ring. Most links of a short-lived process never are; making one takes some
/// 30 µs, as much as ten writes.
const OFTEN: u32 = 8;
/// The most handles that lie in the socket of a link with a ring.
pub(super) const CARRIED: usize = MAX_HANDLES_PER_CALL;

/// So many bytes are much: the reader is woken for them whatever else is still to come.
const MUCH: u32 = CAPACITY / 4 * 3;
/// What the other side is accused of where a ring says so.
pub(super) const ASTRAY: &str = "it says that it is where it cannot be in a ring";

/// Where a link's bytes go, and what is to be said between them.
pub(super) struct WayOut {
    way: Way,
    /// To be written between two batches, in order.
    notes: VecDeque<Unsaid>,
    /// The handles of the batch that comes next are in the socket; this says so.
    carrier: Option<Unsaid>,
}

enum Way {
    /// The socket so far, written to so often.
    Socket(u32),
    /// The socket for ever.
    Plain,
    Offered {
        ring: Outward,
        /// The other side has mapped it.
        taken: bool,
        /// The other side offers one too, and its bell is heard.
        heard: bool,
    },
    /// As soon as all notes are said, the ring.
    Leaving(Outward),
    Ring(Outward),
}

/// A ring to write to.
struct Outward {
    ring: RingWriter,
    bell: Arc<Bell>,
    /// For each frame with handles that the other side may not have read: where in the ring it is announced, and how many
    /// there are.
    carried: VecDeque<(u32, usize)>,
    /// Something was written, and the reader not woken for it.
    silent: bool,
}

/// A note, and how far it is written.
struct Unsaid {
    frame: Vec<u8>,
    written: usize,
    handles: Vec<OwnedFd>,
}

/// When the reader of a ring that waits is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// After this round of writing.
    Now,
    /// When there is much to read, or nothing more can be written; else the caller sees to it that there is a write with
    /// [`Now`](Self::Now) soon.
    Later,
}

/// How far writing came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing is left of the batch, and nothing to be said.
    Done,
    /// The socket is full, and says when it no longer is.
    Full,
    /// The ring is full, and its bell rings when it no longer is.
    Waiting,
    /// The system is short of something and will not say when that ends.
    Shortage,
}

impl Unsaid {
    fn new(said: Said, handles: Vec<OwnedFd>) -> Self {
        Self { frame: said.frame(), written: 0, handles }
    }

    fn rest(&self) -> &[u8] {
        self.frame.get(self.written..).unwrap_or_default()
    }

    fn advance(&mut self, count: usize) {
        self.written += count;
        self.handles.clear();
    }
}

impl WayOut {
    /// A way that begins as the socket, and may become a ring.
    pub(super) fn new(rings: bool) -> Self {
        let way = if rings { Way::Socket(0) } else { Way::Plain };
        Self { way, notes: VecDeque::new(), carrier: None }
    }

    /// Writes what is due to be said and as much of `batch` as fits; [`ring`](Self::ring) afterwards. `full` is set before this side says that it waits, so
    /// that whoever hears the answer finds it set.
    ///
    /// # Errors
    ///
    /// The far end is gone or astray.
    pub(super) fn write(
        &mut self,
        socket: BorrowedFd<'_>,
        batch: &mut Transmit<OwnedFd>,
        full: &AtomicBool,
    ) -> io::Result<Progress> {
        loop {
            let Self { way, notes, carrier } = self;
            if batch.is_empty() {
                let Some(note) = notes.front_mut() else {
                    if self.move_on() {
                        continue;
                    }
                    return Ok(Progress::Done);
                };
                match way.say(socket, note, full)? {
                    Progress::Done => drop(notes.pop_front()),
                    progress @ (Progress::Full | Progress::Waiting | Progress::Shortage) => return Ok(progress),
                }
                continue;
            }
            if let Some(note) = carrier {
                match way.say(socket, note, full)? {
                    Progress::Done => *carrier = None,
                    progress @ (Progress::Full | Progress::Waiting | Progress::Shortage) => return Ok(progress),
                }
            }
            let progress = match way {
                Way::Socket(_) | Way::Plain | Way::Offered { .. } | Way::Leaving(..) => send(socket, batch)?,
                Way::Ring(out) if batch.handles().is_empty() => out.write(batch, full)?,
                Way::Ring(out) => match out.carry(socket, batch, full)? {
                    Ok(note) => {
                        *carrier = Some(note);
                        Progress::Done
                    }
                    Err(progress) => progress,
                },
            };
            if progress != Progress::Done {
                return Ok(progress);
            }
        }
    }

    /// Between two batches: takes the next step towards a ring, if it is time. Returns whether there is more to be done.
    fn move_on(&mut self) -> bool {
        match mem::replace(&mut self.way, Way::Plain) {
            Way::Offered { ring, taken: true, heard: true } => {
                self.notes.push_back(Unsaid::new(Said::Switch, Vec::new()));
                self.way = Way::Leaving(ring);
                true
            }
            Way::Leaving(ring) => {
                self.way = Way::Ring(ring);
                false
            }
            same @ (Way::Socket(_) | Way::Plain | Way::Offered { .. } | Way::Ring(..)) => {
                self.way = same;
                false
            }
        }
    }

    /// Another batch is about to be written: a link that is busy gets a ring.
    pub(super) fn count(&mut self) {
        if let Way::Socket(writes) = &mut self.way {
            *writes += 1;
            if *writes >= OFTEN {
                self.offer();
            }
        }
    }

    fn offer(&mut self) {
        let made = ring::create().and_then(|(ring, memory)| {
            let (bell, end) = Bell::new()?;
            Ok((Outward { ring, bell: Arc::new(bell), carried: VecDeque::new(), silent: false }, vec![memory, end]))
        });
        // Without a ring the socket does; whoever is short of handles now need not be asked again.
        self.way = Way::Plain;
        if let Ok((ring, handles)) = made {
            self.notes.push_back(Unsaid::new(Said::Offer, handles));
            self.way = Way::Offered { ring, taken: false, heard: false };
        }
    }

    /// The other side offers a ring, and its bell is heard. Returns the bell of this side; `None` when there is none, so
    /// that the offer must be left alone.
    pub(super) fn take(&mut self) -> Option<Arc<Bell>> {
        if let Way::Socket(_) = self.way {
            self.offer();
        }
        let Way::Offered { ring, heard: heard @ false, .. } = &mut self.way else { return None };
        *heard = true;
        self.notes.push_back(Unsaid::new(Said::Taken, Vec::new()));
        Some(Arc::clone(&ring.bell))
    }

    /// After writing: wakes the reader of a ring, unless that has time.
    pub(super) fn ring(&mut self, when: When) {
        match (&mut self.way, when) {
            (Way::Ring(out), When::Now) => out.wake(),
            (Way::Ring(_), When::Later)
            | (Way::Socket(_) | Way::Plain | Way::Offered { .. } | Way::Leaving(_), When::Now | When::Later) => {}
        }
    }

    /// Whether the reader of a ring has not been woken for what was written.
    pub(super) fn is_silent(&self) -> bool {
        match &self.way {
            Way::Ring(out) => out.silent,
            Way::Socket(_) | Way::Plain | Way::Offered { .. } | Way::Leaving(..) => false,
        }
    }

    /// The other side has taken what this side offered. Returns false if nothing was offered, or it has taken it before.
    pub(super) fn taken(&mut self) -> bool {
        match &mut self.way {
            Way::Offered { taken, .. } => !mem::replace(taken, true),
            Way::Socket(_) | Way::Plain | Way::Leaving(..) | Way::Ring(..) => false,
        }
    }
}

impl Way {
    fn say(&mut self, socket: BorrowedFd<'_>, note: &mut Unsaid, full: &AtomicBool) -> io::Result<Progress> {
        while !note.rest().is_empty() {
            match self {
                Self::Socket(_) | Self::Plain | Self::Offered { .. } | Self::Leaving(..) => {
                    match socket::send(socket, &[IoSlice::new(note.rest())], &note.handles)? {
                        Sent::Bytes(count) => note.advance(count),
                        Sent::Full => return Ok(Progress::Full),
                        Sent::Shortage => return Ok(Progress::Shortage),
                    }
                }
                Self::Ring(out) => match out.put([note.rest()].into_iter(), full)? {
                    0 => return Ok(Progress::Waiting),
                    count => note.advance(count),
                },
            }
        }
        Ok(Progress::Done)
    }
}

/// Writes `batch` to the socket.
fn send(socket: BorrowedFd<'_>, batch: &mut Transmit<OwnedFd>) -> io::Result<Progress> {
    while !batch.is_empty() {
        let slices: SmallVec<[IoSlice<'_>; 16]> = batch.slices().take(MAX_SLICES).map(IoSlice::new).collect();
        let sent = socket::send(socket, &slices, batch.handles())?;
        drop(slices);
        match sent {
            // The far end has its own copies of the handles now.
            Sent::Bytes(count) => drop(batch.advance(count)),
            Sent::Full => return Ok(Progress::Full),
            Sent::Shortage => return Ok(Progress::Shortage),
        }
    }
    Ok(Progress::Done)
}

impl Outward {
    /// Writes `batch`, which brings no handles.
    fn write(&mut self, batch: &mut Transmit<OwnedFd>, full: &AtomicBool) -> io::Result<Progress> {
        while !batch.is_empty() {
            match self.put(batch.slices(), full)? {
                0 => return Ok(Progress::Waiting),
                count => drop(batch.advance(count)),
            }
        }
        Ok(Progress::Done)
    }

    /// Writes as much as there is room for, and wakes the reader if it waits; says that this side waits where there is no
    /// room for a single byte.
    fn put<'a>(&mut self, slices: impl Iterator<Item = &'a [u8]>, full: &AtomicBool) -> io::Result<usize> {
        if self.ring.room().map_err(astray)? == 0 && self.wait(full, |ring| Ok(ring.room()? > 0))? {
            return Ok(0);
        }
        let count = self.ring.write(slices).map_err(astray)?;
        self.silent = true;
        if self.ring.room().map_err(astray)? < CAPACITY - MUCH {
            self.wake();
        }
        Ok(count)
    }

    /// Sends the handles of `batch` through the socket, and returns what is to be said before the batch.
    fn carry(
        &mut self,
        socket: BorrowedFd<'_>,
        batch: &mut Transmit<OwnedFd>,
        full: &AtomicBool,
    ) -> io::Result<Result<Unsaid, Progress>> {
        let count = batch.handles().len();
        self.forget_read().map_err(astray)?;
        while let Some(&(first, _)) = self.carried.front()
            && self.carried.iter().map(|(_, count)| count).sum::<usize>() + count > CARRIED
        {
            if self.wait(full, |ring| ring.was_read(first))? {
                return Ok(Err(Progress::Waiting));
            }
            self.forget_read().map_err(astray)?;
        }
        match socket::send(socket, &[IoSlice::new(&[0])], batch.handles())? {
            Sent::Bytes(_) => {}
            Sent::Full => return Ok(Err(Progress::Full)),
            Sent::Shortage => return Ok(Err(Progress::Shortage)),
        }
        // The far end has its own copies now.
        drop(batch.take_handles());
        self.carried.push_back((self.ring.position().wrapping_add(1), count));
        Ok(Ok(Unsaid::new(Said::Carrier(u16::try_from(count).unwrap_or(u16::MAX)), Vec::new())))
    }

    fn forget_read(&mut self) -> Result<(), Astray> {
        while let Some(&(position, _)) = self.carried.front() {
            if !self.ring.was_read(position)? {
                break;
            }
            self.carried.pop_front();
        }
        Ok(())
    }

    /// Wakes the reader if it waits and something was written since it was last looked for.
    fn wake(&mut self) {
        if std::mem::take(&mut self.silent) && self.ring.wakes() {
            self.bell.ring();
        }
    }

    /// Says that this side waits, and looks once more: false if it need not wait, `ready` says.
    fn wait(&mut self, full: &AtomicBool, ready: impl Fn(&RingWriter) -> Result<bool, Astray>) -> io::Result<bool> {
        self.wake();
        full.store(true, Ordering::Release);
        self.ring.wait();
        if !ready(&self.ring).map_err(astray)? {
            return Ok(true);
        }
        self.ring.wait_no_more();
        full.store(false, Ordering::Release);
        Ok(false)
    }
}

fn astray(error: Astray) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}
