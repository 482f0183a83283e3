//! Every type there and back, and what a hostile writer could send.

use super::*;
use crate::memory::MemoryBackend;
use crate::pipe::{Message, Payload};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

fn message<T: Parameter>(value: T) -> Message {
    let mut to = Encoder::new();
    value.encode(&mut to);
    to.finish().unwrap()
}

fn read<T: Parameter>(bytes: &[u8]) -> Result<T, BadValue> {
    Decoder::read_message(bytes.into(), 0, T::decode).map_err(|fault| fault.value())
}

#[track_caller]
fn passes<T: Data + Clone + PartialEq + Debug>(value: T, bytes: &[u8]) {
    let written = message(value.clone()).payload;
    assert_eq!(&*written, bytes);
    let mut borrowed = Encoder::new();
    value.encode_ref(&mut borrowed);
    assert_eq!(borrowed.finish().unwrap().payload, written);
    assert_eq!(read::<T>(bytes).as_ref(), Ok(&value));
    for short in 0..bytes.len() {
        assert!(matches!(read::<T>(&bytes[..short]), Err(BadValue::Short { .. })), "{short} of {} bytes", bytes.len());
    }
    assert!(T::MIN_SIZE <= bytes.len());
}

#[test]
fn every_type_passes_with_the_bytes_that_are_documented() {
    passes(true, &[1]);
    passes(-2i8, &[0xFE]);
    passes(0x0102i16, &[2, 1]);
    passes(0x0102_0304u32, &[4, 3, 2, 1]);
    passes(-1i64, &[0xFF; 8]);
    passes(1.5f32, &1.5f32.to_le_bytes());
    passes(-0.25f64, &(-0.25f64).to_le_bytes());
    passes(b'x', b"x");
    passes(String::from("hé"), &[3, 0, 0, 0, b'h', 0xC3, 0xA9]);
    passes(Bytes::from_static(&[0xFF]), &[1, 0, 0, 0, 0xFF]);
    passes(Some(7u8), &[1, 7]);
    passes(None::<u8>, &[0]);
    passes(Some(Box::new(7u16)), &[1, 7, 0]);
    passes(vec![1u16, 2], &[2, 0, 0, 0, 1, 0, 2, 0]);
    passes(vec![true, false], &[2, 0, 0, 0, 1, 0]);
    passes(vec![String::from("a")], &[1, 0, 0, 0, 1, 0, 0, 0, b'a']);
    passes([3u8, 4], &[3, 4]);
    passes([1u16, 2], &[1, 0, 2, 0]);
    passes(BTreeMap::from([(1u8, true), (2, false)]), &[2, 0, 0, 0, 1, 1, 2, 0]);
}

#[test]
fn long_arrays_of_numbers_pass_by_the_block() {
    for count in [0, 63, 64, 65, 1000] {
        let numbers: Vec<u64> = (0..count).map(|n| n * 0x0101_0101_0101).collect();
        assert_eq!(read::<Vec<u64>>(&message(numbers.clone()).payload), Ok(numbers));
    }
}

#[test]
fn the_values_of_an_answer_stand_one_after_the_other() {
    assert_eq!(&*message((1u8, 2u16)).payload, [1, 2, 0]);
    assert_eq!(read::<(u8, u16)>(&[1, 2, 0]), Ok((1, 2)));
    assert_eq!(read::<()>(&[]), Ok(()));
}

#[test]
fn a_length_is_not_believed_before_the_bytes_are_there() {
    let lying = [0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3];
    assert!(matches!(read::<String>(&lying), Err(BadValue::Short { .. })));
    assert!(matches!(read::<Bytes>(&lying), Err(BadValue::Short { .. })));
    assert!(matches!(read::<Vec<u64>>(&lying), Err(BadValue::Short { .. })));
    assert!(matches!(read::<Vec<String>>(&lying), Err(BadValue::Short { .. })));
    assert!(matches!(read::<BTreeMap<u8, u8>>(&lying), Err(BadValue::Short { .. })));
}

#[test]
fn wrong_values_are_named() {
    assert_eq!(read::<bool>(&[2]), Err(BadValue::NotBool { found: 2 }));
    assert_eq!(read::<Option<u8>>(&[9, 1]), Err(BadValue::NotBool { found: 9 }));
    assert_eq!(read::<String>(&[2, 0, 0, 0, b'a', 0xFF]), Err(BadValue::NotUtf8 { at: 1 }));
    assert_eq!(read::<BTreeMap<u8, u8>>(&[2, 0, 0, 0, 1, 1, 1, 2]), Err(BadValue::DuplicateKey));
    let five = [5, 0, 0, 0, b'f', b'i', b'v', b'e', b's'];
    let bounded = Decoder::read_message(five[..].into(), 0, |from| from.string_within(4));
    assert_eq!(bounded.unwrap_err().value(), BadValue::TooLong { len: 5, max: 4 });
    let bounded = Decoder::read_message(five[..].into(), 0, |from| from.bytes_within(5));
    assert_eq!(bounded.unwrap(), "fives");
}

#[test]
fn a_fault_names_the_way_to_it() {
    let outer = |from: &mut Decoder<'_>| {
        from.field_with("request", |from| from.sized(|from| Ok((from.field::<u8>("id")?, from.field::<bool>("fast")?))))
    };
    let fault = Decoder::read_message([2u8, 0, 0, 0, 1, 7][..].into(), 0, outer).unwrap_err();
    assert_eq!((fault.path().as_str(), fault.value()), ("request.fast", BadValue::NotBool { found: 7 }));
}

