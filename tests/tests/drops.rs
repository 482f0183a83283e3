//! Dropping things in any order neither hangs nor leaks. Alone in its file, because it counts what the whole process
//! holds.
//!
//! Each case is an executor and a seed; a failure names both, and `MAGE_SEED` plays one seed again.

use std::any::Any;
use std::fs;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use mage::pipe::Message;
use mage::{Listener, Node, PendingRemote, Receiver, Remote};
use mage_tests::children::{Executor, Running};
use mage_tests::programs::{Words, WordsHandler, WordsSync};

const SEEDS: u64 = 40;

/// Something that is dropped at some time, by its name.
type Part = (&'static str, Box<dyn Any + Send>);

/// Serves; whoever forgets to drop it is found out by the count of its tokens.
struct Served {
    _token: Arc<()>,
}

impl WordsHandler for Served {
    async fn say(&self, _text: String) {}

    async fn count(&self, _number: i32) {}

    async fn echo(&self, text: String) -> String {
        if text == "for ever" {
            std::future::pending::<()>().await;
        }
        text
    }
}

impl WordsSync for Served {
    fn say(&mut self, _text: String) {}

    fn count(&mut self, _number: i32) {}

    fn echo(&mut self, text: String) -> String {
        text
    }
}

/// Numbers that look random and are the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn meet(inviter: &Node, invitee: &Node) -> (mage::MessagePipe, mage::MessagePipe) {
    let (here, there) = UnixStream::pair().expect("sockets");
    let near = inviter.invite(there).expect("an invitation");
    (near, invitee.accept(here).wait().expect("an accepted invitation"))
}

/// Everything that an application could hold, in the middle of its work.
fn parts(running: Running, token: &Arc<()>, name: &str) -> Vec<Part> {
    let served = || Served { _token: Arc::clone(token) };
    let (a, b, c) = (running.node(), running.node(), running.node());
    let ((near, far), (to_c, at_c)) = (meet(&a, &b), meet(&a, &c));
    // A call that is answered, one that never is, and one that nobody waited for yet.
    let remote = Remote::<Words>::bind(near);
    Receiver::<Words>::bind(far).serve_detached(served());
    assert_eq!(remote.echo("answered").wait().as_deref(), Ok("answered"));
    let (waits, unread) = (remote.echo("for ever"), remote.echo("unread"));
    // An end that lies unread in a queue, with an end in its own queue.
    let (inner, kept) = a.create_pipe();
    let (outer, carrier) = a.create_pipe();
    carrier.send(Message { pipes: vec![inner], ..Message::default() }).expect("room");
    to_c.send(Message { pipes: vec![outer], ..Message::default() }).expect("room");
    // A receiver in a sequence, and one that nobody binds.
    let (caller, receiver) = b.create::<Words>();
    let serving = receiver.post_to(&b.adapter().task_runner(), served());
    caller.say("to the sequence").expect("room");
    let pending: (PendingRemote<Words>, _) = c.create_pending();
    // Nodes that meet nobody yet.
    let (socket, silent) = UnixStream::pair().expect("sockets");
    let accepting = running.node().accept(socket);
    let listener = Listener::bind(&a, std::env::temp_dir().join(name)).expect("a listener");
    let clone = remote.clone();
    vec![
        ("executor", Box::new(running)),
        ("node a", Box::new(a)),
        ("node b", Box::new(b)),
        ("node c", Box::new(c)),
        ("remote", Box::new(remote)),
        ("clone of the remote", Box::new(clone)),
        ("call under way", Box::new(waits)),
        ("answer", Box::new(unread)),
        ("pipe to c", Box::new(to_c)),
        ("pipe at c", Box::new(at_c)),
        ("kept end", Box::new(kept)),
        ("carrier", Box::new(carrier)),
        ("caller", Box::new(caller)),
        ("serving", Box::new(serving)),
        ("pending ends", Box::new(pending)),
        ("accepting", Box::new(accepting)),
        ("silent socket", Box::new(silent)),
        ("listener", Box::new(listener)),
    ]
}

/// Drops everything in the order of the seed; in every second case two threads drop at once.
fn play(executor: Executor, seed: u64, progress: &mpsc::Sender<String>) {
    let token = Arc::new(());
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let name = format!("mage-drops-{}-{executor}-{seed}", std::process::id());
    let mut left = parts(executor.start(), &token, &name);
    let mut shuffled = Vec::new();
    while !left.is_empty() {
        shuffled.push(left.swap_remove(random.below(left.len())));
    }
    let elsewhere = if seed.is_multiple_of(2) { shuffled.split_off(shuffled.len() / 2) } else { Vec::new() };
    let drop_all = |who: &str, parts: Vec<Part>| {
        for (name, part) in parts {
            progress.send(format!("{who}: {name}")).expect("the test listens");
            drop(part);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| drop_all("other thread", elsewhere));
        drop_all("this thread", shuffled);
    });
    progress.send("everything is dropped; a handler is not".into()).expect("the test listens");
    // What serves in the background may be dropped a moment later, by a thread of the executor.
    while Arc::strong_count(&token) > 1 {
        thread::yield_now();
    }
}

/// Plays one case; says what it was doing when it hangs.
fn play_in_time(executor: Executor, seed: u64) {
    let (tell, told) = mpsc::channel();
    let playing = thread::spawn(move || play(executor, seed, &tell));
    let mut steps = Vec::new();
    loop {
        match told.recv_timeout(Duration::from_secs(60)) {
            Ok(step) => steps.push(step),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("{executor}, MAGE_SEED={seed} hangs after {steps:#?}"),
        }
    }
    assert!(playing.join().is_ok(), "{executor}, MAGE_SEED={seed} fails after {steps:#?}");
}

/// How many descriptors and threads this process has.
fn held() -> (usize, usize) {
    let count = |what: &str| fs::read_dir(format!("/proc/self/{what}")).expect("this process").count();
    (count("fd"), count("task"))
}

#[test]
fn dropping_in_any_order_neither_hangs_nor_leaks() {
    let seeds = match std::env::var("MAGE_SEED") {
        Ok(seed) => vec![seed.parse().expect("a number")],
        Err(_) => (1..=SEEDS).collect::<Vec<u64>>(),
    };
    for executor in [Executor::Threads, Executor::Tokio, Executor::Smol] {
        // What an executor keeps for the whole process is there after the first case. What the system still lists for a
        // moment is in this count too; the least of all counts is the one to come back to.
        play_in_time(executor, 0);
        let mut least = held();
        for &seed in &seeds {
            play_in_time(executor, seed);
            // The system lists a thread for a moment longer than it takes to join it.
            let patience = Instant::now() + Duration::from_secs(60);
            let mut now = held();
            while (now.0 > least.0 || now.1 > least.1) && Instant::now() < patience {
                thread::yield_now();
                now = held();
            }
            assert!(
                now.0 <= least.0 && now.1 <= least.1,
                "{now:?} descriptors and threads instead of {least:?} after {executor}, MAGE_SEED={seed}"
            );
            least = now;
        }
    }
}
