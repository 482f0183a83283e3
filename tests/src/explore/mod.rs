//! Every interleaving of a small configuration, over the real state machine.
//!
//! ```text
//!   state = nodes + frames under way + what applications may still do
//!   from each state not seen before: deliver the next frame of any link · move, send, read, close or merge any end ·
//!                                    crash a node · break its links at any point · make or refuse a pair of sockets
//! ```
//!
//! The search is depth-first and goes on until no state is left. Two states are the same if they differ only in how
//! ports are called; names are numbered in the order in which they are met. Whenever nothing is under way, what must
//! hold then is checked, and again after everything was read, and after everything was closed.

mod act;
mod check;
mod state;

use std::collections::HashSet;
use std::fmt;
use std::time::{Duration, Instant};

pub use state::State;

/// What may happen in a search, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// What it is called in the table.
    pub name: &'static str,
    /// Nodes; the first is the broker.
    pub nodes: usize,
    /// Pipes, made at the first nodes in turn.
    pub pipes: usize,
    /// Whether the members know each other from the start. If not, they must be introduced, or refused.
    pub introduced: bool,
    /// Whether the ends of each pipe are on different nodes from the start.
    pub apart: bool,
    /// How many messages the window of a pipe has; credits and reads are part of the search if it is small.
    pub window: Option<u32>,
    /// Ends that travel.
    pub moves: u8,
    /// Messages that are sent.
    pub sends: u8,
    /// Ends that are closed.
    pub closes: u8,
    /// Pipes that are merged.
    pub merges: u8,
    /// Nodes that crash; their links break at every point.
    pub crashes: u8,
    /// Links that break at every point, both nodes living on.
    pub cuts: u8,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Distinct states.
    pub states: usize,
    /// Steps from one to another.
    pub steps: usize,
    /// States in which nothing was under way.
    pub quiet: usize,
    /// The longest way from the start.
    pub depth: usize,
    /// How long it took.
    pub time: Duration,
}

/// One thing that may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// The next frame of a socket arrives, from this side of it.
    Deliver {
        /// The socket.
        socket: usize,
        /// Which of its two sides has sent it.
        from: usize,
    },
    /// What was still under way on a socket that is broken, or whose other side is gone, is lost.
    Break {
        /// The socket.
        socket: usize,
        /// The side that is gone.
        from: usize,
    },
    /// An end travels to a node.
    Move {
        /// The end.
        end: usize,
        /// Where to.
        to: usize,
    },
    /// A message is sent.
    Send {
        /// From this end.
        end: usize,
    },
    /// A message is read.
    Read {
        /// At this end.
        end: usize,
    },
    /// An end is closed.
    Close {
        /// The end.
        end: usize,
    },
    /// Two ends are merged.
    Merge {
        /// One.
        one: usize,
        /// The other.
        other: usize,
    },
    /// A link breaks.
    Cut {
        /// Its socket.
        socket: usize,
    },
    /// A node crashes.
    Crash {
        /// The node.
        node: usize,
    },
    /// The broker gets a pair of sockets, or does not.
    Pair {
        /// Whether it does.
        made: bool,
    },
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { states, steps, quiet, depth, time } = self;
        write!(f, "{states} states, {steps} steps, {quiet} quiet, depth {depth}, {:.1} s", time.as_secs_f64())
    }
}

/// Searches a configuration to its end.
///
/// # Panics
///
/// When something does not hold, with the way there.
#[must_use]
pub fn search(configuration: &Configuration) -> Outcome {
    let start = Instant::now();
    let mut seen: HashSet<u128> = HashSet::new();
    let mut outcome = Outcome { states: 0, steps: 0, quiet: 0, depth: 0, time: Duration::ZERO };
    // The way to the state at hand, and what is still to be tried at each station of it.
    let mut way: Vec<Action> = Vec::new();
    let first = State::new(configuration);
    seen.insert(first.fingerprint());
    let mut stations = vec![station(first, &way, &mut outcome)];
    while let Some((state, left)) = stations.last_mut() {
        let Some(action) = left.pop() else {
            stations.pop();
            way.pop();
            continue;
        };
        let mut next = state.clone();
        way.push(action);
        guarded(&way, || next.perform(action));
        outcome.steps += 1;
        if seen.insert(next.fingerprint()) {
            let station = station(next, &way, &mut outcome);
            stations.push(station);
            outcome.depth = outcome.depth.max(way.len());
        } else {
            way.pop();
        }
    }
    outcome.states = seen.len();
    outcome.time = start.elapsed();
    outcome
}

