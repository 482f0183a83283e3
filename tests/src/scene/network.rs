//! What the driver does in a program: performs outputs, carries frames.

use std::collections::VecDeque;

use mage_proto::{Limits, LinkId, Output, Port, SocketPairError, Transmit, describe};

use super::sockets::{Delivery, End, Frame};
use super::{Actor, Handle, Pairs, Scene, SceneNode, road};

impl Scene {
    /// Adds a node that nobody knows.
    pub fn stranger(&mut self, label: &str) {
        self.stranger_with(label, &Limits::default());
    }

    /// Adds a node with limits of its own that nobody knows.
    pub fn stranger_with(&mut self, label: &str, limits: &Limits) {
        let actor = Actor::new(label, &self.names, limits);
        self.actors.push(actor);
    }

    /// Lets `inviter` invite `invitee`, with pipes whose ends are called so, here and there.
    pub fn invites(&mut self, inviter: &str, invitee: &str, pipes: &[(&str, &str)]) {
        self.write(format!("{inviter} invites {invitee}"));
        let theirs =
            self.invitation(inviter, pipes, |node, handle, count| node.invite(handle, count).expect("it may invite").1);
        self.accepts(invitee, pipes, |node| node.accept(theirs).is_ok());
    }

    /// Adds members whom the broker K has not introduced to each other. The pipe between K and M is called KM and MK.
    pub fn members(&mut self, labels: &[&str]) {
        for label in labels {
            self.stranger(label);
            self.invites("K", label, &[(&road("K", label), &road(label, "K"))]);
            self.settle();
        }
    }

    /// Lets `inviter` share pipes with `invitee` over an isolated link.
    pub fn shares(&mut self, inviter: &str, invitee: &str, pipes: &[(&str, &str)]) {
        self.write(format!("{inviter} shares pipes with {invitee}"));
        let theirs = self.invitation(inviter, pipes, |node, handle, count| {
            node.invite_isolated(handle, count).expect("it may invite").1
        });
        self.accepts(invitee, pipes, |node| node.accept_isolated(theirs).is_ok());
    }

    /// Has `inviter` make the near ends; returns the invitee's end of the socket.
    pub fn invitation(
        &mut self,
        inviter: &str,
        pipes: &[(&str, &str)],
        invite: impl FnOnce(&mut SceneNode, Handle, u16) -> Vec<Port>,
    ) -> Handle {
        let actor = self.actor(inviter);
        let (ours, theirs) = self.sockets.pair();
        let labels: Vec<&str> = pipes.iter().flat_map(|&(here, there)| [here, there]).collect();
        self.names.announce(&labels);
        let count = u16::try_from(pipes.len()).expect("a few pipes");
        let ports = invite(self.node(inviter), ours, count);
        for (port, (label, _)) in ports.into_iter().zip(pipes) {
            self.hold_end(actor, label, port);
        }
        self.perform_at(actor);
        theirs
    }

    /// Has `invitee` accept in some way; the ends that come to it are called so.
    pub fn accepts(&mut self, invitee: &str, pipes: &[(&str, &str)], accept: impl FnOnce(&mut SceneNode) -> bool) {
        let actor = self.actor(invitee);
        self.actors[actor].initial.extend(pipes.iter().map(|&(_, there)| there.to_owned()));
        assert!(accept(self.node(invitee)), "it may accept");
        self.perform_at(actor);
    }

    /// Does what the node called `label` wants done.
    pub fn perform(&mut self, label: &str) {
        let actor = self.actor(label);
        self.perform_at(actor);
    }

    pub(super) fn perform_at(&mut self, actor: usize) {
        while let Some(output) = self.node_at(actor).and_then(|node| node.poll_output()) {
            self.perform_one(actor, output);
        }
        self.sockets.sweep();
        if let Some(node) = &self.actors[actor].node {
            self.names.call(node.name(), &self.actors[actor].label);
        }
    }

