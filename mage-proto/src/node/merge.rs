//! Two pipes become one: the ends that are merged turn into proxies of each other's far sides.
//!
//! ```text
//!   O1 ⇄ P1   P2 ⇄ O2        P1 ──Handoff{P2}──▶ O1      P2 ──Handoff{P1}──▶ O2      O1: next comes from P2
//!                            P2 ──Hello{O2}────▶ O1      P1 ──Hello{O1}────▶ O2      O1: send to O2
//!                            P1: Proxy{O2}               P2: Proxy{O1}               each until O1's, O2's End
//! ```
//!
//! The scene `merge`, with B and C between A and D:
//!
//! ```text
//! Y sends "early" from A
//!     A@Y -> B@X: Data{"early"}
//! X merges B and C
//!     B@X -> A@Y: Handoff{C@X, sure}
//!     C@X -> D@Z: Handoff{B@X, sure}
//!     C@X -> A@Y: Hello{D@Z, origin C@X}
//!     B@X -> D@Z: Hello{A@Y, origin B@X}
//!     A@Y -> B@X: End
//!     B@X -> D@Z: Data{"early"}
//!     D@Z -> C@X: End
//!     C@X -> A@Y: Handoff{D@Z, sure}
//!     B@X -> D@Z: Handoff{A@Y, sure}
//! Y sends "there" from A
//! Z sends "and back" from D
//!     A@Y -> D@Z: Data{"there"}
//!     D@Z -> A@Y: Data{"and back"}
//! ```
//!
//! Both are ordinary moves whose target exists already, so a merge works with any traffic and during any collapse.
//! Credit under way belongs to a direction and stays with it; what the two ends in the middle could still have sent
//! goes with them. O2 may therefore get up to a window that it never granted: that is why a reader checks a hard cap.
//!
//! Far ends that are merged too leave a ring of proxies without ends. Each merge's Hello goes round in it until it is back
//! where it came from, and that port takes the ring apart, scene `ring`:
//!
//! ```text
//! X merges B and C
//! Y merges A and D
//!     B@X -> A@Y: Handoff{C@X, sure}
//!     A@Y -> B@X: Handoff{D@Y, sure}
//!     C@X -> D@Y: Handoff{B@X, sure}
//!     D@Y -> C@X: Handoff{A@Y, sure}
//!     C@X -> A@Y: Hello{D@Y, origin C@X}
//!     D@Y -> B@X: Hello{C@X, origin D@Y}
//!     B@X -> D@Y: Hello{A@Y, origin B@X}
//!     A@Y -> C@X: Hello{B@X, origin A@Y}
//!     B@X -> D@Y: Hello{C@X, origin D@Y, 1 hop}
//!     A@Y -> C@X: Hello{D@Y, origin C@X, 1 hop}
//!     C@X -> A@Y: Hello{B@X, origin A@Y, 1 hop}
//!     D@Y -> B@X: Hello{A@Y, origin B@X, 1 hop}
//!     C@X -> A@Y: Gone
//!     D@Y -> B@X: Gone
//!     C@X -> D@Y: Gone
//!     D@Y -> C@X: Gone
//!     B@X -> A@Y: Gone
//!     A@Y -> B@X: Gone
//!     B@X -> D@Y: Gone
//!     A@Y -> C@X: Gone
//!     B@X -> A@Y: Gone{reply}
//!     A@Y -> B@X: Gone{reply}
//!     C@X -> D@Y: Gone{reply}
//!     D@Y -> C@X: Gone{reply}
//! ```

use alloc::collections::VecDeque;

use super::{Node, held_by_application};
use crate::close::CloseReason;
use crate::event::{Closing, EventKind};
use crate::id::PortId;
use crate::limits::MAX_HOPS;
use crate::message::{Data, Port as Key};
use crate::name::{Address, NameSource, PortName};
use crate::port::{Entry, Holder, Port, Proxy, State, Told, Writer};

/// Two ends that cannot be merged; both are as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// The pipes were created with different windows.
    #[error("the pipes have different windows")]
    WindowsDiffer,
    /// One of the pipes leads over an isolated link, and the other to a third node.
    #[error("a pipe over an isolated link cannot be merged with one that leads elsewhere")]
    Isolated,
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

/// What an end brings into a merge.
enum Part {
    /// Both directions.
    Open(Side),
    /// The rest of the far side's stream, which has closed or will: nobody listens there any more.
    Orphan(PortId, PortName),
    /// What arrived before the route ended.
    Ended(PortId),
}

