//! Pipes that are merged: what is sent into one comes out of the other.

use mage_proto::{MergeError, Window};
use mage_tests::scene::{Scene, play};

/// Pipes A–B and C–D, made at X.
fn two_pipes(scene: &mut Scene) {
    scene.pipe("X", ["A", "B"]);
    scene.pipe("X", ["C", "D"]);
}

#[test]
fn pipes_within_a_node_are_merged() {
    play(&["X", "Y"], |scene| {
        two_pipes(scene);
        scene.merge("B", "C");
        scene.send("A", "there");
        scene.send("D", "and back");
        scene.reads("D", &["there"]);
        scene.reads("A", &["and back"]);
        scene.is_collapsed();
    });
}

#[test]
fn what_was_written_before_a_merge_comes_out_first() {
    play(&["X", "Y"], |scene| {
        two_pipes(scene);
        scene.send("A", "before");
        scene.send("D", "before, too");
        scene.merge("B", "C");
        scene.send("A", "after");
        scene.send("D", "after, too");
        scene.reads("D", &["before", "after"]);
        scene.reads("A", &["before, too", "after, too"]);
        scene.is_collapsed();
    });
}

#[test]
fn pipes_to_two_nodes_are_merged_and_their_ends_talk_directly() {
    play(&["X", "Y", "Z"], |scene| {
        two_pipes(scene);
        scene.moves("A", "Y");
        scene.moves("D", "Z");
        scene.send("A", "one");
        scene.merge("B", "C");
        scene.settle();
        scene.is_collapsed();
        scene.hold("Y", "X");
        scene.send("A", "two");
        scene.settle();
        scene.reads("D", &["one", "two"]);
    });
}

#[test]
fn merged_ends_that_had_been_moved_before() {
    play(&["X", "Y", "Z"], |scene| {
        two_pipes(scene);
        scene.carry("A", "Y");
        scene.carry("D", "Z");
        scene.send("B", "to A");
        scene.send("C", "to D");
        scene.merge("B", "C");
        scene.settle();
        scene.fetch("Y");
        scene.fetch("Z");
        scene.send("A", "one");
        scene.send("D", "other");
        scene.settle();
        scene.reads("A", &["to A", "other"]);
        scene.reads("D", &["to D", "one"]);
        scene.is_collapsed();
    });
}

#[test]
fn a_pipe_whose_far_end_was_closed_is_merged() {
    play(&["X", "Y", "Z"], |scene| {
        two_pipes(scene);
        scene.moves("D", "Z");
        scene.send("A", "last words");
        scene.close_saying("A", 5, "gone");
        scene.settle();
        scene.merge("B", "C");
        scene.settle();
        scene.reads("D", &["last words"]);
        assert_eq!(scene.read("D"), Err(mage_proto::CloseReason::closed(5, "gone")));
        scene.is_collapsed();
    });
}

#[test]
fn a_pipe_is_merged_into_one_whose_far_end_was_closed() {
    play(&["X", "Y", "Z"], |scene| {
        two_pipes(scene);
        scene.moves("A", "Y");
        scene.send("D", "last words");
        scene.close("D");
        scene.send("A", "to nobody");
        scene.settle();
        scene.merge("B", "C");
        scene.settle();
        scene.reads("A", &["last words"]);
        scene.sees_close("A");
        scene.is_collapsed();
    });
}

#[test]
fn a_close_that_is_under_way_to_a_merged_end_arrives() {
    play(&["X", "Y", "Z"], |scene| {
        two_pipes(scene);
        scene.moves("A", "Y");
        scene.moves("D", "Z");
        scene.send("A", "last words");
        scene.close("A");
        scene.merge("B", "C");
        scene.settle();
        scene.reads("D", &["last words"]);
        scene.sees_close("D");
        scene.is_collapsed();
    });
}

#[test]
fn pipes_whose_far_ends_are_both_closed_are_merged() {
    play(&["X", "Y"], |scene| {
        two_pipes(scene);
        scene.moves("A", "Y");
        scene.close("A");
        scene.close("D");
        scene.settle();
        scene.merge("B", "C");
        scene.settle();
        scene.is_collapsed();
        assert_eq!(scene.census("X").active, 1, "the road");
    });
}