fn station(state: State, way: &[Action], outcome: &mut Outcome) -> (State, Vec<Action>) {
    if state.is_quiet() {
        outcome.quiet += 1;
        guarded(way, || state.check_quiet());
    }
    guarded(way, || state.audit());
    let actions = state.actions();
    (state, actions)
}

/// Prints the way here if something does not hold.
fn guarded(way: &[Action], check: impl FnOnce()) {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
    if let Err(panic) = result {
        eprintln!("after:");
        way.iter().for_each(|action| eprintln!("  {action:?}"));
        std::panic::resume_unwind(panic);
    }
}

/// The configurations that are searched: the table of `docs/exhaustive.md`.
#[must_use]
pub fn configurations() -> Vec<Configuration> {
    let none = Configuration {
        name: "",
        nodes: 2,
        pipes: 1,
        introduced: true,
        apart: false,
        window: None,
        moves: 0,
        sends: 0,
        closes: 0,
        merges: 0,
        crashes: 0,
        cuts: 0,
    };
    let two = none;
    let three = Configuration { nodes: 3, ..two.clone() };
    let pipes = Configuration { pipes: 2, ..three.clone() };
    let strangers = Configuration { introduced: false, ..three.clone() };
    let small = Configuration { window: Some(2), ..two.clone() };
    vec![
        Configuration {
            name: "2 nodes, 1 pipe: 3 moves, close, crash",
            moves: 3,
            closes: 1,
            crashes: 1,
            ..two.clone()
        },
        Configuration { name: "3 nodes, 1 pipe: 2 moves, crash", moves: 2, crashes: 1, ..three.clone() },
        Configuration { name: "3 nodes, 2 pipes: 2 moves, merge", moves: 2, merges: 1, ..pipes.clone() },
        Configuration {
            name: "2 nodes, 1 pipe: small window, 3 messages, 2 moves",
            moves: 2,
            sends: 3,
            ..small.clone()
        },
        Configuration { name: "2 nodes, 1 pipe: 2 moves, 2 messages, close", moves: 2, sends: 2, closes: 1, ..two },
        Configuration { name: "3 strangers, 1 pipe: 2 moves, refusal", moves: 2, ..strangers.clone() },
        Configuration {
            name: "3 strangers, 1 pipe: 2 moves, refusal, crash",
            moves: 2,
            crashes: 1,
            ..strangers.clone()
        },
        Configuration { name: "3 strangers, 1 pipe: 2 moves, refusal, cut", moves: 2, cuts: 1, ..strangers.clone() },
        Configuration { name: "3 nodes, 1 pipe: 2 moves, close, cut", moves: 2, closes: 1, cuts: 1, ..three.clone() },
        Configuration { name: "3 nodes, 1 pipe apart: 2 moves, cut", apart: true, moves: 2, cuts: 1, ..three.clone() },
        Configuration {
            name: "3 nodes, 1 pipe apart: 2 moves, crash",
            apart: true,
            moves: 2,
            crashes: 1,
            ..three.clone()
        },
        Configuration { name: "3 strangers, 1 pipe apart: 2 moves, refusal", apart: true, moves: 2, ..strangers },
        Configuration { name: "3 nodes, 1 pipe: 2 moves, crash, cut", moves: 2, crashes: 1, cuts: 1, ..three.clone() },
        Configuration { name: "3 nodes, 1 pipe: 3 moves, close, crash", moves: 3, closes: 1, crashes: 1, ..three },
        Configuration {
            name: "3 nodes, 2 pipes: 2 moves, merge, crash",
            moves: 2,
            merges: 1,
            crashes: 1,
            ..pipes.clone()
        },
        Configuration { name: "3 nodes, 2 pipes: 2 moves, merge, close", moves: 2, merges: 1, closes: 1, ..pipes },
        Configuration {
            name: "2 nodes, 1 pipe: small window, 3 messages, 2 moves, crash",
            moves: 2,
            sends: 3,
            crashes: 1,
            ..small
        },
    ]
}
