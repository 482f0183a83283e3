//! Random worlds: whatever happens in whatever order, messages arrive once and in order, and nothing is left behind.
//!
//! `cargo run --release -p mage-tests --bin world -- [KIND|all] [COUNT] [FIRST] [ACTIONS]` runs any number of them, and
//! one alone with all that happens in it.

use mage_tests::world::Stats;
use mage_tests::world::run::run_many;
use mage_tests::world::script::Kind;

/// How many of each kind: five and a half thousand in all.
const WORLDS: u64 = 500;
/// What applications do in one world.
const ACTIONS: usize = 1000;

fn worlds(kind: Kind, count: u64) -> Stats {
    let stats = run_many(kind, 0, count, ACTIONS);
    println!("{kind:?}: {stats:?}");
    assert!(stats.moves > 10 * count, "hardly anything moved: {stats:?}");
    stats
}

#[test]
fn ports_that_move_lose_nothing_and_leave_nothing() {
    worlds(Kind::Moves, WORLDS);
}

#[test]
fn pipes_that_are_merged_lose_nothing_and_leave_nothing() {
    worlds(Kind::Merges, WORLDS);
}

#[test]
fn routes_whose_two_ends_are_merged_dissolve() {
    worlds(Kind::Rings, WORLDS);
}

#[test]
fn nodes_that_crash_end_what_they_held_and_nothing_else() {
    worlds(Kind::Crashes, WORLDS);
}

#[test]
fn links_that_are_cut_end_what_used_them_and_nothing_else() {
    worlds(Kind::Cuts, WORLDS);
}

#[test]
fn introductions_that_fail_end_what_needed_them_and_nothing_else() {
    worlds(Kind::Refusals, WORLDS);
}

#[test]
fn nodes_that_leave_break_nothing() {
    worlds(Kind::Leaves, WORLDS);
}

#[test]
fn handles_that_find_no_room_end_their_pipe_and_nothing_else() {
    worlds(Kind::Shortages, WORLDS);
}

#[test]
fn all_of_it_together_holds() {
    worlds(Kind::Everything, WORLDS);
}

#[test]
fn networks_that_share_pipes_share_nothing_else() {
    let stats = worlds(Kind::Isolated, WORLDS);
    assert!(stats.crossed > WORLDS && stats.refused > WORLDS, "hardly anything was shared: {stats:?}");
}

#[test]
fn a_dishonest_node_hurts_its_own_routes_and_nothing_else() {
    worlds(Kind::Forger, WORLDS);
}
