//! A node leaves without breaking other nodes' routes: it closes what is its own, passes on what is not, and goes when
//! nothing depends on it.
//!
//! ```text
//!   Staying ──shutdown──▶ Draining ──no route left──▶ Parting (Bye on every link) ──last link ended──▶ Left
//! ```

use alloc::vec::Vec;

use super::receive::Refusal;
use super::{Node, Reach, held_by_application};
use crate::control::Control;
use crate::id::LinkId;
use crate::id::PortId;
use crate::link::LinkState;
use crate::message::Port as Key;
use crate::name::NameSource;
use crate::output::{JoinError, Output};
use crate::port::Entry;

/// How far a node has come in leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    Staying,
    Draining,
    Parting,
    Left,
}

impl<H, S: NameSource> Node<H, S> {
    /// Leaves the network in order: closes every port that the application holds, goes on passing events for others
    /// until nobody needs that, then says Bye on every link. [`Output::Drained`] tells when all links are closed. A
    /// driver that does not want to wait longer drops the node: whoever still depended on it sees a loss.
    pub fn shutdown(&mut self) {
        if self.leave != Leave::Staying {
            return;
        }
        let held: Vec<PortId> = self.ports.ids().filter(|&id| held_by_application(&self.ports, id)).collect();
        for id in held {
            self.close(Key(id), 0, "");
        }
        self.leave = Leave::Draining;
        self.run();
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leave != Leave::Staying
    }

    /// Whether this node takes its leave.
    #[inline]
    pub(super) fn leaves(&self) -> bool {
        self.leave != Leave::Staying
    }

    /// Goes on leaving, if nothing holds this node back any more.
    #[inline]
    pub(super) fn advance_leave(&mut self) {
        if self.leaves() {
            self.go_on_leaving();
        }
    }

    #[cold]
    fn go_on_leaving(&mut self) {
        match self.leave {
            Leave::Staying | Leave::Left => {}
            Leave::Draining => {
                if self.is_drained() {
                    self.leave = Leave::Parting;
                    self.part();
                    self.advance_leave();
                }
            }
            Leave::Parting => {
                if self.links.is_empty() {
                    self.leave = Leave::Left;
                    self.output(Output::Drained);
                }
            }
        }
    }

    /// Nothing of another node's depends on this one: no route passes, nothing waits to be sent.
    fn is_drained(&self) -> bool {
        let routed = self.ports.iter().any(|(_, entry)| match entry {
            Entry::Routed(_) => true,
            Entry::Detached(_) => false,
        });
        let waiting = self.nodes.values().any(|reach| match reach {
            Reach::Sought { .. } => true,
            Reach::Linked(_) => false,
        });
        !routed && !waiting && self.work.is_empty() && self.links.iter().all(|(_, link)| link.outbox.is_empty())
    }

    /// Says Bye on every link; those that have not come up end at once.
    fn part(&mut self) {
        let links: Vec<LinkId> = self
            .links
            .iter()
            .map(|(index, link)| LinkId { index: u32::try_from(index).unwrap_or(u32::MAX), serial: link.serial })
            .collect();
        for id in links {
            let Some(link) = self.link_mut(id) else { continue };
            match link.state {
                LinkState::Up { node, max_frame } => {
                    link.state = LinkState::Leaving { node, max_frame };
                    self.send_control(node, &Control::Bye, None);
                }
                LinkState::Leaving { .. } => {}
                LinkState::Inviting(_)
                | LinkState::Accepting
                | LinkState::Greeted { .. }
                | LinkState::ToBroker { .. }
                | LinkState::Referred { .. }
                | LinkState::Introduced { .. } => self.drop_link(id, JoinError::Lost),
            }
        }
    }

    /// The other side will send no more events. It is answered, and counts as gone.
    pub(super) fn handle_bye(&mut self, id: LinkId) -> Result<(), Refusal> {
        let Some(link) = self.link_mut(id) else { return Ok(()) };
        match link.state {
            LinkState::Up { node, max_frame } => {
                link.state = LinkState::Leaving { node, max_frame };
                self.send_control(node, &Control::Bye, None);
                self.depart(node, true);
                Ok(())
            }
            LinkState::Leaving { .. } => {
                self.drop_link(id, JoinError::Lost);
                Ok(())
            }
            LinkState::Inviting(_)
            | LinkState::Accepting
            | LinkState::Greeted { .. }
            | LinkState::ToBroker { .. }
            | LinkState::Referred { .. }
            | LinkState::Introduced { .. } => Err(Refusal::OutOfPlace("the two nodes have not met yet")),
        }
    }
}