#[test]
fn an_orphan_is_merged_before_its_close_has_arrived() {
    // B' came to Y after its far end was closed: the rest of A's stream is still under way through the proxy.
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.send("A", "last words");
        scene.close("A");
        scene.settle();
        scene.pipe("Y", ["C", "D"]);
        scene.moves("D", "Z");
        scene.carry("B", "Z");
        scene.settle();
        scene.fetch("Z");
        scene.pipe("Z", ["E", "F"]);
        scene.moves("F", "X");
        scene.merge("B", "E");
        scene.settle();
        scene.reads("F", &["last words"]);
        scene.sees_close("F");
        scene.is_collapsed();
    });
}

#[test]
fn an_orphan_whose_rest_is_held_up_is_merged() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        // B becomes an orphan where it arrives: its far end is a stub, closed before the move.
        scene.send("A", "one");
        scene.close("A");
        scene.settle();
        scene.carry("B", "Z");
        // The port has arrived, what follows it has not.
        scene.pass("Y", "Z", 1);
        scene.fetch("Z");
        scene.pipe("Z", ["C", "D"]);
        scene.carry("D", "Y");
        scene.merge("B", "C");
        scene.settle();
        scene.fetch("Y");
        scene.reads("D", &["one"]);
        scene.sees_close("D");
        scene.is_collapsed();
    });
}

#[test]
fn a_merge_races_with_a_lost_link_and_both_far_ends_see_a_loss() {
    play(&["X", "Y", "Z"], |scene| {
        two_pipes(scene);
        scene.moves("A", "Y");
        scene.moves("D", "Z");
        scene.hold("X", "Y");
        scene.merge("B", "C");
        scene.cut("X", "Y");
        scene.settle_all();
        scene.sees_loss("A");
        scene.sees_loss("D");
        scene.is_collapsed();
    });
}

#[test]
fn a_lost_pipe_is_merged_and_the_loss_passes_on() {
    play(&["X", "Y", "Z"], |scene| {
        two_pipes(scene);
        scene.moves("A", "Y");
        scene.moves("D", "Z");
        scene.send("A", "before the crash");
        scene.settle();
        scene.crash("Y");
        scene.settle();
        scene.merge("B", "C");
        scene.settle();
        scene.reads("D", &["before the crash"]);
        scene.sees_loss("D");
        scene.is_collapsed();
    });
}

#[test]
fn both_ends_of_one_pipe_are_merged() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.pipe("X", ["C", "D"]);
        scene.send_with("A", "unread", &["D"]);
        scene.merge("A", "B");
        scene.settle();
        scene.sees_close("C");
        scene.is_collapsed();
    });
}

#[test]
fn a_ring_of_two_pipes_is_dissolved_with_what_circulates_in_it() {
    play(&["X", "Y"], |scene| {
        two_pipes(scene);
        scene.moves("A", "Y");
        scene.moves("D", "Y");
        scene.pipe("X", ["E", "F"]);
        scene.send("A", "round");
        scene.send_with("B", "and round", &["F"]);
        scene.send("C", "and round");
        scene.merge("B", "C");
        scene.merge("A", "D");
        scene.settle();
        assert!(scene.ended("E").is_some());
        scene.is_collapsed();
        assert_eq!((scene.census("X").active, scene.census("Y").active), (1, 1), "the road");
    });
}

#[test]
fn letters_go_through_a_chain_of_merged_pipes_in_order() {
    play(&["X", "Y", "Z"], |scene| {
        for n in 0..6 {
            scene.pipe("X", [&format!("L{n}"), &format!("R{n}")]);
        }
        scene.moves("L0", "Y");
        scene.moves("R5", "Z");
        scene.send("L0", "a");
        scene.send("L0", "b");
        for n in 0..5 {
            scene.merge(&format!("R{n}"), &format!("L{}", n + 1));
            scene.send("L0", &format!("{n}"));
        }
        scene.settle();
        scene.send("L0", "z");
        scene.settle();
        scene.reads("R5", &["a", "b", "0", "1", "2", "3", "4", "z"]);
        scene.is_collapsed();
    });
}

