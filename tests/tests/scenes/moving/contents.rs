//! What a message holds arrives whole wherever its pipe goes: payloads of every size, handles, as many ports as are taken.

use mage_proto::Limits;
use mage_tests::scene::play;

#[test]
fn messages_of_every_size_around_the_frame_limit_arrive_whole() {
    play(&["X", "Y"], |scene| {
        scene.apart();
        let around = Limits::default().max_frame as usize;
        for size in [0, 1, 110, 111, 8 << 10, (8 << 10) + 1, around - 49, around - 48, around - 47, around, 2 * around]
        {
            let text = "x".repeat(size);
            scene.send("A", &text);
            scene.settle();
            scene.reads("B", &[&text]);
            scene.settle();
        }
    });
}

#[test]
fn a_large_message_follows_a_port_that_moves_while_it_is_half_there() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        let text = "large ".repeat(500_000);
        scene.send("A", &text);
        scene.hold("X", "Y");
        scene.pass("X", "Y", 2);
        scene.carry("B", "Z");
        scene.settle_all();
        scene.fetch("Z");
        scene.reads("B", &[&text]);
        scene.is_collapsed();
    });
}

#[test]
fn handles_travel_with_their_message_wherever_it_goes() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.send_handles("A", "two", &["one", "other"]);
        scene.carry("B", "Z");
        scene.send_handles("A", "another", &["third"]);
        scene.settle();
        scene.fetch("Z");
        scene.reads("B", &["two", "another"]);
        assert_eq!(scene.handles_alive().len(), 3);
        assert_eq!(scene.drop_handles(), ["one", "other", "third"]);
    });
}

#[test]
fn handles_that_nobody_reads_are_dropped_once() {
    play(&["X", "Y"], |scene| {
        scene.apart();
        scene.send_handles("A", "unread", &["one", "other"]);
        scene.settle();
        scene.close("B");
        assert!(scene.handles_alive().is_empty());
    });
}

#[test]
fn a_message_is_not_sent_to_a_node_that_does_not_take_so_many_ports() {
    let few = Limits { cargo: 2, ..Default::default() };
    play(&["X", "Y"], |scene| {
        scene.stranger_with("Z", &few);
        scene.invites("X", "Z", &[("P", "Q")]);
        scene.settle();
        let ends = ["A", "B", "C", "D", "E", "F"];
        for pair in ends.chunks(2) {
            scene.pipe("X", [pair[0], pair[1]]);
        }
        let error = scene.try_send("P", "too many", &["A", "C", "E"]).expect_err("Z takes two");
        assert_eq!(error.to_string(), "3 ports and 0 handles in one message; 2 and 64 are allowed");
        scene.send_with("P", "two", &["A", "C"]);
        scene.settle();
        scene.reads("Q", &["two"]);
        // Sent to Y, and passed on to Z: the pipe ends there, and what was sent before arrives.
        scene.pipe("X", ["G", "H"]);
        scene.pipe("X", ["I", "J"]);
        scene.pipe("X", ["K", "L"]);
        scene.pipe("X", ["S", "R"]);
        scene.send("S", "first");
        scene.send_with("S", "too many", &["H", "J", "L"]);
        scene.send("S", "third");
        scene.send_with("P", "the end of a pipe", &["R"]);
        scene.settle();
        scene.reads("Q", &["the end of a pipe"]);
        scene.reads("R", &["first"]);
        scene.sees_loss("R");
        for end in ["G", "I", "K", "S"] {
            assert!(scene.ended(end).is_some(), "{end}");
        }
        scene.is_collapsed();
    });
}
