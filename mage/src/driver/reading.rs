//! What a link brings: from its socket or its ring into a buffer, from there into the core.
//!
//! ```text
//!   socket ──its watch──┐                  one recvmsg                       all whole frames handled under one lock,
//!                       ├─▶ on_ready, the ────────────────▶ ReadBuffer ────▶ wakers after it;
//!   bell ────its watch──┘    one reader    or one copy from the ring         what became ready to write ──▶ flush, last
//! ```
//!
//! A link begins at its socket. When the two drivers have agreed on it (see `said`), bytes come through a ring, and the
//! socket tells of the end and brings handles.
//!
//! What must hold: one thread reads at a time, and what the other watch was told meanwhile is looked at by it or after it;
//! a read that came back short is not followed by one that would hear "would block"; a ring is left only after this side
//! has said that it waits and has looked once more; when the far end is gone, what it sent before is handled first.

mod hearing;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Weak};

use super::effect::Effects;
use super::flush::{self, Deferral};
use super::inward::{Inward, Pause};
use super::link::Link;
use super::way::{ASTRAY, CARRIED};
use super::{Driver, State};
use crate::adapter::{Drained, OnReady, Ready, Watch};
use crate::ring::{self, Heard};
use crate::socket::{self, Carried, ReadBuffer, Received};
use crate::sync::{Lock, Turn};

/// So often a callback looks for more before other watches have their turn.
const LOOKS: u32 = 8;
/// After so many bytes it is the turn of those whom they are for: while they are still in the cache.
const ENOUGH: usize = 60 << 10;

/// Begins to read `link`: returns the watch of its socket.
///
/// # Errors
///
/// The adapter does not watch it.
pub(super) fn begin(driver: &Driver, link: &Arc<Link>, socket: Arc<OwnedFd>) -> io::Result<Watch> {
    let input = Input {
        buffer: ReadBuffer::new(Arc::clone(&driver.buffers)),
        handles: VecDeque::new(),
        wanted: 0,
        source: Source::Socket,
        carried: VecDeque::new(),
        next: None,
    };
    let reader = Arc::new(Reader {
        driver: driver.me.clone(),
        link: Arc::clone(link),
        socket: Arc::clone(&socket),
        due: AtomicU8::new(0),
        listening: AtomicBool::new(false),
        looking: AtomicBool::new(false),
        turn: Turn::default(),
        input: Lock::new(input),
    });
    driver.adapter().watch(socket, Told::of(reader, None))
}

/// The socket has something.
const SOCKET: u8 = 1;
/// The ring may have something.
const RING: u8 = 2;
/// The bell says so.
const RUNG: u8 = 4;

/// The reading side of a link, shared by the callbacks of its watches.
struct Reader {
    driver: Weak<Driver>,
    link: Arc<Link>,
    socket: Arc<OwnedFd>,
    /// Where something is to be looked for.
    due: AtomicU8,
    /// There is a bell that must be heard.
    listening: AtomicBool,
    /// The ring was empty, and the bell's watch is to look again before this side says that it waits.
    looking: AtomicBool,
    /// Who reads.
    turn: Turn,
    /// Locked by who has the turn.
    input: Lock<Input>,
}

/// What came, and was not understood yet.
struct Input {
    buffer: ReadBuffer,
    /// Received, and not yet announced by a whole frame.
    handles: VecDeque<OwnedFd>,
    /// How many bytes the frame under way still lacks.
    wanted: usize,
    source: Source,
    /// The handles of frames that the ring has not brought yet.
    carried: VecDeque<Carried>,
    /// Those of the frame that comes next.
    next: Option<Carried>,
}

/// Where bytes come from.
enum Source {
    Socket,
    /// From the socket, until the other side says that it has left it.
    Agreed(Inward),
    Ring(Inward),
}

/// What reading came to.
enum Outcome {
    /// So many bytes, and there may be more.
    More(usize),
    /// Nothing at the moment.
    Nothing,
    /// The connection is over.
    End,
    /// The other side breaks the agreement.
    Bad(&'static str),
}

/// What one watch calls.
struct Told {
    reader: Arc<Reader>,
    /// What is heard, where it is a bell that is watched.
    bell: Option<Arc<Heard>>,
    /// The last call asked to be called again.
    again: bool,
}

impl Told {
    fn of(reader: Arc<Reader>, bell: Option<Arc<Heard>>) -> OnReady {
        let mut told = Self { reader, bell, again: false };
        Box::new(move |ready| {
            let drained = told.on_ready(ready);
            told.again = drained == Drained::No;
            drained
        })
    }

