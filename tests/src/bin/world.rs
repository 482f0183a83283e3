//! Runs random worlds: `world [KIND|all] [COUNT] [FIRST] [ACTIONS]`, by default 2,000 of each kind with 1,000 actions.
//!
//! With a count of one the world is told step by step. A world that fails prints its seed and the smallest part of it
//! that fails too.

use std::time::Instant;

use mage_tests::world::run::{run, run_many, shrink};
use mage_tests::world::script::{KINDS, Kind, Script};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |place: usize, usual: u64| arguments.get(place).map_or(usual, |text| text.parse().expect("a number"));
    let name = arguments.first().map_or("all", String::as_str);
    let kinds: Vec<Kind> = match Kind::of_name(name) {
        Some(kind) => vec![kind],
        None if name == "all" => KINDS.to_vec(),
        None => panic!("{name:?} is no kind of world: all, {KINDS:?}"),
    };
    let (count, first) = (number(1, 2000), number(2, 0));
    let actions = usize::try_from(number(3, 1000)).expect("a number of actions");
    let (mut worlds, mut moves) = (0, 0);
    for kind in kinds {
        if count == 1 {
            tell(kind, first, actions);
            continue;
        }
        let start = Instant::now();
        let stats = run_many(kind, first, count, actions);
        println!("{kind:?}: {count} worlds of {actions} actions in {:?}: {stats:?}", start.elapsed());
        worlds += count;
        moves += stats.moves;
    }
    println!("{worlds} worlds, {moves} moves");
}

/// Runs one world and prints what happens in it, or in the smallest part of it that fails.
fn tell(kind: Kind, seed: u64, actions: usize) {
    let script = Script::new(kind, seed, actions);
    let failure = match run(&script, true) {
        Ok(run) => return run.trace.iter().for_each(|line| println!("{line}")),
        Err(failure) => failure,
    };
    println!("{kind:?} {seed} fails: {}", failure.what);
    let small = shrink(&script);
    println!("{} steps shrink to {}", script.steps.len(), small.steps.len());
    if let Err(failure) = run(&small, true) {
        failure.trace.iter().for_each(|line| println!("{line}"));
        println!("and then: {}", failure.what);
    }
    std::process::exit(1);
}
