//! The world: many nodes, bytes between them in every order that may happen, applications that do everything, and a
//! ghost that knows what must come of it.
//!
//! ```text
//!   script ──steps──▶ workload ──commands──▶ nodes ◀──bytes──▶ network        everything from one seed
//!                        │                     │
//!                        └──▶ ghost ◀─ checker ┘  what is read, what ends, what is left
//! ```
//!
//! A failing run prints its seed, is shrunk to the steps that matter, and replays alone; see [`run`].

mod audit;
pub mod checker;
pub mod forger;
pub mod frames;
pub mod ghost;
pub mod network;
pub mod random;
pub mod run;
pub mod script;
mod sharing;
mod socket;
pub mod token;
pub mod workload;

use std::collections::{BTreeMap, BTreeSet};

use ghost::{EndId, Ghost, Nodes};
use mage_proto::{Limits, LinkId, NodeName, Port, PortId};
use network::{Network, TestNode};
use random::{Names, Random};
use script::{Profile, Script, Step};
use token::Token;

/// How a node stands to the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It was invited and has not joined.
    Invited,
    /// It is a member, or the broker.
    Joined,
    /// It is being shut down.
    Leaving,
    /// It crashed, or could not join.
    Crashed,
    /// It left in order.
    Left,
}

/// An invitation that was sent.
#[derive(Debug)]
pub struct Invitation {
    by: usize,
    to: usize,
    /// The invitee's end of the socket, until it accepts.
    handle: Option<Token>,
    /// The invitee's ends of the initial pipes.
    ends: Vec<EndId>,
    /// The invitee's link, once it has accepted.
    accepted: Option<LinkId>,
    /// The inviter's link, if it does not let the invitee into its network.
    isolated: Option<LinkId>,
}

/// What a run has done, for the curious.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// Ports that were sent in messages.
    pub moves: u64,
    /// Pipes that were merged.
    pub merges: u64,
    /// Messages sent.
    pub sent: u64,
    /// Messages read.
    pub read: u64,
    /// Ends that were lost.
    pub lost: u64,
    /// Messages that crossed from one network to another.
    pub crossed: u64,
    /// Sends and merges that would have led a route through an isolated link and on.
    pub refused: u64,
    /// Nodes that crashed.
    pub crashes: u64,
    /// Links that were cut.
    pub cuts: u64,
    /// Frames that a dishonest node made up.
    pub forged: u64,
    /// Dishonest frames that ended a link.
    pub violations: u64,
    /// Dishonest events that ended a route.
    pub route_errors: u64,
    /// Things that the network did.
    pub deliveries: u64,
    /// The frames on all links.
    pub frames: frames::Counts,
}

/// The first node is a broker.
pub const BROKER: usize = 0;

/// One run under way.
#[derive(Debug)]
pub struct World {
    net: Network,
    ghost: Ghost,
    profile: Profile,
    standing: Vec<Standing>,
    /// The broker of each node, which stands for its network.
    networks: Vec<usize>,
    /// The names that nodes made up for others across isolated links: by whom, and for whom.
    aliases: BTreeMap<NodeName, (usize, usize)>,
    invitations: Vec<Invitation>,
    /// The ends that applications of living nodes hold.
    held: Vec<EndId>,
    /// The same by node and place in it.
    ports: Vec<BTreeMap<PortId, EndId>>,
    names: BTreeMap<NodeName, usize>,
    cut: BTreeSet<(usize, usize)>,
    forbidden: BTreeSet<(usize, usize)>,
    seed: u64,
    stats: Stats,
}

impl World {
    /// A world with only a broker.
    #[must_use]
    pub fn new(script: &Script) -> Self {
        let mut world = Self {
            net: Network::new(script.profile.pace),
            ghost: Ghost::default(),
            profile: script.profile.clone(),
            standing: Vec::new(),
            networks: Vec::new(),
            aliases: BTreeMap::new(),
            invitations: Vec::new(),
            held: Vec::new(),
            ports: Vec::new(),
            names: BTreeMap::new(),
            cut: BTreeSet::new(),
            forbidden: BTreeSet::new(),
            seed: script.seed,
            stats: Stats::default(),
        };
        world.add_node(Standing::Joined, None);
        world.name(BROKER);
        world
    }

