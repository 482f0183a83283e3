//! A link to a node of another network, or of none: two nodes share pipes, and nothing else.
//!
//! ```text
//!   X ──Greet{X calls itself x}──▶ I          each side makes up a name for itself and one for the other;
//!   X ◀──Greet{I calls itself i}── I          on the link they are called x and i, at home as each likes
//!   X ── Welcome{you i, me x, broker x, pipes} ──▶ I
//! ```
//!
//! No names of nodes cross such a link but those two: whatever else is named becomes *nowhere*, a node that is lost. So
//! the other side learns nothing of this network, and cannot pass for one of its nodes. It follows that a route cannot
//! collapse across the link: a port whose far end is elsewhere may not be moved over it, which [`Node::send`] refuses.
//! Where that cannot be seen (a port in a queue of a port, a pipe whose ends move at the same time) the route is lost.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::receive::Refusal;
use super::{Node, Reach};
use crate::control::{Greet, Welcome};
use crate::event::{Descriptor, EventKind};
use crate::frame::{Body, PlainEvent};
use crate::id::LinkId;
use crate::id::PortId;
use crate::kind::FrameKind;
use crate::link::{Admission, Aliases, Inviting, LinkState};
use crate::message::Port as Key;
use crate::name::{Address, NameSource, NodeName, node_name};
use crate::node::{AcceptError, InviteError};
use crate::output::Output;
use crate::port::{Active, Entry, Holder, Port, Proxy, State};

/// How far a pipe is followed through proxies of this node before it counts as leading elsewhere.
const MOST_PROXIES: usize = 255;

/// What the two nodes of an isolated link are called here and on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Translation {
    me: NodeName,
    peer: NodeName,
    ours: NodeName,
    theirs: NodeName,
}

impl Translation {
    fn outward(self, node: NodeName) -> NodeName {
        match node {
            node if node == self.me => self.ours,
            node if node == self.peer => self.theirs,
            _ => NodeName::NOWHERE,
        }
    }

    fn inward(self, node: NodeName) -> NodeName {
        match node {
            node if node == self.theirs => self.peer,
            node if node == self.ours => self.me,
            _ => NodeName::NOWHERE,
        }
    }
}

/// The same event with other names; `None` when it names no node.
fn renamed<H>(kind: &EventKind<H>, name: impl Fn(NodeName) -> NodeName) -> Option<PlainEvent> {
    let rename = |address: Address| Address { node: name(address.node), ..address };
    match kind {
        EventKind::Handoff { next, sure } => Some(EventKind::Handoff { next: rename(*next), sure: *sure }),
        EventKind::Hello { peer, origin, hops } => {
            Some(EventKind::Hello { peer: rename(*peer), origin: rename(*origin), hops: *hops })
        }
        EventKind::Data(_) | EventKind::Close(_) | EventKind::End | EventKind::Gone { .. } | EventKind::Credit(_) => {
            None
        }
    }
}

fn rename_peers(cargo: &mut [Descriptor], name: impl Fn(NodeName) -> NodeName) {
    for peer in cargo.iter_mut().filter_map(|descriptor| descriptor.peer.as_mut()) {
        peer.node = name(peer.node);
    }
}

impl<H, S: NameSource> Node<H, S> {
    /// Offers pipes to whoever holds the other end of `handle` and [accepts](Self::accept_isolated) them, without
    /// letting it into this node's network. Returns this side's ends, usable at once. Any node may do so at any time.
    ///
    /// # Errors
    ///
    /// Why not, and the handle.
    pub fn invite_isolated(&mut self, handle: H, pipes: u16) -> Result<(LinkId, Vec<Key>), (InviteError, H)> {
        if let Err(error) = self.may_invite(pipes) {
            return Err((error, handle));
        }
        let (keys, pipes) = self.initial_pipes(pipes);
        let inviting = Inviting { pipes, max_frame: None, admission: Admission::Ours };
        let link = self.open_isolated(LinkState::Inviting(Box::new(inviting)), handle);
        self.run();
        Ok((link, keys))
    }

