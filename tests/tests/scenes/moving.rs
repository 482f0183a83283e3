//! Ports move: messages arrive once and in order, proxies go, nothing stays behind.

use mage_proto::Limits;
use mage_tests::scene::{Scene, play};

/// A pipe between A at X and B at Y.
fn apart(scene: &mut Scene) {
    scene.pipe("X", ["A", "B"]);
    scene.moves("B", "Y");
}

/// Sends ten messages each way and reads them in order.
#[track_caller]
fn talk(scene: &mut Scene, one: &str, other: &str) {
    for n in 0..10 {
        scene.send(one, &format!("{one} {n}"));
        scene.send(other, &format!("{other} {n}"));
    }
    scene.settle();
    for n in 0..10 {
        scene.reads(other, &[&format!("{one} {n}")]);
        scene.reads(one, &[&format!("{other} {n}")]);
    }
}

#[test]
fn a_port_that_was_sent_away_leaves_nothing_when_both_ends_close() {
    play(&["X", "Y"], |scene| {
        apart(scene);
        scene.close("A");
        scene.settle();
        scene.sees_close("B");
        scene.close("B");
        scene.settle();
        assert_eq!((scene.census("X").active, scene.census("Y").active), (1, 1), "the road");
    });
}

#[test]
fn what_is_sent_after_a_port_left_follows_it() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.carry("B", "Y");
        scene.send("A", "one");
        scene.send("A", "two");
        scene.settle();
        scene.fetch("Y");
        scene.reads("B", &["one", "two"]);
        scene.is_collapsed();
    });
}

#[test]
fn both_ends_and_another_pipe_follow_each_other() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.pipe("X", ["C", "D"]);
        scene.carry("B", "Y");
        scene.send_with("A", "a port of another pipe", &["D"]);
        scene.send("C", "into it");
        scene.carry("A", "Y");
        scene.settle();
        scene.fetch("Y");
        scene.reads("B", &["a port of another pipe"]);
        scene.reads("D", &["into it"]);
        talk(scene, "A", "B");
        talk(scene, "C", "D");
        scene.is_collapsed();
    });
}

#[test]
fn an_end_that_went_away_and_came_back_gets_what_was_sent_meanwhile() {
    play(&["X", "Y", "Z"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.carry("B", "Y");
        scene.send("A", "one");
        scene.settle();
        scene.fetch("Y");
        scene.carry("B", "X");
        scene.send("A", "two");
        scene.settle();
        scene.fetch("X");
        scene.reads("B", &["one", "two"]);
        scene.is_collapsed();
    });
}

#[test]
fn a_port_travels_inside_a_port_a_hundred_times() {
    play(&["X", "Y"], |scene| {
        for _ in 0..100 {
            scene.pipe("X", ["A", "B"]);
            scene.pipe("X", ["C", "D"]);
            scene.send_with("A", "a port", &["D"]);
            scene.send_with("C", "inside it", &["A"]);
            scene.carry("B", "Y");
            scene.settle();
            scene.fetch("Y");
            scene.reads("B", &["a port"]);
            scene.reads("D", &["inside it"]);
            scene.send("A", "found");
            scene.settle();
            scene.reads("B", &["found"]);
            for end in ["A", "B", "C", "D"] {
                scene.close(end);
            }
        }
    });
}

#[test]
fn a_port_that_is_sent_within_a_node_stays_the_same_port() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.pipe("X", ["C", "D"]);
        scene.frames();
        for _ in 0..3 {
            scene.send_with("C", "a port", &["B"]);
            scene.reads("D", &["a port"]);
        }
        talk(scene, "A", "B");
        assert_eq!(scene.frames(), 0, "nothing crossed a link");
        scene.is_collapsed();
    });
}

#[test]
fn both_ends_are_in_messages_that_nobody_reads() {
    play(&["X", "Y", "Z"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.carry("A", "Y");
        scene.carry("B", "Z");
        scene.settle();
        scene.is_collapsed();
        scene.close("YX");
        scene.close("ZX");
        scene.settle();
        scene.is_collapsed();
        assert_eq!(scene.census("Y").active + scene.census("Z").active, 2, "the road between them");
    });
}

#[test]
fn a_port_in_an_unread_message_is_closed_with_the_pipe() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.pipe("X", ["C", "D"]);
        scene.send_with("C", "unread", &["B"]);
        scene.close("D");
        scene.sees_close("A");
    });
}

