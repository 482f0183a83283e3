//! Messages cross: in order, whole, with what they bring, as fast as they are read, until an end is closed.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use mage::pipe::{CloseReason, Message, SendErrorKind};
use mage_tests::children::Executor;

use crate::{closed, connected, ended, message, patterned, receive, send, writable};

pub(crate) fn a_message_crosses_and_is_answered(executor: Executor) {
    let running = executor.start();
    let (_a, _b, near, far) = connected(&running);
    for round in 0..200_u32 {
        near.send(&round.to_le_bytes()[..]).unwrap();
        let question = receive(&far);
        assert_eq!(*question.payload, round.to_le_bytes());
        far.send(question).unwrap();
        assert_eq!(*receive(&near).payload, round.to_le_bytes());
    }
}

pub(crate) fn messages_sent_before_the_other_side_exists_arrive_in_order(executor: Executor) {
    let running = executor.start();
    let a = running.node();
    let (to_a, to_b) = UnixStream::pair().unwrap();
    let near = a.invite(to_b).unwrap();
    for number in 0..500_u32 {
        near.send(&number.to_le_bytes()[..]).unwrap();
    }
    let b = running.node();
    let far = b.accept(to_a).wait().unwrap();
    for number in 0..500_u32 {
        assert_eq!(*receive(&far).payload, number.to_le_bytes());
    }
}

pub(crate) fn messages_of_every_size_arrive_whole(executor: Executor) {
    let running = executor.start();
    let (_a, _b, near, far) = connected(&running);
    for size in [0, 1, 100, 4096, 16 << 10, 64 << 10, (64 << 10) + 1, 256 << 10, 1 << 20, 64 << 20] {
        let payload = patterned(size);
        send(&near, message(&payload));
        let got = receive(&far);
        assert!(*got.payload == *payload, "{size} bytes arrived differently");
        send(&far, got);
        assert!(*receive(&near).payload == *payload, "{size} bytes came back differently");
    }
}

pub(crate) fn a_fast_writer_waits_for_a_slow_reader(executor: Executor) {
    let running = executor.start();
    let (_a, _b, near, far) = connected(&running);
    const COUNT: usize = 64;
    let payload = patterned(1 << 20);
    let writer = std::thread::spawn(move || {
        let mut times_full = 0;
        for number in 0..COUNT {
            let mut bytes = payload.clone();
            bytes[0] = number as u8;
            let mut message = Message::from(mage::pipe::Payload::from(bytes));
            while let Err((kind, back)) = near.send(message) {
                assert_eq!(kind, SendErrorKind::Full);
                times_full += 1;
                message = back;
                writable(&near).unwrap();
            }
        }
        (near, times_full)
    });
    for number in 0..COUNT {
        let got = receive(&far);
        assert_eq!((got.payload.len(), got.payload[0]), (1 << 20, number as u8));
    }
    let (_near, times_full) = writer.join().unwrap();
    assert!(times_full > 0, "the window held 64 MiB");
}

pub(crate) fn a_full_pipe_says_so_and_gives_the_message_back(executor: Executor) {
    let running = executor.start();
    let (_a, _b, near, far) = connected(&running);
    let mut sent = 0_u32;
    let (kind, back) = loop {
        match near.send(&sent.to_le_bytes()[..]) {
            Ok(()) => sent += 1,
            Err(refused) => break refused,
        }
        assert!(sent < 1_000_000, "nothing bounds the pipe");
    };
    assert_eq!(kind, SendErrorKind::Full);
    assert_eq!(*back.payload, sent.to_le_bytes());
    for number in 0..sent {
        assert_eq!(*receive(&far).payload, number.to_le_bytes());
    }
    writable(&near).unwrap();
    near.send(back).unwrap();
    assert_eq!(*receive(&far).payload, sent.to_le_bytes());
}

pub(crate) fn pipes_travel_with_what_was_sent_over_them(executor: Executor) {
    let running = executor.start();
    let (a, _b, near, far) = connected(&running);
    let (kept, travels) = a.create_pipe();
    kept.send(message(b"before")).unwrap();
    near.send(Message { payload: (&b"take it"[..]).into(), pipes: vec![travels], handles: vec![] }).unwrap();
    kept.send(message(b"after")).unwrap();
    let mut arrived = receive(&far);
    let moved = arrived.pipes.pop().expect("a pipe");
    assert_eq!(*receive(&moved).payload, *b"before");
    assert_eq!(*receive(&moved).payload, *b"after");
    moved.send(message(b"back")).unwrap();
    assert_eq!(*receive(&kept).payload, *b"back");
}

