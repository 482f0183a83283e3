//! Whatever is queued, and however it is polled: each port is told everything in order, nothing for a moved port comes
//! before its carrier, and nobody waits for the whole of a long message.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::{Outbox, Transmit};
use crate::control::Control;
use crate::credit::Credit;
use crate::event::{Descriptor, EventKind};
use crate::frame::{Body, DataMarks, Head, split_frames, write_control, write_event};
use crate::limits::{Limits, MIN_MAX_FRAME, Window};
use crate::name::PortName;

const FRAME: usize = MIN_MAX_FRAME as usize;

/// What is queued: for which of a few ports, or polled.
#[derive(Debug, Clone)]
enum Step {
    /// A message of so many bytes, which may bring a new port and a handle.
    Message {
        dest: u8,
        size: usize,
        port: bool,
        handle: bool,
    },
    Event {
        dest: u8,
    },
    Control,
    Poll,
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![4 => 0..100_usize, 2 => 8000..9000_usize, 2 => FRAME..5 * FRAME, 1 => Just(40 * FRAME)];
    let message = (0..6_u8, size, any::<bool>(), prop::bool::weighted(0.2));
    prop_oneof![
        6 => message.prop_map(|(dest, size, port, handle)| Step::Message { dest, size, port, handle }),
        2 => (0..6_u8).prop_map(|dest| Step::Event { dest }),
        1 => Just(Step::Control),
        6 => Just(Step::Poll),
    ]
}

/// What one port is told: its messages by number, and each event as `None`.
type Told = BTreeMap<PortName, Vec<Option<u32>>>;

/// The queue, what went into it, and what came out.
struct Run {
    outbox: Outbox<u32>,
    /// Ports that messages may be for, those that move included.
    ports: Vec<PortName>,
    /// Ports whose carrier has left.
    exist: BTreeSet<PortName>,
    queued: Told,
    told: Told,
    /// The bytes of long messages that have come so far.
    halves: BTreeMap<PortName, (u32, usize)>,
    sizes: Vec<usize>,
    batch: Transmit<u32>,
}

fn name(bits: usize) -> PortName {
    PortName::new(bits as u128 + 1).expect("not zero")
}

impl Run {
    fn new() -> Self {
        let ports: Vec<_> = (0..3).map(name).collect();
        let exist = ports.iter().copied().collect();
        let (queued, told) = (Told::new(), Told::new());
        let (halves, sizes) = (BTreeMap::new(), Vec::new());
        Self { outbox: Outbox::new(), ports, exist, queued, told, halves, sizes, batch: Transmit::default() }
    }

    /// One of the ports that there are, the latest more often.
    fn port(&self, pick: u8) -> PortName {
        self.ports[self.ports.len() - 1 - usize::from(pick) % self.ports.len()]
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Message { dest, size, port, handle } => {
                let dest = self.port(dest);
                let number = self.sizes.len() as u32;
                self.sizes.push(size);
                self.queued.entry(dest).or_default().push(Some(number));
                let mut cargo = Vec::new();
                if port {
                    let new = name(self.ports.len());
                    self.ports.push(new);
                    let credit = Credit::new(Window { bytes: 1, messages: 1 });
                    cargo.push(Descriptor { name: new, writer: new, peer: None, credit });
                }
                let handles = if handle { vec![number] } else { Vec::new() };
                let marks = DataMarks {
                    dest,
                    from: name(0),
                    cost: number + 1,
                    more: false,
                    starved: false,
                    hops: 0,
                    handles: handles.len() as u16,
                };
                self.outbox.message(marks, cargo, Bytes::from(vec![0; size]).into(), handles, None);
            }
            Step::Event { dest } => {
                let dest = self.port(dest);
                self.queued.entry(dest).or_default().push(None);
                write_event::<()>(self.outbox.frames(128), dest, name(0), &EventKind::End);
            }
            Step::Control => write_control(self.outbox.frames(64), &Control::ReferNo { id: 1 }, 0),
            Step::Poll => self.poll(),
        }
    }

    fn poll(&mut self) {
        self.outbox.poll(MIN_MAX_FRAME, &mut self.batch);
        let frames: Vec<u8> = self.batch.slices().flatten().copied().collect();
        let mut handles = self.batch.advance(usize::MAX).into_iter();
        for frame in split_frames(&frames) {
            let limits = Limits { max_frame: MIN_MAX_FRAME, ..Limits::default() };
            let head = Head::read(frame, &limits).expect("a sound head").expect("a whole head");
            let came: Vec<u32> = handles.by_ref().take(usize::from(head.handles)).collect();
            assert_eq!(came.len(), usize::from(head.handles), "handles come with their frame");
            match head.body(frame, &limits).expect("a sound frame") {
                Body::Data { dest, head, .. } => {
                    assert!(self.exist.contains(&dest), "a port is told something before it exists");
                    self.exist.extend(head.cargo.iter().map(|moved| moved.name));
                    self.data(dest, head.cost, head.more, frame.len() - head.payload_at, &came);
                }
                Body::Event { dest, .. } => {
                    assert!(self.exist.contains(&dest), "a port is told something before it exists");
                    assert!(!self.halves.contains_key(&dest), "an event comes inside a message");
                    self.told.entry(dest).or_default().push(None);
                }
                Body::Control(_) | Body::Unknown => {}
            }
        }
        assert!(handles.next().is_none(), "no handle is left over");
    }

    fn data(&mut self, dest: PortName, cost: u32, more: bool, size: usize, handles: &[u32]) {
        let (number, before) = match self.halves.remove(&dest) {
            Some(half) => {
                assert_eq!(cost, 0, "a message begins inside another");
                half
            }
            None => (cost.checked_sub(1).expect("a fragment continues no message"), 0),
        };
        assert!(handles.iter().all(|&handle| handle == number), "a message has its own handles");
        if more {
            self.halves.insert(dest, (number, before + size));
        } else {
            assert_eq!(before + size, self.sizes[number as usize]);
            self.told.entry(dest).or_default().push(Some(number));
        }
    }

    fn finish(mut self) {
        while !self.outbox.is_empty() {
            self.poll();
        }
        self.poll();
        assert_eq!(self.told, self.queued);
        assert!(self.outbox.turns.is_empty() && self.outbox.asleep);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 400 }))]

    #[test]
    fn each_port_is_told_everything_in_order_and_exists_before(steps in prop::collection::vec(step(), 0..60)) {
        let mut run = Run::new();
        steps.iter().for_each(|step| run.step(step));
        run.finish();
    }

    #[test]
    fn no_handle_is_lost_with_what_waits(steps in prop::collection::vec(step(), 0..60)) {
        let mut run = Run::new();
        steps.iter().filter(|step| !matches!(step, Step::Poll)).for_each(|step| run.step(step));
        let queued = steps.iter().filter(|step| matches!(step, Step::Message { handle: true, .. })).count();
        run.outbox.poll(MIN_MAX_FRAME, &mut run.batch);
        let sent = run.batch.abandon().len();
        prop_assert_eq!(sent + run.outbox.into_handles().len(), queued);
    }
}