#[test]
fn ports_go_round_four_nodes_a_hundred_times_and_leave_no_proxy() {
    play(&["W", "X", "Y", "Z"], |scene| {
        scene.pipe("W", ["A", "B"]);
        let nodes = ["X", "Y", "Z", "W"];
        for n in 0..100 {
            scene.send("A", &format!("{n}"));
            scene.moves("B", nodes[n % 4]);
        }
        for n in 0..100 {
            scene.reads("B", &[&format!("{n}")]);
        }
        scene.is_collapsed();
    });
}

#[test]
fn a_port_is_passed_to_and_fro_faster_than_its_proxies_go() {
    play(&["X", "Y"], |scene| {
        apart(scene);
        scene.hold("X", "Y");
        scene.hold("Y", "X");
        for n in 0..10 {
            let (from, to) = if n % 2 == 0 { ("Y", "X") } else { ("X", "Y") };
            scene.carry("B", to);
            scene.send("A", &format!("{n}"));
            // Only the message with the port arrives, and what was before it.
            while !scene.holds("B") {
                scene.pass(from, to, 1);
                scene.fetch(to);
            }
        }
        scene.settle_all();
        for n in 0..10 {
            scene.reads("B", &[&format!("{n}")]);
        }
        talk(scene, "A", "B");
        scene.is_collapsed();
    });
}

#[test]
fn a_pipe_bounces_five_hundred_times_and_keeps_its_order() {
    mage_tests::scene::play_in_orders(2, &["X", "Y"], |scene| {
        apart(scene);
        for n in 0..500 {
            let (one, other) = if n % 2 == 0 { ("B", "X") } else { ("B", "Y") };
            scene.send("A", &format!("{n}"));
            scene.moves(one, other);
            scene.reads("B", &[&format!("{n}")]);
        }
        scene.is_collapsed();
    });
}

#[test]
fn a_thousand_messages_wait_for_a_node_that_is_invited_later() {
    mage_tests::scene::play_in_orders(3, &["X"], |scene| {
        scene.stranger("Y");
        scene.invites("X", "Y", &[("A", "B")]);
        for n in 0..1001 {
            scene.send("A", &format!("{n}"));
        }
        scene.settle();
        for n in 0..1001 {
            scene.reads("B", &[&format!("{n}")]);
        }
    });
}

#[test]
fn the_broker_gives_two_members_a_pipe_and_they_talk_directly() {
    play(&["K", "X", "Y"], |scene| {
        scene.pipe("K", ["A", "B"]);
        scene.carry("A", "X");
        scene.carry("B", "Y");
        scene.settle();
        scene.fetch("X");
        scene.fetch("Y");
        scene.is_collapsed();
        scene.hold("K", "X");
        scene.hold("K", "Y");
        scene.hold("X", "K");
        scene.hold("Y", "K");
        talk(scene, "A", "B");
    });
}

#[test]
fn members_that_never_met_are_introduced_by_a_pipe() {
    play(&["K"], |scene| {
        for (member, pipes) in [("X", ("KX", "XK")), ("Y", ("KY", "YK"))] {
            scene.stranger(member);
            scene.invites("K", member, &[pipes]);
            scene.settle();
        }
        assert_eq!((scene.census("X").links, scene.census("Y").links), (1, 1));
        scene.pipe("K", ["A", "B"]);
        scene.send_with("KX", "an end", &["A"]);
        scene.send_with("KY", "an end", &["B"]);
        scene.settle();
        scene.reads("XK", &["an end"]);
        scene.reads("YK", &["an end"]);
        talk(scene, "A", "B");
        scene.is_collapsed();
        assert_eq!((scene.census("X").links, scene.census("Y").links), (2, 2), "they have met");
    });
}

#[test]
fn a_pipe_whose_ends_meet_again_uses_no_link() {
    play(&["X", "Y"], |scene| {
        apart(scene);
        talk(scene, "A", "B");
        scene.moves("A", "Y");
        scene.frames();
        talk(scene, "A", "B");
        assert_eq!(scene.frames(), 0);
        scene.moves("A", "X");
        scene.frames();
        talk(scene, "A", "B");
        assert!(scene.frames() > 0);
    });
}

#[test]
fn a_received_message_may_be_sent_on_with_its_ports() {
    play(&["X", "Y", "Z"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.carry("B", "Y");
        scene.settle();
        scene.fetch("Y");
        scene.carry("B", "Z");
        scene.send("A", "still here");
        scene.settle();
        scene.fetch("Z");
        scene.reads("B", &["still here"]);
    });
}

#[test]
fn a_port_that_was_closed_at_its_far_end_brings_its_messages_and_then_the_end() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.send("A", "one");
        scene.send("A", "two");
        scene.close_saying("A", 3, "done");
        scene.moves("B", "Y");
        scene.reads("B", &["one", "two"]);
        assert_eq!(scene.read("B"), Err(mage_proto::CloseReason::closed(3, "done")));
    });
}

