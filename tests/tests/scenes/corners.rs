//! Races: what one link brings before another brings what was said earlier.

use mage_tests::scene::{Scene, play};

#[test]
fn a_hello_overtakes_the_handoff_that_entitles_it() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.hold("Y", "X");
        scene.moves("B", "Z");
        scene.send("B", "from where it is now");
        scene.settle();
        assert_eq!(scene.census("X").pending, 1);
        scene.reads_nothing("A");
        scene.release("Y", "X");
        scene.settle();
        scene.reads("A", &["from where it is now"]);
        scene.is_collapsed();
        assert!(!scene.gone_was_said());
    });
}

#[test]
fn a_gone_overtakes_the_handoff_that_makes_it_believed() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.hold("Y", "X");
        scene.moves("B", "Z");
        // Z loses Y, so the port there fails and tells A, which knows nothing of it yet.
        scene.hold("Y", "Z");
        scene.cut("Y", "Z");
        scene.settle();
        scene.release("Y", "X");
        scene.settle();
        scene.sees_loss("A");
        scene.sees_loss("B");
        scene.is_collapsed();
    });
}

#[test]
fn a_message_with_a_port_is_lost_after_the_ports_peer_was_told() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.hold("Y", "Z");
        scene.carry("B", "Z");
        scene.settle();
        scene.send("A", "to nobody");
        scene.cut("Y", "Z");
        scene.settle();
        scene.sees_loss("A");
        scene.is_collapsed();
    });
}

#[test]
fn a_port_is_lost_on_its_way_while_its_peer_moves_on() {
    play(&["X", "Y", "Z", "W"], |scene| {
        scene.apart();
        scene.hold("Y", "Z");
        scene.carry("B", "Z");
        scene.hold("Y", "X");
        scene.carry("A", "W");
        scene.settle();
        scene.fetch("W");
        scene.cut("Y", "Z");
        scene.settle_all();
        scene.sees_loss("A");
        scene.is_collapsed();
    });
}

#[test]
fn a_move_and_the_close_of_the_peer_cross() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.hold("X", "Y");
        scene.close("A");
        scene.carry("B", "Z");
        scene.settle_all();
        scene.fetch("Z");
        scene.sees_close("B");
        scene.is_collapsed();
        assert!(!scene.gone_was_said());
    });
}

#[test]
fn a_closed_port_hears_of_a_move_that_was_said_before() {
    for first in ["Y", "Z"] {
        play(&["X", "Y", "Z"], |scene| {
            scene.apart();
            scene.hold("Y", "X");
            scene.hold("Z", "X");
            scene.moves("B", "Z");
            scene.close("A");
            scene.settle();
            // The Handoff comes from Y, the Hello from Z: either may be first.
            scene.release(first, "X");
            scene.settle();
            scene.settle_all();
            scene.sees_close("B");
            scene.is_collapsed();
            assert!(!scene.gone_was_said());
        });
    }
}

#[test]
fn a_closed_port_outlives_the_moves_of_its_peer() {
    play(&["X", "Y", "Z", "W"], |scene| {
        scene.apart();
        scene.hold("X", "Y");
        scene.close("A");
        scene.carry("B", "Z");
        scene.settle();
        scene.fetch("Z");
        assert_eq!(scene.census("X").stubs, 1);
        scene.carry("B", "W");
        scene.settle();
        scene.release("X", "Y");
        scene.settle();
        scene.fetch("W");
        scene.sees_close("B");
        scene.is_collapsed();
    });
}

#[test]
fn a_proxy_fails_before_it_hears_who_writes_next() {
    // Y is a proxy whose target's node dies; its writer at X has moved to W meanwhile, as X's word, held up, says.
    play(&["X", "Y", "Z", "W"], |scene| {
        scene.apart();
        scene.hold("X", "Y");
        scene.carry("A", "W");
        scene.settle();
        scene.fetch("W");
        scene.carry("B", "Z");
        scene.crash("Z");
        scene.settle();
        scene.settle_all();
        scene.sees_loss("A");
        scene.is_collapsed();
    });
}

#[test]
fn the_writer_of_a_failed_proxy_never_came_to_exist() {
    play(&["X", "Y", "Z", "W"], |scene| {
        scene.apart();
        scene.hold("X", "W");
        scene.hold("X", "Y");
        scene.carry("A", "W");
        scene.carry("B", "Z");
        scene.crash("Z");
        scene.settle();
        scene.cut("X", "W");
        scene.settle_all();
        scene.is_collapsed();
    });
}

#[test]
fn an_ended_port_is_moved_twice_before_anything_settles() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.send("A", "last words");
        scene.close("A");
        scene.settle();
        scene.carry("B", "Z");
        scene.pass("Y", "Z", 1);
        scene.fetch("Z");
        scene.carry("B", "X");
        scene.settle();
        scene.fetch("X");
        scene.reads("B", &["last words"]);
        scene.sees_close("B");
        scene.is_collapsed();
    });
}

