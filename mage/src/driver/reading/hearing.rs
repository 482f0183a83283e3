//! What the other driver says between frames: that it offers a ring, takes one, leaves its socket, and that handles belong
//! to the next frame.
//!
//! What must hold: each is said once and in its order, whoever says it; what breaks that ends the link.

use std::io::{self, ErrorKind};
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use mage_proto::Note;

use super::{Input, RING, Reader, SOCKET, Source, Told};
use crate::driver::Driver;
use crate::driver::inward::Inward;
use crate::driver::said::Said;
use crate::ring::{self, Heard};
use crate::socket::{self, Carried};

impl Reader {
    /// The other driver says something; `truncated` says whether the read that brought it lost handles.
    pub(super) fn hear(
        self: &Arc<Self>,
        driver: &Driver,
        input: &mut Input,
        note: Note<OwnedFd>,
        truncated: bool,
    ) -> Result<(), &'static str> {
        match Said::read(&note.said) {
            Some(Said::Offer) => {
                if !matches!(input.source, Source::Socket) {
                    return Err("it offers a second ring");
                }
                let Ok([memory, end]) = <[OwnedFd; 2]>::try_from(note.handles) else {
                    return Err("it offers a ring without its handles");
                };
                match self.take(driver, memory, end) {
                    Ok(Some(inward)) => input.source = Source::Agreed(inward),
                    Ok(None) => {}
                    Err(error) if error.kind() == ErrorKind::InvalidData => return Err("it offers what is no ring"),
                    // Short of something: all goes on through the socket.
                    Err(_) => {}
                }
            }
            Some(Said::Taken) => {
                if !self.link.sender.lock().way.taken() {
                    return Err("it takes a ring that was not offered");
                }
                self.link.flush_now(driver);
            }
            Some(Said::Switch) => match mem::replace(&mut input.source, Source::Socket) {
                Source::Agreed(inward) => {
                    input.source = Source::Ring(inward);
                    // What lies behind it in the socket came with handles, and says nothing.
                    let behind = input.buffer.consume(|bytes| bytes.split().len());
                    input.split_carried(behind, truncated)?;
                    self.due.fetch_or(SOCKET | RING, Ordering::AcqRel);
                }
                Source::Socket | Source::Ring(_) => return Err("it leaves for a ring that was not agreed on"),
            },
            Some(Said::Carrier(count)) => {
                // Those of the last one must have gone with their frame, or they would pile up.
                if !matches!(input.source, Source::Ring(_)) || input.next.is_some() || !input.handles.is_empty() {
                    return Err("it announces handles out of place");
                }
                if input.carried.is_empty()
                    && let Ok(Some(Some(carried))) = socket::receive_carried(self.socket.as_fd())
                {
                    input.keep(carried)?;
                }
                let carried = input.carried.pop_front().ok_or("it announces handles that did not come")?;
                if carried.handles.len() != usize::from(count) && !carried.truncated {
                    return Err("it announces other handles than came");
                }
                input.next = Some(carried);
            }
            None => {}
        }
        Ok(())
    }

    /// Takes what the other side offers. `None` when this side has no ring to offer, or does not want one.
    fn take(self: &Arc<Self>, driver: &Driver, memory: OwnedFd, end: OwnedFd) -> io::Result<Option<Inward>> {
        if !driver.wants_rings() {
            return Ok(None);
        }
        let arrivals = driver.adapter().tells_arrivals();
        let (ring, heard) = (ring::open(memory)?, Arc::new(Heard::new(end, arrivals)?));
        let (end, told) = (Arc::clone(heard.watched()), Told::of(Arc::clone(self), Some(Arc::clone(&heard))));
        let watched =
            if arrivals { driver.adapter().watch_arrivals(end, told) } else { driver.adapter().watch(end, told) };
        let watch = watched?;
        let Some(bell) = self.link.sender.lock().way.take() else { return Ok(None) };
        self.listening.store(true, Ordering::Release);
        self.link.listen(watch);
        self.link.flush_now(driver);
        Ok(Some(Inward::new(ring, bell, heard)))
    }
}

impl Input {
    /// What came with the last read from the socket, behind the note that it is left: `bytes`, each with its handles. (A
    /// read ends behind a byte that has handles, so that there is one at the most.)
    fn split_carried(&mut self, bytes: usize, truncated: bool) -> Result<(), &'static str> {
        let handles = mem::take(&mut self.handles);
        match (bytes, handles.is_empty()) {
            (0, true) => Ok(()),
            (1, empty) if truncated || !empty => self.keep(Carried { handles, truncated }),
            _ => Err("it goes on in the socket after leaving it"),
        }
    }
}
