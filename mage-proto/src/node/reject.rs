//! What an application finds wrong with a message is told to whoever supervises the node, with where it came from.
//!
//! The core judges frames and routes; whether a payload makes sense only its reader knows. Whom to blame is not certain
//! either: the last hop of a message may be an honest proxy. [`Source::direct`] says when it was not.

use alloc::string::String;

use super::Node;
use crate::close::CloseReason;
use crate::message::{Data, Message, Port as Key};
use crate::name::{NameSource, NodeName};
use crate::output::Output;
use crate::port::{Active, Detached, Entry, Port, State};

/// Where a received message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Source {
    /// The node that it came from last: this one, if it was sent here; `None` if that node is lost by now.
    pub node: Option<NodeName>,
    /// The pipe's far end is at that node, and nobody passes messages on between the two: what is wrong with the message
    /// is that node's doing. False does not say that it is not.
    pub direct: bool,
}

impl<H, S: NameSource> Node<H, S> {
    /// Takes the next message of `port` like [`receive`](Self::receive), and says where it came from.
    ///
    /// # Errors
    ///
    /// Why the pipe ended, once everything that arrived was taken.
    pub fn receive_from(&mut self, port: &Key) -> Result<Option<(Message<H>, Source)>, CloseReason> {
        let source = self.next_source(port);
        let message = self.receive(port)?;
        Ok(message.zip(source))
    }

    /// Where a message would come from that arrived at `port` now; of a pipe that has ended, where the last ones came from.
    /// For who takes many messages [at once](Self::receive_batch) and finds out later that one of them was wrong.
    #[must_use]
    pub fn source(&self, port: &Key) -> Option<Source> {
        match self.ports.entry(port.0)? {
            Entry::Detached(Detached { origin, .. }) => Some(Source { node: Some(*origin), direct: false }),
            Entry::Routed(Port { writer, state: State::Active(Active { outbound, .. }), .. }) => {
                let node = writer.address().node;
                Some(Source { node: Some(node), direct: outbound.is_some_and(|peer| peer.node == node) })
            }
            Entry::Routed(Port { state: State::Stub(_) | State::Proxy(_) | State::Dead { .. }, .. }) => None,
        }
    }

    /// Reports that a message from `source` breaks the rules of the application, as [`Output::Rejected`]. What follows
    /// (a log, the end of a process) is up to whoever supervises the node; the pipe goes on until it is closed.
    pub fn reject(&mut self, source: Source, reason: impl Into<String>) {
        let Source { node, direct } = source;
        self.output(Output::Rejected { node, direct, reason: reason.into() });
    }

    /// Where the message came from that is next at `port`.
    fn next_source(&self, port: &Key) -> Option<Source> {
        match self.ports.entry(port.0)? {
            Entry::Detached(detached) => {
                Some(Source { node: self.origin(self.queues.front(&detached.queue)?), direct: false })
            }
            Entry::Routed(Port { writer, state: State::Active(Active { outbound, queue, .. }), .. }) => {
                let node = self.origin(self.queues.front(queue)?);
                let neighbours = [Some(writer.address()), *outbound];
                let direct = neighbours.iter().all(|of| of.is_some_and(|of| Some(of.node) == node));
                Some(Source { node, direct })
            }
            Entry::Routed(Port { state: State::Stub(_) | State::Proxy(_) | State::Dead { .. }, .. }) => None,
        }
    }

    fn origin(&self, data: &Data<H>) -> Option<NodeName> {
        match data.via {
            Some(link) => self.node_of(link),
            None => Some(self.name),
        }
    }
}