    fn perform_one(&mut self, actor: usize, output: Output<Handle>) {
        match output {
            Output::OpenLink { link, handle } => self.sockets.open((actor, link), handle),
            Output::CloseLink { link } => {
                self.actors[actor].inboxes.remove(&link);
                self.sockets.close((actor, link));
            }
            Output::LinkReady { link } => self.flush(actor, link),
            Output::CreateSocketPair { tag } => match &mut self.pairs {
                Pairs::Granted => self.make_sockets(actor, tag),
                Pairs::Refused => {
                    self.node_at(actor).expect("it just asked").socket_pair(tag, Err(SocketPairError));
                }
                Pairs::Waiting(waiting) => waiting.push((actor, tag)),
            },
            Output::Readable(port) => {
                self.actors[actor].readable.insert(port);
            }
            Output::InitialPort { port, .. } => {
                let label = self.actors[actor].initial.pop_front().expect("somebody expects a pipe");
                self.hold_end(actor, &label, port);
            }
            Output::Discard(_) => {}
            Output::BadPeer { violation, .. } => self.fault(actor, format!("drops a link: {violation}")),
            Output::BadRoute { error, .. } => self.fault(actor, format!("drops a route: {error}")),
            Output::Rejected { node, direct, reason } => {
                let node = node.map_or("nobody".into(), |node| mage_proto::Naming::node(&mut self.names, node));
                let direct = if direct { "" } else { ", or somebody behind it," };
                self.says(actor, format!("{node}{direct} sent what is no good: {reason}"));
            }
            Output::BrokerLost => self.says(actor, "the broker is lost".into()),
            Output::Drained => self.says(actor, "drained".into()),
            Output::Accepted { .. } => self.says(actor, "joined".into()),
            Output::AcceptFailed { reason, .. } => self.says(actor, format!("could not join: {reason}")),
            Output::InviteFailed { reason, .. } => self.says(actor, format!("its invitation failed: {reason}")),
            Output::Writable(port) => self.of_end(actor, port, "may send again"),
            Output::Ended { port, reason } => self.of_end(actor, port, &format!("ended: {reason}")),
            Output::NodeLost { node, after_bye } => {
                let how = if after_bye { " after its Bye" } else { "" };
                let line = format!("{} is lost{how}", mage_proto::Naming::node(&mut self.names, node));
                self.says(actor, line);
            }
            Output::Invited { node, .. } => {
                let line = format!("{} is invited", mage_proto::Naming::node(&mut self.names, node));
                self.says(actor, line);
            }
            other => panic!("the scene does not know what to do with {other:?}"),
        }
    }

    fn of_end(&mut self, actor: usize, port: mage_proto::PortId, what: &str) {
        let label = self.actors[actor].labels.get(&port).cloned();
        self.says(actor, format!("{} {what}", label.unwrap_or_else(|| "an end".into())));
    }

    fn says(&mut self, actor: usize, what: String) {
        self.write(format!("    {}: {what}", self.actors[actor].label));
        self.actors[actor].said.push(what);
    }

    fn fault(&mut self, actor: usize, what: String) {
        self.faults.push(format!("{} {what}", self.actors[actor].label));
        self.says(actor, what);
    }

    fn make_sockets(&mut self, actor: usize, tag: u64) {
        let (one, other) = self.sockets.pair();
        self.node_at(actor).expect("it asked").socket_pair(tag, Ok((one, other)));
    }

    /// From now on nobody gets the sockets for an introduction until [`grant_pairs`](Self::grant_pairs).
    pub fn withhold_pairs(&mut self) {
        self.pairs = Pairs::Waiting(Vec::new());
    }

    /// From now on no pair of sockets can be made.
    pub fn refuse_pairs(&mut self) {
        self.pairs = Pairs::Refused;
    }

    /// Pairs of sockets are made again, those that were waited for first.
    pub fn grant_pairs(&mut self) {
        if let Pairs::Waiting(waiting) = std::mem::replace(&mut self.pairs, Pairs::Granted) {
            for (actor, tag) in waiting {
                if self.actors[actor].node.is_some() {
                    self.make_sockets(actor, tag);
                    self.perform_at(actor);
                }
            }
        }
    }

