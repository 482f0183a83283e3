//! Pipes that are closed while their ends move: the end is seen wherever the other one is by then.

use mage_tests::scene::{play, play_in_orders};

#[test]
fn a_port_that_was_sent_away_leaves_nothing_when_both_ends_close() {
    play(&["X", "Y"], |scene| {
        scene.apart();
        scene.close("A");
        scene.settle();
        scene.sees_close("B");
        scene.close("B");
        scene.settle();
        assert_eq!((scene.census("X").active, scene.census("Y").active), (1, 1), "the road");
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
        scene.apart();
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
        scene.apart();
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
fn a_thousand_pipes_collapse_side_by_side_and_each_close_arrives() {
    play_in_orders(2, &["X", "Y", "Z"], |scene| {
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
