//! Strange bytes cost memory in proportion to their number, whatever they announce.
//!
//! One test alone, since what is counted is what the process allocates.

use std::alloc::System;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[path = "wire/strange.rs"]
mod strange;

use strange::{anything, drain, pair, stage};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What a node may allocate whatever comes: a buffer for answers, which is kept, and the first of many tables.
const ONCE: usize = 300 << 10;
/// What it may allocate for each byte that comes, an answer and the growing of tables included.
const PER_BYTE: usize = 64;

#[test]
fn what_bytes_announce_is_not_allocated_before_it_comes() {
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(4000) });
    let result = runner.run(&(stage(), anything()), |(stage, bytes)| {
        let mut pair = pair(stage);
        let region = Region::new(ALLOCATOR);
        pair.feed(&bytes);
        drop(drain(&mut pair.node));
        let allocated = region.change().bytes_allocated;
        let most = ONCE + PER_BYTE * bytes.len();
        prop_assert!(allocated <= most, "{} bytes made the node allocate {allocated}", bytes.len());
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}