    /// Moves what a node has for a link into the link's socket.
    fn flush(&mut self, actor: usize, link: LinkId) {
        let Some(end) = self.sockets.end_of((actor, link)) else { return };
        let mut batch = Transmit::default();
        while !self.sockets.is_full(end) && self.node_at(actor).is_some_and(|node| node.poll_transmit(link, &mut batch))
        {
            let mut bytes: Vec<u8> = batch.slices().flatten().copied().collect();
            let mut handles: VecDeque<_> = batch.advance(usize::MAX).into();
            // Its ports get their names here, should the frame never arrive.
            describe("", "", &bytes, &mut self.names).for_each(drop);
            while let Some(frame) = cut_frame(&mut bytes) {
                let announced = usize::from(u16::from_le_bytes([frame[6], frame[7]]));
                let handles = handles.drain(..announced).collect();
                self.sockets.send(end, Frame { bytes: frame, handles });
            }
            assert!(bytes.is_empty() && handles.is_empty(), "a batch is made of whole frames");
        }
    }

    /// The socket takes nothing more from `from` to `to`, until [`empty`](Self::empty).
    pub fn fill(&mut self, from: &str, to: &str) {
        let end = self.end_between(from, to);
        self.sockets.fill(end, true);
    }

    /// The socket from `from` to `to` takes bytes again.
    pub fn empty(&mut self, from: &str, to: &str) {
        let end = self.end_between(from, to);
        self.sockets.fill(end, false);
        if let Some((actor, link)) = self.sockets.owner(end) {
            self.flush(actor, link);
            self.perform_at(actor);
        }
    }

    /// Nothing arrives from `from` at `to`, until [`release`](Self::release).
    pub fn hold(&mut self, from: &str, to: &str) {
        let end = self.end_between(from, to);
        self.sockets.hold(end, true);
    }

    /// What `from` sent to `to` may arrive again.
    pub fn release(&mut self, from: &str, to: &str) {
        let end = self.end_between(from, to);
        self.sockets.hold(end, false);
    }

    /// Delivers the next `count` frames from `from` to `to`, held or not.
    pub fn pass(&mut self, from: &str, to: &str, count: usize) {
        let end = self.end_between(from, to);
        for _ in 0..count {
            let waiting = self.sockets.waiting(end);
            assert!(waiting > 0, "nothing is on the way from {from} to {to}");
            let held = self.sockets.hold(end, false);
            self.deliver_from(end);
            self.sockets.hold(end, held);
        }
    }

    /// Loses what is on the way from `from` to `to`, and nothing else.
    pub fn lose(&mut self, from: &str, to: &str) {
        let end = self.end_between(from, to);
        self.sockets.lose(end);
    }

    /// Delivers everything, but what `to` would answer to `from` is lost.
    pub fn settle_without_answer(&mut self, from: &str, to: &str) {
        self.hold(to, from);
        self.settle();
        self.lose(to, from);
        self.release(to, from);
    }

    /// A handle of the application's.
    pub fn handle(&mut self, name: &str) -> Handle {
        self.sockets.token(name)
    }

    /// How many frames are on the way from `from` to `to`.
    pub fn on_the_way(&self, from: &str, to: &str) -> usize {
        self.sockets.waiting(self.end_between(from, to))
    }

    /// Delivers everything that is on the way and not held, in the scene's order, until nothing is.
    pub fn settle(&mut self) {
        let mut round = VecDeque::new();
        let mut steps = 0;
        loop {
            let end = if self.order.0 == 0 {
                // Each link in turn.
                if round.is_empty() {
                    round.extend(self.sockets.due());
                }
                round.pop_front()
            } else {
                let due = self.sockets.due();
                due.get(self.order.pick(due.len())).copied()
            };
            let Some(end) = end else { return };
            if self.sockets.is_due(end) {
                self.deliver_from(end);
            }
            steps += 1;
            assert!(steps < 200_000, "the scene does not come to rest");
        }
    }

