//! The flows that the module docs of the core draw, each with its transcript beside this file.

use mage_tests::scene::{Scene, tell};

/// A pipe between A at X and B at Y, as all flows begin.
fn a_pipe_from_x_to_y(scene: &mut Scene) {
    scene.apart();
    scene.begin();
}

#[test]
fn a_port_moves_and_its_proxy_goes() {
    tell("move", &["X", "Y", "Z"], |scene| {
        a_pipe_from_x_to_y(scene);
        scene.moves("B", "Z");
        scene.send("A", "after");
        scene.settle();
        scene.reads("B", &["after"]);
        scene.is_collapsed();
    });
}

#[test]
fn a_port_moves_away_from_a_peer_on_its_own_node() {
    tell("move_from_local_peer", &["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.begin();
        scene.moves("B", "Y");
        scene.send("A", "after");
        scene.settle();
        scene.reads("B", &["after"]);
        scene.is_collapsed();
    });
}

#[test]
fn both_ends_move_at_once() {
    tell("both_ends_move", &["X", "Y", "W", "Z"], |scene| {
        a_pipe_from_x_to_y(scene);
        scene.carry("A", "W");
        scene.carry("B", "Z");
        scene.settle();
        scene.fetch("W");
        scene.fetch("Z");
        scene.send("A", "there");
        scene.send("B", "and back");
        scene.settle();
        scene.reads("B", &["there"]);
        scene.reads("A", &["and back"]);
        scene.is_collapsed();
    });
}

#[test]
fn adjacent_proxies_collapse_at_once() {
    tell("adjacent_proxies", &["X", "Y", "Z", "W"], |scene| {
        a_pipe_from_x_to_y(scene);
        scene.hold("Y", "X");
        scene.hold("Z", "X");
        scene.moves("B", "Z");
        scene.moves("B", "W");
        scene.send("A", "through both proxies");
        scene.settle();
        scene.reads("B", &["through both proxies"]);
        scene.note("what X has to know arrives now");
        scene.release("Y", "X");
        scene.release("Z", "X");
        scene.settle();
        scene.send("A", "direct");
        scene.settle();
        scene.reads("B", &["direct"]);
        scene.is_collapsed();
    });
}

#[test]
fn messages_keep_their_order_while_a_port_moves() {
    tell("move_under_way", &["X", "Y", "Z"], |scene| {
        a_pipe_from_x_to_y(scene);
        scene.send("A", "1 unread at B");
        scene.settle();
        scene.hold("X", "Y");
        scene.send("A", "2 on its way to B");
        scene.hold("Z", "X");
        scene.carry("B", "Z");
        scene.settle();
        scene.send("A", "3 still sent to B");
        scene.release("X", "Y");
        scene.release("Z", "X");
        scene.settle();
        scene.send("A", "4 sent to where B went");
        scene.settle();
        scene.fetch("Z");
        scene.reads("B", &["1 unread at B", "2 on its way to B", "3 still sent to B", "4 sent to where B went"]);
        scene.is_collapsed();
    });
}

#[test]
fn an_end_closes_while_the_other_moves() {
    tell("close_while_moving", &["X", "Y", "Z"], |scene| {
        a_pipe_from_x_to_y(scene);
        scene.hold("Z", "X");
        scene.carry("B", "Z");
        scene.settle();
        scene.send("A", "last words");
        scene.close("A");
        scene.settle();
        scene.release("Z", "X");
        scene.settle();
        scene.fetch("Z");
        scene.reads("B", &["last words"]);
        scene.sees_close("B");
        scene.is_collapsed();
    });
}

#[test]
fn one_end_closes() {
    tell("close", &["X", "Y"], |scene| {
        a_pipe_from_x_to_y(scene);
        scene.send("A", "last words");
        scene.close_saying("A", 7, "that was all");
        scene.settle();
        scene.reads("B", &["last words"]);
        assert_eq!(scene.read("B"), Err(mage_proto::CloseReason::closed(7, "that was all")));
        scene.is_collapsed();
    });
}

#[test]
fn both_ends_close_at_once() {
    tell("both_close", &["X", "Y"], |scene| {
        a_pipe_from_x_to_y(scene);
        scene.close("A");
        scene.close("B");
        scene.settle();
        scene.is_collapsed();
    });
}

#[test]
fn the_node_of_a_proxy_crashes() {
    tell("middle_crashes", &["X", "Y", "Z"], |scene| {
        a_pipe_from_x_to_y(scene);
        scene.hold("Y", "X");
        scene.hold("Z", "X");
        scene.moves("B", "Z");
        scene.send("B", "never read");
        scene.crash("Y");
        scene.settle();
        scene.release("Y", "X");
        scene.release("Z", "X");
        scene.settle();
        scene.sees_loss("B");
        assert!(scene.ended("A").is_some());
    });
}