#[test]
fn an_end_is_moved_on_and_on_while_its_peer_sends_closes_and_moves() {
    play(&["X", "Y", "Z"], |scene| {
        apart(scene);
        scene.send("A", "one");
        scene.carry("A", "Z");
        scene.settle();
        scene.fetch("Z");
        scene.send("A", "two");
        scene.close("A");
        scene.carry("B", "Z");
        scene.settle();
        scene.fetch("Z");
        scene.reads("B", &["one", "two"]);
        scene.sees_close("B");
        scene.is_collapsed();
    });
}

#[test]
fn an_end_with_a_closed_peer_is_passed_from_member_to_member() {
    play(&["K", "X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.send("A", "last words");
        scene.close("A");
        scene.moves("B", "Y");
        scene.moves("B", "K");
        scene.moves("B", "X");
        scene.reads("B", &["last words"]);
        scene.sees_close("B");
    });
}

#[test]
fn a_peer_that_closes_while_a_port_is_in_transit_is_seen_on_arrival() {
    play(&["X", "Y"], |scene| {
        apart(scene);
        scene.carry("B", "X");
        scene.send("A", "last words");
        scene.close("A");
        scene.settle();
        scene.fetch("X");
        scene.reads("B", &["last words"]);
        scene.sees_close("B");
    });
}

#[test]
fn a_port_brings_a_message_that_brings_a_port_a_thousand_deep() {
    mage_tests::scene::play_in_orders(2, &["X", "Y"], |scene| {
        let ends = |n: usize| (format!("S{n}"), format!("R{n}"));
        for n in 0..=1000 {
            let (s, r) = ends(n);
            scene.pipe("X", [&s, &r]);
            if n > 0 {
                // The receiving end of the pipe before waits, unread, in this one.
                scene.send_with(&s, "deeper", &[&ends(n - 1).1]);
            }
        }
        scene.send("S0", "the bottom");
        scene.moves("R1000", "Y");
        for n in (1..=1000).rev() {
            scene.reads(&ends(n).1, &["deeper"]);
        }
        scene.reads("R0", &["the bottom"]);
        scene.is_collapsed();
    });
}

#[test]
fn thousands_of_ports_are_exchanged_and_no_proxy_remains() {
    mage_tests::scene::play_in_orders(2, &["X", "Y", "Z"], |scene| {
        let ends = |n: usize| (format!("S{n}"), format!("R{n}"));
        for n in 0..600 {
            let (s, r) = ends(n);
            scene.pipe("X", [&s, &r]);
            scene.carry(&s, "Y");
            scene.carry(&r, "Z");
        }
        scene.settle();
        scene.fetch("Y");
        scene.fetch("Z");
        for n in 0..600 {
            let (s, r) = ends(n);
            scene.carry(&s, "Z");
            scene.carry(&r, "Y");
            scene.settle();
            scene.fetch("Y");
            scene.fetch("Z");
            scene.send(&s, "over");
        }
        scene.settle();
        for n in 0..600 {
            scene.reads(&ends(n).1, &["over"]);
        }
        scene.is_collapsed();
    });
}

#[test]
fn a_thousand_pipes_collapse_side_by_side_and_each_close_arrives() {
    mage_tests::scene::play_in_orders(2, &["X", "Y", "Z"], |scene| {
        let ends = |n: usize| (format!("S{n}"), format!("R{n}"));
        for n in 0..1024 {
            let (s, r) = ends(n);
            scene.pipe("X", [&s, &r]);
            scene.carry(&r, "Y");
            if n % 64 == 0 {
                scene.settle();
                scene.fetch("Y");
            }
        }
        scene.settle();
        scene.fetch("Y");
        // All move on at once, and every far end closes while the proxies are there.
        for n in 0..1024 {
            scene.carry(&ends(n).1, "Z");
            scene.close(&ends(n).0);
        }
        scene.settle();
        scene.fetch("Z");
        for n in 0..1024 {
            scene.sees_close(&ends(n).1);
        }
        scene.is_collapsed();
    });
}

#[test]
fn an_endpoint_travels_inside_an_endpoint_ten_times_to_and_fro() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.pipe("X", ["C", "D"]);
        scene.send_with("C", "inside", &["B"]);
        for n in 0..10 {
            scene.send("A", &format!("{n}"));
            scene.moves("D", if n % 2 == 0 { "Y" } else { "X" });
        }
        scene.reads("D", &["inside"]);
        for n in 0..10 {
            scene.reads("B", &[&format!("{n}")]);
        }
        scene.is_collapsed();
    });
}