impl<H, S: NameSource> Node<H, S> {
    /// Fuses two pipes: what was sent to either end arrives at the other's far side. If one of the pipes has ended, the
    /// other's far side gets what was unread and then the same end. Merging the two ends of one pipe closes it.
    ///
    /// # Errors
    ///
    /// Why it cannot be done, and both keys.
    pub fn merge(&mut self, a: Key, b: Key) -> Result<(), (MergeError, Key, Key)> {
        let parts = self.mergeable(a.0).and_then(|one| Ok((one, self.mergeable(b.0)?)));
        let (one, other) = match parts {
            Ok(_) if a == b => return Err((MergeError::BadPort, a, b)),
            Ok(parts) => parts,
            Err(error) => return Err((error, a, b)),
        };
        match (one, other) {
            (Part::Open(one), Part::Open(other)) => {
                if one.far == self.address(other.name) || other.far == self.address(one.name) {
                    self.close_quietly(alloc::vec![a.0, b.0]);
                } else if self.window_of(a.0) != self.window_of(b.0) {
                    return Err((MergeError::WindowsDiffer, a, b));
                } else if !(self.may_move(a.0, other.far) && self.may_move(b.0, one.far)) {
                    return Err((MergeError::Isolated, a, b));
                } else {
                    self.fuse(&one, &other);
                }
            }
            (Part::Open(open), Part::Ended(ended)) | (Part::Ended(ended), Part::Open(open)) => {
                self.pass_rest(ended, &open);
            }
            (Part::Open(open), Part::Orphan(id, name)) | (Part::Orphan(id, name), Part::Open(open)) => {
                self.splice(id, name, &open);
            }
            (Part::Orphan(..) | Part::Ended(_), Part::Orphan(..) | Part::Ended(_)) => {
                self.close_quietly(alloc::vec![a.0, b.0]);
            }
        }
        self.run();
        Ok(())
    }

    fn mergeable(&self, id: PortId) -> Result<Part, MergeError> {
        if !held_by_application(&self.ports, id) {
            return Err(MergeError::BadPort);
        }
        match self.ports.entry(id) {
            Some(Entry::Routed(Port { name, state: State::Active(active), .. })) => Ok(match active.outbound {
                Some(far) => Part::Open(Side { id, name: *name, far }),
                None => Part::Orphan(id, *name),
            }),
            Some(Entry::Detached(_)) => Ok(Part::Ended(id)),
            Some(Entry::Routed(_)) | None => Err(MergeError::BadPort),
        }
    }

    /// The far side of `open` gets what was unread at `ended`, then its end.
    fn pass_rest(&mut self, ended: PortId, open: &Side) {
        let Some(Entry::Detached(mut detached)) = self.ports.remove(ended) else { return };
        for data in self.queues.take(&mut detached.queue) {
            self.unhold(&data);
            self.emit(open.name, open.far, EventKind::Data(data));
        }
        match detached.reason {
            CloseReason::Closed { code, text } => {
                let unread = self.close_end(open.id, Closing { code, text });
                unread.into_iter().for_each(|data| self.discard_held(data));
            }
            CloseReason::Lost(loss) => {
                // The application has given the end away, so it hears no more of it.
                self.set_holder(open.id, Holder::Cargo);
                self.fail(open.id, None, loss);
                self.close_quietly(alloc::vec![open.id]);
            }
        }
    }

    /// The far side of `open` gets what still comes to the orphan, which ends by itself. What it sent is dropped.
    fn splice(&mut self, orphan: PortId, name: PortName, open: &Side) {
        let through = self.address(open.name);
        let rest = self.become_proxy(orphan, through, Told::Orphan);
        let Some(port) = self.ports.get_mut(open.id) else { return };
        let before = core::mem::replace(&mut port.writer, Writer::Sure(Address { port: name, ..through }));
        let dropped = self.become_proxy(open.id, open.far, Told::Spliced(before));
        dropped.into_iter().for_each(|data| self.discard_held(data));
        for data in rest {
            self.unhold(&data);
            self.emit(name, through, EventKind::Data(data));
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
            for data in self.become_proxy(side.id, opposite.far, Told::Peer(side.far)) {
                self.unhold(&data);
                self.emit(side.name, opposite.far, EventKind::Data(data));
            }
        }
    }

    /// Turns an end into a proxy; returns what waited there.
    fn become_proxy(&mut self, id: PortId, target: Address, told: Told) -> VecDeque<Data<H>> {
        let proxy = State::Proxy(Proxy { target, told, queued: 0 });
        let state = self.ports.get_mut(id).map(|port| core::mem::replace(&mut port.state, proxy));
        match state {
            Some(State::Active(active)) => active.into_unread(&mut self.queues),
            Some(State::Stub(_) | State::Proxy(_) | State::Dead { .. }) | None => VecDeque::new(),
        }
    }
}
