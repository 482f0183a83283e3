//! Who polls: one leader at a time, which waits for all sockets and timers of the adapter on behalf of everybody.
//!
//! ```text
//!                      block_on, task loops
//!   a thread waits ──▶ nobody leads ─────────────▶ it leads: epoll_wait, callbacks, until its own future is woken
//!                 └──▶ another thread leads ─────▶ it follows: asleep, woken by its future or to lead after all
//!                 └──▶ the service thread leads ─▶ that one is rung and hands over
//!
//!   a leader leaves ─▶ somebody follows ─────────▶ the first of them leads
//!                 └──▶ nobody does ──────────────▶ vacant, under the eyes of the service thread
//! ```
//!
//! **Sockets are never unserved.** While the seat is vacant the service thread is never asleep for longer than [`TICK`]:
//! it takes the seat when it sees it vacant and unused for a whole tick, or at once when there is work that no socket
//! announces ([`Reactor::attend`]). Only while somebody leads without interruption does it sleep without a limit, and a
//! leader that leaves then wakes it.
//!
//! **A thread that makes one blocking call after another wakes nobody.** It finds the seat vacant, leads, is woken by
//! its own callback (a flag, no system call) and leaves; the service thread meanwhile looks up once per tick and sees
//! that the seat is in use. So a waiting side of a round trip makes one `epoll_wait` besides its own send and receive.
//! The price: between the last of such calls and the service thread's taking over, what arrives for others may wait for
//! up to two ticks.
//!
//! **A wake-up goes only to who sleeps.** A parked thread is unparked, a leader inside `epoll_wait` is rung, a leader
//! that runs a callback sees a flag when it returns.
//!
//! **Who expects an answer looks on before it sleeps** ([`Patience`]), the leader and one of its followers: that saves the
//! conversation of two threads the way through the kernel. A leader that looks on is awake, so it is not rung.
//!
//! **Nothing is lost between looking and sleeping.** A leader sets `asleep`, then looks for work, then waits; others
//! provide work, then take `asleep` down and ring if it was up. All of it is sequentially consistent or under a lock.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use mage::adapter::Patience;

use crate::lock;
use crate::parker::Parker;
use crate::timer::Timers;
use crate::watcher::{BATCH, Room, Sockets};

/// How often the service thread looks whether a vacant seat is still in use.
const TICK: Duration = Duration::from_millis(1);

/// How often a leader that looks on looks for itself before it looks at the sockets.
const LOOKS: u32 = 8;

/// The sockets and timers of one adapter, and who waits for them.
pub(crate) struct Reactor {
    pub(crate) sockets: Sockets,
    pub(crate) timers: Timers,
    /// The leader is, or is about to be, inside its wait.
    asleep: AtomicBool,
    /// For how long a thread that has sent something looks on before it sleeps.
    patience: Duration,
    /// A follower looks on. One is enough: more would only take the processor from each other.
    looking: AtomicBool,
    seat: Mutex<Seat>,
    service: Condvar,
}

struct Seat {
    leader: Leader,
    /// Threads that wait while another one leads, in the order in which they came.
    followers: VecDeque<Arc<Parker>>,
    /// How often a waiting thread took the seat or left it: tells a seat in use from one that is only occupied.
    turns: u64,
    service: Service,
    /// The service thread is to take a vacant seat without looking on first.
    wanted: bool,
    over: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leader {
    /// Nobody.
    Vacant,
    /// The service thread.
    Service,
    /// A thread that waits for something of its own.
    Waiter,
}

/// What the service thread does while it doesn't lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    /// It looks up once per tick.
    LooksOn,
    /// It sleeps until it is notified.
    Sleeps,
}

thread_local! {
    /// How long this thread looks on before it sleeps.
    static PATIENCE: Cell<Patience> = const { Cell::new(Patience::new()) };
}

