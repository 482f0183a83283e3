//! The core at work, to be measured: messages of 64 bytes, sent and taken in batches, and ports that move.
//!
//! ```sh
//! cargo build --release -p mage-proto --example rounds
//! target/release/examples/rounds link 64 10 100000     # what, in batches of, open pipes, rounds: prints memory and time
//! valgrind --tool=callgrind target/release/examples/rounds link 64 10 2000     # counts instructions
//! ```
//!
//! What one round costs is the difference between a run of 2 N rounds and one of N, divided by N: so the start does not
//! count. `docs/performance.md` keeps the figures.
//!
//! | what | one round |
//! |---|---|
//! | `link` | a batch over a link, from one pipe: sent, framed, carried, decoded, queued, taken; its credit comes back |
//! | `around` | the same, each message over the next of all pipes |
//! | `local` | a batch inside one node, over one pipe |
//! | `each` | the same, taken one by one |
//! | `move` | an idle port moves to the other node and back, and its route collapses |
//!
//! The number of open pipes is on top of the one that joins the two nodes; one end of each lies at either node.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use mage_proto::{Limits, LinkId, Message, NameSource, Node, Output, Port, Transmit};

/// The time is taken of so many parts of a run, and the best of them told: a busy machine disturbs some of them only.
const SLICES: usize = 200;

/// Numbers from a multiplicative generator: distinct, and spread as random names are.
struct Spread(u128);

impl NameSource for Spread {
    fn next_name(&mut self) -> u128 {
        self.0 = self.0.wrapping_mul(0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645).wrapping_add(1);
        self.0
    }
}

/// A node, its link, and the bytes that arrive over it.
struct Side {
    node: Node<(), Spread>,
    link: LinkId,
    arriving: BytesMut,
    ports: Vec<Port>,
    wakes: usize,
}

impl Side {
    fn drain(&mut self) {
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::InitialPort { port, .. } => self.ports.push(port),
                // As many threads as a program would wake.
                Output::Readable(_) | Output::Writable(_) => self.wakes += 1,
                _ => {}
            }
        }
    }
}

/// Two nodes that have met.
struct Pair {
    sides: [Side; 2],
    batch: Transmit<()>,
    /// How many bytes have gone over the link.
    carried: usize,
}

impl Pair {
    fn new() -> Self {
        let limits = Limits { ports_per_link: 1 << 22, ..Limits::default() };
        let (mut one, mut other) = (Node::new(Spread(1), limits.clone()), Node::new(Spread(1 << 99 | 1), limits));
        let (link, ours) = one.invite((), 1).expect("a fresh node may invite");
        let far = other.accept(()).expect("a fresh node may accept");
        let side = |node, link, ports| Side { node, link, arriving: BytesMut::new(), ports, wakes: 0 };
        let sides = [side(one, link, ours), side(other, far, Vec::new())];
        let mut pair = Self { sides, batch: Transmit::default(), carried: 0 };
        pair.settle();
        pair
    }

    /// Carries what waits at one side to the other; says whether there was anything.
    fn carry(&mut self, from: usize) -> bool {
        let [one, other] = &mut self.sides;
        let (from, to) = if from == 0 { (one, other) } else { (other, one) };
        from.drain();
        let before = self.carried;
        while from.node.poll_transmit(from.link, &mut self.batch) {
            self.batch.slices().for_each(|slice| to.arriving.extend_from_slice(slice));
            self.carried += self.batch.len();
            drop(self.batch.advance(usize::MAX));
        }
        if before == self.carried {
            return false;
        }
        to.node.handle_bytes(to.link, &mut to.arriving, &mut VecDeque::new()).expect("the other node is honest");
        to.drain();
        true
    }

    fn settle(&mut self) {
        while self.carry(0) | self.carry(1) {}
    }

