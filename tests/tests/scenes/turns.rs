//! A long message shares its link with everything else, and nobody notices but by the time that it takes.

use mage_proto::{Limits, Window};
use mage_tests::scene::{Scene, play_with};

const WIDE: Window = Window { bytes: 32 << 20, messages: 100 };

/// Short frames, so that a message need not be huge to be long.
fn play(labels: &[&str], scene: impl Fn(&mut Scene)) {
    play_with(&Limits { max_frame: 32 << 10, ..Limits::default() }, labels, scene);
}

/// Longer than eight frames.
fn long() -> String {
    "long ".repeat(60_000)
}

/// Pipes from X to Y, A to B and C to D; and X can write nothing to Y for now.
fn stage(scene: &mut Scene) {
    scene.pipe_with("X", ["A", "B"], WIDE);
    scene.pipe("X", ["C", "D"]);
    scene.moves("B", "Y");
    scene.moves("D", "Y");
    scene.fill("X", "Y");
}

#[test]
fn a_short_message_does_not_wait_for_a_long_one() {
    play(&["X", "Y"], |scene| {
        stage(scene);
        scene.send("A", &long());
        scene.send("A", "behind it");
        scene.send("C", "beside it");
        scene.hold("X", "Y");
        scene.empty("X", "Y");
        scene.pass("X", "Y", 2);
        scene.reads("D", &["beside it"]);
        assert_eq!(scene.read("B"), Ok(None));
        scene.release("X", "Y");
        scene.settle();
        scene.reads("B", &[&long(), "behind it"]);
    });
}

#[test]
fn a_port_that_waits_behind_a_long_message_is_told_nothing_before_it_exists() {
    play(&["X", "Y"], |scene| {
        stage(scene);
        scene.pipe("X", ["S", "R"]);
        scene.pipe("X", ["P", "Q"]);
        scene.send("A", &long());
        scene.send("S", "unread");
        scene.send_with("S", "a port in the queue of a port", &["Q"]);
        scene.send("P", "deep");
        scene.send_with("A", "a port", &["R"]);
        scene.send("S", "after");
        scene.send("P", "deeper");
        scene.close("P");
        scene.send("C", "beside it");
        scene.empty("X", "Y");
        scene.settle();
        scene.reads("D", &["beside it"]);
        scene.reads("B", &[&long(), "a port"]);
        scene.reads("R", &["unread", "a port in the queue of a port", "after"]);
        scene.reads("Q", &["deep", "deeper"]);
        scene.sees_close("Q");
        scene.is_collapsed();
        assert!(scene.faults().is_empty());
    });
}

#[test]
fn an_end_overtakes_its_own_long_message_and_the_order_stays() {
    play(&["X", "Y", "Z"], |scene| {
        stage(scene);
        scene.send("A", &long());
        // The carrier goes over another pipe, so A arrives first.
        scene.carry("A", "Y");
        scene.hold("X", "Y");
        scene.empty("X", "Y");
        scene.pass("X", "Y", 2);
        scene.fetch("Y");
        scene.send("A", "from where the other end is");
        assert_eq!(scene.read("B"), Ok(None));
        scene.release("X", "Y");
        scene.settle();
        scene.reads("B", &[&long(), "from where the other end is"]);
        scene.is_collapsed();
    });
}

#[test]
fn an_end_that_closes_behind_a_long_message_closes_behind_it() {
    play(&["X", "Y"], |scene| {
        stage(scene);
        scene.send("A", &long());
        scene.close("A");
        scene.send("C", "beside it");
        scene.empty("X", "Y");
        scene.settle();
        scene.reads("D", &["beside it"]);
        scene.reads("B", &[&long()]);
        scene.sees_close("B");
    });
}

#[test]
fn a_node_that_shuts_down_sends_its_long_messages_first() {
    play(&["K", "X", "Y"], |scene| {
        stage(scene);
        scene.send("A", &long());
        scene.send("C", "beside it");
        scene.node("X").shutdown();
        scene.perform("X");
        for end in ["A", "C", "XK", "XY"] {
            scene.forget(end);
        }
        scene.empty("X", "Y");
        scene.settle();
        scene.has_said("X", "drained");
        scene.reads("D", &["beside it"]);
        scene.reads("B", &[&long()]);
        scene.sees_close("B");
    });
}

#[test]
fn many_long_messages_at_once_are_never_all_half_there() {
    // Together they exceed what a link may have half assembled, one after another they do not.
    let limits = Limits { max_message: 2 << 20, link_bytes: 5 << 20, ..Limits::default() };
    play_with(&limits, &["X", "Y"], |scene| {
        let ends: Vec<[String; 2]> = (0..6).map(|n| [format!("S{n}"), format!("R{n}")]).collect();
        for [one, other] in &ends {
            scene.pipe_with("X", [one, other], WIDE);
            scene.moves(other, "Y");
        }
        scene.fill("X", "Y");
        let text = "x".repeat(2 << 20);
        for [one, _] in &ends {
            scene.send(one, &text);
        }
        scene.hold("X", "Y");
        scene.empty("X", "Y");
        let mut read = 0;
        while scene.on_the_way("X", "Y") > 0 {
            scene.pass("X", "Y", 1);
            read += ends.iter().filter(|[_, other]| matches!(scene.read(other), Ok(Some(_)))).count();
        }
        assert_eq!(read, ends.len());
        assert!(scene.faults().is_empty());
    });
}

#[test]
fn a_node_crashes_inside_a_long_message() {
    play(&["K", "X", "Y"], |scene| {
        stage(scene);
        scene.send("A", &long());
        scene.send("C", "beside it");
        scene.hold("X", "Y");
        scene.empty("X", "Y");
        scene.pass("X", "Y", 4);
        scene.lose("X", "Y");
        scene.crash("X");
        scene.settle_all();
        scene.reads("D", &["beside it"]);
        scene.sees_loss("B");
        scene.sees_loss("D");
    });
}
