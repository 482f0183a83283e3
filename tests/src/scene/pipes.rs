//! What the applications of a scene do with their ends of pipes.
//!
//! An end keeps its label wherever it goes. A message names the ends in it behind its text, so that whoever reads it
//! holds them under the same labels.

use mage_proto::{CloseReason, MergeError, Message, Port, SendErrorKind, Window};

use super::names::CARGO;
use super::{Handle, Held, Scene, road};

impl Scene {
    pub(super) fn hold_end(&mut self, actor: usize, label: &str, port: Port) {
        self.actors[actor].labels.insert(port.id(), label.to_owned());
        let earlier = self.ends.insert(label.to_owned(), Held { actor, port });
        assert!(earlier.is_none(), "two ends are called {label}");
    }

    fn let_go(&mut self, label: &str) -> (usize, Port) {
        let Held { actor, port } = self.ends.remove(label).unwrap_or_else(|| panic!("no application holds {label}"));
        self.actors[actor].labels.remove(&port.id());
        (actor, port)
    }

    fn held(&self, label: &str) -> &Held {
        self.ends.get(label).unwrap_or_else(|| panic!("no application holds {label}"))
    }

    /// Whether an application holds the end called `label`.
    pub fn holds(&self, label: &str) -> bool {
        self.ends.contains_key(label)
    }

    /// Makes a pipe at `node` whose ends are called so.
    pub fn pipe(&mut self, node: &str, ends: [&str; 2]) {
        let window = self.node(node).limits().window;
        self.pipe_with(node, ends, window);
    }

    /// Makes a pipe with a window of its own.
    pub fn pipe_with(&mut self, node: &str, ends: [&str; 2], window: Window) {
        self.names.announce(&ends);
        let (one, other) = self.node(node).create_pipe_with(window);
        let actor = self.actor(node);
        self.hold_end(actor, ends[0], one);
        self.hold_end(actor, ends[1], other);
    }

    /// Sends `text` from the end called `from`.
    pub fn send(&mut self, from: &str, text: &str) {
        self.send_with(from, text, &[]);
    }

    /// Sends `text` and the ends called so.
    pub fn send_with(&mut self, from: &str, text: &str, cargo: &[&str]) {
        if let Err(error) = self.try_send(from, text, cargo) {
            panic!("{text:?} could not be sent from {from}: {error}");
        }
    }

    /// Sends `text` and the ends called so, if that may be.
    ///
    /// # Errors
    ///
    /// Why not; the ends are held as before.
    pub fn try_send(&mut self, from: &str, text: &str, cargo: &[&str]) -> Result<(), SendErrorKind> {
        let with = if cargo.is_empty() { String::new() } else { format!(" with {}", cargo.join(", ")) };
        let printed = if text.len() > 40 { format!("{} bytes", text.len()) } else { format!("{text:?}") };
        let sender = self.actors[self.held(from).actor].label.clone();
        self.write(format!("{sender} sends {printed}{with} from {from}"));
        self.try_send_all(from, text, cargo, Vec::new())
    }

    /// Sends `text` and a new handle of each name.
    pub fn send_handles(&mut self, from: &str, text: &str, handles: &[&str]) {
        self.write(format!("{text:?} is sent with {} handles from {from}", handles.len()));
        let handles = handles.iter().map(|name| self.sockets.token(name)).collect();
        self.try_send_all(from, text, &[], handles).expect("it may be sent");
    }

    fn try_send_all(
        &mut self,
        from: &str,
        text: &str,
        cargo: &[&str],
        handles: Vec<Handle>,
    ) -> Result<(), SendErrorKind> {
        let actor = self.held(from).actor;
        let mut payload = text.to_owned();
        if !cargo.is_empty() {
            payload.push(CARGO);
            payload.push_str(&cargo.join(","));
        }
        // (An end cannot travel over itself: its key would have to be borrowed and moved at once.)
        let (_, sender) = self.let_go(from);
        let ports: Vec<Port> = cargo.iter().map(|label| self.let_go(label).1).collect();
        let message = Message { cargo: ports, handles, ..Message::new(payload.as_bytes()) };
        let result = self.actors[actor].node.as_mut().expect("it has not crashed").send(&sender, message);
        self.hold_end(actor, from, sender);
        let result = result.map_err(|error| {
            assert!(error.message.payload.starts_with(text.as_bytes()), "the message comes back whole");
            for (port, label) in error.message.cargo.into_iter().zip(cargo) {
                self.hold_end(actor, label, port);
            }
            self.handles.extend(error.message.handles);
            error.kind
        });
        self.perform_at(actor);
        result
    }