    /// Moves `port` from a side to the other.
    fn moves(&mut self, from: usize, port: Port) -> Port {
        let message = Message { cargo: vec![port], ..Message::new(&b""[..]) };
        let side = &mut self.sides[from];
        side.node.send(&side.ports[0], message).expect("there is room");
        self.settle();
        let side = &mut self.sides[1 - from];
        let mut message = side.node.receive(&side.ports[0]).expect("open").expect("a message came");
        message.cargo.pop().expect("it brings a port")
    }

    /// As many pipes as asked for, their ends here and there.
    fn pipes(&mut self, count: usize) -> Vec<(Port, Port)> {
        let pipe = |pair: &mut Self| {
            let (near, far) = pair.sides[0].node.create_pipe();
            (near, pair.moves(0, far))
        };
        (0..count).map(|_| pipe(self)).collect()
    }
}

fn round(pair: &mut Pair, what: &str, batch: usize, pipes: &mut Vec<(Port, Port)>, at: &mut usize) {
    let bytes = black_box([7_u8; 64]);
    let count = pipes.len();
    match what {
        "link" | "around" => {
            let chosen = |n: usize| if what == "link" { 0 } else { n % count };
            for n in *at..*at + batch {
                pair.sides[0].node.send(&pipes[chosen(n)].0, Message::new(&bytes[..])).expect("there is room");
            }
            pair.carry(0);
            let mut taken = 0;
            for n in if what == "link" { *at..*at + 1 } else { *at..*at + batch } {
                let (node, port) = (&mut pair.sides[1].node, &pipes[chosen(n)].1);
                taken += node.receive_batch(port, usize::MAX, |message| drop(black_box(message))).expect("open");
            }
            assert_eq!(taken, batch);
            pair.carry(1);
            *at += batch;
        }
        "local" | "each" => {
            let node = &mut pair.sides[0].node;
            let (near, far) = &pipes[0];
            for _ in 0..batch {
                node.send(near, Message::new(&bytes[..])).expect("there is room");
            }
            if what == "local" {
                node.receive_batch(far, usize::MAX, |message| drop(black_box(message))).expect("open");
            } else {
                while let Some(message) = node.receive(far).expect("open") {
                    drop(black_box(message));
                }
            }
            pair.sides[0].drain();
        }
        "move" => {
            let (near, far) = pipes.pop().expect("there is a pipe");
            let back = pair.moves(1, far);
            let far = pair.moves(0, back);
            pipes.push((near, far));
        }
        other => panic!("{other} is not among link, around, local, each, move"),
    }
}

/// The memory of this process in bytes, where the system tells.
fn resident() -> Option<usize> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    pages.split(' ').nth(1)?.parse::<usize>().ok().map(|pages| pages * 4096)
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [what, numbers @ ..] = words.as_slice() else { panic!("what? batch, pipes, rounds") };
    let number = |place: usize| numbers.get(place).and_then(|word| word.parse().ok()).expect("batch, pipes, rounds");
    let (batch, open, rounds): (usize, usize, usize) = (number(0), number(1), number(2));

    let mut pair = Pair::new();
    let before = resident();
    let mut pipes = match &**what {
        "local" | "each" => (0..open.max(1)).map(|_| pair.sides[0].node.create_pipe()).collect(),
        _ => pair.pipes(open.max(1)),
    };
    if let (Some(before), Some(after), 1000..) = (before, resident(), open) {
        let ports = open * 2;
        println!("{ports} idle ports: {} bytes each", after.saturating_sub(before) / ports);
    }
    let slice = (rounds / SLICES).max(1);
    let (mut at, mut best) = (0, Duration::MAX);
    let before = pair.carried;
    for _ in 0..SLICES {
        let start = Instant::now();
        for _ in 0..slice {
            round(&mut pair, what, batch, &mut pipes, &mut at);
        }
        best = best.min(start.elapsed());
    }
    let done = slice * SLICES;
    let nanos = best.as_nanos() as f64 / slice as f64;
    let wire = (pair.carried - before) as f64 / done as f64;
    println!("{what}: {nanos:.0} ns and {wire:.0} bytes on the wire a round, {:.1} ns a message", nanos / batch as f64);
}
