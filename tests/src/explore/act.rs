//! What may happen next in a state, and what it does.

use mage_proto::{Message, Port, SendErrorKind, SocketPairError};

use super::Action;
use super::state::{Place, Socket, State, User};

impl State {
    /// Everything that may happen now.
    #[must_use]
    pub fn actions(&self) -> Vec<Action> {
        let mut all: Vec<Action> = self.deliverable().map(|(socket, from)| Action::Deliver { socket, from }).collect();
        for (socket, from) in self.deliverable() {
            // What a node that is gone has written, or what a broken link held, may be lost from any point on.
            let Socket { streams, users, cut } = &self.sockets[socket];
            if (*cut || users[from] == User::Gone) && !streams[from].is_empty() {
                all.push(Action::Break { socket, from });
            }
        }
        if !self.asked.is_empty() {
            all.extend([true, false].map(|made| Action::Pair { made }));
        }
        for (end, state) in self.ends.iter().enumerate() {
            let Place::Held(node, port) = state.place else { continue };
            if self.left.moves > 0 {
                let near = (0..self.nodes.len()).filter(|&to| self.may_travel(node, to));
                all.extend(near.map(|to| Action::Move { end, to }));
            }
            if self.left.sends > 0 && state.may_send {
                all.push(Action::Send { end });
            }
            let state = self.nodes[node].as_ref();
            let key = state.and_then(|state| state.duplicate_key(port));
            let readable = state.zip(key).is_some_and(|(state, key)| state.is_readable(&key));
            if self.left.window.is_some() && readable {
                all.push(Action::Read { end });
            }
            if self.left.closes > 0 {
                all.push(Action::Close { end });
            }
            if self.left.merges > 0 {
                let others = self.ends.iter().enumerate().skip(end + 1);
                let near = others.filter(|(_, other)| matches!(other.place, Place::Held(at, _) if at == node));
                all.extend(near.map(|(other, _)| Action::Merge { one: end, other }));
            }
        }
        if self.left.cuts > 0 {
            let whole = |socket: &Socket| !socket.cut && socket.users.iter().all(|user| matches!(user, User::Node(..)));
            let links = self.sockets.iter().enumerate().filter(|(_, socket)| whole(socket));
            all.extend(links.map(|(socket, _)| Action::Cut { socket }));
        }
        if self.left.crashes > 0 {
            all.extend((0..self.nodes.len()).filter(|&node| self.is_alive(node)).map(|node| Action::Crash { node }));
        }
        all
    }

    fn may_travel(&self, from: usize, to: usize) -> bool {
        let whole = |road: Option<&mage_proto::PortId>| {
            let state = self.nodes[from].as_ref().zip(road.copied());
            state.is_some_and(|(state, road)| state.duplicate_key(road).is_some_and(|key| state.ended(&key).is_none()))
        };
        from != to && self.is_alive(to) && whole(self.roads.get(&(from, to)))
    }

    /// Lets something happen.
    pub fn perform(&mut self, action: Action) {
        match action {
            Action::Deliver { socket, from } => self.deliver(socket, from),
            Action::Break { socket, from } => {
                self.lose(socket, from);
                self.deliver(socket, from);
            }
            Action::Cut { socket } => {
                self.left.cuts -= 1;
                self.failed = true;
                self.sockets[socket].cut = true;
            }
            Action::Move { end, to } => self.travel(end, to),
            Action::Send { end } => self.send(end),
            Action::Read { end } => {
                self.read(end);
            }
            Action::Close { end } => {
                self.left.closes -= 1;
                self.close(end);
            }
            Action::Merge { one, other } => self.merge(one, other),
            Action::Crash { node } => self.crash(node),
            Action::Pair { made } => {
                let tag = self.asked.pop().expect("somebody has asked");
                let sockets = if made { Ok(self.socket_pair()) } else { Err(SocketPairError) };
                self.failed |= !made;
                self.node(0).socket_pair(tag, sockets);
                self.drain(0);
            }
        }
    }

    fn held(&mut self, end: usize) -> (usize, Port) {
        let Place::Held(node, port) = self.ends[end].place else { panic!("end {end} is not held") };
        (node, self.key(node, port))
    }

