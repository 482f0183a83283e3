//! Both ends of a ring together: what goes in comes out, nobody waits for ever, and a hostile side is found out.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use bytes::BytesMut;

use super::memory::CAPACITY;
use super::{Astray, RingReader, RingWriter, create, open};

fn ring() -> (RingWriter, RingReader) {
    let (writer, handle) = create().unwrap();
    (writer, open(handle).unwrap())
}

#[test]
fn what_is_written_in_pieces_is_read_in_other_pieces() {
    let (mut writer, mut reader) = ring();
    let data: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (mut written, mut received, mut full) = (0, Vec::new(), 0);
    while received.len() < data.len() {
        let rest = &data[written..];
        let (one, two) = rest.split_at(rest.len().min(70_001));
        let count = writer.write([one, &[][..], two].into_iter()).unwrap();
        written += count;
        full += u32::from(writer.room().unwrap() == 0);
        let mut piece = BytesMut::with_capacity(100_003);
        reader.read(&mut piece, 99_991).unwrap();
        assert!(piece.len() <= 99_991);
        received.extend_from_slice(&piece);
    }
    assert!(full > 0, "the ring never filled");
    assert!(received == data, "the bytes differ");
}

#[test]
fn a_full_ring_takes_nothing_and_an_empty_one_gives_nothing() {
    let (mut writer, mut reader) = ring();
    let much = vec![7; CAPACITY as usize + 1];
    assert_eq!(writer.write([&much[..]].into_iter()), Ok(CAPACITY as usize));
    assert_eq!(writer.write([&much[..]].into_iter()), Ok(0));
    let mut into = BytesMut::with_capacity(much.len());
    assert_eq!(reader.read(&mut into, usize::MAX), Ok(CAPACITY as usize));
    assert_eq!(reader.read(&mut into, usize::MAX), Ok(0));
    assert_eq!(writer.room(), Ok(CAPACITY));
}

#[test]
fn small_messages_use_the_same_few_bytes_for_ever() {
    let (mut writer, mut reader) = ring();
    for round in 0..10_000_u32 {
        let message = [round as u8; 100];
        writer.write([&message[..]].into_iter()).unwrap();
        let mut into = BytesMut::with_capacity(100);
        reader.read(&mut into, 100).unwrap();
        assert_eq!(into, &message[..]);
    }
    let mut behind = BytesMut::with_capacity(4096);
    writer.memory().take(100, 4096, &mut behind);
    assert!(behind.iter().all(|&byte| byte == 0), "more of the ring was used than one message needs");
}

#[test]
fn a_position_is_read_when_all_before_it_is() {
    let (mut writer, mut reader) = ring();
    writer.write([&[1; 10][..]].into_iter()).unwrap();
    let mark = writer.position();
    writer.write([&[2; 10][..]].into_iter()).unwrap();
    let mut into = BytesMut::with_capacity(100);
    for (most, read) in [(9, false), (1, true), (10, true)] {
        reader.read(&mut into, most).unwrap();
        assert_eq!(writer.was_read(mark), Ok(read), "after {} bytes", into.len());
    }
}

#[test]
fn a_side_that_says_it_is_where_it_cannot_be_is_found_out() {
    let (mut writer, mut reader) = ring();
    writer.write([&[1; 10][..]].into_iter()).unwrap();
    for nonsense in [11, CAPACITY, 10_u32.wrapping_sub(CAPACITY + 1)] {
        writer.memory().reader().position.store(nonsense, Ordering::Relaxed);
        assert_eq!(writer.room(), Err(Astray), "{nonsense} of 10 read");
        assert_eq!(writer.write([&[1][..]].into_iter()), Err(Astray));
    }
    reader.read(&mut BytesMut::with_capacity(64), 10).unwrap();
    for nonsense in [9, 10 + CAPACITY + 1, u32::MAX] {
        writer.memory().writer().position.store(nonsense, Ordering::Relaxed);
        assert_eq!(reader.unread(), Err(Astray), "{nonsense} written, 10 read");
        assert_eq!(reader.read(&mut BytesMut::with_capacity(64), 1), Err(Astray));
    }
}

/// One side of the exhaustive test: a loop of moving on and, when that is not possible, waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Write or read.
    Move,
    /// Wake the other side, if it waits.
    Wake,
    /// Say that this side waits.
    Wait,
    /// Look once more.
    Look,
    /// Wait for the bell.
    Asleep,
    Done,
}