    fn on_ready(&self, ready: Ready) -> Drained {
        let reader = &self.reader;
        let Some(driver) = reader.driver.upgrade() else { return Drained::Yes };
        if let Some(heard) = &self.bell {
            let looks_again = reader.looking.swap(false, Ordering::AcqRel);
            if ready.readable && !self.again {
                heard.hear();
                reader.due.fetch_or(RING | RUNG, Ordering::AcqRel);
            } else if ready.readable || looks_again {
                // Perhaps the bell, perhaps only what the last call left: not worth asking.
                reader.due.fetch_or(RING, Ordering::AcqRel);
            }
        } else if ready.readable {
            reader.due.fetch_or(SOCKET, Ordering::AcqRel);
        }
        let summoned = reader.link.summoned.swap(flush::NOT, Ordering::AcqRel) != flush::NOT;
        if reader.due.load(Ordering::Acquire) != 0 {
            // What is read sets going is written once, after all of it was handled.
            let deferral = Deferral::begin();
            reader.read(&driver, self.bell.is_some());
            deferral.end();
        }
        if summoned || ready.writable {
            reader.link.flush(&driver);
        } else if self.bell.is_some() {
            reader.link.flush_full(&driver);
        }
        let looks_again = self.bell.is_some() && reader.looking.load(Ordering::Acquire);
        if reader.due.load(Ordering::Acquire) == 0 && !looks_again { Drained::Yes } else { Drained::No }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        // An adapter that shuts down drops its watches: nobody will read here again. (A ring that came to nothing is left
        // alone.)
        let needed = self.bell.is_none() || self.reader.listening.load(Ordering::Acquire);
        if needed && let Some(driver) = self.reader.driver.upgrade() {
            driver.lose(self.reader.link.id());
        }
    }
}

impl Reader {
    fn read(self: &Arc<Self>, driver: &Driver, looks_on: bool) {
        if !self.turn.request() {
            return;
        }
        let mut enough = ENOUGH;
        for _ in 0..LOOKS {
            let due = self.due.swap(0, Ordering::AcqRel);
            if due == 0 {
                if self.turn.release() {
                    return;
                }
                continue;
            }
            let mut input = self.input.lock();
            if due & SOCKET != 0 {
                let outcome = self.read_socket(driver, &mut input);
                enough = enough.saturating_sub(self.settle(driver, outcome, SOCKET));
            }
            if due & RING != 0 {
                let outcome = self.read_ring(driver, &mut input, due & RUNG != 0, looks_on);
                enough = enough.saturating_sub(self.settle(driver, outcome, RING));
            }
            if enough == 0 {
                break;
            }
        }
        // Whoever sees that something is due is called again, this thread or the one that was refused its turn.
        self.turn.abandon();
    }

    /// Does what `outcome` asks for, and returns how many bytes it brought.
    fn settle(&self, driver: &Driver, outcome: Outcome, what: u8) -> usize {
        match outcome {
            Outcome::More(bytes) => {
                self.due.fetch_or(what, Ordering::AcqRel);
                return bytes;
            }
            Outcome::Nothing => {}
            Outcome::End => driver.lose(self.link.id()),
            Outcome::Bad(why) => driver.accuse(self.link.id(), why),
        }
        0
    }

    fn read_socket(self: &Arc<Self>, driver: &Driver, input: &mut Input) -> Outcome {
        if let Source::Ring(_) = input.source {
            return self.read_carried(driver, input);
        }
        match input.buffer.receive(self.socket.as_fd(), input.wanted, &mut input.handles) {
            Ok(Received::Nothing) => Outcome::Nothing,
            Ok(Received::Bytes { drained, truncated }) => {
                self.link.answerable.store(true, Ordering::Relaxed);
                match self.handle(driver, input, truncated) {
                    Err(why) => Outcome::Bad(why),
                    Ok(()) if drained => Outcome::Nothing,
                    Ok(()) => Outcome::More(0),
                }
            }
            Ok(Received::End) | Err(_) => Outcome::End,
        }
    }

    /// Once there is a ring, the socket brings handles, and the end.
    fn read_carried(self: &Arc<Self>, driver: &Driver, input: &mut Input) -> Outcome {
        match socket::receive_carried(self.socket.as_fd()) {
            Ok(None) => Outcome::Nothing,
            Ok(Some(Some(carried))) => match input.keep(carried) {
                Ok(()) => Outcome::More(0),
                Err(why) => Outcome::Bad(why),
            },
            Ok(Some(None)) | Err(_) => self.read_to_the_end(driver, input),
        }
    }

