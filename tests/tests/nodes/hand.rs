//! An adapter that runs nothing by itself: whoever has it says which of its watches is called next, and why.
//!
//! ```text
//!   driver ──watch, wake──▶ Hand ◀──step(random)── a test        no thread, no clock, no waiting
//!                            └── poll, epoll, asked and never waited for
//! ```
//!
//! What must hold: a call is made only where an adapter may make it. The operating system says that something is ready, or
//! the watch is owed a call: it was woken, or its last call said that there is more. What is owed and what happened come
//! in any order, any number of them later, and any watch before any other. (A watch that said that there is more may be
//! called again at once, which an adapter should not do and a driver should survive.)

use std::fmt;
use std::future::Future;
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use mage::adapter::{
    Adapter, BoxFuture, Drained, LocalTaskRunner, OnReady, Ready, RunTasks, Task, TaskRunner, Watch, WatchControl,
    WouldDeadlock,
};
use mage_tests::world::random::Random;
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};

/// How an adapter hears of arrivals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Each once, as a system does that is edge-triggered.
    Once,
    /// Each once, and of an end without end, as a runtime does that remembers what it was told.
    EndsForEver,
    /// It only knows that there is something to read.
    Never,
}

/// An adapter that runs nothing by itself. Clones are the same adapter.
#[derive(Clone)]
pub(crate) struct Hand(Arc<Held>);

struct Held {
    manner: Manner,
    watches: Mutex<Vec<Arc<Watched>>>,
    /// What was spawned and has not completed.
    tasks: Mutex<Vec<BoxFuture<()>>>,
}

/// One watched socket.
struct Watched {
    hand: Weak<Held>,
    socket: Arc<OwnedFd>,
    /// Hears of each arrival once, where the watch is for that.
    arrivals: Option<OwnedFd>,
    /// Taken out during a call, and for good once stopped.
    on_ready: Mutex<Option<OnReady>>,
    /// To be called without readiness.
    owed: AtomicBool,
    /// The last call said that there is more to read.
    unread: AtomicBool,
    writing: AtomicBool,
    stopped: AtomicBool,
}

/// Something that may happen next.
enum Step {
    /// The operating system says so.
    Event(Arc<Watched>, Ready),
    /// It was woken, or has said that there is more.
    Owed(Arc<Watched>),
    /// Something spawned runs.
    Task(usize),
}

impl Hand {
    pub(crate) fn new(manner: Manner) -> Self {
        Self(Arc::new(Held { manner, watches: Mutex::default(), tasks: Mutex::default() }))
    }

    /// How many watches there are.
    pub(crate) fn watches(&self) -> usize {
        self.0.watches.lock().unwrap().len()
    }

    /// Does one of the things that may happen next. Returns false where nothing may.
    pub(crate) fn step(&self, random: &mut Random) -> bool {
        let mut steps = self.steps();
        if steps.is_empty() {
            return false;
        }
        match steps.swap_remove(random.below(steps.len())) {
            Step::Event(watched, ready) => {
                watched.forget_arrivals();
                watched.call(ready);
            }
            Step::Owed(watched) => watched.call(Ready::default()),
            Step::Task(place) => self.run(place),
        }
        true
    }

    /// Goes on until nothing more may happen, for `most` steps. Returns whether it came to that.
    pub(crate) fn settle(&self, most: usize, random: &mut Random) -> bool {
        (0..=most).any(|_| !self.step(random))
    }

    fn steps(&self) -> Vec<Step> {
        let watches = self.0.watches.lock().unwrap().clone();
        let mut steps: Vec<Step> = (0..self.0.tasks.lock().unwrap().len()).map(Step::Task).collect();
        for watched in watches {
            let ready = watched.ready(self.0.manner);
            if watched.owed.load(Ordering::Relaxed) {
                steps.push(Step::Owed(Arc::clone(&watched)));
            }
            if ready != Ready::default() {
                steps.push(Step::Event(watched, ready));
            }
        }
        steps
    }

