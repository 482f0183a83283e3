//! Writing, and when: the rule that makes a burst cheap and a lone message fast.
//!
//! Many small messages in one write cost a hundredth of what they cost in one write each, and handing a single message to
//! another thread costs more than writing it. So:
//!
//! 1. A send returns when its frame is queued in the core; nothing depends on a later call by the application.
//! 2. If something was received on the link since the last direct write, the sender writes itself, without blocking:
//!    that is a conversation. Whichever thread of the process received it counts: on an executor the task that answers
//!    often runs on another thread than the one that read.
//!    A large message ([`LARGE`]) is written by its sender too: there is nothing to be gained by waiting for others, and
//!    its bytes are still in the cache. Into a ring, that is; its reader is woken once there is much to read, or when the
//!    flusher comes that is asked for as in rule 4: to be woken for each costs as much as to copy it.
//! 3. Otherwise, unless somebody is writing already (who then goes on), the link's flusher is woken, once for each time
//!    that the link goes from idle to busy: the core reports [`LinkReady`](mage_proto::Output::LinkReady) for the first
//!    frame only. The flusher is the callback of the link's
//!    watch, so it runs on the adapter: the link's task on tokio and smol, the polling thread on threads. It takes up to
//!    64 KiB a call, again and again until nothing is left.
//! 4. What a read sets going (answers of the protocol, what proxies pass on, what wakers send in place) is written by the
//!    thread that read, once, after everything read was handled. If it woke somebody, it goes out with what that one
//!    sends, or else when the thread has run it or waits, a few milliseconds later at the most; so does the news that an
//!    end was closed.
//! 5. Credit that a receive gives back is written at once: the far end may be waiting for it.
//! 6. A thread that is about to sleep in [`block_on`](crate::backend::Backend::block_on) writes what it queued before.
//! 7. When the socket is full, the watch's interest in writing is on until it took everything, and off again; when the
//!    ring is full (see `way`), its bell rings once half of it is free.
//!
//! What must hold: frames of a link are taken from the core and written by one thread at a time (the link's turn), which
//! goes on until the core has no more or hands over to the flusher; a write error does not end the link, the reader does
//! when it has read what the far end sent before it went.

use std::cell::{Cell, RefCell};
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use mage_proto::Transmit;

use super::Driver;
use super::effect::Effects;
use super::link::Link;
use super::way::{ASTRAY, Progress, WayOut, When};
use crate::socket;

/// A payload of this many bytes is large: written alone it costs hardly more than together with others.
pub(super) const LARGE: usize = 16 << 10;
/// After so many batches the rest is left to the flusher's next call, so that nobody writes for others without end.
const ROUNDS: u32 = 8;
/// The flusher was not woken.
pub(super) const NOT: u8 = 0;
/// It comes when it suits it.
const SOON: u8 = 1;
/// It was woken.
const NOW: u8 = 2;
/// How long to wait before writing again when the system is short of something and will not say when that ends.
const SHORTAGE: Duration = Duration::from_millis(10);

/// What is being written to one link.
pub(super) struct Sender {
    /// `None` once the link is closed.
    socket: Option<Arc<OwnedFd>>,
    pub(super) way: WayOut,
    batch: Transmit<OwnedFd>,
    /// Writing failed; the reader will find the end.
    broken: bool,
}

/// How one round of writing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    /// Nothing is left, or nothing can be written any more.
    All,
    /// There is more, and it is somebody else's turn to write it.
    Enough,
    /// The socket is full.
    Full,
    /// The ring is full.
    Waiting,
    /// The system is short of something.
    Shortage,
    /// The other side breaks the agreement about the ring.
    Astray,
}

impl Sender {
    pub(super) fn new(socket: Arc<OwnedFd>, rings: bool) -> Self {
        Self { socket: Some(socket), way: WayOut::new(rings), batch: Transmit::default(), broken: false }
    }

    pub(super) fn socket(&self) -> Option<&Arc<OwnedFd>> {
        self.socket.as_ref()
    }

    /// Leaves a sender that does nothing, and returns what it had, to be dropped.
    pub(super) fn close(&mut self) -> Self {
        let closed = Self { socket: None, way: WayOut::new(false), batch: Transmit::default(), broken: true };
        std::mem::replace(self, closed)
    }

