//! Runs worlds: many by seed, one alone, and the smallest part of one that still fails.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use super::random::Random;
use super::script::{Kind, Script};
use super::{Stats, World};

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Why a run failed.
#[derive(Debug)]
pub struct Failure {
    /// What did not hold.
    pub what: String,
    /// What had happened, if it was recorded.
    pub trace: Vec<String>,
}

/// A run that came to its end.
#[derive(Debug)]
pub struct Run {
    /// What was done.
    pub stats: Stats,
    /// Every byte that was written, folded into a number.
    pub digest: u64,
    /// What happened, if it was recorded.
    pub trace: Vec<String>,
}

/// Runs a script to its end.
///
/// # Errors
///
/// What did not hold.
pub fn run(script: &Script, record: bool) -> Result<Run, Failure> {
    quieten();
    let mut world = World::new(script);
    if record {
        world.record();
    }
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(|| {
        for &step in &script.steps {
            world.step(step);
        }
        world.finish(&mut Random::new(script.seed));
    }));
    QUIET.set(false);
    match result {
        Ok(()) => Ok(world.into_run()),
        Err(panic) => {
            let what = panic.downcast_ref::<String>().cloned();
            let what = what.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.into()));
            let trace = world.recorded().to_vec();
            // A node in the middle of something may not be fit to be dropped.
            std::mem::forget(world);
            let what = what.unwrap_or_else(|| "a panic without words".into());
            Err(Failure { what: format!("{what} ({})", PLACE.take()), trace })
        }
    }
}

/// Panics are caught and reported with their seed, so those of worlds print nothing by themselves.
fn quieten() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if QUIET.get() {
                let place = panic.location().map(ToString::to_string).unwrap_or_default();
                let trace = Backtrace::capture();
                let traced = trace.status() == BacktraceStatus::Captured;
                PLACE.set(if traced { format!("{place}\n{trace}") } else { place });
            } else {
                usual(panic);
            }
        }));
    });
}

/// Takes steps away as long as the run still fails.
#[must_use]
pub fn shrink(script: &Script) -> Script {
    let mut best = script.clone();
    let mut size = best.steps.len() / 2;
    while size > 0 {
        let mut from = 0;
        while from < best.steps.len() {
            let mut shorter = best.clone();
            shorter.steps.drain(from..(from + size).min(best.steps.len()));
            if run(&shorter, false).is_err() { best = shorter } else { from += size }
        }
        size = if size > 1 { size.div_ceil(2) } else { 0 };
        if size == 1 && best.steps.len() > 2000 {
            break;
        }
    }
    best
}

/// Runs `count` seeds from `first` on, and adds up what they did.
///
/// # Panics
///
/// At the first that fails, with its seed, and with what happened in the smallest part of it that fails too.
#[must_use]
pub fn run_many(kind: Kind, first: u64, count: u64, actions: usize) -> Stats {
    let mut sum = Stats::default();
    for seed in first..first + count {
        let script = Script::new(kind, seed, actions);
        match run(&script, false) {
            Ok(Run { stats, digest, .. }) => {
                sum.add(&stats);
                if seed % 50 == 0 {
                    let again = run(&script, false).map(|run| run.digest);
                    assert!(again.is_ok_and(|again| again == digest), "S12: {kind:?} {seed} differs when repeated");
                }
            }
            Err(failure) => panic!("{}", report(kind, &script, &failure)),
        }
    }
    sum
}

/// What a failing run says: how to repeat it, and the smallest part of it that fails too.
fn report(kind: Kind, script: &Script, failure: &Failure) -> String {
    let small = shrink(script);
    let mut text = format!(
        "{kind:?} {seed} fails: {what}\nrepeat it: cargo run -p mage-tests --bin world -- {kind:?} 1 {seed}\n\
         {from} steps shrink to {to}:\n",
        seed = script.seed,
        what = failure.what,
        from = script.steps.len(),
        to = small.steps.len(),
    );
    if let Err(failure) = run(&small, true) {
        for line in &failure.trace {
            let _ = writeln!(text, "  {line}");
        }
        let _ = writeln!(text, "  and then: {}", failure.what);
    }
    text
}

impl Stats {
    fn add(&mut self, other: &Self) {
        self.moves += other.moves;
        self.merges += other.merges;
        self.sent += other.sent;
        self.read += other.read;
        self.lost += other.lost;
        self.crossed += other.crossed;
        self.refused += other.refused;
        self.crashes += other.crashes;
        self.cuts += other.cuts;
        self.forged += other.forged;
        self.violations += other.violations;
        self.route_errors += other.route_errors;
        self.deliveries += other.deliveries;
        self.frames.add(&other.frames);
    }
}