    /// Looks into the ring once; with nothing there, `looks_on` says whether it may be looked again later, instead of
    /// saying that this side waits.
    fn read_ring(self: &Arc<Self>, driver: &Driver, input: &mut Input, rung: bool, looks_on: bool) -> Outcome {
        let inward = match &mut input.source {
            Source::Ring(inward) => inward,
            Source::Agreed(inward) if rung => {
                self.listen_no_more_if_over(inward.heard());
                return Outcome::Nothing;
            }
            Source::Agreed(_) | Source::Socket => return Outcome::Nothing,
        };
        match inward.read(&mut input.buffer, input.wanted, &driver.lookout) {
            Ok(0) => {
                let pause = if looks_on { inward.pause(&self.link.sent, &driver.lookout) } else { inward.sleep() };
                match pause {
                    Ok(Pause::Over) => Outcome::More(0),
                    Ok(Pause::Turn) => {
                        self.looking.store(true, Ordering::Release);
                        Outcome::Nothing
                    }
                    Ok(Pause::Sleep) => {
                        if rung {
                            self.listen_no_more_if_over(inward.heard());
                        }
                        Outcome::Nothing
                    }
                    Err(_) => Outcome::Bad(ASTRAY),
                }
            }
            Ok(bytes) => {
                self.link.answerable.store(true, Ordering::Relaxed);
                match self.handle(driver, input, false) {
                    Ok(()) => Outcome::More(bytes),
                    Err(why) => Outcome::Bad(why),
                }
            }
            Err(_) => Outcome::Bad(ASTRAY),
        }
    }

    /// A bell without a process at its other end may be told of without end. If the process is gone, so is the socket's
    /// other end, and the ring is read to its end then; if it is not, nobody but itself waits for what it wrote.
    fn listen_no_more_if_over(&self, heard: &Heard) {
        if heard.is_over() {
            self.listening.store(false, Ordering::Release);
            self.link.listen_no_more();
        }
    }

    /// The far end is gone, and writes no more; if it still does, nobody waits for it.
    fn read_to_the_end(self: &Arc<Self>, driver: &Driver, input: &mut Input) -> Outcome {
        let mut left = ring::CAPACITY as usize;
        while let Source::Ring(inward) = &mut input.source
            && let Ok(count @ 1..) = inward.read(&mut input.buffer, input.wanted, &driver.lookout)
        {
            if let Err(why) = self.handle(driver, input, false) {
                return Outcome::Bad(why);
            }
            match left.checked_sub(count) {
                Some(rest) => left = rest,
                None => break,
            }
        }
        Outcome::End
    }

    /// Gives the core what was received; hears what the other driver says between frames.
    fn handle(self: &Arc<Self>, driver: &Driver, input: &mut Input, mut truncated: bool) -> Result<(), &'static str> {
        // The first time even if nothing is left: then handles that came with nothing are noticed.
        loop {
            truncated |= input.hand_over();
            let mut effects = Effects::new();
            let Input { buffer, handles, .. } = input;
            let (note, wanted) = buffer.consume(|bytes| {
                driver.enter(&mut effects, |state, _| {
                    let State { core: Some(core), .. } = state else { return (None, 0) };
                    if truncated {
                        core.handle_truncated(self.link.id());
                    }
                    match core.handle_bytes_and_notes(self.link.id(), bytes, handles) {
                        Ok(note @ Some(_)) => (note, 0),
                        Ok(None) => (None, core.wanted(bytes)),
                        // A violation ends the link through the core's own outputs.
                        Err(_) => (None, 0),
                    }
                })
            });
            input.wanted = wanted;
            driver.perform(&mut effects);
            let Some(note) = note else { return Ok(()) };
            self.hear(driver, input, note, truncated)?;
            if input.buffer.is_empty() {
                return Ok(());
            }
            truncated = false;
        }
    }
}

impl Input {
    /// Keeps handles for a frame that the ring will bring.
    fn keep(&mut self, carried: Carried) -> Result<(), &'static str> {
        if carried.handles.is_empty() && !carried.truncated {
            return Err("it goes on in the socket after leaving it");
        }
        self.carried.push_back(carried);
        // As many again may have been announced in what was read, and not be understood yet.
        let kept: usize = self.carried.iter().map(|carried| carried.handles.len().max(1)).sum();
        if kept > 2 * CARRIED { Err("it sends handles without end") } else { Ok(()) }
    }

    /// Lays the handles of the next frame out for it, once the first of its bytes is there. Returns whether some are
    /// missing because this process had no room for them.
    fn hand_over(&mut self) -> bool {
        if self.buffer.is_empty() {
            return false;
        }
        let Some(Carried { handles, truncated }) = self.next.take() else { return false };
        self.handles.extend(handles);
        truncated
    }
}