    /// Writes what is left of the last batch and whatever the core has; wakes the reader of a ring after it, unless that
    /// has time.
    fn write(&mut self, link: &Link, driver: &Driver, effects: &mut Effects, bell: When) -> Written {
        let written = self.write_batches(link, driver, effects);
        self.way.ring(bell);
        written
    }

    fn write_batches(&mut self, link: &Link, driver: &Driver, effects: &mut Effects) -> Written {
        let mut last = false;
        for _ in 0..ROUNDS {
            match self.write_batch(&link.full) {
                Ok(Progress::Done) => {}
                Ok(Progress::Full) => return Written::Full,
                Ok(Progress::Waiting) => return Written::Waiting,
                Ok(Progress::Shortage) => return Written::Shortage,
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    self.broken = true;
                    drop(self.batch.abandon());
                    return Written::Astray;
                }
                Err(_) => self.give_up(),
            }
            // Who queues a frame behind the last batch hears that the link is ready, and asks for another round.
            if self.broken || last {
                return Written::All;
            }
            // Effects wait until the sender is unlocked: closing this very link may be one of them.
            let more = driver.enter(effects, |state, _| {
                state.core.as_mut().is_some_and(|core| core.poll_transmit(link.id(), &mut self.batch))
            });
            if !more {
                return Written::All;
            }
            last = self.batch.is_last();
            self.way.count();
        }
        Written::Enough
    }

    fn write_batch(&mut self, full: &AtomicBool) -> std::io::Result<Progress> {
        let Some(socket) = &self.socket else { return Err(ErrorKind::NotConnected.into()) };
        self.way.write(socket.as_fd(), &mut self.batch, full)
    }

    /// Writes no more. What the far end sent before it went is still to be read, and then the end.
    fn give_up(&mut self) {
        self.broken = true;
        drop(self.batch.abandon());
        if let Some(socket) = &self.socket {
            socket::shut_down(socket.as_fd());
        }
    }
}

impl Link {
    /// Writes what is queued, unless another thread does, which then goes once more.
    pub(super) fn flush(self: &Arc<Self>, driver: &Driver) {
        self.sent.store(true, Ordering::Release);
        self.flush_and_wake(driver, When::Now);
    }

    fn flush_and_wake(self: &Arc<Self>, driver: &Driver, mut bell: When) {
        if !self.turn.request() {
            return;
        }
        let mut effects = Effects::new();
        for _ in 0..ROUNDS {
            // Cleared before the core is asked for frames: who queues one later and finds this set may rely on it.
            self.full.store(false, Ordering::Release);
            let written = self.sender.lock().write(self, driver, &mut effects, bell);
            // Who asks for another round may not have the time.
            bell = When::Now;
            let full = written == Written::Full;
            if self.writing.swap(full, Ordering::AcqRel) != full {
                self.want_write(full);
            }
            if full {
                self.full.store(true, Ordering::Release);
            }
            match written {
                Written::All | Written::Full | Written::Waiting => {}
                Written::Astray => driver.accuse(self.id(), ASTRAY),
                Written::Enough => break,
                Written::Shortage => self.flush_later(driver),
            }
            if self.turn.release() {
                driver.perform(&mut effects);
                return;
            }
        }
        self.turn.abandon();
        self.wake_flusher();
        driver.perform(&mut effects);
    }

    /// Rules 2 and 3: what a send of the application queued.
    pub(super) fn flush_sent(self: &Arc<Self>, driver: &Driver, large: bool) {
        if Deferral::defer(self) || self.full.load(Ordering::Acquire) {
            return;
        }
        if self.answerable.swap(false, Ordering::Relaxed) {
            self.flush(driver);
        } else if large {
            self.sent.store(true, Ordering::Release);
            self.flush_and_wake(driver, When::Later);
            if self.sender.lock().way.is_silent() {
                self.flush_soon();
            }
        } else if !self.turn.remind() {
            remember(self);
            self.wake_flusher();
        }
    }

    /// Rule 7: the far end has read.
    pub(super) fn flush_full(self: &Arc<Self>, driver: &Driver) {
        if self.full.load(Ordering::Acquire) {
            self.flush(driver);
        }
    }

    /// Rules 4 and 5.
    pub(super) fn flush_now(self: &Arc<Self>, driver: &Driver) {
        if !Deferral::defer(self) && !self.full.load(Ordering::Acquire) {
            self.flush_and_wake(driver, When::Now);
        }
    }

