//! Several nodes of one process over real sockets, on each adapter: what the driver promises, without the cost of
//! processes. Each promise is a function over an executor; none sleeps.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Wake, Waker};
use std::time::Duration;

use mage::node::{AcceptError, InviteErrorKind, JoinError, NodeEvent, ShutdownError};
use mage::pipe::{CloseReason, Loss, Message, SendErrorKind};
use mage::{MessagePipe, Node};
use mage_tests::children::{Executor, Running};

#[path = "nodes/blame.rs"]
mod blame;
#[path = "nodes/blocking.rs"]
mod blocking;
#[path = "nodes/isolated.rs"]
mod isolated;
#[path = "nodes/leaving.rs"]
mod leaving;
#[path = "nodes/listening.rs"]
mod listening;

/// The promises in this file.
mod nodes {
    pub(crate) use super::*;
}

/// One test for each executor and promise of a room.
macro_rules! promises {
    ($room:ident $($promise:ident)*) => {
        $(mod $promise {
            use mage_tests::children::Executor;

            #[test]
            fn threads() {
                crate::$room::$promise(Executor::Threads);
            }

            #[test]
            fn tokio() {
                crate::$room::$promise(Executor::Tokio);
            }

            #[test]
            fn smol() {
                crate::$room::$promise(Executor::Smol);
            }
        })*
    };
}

promises! { nodes
    a_message_crosses_and_is_answered
    messages_sent_before_the_other_side_exists_arrive_in_order
    messages_of_every_size_arrive_whole
    a_fast_writer_waits_for_a_slow_reader
    a_full_pipe_says_so_and_gives_the_message_back
    pipes_travel_with_what_was_sent_over_them
    handles_travel
    a_pipe_bounced_between_nodes_keeps_its_order
    a_closed_end_tells_its_reason_after_the_last_message
    a_dropped_node_loses_its_pipes_and_nothing_else
    garbage_ends_its_own_pipes_and_is_reported
    an_end_of_stream_inside_a_frame_ends_its_own_pipes
    two_members_are_introduced
    a_member_invites_another
    many_threads_send_over_one_link
    an_invitation_is_accepted_with_a_callback
    a_broker_accepts_no_invitation
    a_lost_inviter_fails_the_acceptance
    first_pipes_keep_their_order
    a_shutdown_delivers_what_was_sent
    a_shutdown_that_takes_too_long_says_so
    a_pipe_of_another_node_is_refused
    merged_pipes_connect_their_far_ends
    what_is_no_stream_socket_is_refused
    a_message_to_an_end_in_the_same_node_is_delivered
    a_node_on_an_executor_that_ended_loses_its_links
}

promises! { listening
    callers_of_a_listener_are_invited
    a_listener_turns_away_more_callers_than_may_wait
    a_listener_gives_its_name_back
}

promises! { isolated
    two_networks_share_pipes_and_nothing_else
    a_pipe_that_leads_elsewhere_stays_where_it_is
    both_sides_have_to_mean_the_same_kind_of_link
}

promises! { blame
    a_bad_message_is_told_with_the_node_that_it_came_from
    a_bad_message_is_told_after_its_sender_has_gone
    a_bad_answer_is_told_too
}

promises! { blocking
    every_wait_inside_a_task_is_refused_and_harms_nothing
}

promises! { leaving
    a_node_that_leaves_takes_no_route_with_it
    what_cannot_be_delivered_is_given_back
}

/// Two nodes and a pipe between them.
fn connected(running: &Running) -> (Node, Node, MessagePipe, MessagePipe) {
    let (a, b) = (running.node(), running.node());
    let (to_a, to_b) = UnixStream::pair().expect("sockets");
    let near = a.invite(to_b).expect("an invitation");
    let far = b.accept(to_a).wait().expect("an accepted invitation");
    (a, b, near, far)
}

fn message(bytes: &[u8]) -> Message {
    bytes.into()
}

fn receive(pipe: &MessagePipe) -> Message {
    pipe.receive_blocking().expect("a thread that may wait").expect("a message")
}

fn ended(pipe: &MessagePipe) -> CloseReason {
    pipe.receive_blocking().expect("a thread that may wait").expect_err("the end of the pipe")
}

