//! Many receivers served as one set: they take turns, each with its context, and whoever leaves is told.

use mage::call::CLOSED_PANICKED;
use mage::memory::MemoryBackend;
use mage::set::SetEvent;
use mage::{CallError, CloseReason, ReceiverSet};

use crate::generated::calculator::*;
use crate::implementations::Plain;
use crate::{pair_in, poll, run};

#[test]
fn a_set_serves_many_with_a_context_each_and_says_who_left() {
    let backend = MemoryBackend::new();
    let (first, a) = pair_in(&backend);
    let (second, b) = pair_in(&backend);
    let mut set = ReceiverSet::new();
    let a = set.insert(a, "a");
    let b = set.insert(b, "b");
    first.log("x").unwrap();
    second.log("y").unwrap();
    first.log("z").unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        match run(set.next()) {
            Some(SetEvent::Request { member, context, request: CalculatorRequest::Log { text } }) => {
                seen.push((member, *context, text));
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, [(a, "a", "x".into()), (b, "b", "y".into()), (a, "a", "z".into())], "they take turns");
    second.log("unread").unwrap();
    drop(first);
    let Some(SetEvent::Request { member, .. }) = run(set.next()) else { panic!() };
    assert_eq!(member, b);
    match set.next_blocking().unwrap() {
        Some(SetEvent::Closed { member, context, reason }) => {
            assert_eq!((member, context, reason), (a, "a", CloseReason::default()));
        }
        other => panic!("{other:?}"),
    }
    assert!(set.remove(a).is_none());
    let (mut receiver, context) = set.remove(b).unwrap();
    assert_eq!(context, "b");
    second.log("still served").unwrap();
    assert!(receiver.try_next().unwrap().is_some());
    assert!(run(set.next()).is_none());
}

#[test]
fn a_place_in_a_set_that_is_used_again_is_another_member() {
    let backend = MemoryBackend::new();
    let mut set = ReceiverSet::<Calculator, _>::new();
    let (_first, receiver) = pair_in(&backend);
    let first = set.insert(receiver, 1);
    set.remove(first).unwrap();
    let (_second, receiver) = pair_in(&backend);
    let second = set.insert(receiver, 2);
    assert_ne!(first, second);
    assert_eq!(set.context_mut(first), None);
    assert_eq!(set.context_mut(second), Some(&mut 2));
}

#[test]
fn one_that_panics_leaves_the_set_and_the_others_are_served_on() {
    let backend = MemoryBackend::new();
    let (first, a) = pair_in(&backend);
    let (second, b) = pair_in(&backend);
    let mut set = ReceiverSet::new();
    set.insert(a, Plain::default());
    set.insert(b, Plain::default());
    first.log("panic").unwrap();
    let reply = second.add(1, 2);
    let failed = first.add(1, 1);
    let mut serve = Box::pin(set.serve());
    assert!(poll(&mut serve).is_pending());
    assert_eq!(run(reply), Ok(3));
    let Err(CallError::Closed(reason)) = run(failed) else { panic!() };
    assert_eq!(reason.code(), Some(CLOSED_PANICKED));
    drop(second);
    assert!(poll(&mut serve).is_ready());
}
