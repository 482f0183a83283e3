//! The requests that an asynchronous implementation is working on: many futures of one type, polled in one task.
//!
//! Places are reused, so that in the steady state a request costs no allocation; one that completes at its first poll
//! costs no wake-up either. Only futures that were woken are polled again.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};

use futures::task::AtomicWaker;

pub(super) struct Overlap<F> {
    places: Vec<Place<F>>,
    free: Vec<usize>,
    woken: Arc<Woken>,
    /// The indices being polled; kept for its room.
    round: Vec<usize>,
}

struct Place<F> {
    future: Pin<Box<Option<F>>>,
    alarm: Arc<Alarm>,
    waker: Waker,
}

/// Which places are to be polled, and the task that does it.
#[derive(Default)]
struct Woken {
    task: AtomicWaker,
    any: AtomicBool,
    places: Mutex<Vec<usize>>,
}

/// The waker of one place.
struct Alarm {
    place: usize,
    rang: AtomicBool,
    woken: Arc<Woken>,
}

impl Woken {
    fn places(&self) -> MutexGuard<'_, Vec<usize>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rang.swap(true, Ordering::AcqRel) {
            self.woken.places().push(self.place);
            self.woken.any.store(true, Ordering::Release);
            self.woken.task.wake();
        }
    }
}

impl<F: Future<Output = ()>> Overlap<F> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), woken: Arc::default(), round: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Has `waker` called when a future can go on.
    pub(super) fn register(&self, waker: &Waker) {
        self.woken.task.register(waker);
    }

    /// Begins `future` now.
    #[inline]
    pub(super) fn start(&mut self, future: F) {
        let index = self.free.pop().unwrap_or_else(|| self.add());
        self.places[index].future.as_mut().set(Some(future));
        self.poll(index);
    }

    #[cold]
    fn add(&mut self) -> usize {
        let place = self.places.len();
        let alarm = Arc::new(Alarm { place, rang: AtomicBool::new(false), woken: Arc::clone(&self.woken) });
        let waker = Waker::from(Arc::clone(&alarm));
        self.places.push(Place { future: Box::pin(None), alarm, waker });
        place
    }

    #[inline]
    fn poll(&mut self, index: usize) {
        let place = &mut self.places[index];
        place.alarm.rang.store(false, Ordering::Release);
        let Some(future) = place.future.as_mut().as_pin_mut() else { return };
        if future.poll(&mut Context::from_waker(&place.waker)).is_ready() {
            place.future.as_mut().set(None);
            self.free.push(index);
        }
    }

    /// Polls the futures that were woken since.
    pub(super) fn go_on(&mut self) {
        if !self.woken.any.swap(false, Ordering::AcqRel) {
            return;
        }
        let mut round = std::mem::take(&mut self.round);
        std::mem::swap(&mut round, &mut *self.woken.places());
        round.drain(..).for_each(|index| self.poll(index));
        self.round = round;
    }
}