    /// Writes down what happens from now on.
    pub fn record(&mut self) {
        self.net.trace = Some(Vec::new());
    }

    /// What was written down.
    #[must_use]
    pub fn recorded(&self) -> &[String] {
        self.net.trace.as_deref().unwrap_or_default()
    }

    /// What was done.
    #[must_use]
    pub fn into_run(self) -> run::Run {
        let Self { mut net, stats, .. } = self;
        let trace = net.trace.take().unwrap_or_default();
        run::Run { stats: Stats { frames: net.counts.clone(), ..stats }, digest: net.digest, trace }
    }

    /// Performs one step.
    pub fn step(&mut self, step: Step) {
        match step {
            Step::Act(seed) => self.act(&mut Random::new(seed)),
            Step::Progress(seed) => {
                self.progress(&mut Random::new(seed));
                self.audit_some(seed);
            }
            Step::Settle(seed) => self.settle(&mut Random::new(seed), seed % 2 == 0),
        }
    }

    /// Looks into some node now and then.
    fn audit_some(&self, seed: u64) {
        let node = (seed >> 8) as usize % self.standing.len();
        if seed.is_multiple_of(32) && self.is_alive(node) {
            self.audit(node);
        }
    }

    fn note(&mut self, text: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.net.trace {
            trace.push(text());
        }
    }

    /// Adds a node to the network of a broker, or as the first of a network.
    fn add_node(&mut self, standing: Standing, broker: Option<usize>) -> usize {
        let window = self.profile.windows[0];
        let limits = Limits { max_frame: 32 << 10, max_message: 256 << 10, window, ..Limits::default() };
        let seed = Random::new(self.seed ^ ((self.standing.len() as u64 + 1) << 32)).bits();
        let node = self.net.add(TestNode::new(Names::new(seed), limits));
        self.standing.push(standing);
        self.networks.push(broker.unwrap_or(node));
        self.ports.push(BTreeMap::new());
        node
    }

    fn name(&mut self, node: usize) {
        let name = self.net.living(node).name();
        self.net.members[node].name = Some(name);
        self.names.insert(name, node);
    }

    fn is_broker(&self, node: usize) -> bool {
        self.networks[node] == node
    }

    fn is_alive(&self, node: usize) -> bool {
        match self.standing[node] {
            Standing::Invited | Standing::Joined | Standing::Leaving => true,
            Standing::Crashed | Standing::Left => false,
        }
    }

    /// The application of `node` has a key to `end` now.
    fn hold(&mut self, end: EndId, node: usize, key: Port) {
        self.ports[node].insert(key.id(), end);
        let told = self.net.living(node).ended(&key).is_some();
        let state = &mut self.ghost.ends[end];
        (state.blocked, state.idle, state.told) = (false, false, told);
        state.touched |= bit(node);
        state.place = ghost::Place::Held { node, key };
        self.held.push(end);
    }

    /// The application that holds `end` gives its key away.
    fn release(&mut self, end: EndId) -> (usize, Port) {
        let place = std::mem::replace(&mut self.ghost.ends[end].place, ghost::Place::Dropped);
        let ghost::Place::Held { node, key } = place else { panic!("end {end} is not held but {place:?}") };
        self.ports[node].remove(&key.id());
        self.held.retain(|&held| held != end);
        (node, key)
    }

    fn node_of(&self, end: EndId) -> Option<usize> {
        match self.ghost.ends[end].place {
            ghost::Place::Held { node, .. } => Some(node),
            _ => None,
        }
    }
}

/// Marks a pipe over which a message was sent whose handles may have found no room.
const SHORTAGE: Nodes = 1 << 31;

fn bit(node: usize) -> Nodes {
    1 << node
}

/// Two nodes, the lesser number first.
fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}
