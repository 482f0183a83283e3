//! What it costs to encode a call and to decode it: the generated code and the call layer, over the in-memory backend.
//!
//! ```text
//!   cargo bench -p mage-ipc --bench codec
//! ```
//!
//! The pipe in between is measured alone, with a message of the same size, to be subtracted.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use mage::memory::MemoryBackend;
use mage::{MessagePipe, Receiver, Remote};

/// A method for each figure.
mod meter {
    include!("../../magen-nom/tests/golden/generate/meter.rs");
}

use meter::{Meter, MeterRequest};

/// As many calls as are sent before they are read.
const BATCH: usize = 64;
const TEXT: &str = "a text of thirty-two bytes, all.";

fn main() {
    divan::main();
}

fn pipe() -> (MessagePipe, MessagePipe) {
    MemoryBackend::new().create_pipe()
}

/// `(int, double, string of 32 bytes)` with the pipe.
#[divan::bench]
fn encode_send_receive_decode(bencher: Bencher<'_, '_>) {
    let (near, far) = pipe();
    let (remote, mut receiver) = (Remote::<Meter>::bind(near), Receiver::<Meter>::bind(far));
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            remote.take(black_box(7), black_box(0.5), black_box(TEXT)).expect("there is room");
        }
        for _ in 0..BATCH {
            assert!(matches!(black_box(receiver.try_next()), Ok(Some(MeterRequest::Take { .. }))));
        }
    });
}

/// The pipe alone, with as many bytes.
#[divan::bench]
fn send_receive(bencher: Bencher<'_, '_>) {
    let (near, far) = pipe();
    let bytes = [7; 5 + 4 + 8 + 4 + 32];
    let mut taken = std::collections::VecDeque::new();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            near.send(black_box(&bytes[..])).expect("there is room");
        }
        while far.poll_receive_batch(BATCH, &mut taken, None).is_ready() {
            taken.drain(..).for_each(|message| drop(black_box(message)));
        }
    });
}
