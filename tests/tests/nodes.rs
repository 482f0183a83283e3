//! Several nodes of one process over real sockets, on each adapter: what the driver promises, without the cost of
//! processes. Each promise is a function over an executor; none sleeps. (`by_hand` and `resting` bring an adapter of their
//! own, which does nothing unless it is told to.)

use std::os::unix::net::UnixStream;

use mage::pipe::{CloseReason, Message, SendErrorKind};
use mage::{MessagePipe, Node};
use mage_tests::children::Running;

#[path = "nodes/blame.rs"]
mod blame;
#[path = "nodes/blocking.rs"]
mod blocking;
#[path = "nodes/by_hand.rs"]
mod by_hand;
#[path = "nodes/hand.rs"]
mod hand;
#[path = "nodes/isolated.rs"]
mod isolated;
#[path = "nodes/joining.rs"]
mod joining;
#[path = "nodes/leaving.rs"]
mod leaving;
#[path = "nodes/listening.rs"]
mod listening;
#[path = "nodes/losing.rs"]
mod losing;
#[path = "nodes/messages.rs"]
mod messages;
#[path = "nodes/resting.rs"]
mod resting;
#[path = "nodes/rigged.rs"]
mod rigged;
#[path = "nodes/rings.rs"]
mod rings;
#[path = "nodes/rogue.rs"]
mod rogue;
#[path = "nodes/shutdown.rs"]
mod shutdown;

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

promises! { messages
    a_message_crosses_and_is_answered
    messages_sent_before_the_other_side_exists_arrive_in_order
    messages_of_every_size_arrive_whole
    a_fast_writer_waits_for_a_slow_reader
    a_full_pipe_says_so_and_gives_the_message_back
    pipes_travel_with_what_was_sent_over_them
    handles_travel
    a_pipe_bounced_between_nodes_keeps_its_order
    a_closed_end_tells_its_reason_after_the_last_message
    many_threads_send_over_one_link
    a_pipe_of_another_node_is_refused
    merged_pipes_connect_their_far_ends
    a_message_to_an_end_in_the_same_node_is_delivered
}

promises! { joining
    two_members_are_introduced
    a_member_invites_another
    an_invitation_is_accepted_with_a_callback
    a_broker_accepts_no_invitation
    a_lost_inviter_fails_the_acceptance
    first_pipes_keep_their_order
    what_is_no_stream_socket_is_refused
}

promises! { losing
    a_dropped_node_loses_its_pipes_and_nothing_else
    garbage_ends_its_own_pipes_and_is_reported
    an_end_of_stream_inside_a_frame_ends_its_own_pipes
    a_node_on_an_executor_that_ended_loses_its_links
}

promises! { shutdown
    a_shutdown_delivers_what_was_sent
    a_shutdown_that_takes_too_long_says_so
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
    a_census_counts_what_a_node_holds
}

promises! { rings
    much_more_than_a_ring_holds_goes_both_ways_at_once
    handles_come_with_their_messages_in_order
    what_comes_of_a_node_that_goes_is_what_it_sent_first
    a_shutdown_delivers_what_is_in_a_ring
    a_side_that_wants_no_rings_has_none
}

promises! { rigged
    an_offer_of_what_is_no_ring_ends_its_link
    what_is_said_out_of_turn_ends_its_link
    a_ring_that_lies_ends_its_link
    handles_that_do_not_match_what_is_said_end_their_link
    the_handles_of_a_link_that_ended_are_closed
    an_offer_that_nobody_answers_changes_nothing
    a_bell_that_ends_harms_only_who_ended_it
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

fn patterned(size: usize) -> Vec<u8> {
    (0..size).map(|place| (place % 251) as u8).collect()
}