#[test]
fn a_sized_part_hides_what_lies_behind_it_and_skips_its_own_rest() {
    let bytes = [2, 0, 0, 0, 1, 99, 5];
    let read = Decoder::read_message(bytes[..].into(), 0, |from| {
        let inner = from.sized(|from| from.field::<u8>("known"))?;
        Ok((inner, from.field::<u8>("next")?, from.at_end()))
    });
    assert_eq!(read.unwrap(), (1, 5, true));
    let greedy = Decoder::read_message(bytes[..].into(), 0, |from| from.sized(|from| from.field::<u32>("wide")));
    assert_eq!(greedy.unwrap_err().value(), BadValue::Short { missing: 2 });
}

#[test]
fn structs_that_lie_too_deep_are_refused() {
    fn descend(from: &mut Decoder<'_>) -> Result<u32, Fault> {
        if from.at_end() { Ok(0) } else { from.sized(descend).map(|depth| depth + 1) }
    }
    let nested = |depth: u32| -> Vec<u8> { (0..depth).rev().flat_map(|inner| (inner * 4).to_le_bytes()).collect() };
    let reach = |depth| Decoder::read_message(nested(depth)[..].into(), 0, descend).map_err(|fault| fault.value());
    assert_eq!(reach(64), Ok(64));
    assert_eq!(reach(65), Err(BadValue::TooDeep));
}

#[test]
fn structs_that_would_take_too_much_of_the_stack_are_refused_before_they_do() {
    fn descend(from: &mut Decoder<'_>) -> Result<usize, Fault> {
        let large = std::hint::black_box([0_u8; 100_000]);
        let inner = if from.at_end() { 0 } else { from.sized(descend)? };
        Ok(inner + large.len() / 100_000)
    }
    let nested = |depth: u32| -> Vec<u8> { (0..depth).rev().flat_map(|inner| (inner * 4).to_le_bytes()).collect() };
    let reach = move |depth| Decoder::read_message(nested(depth)[..].into(), 0, descend).map_err(|fault| fault.value());
    let threads = std::thread::Builder::new().stack_size(2 << 20);
    let reached = threads.spawn(move || (reach(1), reach(64))).unwrap().join().unwrap();
    assert_eq!(reached, (Ok(2), Err(BadValue::TooDeep)));
}

#[test]
fn many_bytes_are_a_slice_of_the_message_and_few_are_not() {
    let large = Bytes::from(vec![7u8; 1 << 20]);
    let mut message = Message::from(Payload::from({
        let mut whole = vec![0, 0, 16, 0];
        whole.extend_from_slice(&large);
        whole.extend_from_slice(&[3, 0, 0, 0, 1, 2, 3]);
        whole
    }));
    let all = message.payload.as_ptr_range();
    let mut from = Decoder::new(&mut message, 0);
    let (many, few) = (from.bytes().unwrap(), from.bytes().unwrap());
    assert!(all.contains(&many.as_ptr()) && !all.contains(&few.as_ptr()));
    assert_eq!((many, &few[..]), (large, &[1u8, 2, 3][..]));
}

#[test]
fn bytes_inside_a_sized_part_are_the_right_slice() {
    let mut to = Encoder::new();
    to.sized(|to| to.bytes(&[1; 600]));
    to.bytes(&[2; 600]);
    let read = Decoder::read_message(to.finish().unwrap(), 0, |from| Ok((from.sized(Decoder::bytes)?, from.bytes()?)));
    let (inner, outer) = read.unwrap();
    assert_eq!((&inner[..], &outer[..]), (&[1u8; 600][..], &[2u8; 600][..]));
}

#[test]
fn pipes_are_found_by_their_place_and_those_passed_over_are_closed() {
    let backend = MemoryBackend::new();
    let (near, mut far): (Vec<_>, Vec<_>) = (0..3).map(|_| backend.create_pipe()).unzip();
    let mut to = Encoder::new();
    near.into_iter().for_each(|pipe| to.pipe(pipe));
    let message = to.finish().unwrap();
    let last = Decoder::read_message(message, 8, |from| from.pipe()).unwrap();
    last.send(&b"found"[..]).unwrap();
    assert_eq!(&*far[2].try_receive().unwrap().unwrap().payload, b"found");
    assert!(far.drain(..2).all(|pipe| pipe.try_receive().is_err()));
}

#[test]
fn a_pipe_is_taken_once_and_never_backwards() {
    let backend = MemoryBackend::new();
    let take = |places: [u32; 2]| {
        let payload: Vec<u8> = places.into_iter().flat_map(u32::to_le_bytes).collect();
        let pipes = (0..2).map(|_| backend.create_pipe().0).collect();
        let message = Message { payload: payload.into(), pipes, handles: Vec::new() };
        Decoder::read_message(message, 0, |from| Ok((from.pipe()?, from.pipe()?))).map_err(|fault| fault.value())
    };
    assert!(take([0, 1]).is_ok());
    assert_eq!(take([0, 0]).unwrap_err(), BadValue::NoPipe { place: 0 });
    assert_eq!(take([1, 0]).unwrap_err(), BadValue::NoPipe { place: 0 });
    assert_eq!(take([0, 2]).unwrap_err(), BadValue::NoPipe { place: 2 });
    assert_eq!(take([0, u32::MAX]).unwrap_err(), BadValue::NoPipe { place: u32::MAX });
}

#[test]
fn a_handle_must_be_of_its_kind() {
    let (socket, _other) = UnixStream::pair().unwrap();
    let passed = message(OwnedFd::from(socket));
    assert!(Decoder::read_message(passed, 0, UnixStream::decode).is_ok());
    let (reader, _writer) = std::io::pipe().unwrap();
    let passed = message(OwnedFd::from(reader));
    let fault = Decoder::read_message(passed, 0, UnixStream::decode).unwrap_err();
    assert_eq!(fault.value(), BadValue::WrongHandle { wanted: "stream socket" });
}