/// Sends, waiting for room.
fn send(pipe: &MessagePipe, message: Message) {
    let mut message = message;
    while let Err((kind, back)) = pipe.send(message) {
        assert_eq!(kind, SendErrorKind::Full);
        message = back;
        writable(pipe).expect("a pipe that is open");
    }
}

/// Waits for `future` on this thread.
fn wait<T>(pipe: &MessagePipe, future: impl Future<Output = T>) -> T {
    let mut output = None;
    {
        let future = std::pin::pin!(async { output = Some(future.await) });
        pipe.backend().block_on(future).expect("a thread that may wait");
    }
    output.expect("an output")
}

fn writable(pipe: &MessagePipe) -> Result<(), CloseReason> {
    wait(pipe, std::future::poll_fn(|cx| pipe.poll_writable(cx)))
}

fn closed(pipe: &MessagePipe) -> CloseReason {
    wait(pipe, pipe.closed())
}

fn a_message_crosses_and_is_answered(executor: Executor) {
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

fn messages_sent_before_the_other_side_exists_arrive_in_order(executor: Executor) {
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

fn patterned(size: usize) -> Vec<u8> {
    (0..size).map(|place| (place % 251) as u8).collect()
}

fn messages_of_every_size_arrive_whole(executor: Executor) {
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

fn a_fast_writer_waits_for_a_slow_reader(executor: Executor) {
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

fn a_full_pipe_says_so_and_gives_the_message_back(executor: Executor) {
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

fn pipes_travel_with_what_was_sent_over_them(executor: Executor) {
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

fn handles_travel(executor: Executor) {
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

fn a_pipe_bounced_between_nodes_keeps_its_order(executor: Executor) {
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

fn a_closed_end_tells_its_reason_after_the_last_message(executor: Executor) {
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

fn a_dropped_node_loses_its_pipes_and_nothing_else(executor: Executor) {
    let running = executor.start();
    let (a, b, near, far) = connected(&running);
    let (to_a, to_c) = UnixStream::pair().unwrap();
    let near_c = a.invite(to_c).unwrap();
    let c = running.node();
    let far_c = c.accept(to_a).wait().unwrap();
    drop(b);
    assert_eq!(ended(&near), CloseReason::Lost(Loss::Node));
    assert_eq!(ended(&far), CloseReason::Lost(Loss::Node));
    near_c.send(message(b"still there")).unwrap();
    assert_eq!(*receive(&far_c).payload, *b"still there");
    drop(a);
    assert_eq!(ended(&far_c), CloseReason::Lost(Loss::Node));
}

fn garbage_ends_its_own_pipes_and_is_reported(executor: Executor) {
    let running = executor.start();
    let (report, reports) = mpsc::channel();
    let a = running.supervised(move |event| drop(report.send(event)));
    let (to_a, to_b) = UnixStream::pair().unwrap();
    let healthy = a.invite(to_b).unwrap();
    let b = running.node();
    let far = b.accept(to_a).wait().unwrap();

    let (mut rogue, to_rogue) = UnixStream::pair().unwrap();
    let lost = a.invite(to_rogue).unwrap();
    rogue.write_all(&patterned(1000)).unwrap();
    assert_eq!(ended(&lost), CloseReason::Lost(Loss::Node));
    let mut rest = Vec::new();
    // The connection is over for the rogue, too: it sees the end, not silence.
    let _ = rogue.read_to_end(&mut rest);
    let event = reports.recv_timeout(Duration::from_secs(60)).expect("a report");
    assert!(matches!(event, NodeEvent::BadPeer { node: None, .. }), "{event:?}");

    healthy.send(message(b"unharmed")).unwrap();
    assert_eq!(*receive(&far).payload, *b"unharmed");
}

fn an_end_of_stream_inside_a_frame_ends_its_own_pipes(executor: Executor) {
    let running = executor.start();
    let a = running.node();
    let (mut rogue, to_rogue) = UnixStream::pair().unwrap();
    let lost = a.invite(to_rogue).unwrap();
    rogue.write_all(&[40, 0, 0, 0]).unwrap();
    rogue.shutdown(Shutdown::Write).unwrap();
    assert_eq!(ended(&lost), CloseReason::Lost(Loss::Node));
}

/// A broker with two members that have not met.
fn three(running: &Running) -> ([Node; 3], [MessagePipe; 2], [MessagePipe; 2]) {
    let (broker, one, near_one, far_one) = connected(running);
    let (to_broker, to_two) = UnixStream::pair().unwrap();
    let near_two = broker.invite(to_two).unwrap();
    let two = running.node();
    let far_two = two.accept(to_broker).wait().unwrap();
    ([broker, one, two], [near_one, near_two], [far_one, far_two])
}

fn two_members_are_introduced(executor: Executor) {
    let running = executor.start();
    let ([broker, _one, _two], near, far) = three(&running);
    let (x, y) = broker.create_pipe();
    near[0].send(Message { pipes: vec![x], ..Message::default() }).unwrap();
    near[1].send(Message { pipes: vec![y], ..Message::default() }).unwrap();
    let x = receive(&far[0]).pipes.pop().unwrap();
    let y = receive(&far[1]).pipes.pop().unwrap();
    for round in 0..100_u32 {
        x.send(&round.to_le_bytes()[..]).unwrap();
        let got = receive(&y);
        assert_eq!(*got.payload, round.to_le_bytes());
        y.send(got).unwrap();
        assert_eq!(*receive(&x).payload, round.to_le_bytes());
    }
    // They have met, so that the broker is no longer needed.
    drop((broker, near));
    assert_eq!(ended(&far[0]), CloseReason::Lost(Loss::Node));
    x.send(message(b"without a broker")).unwrap();
    assert_eq!(*receive(&y).payload, *b"without a broker");
}

fn a_member_invites_another(executor: Executor) {
    let running = executor.start();
    let (broker, member, near, far) = connected(&running);
    let (to_member, to_third) = UnixStream::pair().unwrap();
    let to_invitee = member.invite(to_third).unwrap();
    to_invitee.send(message(b"welcome")).unwrap();
    let third = running.node();
    let from_member = third.accept(to_member).wait().unwrap();
    assert_eq!(*receive(&from_member).payload, *b"welcome");
    let (kept, travels) = broker.create_pipe();
    near.send(Message { pipes: vec![travels], ..Message::default() }).unwrap();
    to_invitee.send(receive(&far)).unwrap();
    let moved = receive(&from_member).pipes.pop().unwrap();
    kept.send(message(b"direct")).unwrap();
    assert_eq!(*receive(&moved).payload, *b"direct");
}

fn many_threads_send_over_one_link(executor: Executor) {
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

fn an_invitation_is_accepted_with_a_callback(executor: Executor) {
    let running = executor.start();
    let (a, b) = (running.node(), running.node());
    let (to_a, to_b) = UnixStream::pair().unwrap();
    let (report, reports) = mpsc::channel();
    let runner = b.adapter().task_runner();
    b.accept(to_a).then(move |outcome| drop(report.send((outcome.map(|_| ()), runner.runs_here()))));
    let _near = a.invite(to_b).unwrap();
    let (outcome, in_sequence) = reports.recv_timeout(Duration::from_secs(60)).expect("a call");
    outcome.expect("a pipe");
    assert!(in_sequence, "called outside the sequence");
}

fn a_broker_accepts_no_invitation(executor: Executor) {
    let running = executor.start();
    let (a, _b, _near, _far) = connected(&running);
    let (socket, _other) = UnixStream::pair().unwrap();
    assert!(matches!(a.accept(socket).wait(), Err(AcceptError::HasNetwork)));
}

fn a_lost_inviter_fails_the_acceptance(executor: Executor) {
    let running = executor.start();
    let b = running.node();
    let (socket, other) = UnixStream::pair().unwrap();
    let accepting = b.accept(socket);
    drop(other);
    assert!(matches!(accepting.wait(), Err(AcceptError::Join(JoinError::Lost))));
}

fn first_pipes_keep_their_order(executor: Executor) {
    let running = executor.start();
    let (a, b) = (running.node(), running.node());
    let (to_a, to_b) = UnixStream::pair().unwrap();
    let near = a.invite_many(to_b, 5).unwrap();
    for (number, pipe) in near.iter().enumerate() {
        pipe.send(message(&[number as u8])).unwrap();
    }
    let far = b.accept(to_a).wait_all().unwrap();
    let order: Vec<u8> = far.iter().map(|pipe| receive(pipe).payload[0]).collect();
    assert_eq!(order, [0, 1, 2, 3, 4]);
}

fn a_shutdown_delivers_what_was_sent(executor: Executor) {
    let running = executor.start();
    let (a, _b, near, far) = connected(&running);
    for number in 0..300_u32 {
        near.send(&number.to_le_bytes()[..]).unwrap();
    }
    a.shutdown_blocking(Duration::from_secs(60)).expect("an orderly end");
    for number in 0..300_u32 {
        assert_eq!(*receive(&far).payload, number.to_le_bytes());
    }
    assert_eq!(ended(&far), CloseReason::default());
    let (kind, _) = near.send(message(b"late")).unwrap_err();
    assert!(matches!(kind, SendErrorKind::Closed(_)));
    assert_eq!(a.invite(UnixStream::pair().unwrap().0).unwrap_err().kind.to_string(), "the node is shut down");
}

/// A waker that keeps the thread that calls it until it is let go.
struct Stuck {
    reached: Mutex<mpsc::Sender<()>>,
    released: Mutex<mpsc::Receiver<()>>,
}

impl Wake for Stuck {
    fn wake(self: Arc<Self>) {
        self.reached.lock().unwrap().send(()).unwrap();
        let _ = self.released.lock().unwrap().recv();
    }
}

fn a_shutdown_that_takes_too_long_says_so(executor: Executor) {
    let (running, stuck) = (executor.start(), Executor::Threads.start());
    let (a, b) = (running.node(), stuck.node());
    let (to_a, to_b) = UnixStream::pair().unwrap();
    let near = a.invite(to_b).unwrap();
    let far = b.accept(to_a).wait().unwrap();
    let (reached, reaches) = mpsc::channel();
    let (release, released) = mpsc::channel();
    let waker = Waker::from(Arc::new(Stuck { reached: Mutex::new(reached), released: Mutex::new(released) }));
    assert!(far.poll_receive_batch(1, &mut VecDeque::new(), Some(&waker)).is_pending());
    near.send(message(b"read by nobody")).unwrap();
    reaches.recv().unwrap();
    // The far side reads no further, so that it cannot confirm that it knows of the end.
    assert_eq!(a.shutdown_blocking(Duration::from_millis(1)), Err(ShutdownError::TimedOut));
    drop(release);
}

fn a_pipe_of_another_node_is_refused(executor: Executor) {
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

fn merged_pipes_connect_their_far_ends(executor: Executor) {
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

fn what_is_no_stream_socket_is_refused(executor: Executor) {
    let running = executor.start();
    let a = running.node();
    let refused = a.invite(std::fs::File::open("/dev/null").unwrap()).unwrap_err();
    assert!(matches!(refused.kind, InviteErrorKind::Socket(_)), "{refused}");
    let (datagram, _other) = std::os::unix::net::UnixDatagram::pair().unwrap();
    assert!(matches!(a.accept(datagram).wait(), Err(AcceptError::Socket(_))));
}

fn a_message_to_an_end_in_the_same_node_is_delivered(executor: Executor) {
    let running = executor.start();
    let node = running.node();
    let (one, other) = node.create_pipe();
    let reader =
        std::thread::spawn(move || (0..1000_u32).all(|number| *receive(&other).payload == number.to_le_bytes()));
    (0..1000_u32).for_each(|number| send(&one, message(&number.to_le_bytes())));
    assert!(reader.join().unwrap());
}

fn a_node_on_an_executor_that_ended_loses_its_links(executor: Executor) {
    let (running, other) = (executor.start(), Executor::Threads.start());
    let (a, b) = (running.node(), other.node());
    let (to_a, to_b) = UnixStream::pair().unwrap();
    let _near = a.invite(to_b).unwrap();
    let far = b.accept(to_a).wait().unwrap();
    drop(running);
    if executor == Executor::Threads {
        // The node itself keeps the threads of its adapter.
        drop(a);
    }
    assert_eq!(ended(&far), CloseReason::Lost(Loss::Node));
}