pub(crate) fn handles_travel(executor: Executor) {
    let running = executor.start();
    let (_a, _b, near, far) = connected(&running);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let handles: Vec<OwnedFd> = vec![writer.into()];
    near.send(Message { payload: (&b"write here"[..]).into(), pipes: vec![], handles }).unwrap();
    let mut arrived = receive(&far);
    let mut writer = std::fs::File::from(arrived.handles.pop().expect("a handle"));
    writer.write_all(b"written").unwrap();
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "written");
}

pub(crate) fn a_pipe_bounced_between_nodes_keeps_its_order(executor: Executor) {
    let running = executor.start();
    let (a, _b, near, far) = connected(&running);
    let (kept, mut travels) = a.create_pipe();
    for round in 0..100_u32 {
        kept.send(&round.to_le_bytes()[..]).unwrap();
        let (from, to) = if round % 2 == 0 { (&near, &far) } else { (&far, &near) };
        from.send(Message { pipes: vec![travels], ..Message::default() }).unwrap();
        travels = receive(to).pipes.pop().expect("the pipe");
    }
    for round in 0..100_u32 {
        assert_eq!(*receive(&travels).payload, round.to_le_bytes());
    }
    travels.send(message(b"home")).unwrap();
    assert_eq!(*receive(&kept).payload, *b"home");
}

pub(crate) fn a_closed_end_tells_its_reason_after_the_last_message(executor: Executor) {
    let running = executor.start();
    let (_a, _b, near, far) = connected(&running);
    near.send(message(b"last words")).unwrap();
    near.close(7, "done");
    assert_eq!(closed(&far), CloseReason::closed(7, "done"));
    assert_eq!(*receive(&far).payload, *b"last words");
    assert_eq!(ended(&far), CloseReason::closed(7, "done"));
    let (kind, back) = far.send(message(b"too late")).unwrap_err();
    assert_eq!(kind, SendErrorKind::Closed(CloseReason::closed(7, "done")));
    assert_eq!(*back.payload, *b"too late");
}

pub(crate) fn many_threads_send_over_one_link(executor: Executor) {
    let running = executor.start();
    let (a, _b, near, far) = connected(&running);
    const THREADS: usize = 4;
    const COUNT: u32 = 5_000;
    let (kept, travel): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| a.create_pipe()).unzip();
    near.send(Message { pipes: travel, ..Message::default() }).unwrap();
    let arrived = receive(&far).pipes;
    std::thread::scope(|scope| {
        for pipe in &kept {
            scope.spawn(move || (0..COUNT).for_each(|number| send(pipe, message(&number.to_le_bytes()))));
        }
        for pipe in &arrived {
            scope.spawn(move || (0..COUNT).for_each(|number| assert_eq!(*receive(pipe).payload, number.to_le_bytes())));
        }
    });
}

pub(crate) fn a_pipe_of_another_node_is_refused(executor: Executor) {
    let running = executor.start();
    let (a, b) = (running.node(), running.node());
    let (one, other) = a.create_pipe();
    let (foreign, _rest) = b.create_pipe();
    let (kind, back) = one.send(Message { pipes: vec![foreign], ..Message::default() }).unwrap_err();
    assert_eq!(kind, SendErrorKind::Foreign);
    assert_eq!(back.pipes.len(), 1);
    let (kind, back) = one.send(Message { pipes: vec![other], ..Message::default() }).unwrap_err();
    assert_eq!(kind, SendErrorKind::OwnPipe);
    one.send(message(b"unharmed")).unwrap();
    assert_eq!(*receive(&back.pipes[0]).payload, *b"unharmed");
}

pub(crate) fn merged_pipes_connect_their_far_ends(executor: Executor) {
    let running = executor.start();
    let (a, _b, near, far) = connected(&running);
    let (kept, inner) = a.create_pipe();
    kept.send(message(b"before")).unwrap();
    near.merge(inner).expect("a merge");
    kept.send(message(b"after")).unwrap();
    assert_eq!(*receive(&far).payload, *b"before");
    assert_eq!(*receive(&far).payload, *b"after");
    far.send(message(b"back")).unwrap();
    assert_eq!(*receive(&kept).payload, *b"back");
}

pub(crate) fn a_message_to_an_end_in_the_same_node_is_delivered(executor: Executor) {
    let running = executor.start();
    let node = running.node();
    let (one, other) = node.create_pipe();
    let reader =
        std::thread::spawn(move || (0..1000_u32).all(|number| *receive(&other).payload == number.to_le_bytes()));
    (0..1000_u32).for_each(|number| send(&one, message(&number.to_le_bytes())));
    assert!(reader.join().unwrap());
}