#[test]
fn pipes_are_merged_on_two_nodes_at_once_in_the_middle_of_a_route() {
    play(&["X", "Y", "Z", "W"], |scene| {
        // W:A–B:Y, Y:C–D:Z, Z:E–F:X; Y merges B and C while Z merges D and E.
        scene.pipe("Y", ["A", "B"]);
        scene.pipe("Y", ["C", "D"]);
        scene.pipe("Z", ["E", "F"]);
        scene.moves("A", "W");
        scene.moves("D", "Z");
        scene.moves("F", "X");
        scene.send("A", "one");
        scene.send("F", "other");
        scene.merge("B", "C");
        scene.merge("D", "E");
        scene.send("A", "two");
        scene.settle();
        scene.reads("F", &["one", "two"]);
        scene.reads("A", &["other"]);
        scene.is_collapsed();
    });
}

#[test]
fn pipes_are_merged_while_both_collapse() {
    play(&["X", "Y", "Z", "W"], |scene| {
        two_pipes(scene);
        scene.carry("B", "Y");
        scene.carry("C", "Y");
        scene.settle();
        scene.fetch("Y");
        scene.carry("A", "Z");
        scene.carry("D", "W");
        scene.merge("B", "C");
        scene.settle();
        scene.fetch("Z");
        scene.fetch("W");
        scene.send("A", "there");
        scene.settle();
        scene.reads("D", &["there"]);
        scene.is_collapsed();
    });
}

#[test]
fn a_message_with_a_port_passes_a_merge() {
    play(&["X", "Y", "Z"], |scene| {
        two_pipes(scene);
        scene.moves("A", "Y");
        scene.moves("D", "Z");
        scene.pipe("Y", ["E", "F"]);
        scene.send_with("A", "a port", &["F"]);
        scene.merge("B", "C");
        scene.settle();
        scene.reads("D", &["a port"]);
        scene.send("E", "found");
        scene.settle();
        scene.reads("F", &["found"]);
        scene.is_collapsed();
    });
}

#[test]
fn a_pipe_is_not_merged_with_one_of_another_window() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.pipe_with("X", ["C", "D"], Window { bytes: 100, messages: 3 });
        assert_eq!(scene.try_merge("B", "C"), Err(MergeError::WindowsDiffer));
        scene.send("A", "as before");
        scene.reads("B", &["as before"]);
    });
}

#[test]
fn credit_lives_through_a_merge() {
    play(&["X", "Y", "Z"], |scene| {
        let window = Window { bytes: 1 << 16, messages: 4 };
        scene.pipe_with("X", ["A", "B"], window);
        scene.pipe_with("X", ["C", "D"], window);
        scene.moves("A", "Y");
        scene.moves("D", "Z");
        for n in 0..3 {
            scene.send("A", &format!("early {n}"));
        }
        scene.settle();
        scene.merge("B", "C");
        scene.settle();
        scene.reads("D", &["early 0", "early 1", "early 2"]);
        scene.settle();
        for n in 0..50 {
            scene.send("A", &format!("{n}"));
            scene.settle();
            scene.reads("D", &[&format!("{n}")]);
            scene.settle();
        }
    });
}

#[test]
fn the_end_of_an_invitation_is_merged() {
    play(&["X", "Y"], |scene| {
        scene.stranger("Z");
        scene.invites("X", "Z", &[("P", "Q")]);
        scene.pipe("X", ["A", "B"]);
        scene.send("A", "before it was even welcomed");
        scene.merge("P", "B");
        scene.settle();
        scene.moves("A", "Y");
        scene.send("A", "there");
        scene.send("Q", "and back");
        scene.settle();
        scene.reads("Q", &["before it was even welcomed", "there"]);
        scene.reads("A", &["and back"]);
        scene.is_collapsed();
    });
}
