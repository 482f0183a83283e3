//! Events of somebody who is not entitled: they wait, up to a limit, and end nothing but what they came from.

use mage_proto::{Limits, Window};
use mage_tests::scene::forge::{Forged, kind};
use mage_tests::scene::{play, play_with};

use super::{STAGE, honest_nodes_go_on, nothing_ends, road, stage, the_road_is_lost};

#[test]
fn a_stranger_writes_to_a_port_whose_name_it_knows() {
    for frame in [
        Forged::event(kind::CLOSE, 0, 0).u32(0).u16(0),
        Forged::event(kind::END, 0, 0),
        Forged::event(kind::GONE, 0, 0).u8(0),
        Forged::event(kind::CREDIT, 0, 0).u64(1 << 40).u32(7),
        Forged::data(0, 0, b"not for you"),
    ] {
        nothing_ends(move |scene| {
            let (a, from) = (scene.port_bits("A"), scene.port_bits("HX"));
            frame.clone().between(a, from).frame()
        });
    }
}

#[test]
fn a_stranger_names_itself_the_next_writer_or_the_new_peer() {
    nothing_ends(|scene| {
        let (a, from, h) = (scene.port_bits("A"), scene.port_bits("HX"), scene.name("H").bits());
        let mut bytes = Forged::event(kind::HANDOFF, a, from).u128(h).u128(from).u8(1).frame();
        let hello = Forged::event(kind::HELLO, a, from).u128(h).u128(from).u128(h).u128(from).u8(255);
        bytes.extend(hello.frame());
        bytes
    });
}

#[test]
fn a_stranger_takes_the_name_of_the_real_writer() {
    // The node of an event is known from its link, whatever the frame says.
    nothing_ends(|scene| {
        let (a, b) = (scene.port_bits("A"), scene.port_bits("B"));
        let mut bytes = Forged::data(a, b, b"I am B").frame();
        bytes.extend(Forged::event(kind::GONE, a, b).u8(0).frame());
        bytes
    });
}

#[test]
fn a_stranger_floods_a_port_and_only_so_much_is_kept() {
    let limits = Limits { max_message: 1000, window: Window { bytes: 1000, messages: 10 }, ..Limits::default() };
    play_with(&limits, &STAGE, |scene| {
        stage(scene);
        let a = scene.port_bits("A");
        for sender in 0..20 {
            for _ in 0..30 {
                scene.forge("H", "X", Forged::data(a, 5000 + sender, &[0; 100]).frame());
            }
        }
        scene.settle();
        honest_nodes_go_on(scene);
        assert!(scene.faults().is_empty(), "not even the stranger is reported: it may be an honest node");
        scene.leaves_residue();
    });
}

#[test]
fn whoever_sent_too_much_before_it_was_entitled_ends_its_route() {
    let limits = Limits { max_message: 1000, window: Window { bytes: 1000, messages: 10 }, ..Limits::default() };
    play_with(&limits, &STAGE, |scene| {
        stage(scene);
        let (dest, from) = road(scene);
        let h = scene.name("H").bits();
        for _ in 0..30 {
            scene.forge("H", "X", Forged::data(dest, 5000, &[0; 100]).frame());
        }
        scene.forge("H", "X", Forged::event(kind::HANDOFF, dest, from).u128(h).u128(5000).u8(1).frame());
        the_road_is_lost(scene, "before it was entitled");
    });
}

#[test]
fn whoever_was_one_sender_too_many_does_not_go_on_with_a_hole_in_its_stream() {
    play(&STAGE, |scene| {
        stage(scene);
        let (dest, from) = road(scene);
        let h = scene.name("H").bits();
        for n in 0..9 {
            scene.forge("H", "X", Forged::data(dest, 5000 + n, b"early").frame());
        }
        // The ninth was not listened to, and becomes the writer.
        scene.forge("H", "X", Forged::event(kind::HANDOFF, dest, from).u128(h).u128(5008).u8(1).frame());
        scene.forge("H", "X", Forged::data(dest, 5008, b"late").frame());
        the_road_is_lost(scene, "before it was entitled");
    });
}

#[test]
fn what_one_link_may_have_pended_in_all_is_bounded_and_the_heaviest_sender_pays() {
    let limits = Limits { link_pended_bytes: 10_000, ..Limits::default() };
    play_with(&limits, &STAGE, |scene| {
        stage(scene);
        let (dest, from) = road(scene);
        let (a, h) = (scene.port_bits("A"), scene.name("H").bits());
        // The next writer of the road has sent something; then a stranger floods another port.
        scene.forge("H", "X", Forged::data(dest, 5000, b"early").frame());
        for _ in 0..20 {
            scene.forge("H", "X", Forged::data(a, 6000, &[0; 1000]).frame());
        }
        scene.forge("H", "X", Forged::event(kind::HANDOFF, dest, from).u128(h).u128(5000).u8(1).frame());
        scene.settle();
        scene.reads("XH", &["early"]);
        assert!(scene.faults().is_empty());
        honest_nodes_go_on(scene);
        scene.leaves_residue();
    });
}

#[test]
fn an_honest_node_is_made_to_poke_others_and_nobody_is_punished() {
    // H tells X that its road goes on with a port of Y's, and that Y's port is its peer now: X believes its neighbour
    // and sends to Y, where it is not entitled to anything.
    play(&STAGE, |scene| {
        stage(scene);
        let (dest, from) = road(scene);
        let (y, b) = (scene.name("Y").bits(), scene.port_bits("B"));
        scene.forge("H", "X", Forged::event(kind::HELLO, dest, from).u128(y).u128(b).u128(y).u128(b).u8(255).frame());
        scene.forge("H", "X", Forged::event(kind::HANDOFF, dest, from).u128(y).u128(b).u8(1).frame());
        scene.settle();
        scene.send("XH", "for whoever is there");
        scene.settle();
        honest_nodes_go_on(scene);
        // H itself is told things that its own end does not understand; the others notice nothing.
        let faults = scene.faults();
        assert!(faults.iter().all(|fault| fault.starts_with('H')), "{faults:?}");
        scene.leaves_residue();
    });
}