impl Reactor {
    pub(crate) fn new(sockets: Sockets, patience: Duration) -> Arc<Self> {
        let seat = Seat {
            leader: Leader::Vacant,
            followers: VecDeque::new(),
            turns: 0,
            service: Service::LooksOn,
            wanted: true,
            over: false,
        };
        Arc::new(Self {
            sockets,
            timers: Timers::default(),
            asleep: AtomicBool::new(false),
            patience,
            looking: AtomicBool::new(false),
            seat: Mutex::new(seat),
            service: Condvar::new(),
        })
    }

    /// Waits until `parker`, the calling thread's, is woken; leads meanwhile if nobody else does.
    pub(crate) fn wait(&self, parker: &Arc<Parker>) {
        if parker.take_notice() {
            return;
        }
        if self.sit_down(parker) || self.follow(parker) {
            self.lead(parker);
        }
    }

    /// Takes the seat if it is vacant, or joins the followers and says no.
    fn sit_down(&self, parker: &Arc<Parker>) -> bool {
        let mut seat = lock(&self.seat);
        if seat.leader == Leader::Vacant {
            seat.leader = Leader::Waiter;
            seat.turns += 1;
            seat.wanted = false;
            return true;
        }
        let served = seat.leader == Leader::Service;
        seat.followers.push_back(Arc::clone(parker));
        drop(seat);
        if served {
            self.rouse();
        }
        false
    }

    /// Sleeps until woken (no) or called to lead (yes).
    fn follow(&self, parker: &Arc<Parker>) -> bool {
        self.look_on(parker);
        parker.park();
        let mut seat = lock(&self.seat);
        let place = seat.followers.iter().position(|follower| Arc::ptr_eq(follower, parker));
        let Some(place) = place else { return true };
        seat.followers.remove(place);
        parker.take_notice();
        false
    }

    /// Waits a little for being woken or called to lead without going to sleep, unless another follower does.
    fn look_on(&self, parker: &Parker) {
        if self.looking.swap(true, Ordering::Acquire) {
            return;
        }
        let mut patience = PATIENCE.take();
        while !parker.is_called() && patience.lasts(self.patience, Patience::is_answer_expected) {
            Patience::look(|| parker.is_called());
        }
        // Who is called to lead goes on looking as the leader.
        if parker.is_noticed() {
            patience.came(self.patience);
        }
        PATIENCE.set(patience);
        self.looking.store(false, Ordering::Release);
    }

    /// Does everybody's work until `parker` is woken, then gives the seat up.
    fn lead(&self, parker: &Parker) {
        // Leaves also when somebody's waker panics.
        let _seat = LeaveOnDrop(self);
        let mut patience = PATIENCE.take();
        if parker.start_leading() {
            while !parker.is_noticed() {
                self.turn(|| parker.is_noticed(), Some(&mut patience));
            }
        }
        patience.came(self.patience);
        PATIENCE.set(patience);
        parker.take_notice();
    }

    fn leave(&self) {
        let mut seat = lock(&self.seat);
        seat.turns += 1;
        if let Some(next) = seat.followers.pop_front() {
            drop(seat);
            next.promote();
            return;
        }
        seat.leader = Leader::Vacant;
        seat.wanted = self.sockets.any_urgent();
        if seat.wanted || seat.service == Service::Sleeps {
            seat.service = Service::LooksOn;
            self.service.notify_one();
        }
    }

    /// One turn of the loop: who is due, what is late, then one wait, unless `enough`; a short one while `patience` lasts.
    fn turn(&self, enough: impl Fn() -> bool, patience: Option<&mut Patience>) {
        self.sockets.call_due();
        self.timers.fire();
        if enough() {
            return;
        }
        let looks_on = patience.is_some_and(|patience| patience.lasts(self.patience, Patience::is_answer_expected));
        if self.sockets.any_due() {
            self.poll();
        } else if looks_on {
            if !(0..LOOKS).any(|_| Patience::look(&enough)) {
                self.poll();
            }
        } else {
            self.sleep(enough);
        }
    }

