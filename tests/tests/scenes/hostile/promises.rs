//! Broken promises: whoever may write to a port writes what it may not, and loses that route only.

use mage_proto::{Limits, Window};
use mage_tests::scene::forge::{Forged, kind};
use mage_tests::scene::{play, play_with};

use super::{STAGE, honest_nodes_go_on, road, stage, the_link_ends, the_road_is_lost, the_route_ends};

#[test]
fn a_message_is_not_as_long_as_it_costs() {
    the_route_ends("announced with a cost", |scene| {
        let (dest, from) = road(scene);
        Forged::data_of_cost(dest, from, 64 + 3, b"four").frame()
    });
    the_route_ends("announced with a cost", |scene| {
        let (dest, from) = road(scene);
        Forged::data_of_cost(dest, from, 63, b"").frame()
    });
}

#[test]
fn a_message_is_larger_than_any_may_be() {
    the_route_ends("exceeds the limit", |scene| {
        let (dest, from) = road(scene);
        Forged::data_of_cost(dest, from, u32::MAX, b"the first of it").flags(1).frame()
    });
}

#[test]
fn a_fragment_continues_nothing() {
    the_route_ends("continues no message", |scene| {
        let (dest, from) = road(scene);
        Forged::data_of_cost(dest, from, 0, b"the rest").frame()
    });
}

#[test]
fn a_message_begins_inside_another() {
    the_route_ends("begins inside another", |scene| {
        let (dest, from) = road(scene);
        let mut bytes = Forged::data_of_cost(dest, from, 1000, b"the first of it").flags(1).frame();
        bytes.extend(Forged::data(dest, from, b"another").frame());
        bytes
    });
}

#[test]
fn fragments_are_more_than_was_announced() {
    the_route_ends("announced with a cost", |scene| {
        let (dest, from) = road(scene);
        let mut bytes = Forged::data_of_cost(dest, from, 64 + 4, b"the").flags(1).frame();
        bytes.extend(Forged::data_of_cost(dest, from, 0, b"first").frame());
        bytes
    });
}

#[test]
fn a_stream_ends_or_is_handed_on_inside_a_message() {
    the_route_ends("a message is not complete", |scene| {
        let (dest, from) = road(scene);
        let mut bytes = Forged::data_of_cost(dest, from, 1000, b"the first of it").flags(1).frame();
        bytes.extend(Forged::event(kind::CLOSE, dest, from).u32(0).u16(0).frame());
        bytes
    });
    the_route_ends("a message is not complete", |scene| {
        let (dest, from) = road(scene);
        let node = scene.name("H").bits();
        let mut bytes = Forged::data_of_cost(dest, from, 1000, b"the first of it").flags(1).frame();
        bytes.extend(Forged::event(kind::HANDOFF, dest, from).u128(node).u128(77).u8(1).frame());
        bytes
    });
}

#[test]
fn a_flood_beyond_the_window_ends_its_route_only() {
    let limits = Limits { window: Window { bytes: 1000, messages: 8 }, max_message: 1000, ..Limits::default() };
    play_with(&limits, &STAGE, |scene| {
        stage(scene);
        let (dest, from) = road(scene);
        for _ in 0..200 {
            scene.forge("H", "X", Forged::data(dest, from, b"flood").frame());
        }
        scene.settle();
        let faults = scene.faults();
        assert!(faults[0].contains("would wait unread"), "{faults:?}");
        // What fits four windows is there, and nothing more.
        let mut read = 0;
        while let Ok(Some(_)) = scene.read("XH") {
            read += 1;
        }
        assert_eq!(read, 8 * 4 + 1);
        scene.sees_loss("XH");
        honest_nodes_go_on(scene);
        scene.leaves_residue();
    });
}

#[test]
fn a_port_is_handed_to_itself() {
    the_route_ends("cannot write to itself", |scene| {
        let (dest, from) = road(scene);
        let here = scene.name("X").bits();
        Forged::event(kind::HANDOFF, dest, from).u128(here).u128(dest).u8(1).frame()
    });
    the_route_ends("cannot send to itself", |scene| {
        let (dest, from) = road(scene);
        let here = scene.name("X").bits();
        let body = Forged::event(kind::HELLO, dest, from).u128(here).u128(dest);
        body.u128(here).u128(dest).u8(255).frame()
    });
}

#[test]
fn an_end_is_told_that_its_stream_has_ended_like_a_proxys() {
    the_route_ends("only a proxy", |scene| {
        let (dest, from) = road(scene);
        Forged::event(kind::END, dest, from).frame()
    });
}

#[test]
fn more_credit_is_returned_than_there_was() {
    the_route_ends("beyond eight windows", |scene| {
        let (dest, from) = road(scene);
        Forged::event(kind::CREDIT, dest, from).u64(8 << 20).u32(0).frame()
    });
    the_link_ends("(0xffffffffffffffff) for \"bytes\": it is too large", |scene| {
        let (dest, from) = road(scene);
        Forged::event(kind::CREDIT, dest, from).u64(u64::MAX).u32(0).frame()
    });
}

#[test]
fn a_port_is_handed_to_and_fro_without_end() {
    let limits = Limits { reroutes: 10, ..Limits::default() };
    play_with(&limits, &STAGE, |scene| {
        stage(scene);
        let (dest, from) = road(scene);
        let h = scene.name("H").bits();
        for n in 0..20 {
            let (writer, next) = if n % 2 == 0 { (from, 4000) } else { (4000, from) };
            let frame = Forged::event(kind::HANDOFF, dest, writer).u128(h).u128(next).u8(1).frame();
            scene.forge("H", "X", frame);
        }
        the_road_is_lost(scene, "rerouted more than 10 times");
    });
}

#[test]
fn nothing_but_routing_follows_a_close() {
    for (frame, why) in [
        (Forged::data(0, 0, b"more"), "a Data event is out of place"),
        (Forged::event(kind::CLOSE, 0, 0).u32(0).u16(0), "a Close event is out of place"),
        (Forged::event(kind::CREDIT, 0, 0).u64(1).u32(1), "a Credit event is out of place"),
    ] {
        play(&STAGE, |scene| {
            stage(scene);
            let (dest, from) = road(scene);
            // X's end becomes a stub that waits for a Handoff, because H lets it believe that it sends to another.
            let h = scene.name("H").bits();
            let hello = Forged::event(kind::HELLO, dest, from).u128(h).u128(6000).u128(h).u128(6000).u8(255);
            scene.forge("H", "X", hello.frame());
            scene.forge("H", "X", Forged::event(kind::CLOSE, dest, from).u32(0).u16(0).frame());
            scene.forge("H", "X", frame.clone().between(dest, from).frame());
            scene.settle();
            let faults = scene.faults();
            assert!(faults.iter().any(|fault| fault.contains(why)), "{faults:?}");
            honest_nodes_go_on(scene);
            scene.leaves_residue();
        });
    }
}
