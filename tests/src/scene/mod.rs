//! Scripted scenes: a few nodes with names, ports with names, and links whose frames arrive in the order that the
//! scene states, or in any order at all.
//!
//! ```text
//!   play(&["X", "Y", "Z"], |scene| {            X is the broker; a pipe ("road") joins every two nodes
//!       scene.pipe("X", ["A", "B"]);            two ends, held at X
//!       scene.moves("A", "Z");                  the end A travels to Z, its pipe collapses
//!       scene.send("A", "hello");               …
//!   });
//! ```
//!
//! A scene is played in many orders of delivery, see [`play`]; [`tell`] also keeps what passes over the links as a text
//! beside the test. Whatever the order, at the end every end is closed and no node may hold anything any more, unless
//! the scene says that this is not so.

pub mod forge;
mod golden;
mod names;
mod network;
mod pipes;
mod sockets;
mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::BytesMut;
use mage_proto::{Limits, LinkId, Node, NodeName, Port, PortId};

use names::Names;
use sockets::{End, Sockets};

pub use golden::{play, play_in_orders, play_with, tell};
pub use names::Source;
pub use sockets::Handle;

/// A node of a scene.
pub type SceneNode = Node<Handle, Source>;

/// A few nodes, and what happens to them.
#[derive(Debug)]
pub struct Scene {
    names: Names,
    actors: Vec<Actor>,
    sockets: Sockets,
    /// The ends of pipes that an application holds, by what the scene calls them.
    ends: BTreeMap<String, Held>,
    handles: Vec<Handle>,
    /// Frames and commands, when they are kept.
    transcript: Option<Vec<String>>,
    order: Order,
    /// Whom the broker does not give sockets at once: tags that wait for the scene.
    pairs: Pairs,
    /// Broken promises that nodes have noticed.
    faults: Vec<String>,
    /// Gone frames that were delivered.
    gone: usize,
    /// Frames that were delivered.
    frames: usize,
    /// Their bytes.
    bytes: usize,
    /// The scene ends with ports that nobody can close any more.
    residue: bool,
}

#[derive(Debug)]
struct Actor {
    label: String,
    /// `None` once it has crashed.
    node: Option<SceneNode>,
    /// What arrived and is not a whole frame yet; and the handles with it.
    inboxes: BTreeMap<LinkId, (BytesMut, VecDeque<Handle>)>,
    /// What the node reported, in words.
    said: Vec<String>,
    /// What the ends that come with its invitation are called.
    initial: VecDeque<String>,
    /// What the ends held here are called.
    labels: BTreeMap<PortId, String>,
    readable: BTreeSet<PortId>,
}

#[derive(Debug)]
struct Held {
    actor: usize,
    port: Port,
}

/// In which order deliveries happen when the scene does not say: 0 is first come, first served among all links;
/// others are random.
#[derive(Debug, Clone, Copy)]
struct Order(u64);

/// What happens when the broker wants a pair of sockets.
#[derive(Debug)]
enum Pairs {
    Granted,
    Refused,
    /// They wait: who asked, and under which tag.
    Waiting(Vec<(usize, u64)>),
}

impl Order {
    fn pick(&mut self, count: usize) -> usize {
        if self.0 == 0 {
            return 0;
        }
        // xorshift, good enough to shuffle.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(count.max(1)).expect("a small number")).expect("a small number")
    }
}

impl Scene {
    /// Makes the nodes; nobody knows anybody yet.
    pub fn strangers(labels: &[&str], limits: &Limits, order: u64) -> Self {
        let names = Names::default();
        let actors = labels.iter().map(|&label| Actor::new(label, &names, limits)).collect();
        Self {
            names,
            actors,
            sockets: Sockets::default(),
            ends: BTreeMap::new(),
            handles: Vec::new(),
            transcript: None,
            order: Order(order),
            pairs: Pairs::Granted,
            faults: Vec::new(),
            gone: 0,
            frames: 0,
            bytes: 0,
            residue: false,
        }
    }

    /// Makes the nodes of one network, the first of them its broker, and a road between every two.
    pub fn network(labels: &[&str], limits: &Limits, order: u64) -> Self {
        let mut scene = Self::strangers(labels, limits, 0);
        let Some((broker, members)) = labels.split_first() else { return scene };
        for member in members {
            scene.invites(broker, member, &[(&road(broker, member), &road(member, broker))]);
            scene.settle();
        }
        for (place, one) in members.iter().enumerate() {
            for other in members.iter().take(place) {
                let (here, there) = (road(one, other), road(other, one));
                scene.pipe(broker, [&here, &there]);
                scene.moves(&here, one);
                scene.moves(&there, other);
            }
        }
        scene.settle();
        scene.names.forget_moves();
        scene.order = Order(order);
        scene
    }

    /// The transcript begins here: what came before set the stage. Ports are called again what they were called first.
    pub fn begin(&mut self) {
        self.names.forget_moves();
        if let Some(transcript) = &mut self.transcript {
            transcript.clear();
        }
    }

    /// Tells, as a heading of the transcript, what happens next.
    pub fn note(&mut self, text: &str) {
        self.write(text.to_owned());
    }

    fn write(&mut self, line: String) {
        if let Some(transcript) = &mut self.transcript {
            transcript.push(line);
        }
    }

    fn actor(&self, label: &str) -> usize {
        let place = self.actors.iter().position(|actor| actor.label == label);
        place.unwrap_or_else(|| panic!("no node is called {label}"))
    }

    /// The node called `label`, for what the scene has no words for. Say [`perform`](Self::perform) after a command.
    pub fn node(&mut self, label: &str) -> &mut SceneNode {
        let actor = self.actor(label);
        self.actors[actor].node.as_mut().unwrap_or_else(|| panic!("{label} has crashed"))
    }

    fn node_at(&mut self, actor: usize) -> Option<&mut SceneNode> {
        self.actors[actor].node.as_mut()
    }

    /// The name of a node.
    pub fn name(&mut self, label: &str) -> NodeName {
        self.node(label).name()
    }

    /// The number of the port called `label` in the transcript.
    pub fn port_bits(&self, label: &str) -> u128 {
        self.names.find(label).unwrap_or_else(|| panic!("no port is called {label}"))
    }

    fn end_between(&self, from: &str, to: &str) -> End {
        let (from_actor, to_actor) = (self.actor(from), self.actor(to));
        self.sockets.between(from_actor, to_actor).unwrap_or_else(|| panic!("{from} has no link to {to}"))
    }
}

impl Actor {
    fn new(label: &str, names: &Names, limits: &Limits) -> Self {
        let node = Node::new(names.source(), limits.clone());
        names.call(node.name(), label);
        Self {
            label: label.to_owned(),
            node: Some(node),
            inboxes: BTreeMap::new(),
            said: Vec::new(),
            initial: VecDeque::new(),
            labels: BTreeMap::new(),
            readable: BTreeSet::new(),
        }
    }
}

/// What the end at `from` of the road to `to` is called.
fn road(from: &str, to: &str) -> String {
    format!("{from}{to}")
}
