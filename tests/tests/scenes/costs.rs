//! What messages and moves cost on the wire, in frames and bytes.

use mage_tests::scene::{Scene, play};

/// What was delivered since the last question, less one frame that carries a port and `payload` bytes.
fn besides_the_carrier(scene: &mut Scene, moved: usize, payload: usize) -> (usize, usize) {
    (scene.frames() - moved, scene.bytes() - moved * payload)
}

/// What a scene writes as the payload when it moves an end with a name of one letter.
const NOTE: usize = "a port".len() + 2;

#[test]
fn a_small_message_costs_48_bytes_besides_its_payload() {
    play(&["X", "Y"], |scene| {
        scene.apart();
        scene.bytes();
        for text in ["", "x", "hello", &"x".repeat(64), &"x".repeat(1024)] {
            scene.send("A", text);
            scene.settle();
            assert_eq!(scene.bytes(), 48 + text.len());
            scene.reads("B", &[text]);
        }
    });
}

#[test]
fn the_move_of_an_idle_port_costs_two_control_frames_between_two_nodes() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.frames();
        scene.bytes();
        scene.moves("B", "Y");
        let (controls, bytes) = besides_the_carrier(scene, 1, NOTE);
        assert_eq!(controls, 2, "Hello, Handoff");
        assert_eq!(bytes, 342);
        scene.is_collapsed();
    });
}

#[test]
fn the_move_of_an_idle_port_costs_four_control_frames_among_three_nodes() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.frames();
        scene.bytes();
        scene.moves("B", "Z");
        let (controls, bytes) = besides_the_carrier(scene, 1, NOTE);
        assert_eq!(controls, 4, "Handoff, Hello, End, Handoff");
        assert_eq!(bytes, 455);
        scene.is_collapsed();
    });
}

#[test]
fn moves_of_both_ends_at_once_cost_five_control_frames_each() {
    play(&["X", "Y", "W", "Z"], |scene| {
        scene.apart();
        scene.frames();
        scene.bytes();
        // Neither knows of the other's move: the dearest case.
        scene.hold("X", "Y");
        scene.hold("Y", "X");
        scene.carry("A", "W");
        scene.carry("B", "Z");
        scene.release("X", "Y");
        scene.release("Y", "X");
        scene.settle();
        let (controls, bytes) = besides_the_carrier(scene, 2, NOTE);
        assert!(controls <= 2 * 5, "{controls} control frames");
        assert!(bytes <= 2 * 560, "{bytes} bytes");
        scene.fetch("W");
        scene.fetch("Z");
        scene.is_collapsed();
    });
}

#[test]
fn a_hundred_moves_round_four_nodes_cost_no_more_when_they_come_in_quick_succession() {
    play(&["W", "X", "Y", "Z"], |scene| {
        scene.pipe("W", ["A", "B"]);
        scene.frames();
        scene.bytes();
        for n in 0..100 {
            scene.carry("B", ["X", "Y", "Z", "W"][n % 4]);
            // Only the carrier arrives before the next move.
            while !scene.holds("B") {
                let (from, to) = (["W", "X", "Y", "Z"][n % 4], ["X", "Y", "Z", "W"][n % 4]);
                scene.pass(from, to, 1);
                scene.fetch(to);
            }
            if n % 20 == 19 {
                // More often than eight times it must not pass the same node before its peer hears of it.
                scene.settle();
            }
        }
        let (controls, bytes) = besides_the_carrier(scene, 100, NOTE);
        assert!(controls <= 100 * 5, "{controls} control frames");
        assert!(bytes <= 100 * 560, "{bytes} bytes");
        scene.is_collapsed();
    });
}
