//! What a far side could send that no honest one does, and what honest ones of another version do.

use std::sync::{Arc, Mutex};

use mage::call::CLOSED_BAD_MESSAGE;
use mage::memory::MemoryBackend;
use mage::parameter::BadValue;
use mage::{BadMessage, CallError, CloseReason, Interface, MessagePipe, Receiver, Remote};

use crate::generated::calculator::*;
use crate::{poll, run};

const LOG: u32 = 0xe49a_bb25;
const ADD: u32 = 0x29ba_a940;

/// A receiver and the bare end that calls it.
fn served() -> (MessagePipe, Receiver<Calculator>) {
    let (near, far) = MemoryBackend::new().create_pipe();
    (near, Receiver::bind(far))
}

fn one_way(method: u32, params: &[u8]) -> Vec<u8> {
    [&[0], &method.to_le_bytes()[..], params].concat()
}

fn with_call(kind: u8, method: u32, call: u64, params: &[u8]) -> Vec<u8> {
    [&[kind], &method.to_le_bytes()[..], &call.to_le_bytes(), params].concat()
}

/// Sends `message` and returns what the application and the far side get to know.
#[track_caller]
fn refused(message: &[u8]) -> (BadMessage, String) {
    let (pipe, receiver) = served();
    let seen = Arc::new(Mutex::new(None));
    let seen_there = seen.clone();
    let mut receiver = receiver.on_bad_message(move |bad| *seen_there.lock().unwrap() = Some(bad.clone()));
    pipe.send(message).unwrap();
    pipe.send(&one_way(LOG, &[0, 0, 0, 0])[..]).unwrap();
    let reason = receiver.try_next().unwrap_err();
    let bad = seen.lock().unwrap().clone().unwrap();
    let CloseReason::Closed { code: CLOSED_BAD_MESSAGE, text } = &reason else { panic!("{reason:?}") };
    assert_eq!(pipe.try_receive().unwrap_err(), reason, "the far side is told the same");
    (bad, text.clone())
}

#[test]
fn a_message_that_does_not_fit_closes_the_pipe_and_names_method_and_parameter() {
    let (bad, text) = refused(&one_way(LOG, &[5, 0, 0, 0, b'a']));
    assert_eq!(text, "bad message: Calculator.Log, parameter text: 4 bytes are missing");
    assert_eq!((bad.method(), bad.parameter()), ("Calculator.Log", "text"));
    assert_eq!(bad.value(), BadValue::Short { missing: 4 });

    let (_, text) = refused(&one_way(LOG, &[1, 0, 0, 0, 0xFF]));
    assert_eq!(text, "bad message: Calculator.Log, parameter text: not UTF-8 from byte 0 on");

    let (_, text) = refused(&with_call(1, ADD, 7, &[1, 0, 0, 0, 2]));
    assert_eq!(text, "bad message: Calculator.Add, parameter b: 3 bytes are missing");

    let (_, text) = refused(&one_way(0xbfc1_d785, &[0, 0, 0, 0]));
    assert_eq!(text, "bad message: Calculator.Open, parameter calculator: the message has no pipe 0 left");

    let (_, text) = refused(&one_way(0x1234, &[]));
    assert_eq!(text, "bad message: Calculator: no method has the id 0x00001234");

    let (_, text) = refused(&one_way(ADD, &[0; 8]));
    assert!(text.starts_with("bad message: Calculator.Add: a one-way method was called"), "{text}");

    let (_, text) = refused(&with_call(2, ADD, 7, &[0; 4]));
    assert_eq!(text, "bad message: Calculator: a message of kind 2 does not belong here");

    let (_, text) = refused(&[77, 0, 0, 0, 0]);
    assert_eq!(text, "bad message: Calculator: a message of kind 77 does not belong here");

    let (bad, _) = refused(&[]);
    assert_eq!(bad.value(), BadValue::Short { missing: 1 });
}

#[test]
fn every_truncation_of_a_message_is_refused() {
    let whole = with_call(1, ADD, 7, &[0; 8]);
    for len in 0..whole.len() {
        let (bad, _) = refused(&whole[..len]);
        assert!(matches!(bad.value(), BadValue::Short { .. }), "{len} bytes");
    }
}

#[test]
fn a_remote_of_another_interface_is_refused_at_its_first_message() {
    let (near, far) = MemoryBackend::new().create_pipe();
    let remote = Remote::<crate::generated::mage_files::FirstInterface>::bind(near);
    let mut receiver = Receiver::<Calculator>::bind(far);
    remote.nothing().unwrap();
    let reason = receiver.try_next().unwrap_err();
    let CloseReason::Closed { text, .. } = reason else { panic!() };
    let found = crate::generated::mage_files::FirstInterface::ID;
    assert_eq!(text, format!("bad message: Calculator: the message is for the interface with the id {found:#018x}"));
}

#[test]
fn more_parameters_than_this_version_knows_are_skipped() {
    let (pipe, mut receiver) = served();
    pipe.send(&one_way(LOG, &[2, 0, 0, 0, b'h', b'i', 9, 9, 9])[..]).unwrap();
    let Some(CalculatorRequest::Log { text }) = receiver.try_next().unwrap() else { panic!() };
    assert_eq!(text, "hi");
}