    /// Accepts the pipes that whoever holds the other end of `handle` [offers](Self::invite_isolated), without joining
    /// its network. [`Output::Accepted`] follows, after one [`Output::InitialPort`] for each pipe, or
    /// [`Output::AcceptFailed`].
    ///
    /// # Errors
    ///
    /// Why not, and the handle.
    pub fn accept_isolated(&mut self, handle: H) -> Result<LinkId, (AcceptError, H)> {
        if self.is_leaving() {
            return Err((AcceptError::ShutDown, handle));
        }
        let link = self.open_isolated(LinkState::Accepting, handle);
        self.run();
        Ok(link)
    }

    fn open_isolated(&mut self, state: LinkState<H>, handle: H) -> LinkId {
        let ours = node_name(&mut self.names);
        let greet = Greet { isolated: Some(ours), ..Greet::new(&self.limits) };
        self.open_link_with(state, handle, greet, Some(Box::new(Aliases { ours, theirs: None })))
    }

    /// Checks that both sides mean the same kind of link, and notes what the other calls itself.
    pub(super) fn greet_isolated(&mut self, id: LinkId, theirs: Option<NodeName>) -> Result<(), Refusal> {
        let Some(link) = self.link_mut(id) else { return Ok(()) };
        match (&mut link.isolated, theirs) {
            (None, None) => Ok(()),
            (Some(aliases), Some(theirs)) if aliases.theirs.is_none() => {
                if theirs == aliases.ours || theirs == NodeName::NOWHERE {
                    return Err(Refusal::Malformed(
                        "the sender takes the name that this node has on the link, or that of no node",
                    ));
                }
                aliases.theirs = Some(theirs);
                Ok(())
            }
            (Some(_), Some(_)) => Err(Refusal::OutOfPlace("it comes first and once")),
            (None, Some(_)) | (Some(_), None) => {
                Err(Refusal::Malformed("one side means an isolated link, the other does not"))
            }
        }
    }

    /// The pipes that were offered over an isolated link.
    pub(super) fn join_isolated(&mut self, id: LinkId, welcome: Welcome, max_frame: u32) -> Result<(), Refusal> {
        let Welcome { you, me, broker, mut pipes } = welcome;
        let peer = node_name(&mut self.names);
        let translation = self.translation(id, peer);
        let Some(translation) = translation.filter(|of| (you, me, broker) == (of.ours, of.theirs, of.theirs)) else {
            return Err(Refusal::Malformed("it names other nodes than the two that have greeted"));
        };
        rename_peers(&mut pipes, |node| translation.inward(node));
        self.check_descriptors(FrameKind::Welcome, peer, &pipes).map_err(Refusal::Violation)?;
        let sought = self.link_up(id, peer, max_frame);
        self.append_outbox(id, sought);
        self.accept_initial(id, peer, pipes);
        Ok(())
    }

    fn translation(&self, link: LinkId, peer: NodeName) -> Option<Translation> {
        let Aliases { ours, theirs: Some(theirs) } = **self.link(link)?.isolated.as_ref()? else { return None };
        Some(Translation { me: self.name, peer, ours, theirs })
    }

    /// How names change on the way to `node`, if the link to it is isolated.
    fn translation_to(&self, node: NodeName) -> Option<Translation> {
        match self.nodes.get(&node)? {
            Reach::Linked(link) => self.translation(*link, node),
            Reach::Sought { .. } => None,
        }
    }

    /// The event as it is said to `node`; `None`: as it is.
    pub(super) fn outward(&self, node: NodeName, kind: &EventKind<H>) -> Option<PlainEvent> {
        match kind {
            EventKind::Handoff { .. } | EventKind::Hello { .. } => {
                let translation = self.translation_to(node)?;
                renamed(kind, |node| translation.outward(node))
            }
            EventKind::Data(_)
            | EventKind::Close(_)
            | EventKind::End
            | EventKind::Gone { .. }
            | EventKind::Credit(_) => None,
        }
    }

