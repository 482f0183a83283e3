//! The parts one by one, without processes: the core by hand, the codec, the decoder, the task loop.
//!
//! ```text
//!   cargo bench -p mage-bench
//! ```

use std::collections::VecDeque;

use bytes::BytesMut;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use mage::memory::MemoryBackend;
use mage::{Receiver, Remote};
use mage_proto::{Limits, LinkId, Message, NameSource, Node, Output, Port, Transmit};

mage::include_magen!("meter");

fn main() {
    divan::main();
}

/// As many messages as go through before the other side is driven.
const BATCH: usize = 64;

struct Spread(u128);

impl NameSource for Spread {
    fn next_name(&mut self) -> u128 {
        self.0 = self.0.wrapping_mul(0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645).wrapping_add(1);
        self.0
    }
}

type Core = Node<(), Spread>;

fn drain(node: &mut Core, ports: &mut Vec<Port>) {
    while let Some(output) = node.poll_output() {
        if let Output::InitialPort { port, .. } = output {
            ports.push(port);
        }
    }
}

/// Everything that waits in `node` for `link`, as bytes.
fn bytes_of(node: &mut Core, link: LinkId, into: &mut BytesMut) {
    let mut batch = Transmit::default();
    while node.poll_transmit(link, &mut batch) {
        batch.slices().for_each(|slice| into.extend_from_slice(slice));
        let _no_handles = batch.advance(batch.len());
    }
}

fn handle(node: &mut Core, link: LinkId, bytes: &mut BytesMut) {
    node.handle_bytes(link, bytes, &mut VecDeque::new()).expect("the other node is honest");
}

/// Two nodes that have met, and the ends of one pipe between them.
struct Pair {
    a: (Core, LinkId, Port),
    b: (Core, LinkId, Port),
}

impl Pair {
    fn new() -> Self {
        let (mut a, mut b) =
            (Core::new(Spread(1), Limits::default()), Core::new(Spread(1 << 99 | 1), Limits::default()));
        let (a_link, mut ours) = a.invite((), 1).expect("a fresh node may invite");
        let b_link = b.accept(()).expect("a fresh node may accept");
        let (mut wire, mut theirs) = (BytesMut::new(), Vec::new());
        while theirs.is_empty() {
            bytes_of(&mut b, b_link, &mut wire);
            handle(&mut a, a_link, &mut wire);
            bytes_of(&mut a, a_link, &mut wire);
            handle(&mut b, b_link, &mut wire);
            drain(&mut b, &mut theirs);
            drain(&mut a, &mut ours);
        }
        Self { a: (a, a_link, ours.remove(0)), b: (b, b_link, theirs.remove(0)) }
    }

    /// Frames of a batch of messages, in the order in which they go over the link.
    fn frames(&mut self) -> BytesMut {
        let (a, link, port) = &mut self.a;
        for _ in 0..BATCH {
            a.send(port, Message::new(&[7; 64][..])).expect("there is room");
        }
        let mut wire = BytesMut::new();
        bytes_of(a, *link, &mut wire);
        while a.poll_output().is_some() {}
        wire
    }

    /// Takes what arrived and returns the credit for it.
    fn take(&mut self) {
        let (b, link, port) = &mut self.b;
        let taken = b.receive_batch(port, usize::MAX, |message| drop(black_box(message)));
        assert_eq!(taken, Ok(BATCH));
        while b.poll_output().is_some() {}
        let mut wire = BytesMut::new();
        bytes_of(b, *link, &mut wire);
        handle(&mut self.a.0, self.a.1, &mut wire);
    }
}

/// The core by hand, with its frames in one piece or cut anywhere: sent, framed, decoded, taken, credit returned.
#[divan::bench(args = [usize::MAX, 1000, 17])]
fn core(bencher: Bencher<'_, '_>, piece: usize) {
    let mut pair = Pair::new();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        let frames = pair.frames();
        let mut wire = BytesMut::with_capacity(frames.len());
        for bytes in frames.chunks(piece.min(frames.len())) {
            wire.extend_from_slice(bytes);
            handle(&mut pair.b.0, pair.b.1, &mut wire);
        }
        pair.take();
    });
}

/// One node by hand: a batch sent over a pipe inside it, and taken at once or one by one.
#[divan::bench(args = [true, false])]
fn core_inside(bencher: Bencher<'_, '_>, at_once: bool) {
    let mut node = Core::new(Spread(1), Limits::default());
    let (near, far) = node.create_pipe();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            node.send(&near, Message::new(black_box(&[7; 64][..]))).expect("there is room");
        }
        if at_once {
            assert_eq!(node.receive_batch(&far, usize::MAX, |message| drop(black_box(message))), Ok(BATCH));
        } else {
            while let Some(message) = node.receive(&far).expect("it is open") {
                drop(black_box(message));
            }
        }
        while node.poll_output().is_some() {}
    });
}

/// The codec and the call layer over the in-memory backend: a one-way call of 64 bytes, sent and decoded.
#[divan::bench]
fn codec_one_way(bencher: Bencher<'_, '_>) {
    let (near, far) = MemoryBackend::new().create_pipe();
    let (remote, mut receiver) = (Remote::<Meter>::bind(near), Receiver::<Meter>::bind(far));
    let data = [7; 64];
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for _ in 0..BATCH {
            remote.push(black_box(&data)).expect("there is room");
        }
        for _ in 0..BATCH {
            assert!(matches!(receiver.try_next(), Ok(Some(MeterRequest::Push { .. }))));
        }
    });
}

/// A call of 64 bytes over the in-memory backend, answered, both sides on this thread.
#[divan::bench]
fn codec_call(bencher: Bencher<'_, '_>) {
    let (near, far) = MemoryBackend::new().create_pipe();
    let (remote, mut receiver) = (Remote::<Meter>::bind(near), Receiver::<Meter>::bind(far));
    let data = [7; 64];
    bencher.bench_local(|| {
        let reply = remote.echo(black_box(&data));
        match receiver.try_next() {
            Ok(Some(MeterRequest::Echo { data, reply })) => reply.send(data),
            other => panic!("{other:?} instead of a call"),
        }
        assert_eq!(reply.wait().expect("it was answered").len(), data.len());
    });
}

/// The task loop: a thousand tasks posted and run.
#[divan::bench]
fn task_loop(bencher: Bencher<'_, '_>) {
    const TASKS: usize = 1000;
    let adapter = mage_adapter_threads::Adapter::new().expect("there are threads");
    let task_loop = mage_adapter_threads::TaskLoop::new(&adapter, "bench");
    let (runner, quit) = (task_loop.task_runner(), task_loop.quit_handle());
    bencher.counter(ItemsCount::new(TASKS)).bench_local(|| {
        for number in 0..TASKS {
            runner.post(move || {
                black_box(number);
            });
        }
        let quit = quit.clone();
        runner.post(move || quit.quit());
        task_loop.run().expect("this thread may wait");
    });
}