#[test]
fn cancellations_grants_and_flushes_of_nothing_are_harmless() {
    let (pipe, mut receiver) = served();
    pipe.send(&with_call(4, ADD, 1, &[])[..]).unwrap();
    pipe.send(&with_call(10, ADD, 1, &[1, 0, 0, 0])[..]).unwrap();
    pipe.send(&with_call(5, 0, 99, &[])[..]).unwrap();
    assert!(receiver.try_next().unwrap().is_none());
    assert_eq!(&*pipe.try_receive().unwrap().unwrap().payload, with_call(6, 0, 99, &[]));
}

/// A remote and the bare end that answers it, after `Add` was called.
fn called() -> (Remote<Calculator>, mage::Reply<i32>, MessagePipe, u64) {
    let (near, far) = MemoryBackend::new().create_pipe();
    let remote = Remote::<Calculator>::bind(near);
    let reply = remote.add(1, 2);
    let asked = far.try_receive().unwrap().unwrap().payload;
    let call = u64::from_le_bytes(asked[5..13].try_into().unwrap());
    assert_eq!(asked[13..21], Calculator::ID.to_le_bytes(), "the first message says what it is for");
    (remote, reply, far, call)
}

#[test]
fn a_malformed_answer_fails_its_call_and_closes_the_pipe() {
    let (remote, reply, far, call) = called();
    far.send(&with_call(2, ADD, call, &[1, 2])[..]).unwrap();
    let other = remote.add(3, 4);
    let Err(CallError::BadAnswer(bad)) = run(reply) else { panic!() };
    assert_eq!(bad.to_string(), "Calculator.Add: 2 bytes are missing");
    let Err(CallError::Closed(reason)) = run(other) else { panic!() };
    assert_eq!(reason.code(), Some(CLOSED_BAD_MESSAGE));
    assert!(far.try_receive().unwrap().is_some());
    assert_eq!(far.try_receive().unwrap_err(), reason);
    assert!(remote.log("late").is_err());
}

#[test]
fn answers_to_calls_that_nobody_made_are_ignored() {
    let (_remote, mut reply, far, call) = called();
    for wrong in [call + 1, call ^ (1 << 32), u64::MAX] {
        far.send(&with_call(2, ADD, wrong, &[9, 0, 0, 0])[..]).unwrap();
    }
    assert!(poll(&mut reply).is_pending());
    far.send(&with_call(2, ADD, call, &[3, 0, 0, 0])[..]).unwrap();
    far.send(&with_call(2, ADD, call, &[4, 0, 0, 0])[..]).unwrap();
    assert_eq!(run(reply), Ok(3), "and a second answer too");
}

#[test]
fn a_call_at_the_calling_end_closes_the_pipe() {
    let (_remote, reply, far, _call) = called();
    far.send(&one_way(LOG, &[0; 4])[..]).unwrap();
    let Err(CallError::Closed(reason)) = run(reply) else { panic!() };
    assert_eq!(reason.code(), Some(CLOSED_BAD_MESSAGE));
    assert_eq!(far.try_receive().unwrap_err(), reason);
}

#[test]
fn a_stream_that_sends_unasked_closes_the_pipe() {
    let (near, far) = MemoryBackend::new().create_pipe();
    let remote = Remote::<Calculator>::bind(near);
    let mut numbers = remote.count(0);
    let asked = far.try_receive().unwrap().unwrap().payload;
    let call = u64::from_le_bytes(asked[5..13].try_into().unwrap());
    let mut sent = 0;
    while far.send(&with_call(8, 0xf1bb_eba0, call, &[1, 0, 0, 0])[..]).is_ok() {
        sent += 1;
        assert!(sent < 100, "nobody stops it");
    }
    let last = std::iter::from_fn(|| numbers.next_blocking()).last();
    let Some(Err(CallError::Closed(reason))) = last else { panic!("{last:?}") };
    assert_eq!(reason.code(), Some(CLOSED_BAD_MESSAGE));
}

#[test]
fn answers_wait_at_their_side_while_the_caller_does_not_read_and_no_further_request_is_taken() {
    let backend = MemoryBackend::with_window(8);
    let (near, far) = backend.create_pipe();
    let mut receiver = Receiver::<Calculator>::bind(far).max_in_flight(4);
    let mut call = 0;
    let mut send = || {
        call += 1;
        near.send(&with_call(1, ADD, call, &[0; 8])[..]).is_ok()
    };
    let mut answered = 0;
    while send() {
        while let Some(CalculatorRequest::Add { a, b, reply }) = receiver.try_next().unwrap() {
            reply.send(a + b);
            answered += 1;
        }
    }
    assert_eq!(answered, 8 + 4, "a full pipe, and as many waiting as may be in flight");
    let mut read = 0;
    while near.try_receive().unwrap().is_some() {
        read += 1;
        while let Some(CalculatorRequest::Add { a, b, reply }) = receiver.try_next().unwrap() {
            reply.send(a + b);
        }
    }
    assert_eq!(read, call - 1, "every call was answered");
}

#[test]
fn arbitrary_bytes_never_panic() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..20_000 {
        let (pipe, mut receiver) = served();
        let mut bytes: Vec<u8> = (0..next() % 40).map(|_| next() as u8).collect();
        // Most get past the head.
        if let Some(kind) = bytes.first_mut() {
            *kind %= 12;
        }
        if bytes.len() > 5 && !next().is_multiple_of(4) {
            bytes[1..5].copy_from_slice(&[LOG, ADD, 0x6ce2_55d4, 0xf1bb_eba0][next() as usize % 4].to_le_bytes());
        }
        pipe.send(&bytes[..]).unwrap();
        let _ = receiver.try_next();
    }
}
