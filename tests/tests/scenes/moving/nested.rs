//! Ports in messages for ports that move themselves, many and deep.

use mage_tests::scene::{play, play_in_orders};

use super::talk;

#[test]
fn both_ends_and_another_pipe_follow_each_other() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.pipe("X", ["C", "D"]);
        scene.carry("B", "Y");
        scene.send_with("A", "a port of another pipe", &["D"]);
        scene.send("C", "into it");
        scene.carry("A", "Y");
        scene.settle();
        scene.fetch("Y");
        scene.reads("B", &["a port of another pipe"]);
        scene.reads("D", &["into it"]);
        talk(scene, "A", "B");
        talk(scene, "C", "D");
        scene.is_collapsed();
    });
}

#[test]
fn a_port_travels_inside_a_port_a_hundred_times() {
    play(&["X", "Y"], |scene| {
        for _ in 0..100 {
            scene.pipe("X", ["A", "B"]);
            scene.pipe("X", ["C", "D"]);
            scene.send_with("A", "a port", &["D"]);
            scene.send_with("C", "inside it", &["A"]);
            scene.carry("B", "Y");
            scene.settle();
            scene.fetch("Y");
            scene.reads("B", &["a port"]);
            scene.reads("D", &["inside it"]);
            scene.send("A", "found");
            scene.settle();
            scene.reads("B", &["found"]);
            for end in ["A", "B", "C", "D"] {
                scene.close(end);
            }
        }
    });
}

#[test]
fn both_ends_are_in_messages_that_nobody_reads() {
    play(&["X", "Y", "Z"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.carry("A", "Y");
        scene.carry("B", "Z");
        scene.settle();
        scene.is_collapsed();
        scene.close("YX");
        scene.close("ZX");
        scene.settle();
        scene.is_collapsed();
        assert_eq!(scene.census("Y").active + scene.census("Z").active, 2, "the road between them");
    });
}

#[test]
fn a_port_brings_a_message_that_brings_a_port_a_thousand_deep() {
    play_in_orders(2, &["X", "Y"], |scene| {
        let ends = |n: usize| (format!("S{n}"), format!("R{n}"));
        for n in 0..=1000 {
            let (s, r) = ends(n);
            scene.pipe("X", [&s, &r]);
            if n > 0 {
                // The receiving end of the pipe before waits, unread, in this one.
                scene.send_with(&s, "deeper", &[&ends(n - 1).1]);
            }
        }
        scene.send("S0", "the bottom");
        scene.moves("R1000", "Y");
        for n in (1..=1000).rev() {
            scene.reads(&ends(n).1, &["deeper"]);
        }
        scene.reads("R0", &["the bottom"]);
        scene.is_collapsed();
    });
}

#[test]
fn thousands_of_ports_are_exchanged_and_no_proxy_remains() {
    play_in_orders(2, &["X", "Y", "Z"], |scene| {
        let ends = |n: usize| (format!("S{n}"), format!("R{n}"));
        for n in 0..600 {
            let (s, r) = ends(n);
            scene.pipe("X", [&s, &r]);
            scene.carry(&s, "Y");
            scene.carry(&r, "Z");
        }
        scene.settle();
        scene.fetch("Y");
        scene.fetch("Z");
        for n in 0..600 {
            let (s, r) = ends(n);
            scene.carry(&s, "Z");
            scene.carry(&r, "Y");
            scene.settle();
            scene.fetch("Y");
            scene.fetch("Z");
            scene.send(&s, "over");
        }
        scene.settle();
        for n in 0..600 {
            scene.reads(&ends(n).1, &["over"]);
        }
        scene.is_collapsed();
    });
}

#[test]
fn an_endpoint_travels_inside_an_endpoint_ten_times_to_and_fro() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.pipe("X", ["C", "D"]);
        scene.send_with("C", "inside", &["B"]);
        for n in 0..10 {
            scene.send("A", &format!("{n}"));
            scene.moves("D", if n % 2 == 0 { "Y" } else { "X" });
        }
        scene.reads("D", &["inside"]);
        for n in 0..10 {
            scene.reads("B", &[&format!("{n}")]);
        }
        scene.is_collapsed();
    });
}