    /// The descriptors as they are said to `node`.
    pub(super) fn outward_cargo(&self, node: NodeName, cargo: &mut [Descriptor]) {
        if cargo.is_empty() {
            return;
        }
        if let Some(translation) = self.translation_to(node) {
            rename_peers(cargo, |node| translation.outward(node));
        }
    }

    /// The Welcome as it is said to `node`. (Its descriptors were changed when they were made.)
    pub(super) fn outward_welcome(&self, node: NodeName, welcome: Welcome) -> Welcome {
        let Some(translation) = self.translation_to(node) else { return welcome };
        let Welcome { you, me, broker, pipes } = welcome;
        let [you, me, broker] = [you, me, broker].map(|node| translation.outward(node));
        Welcome { you, me, broker, pipes }
    }

    /// What came over `link`, with the names that hold here.
    pub(super) fn inward(&self, link: LinkId, body: Body) -> Body {
        let translation = self.node_of(link).and_then(|peer| self.translation(link, peer));
        let Some(translation) = translation else { return body };
        match body {
            Body::Data { dest, from, mut head } => {
                rename_peers(&mut head.cargo, |node| translation.inward(node));
                Body::Data { dest, from, head }
            }
            Body::Event { dest, from, kind } => {
                let kind = renamed(&kind, |node| translation.inward(node)).unwrap_or(kind);
                Body::Event { dest, from, kind }
            }
            body @ (Body::Control(_) | Body::Unknown) => body,
        }
    }

    /// Whether `node` is at the other end of an isolated link.
    pub(super) fn is_isolated(&self, node: NodeName) -> bool {
        match self.nodes.get(&node) {
            Some(Reach::Linked(link)) => self.link(*link).is_some_and(|link| link.isolated.is_some()),
            Some(Reach::Sought { .. }) | None => false,
        }
    }

    /// Whether the port `cargo` may go where what is sent to `dest` goes, as far as this node can see: over an isolated
    /// link only with both ends of its pipe at the two nodes of it.
    pub(super) fn may_move(&self, cargo: PortId, dest: Address) -> bool {
        let Some(Entry::Routed(Port { writer, state: State::Active(Active { outbound, .. }), .. })) =
            self.ports.entry(cargo)
        else {
            return true;
        };
        let Some(dest) = self.followed(dest) else { return false };
        [Some(writer.address()), *outbound].into_iter().flatten().all(|neighbour| match self.followed(neighbour) {
            Some(node) if node == self.name || node == dest => true,
            Some(node) => dest == self.name || !(self.is_isolated(node) || self.is_isolated(dest)),
            None => false,
        })
    }

    /// The node to which an address leads through the proxies of this one; `None`: round in a circle.
    fn followed(&self, mut address: Address) -> Option<NodeName> {
        for _ in 0..MOST_PROXIES {
            if address.node != self.name {
                break;
            }
            match self.ports.find(address.port).and_then(|id| self.ports.get(id)) {
                Some(Port { state: State::Proxy(Proxy { target, .. }) | State::Dead { target }, .. }) => {
                    address = *target;
                }
                Some(Port { state: State::Active(_) | State::Stub(_), .. }) | None => return Some(self.name),
            }
        }
        (address.node != self.name).then_some(address.node)
    }

    /// Hands the initial pipes that came from `inviter` to the application.
    pub(super) fn accept_initial(&mut self, link: LinkId, inviter: NodeName, pipes: Vec<Descriptor>) {
        for (index, descriptor) in pipes.into_iter().enumerate() {
            let port = self.accept_port(descriptor, inviter, link);
            self.set_holder(port, Holder::Application);
            let index = u16::try_from(index).unwrap_or(u16::MAX);
            self.output(Output::InitialPort { link, index, port: Key(port) });
        }
        self.output(Output::Accepted { link });
    }
}
