//! Orderly ends: whoever is left reads what was sent before, then sees the close; unread things are let go of.

use mage_proto::{CloseReason, SendErrorKind};
use mage_tests::scene::play;

#[test]
fn there_is_nothing_to_read_until_something_was_sent_and_then_the_close() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.reads_nothing("B");
        scene.close("A");
        scene.sees_close("B");
        scene.sees_close("B");
    });
}

#[test]
fn messages_come_out_in_order_as_many_as_are_asked_for() {
    play(&["X", "Y"], |scene| {
        scene.apart();
        for text in ["one", "two", "three"] {
            scene.send("A", text);
        }
        scene.settle();
        scene.reads("B", &["one"]);
        scene.reads("B", &["two", "three"]);
        scene.reads_nothing("B");
    });
}

#[test]
fn a_closed_end_of_a_pipe_within_a_node_leaves_nothing() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.close("A");
        scene.close("B");
        assert_eq!(scene.census("X").active, 1, "the road");
        scene.is_collapsed();
    });
}

#[test]
fn nothing_is_sent_to_a_closed_end_and_the_message_comes_back() {
    play(&["X", "Y"], |scene| {
        scene.apart();
        scene.close("B");
        scene.settle();
        scene.pipe("X", ["C", "D"]);
        assert_eq!(scene.try_send("A", "late", &["C"]), Err(SendErrorKind::Closed(CloseReason::default())));
        scene.send("C", "still mine");
        scene.reads("D", &["still mine"]);
    });
}

#[test]
fn a_message_that_crosses_a_close_is_let_go_of_with_its_ports() {
    play(&["X", "Y"], |scene| {
        scene.apart();
        scene.pipe("X", ["C", "D"]);
        scene.close("B");
        scene.send_handles("A", "handles", &["h"]);
        scene.send_with("A", "a port", &["D"]);
        scene.settle();
        scene.sees_close("A");
        scene.sees_close("C");
        assert!(scene.handles_alive().is_empty());
        scene.is_collapsed();
    });
}

#[test]
fn a_pipe_is_sent_and_its_peer_closed_in_every_order() {
    // send a port then close its peer · send, close the peer, send more · write, close, send, then the peer goes
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.carry("B", "Y");
        scene.close("A");
        scene.settle();
        scene.fetch("Y");
        scene.sees_close("B");
    });
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.close("A");
        scene.carry("B", "Y");
        scene.send("XY", "after it");
        scene.settle();
        scene.fetch("Y");
        scene.sees_close("B");
    });
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.send("A", "written");
        scene.close("A");
        scene.carry("B", "Y");
        scene.settle();
        scene.fetch("Y");
        scene.reads("B", &["written"]);
        scene.sees_close("B");
    });
}

#[test]
fn a_pipe_with_unread_messages_is_closed_at_the_reader() {
    play(&["X", "Y"], |scene| {
        scene.apart();
        for n in 0..20 {
            scene.send("A", &format!("{n}"));
        }
        scene.settle();
        scene.close("B");
        scene.settle();
        scene.sees_close("A");
    });
}

#[test]
fn a_closed_end_in_a_message_that_arrives_at_a_closed_end() {
    play(&["X", "Y"], |scene| {
        scene.apart();
        scene.pipe("X", ["C", "D"]);
        scene.send("C", "unread");
        scene.close("C");
        scene.close("B");
        scene.send_with("A", "an ended port", &["D"]);
        scene.settle();
        scene.is_collapsed();
    });
}

#[test]
fn ports_in_the_queue_of_a_dropped_port_are_closed_with_it() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.pipe("X", ["C", "D"]);
        scene.pipe("X", ["E", "F"]);
        scene.send_with("C", "deeper", &["F"]);
        scene.send_with("A", "deep", &["D"]);
        scene.moves("B", "Y");
        scene.close("B");
        scene.settle();
        for end in ["A", "C", "E"] {
            scene.sees_close(end);
        }
        scene.is_collapsed();
    });
}

#[test]
fn closing_a_port_sends_ports_to_a_dropped_one() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.pipe("X", ["C", "D"]);
        scene.moves("D", "Z");
        scene.carry("B", "Z");
        scene.send_with("A", "a port for nobody", &["C"]);
        scene.close("ZY");
        scene.settle();
        scene.sees_close("A");
        scene.sees_close("D");
    });
}

#[test]
fn a_node_with_pipes_of_its_own_shuts_down() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.pipe("X", ["C", "D"]);
        scene.send_with("A", "unread", &["D"]);
        scene.node("X").shutdown();
        scene.perform("X");
        scene.settle();
        scene.has_said("X", "drained");
        for end in ["A", "B", "C", "XY"] {
            scene.forget(end);
        }
        scene.sees_close("YX");
    });
}

#[test]
fn what_is_sent_behind_a_port_into_a_closed_pipe_is_let_go_of() {
    play(&["X", "Y"], |scene| {
        scene.apart();
        scene.hold("Y", "X");
        scene.close("B");
        scene.pipe("X", ["C", "D"]);
        scene.send("C", "in the queue of the port");
        scene.send_with("A", "a port", &["D"]);
        scene.send("A", "behind it");
        scene.release("Y", "X");
        scene.settle();
        scene.sees_close("C");
        scene.sees_close("A");
        scene.is_collapsed();
    });
}

#[test]
fn the_reason_of_a_close_reaches_whoever_holds_the_other_end_by_then() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.carry("B", "Z");
        scene.close_saying("A", 42, "went home");
        scene.settle();
        scene.fetch("Z");
        assert_eq!(scene.read("B"), Err(CloseReason::closed(42, "went home")));
        // … and travels on with the port.
        scene.moves("B", "X");
        assert_eq!(scene.read("B"), Err(CloseReason::closed(42, "went home")));
    });
}

#[test]
fn a_message_is_rejected_with_where_it_came_from() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.send("B", "nonsense");
        scene.settle();
        scene.said("X");
        scene.rejects("A", "nonsense");
        assert_eq!(scene.said("X"), ["Y sent what is no good: nonsense"]);
        // A message that another node passed on.
        scene.hold("Y", "X");
        scene.send("A", "passed on by Y");
        scene.carry("B", "Z");
        scene.settle();
        scene.fetch("Z");
        scene.said("Z");
        scene.rejects("B", "nonsense");
        assert_eq!(scene.said("Z"), ["Y, or somebody behind it, sent what is no good: nonsense"]);
        // Nothing ended by it.
        scene.settle_all();
        scene.send("A", "better");
        scene.settle();
        scene.reads("B", &["better"]);
    });
}

#[test]
fn a_key_of_another_node_opens_nothing_here() {
    play(&["X", "Y"], |scene| {
        let keys: Vec<_> = (0..9).map(|_| scene.node("Y").create_pipe()).collect();
        let stranger = &keys[8].0;
        let error =
            scene.node("X").send(stranger, mage_proto::Message::new(&b"?"[..])).expect_err("it is no port here");
        assert_eq!(error.kind, SendErrorKind::BadPort);
        for (one, other) in keys {
            scene.node("Y").close(one, 0, "");
            scene.node("Y").close(other, 0, "");
        }
        scene.perform("Y");
    });
}