    /// Delivers everything on the way, held or not, before anything else happens.
    pub fn settle_all(&mut self) {
        self.sockets.release_all();
        self.settle();
    }

    fn deliver_from(&mut self, end: End) {
        let Some(delivery) = self.sockets.take(end) else { return };
        let Some((actor, link)) = self.sockets.owner(end.opposite()) else { return };
        match delivery {
            Delivery::Frame(frame) => {
                let from = self.sockets.owner(end).map_or("?".into(), |(from, _)| self.actors[from].label.clone());
                self.tell_frame(&from, actor, &frame);
                self.frames += 1;
                self.bytes += frame.bytes.len();
                self.feed(actor, link, frame);
            }
            Delivery::End => {
                if let Some(node) = self.node_at(actor) {
                    node.handle_lost(link);
                }
            }
        }
        self.perform_at(actor);
    }

    /// Writes the transcript's line of a frame, and learns what its ports are called.
    fn tell_frame(&mut self, from: &str, to: usize, frame: &Frame) {
        let to = self.actors[to].label.clone();
        let lines: Vec<String> = describe(from, &to, &frame.bytes, &mut self.names).collect();
        for line in lines {
            self.gone += usize::from(line.ends_with(": Gone"));
            self.write(format!("    {line}"));
        }
    }

    fn feed(&mut self, actor: usize, link: LinkId, frame: Frame) {
        let Actor { node: Some(node), inboxes, .. } = &mut self.actors[actor] else { return };
        let (bytes, handles) = inboxes.entry(link).or_default();
        bytes.extend_from_slice(&frame.bytes);
        handles.extend(frame.handles);
        // What is wrong with it is reported as an output, too.
        let _ = node.handle_bytes(link, bytes, handles);
    }

    /// Lets `from` send bytes of its own making to `to`, behind what is on the way already.
    pub fn forge(&mut self, from: &str, to: &str, mut bytes: Vec<u8>) {
        let end = self.end_between(from, to);
        while let Some(frame) = cut_frame(&mut bytes) {
            self.sockets.send(end, Frame { bytes: frame, handles: Vec::new() });
        }
        if !bytes.is_empty() {
            self.sockets.send(end, Frame { bytes, handles: Vec::new() });
        }
    }

    /// The process of a node ends at once; what it had written still arrives.
    pub fn crash(&mut self, label: &str) {
        let actor = self.actor(label);
        self.write(format!("{label} crashes"));
        self.actors[actor].node = None;
        self.actors[actor].labels.clear();
        let lost: Vec<String> =
            self.ends.iter().filter(|(_, held)| held.actor == actor).map(|(label, _)| label.clone()).collect();
        for label in lost {
            self.ends.remove(&label);
        }
        self.sockets.abandon(actor);
    }

    /// The link between two nodes breaks; what is on the way is lost.
    pub fn cut(&mut self, one: &str, other: &str) {
        self.write(format!("the link between {one} and {other} breaks"));
        let end = self.end_between(one, other);
        self.sockets.break_off(end);
        self.sockets.break_off(end.opposite());
        self.settle_loss(end);
    }

    fn settle_loss(&mut self, end: End) {
        for end in [end, end.opposite()] {
            if let Some((actor, link)) = self.sockets.owner(end) {
                if let Some(node) = self.node_at(actor) {
                    node.handle_lost(link);
                }
                self.perform_at(actor);
            }
        }
    }
}

/// Takes the first whole frame off `bytes`; nothing when they are no frame.
fn cut_frame(bytes: &mut Vec<u8>) -> Option<Vec<u8>> {
    let length = usize::try_from(u32::from_le_bytes(*bytes.first_chunk::<4>()?)).ok()?;
    if length < 8 || bytes.len() < length {
        return None;
    }
    let rest = bytes.split_off(length);
    Some(std::mem::replace(bytes, rest))
}
