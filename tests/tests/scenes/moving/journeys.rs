//! One pipe whose ends move: what was sent follows them, in order, and no proxy stays.

use mage_tests::scene::{play, play_in_orders};

use super::talk;

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
        scene.apart();
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
    play_in_orders(2, &["X", "Y"], |scene| {
        scene.apart();
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
fn a_pipe_whose_ends_meet_again_uses_no_link() {
    play(&["X", "Y"], |scene| {
        scene.apart();
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