#[test]
fn a_node_crashes_after_the_collapse() {
    tell("middle_crashes_late", &["X", "Y", "Z"], |scene| {
        a_pipe_from_x_to_y(scene);
        scene.moves("B", "Z");
        scene.crash("Y");
        scene.settle();
        scene.send("A", "nobody minds");
        scene.settle();
        scene.reads("B", &["nobody minds"]);
    });
}

#[test]
fn the_node_that_a_port_moves_to_crashes() {
    tell("target_crashes", &["X", "Y", "Z"], |scene| {
        a_pipe_from_x_to_y(scene);
        scene.hold("Y", "Z");
        scene.carry("B", "Z");
        scene.settle();
        scene.note("the message with the port is still under way");
        scene.crash("Z");
        scene.settle();
        scene.sees_loss("A");
    });
}

#[test]
fn a_port_is_sent_to_a_lost_node() {
    tell("sent_to_a_lost_node", &["X", "Y", "Z"], |scene| {
        a_pipe_from_x_to_y(scene);
        scene.pipe("Y", ["R", "S"]);
        scene.moves("S", "Z");
        scene.crash("Z");
        scene.settle();
        assert!(scene.try_send("R", "a port", &["B"]).is_err());
        assert!(scene.holds("B"), "the port comes back with the error");
        scene.send("A", "still here");
        scene.settle();
        scene.reads("B", &["still here"]);
    });
}

#[test]
fn a_port_arrives_at_a_closed_end() {
    tell("sent_to_a_closed_end", &["X", "Y", "Z"], |scene| {
        a_pipe_from_x_to_y(scene);
        scene.pipe("Y", ["R", "S"]);
        scene.moves("S", "Z");
        scene.begin();
        scene.hold("Z", "Y");
        scene.close("S");
        scene.send_with("R", "a port", &["B"]);
        scene.settle();
        scene.release("Z", "Y");
        scene.settle();
        scene.sees_close("A");
        scene.is_collapsed();
    });
}

#[test]
fn a_port_goes_out_and_comes_back() {
    tell("there_and_back", &["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.begin();
        scene.hold("Y", "X");
        scene.moves("B", "Y");
        scene.carry("B", "X");
        scene.send("A", "which way?");
        scene.release("Y", "X");
        scene.settle();
        scene.fetch("X");
        scene.reads("B", &["which way?"]);
        scene.is_collapsed();
    });
}

#[test]
fn an_introduction_is_refused() {
    tell("introduction_refused", &["K", "X", "Y"], |scene| {
        // Roads join X and Y already; a new pair of nodes does not know each other.
        scene.stranger("Z");
        scene.invites("K", "Z", &[("KZ", "ZK")]);
        scene.settle();
        scene.pipe("X", ["A", "B"]);
        scene.moves("B", "K");
        scene.begin();
        let (x, z) = (scene.name("X"), scene.name("Z"));
        scene.node("K").forbid_introduction(x, z);
        scene.carry("B", "Z");
        scene.settle();
        scene.fetch("Z");
        scene.sees_loss("A");
        scene.sees_loss("B");
    });
}

#[test]
fn two_pipes_become_one() {
    tell("merge", &["X", "Y", "Z"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.pipe("X", ["C", "D"]);
        scene.moves("A", "Y");
        scene.moves("D", "Z");
        scene.begin();
        scene.send("A", "early");
        scene.settle();
        scene.merge("B", "C");
        scene.settle();
        scene.send("A", "there");
        scene.send("D", "and back");
        scene.settle();
        scene.reads("D", &["early", "there"]);
        scene.reads("A", &["and back"]);
        scene.is_collapsed();
    });
}

#[test]
fn a_ring_of_pipes_is_dissolved() {
    tell("ring", &["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.pipe("X", ["C", "D"]);
        scene.moves("A", "Y");
        scene.moves("D", "Y");
        scene.begin();
        scene.hold("X", "Y");
        scene.hold("Y", "X");
        scene.merge("B", "C");
        scene.merge("A", "D");
        scene.release("X", "Y");
        scene.release("Y", "X");
        scene.settle();
        for node in ["X", "Y"] {
            let census = scene.census(node);
            assert_eq!(census.active, 1, "only the road is left at {node}");
        }
        scene.is_collapsed();
    });
}

#[test]
fn a_port_is_not_sent_over_its_own_pipe() {
    tell("over_its_own_pipe", &["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.begin();
        assert_eq!(scene.try_send("A", "your peer", &["B"]), Err(mage_proto::SendErrorKind::OwnPipe));
        scene.send("A", "both are as they were");
        scene.reads("B", &["both are as they were"]);
    });
}
