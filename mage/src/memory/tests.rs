//! The promises of a backend, held against the one in memory.

use super::*;
use std::future::poll_fn;
use std::time::Duration;

fn text(message: &Message) -> &str {
    std::str::from_utf8(&message.payload).unwrap()
}

fn take(pipe: &MessagePipe) -> String {
    text(&pipe.try_receive().unwrap().unwrap()).to_owned()
}

#[test]
fn messages_arrive_once_and_in_order() {
    let (a, b) = MemoryBackend::new().create_pipe();
    for word in ["one", "two", "three"] {
        a.send(word.as_bytes()).unwrap();
    }
    assert_eq!([take(&b), take(&b), take(&b)], ["one", "two", "three"]);
    assert!(b.try_receive().unwrap().is_none());
}

#[test]
fn a_close_is_seen_after_what_was_sent_before_it() {
    let (a, b) = MemoryBackend::new().create_pipe();
    a.send(&b"last"[..]).unwrap();
    a.close(7, "enough");
    assert_eq!(take(&b), "last");
    assert_eq!(b.try_receive().unwrap_err(), CloseReason::closed(7, "enough"));
    assert_eq!(b.send(&b"late"[..]).unwrap_err().0, SendErrorKind::Closed(CloseReason::closed(7, "enough")));
}

#[test]
fn a_full_pipe_gives_the_message_back_and_wakes_the_writer_when_there_is_room() {
    let backend = MemoryBackend::with_window(1);
    let (a, b) = backend.create_pipe();
    a.send(&b"first"[..]).unwrap();
    let (kind, message) = a.send(&b"second"[..]).unwrap_err();
    assert_eq!((kind, text(&message)), (SendErrorKind::Full, "second"));
    let reader = std::thread::spawn(move || {
        assert_eq!(take(&b), "first");
        b.receive_blocking().unwrap().unwrap()
    });
    let mut wait = std::pin::pin!(async { poll_fn(|cx| a.poll_writable(cx)).await.unwrap() });
    backend.block_on(wait.as_mut()).unwrap();
    a.send(message).unwrap();
    assert_eq!(text(&reader.join().unwrap()), "second");
}

#[test]
fn an_end_travels_with_what_waits_at_it() {
    let backend = MemoryBackend::new();
    let (a, b) = backend.create_pipe();
    let (c, d) = backend.create_pipe();
    c.send(&b"early"[..]).unwrap();
    a.send(Message { pipes: vec![d], ..Message::default() }).unwrap();
    let moved = b.try_receive().unwrap().unwrap().pipes.remove(0);
    c.send(&b"late"[..]).unwrap();
    assert_eq!([take(&moved), take(&moved)], ["early", "late"]);
}

#[test]
fn an_end_cannot_travel_over_its_own_pipe_nor_to_another_backend() {
    let (a, b) = MemoryBackend::new().create_pipe();
    let (_, refused) = a.send(Message { pipes: vec![b], ..Message::default() }).unwrap_err();
    assert_eq!(refused.pipes.len(), 1);
    let (c, _d) = MemoryBackend::new().create_pipe();
    assert_eq!(c.send(Message { pipes: vec![a], ..Message::default() }).unwrap_err().0, SendErrorKind::Foreign);
}

#[test]
fn merged_pipes_deliver_what_was_under_way_first() {
    let backend = MemoryBackend::new();
    let (a, b) = backend.create_pipe();
    let (c, d) = backend.create_pipe();
    a.send(&b"old"[..]).unwrap();
    d.send(&b"back"[..]).unwrap();
    b.merge(c).unwrap();
    a.send(&b"new"[..]).unwrap();
    assert_eq!([take(&d), take(&d), take(&a)], ["old", "new", "back"]);
    drop(a);
    assert!(d.try_receive().is_err());
}

#[test]
fn merging_with_a_closed_pipe_delivers_the_rest_and_then_the_reason() {
    let backend = MemoryBackend::new();
    let (a, b) = backend.create_pipe();
    let (c, d) = backend.create_pipe();
    a.send(&b"rest"[..]).unwrap();
    a.close(3, "done");
    b.merge(c).unwrap();
    assert_eq!(take(&d), "rest");
    assert_eq!(d.try_receive().unwrap_err().code(), Some(3));
}

#[test]
fn a_key_is_never_handed_out_twice() {
    let backend = MemoryBackend::new();
    let (first, _) = backend.create_pipe();
    let stale = first.end();
    drop(first);
    let (second, far) = backend.create_pipe();
    assert_ne!(second.end(), stale);
    backend.close(stale, 0, "");
    assert!(backend.send(stale, &mut Message::default()).is_err());
    second.send(&b"alive"[..]).unwrap();
    assert_eq!(take(&far), "alive");
}

#[test]
fn dropping_unread_messages_closes_the_ends_in_them() {
    let backend = MemoryBackend::new();
    let (a, b) = backend.create_pipe();
    let (c, d) = backend.create_pipe();
    a.send(Message { pipes: vec![d], ..Message::default() }).unwrap();
    drop(b);
    assert!(c.try_receive().is_err());
}

#[test]
fn a_sleep_ends_not_before_its_deadline() {
    let backend = MemoryBackend::new();
    let deadline = Instant::now() + Duration::from_millis(5);
    let mut sleep = backend.sleep_until(deadline);
    drop(backend.sleep_until(deadline + Duration::from_secs(3600)));
    backend.block_on(sleep.as_mut()).unwrap();
    assert!(Instant::now() >= deadline);
}
