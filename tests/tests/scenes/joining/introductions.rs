//! Members that have not met are introduced by the broker as soon as a route leads from one to the other.

use mage_proto::Limits;
use mage_tests::scene::{play, play_with};

#[test]
fn the_broker_dies_while_somebody_is_sought() {
    play(&["K"], |scene| {
        scene.members(&["X", "Y"]);
        scene.withhold_pairs();
        scene.gives_an_end_each();
        scene.send("A", "for nobody");
        scene.crash("K");
        scene.settle();
        scene.sees_loss("A");
        scene.sees_loss("B");
        assert_eq!((scene.census("X").nodes, scene.census("Y").nodes), (0, 0));
    });
}

#[test]
fn the_broker_dies_after_it_gave_out_the_sockets() {
    play(&["K"], |scene| {
        scene.members(&["X", "Y"]);
        scene.pipe("K", ["A", "B"]);
        scene.send_with("KX", "an end", &["A"]);
        scene.send_with("KY", "an end", &["B"]);
        scene.settle();
        scene.crash("K");
        scene.settle();
        scene.reads("XK", &["an end"]);
        scene.reads("YK", &["an end"]);
        scene.send("A", "without it");
        scene.settle();
        scene.reads("B", &["without it"]);
    });
}

#[test]
fn two_nodes_that_seek_each_other_at_once_meet_once() {
    play(&["K"], |scene| {
        scene.members(&["X", "Y"]);
        scene.pipe("K", ["A", "B"]);
        scene.pipe("K", ["C", "D"]);
        scene.send_with("KX", "an end", &["A"]);
        scene.send_with("KY", "an end", &["B"]);
        scene.send_with("KX", "an end", &["C"]);
        scene.send_with("KY", "an end", &["D"]);
        scene.settle();
        scene.fetch("X");
        scene.fetch("Y");
        assert_eq!((scene.census("X").links, scene.census("Y").links), (2, 2));
        scene.send("A", "one");
        scene.send("D", "other");
        scene.settle();
        scene.reads("B", &["one"]);
        scene.reads("C", &["other"]);
    });
}

#[test]
fn a_node_that_comes_again_is_another_and_meets_everybody_anew() {
    play(&["K", "X"], |scene| {
        scene.members(&["Y"]);
        scene.pipe("X", ["A", "B"]);
        scene.moves("B", "K");
        scene.send_with("KY", "an end", &["B"]);
        scene.settle();
        scene.fetch("Y");
        scene.crash("Y");
        scene.settle();
        scene.sees_loss("A");
        scene.sees_loss("KY");
        scene.stranger("Y again");
        scene.invites("K", "Y again", &[("KZ", "ZK")]);
        scene.settle();
        scene.pipe("X", ["C", "D"]);
        scene.moves("D", "K");
        scene.send_with("KZ", "an end", &["D"]);
        scene.settle();
        scene.reads("ZK", &["an end"]);
        scene.send("C", "new pipe, new node");
        scene.settle();
        scene.reads("D", &["new pipe, new node"]);
        assert_eq!(scene.census("X").links, 2);
    });
}

#[test]
fn a_member_asks_for_only_so_many_at_once_and_meets_all_in_the_end() {
    let limits = Limits { seeks: 2, ..Limits::default() };
    play_with(&limits, &["K"], |scene| {
        scene.members(&["X", "P", "Q", "R", "S", "T"]);
        scene.withhold_pairs();
        for other in ["P", "Q", "R", "S", "T"] {
            let (here, there) = (format!("X to {other}"), format!("{other} to X"));
            scene.pipe("K", [&here, &there]);
            scene.send_with("KX", "an end", &[&here]);
        }
        scene.settle();
        scene.fetch("X");
        for other in ["P", "Q", "R", "S", "T"] {
            scene.send_with(&format!("K{other}"), "an end", &[&format!("{other} to X")]);
        }
        scene.settle();
        scene.grant_pairs();
        scene.settle();
        for other in ["P", "Q", "R", "S", "T"] {
            scene.fetch(other);
            scene.send(&format!("X to {other}"), "met");
        }
        scene.settle();
        for other in ["P", "Q", "R", "S", "T"] {
            scene.reads(&format!("{other} to X"), &["met"]);
        }
        scene.is_collapsed();
    });
}