    /// Rule 4, where it has time: nobody waits for the news that an end is closed.
    pub(super) fn flush_closed(self: &Arc<Self>) {
        if !Deferral::defer(self) && !self.full.load(Ordering::Acquire) && !self.turn.remind() {
            self.flush_soon();
        }
    }

    /// Leaves the writing to this thread's next, or its sleep, and to the flusher if neither comes soon.
    fn flush_soon(self: &Arc<Self>) {
        remember(self);
        if let Some(watch) = self.watch()
            && self.summoned.fetch_max(SOON, Ordering::AcqRel) == NOT
        {
            watch.wake_soon();
        }
    }

    pub(super) fn wake_flusher(&self) {
        // Before the watch exists nobody is woken; whoever installs it comes here again.
        if let Some(watch) = self.watch()
            && self.summoned.fetch_max(NOW, Ordering::AcqRel) != NOW
        {
            watch.wake();
        }
    }

    /// Without a watch nobody hears of it: whoever installs the watch has the link flushed again.
    fn want_write(&self, on: bool) {
        if let Some(watch) = self.watch() {
            watch.want_write(on);
        }
    }

    fn flush_later(self: &Arc<Self>, driver: &Driver) {
        let link = Arc::downgrade(self);
        let pause = driver.adapter().sleep_until(Instant::now() + SHORTAGE);
        driver.adapter().spawn(Box::pin(async move {
            pause.await;
            if let Some(link) = link.upgrade() {
                link.wake_flusher();
            }
        }));
    }
}

thread_local! {
    /// This thread is inside a read callback.
    static READING: Cell<bool> = const { Cell::new(false) };
    /// Somebody was woken inside it.
    static WOKEN: Cell<bool> = const { Cell::new(false) };
    /// Links that became ready inside it.
    static DEFERRED: RefCell<Vec<Arc<Link>>> = const { RefCell::new(Vec::new()) };
    /// The link that this thread queued to last without writing; the flusher was woken for it.
    static QUEUED: RefCell<Weak<Link>> = const { RefCell::new(Weak::new()) };
}

/// Until it ends, links that become ready on this thread wait for one flush at the end.
pub(super) struct Deferral {
    outermost: bool,
}

impl Deferral {
    pub(super) fn begin() -> Self {
        Self { outermost: !READING.replace(true) }
    }

    /// Remembers `link` for the end, if this thread defers.
    fn defer(link: &Arc<Link>) -> bool {
        READING.get()
            && DEFERRED
                .try_with(|deferred| {
                    let mut deferred = deferred.borrow_mut();
                    if !deferred.iter().any(|known| Arc::ptr_eq(known, link)) {
                        deferred.push(Arc::clone(link));
                    }
                })
                .is_ok()
    }

    /// Somebody is woken: if it is on a thread that defers, what it will send and what waits go out together.
    pub(super) fn has_woken() {
        if READING.get() {
            WOKEN.set(true);
        }
    }

    /// Flushes what waited.
    pub(super) fn end(self) {
        // Dropping does it, also when a waker panics.
    }
}

impl Drop for Deferral {
    fn drop(&mut self) {
        if self.outermost {
            READING.set(false);
            if WOKEN.take() {
                for_each_deferred(Link::flush_soon);
            } else {
                flush_deferred();
            }
        }
    }
}

fn flush_deferred() {
    for_each_deferred(|link| {
        if let Some(driver) = link.driver.upgrade() {
            link.flush(&driver);
        }
    });
}

fn for_each_deferred(act: impl Fn(&Arc<Link>)) {
    // One at a time, so that the list keeps its memory.
    while let Some(link) = DEFERRED.try_with(|deferred| deferred.borrow_mut().pop()).ok().flatten() {
        act(&link);
    }
}

fn remember(link: &Arc<Link>) {
    // A thread that is being torn down has nobody to sleep for.
    let _ = QUEUED.try_with(|queued| queued.replace(Arc::downgrade(link)));
}

/// Rule 6: writes what this thread queued and nobody wrote yet.
pub(super) fn flush_before_sleep() {
    flush_deferred();
    let queued = QUEUED.try_with(RefCell::take).unwrap_or_default();
    if let Some(link) = queued.upgrade()
        && let Some(driver) = link.driver.upgrade()
    {
        link.flush(&driver);
    }
}
