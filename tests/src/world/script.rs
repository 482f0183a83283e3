//! What happens in one run: a profile, and a list of steps that each carry their own randomness.
//!
//! A step means something in every state (or nothing), so any part of a script is a script: that is what shrinking
//! needs.

use super::network::Pace;
use super::random::Random;
use mage_proto::Window;

/// What may happen in a run.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a kind of misfortune, and all combine")]
pub struct Profile {
    /// The most nodes at a time.
    pub nodes: usize,
    /// How often something befalls a node or a link, in a thousand actions.
    pub misfortune: usize,
    /// The windows that pipes are made with.
    pub windows: Vec<Window>,
    /// How the network behaves.
    pub pace: Pace,
    /// Applications merge pipes.
    pub merges: bool,
    /// They even merge the two ends of one route.
    pub rings: bool,
    /// Nodes crash.
    pub crashes: bool,
    /// Sockets are cut, and a part of what was under way is lost.
    pub cuts: bool,
    /// The broker refuses to introduce some nodes.
    pub refusals: bool,
    /// Nodes leave in order.
    pub leaves: bool,
    /// Processes have no room for the handles that arrive.
    pub shortages: bool,
    /// One node is dishonest.
    pub forger: bool,
    /// There are several networks, and isolated links between them.
    pub isolated: bool,
    /// Messages of several frames.
    pub large: bool,
    /// How often applications read rather than send, in a thousand.
    pub reading: usize,
}

/// A kind of run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ports move and nothing goes wrong.
    Moves,
    /// Pipes are merged too.
    Merges,
    /// Both ends of a route are merged, too.
    Rings,
    /// Nodes crash.
    Crashes,
    /// Links lose what was under way.
    Cuts,
    /// Introductions are refused, or fail.
    Refusals,
    /// Nodes leave.
    Leaves,
    /// Processes have no room for the handles that arrive.
    Shortages,
    /// All of these.
    Everything,
    /// One node forges whatever it has the bytes for.
    Forger,
    /// Networks share pipes over isolated links; some of the rest may happen, too.
    Isolated,
}

/// All kinds.
pub const KINDS: [Kind; 11] = [
    Kind::Moves,
    Kind::Merges,
    Kind::Rings,
    Kind::Crashes,
    Kind::Cuts,
    Kind::Refusals,
    Kind::Leaves,
    Kind::Shortages,
    Kind::Everything,
    Kind::Forger,
    Kind::Isolated,
];

/// One step of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// An application does something.
    Act(u64),
    /// The network does something.
    Progress(u64),
    /// Everything under way arrives, and what holds then is checked. The applications read everything first in every
    /// other case.
    Settle(u64),
}

/// A run.
#[derive(Debug, Clone)]
pub struct Script {
    /// The number it was made from.
    pub seed: u64,
    /// What may happen.
    pub profile: Profile,
    /// What happens.
    pub steps: Vec<Step>,
}

impl Kind {
    /// The name that the environment variable takes.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| format!("{kind:?}").eq_ignore_ascii_case(name))
    }
}

impl Profile {
    /// The profile of a kind; the seed decides the rest.
    #[must_use]
    pub fn of(kind: Kind, random: &mut Random) -> Self {
        let all = kind == Kind::Everything;
        let isolated = kind == Kind::Isolated;
        let mut some = |wanted: Kind| {
            let too =
                isolated && [Kind::Merges, Kind::Crashes, Kind::Cuts, Kind::Refusals, Kind::Leaves].contains(&wanted);
            kind == wanted || (all && random.chance(700)) || (too && random.chance(300))
        };
        let rings = some(Kind::Rings);
        let merges = rings || some(Kind::Merges);
        let (refusals, shortages) = (some(Kind::Refusals), some(Kind::Shortages));
        let (crashes, cuts, leaves) = (some(Kind::Crashes), some(Kind::Cuts), some(Kind::Leaves));
        let chunk = [0, 0, 5000, 200, 9][random.below(5)];
        let large = Window { bytes: 1 << 20, messages: 1024 };
        let windows = if merges {
            vec![large, large, Window { bytes: 30_000, messages: 1000 }]
        } else {
            let small = Window { bytes: 700, messages: 20 };
            let few = Window { bytes: 100_000, messages: 2 };
            [vec![large], vec![small, few], vec![large, small, few]][random.below(3)].clone()
        };
        Self {
            // Who is dishonest needs others to bother.
            nodes: random.between(if kind == Kind::Forger { 3 } else { 2 }, 6),
            misfortune: [4, 12, 40][random.below(3)],
            windows,
            pace: Pace {
                eager: random.chance(500),
                chunk,
                write: [0, 0, 1000, 37][random.below(4)],
                no_sockets: if refusals { 150 } else { 0 },
                no_room: if shortages { 200 } else { 0 },
            },
            merges,
            rings,
            crashes,
            cuts,
            refusals,
            leaves,
            shortages,
            forger: kind == Kind::Forger,
            isolated,
            large: (chunk == 0 || chunk > 1000) && random.chance(500),
            reading: [100, 300, 450][random.below(3)],
        }
    }
}

impl Script {
    /// A script of `actions` things that applications do.
    #[must_use]
    pub fn new(kind: Kind, seed: u64, actions: usize) -> Self {
        let mut random = Random::new(seed);
        let profile = Profile::of(kind, &mut random);
        // Things that the network does for ten that applications do: slow runs have crossing moves.
        let speed = [3, 8, 15, 30, 80, 200][random.below(6)];
        let mut steps = Vec::with_capacity(actions * (1 + speed / 10));
        for action in 1..=actions {
            steps.push(Step::Act(random.bits()));
            let most = random.below(2 * speed + 1);
            let count = most / 10 + usize::from(random.below(10) < most % 10);
            steps.extend((0..count).map(|_| Step::Progress(random.bits())));
            if action % 150 == 0 {
                steps.push(Step::Settle(random.bits()));
            }
        }
        Self { seed, profile, steps }
    }
}