fn long(outbox: &mut Outbox<u32>, dest: usize, frames: usize) {
    let marks =
        DataMarks { dest: name(dest), from: name(0), cost: 1, more: false, starved: false, hops: 0, handles: 0 };
    outbox.message(marks, Vec::new(), Bytes::from(vec![0; frames * (FRAME - 48)]).into(), Vec::new(), None);
}

/// The ports that the next `count` frames are for.
fn next(outbox: &mut Outbox<u32>, count: usize) -> Vec<u128> {
    let (mut order, mut batch) = (Vec::new(), Transmit::default());
    while order.len() < count && !outbox.is_empty() {
        outbox.poll(MIN_MAX_FRAME, &mut batch);
        let frames: Vec<u8> = batch.slices().flatten().copied().collect();
        drop(batch.advance(usize::MAX));
        order.extend(split_frames(&frames).map(|frame| u128::from(frame[8])));
    }
    order
}

#[test]
fn a_short_message_waits_for_one_frame_of_a_long_one() {
    let mut outbox = Outbox::new();
    long(&mut outbox, 1, 100);
    assert_eq!(next(&mut outbox, 1), [2, 2]);
    write_event::<()>(outbox.frames(64), name(7), name(0), &EventKind::End);
    assert_eq!(next(&mut outbox, 1)[0], 8);
}

#[test]
fn long_messages_take_turns_and_the_longest_go_one_after_another() {
    let mut outbox = Outbox::new();
    for dest in 1..4 {
        long(&mut outbox, dest, 3);
    }
    assert_eq!(next(&mut outbox, 9), [2, 3, 4, 2, 3, 4, 2, 3, 4]);
    for dest in 1..3 {
        long(&mut outbox, dest, 40);
    }
    long(&mut outbox, 3, 2);
    let order = next(&mut outbox, 82);
    assert_eq!(order[..5], [2, 4, 2, 4, 2]);
    assert!(order[5..41].iter().all(|&dest| dest == 2) && order[42..].iter().all(|&dest| dest == 3));
}

#[test]
fn only_so_many_messages_are_half_sent() {
    let mut outbox = Outbox::new();
    for dest in 1..41 {
        long(&mut outbox, dest, 3);
    }
    let order = next(&mut outbox, 120);
    let mut begun = BTreeMap::new();
    for dest in order {
        let frames = begun.entry(dest).or_insert(0);
        *frames += 1;
        if *frames == 3 {
            begun.remove(&dest);
        }
        assert!(begun.len() <= super::turns::SHORT_AT_ONCE, "{} messages are half sent", begun.len());
    }
}

#[test]
fn nothing_for_a_port_comes_behind_a_bye() {
    let mut outbox = Outbox::new();
    long(&mut outbox, 1, 4);
    assert_eq!(next(&mut outbox, 1), [2, 2]);
    write_control(outbox.frames(64), &Control::Bye, 0);
    let mut batch: Box<Transmit<u32>> = Box::default();
    let mut lengths = Vec::new();
    while !outbox.is_empty() {
        outbox.poll(MIN_MAX_FRAME, &mut batch);
        let frames: Vec<u8> = batch.slices().flatten().copied().collect();
        drop(batch.advance(usize::MAX));
        lengths.extend(split_frames(&frames).map(<[u8]>::len));
    }
    assert_eq!(lengths, [FRAME, FRAME, 8]);
}