#[test]
fn messages_of_every_size_around_the_frame_limit_arrive_whole() {
    play(&["X", "Y"], |scene| {
        apart(scene);
        let around = Limits::default().max_frame as usize;
        for size in [0, 1, 110, 111, 8 << 10, (8 << 10) + 1, around - 49, around - 48, around - 47, around, 2 * around]
        {
            let text = "x".repeat(size);
            scene.send("A", &text);
            scene.settle();
            scene.reads("B", &[&text]);
            scene.settle();
        }
    });
}

#[test]
fn a_large_message_follows_a_port_that_moves_while_it_is_half_there() {
    play(&["X", "Y", "Z"], |scene| {
        apart(scene);
        let text = "large ".repeat(500_000);
        scene.send("A", &text);
        scene.hold("X", "Y");
        scene.pass("X", "Y", 2);
        scene.carry("B", "Z");
        scene.settle_all();
        scene.fetch("Z");
        scene.reads("B", &[&text]);
        scene.is_collapsed();
    });
}

#[test]
fn handles_travel_with_their_message_wherever_it_goes() {
    play(&["X", "Y", "Z"], |scene| {
        apart(scene);
        scene.send_handles("A", "two", &["one", "other"]);
        scene.carry("B", "Z");
        scene.send_handles("A", "another", &["third"]);
        scene.settle();
        scene.fetch("Z");
        scene.reads("B", &["two", "another"]);
        assert_eq!(scene.handles_alive().len(), 3);
        assert_eq!(scene.drop_handles(), ["one", "other", "third"]);
    });
}

#[test]
fn handles_that_nobody_reads_are_dropped_once() {
    play(&["X", "Y"], |scene| {
        apart(scene);
        scene.send_handles("A", "unread", &["one", "other"]);
        scene.settle();
        scene.close("B");
        assert!(scene.handles_alive().is_empty());
    });
}

#[test]
fn the_order_between_different_pipes_is_not_promised_but_within_one_it_is() {
    play(&["X", "Y", "Z"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.pipe("X", ["C", "D"]);
        scene.moves("B", "Y");
        scene.moves("D", "Y");
        scene.carry("B", "Z");
        for n in 0..5 {
            scene.send("A", &format!("a{n}"));
            scene.send("C", &format!("c{n}"));
        }
        scene.settle();
        scene.fetch("Z");
        scene.reads("D", &["c0", "c1", "c2", "c3", "c4"]);
        scene.reads("B", &["a0", "a1", "a2", "a3", "a4"]);
    });
}

#[test]
fn the_end_of_an_invitation_may_be_passed_back() {
    play(&["X"], |scene| {
        scene.stranger("Y");
        scene.invites("X", "Y", &[("A", "B"), ("C", "D")]);
        scene.send("A", "queued before anybody was there");
        scene.settle();
        scene.send_with("D", "take it back", &["B"]);
        scene.settle();
        scene.reads("C", &["take it back"]);
        scene.reads("B", &["queued before anybody was there"]);
        talk(scene, "A", "B");
        scene.is_collapsed();
    });
}

#[test]
fn a_message_is_not_sent_to_a_node_that_does_not_take_so_many_ports() {
    let few = mage_proto::Limits { cargo: 2, ..Default::default() };
    play(&["X", "Y"], |scene| {
        scene.stranger_with("Z", &few);
        scene.invites("X", "Z", &[("P", "Q")]);
        scene.settle();
        let ends = ["A", "B", "C", "D", "E", "F"];
        for pair in ends.chunks(2) {
            scene.pipe("X", [pair[0], pair[1]]);
        }
        let error = scene.try_send("P", "too many", &["A", "C", "E"]).expect_err("Z takes two");
        assert_eq!(error.to_string(), "3 ports and 0 handles in one message; 2 and 64 are allowed");
        scene.send_with("P", "two", &["A", "C"]);
        scene.settle();
        scene.reads("Q", &["two"]);
        // Sent to Y, and passed on to Z: the pipe ends there, and what was sent before arrives.
        scene.pipe("X", ["G", "H"]);
        scene.pipe("X", ["I", "J"]);
        scene.pipe("X", ["K", "L"]);
        scene.pipe("X", ["S", "R"]);
        scene.send("S", "first");
        scene.send_with("S", "too many", &["H", "J", "L"]);
        scene.send("S", "third");
        scene.send_with("P", "the end of a pipe", &["R"]);
        scene.settle();
        scene.reads("Q", &["the end of a pipe"]);
        scene.reads("R", &["first"]);
        scene.sees_loss("R");
        for end in ["G", "I", "K", "S"] {
            assert!(scene.ended(end).is_some(), "{end}");
        }
        scene.is_collapsed();
    });
}
