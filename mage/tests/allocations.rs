//! What a call allocates: counted, over the in-memory backend. One test, because the count is the whole process's.

use std::alloc::System;

use mage::memory::MemoryBackend;
use mage::{Receiver, Remote};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

/// A method for each figure.
mod meter {
    include!("../../magen-nom/tests/golden/generate/meter.rs");
}

use meter::{Meter, MeterRequest};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Less than the window, so that each round is sent whole and then read.
const ROUND: usize = 500;

fn calls(remote: &Remote<Meter>, receiver: &mut Receiver<Meter>) {
    let text = "a text of thirty-two bytes, all.";
    assert_eq!(text.len(), 32);
    for number in 0..ROUND {
        remote.take(number as i32, 0.5, text).unwrap();
    }
    for number in 0..ROUND {
        let Some(MeterRequest::Take { count, mean, text: read }) = receiver.try_next().unwrap() else { panic!() };
        assert_eq!((count, mean, &*read), (number as i32, 0.5, text));
    }
}

#[test]
fn a_call_allocates_nothing_but_its_text_and_large_bytes_stay_where_they_are() {
    let (near, far) = MemoryBackend::new().create_pipe();
    let (remote, mut receiver) = (Remote::<Meter>::bind(near), Receiver::<Meter>::bind(far));
    // Queues grow to what they need.
    calls(&remote, &mut receiver);
    let region = Region::new(COUNTED);
    calls(&remote, &mut receiver);
    let counted = region.change();
    let made = counted.allocations + counted.reallocations;
    // Besides, a queue that went away when it was empty may have come back, and the test's harness, whose threads are
    // counted too, may do something of its own.
    assert!((ROUND..ROUND + 16).contains(&made), "{made} allocations for {ROUND} calls with a text each");

    // One copy of what was lent, when it is encoded, and none after: not a mebibyte more is allocated.
    let data = vec![7; 1 << 20];
    let region = Region::new(COUNTED);
    remote.store(&data).unwrap();
    let Some(MeterRequest::Store { data: read }) = receiver.try_next().unwrap() else { panic!() };
    let counted = region.change();
    assert!(read == data);
    assert!(counted.bytes_allocated < (1 << 20) + (64 << 10), "{} bytes were allocated", counted.bytes_allocated);
}
