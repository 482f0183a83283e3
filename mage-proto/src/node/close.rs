//! Orderly ends: an application closes, the far side hears of it after everything that was sent before.
//!
//! A stays as a stub until the answer has come and its writer is who it sends to: until then a Handoff or Hello may be
//! under way to it. What passes over the links, as the scene `close` plays it:
//!
//! ```text
//! X sends "last words" from A
//! X closes A
//!     A@X -> B@Y: Data{"last words"}
//!     A@X -> B@Y: Close{7, "that was all"}
//!     Y: B ended: closed by the other side with code 7: that was all
//!     B@Y -> A@X: Close
//! ```
//!
//! … when both ends close at once, scene `both_close`:
//!
//! ```text
//! X closes A
//! Y closes B
//!     A@X -> B@Y: Close
//!     B@Y -> A@X: Close
//! ```
//!
//! … and when B has moved on and A does not know it yet, scene `close_while_moving`:
//!
//! ```text
//! Y sends B to Z
//!     B@Y -> A@X: Handoff{B'@Z, unsure}
//!     YZ@Y -> ZY@Z: Data{"a port", B' (after B, to A@X)}
//! X sends "last words" from A
//! X closes A
//!     A@X -> B@Y: Data{"last words"}
//!     A@X -> B@Y: Close
//!     B@Y -> B'@Z: Data{"last words"}
//!     B@Y -> B'@Z: Close
//!     B'@Z -> A@X: Hello{B'@Z}
//!     A@X -> B@Y: End
//!     B'@Z -> A@X: Close
//!     B@Y -> B'@Z: Handoff{A@X, sure}
//! ```
//!
//! A port in a message that arrives at a closed end is accepted first and closed then, scene `sent_to_a_closed_end`:
//!
//! ```text
//! Z closes S
//! Y sends "a port" with B from R
//!     B@Y -> A@X: Handoff{B'@Z, unsure}
//!     R@Y -> S@Z: Data{"a port", B' (after B, to A@X)}
//!     B'@Z -> A@X: Hello{B'@Z}
//!     A@X -> B@Y: End
//!     B'@Z -> A@X: Close
//!     X: A ended: closed by the other side
//!     A@X -> B'@Z: Close
//!     B@Y -> B'@Z: Handoff{A@X, sure}
//!     S@Z -> R@Y: Close
//!     Y: R ended: closed by the other side
//!     R@Y -> S@Z: Close
//! ```

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::handoff::is_finished;
use super::{Node, held_by_application};
use crate::close::CloseReason;
use crate::event::{Closing, EventKind};
use crate::id::PortId;
use crate::kind::FrameKind;
use crate::message::{Data, Port as Key};
use crate::name::{Address, NameSource};
use crate::output::Output;
use crate::port::queue::Queues;
use crate::port::{Active, Detached, Entry, Holder, Port, Proxy, State, Stub, StubWait, Told};

impl<H, S: NameSource> Node<H, S> {
    /// Closes `port`. The far side reads what was sent before, then sees `code` and `text` (of which at most
    /// [`MAX_CLOSE_TEXT`](crate::MAX_CLOSE_TEXT) bytes travel). What waits unread here is dropped, the ports in it are
    /// closed.
    pub fn close(&mut self, port: Key, code: u32, text: &str) {
        if held_by_application(&self.ports, port.0) {
            let closing = match CloseReason::closed(code, text) {
                CloseReason::Closed { code, text } => Closing { code, text },
                CloseReason::Lost(_) => Closing::default(),
            };
            let queue = self.close_end(port.0, closing);
            queue.into_iter().for_each(|data| self.discard_held(data));
            self.run();
        }
    }

    /// Closes ports that nobody holds any more, and those inside what they had queued.
    pub(super) fn close_quietly(&mut self, ports: Vec<PortId>) {
        let mut ports = ports;
        while let Some(id) = ports.pop() {
            for mut data in self.close_end(id, Closing::default()) {
                ports.append(&mut data.cargo);
                self.discard_held(data);
            }
        }
    }

    /// Closes one end and returns what was queued there.
    pub(super) fn close_end(&mut self, id: PortId, closing: Closing) -> VecDeque<Data<H>> {
        match self.ports.entry_mut(id) {
            Some(Entry::Detached(detached)) => {
                let queue = self.queues.take(&mut detached.queue);
                self.ports.remove(id);
                queue
            }
            Some(Entry::Routed(port)) => {
                let State::Active(Active { outbound, .. }) = port.state else { return VecDeque::new() };
                let stub = State::Stub(Stub { outbound, wait: StubWait::Close });
                let State::Active(active) = core::mem::replace(&mut port.state, stub) else { return VecDeque::new() };
                let name = port.name;
                if let Some(outbound) = outbound {
                    self.emit(name, outbound, EventKind::Close(closing));
                }
                self.charge_lingering(id);
                active.into_unread(&mut self.queues)
            }
            None => VecDeque::new(),
        }
    }

    /// The far side was closed: the application keeps what arrived before, the route ends.
    pub(super) fn close_at_end(&mut self, id: PortId, from: Address, closing: Closing) {
        let Some(Port { name, state: State::Active(active), .. }) = self.ports.get_mut(id) else { return };
        if active.assembly.is_some() {
            return self.out_of_place(id, from, FrameKind::Close, "a message is not complete");
        }
        let (name, outbound, holder) = (*name, active.outbound, active.holder);
        let queue = active.queue.hand_over();
        let reason = CloseReason::Closed { code: closing.code, text: closing.text };
        let window = active.credit.window;
        let detached = Detached { queue, origin: from.node, reason: reason.clone(), holder, window };
        let Some(mut port) = self.ports.detach(id, detached) else { return };
        if let Some(outbound) = outbound {
            self.emit(name, outbound, EventKind::Close(Closing::default()));
        }
        self.signal(holder == Holder::Application, Output::Ended { port: id, reason });
        port.state = State::Stub(Stub { outbound, wait: StubWait::Route });
        if is_finished(&port) {
            self.retire(port);
        } else {
            let id = self.ports.insert(port);
            self.charge_lingering(id);
        }
    }

    /// A Close passes a proxy, which then goes or, if it told its old peer where it went, waits for the answer.
    pub(super) fn close_at_proxy(&mut self, id: PortId, closing: Closing) {
        let Some(port) = self.ports.get_mut(id) else { return };
        let (name, State::Proxy(Proxy { target, told, .. })) = (port.name, &mut port.state) else { return };
        let target = *target;
        match told {
            Told::Peer(_) => {}
            Told::Orphan => self.remove(id),
            Told::Spliced(writer) => {
                port.writer = writer.clone();
                port.state = State::Stub(Stub { outbound: Some(target), wait: StubWait::Close });
            }
        }
        self.emit(name, target, EventKind::Close(closing));
    }
}

impl<H> Active<H> {
    /// Everything that waits unread, the incomplete message included.
    pub(crate) fn into_unread(mut self, queues: &mut Queues<H>) -> VecDeque<Data<H>> {
        let mut unread = queues.take(&mut self.queue);
        unread.extend(self.assembly.map(|assembly| assembly.into_data(true)));
        unread
    }
}
