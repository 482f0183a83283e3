//! The serving side: one implementation of each interface, in the shape that every adapter can serve.

use mage::{Bytes, PendingReceiver, PendingRemote, Receiver, SharedBuffer};

use super::{MeterSync, Spot, SpotRequest};
use crate::message::{self, Tally};

/// Serves `Meter`.
#[derive(Debug)]
pub(super) struct Service {
    size: usize,
    tally: Tally,
    pages: i64,
    /// Memory that both map.
    held: Option<SharedBuffer>,
    /// Pipes that were passed and what each must bring.
    kept: Vec<(i64, Receiver<Spot>)>,
    /// Of those, how many brought it.
    sound: i64,
}

impl Service {
    /// A service for messages of `size` bytes.
    pub(super) fn new(size: usize) -> Self {
        Self { size, tally: Tally::default(), pages: 0, held: None, kept: Vec::new(), sound: 0 }
    }
}

impl MeterSync for Service {
    fn echo(&mut self, data: Bytes) -> Bytes {
        data
    }

    fn push(&mut self, data: Bytes) {
        self.tally.note(&data, self.size);
    }

    fn tally(&mut self) -> (i64, i64) {
        let (count, bytes) = self.tally.take();
        (count.cast_signed(), bytes.cast_signed())
    }

    fn piece(&mut self, data: Bytes, page: i64) {
        self.pages += message::sound_pages(&data, page.cast_unsigned()).cast_signed();
    }

    fn pages(&mut self) -> i64 {
        std::mem::take(&mut self.pages)
    }

    fn share(&mut self, data: SharedBuffer) -> i64 {
        let pages = data.get(..message::PAGE).map_or(0, |first| message::sound_pages(first, 0).cast_signed());
        // Giving 256 MiB back takes longer than all the rest, and is not what is measured.
        self.held = Some(data);
        pages
    }

    fn hand(&mut self, number: i64, spot: PendingRemote<Spot>) {
        // Whoever waits at the other end notices if it could not be sent.
        let _ = spot.bind().tell(number);
    }

    fn keep(&mut self, number: i64, spot: PendingReceiver<Spot>) {
        self.kept.push((number, spot.bind()));
    }

    fn kept(&mut self) -> i64 {
        // Everything that was sent over this link before the question is here.
        for (number, spot) in &mut self.kept {
            if let Ok(Some(SpotRequest::Tell { number: told })) = spot.try_next() {
                self.sound += i64::from(told == *number);
            }
        }
        self.sound
    }
}
