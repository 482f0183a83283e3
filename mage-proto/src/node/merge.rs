//! Two pipes become one: the ends that are merged turn into proxies of each other's far sides.
//!
//! ```text
//!   O1 ⇄ P1   P2 ⇄ O2        P1 ──Handoff{P2}──▶ O1      P2 ──Handoff{P1}──▶ O2      O1: next comes from P2
//!                            P2 ──Hello{O2}────▶ O1      P1 ──Hello{O1}────▶ O2      O1: send to O2
//!                            P1: Proxy{O2}               P2: Proxy{O1}               each until O1's, O2's End
//! ```
//!
//! Both are ordinary moves whose target exists already, so a merge works with any traffic and during any collapse.
//! Credit under way belongs to a direction and stays with it; what the two ends in the middle could still have sent
//! goes with them. O2 may therefore get up to a window that it never granted: that is why a reader checks a hard cap.

use super::{Node, held_by_application};
use crate::event::EventKind;
use crate::limits::MAX_HOPS;
use crate::message::{Data, Port as Key, PortId};
use crate::name::{Address, NameSource, PortName};
use crate::port::{Active, Entry, Port, Proxy, State, Told};

/// Two ends that cannot be merged; both are as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// The pipes were created with different windows.
    #[error("the pipes have different windows")]
    WindowsDiffer,
    /// One of the pipes has ended, or its far side is being closed.
    #[error("one of the pipes has ended")]
    Ended,
    /// A key of another node, or none that an application holds.
    #[error("the port is not one that this application holds")]
    BadPort,
}

/// What a merge must know of one of its ends.
struct Side {
    id: PortId,
    name: PortName,
    far: Address,
}

impl<H, S: NameSource> Node<H, S> {
    /// Fuses two pipes: what was sent to either end arrives at the other's far side. Merging the two ends of one pipe
    /// closes it.
    ///
    /// # Errors
    ///
    /// Why it cannot be done, and both keys.
    pub fn merge(&mut self, a: Key, b: Key) -> Result<(), (MergeError, Key, Key)> {
        let sides = self.mergeable(a.0).and_then(|one| Ok((one, self.mergeable(b.0)?)));
        let (one, other) = match sides {
            Ok(sides) => sides,
            Err(error) => return Err((error, a, b)),
        };
        if a == b {
            return Err((MergeError::BadPort, a, b));
        }
        if one.far == self.address(other.name) || other.far == self.address(one.name) {
            self.close_quietly(alloc::vec![a.0, b.0]);
            self.run();
            return Ok(());
        }
        if self.window_of(a.0) != self.window_of(b.0) {
            return Err((MergeError::WindowsDiffer, a, b));
        }
        self.fuse(&one, &other);
        self.run();
        Ok(())
    }

    fn mergeable(&self, id: PortId) -> Result<Side, MergeError> {
        if !held_by_application(&self.ports, id) {
            return Err(MergeError::BadPort);
        }
        match self.ports.entry(id) {
            Some(Entry::Routed(Port { name, state: State::Active(Active { outbound: Some(far), .. }), .. })) => {
                Ok(Side { id, name: *name, far: *far })
            }
            Some(Entry::Routed(_) | Entry::Detached(_)) => Err(MergeError::Ended),
            None => Err(MergeError::BadPort),
        }
    }

    fn window_of(&self, id: PortId) -> Option<crate::limits::Window> {
        match self.ports.get(id).map(|port| &port.state) {
            Some(State::Active(active)) => Some(active.credit.window),
            Some(State::Stub(_) | State::Proxy(_) | State::Dead { .. }) | None => None,
        }
    }

    fn fuse(&mut self, one: &Side, other: &Side) {
        // What was read here is returned before the end that owes it goes.
        for side in [one, other] {
            let due = match self.ports.get_mut(side.id).map(|port| &mut port.state) {
                Some(State::Active(active)) => active.credit.settle(),
                Some(State::Stub(_) | State::Proxy(_) | State::Dead { .. }) | None => None,
            };
            if let Some(due) = due {
                self.emit(side.name, side.far, EventKind::Credit(due));
            }
        }
        for (side, opposite) in [(one, other), (other, one)] {
            let next = self.address(opposite.name);
            self.emit(side.name, side.far, EventKind::Handoff { next, sure: true });
        }
        for (side, opposite) in [(one, other), (other, one)] {
            let origin = self.address(opposite.name);
            let hello = EventKind::Hello { peer: opposite.far, origin, hops: MAX_HOPS };
            self.emit(opposite.name, side.far, hello);
        }
        for (side, opposite) in [(one, other), (other, one)] {
            for data in self.become_proxy(side, opposite.far) {
                self.unhold(&data);
                self.emit(side.name, opposite.far, EventKind::Data(data));
            }
        }
    }

    /// Turns an end into a proxy that has said its Handoff; returns what waited there.
    fn become_proxy(&mut self, side: &Side, target: Address) -> impl IntoIterator<Item = Data<H>> + use<H, S> {
        let proxy = State::Proxy(Proxy { target, told: Told::Peer(side.far), queued: 0 });
        let state = self.ports.get_mut(side.id).map(|port| core::mem::replace(&mut port.state, proxy));
        match state {
            Some(State::Active(active)) => active.into_unread(),
            Some(State::Stub(_) | State::Proxy(_) | State::Dead { .. }) | None => Default::default(),
        }
    }
}
