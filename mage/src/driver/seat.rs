//! Who owns which port, and who waits at it: the application's side of every port that it holds.
//!
//! An [`End`] is `generation << 32 | place`, where the place is the core's own and the generation counts its tenants, so
//! that a key is never handed out twice. Nothing here calls or drops a waker: operations give back what is to be woken
//! or dropped after the lock.

use std::task::Waker;

use mage_proto::{Port, PortId};
use smallvec::SmallVec;

use crate::backend::End;

/// The key of an end that never had a seat: generation zero does not exist.
pub(super) const GONE: End = End(0);

/// The ends that the application holds.
#[derive(Debug, Default)]
pub(super) struct Seats {
    places: Vec<Place>,
}

#[derive(Debug, Default)]
struct Place {
    generation: u32,
    seat: Option<Seat>,
}

/// One end: the key to its port, and who waits at it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) port: Port,
    pub(super) waits: Waits,
}

/// Who waits at one end.
#[derive(Debug, Default)]
pub(super) struct Waits {
    /// The one reader.
    reader: Option<Waker>,
    /// Few pipes have any of these, so that an idle one pays a pointer only.
    others: Option<Box<Others>>,
}

#[derive(Debug, Default)]
struct Others {
    writers: SmallVec<[Waker; 1]>,
    closers: SmallVec<[Waker; 1]>,
}

/// What a registration pushes out.
#[derive(Debug)]
#[must_use]
pub(super) struct Registered {
    /// The former reader, to be dropped.
    pub(super) replaced: Option<Waker>,
    /// To be woken: who still waits registers again, who was cancelled is gone. So cancelled waits cannot pile up.
    pub(super) crowd: Vec<Waker>,
}

/// How many may wait for room or for the end of one pipe before all of them are asked whether they still do.
const CROWD: usize = 64;

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// A message, or the end.
    Reading,
    /// Room to send, or the end.
    Writing,
    /// The end.
    Closing,
}

/// Wakers to be called or dropped after the lock.
pub(super) type Wakers = SmallVec<[Waker; 2]>;

impl Seats {
    /// Gives `port` a seat.
    pub(super) fn insert(&mut self, port: Port) -> End {
        let index = port.id().index();
        if self.places.len() <= index {
            self.places.resize_with(index + 1, Place::default);
        }
        let Some(place) = self.places.get_mut(index) else { return GONE };
        place.generation = place.generation.wrapping_add(1).max(1);
        place.seat = Some(Seat { port, waits: Waits::default() });
        key(place.generation, index)
    }

    pub(super) fn get(&self, end: End) -> Option<&Seat> {
        let (generation, index) = parts(end);
        let place = self.places.get(index)?;
        if place.generation == generation { place.seat.as_ref() } else { None }
    }

    pub(super) fn get_mut(&mut self, end: End) -> Option<&mut Seat> {
        let (generation, index) = parts(end);
        let place = self.places.get_mut(index)?;
        if place.generation == generation { place.seat.as_mut() } else { None }
    }

    /// The seat of the port that the core calls `id`, if the application holds it.
    pub(super) fn of(&mut self, id: PortId) -> Option<&mut Seat> {
        self.places.get_mut(id.index())?.seat.as_mut()
    }

    /// Gives a seat up; its key is never valid again, unless it is [put back](Self::put_back) before anything else.
    pub(super) fn take(&mut self, end: End) -> Option<Seat> {
        let (generation, index) = parts(end);
        let place = self.places.get_mut(index)?;
        if place.generation == generation { place.seat.take() } else { None }
    }

    /// Undoes [`take`](Self::take).
    pub(super) fn put_back(&mut self, end: End, seat: Seat) {
        let (generation, index) = parts(end);
        if let Some(place) = self.places.get_mut(index).filter(|place| place.generation == generation) {
            place.seat = Some(seat);
        }
    }

    /// Gives every seat up.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Seat> + '_ {
        self.places.iter_mut().filter_map(|place| place.seat.take())
    }

    pub(super) fn len(&self) -> usize {
        self.places.iter().filter(|place| place.seat.is_some()).count()
    }
}

impl Waits {
    /// Whether `waker` is registered for `what` already.
    pub(super) fn knows(&self, what: For, waker: &Waker) -> bool {
        match what {
            For::Reading => self.reader.as_ref().is_some_and(|known| known.will_wake(waker)),
            For::Writing => self.others.as_ref().is_some_and(|others| includes(&others.writers, waker)),
            For::Closing => self.others.as_ref().is_some_and(|others| includes(&others.closers, waker)),
        }
    }

    /// Registers `waker`.
    pub(super) fn register(&mut self, what: For, waker: Waker) -> Registered {
        let crowd = match what {
            For::Reading => return Registered { replaced: self.reader.replace(waker), crowd: Vec::new() },
            For::Writing => &mut self.others.get_or_insert_default().writers,
            For::Closing => &mut self.others.get_or_insert_default().closers,
        };
        let crowded = if crowd.len() >= CROWD { crowd.drain(..).collect() } else { Vec::new() };
        crowd.push(waker);
        Registered { replaced: None, crowd: crowded }
    }

    /// Makes `waker` the reader and returns the former one.
    pub(super) fn replace_reader(&mut self, waker: Waker) -> Option<Waker> {
        self.reader.replace(waker)
    }

    /// The reader, who has something to read now.
    pub(super) fn take_reader(&mut self) -> Option<Waker> {
        self.reader.take()
    }

    /// The writers, who may send now.
    pub(super) fn take_writers(&mut self) -> Wakers {
        self.others.as_mut().map(|others| others.writers.drain(..).collect()).unwrap_or_default()
    }

    /// Everybody: the pipe has ended.
    pub(super) fn take_all(&mut self) -> Wakers {
        let mut all: Wakers = self.reader.take().into_iter().collect();
        if let Some(others) = self.others.take() {
            all.extend(others.writers.into_iter().chain(others.closers));
        }
        all
    }
}

fn includes(wakers: &[Waker], waker: &Waker) -> bool {
    wakers.iter().any(|known| known.will_wake(waker))
}

fn key(generation: u32, index: usize) -> End {
    End(u64::from(generation) << 32 | index as u64)
}

fn parts(end: End) -> (u32, usize) {
    ((end.0 >> 32) as u32, (end.0 & 0xffff_ffff) as usize)
}