#[test]
fn an_ended_port_is_closed_before_the_rest_of_it_arrives() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.pipe("X", ["C", "D"]);
        scene.send_with("A", "last words", &["D"]);
        scene.close("A");
        scene.settle();
        scene.carry("B", "Z");
        scene.pass("Y", "Z", 1);
        scene.fetch("Z");
        scene.close("B");
        scene.settle();
        scene.sees_close("C");
        scene.is_collapsed();
    });
}

#[test]
fn nothing_is_sent_from_a_port_that_ended_before_it_moved() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.close("A");
        scene.settle();
        scene.carry("B", "Z");
        scene.pass("Y", "Z", 1);
        scene.fetch("Z");
        assert!(matches!(scene.try_send("B", "anybody?", &[]), Err(mage_proto::SendErrorKind::Closed(_))));
    });
}

#[test]
fn a_port_comes_back_to_where_its_proxy_still_is() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.hold("X", "Y");
        scene.moves("B", "Z");
        assert_eq!(scene.census("Y").proxies, 1);
        scene.moves("B", "Y");
        scene.send("A", "which one?");
        scene.release("X", "Y");
        scene.settle();
        scene.reads("B", &["which one?"]);
        scene.is_collapsed();
    });
}

#[test]
fn the_peer_of_a_port_in_a_message_closes_before_it_is_read() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.carry("B", "Z");
        scene.settle();
        scene.close("A");
        scene.settle();
        scene.fetch("Z");
        scene.sees_close("B");
        scene.is_collapsed();
    });
}

#[test]
fn the_peer_of_a_port_in_a_message_dies_before_it_is_read() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.pipe("X", ["C", "D"]);
        scene.carry("A", "Z");
        scene.settle();
        scene.crash("Y");
        scene.settle();
        scene.fetch("Z");
        scene.sees_loss("A");
        scene.is_collapsed();
    });
}

#[test]
fn a_port_closes_inside_its_own_message() {
    // The reader closes the pipe that brings another port of the same pipe's owner: nothing waits for anything.
    play(&["X", "Y"], |scene| {
        scene.apart();
        scene.pipe("X", ["C", "D"]);
        scene.send_with("A", "the other pipe", &["D"]);
        scene.send_with("C", "the end of the first", &["A"]);
        scene.settle();
        scene.close("B");
        scene.settle();
        scene.sees_close("C");
        scene.is_collapsed();
    });
}

#[test]
fn a_port_travels_over_its_own_pipe_behind_proxies_and_does_not_travel_for_ever() {
    play(&["X", "Y"], |scene| {
        // B came back to X, and A does not know it yet: what A sends goes round by Y, where it takes B along, and never
        // meets it, because B is always one node ahead.
        scene.apart();
        scene.hold("Y", "X");
        scene.carry("B", "X");
        while !scene.holds("B") {
            scene.pass("Y", "X", 1);
            scene.fetch("X");
        }
        scene.send_with("A", "your own end", &["B"]);
        scene.settle_all();
        let faults = scene.faults();
        assert!(faults.iter().any(|fault| fault.contains("more than 255 proxies")), "{faults:?}");
        assert!(scene.ended("A").is_some());
        scene.is_collapsed();
    });
}

#[test]
fn two_ends_are_merged_at_both_sides_of_a_pipe_while_it_moves() {
    play(&["X", "Y", "Z"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.pipe("X", ["C", "D"]);
        scene.pipe("Y", ["E", "F"]);
        scene.carry("D", "Y");
        scene.carry("A", "Z");
        scene.merge("B", "C");
        scene.settle();
        scene.fetch("Y");
        scene.fetch("Z");
        scene.carry("F", "X");
        scene.merge("D", "E");
        scene.send("A", "through two merges");
        scene.settle();
        scene.fetch("X");
        scene.reads("F", &["through two merges"]);
        scene.is_collapsed();
    });
}

#[test]
fn without_failures_no_port_is_ever_gone() {
    play(&["X", "Y", "Z", "W"], |scene| {
        for n in 0..8 {
            scene.pipe("X", [&format!("A{n}"), &format!("B{n}")]);
        }
        let nodes = ["Y", "Z", "W", "X"];
        for round in 0..6 {
            for n in 0..8 {
                if n % 3 == round % 3 {
                    scene.carry(&format!("A{n}"), nodes[whither(scene, &format!("A{n}"), n + round)]);
                }
                if n % 2 == round % 2 {
                    scene.carry(&format!("B{n}"), nodes[whither(scene, &format!("B{n}"), n * round)]);
                }
            }
            scene.settle();
            nodes.iter().for_each(|node| scene.fetch(node));
        }
        for n in 0..8 {
            scene.close(&format!("A{n}"));
        }
        scene.settle();
        for n in 0..8 {
            scene.sees_close(&format!("B{n}"));
        }
        scene.is_collapsed();
        assert!(!scene.gone_was_said());
    });
}

/// A place in "YZWX" that is not where the end is.
fn whither(scene: &Scene, end: &str, n: usize) -> usize {
    let here = "YZWX".find(scene.whereabouts(end)).unwrap_or_default();
    (here + 1 + n % 3) % 4
}