    pub(super) fn travel(&mut self, end: usize, to: usize) {
        self.left.moves -= 1;
        let (from, key) = self.held(end);
        let road = self.key(from, self.roads[&(from, to)]);
        let message = Message { cargo: vec![key], ..Message::new(vec![end as u8]) };
        match self.node(from).send(&road, message) {
            Ok(()) => {
                // Where the road is over already, nothing arrives.
                let there = self.roads[&(to, from)];
                let over = self.nodes[to]
                    .as_ref()
                    .is_none_or(|state| state.duplicate_key(there).is_none_or(|key| state.ended(&key).is_some()));
                self.ends[end].place = if over { Place::Lost } else { Place::Travelling(from, to) };
            }
            Err(error) => assert!(matches!(error.kind, SendErrorKind::Closed(_)), "{error}"),
        }
        self.drain(from);
    }

    /// Applications take what comes over the roads at once.
    pub(super) fn arrive(&mut self, node: usize) {
        for other in 0..self.nodes.len() {
            let Some(&road) = self.roads.get(&(node, other)) else { continue };
            if self.ends.is_empty() || !self.is_alive(node) {
                return;
            }
            let key = self.key(node, road);
            while let Ok(Some(message)) = self.node(node).receive(&key) {
                let end = usize::from(message.payload[0]);
                let port = message.cargo[0].id();
                assert_eq!(self.ends[end].place, Place::Travelling(other, node), "end {end} arrives");
                self.ends[end].place = Place::Held(node, port);
                self.drain(node);
            }
            self.drain(node);
            if self.node(node).ended(&key).is_some() {
                // What was on the road to here will not come any more.
                for end in &mut self.ends {
                    if end.place == Place::Travelling(other, node) {
                        end.place = Place::Lost;
                    }
                }
            }
        }
    }

    fn send(&mut self, end: usize) {
        let (node, key) = self.held(end);
        // The length tells messages apart where only lengths are looked at.
        let payload = vec![self.sent as u8; usize::from(self.sent) + 1];
        match self.node(node).send(&key, Message::new(payload)) {
            Ok(()) => {
                self.left.sends -= 1;
                let peer = self.ends[end].peer;
                self.ends[peer].due.push_back(self.sent);
                self.sent += 1;
            }
            Err(error) => {
                let full = error.kind == SendErrorKind::Full && self.left.window.is_some();
                assert!(full || matches!(error.kind, SendErrorKind::Closed(_)), "{error}");
            }
        }
        self.drain(node);
    }

    /// Takes one message; says whether there was one.
    pub(super) fn read(&mut self, end: usize) -> bool {
        let (node, key) = self.held(end);
        let result = self.node(node).receive(&key);
        self.drain(node);
        match result {
            Ok(Some(message)) => {
                let due = self.ends[end].due.pop_front();
                assert_eq!(Some(u16::from(message.payload[0])), due, "S1: the next message at {end}");
                assert_eq!(message.payload.len(), usize::from(message.payload[0]) + 1, "S1: a message is whole");
                true
            }
            Ok(None) | Err(_) => false,
        }
    }

    pub(super) fn close(&mut self, end: usize) {
        let (node, key) = self.held(end);
        self.ends[end].place = Place::Closed;
        self.ends[end].due.clear();
        self.node(node).close(key, 0, "");
        self.drain(node);
    }

    fn merge(&mut self, one: usize, other: usize) {
        self.left.merges -= 1;
        let ((node, a), (_, b)) = (self.held(one), self.held(other));
        self.node(node).merge(a, b).expect("equal windows");
        let (far, beyond) = (self.ends[one].peer, self.ends[other].peer);
        for end in [one, other] {
            self.ends[end].place = Place::Merged;
        }
        self.ring |= far == other;
        if far != other {
            for (from, to, next) in [(one, beyond, far), (other, far, beyond)] {
                let due = std::mem::take(&mut self.ends[from].due);
                self.ends[to].due.extend(due);
                self.ends[to].peer = next;
            }
        }
        self.drain(node);
    }

    fn crash(&mut self, node: usize) {
        self.left.crashes -= 1;
        self.failed = true;
        self.nodes[node] = None;
        self.leave_sockets(|user| matches!(user, User::Node(at, _) if at == node));
        if node == 0 {
            // Nobody makes the sockets that were asked for.
            self.asked.clear();
        }
        for end in &mut self.ends {
            match end.place {
                Place::Held(at, _) if at == node => end.place = Place::Lost,
                Place::Travelling(_, to) if to == node => end.place = Place::Lost,
                Place::Held(..) | Place::Travelling(..) | Place::Closed | Place::Merged | Place::Lost => {}
            }
        }
    }
}
