//! How often a large parameter is copied on its way from one node to another: counted by what is allocated for it. Alone
//! in its file, because the count is the whole process's.

use std::alloc::System;
use std::os::unix::net::UnixStream;

use mage::{Receiver, Remote};
use mage_tests::children::Executor;
use mage_tests::programs::{Shelf, ShelfRequest};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SIZE: usize = 1 << 20;
const ROUNDS: usize = 20;

/// The bytes that are allocated for each parameter of a mebibyte, once buffers are what they need to be.
fn allocated(executor: Executor) -> usize {
    let running = executor.start();
    let (a, b) = (running.node(), running.node());
    let (to_a, to_b) = UnixStream::pair().expect("sockets");
    let remote = Remote::<Shelf>::bind(a.invite(to_b).expect("an invitation"));
    let mut receiver = Receiver::<Shelf>::bind(b.accept(to_a).wait().expect("an accepted invitation"));
    let data = vec![7; SIZE];
    let mut put = || {
        remote.put(&data).expect("room");
        let Ok(Some(ShelfRequest::Put { data: read })) = receiver.next_blocking() else { panic!("no request") };
        assert!(read == data);
        Remote::ready(&remote).wait().expect("a thread that may wait").expect("an open pipe");
    };
    (0..ROUNDS).for_each(|_| put());
    let region = Region::new(COUNTED);
    (0..ROUNDS).for_each(|_| put());
    region.change().bytes_allocated / ROUNDS
}

#[test]
fn a_mebibyte_is_not_copied_behind_the_socket() {
    for executor in [Executor::Threads, Executor::Tokio, Executor::Smol] {
        // The handler gets a slice of what was read. (Pieces of several frames would be joined: a mebibyte each time.)
        let allocated = allocated(executor);
        assert!(allocated < SIZE / 2, "{executor}: {allocated} bytes were allocated for a message of a mebibyte");
    }
}
