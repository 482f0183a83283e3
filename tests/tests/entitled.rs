//! What a port believes, and of whom: rules that honest nodes need once in thousands of runs, shown one by one.
//!
//! X is the broker, Y a member, H a member that says what it likes. A road joins every two nodes. (Random worlds meet
//! these cases too, but so seldom that a mistake could pass.)

use mage_proto::{CloseReason, Limits, Loss, Window};
use mage_tests::scene::Scene;
use mage_tests::scene::forge::{Forged, kind};

/// A port of H that its own node does not know.
const NOBODY: u128 = 4711;

fn stage() -> Scene {
    Scene::network(&["X", "Y", "H"], &Limits::default(), 0)
}

/// Says to X's port `dest`, from H's port `from`, what needs an address on `node`.
fn hello(scene: &mut Scene, dest: u128, from: u128, node: &str, port: u128) {
    let node = scene.name(node).bits();
    let frame = Forged::event(kind::HELLO, dest, from).u128(node).u128(port).u128(node).u128(port).u8(255);
    scene.forge("H", "X", frame.frame());
}

fn handoff(scene: &mut Scene, dest: u128, from: u128, node: &str, port: u128, sure: bool) {
    let node = scene.name(node).bits();
    let frame = Forged::event(kind::HANDOFF, dest, from).u128(node).u128(port).u8(u8::from(sure));
    scene.forge("H", "X", frame.frame());
}

#[test]
fn an_end_that_is_to_send_to_a_lost_node_is_lost_before_it_does() {
    for (lost, ended) in [(false, None), (true, Some(CloseReason::Lost(Loss::Node)))] {
        let mut scene = stage();
        let (dest, from, peer) = (scene.port_bits("XH"), scene.port_bits("HX"), scene.name("Y").bits());
        if lost {
            scene.crash("Y");
            scene.settle();
        }
        let frame = Forged::event(kind::HELLO, dest, from).u128(peer).u128(NOBODY).u128(peer).u128(NOBODY).u8(255);
        scene.forge("H", "X", frame.frame());
        scene.pass("H", "X", 1);
        assert_eq!(scene.ended("XH"), ended);
    }
}

#[test]
fn whoever_promised_a_writer_may_say_that_it_will_never_come() {
    for (sure, ended) in [(false, Some(CloseReason::Lost(Loss::Node))), (true, None)] {
        let mut scene = stage();
        let (dest, from) = (scene.port_bits("XH"), scene.port_bits("HX"));
        // From here on the old neighbour is one only because it has named the next writer.
        hello(&mut scene, dest, from, "H", NOBODY);
        handoff(&mut scene, dest, from, "Y", NOBODY, sure);
        scene.forge("H", "X", Forged::event(kind::GONE, dest, from).u8(0).frame());
        scene.pass("H", "X", 3);
        assert_eq!(scene.ended("XH"), ended, "sure: {sure}");
    }
}

#[test]
fn a_proxy_that_failed_keeps_the_routing_events_that_end_it() {
    let mut scene = stage();
    scene.pipe("X", ["A", "B"]);
    scene.moves("A", "H");
    // H does not hear where B went, so B stays a proxy.
    scene.hold("Y", "H");
    scene.carry("B", "Y");
    scene.settle();
    let (proxy, writer, target) = (scene.port_bits("B"), scene.port_bits("A'"), scene.port_bits("B'"));
    scene.forge("H", "X", Forged::event(kind::END, proxy, NOBODY).frame());
    scene.pass("H", "X", 1);
    scene.forge("Y", "X", Forged::event(kind::GONE, proxy, target).u8(0).frame());
    scene.pass("Y", "X", 1);
    assert_eq!((scene.census("X").proxies, scene.census("X").dead_proxies), (0, 1));
    handoff(&mut scene, proxy, writer, "H", NOBODY, true);
    scene.pass("H", "X", 1);
    assert_eq!(scene.census("X").dead_proxies, 0, "its last writer has said that it is not needed any more");
}

#[test]
fn a_sender_that_used_its_whole_window_has_the_whole_of_it_again_when_all_is_read() {
    let mut scene = stage();
    scene.pipe_with("X", ["A", "B"], Window { bytes: 10_000, messages: 5 });
    scene.moves("B", "Y");
    for round in 0..3 {
        for _ in 0..5 {
            assert_eq!(scene.try_send("A", "one of five", &[]), Ok(()), "round {round}");
        }
        scene.settle();
        scene.reads("B", &["one of five"; 5]);
        scene.settle();
    }
}