    /// Sends the end called `label` to `node`, over the road between the two.
    pub fn carry(&mut self, label: &str, node: &str) {
        let here = self.actors[self.held(label).actor].label.clone();
        self.write(format!("{here} sends {label} to {node}"));
        self.try_send_all(&road(&here, node), "a port", &[label], Vec::new()).expect("there is room on the road");
    }

    /// Moves the end called `label` to `node`, and waits until nothing is on its way any more.
    pub fn moves(&mut self, label: &str, node: &str) {
        self.carry(label, node);
        self.settle();
        self.fetch(node);
    }

    /// Makes a pipe between A at X and B at Y.
    pub fn apart(&mut self) {
        self.pipe("X", ["A", "B"]);
        self.moves("B", "Y");
    }

    /// Makes a pipe at the broker K, whose end A goes to X and whose end B goes to Y.
    pub fn gives_an_end_each(&mut self) {
        self.pipe("K", ["A", "B"]);
        self.send_with("KX", "an end", &["A"]);
        self.send_with("KY", "an end", &["B"]);
        self.settle();
        self.reads("XK", &["an end"]);
        self.reads("YK", &["an end"]);
    }

    /// Reads everything that came over the roads to `node`.
    pub fn fetch(&mut self, node: &str) {
        let others: Vec<String> = self.actors.iter().map(|actor| actor.label.clone()).collect();
        for other in others {
            let end = road(node, &other);
            if self.ends.contains_key(&end) {
                while let Ok(Some(_)) = self.read(&end) {}
            }
        }
    }

    /// Reads the next message at the end called `label`. The ends in it are held here then.
    ///
    /// # Errors
    ///
    /// Why the pipe ended, once everything was read.
    pub fn read(&mut self, label: &str) -> Result<Option<String>, CloseReason> {
        let actor = self.held(label).actor;
        let node = self.actors[actor].node.as_mut().expect("it has not crashed");
        let message = node.receive(&self.ends[label].port)?;
        self.perform_at(actor);
        let Some(Message { payload, cargo, handles }) = message else { return Ok(None) };
        let text = String::from_utf8(payload.to_vec()).expect("a scene sends text");
        let (text, labels) = text.split_once(CARGO).unwrap_or((&text, ""));
        let labels: Vec<&str> = labels.split(',').filter(|label| !label.is_empty()).collect();
        assert_eq!(labels.len(), cargo.len(), "as many ports arrive as were sent");
        for (label, port) in labels.into_iter().zip(cargo) {
            self.hold_end(actor, label, port);
        }
        self.handles.extend(handles);
        Ok(Some(text.to_owned()))
    }

    /// Reads the next message at the end called `label` and rejects it.
    pub fn rejects(&mut self, label: &str, reason: &str) {
        let actor = self.held(label).actor;
        let node = self.actors[actor].node.as_mut().expect("it has not crashed");
        let (_, source) = node.receive_from(&self.ends[label].port).expect("it is open").expect("a message is there");
        node.reject(source, reason);
        self.perform_at(actor);
    }

    /// Closes the end called `label`.
    pub fn close(&mut self, label: &str) {
        self.close_saying(label, 0, "");
    }

    /// Closes the end called `label` and says why.
    pub fn close_saying(&mut self, label: &str, code: u32, text: &str) {
        let (actor, port) = self.let_go(label);
        self.write(format!("{} closes {label}", self.actors[actor].label));
        self.actors[actor].node.as_mut().expect("it has not crashed").close(port, code, text);
        self.perform_at(actor);
    }

    /// Merges two ends.
    pub fn merge(&mut self, one: &str, other: &str) {
        self.try_merge(one, other).expect("they may be merged");
    }

    /// Merges two ends, if that may be.
    ///
    /// # Errors
    ///
    /// Why not; both are held as before.
    pub fn try_merge(&mut self, one: &str, other: &str) -> Result<(), MergeError> {
        let (actor, a) = self.let_go(one);
        let (_, b) = self.let_go(other);
        self.write(format!("{} merges {one} and {other}", self.actors[actor].label));
        let result = self.actors[actor].node.as_mut().expect("it has not crashed").merge(a, b);
        let result = result.map_err(|(error, a, b)| {
            self.hold_end(actor, one, a);
            self.hold_end(actor, other, b);
            error
        });
        self.perform_at(actor);
        result
    }

    /// The node has closed the end called `label` itself.
    pub fn forget(&mut self, label: &str) {
        self.let_go(label);
    }

    /// Closes every end that a node holds, one after the other.
    pub fn close_all(&mut self) {
        let labels: Vec<String> = self.ends.keys().cloned().collect();
        for label in labels {
            self.close(&label);
        }
    }
}