    /// Serves the sockets that are ready now.
    fn poll(&self) {
        let mut room: Room = [const { MaybeUninit::uninit() }; BATCH];
        self.sockets.dispatch(self.sockets.wait(&mut room, Some(Duration::ZERO)));
    }

    /// Waits for sockets, timers and whoever rouses it, unless `enough`.
    fn sleep(&self, enough: impl Fn() -> bool) {
        self.asleep.store(true, Ordering::SeqCst);
        if enough() || self.sockets.any_due() {
            self.asleep.store(false, Ordering::SeqCst);
            return;
        }
        let mut room: Room = [const { MaybeUninit::uninit() }; BATCH];
        let events = self.sockets.wait(&mut room, self.timers.until_first());
        self.asleep.store(false, Ordering::SeqCst);
        self.sockets.dispatch(events);
    }

    /// Ends the leader's wait, if it is in one; says whether it was.
    pub(crate) fn rouse(&self) -> bool {
        let asleep = self.asleep.swap(false, Ordering::SeqCst);
        if asleep {
            self.sockets.ring();
        }
        asleep
    }

    /// Sees to it that somebody soon looks at who is due and at the timers.
    pub(crate) fn attend(&self) {
        if self.rouse() {
            return;
        }
        // A leader that is awake will look before it sleeps or leaves; without one the service thread has to.
        let mut seat = lock(&self.seat);
        if seat.leader == Leader::Vacant && !seat.wanted {
            seat.wanted = true;
            seat.service = Service::LooksOn;
            self.service.notify_one();
        }
    }

    /// As [`attend`](Self::attend), for what has time until the thread that is running waits or leads again, or else until
    /// the service thread sees the seat unused.
    pub(crate) fn attend_soon(&self) {
        if self.asleep.load(Ordering::SeqCst) {
            self.attend();
        }
    }

    /// The service thread: leads when nobody else does.
    pub(crate) fn serve(&self) {
        let mut seat = lock(&self.seat);
        let mut seen = seat.turns;
        while !seat.over {
            let unused = seat.turns == seen;
            seen = seat.turns;
            let vacant = seat.leader == Leader::Vacant;
            if vacant && (unused || seat.wanted) {
                seat.leader = Leader::Service;
                seat.wanted = false;
                drop(seat);
                self.lead_for_all();
                seat = lock(&self.seat);
            } else if !vacant && unused {
                seat.service = Service::Sleeps;
                seat = self.service.wait(seat).unwrap_or_else(PoisonError::into_inner);
                seat.service = Service::LooksOn;
            } else {
                seat.service = Service::LooksOn;
                (seat, _) = self.service.wait_timeout(seat, TICK).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Leads until a waiting thread wants to, and hands over to it.
    fn lead_for_all(&self) {
        loop {
            self.turn(
                || {
                    let seat = lock(&self.seat);
                    seat.over || !seat.followers.is_empty()
                },
                None,
            );
            let mut seat = lock(&self.seat);
            if seat.over {
                seat.leader = Leader::Vacant;
                return;
            }
            if let Some(next) = seat.followers.pop_front() {
                seat.leader = Leader::Waiter;
                seat.turns += 1;
                drop(seat);
                next.promote();
                return;
            }
        }
    }

    /// Ends the service thread and every watch. Threads that wait go on waiting for what they wait for.
    pub(crate) fn shut_down(&self) {
        lock(&self.seat).over = true;
        self.service.notify_one();
        self.rouse();
        self.sockets.shut_down();
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leader = lock(&self.seat).leader;
        f.debug_struct("Reactor").field("leader", &leader).field("sockets", &self.sockets).finish_non_exhaustive()
    }
}

struct LeaveOnDrop<'a>(&'a Reactor);

impl Drop for LeaveOnDrop<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}
