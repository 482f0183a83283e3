//! Flow control: a sender stops at its window, a reader that reads lets it go on, wherever both have moved meanwhile.

use mage_proto::{SendErrorKind, Window};
use mage_tests::scene::{Scene, play};

const FEW: Window = Window { bytes: 1 << 20, messages: 4 };

/// A pipe with a window of four messages, between A at X and B at Y.
fn narrow(scene: &mut Scene) {
    scene.pipe_with("X", ["A", "B"], FEW);
    scene.moves("B", "Y");
}

/// Sends from `end` until it is full; returns how many messages went.
fn fill(scene: &mut Scene, end: &str) -> usize {
    for n in 0.. {
        match scene.try_send(end, &format!("{n}"), &[]) {
            Ok(()) => {}
            Err(error) => {
                assert_eq!(error, SendErrorKind::Full);
                return n;
            }
        }
    }
    unreachable!("the pipe is never full");
}

#[test]
fn a_sender_stops_at_its_window_and_is_told_when_it_may_go_on() {
    play(&["X", "Y"], |scene| {
        narrow(scene);
        scene.said("X");
        assert_eq!(fill(scene, "A"), 4);
        scene.settle();
        assert!(!scene.is_writable("A"));
        assert!(scene.said("X").is_empty());
        scene.reads("B", &["0", "1"]);
        scene.settle();
        scene.has_said("X", "A may send again");
        assert_eq!(fill(scene, "A"), 2);
    });
}

#[test]
fn one_message_may_be_larger_than_the_window() {
    play(&["X", "Y"], |scene| {
        scene.pipe_with("X", ["A", "B"], Window { bytes: 1000, messages: 100 });
        scene.moves("B", "Y");
        let large = "x".repeat(100_000);
        scene.send("A", &large);
        assert_eq!(scene.try_send("A", "one more", &[]), Err(SendErrorKind::Full));
        scene.settle();
        scene.reads("B", &[&large]);
        scene.settle();
        scene.send("A", "one more");
        scene.settle();
        scene.reads("B", &["one more"]);
    });
}

#[test]
fn a_window_of_one_message_never_stands_still() {
    play(&["X", "Y"], |scene| {
        scene.pipe_with("X", ["A", "B"], Window { bytes: 1, messages: 1 });
        scene.moves("B", "Y");
        for n in 0..20 {
            assert_eq!(fill(scene, "A"), 1);
            scene.settle();
            scene.reads("B", &["0"]);
            scene.settle();
            assert!(scene.is_writable("A"), "after {n} messages");
        }
    });
}

#[test]
fn ports_and_handles_count_against_the_window() {
    play(&["X", "Y"], |scene| {
        scene.pipe_with("X", ["A", "B"], Window { bytes: 64 + 256 + 1, messages: 100 });
        scene.moves("B", "Y");
        scene.send_handles("A", "", &["h"]);
        assert!(scene.is_writable("A"), "one byte is left");
        scene.send("A", "");
        assert!(!scene.is_writable("A"));
        scene.settle();
        scene.reads("B", &["", ""]);
    });
}

#[test]
fn a_reader_that_moves_takes_what_it_owes_along() {
    play(&["X", "Y", "Z"], |scene| {
        narrow(scene);
        assert_eq!(fill(scene, "A"), 4);
        scene.settle();
        scene.reads("B", &["0"]);
        scene.carry("B", "Z");
        scene.settle();
        scene.fetch("Z");
        scene.reads("B", &["1", "2", "3"]);
        scene.settle();
        assert_eq!(fill(scene, "A"), 4, "the whole window again");
    });
}

#[test]
fn a_sender_that_moves_takes_its_credit_along() {
    play(&["X", "Y", "Z"], |scene| {
        narrow(scene);
        scene.send("A", "0");
        scene.send("A", "1");
        scene.carry("A", "Z");
        scene.settle();
        scene.fetch("Z");
        assert_eq!(fill(scene, "A"), 2, "no more than the rest");
        scene.settle();
        scene.reads("B", &["0", "1", "0", "1"]);
        scene.settle();
        assert_eq!(fill(scene, "A"), 4);
    });
}

#[test]
fn credit_that_is_under_way_follows_a_sender_that_moves() {
    play(&["X", "Y", "Z"], |scene| {
        narrow(scene);
        assert_eq!(fill(scene, "A"), 4);
        scene.settle();
        scene.hold("Y", "X");
        scene.reads("B", &["0", "1", "2", "3"]);
        scene.carry("A", "Z");
        scene.settle_all();
        scene.fetch("Z");
        assert_eq!(fill(scene, "A"), 4);
    });
}

#[test]
fn no_credit_is_won_or_lost_by_a_hundred_moves() {
    play(&["X", "Y", "Z"], |scene| {
        narrow(scene);
        let nodes = ["X", "Y", "Z"];
        for n in 0..100 {
            let sent = fill(scene, "A");
            assert_eq!(sent, 4, "in round {n}");
            scene.carry("A", nodes[(n + 1) % 3]);
            scene.carry("B", nodes[(n + 2) % 3]);
            scene.settle();
            nodes.iter().for_each(|node| scene.fetch(node));
            scene.reads("B", &["0", "1", "2", "3"]);
            scene.settle();
        }
    });
}

#[test]
fn a_sender_that_waits_for_credit_sees_the_close() {
    play(&["X", "Y"], |scene| {
        narrow(scene);
        fill(scene, "A");
        scene.settle();
        scene.close("B");
        scene.settle();
        scene.has_said("X", "A ended");
        scene.sees_close("A");
    });
}

#[test]
fn unread_messages_of_a_closed_pipe_return_no_credit() {
    play(&["X", "Y"], |scene| {
        narrow(scene);
        fill(scene, "A");
        scene.close("A");
        scene.settle();
        scene.frames();
        scene.reads("B", &["0", "1", "2", "3"]);
        scene.sees_close("B");
        scene.settle();
        assert_eq!(scene.frames(), 0, "nobody is there to be told");
    });
}

#[test]
fn a_slow_pipe_does_not_stop_another_on_the_same_link() {
    play(&["X", "Y"], |scene| {
        narrow(scene);
        scene.pipe("X", ["C", "D"]);
        scene.moves("D", "Y");
        fill(scene, "A");
        for n in 0..100 {
            scene.send("C", &format!("{n}"));
            scene.settle();
            scene.reads("D", &[&format!("{n}")]);
        }
        scene.reads("B", &["0", "1", "2", "3"]);
    });
}

#[test]
fn a_pipe_within_a_node_has_the_same_window() {
    play(&["X", "Y"], |scene| {
        scene.pipe_with("X", ["A", "B"], FEW);
        assert_eq!(fill(scene, "A"), 4);
        scene.reads("B", &["0", "1"]);
        scene.has_said("X", "A may send again");
        assert_eq!(fill(scene, "A"), 2);
    });
}

#[test]
fn a_moved_sender_may_use_its_whole_window_before_the_reader_knows_it() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.hold("X", "Y");
        scene.carry("A", "Z");
        scene.settle();
        scene.fetch("Z");
        let sent = fill(scene, "A");
        assert_eq!(sent, 1024);
        scene.settle();
        assert_eq!(scene.census("Y").pending, 1, "all of it waits for the word of X");
        scene.release("X", "Y");
        scene.settle();
        for n in 0..sent {
            scene.reads("B", &[&format!("{n}")]);
        }
    });
}