    fn run(&self, place: usize) {
        let mut task = self.0.tasks.lock().unwrap().swap_remove(place);
        if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.0.tasks.lock().unwrap().push(task);
        }
    }

    fn add(&self, socket: Arc<OwnedFd>, arrivals: Option<OwnedFd>, on_ready: OnReady) -> Watch {
        let watched = Arc::new(Watched {
            hand: Arc::downgrade(&self.0),
            socket,
            arrivals,
            on_ready: Mutex::new(Some(on_ready)),
            owed: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            writing: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        self.0.watches.lock().unwrap().push(Arc::clone(&watched));
        Watch::new(Arc::new(Control(watched)))
    }
}

impl Watched {
    /// What the operating system says now.
    fn ready(&self, manner: Manner) -> Ready {
        let ended = PollFlags::HUP | PollFlags::ERR;
        let readable = match &self.arrivals {
            None => asked(&self.socket, PollFlags::IN | PollFlags::RDHUP) != PollFlags::empty(),
            Some(arrivals) => {
                let over = asked(&self.socket, PollFlags::RDHUP) != PollFlags::empty();
                let for_ever = manner == Manner::EndsForEver && over;
                for_ever || asked(arrivals, PollFlags::IN) != PollFlags::empty()
            }
        };
        let writable = self.writing.load(Ordering::Relaxed)
            && asked(&self.socket, PollFlags::OUT).intersects(PollFlags::OUT | ended);
        Ready { readable, writable }
    }

    /// Who is edge-triggered hears of it once.
    fn forget_arrivals(&self) {
        if let Some(arrivals) = &self.arrivals {
            let mut room = [MaybeUninit::uninit(); 1];
            epoll::wait(arrivals, &mut room[..], Some(&Timespec::default())).unwrap();
        }
    }

    fn call(&self, mut ready: Ready) {
        // From here on a wake asks for another call.
        self.owed.store(false, Ordering::Relaxed);
        ready.readable |= self.unread.swap(false, Ordering::Relaxed);
        let Some(mut on_ready) = self.on_ready.lock().unwrap().take() else { return };
        if on_ready(ready) == Drained::No {
            self.unread.store(ready.readable, Ordering::Relaxed);
            self.owed.store(true, Ordering::Relaxed);
        }
        if !self.stopped.load(Ordering::Relaxed) {
            *self.on_ready.lock().unwrap() = Some(on_ready);
        }
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        if let Some(hand) = self.hand.upgrade() {
            hand.watches.lock().unwrap().retain(|watched| !std::ptr::eq(&**watched, self));
        }
        let on_ready = self.on_ready.lock().unwrap().take();
        drop(on_ready);
    }
}

/// Which of `flags`, and of what is always told, hold of `socket` at this moment.
fn asked(socket: &impl AsFd, flags: PollFlags) -> PollFlags {
    let mut asked = [PollFd::new(socket, flags)];
    poll(&mut asked, Some(&Timespec::default())).unwrap();
    asked[0].revents()
}

/// What the owner of a watch holds.
#[derive(Debug)]
struct Control(Arc<Watched>);

impl WatchControl for Control {
    fn want_write(&self, on: bool) {
        self.0.writing.store(on, Ordering::Relaxed);
    }

    fn wake(&self) {
        self.0.owed.store(true, Ordering::Relaxed);
    }

    fn stop(&self) {
        self.0.stop();
    }
}

impl Adapter for Hand {
    fn task_runner(&self) -> TaskRunner {
        TaskRunner::new(Arc::new(Runner(self.clone())))
    }

    fn task_runner_of(&self, _name: &str) -> Option<TaskRunner> {
        None
    }

    fn local_task_runner(&self) -> Option<LocalTaskRunner> {
        None
    }

    fn watch(&self, socket: Arc<OwnedFd>, on_ready: OnReady) -> io::Result<Watch> {
        Ok(self.add(socket, None, on_ready))
    }

    fn tells_arrivals(&self) -> bool {
        self.0.manner != Manner::Never
    }

    fn watch_arrivals(&self, end: Arc<OwnedFd>, on_ready: OnReady) -> io::Result<Watch> {
        let arrivals = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&arrivals, &end, epoll::EventData::new_u64(0), epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        Ok(self.add(end, Some(arrivals), on_ready))
    }

    fn spawn(&self, future: BoxFuture<()>) {
        self.0.tasks.lock().unwrap().push(future);
    }

    /// By a clock of its own: when it is asked for the second time.
    fn sleep_until(&self, _deadline: Instant) -> BoxFuture<()> {
        let mut over = false;
        Box::pin(std::future::poll_fn(
            move |_| if mem::replace(&mut over, true) { Poll::Ready(()) } else { Poll::Pending },
        ))
    }

    /// Waits for nothing that is not there.
    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) -> Result<(), WouldDeadlock> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(()) => Ok(()),
            Poll::Pending => Err(WouldDeadlock),
        }
    }

    fn may_block(&self) -> bool {
        true
    }
}

/// The one sequence of the adapter.
#[derive(Debug)]
struct Runner(Hand);

impl RunTasks for Runner {
    fn post(&self, task: Task) {
        self.0.spawn(Box::pin(async move { task() }));
    }

    fn runs_here(&self) -> bool {
        false
    }

    fn name(&self) -> &str {
        ""
    }
}

impl fmt::Debug for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hand").field("manner", &self.0.manner).finish_non_exhaustive()
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("socket", &self.socket).field("owed", &self.owed).finish_non_exhaustive()
    }
}
