//! Every interleaving of small configurations: nothing is left to chance here.
//!
//! `cargo run --release -p mage-tests --bin explore` searches all configurations and prints the table of
//! `docs/exhaustive.md`; these are the ones that take seconds.

use mage_tests::explore::{configurations, search};

/// Searches the configuration of that name to its end.
fn all_of(name: &str) {
    let configuration = configurations().into_iter().find(|configuration| configuration.name == name);
    let outcome = search(&configuration.unwrap_or_else(|| panic!("no configuration is called {name:?}")));
    println!("{name}: {outcome}");
    assert!(outcome.quiet > 1 && outcome.states > 100, "hardly anything could happen: {outcome}");
}

#[test]
fn a_pipe_that_moves_and_closes_while_a_node_crashes() {
    all_of("2 nodes, 1 pipe: 3 moves, close, crash");
}

#[test]
fn a_pipe_among_three_nodes_of_which_one_crashes() {
    all_of("3 nodes, 1 pipe: 2 moves, crash");
}

#[test]
fn two_pipes_among_three_nodes_that_move_and_merge() {
    all_of("3 nodes, 2 pipes: 2 moves, merge");
}

#[test]
fn credit_that_follows_a_pipe_with_a_small_window() {
    all_of("2 nodes, 1 pipe: small window, 3 messages, 2 moves");
}

#[test]
fn strangers_that_are_introduced_or_refused_while_a_node_crashes() {
    all_of("3 strangers, 1 pipe: 2 moves, refusal");
    all_of("3 strangers, 1 pipe apart: 2 moves, refusal");
    all_of("3 strangers, 1 pipe: 2 moves, refusal, crash");
}

#[test]
fn both_ends_of_a_pipe_between_two_nodes_that_move_while_one_crashes() {
    all_of("3 nodes, 1 pipe apart: 2 moves, crash");
}