/// How many bytes the schedules carry, each as large as the ring: so that the writer has to wait too.
const LOADS: u32 = 3;

struct Schedule {
    writer: RingWriter,
    reader: RingReader,
    steps: [Step; 2],
    rung: [bool; 2],
    written: usize,
    read: usize,
}

impl Schedule {
    fn new() -> Self {
        let (writer, reader) = ring();
        Self { writer, reader, steps: [Step::Move; 2], rung: [false; 2], written: 0, read: 0 }
    }

    fn total() -> usize {
        (LOADS * CAPACITY) as usize
    }

    fn step(&mut self, side: usize) {
        let next = if side == 0 { self.step_writer() } else { self.step_reader() };
        self.steps[side] = next;
        self.answer_bells();
    }

    /// A ring is heard also by a side that goes to sleep only later.
    fn answer_bells(&mut self) {
        for (step, rung) in self.steps.iter_mut().zip(&mut self.rung) {
            if *step == Step::Asleep && std::mem::take(rung) {
                *step = Step::Move;
            }
        }
    }

    fn step_writer(&mut self) -> Step {
        match self.steps[0] {
            Step::Move if self.written == Self::total() => Step::Done,
            Step::Move => {
                let load = vec![1; (Self::total() - self.written).min(CAPACITY as usize)];
                let count = self.writer.write([&load[..]].into_iter()).unwrap();
                self.written += count;
                if count == 0 { Step::Wait } else { Step::Wake }
            }
            Step::Wake => {
                self.rung[1] |= self.writer.wakes();
                Step::Move
            }
            Step::Wait => {
                self.writer.wait();
                Step::Look
            }
            Step::Look if self.writer.room().unwrap() == 0 => Step::Asleep,
            Step::Look => {
                self.writer.wait_no_more();
                Step::Move
            }
            same @ (Step::Asleep | Step::Done) => same,
        }
    }

    fn step_reader(&mut self) -> Step {
        match self.steps[1] {
            Step::Move if self.read == Self::total() => Step::Done,
            Step::Move => {
                let count = self.reader.read(&mut BytesMut::with_capacity(CAPACITY as usize), usize::MAX).unwrap();
                self.read += count;
                if count == 0 { Step::Wait } else { Step::Wake }
            }
            Step::Wake => {
                self.rung[0] |= self.reader.wakes().unwrap();
                Step::Move
            }
            Step::Wait => {
                self.reader.wait();
                Step::Look
            }
            Step::Look if self.reader.unread().unwrap() == 0 => Step::Asleep,
            Step::Look => {
                self.reader.wait_no_more();
                Step::Move
            }
            same @ (Step::Asleep | Step::Done) => same,
        }
    }

    /// The sides that can go on.
    fn able(&self) -> Vec<usize> {
        (0..2).filter(|&side| !matches!(self.steps[side], Step::Asleep | Step::Done)).collect()
    }
}

#[test]
fn in_no_interleaving_does_a_side_sleep_while_it_could_go_on() {
    // Each schedule is played from the beginning; where both sides can go on, the one that its choices say does. Whether
    // a side waits is not a choice, so what is left to choose from is small.
    let mut open_choices = VecDeque::from([Vec::new()]);
    let mut schedules = 0;
    while let Some(choices) = open_choices.pop_back() {
        let mut schedule = Schedule::new();
        let mut made = Vec::new();
        loop {
            let able = schedule.able();
            let side = match able[..] {
                [] => break,
                [only] => only,
                [first, second, ..] => {
                    let place = made.len();
                    let side = choices.get(place).copied().unwrap_or(first);
                    if place >= choices.len() && place < DEPTH {
                        let mut other = made.clone();
                        other.push(second);
                        open_choices.push_back(other);
                    }
                    made.push(side);
                    side
                }
            };
            schedule.step(side);
        }
        assert_eq!(schedule.steps, [Step::Done; 2], "asleep for ever after {made:?}");
        schedules += 1;
    }
    assert!(schedules > 500, "{schedules} schedules are too few to have tried everything");
}

/// So many steps are chosen freely, from then on the writer goes first.
const DEPTH: usize = 10;
