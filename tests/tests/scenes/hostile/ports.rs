//! Messages that bring ports which no honest node moves, or more of them than it may.

use mage_proto::{CloseReason, Limits, Loss};
use mage_tests::scene::forge::Forged;
use mage_tests::scene::{Scene, play, play_with};

use super::{STAGE, honest_nodes_go_on, road, stage, the_link_ends};

#[test]
fn a_message_brings_more_ports_than_any_may() {
    the_link_ends("has 129 ports, 128 are allowed", |scene| {
        let (dest, from) = road(scene);
        let ports: Vec<Forged> = (0..129).map(|n| Forged::port(1000 + n, 2000 + n, None)).collect();
        Forged::data_with(dest, from, 64 + 129 * 256, &ports).frame()
    });
}

#[test]
fn a_moved_port_has_no_name_or_one_that_is_taken() {
    let one = |scene: &Scene, port: Forged| {
        let (dest, from) = road(scene);
        Forged::data_with(dest, from, 64 + 256, &[port]).frame()
    };
    the_link_ends("0 (0x0) for \"name of a moved port\": zero names no port", move |scene| {
        one(scene, Forged::port(0, 701, None))
    });
    the_link_ends("0 (0x0) for \"writer of a moved port\": zero names no port", move |scene| {
        one(scene, Forged::port(700, 0, None))
    });
    the_link_ends("which is taken", move |scene| one(scene, Forged::port(scene.port_bits("A"), 701, None)));
    the_link_ends("the peer of a moved port is announced and has no name", move |scene| {
        one(scene, Forged::port(700, 701, Some((0, 5))))
    });
    the_link_ends("its own peer", move |scene| {
        let here = scene.name("X").bits();
        one(scene, Forged::port(700, 701, Some((here, 700))))
    });
}

#[test]
fn two_moved_ports_share_a_name_or_a_writer() {
    for (other, writer) in [(700, 702), (703, 701)] {
        the_link_ends("two moved ports share a name", move |scene| {
            let (dest, from) = road(scene);
            let ports = [Forged::port(700, 701, None), Forged::port(other, writer, None)];
            Forged::data_with(dest, from, 64 + 512, &ports).frame()
        });
    }
}

#[test]
fn a_moved_port_brings_impossible_credit() {
    let full = (1 << 20, 1024);
    type Case = ((u32, u32), [(i64, i32); 3], &'static str);
    let cases: [Case; 5] = [
        ((0, 0), [(0, 0); 3], "the window of a moved port is empty"),
        ((u32::MAX, 5), [(0, 0); 3], "has 4294967295 bytes in a window, 67108864 are allowed"),
        (
            (1 << 20, 1024),
            [(9 << 20, 0), full, (0, 0)],
            "for \"what a moved port may send\": it is more than eight windows",
        ),
        ((1 << 20, 1024), [full, (0, 9 * 1024), (0, 0)], "for \"what it has granted\": it is more than eight windows"),
        ((1 << 20, 1024), [full, full, (-1, 0)], "for \"what it owes\": it is negative"),
    ];
    for (window, credit, why) in cases {
        the_link_ends(why, move |scene| {
            let (dest, from) = road(scene);
            let port = Forged::port_with(700, 701, None, window, credit);
            Forged::data_with(dest, from, 64 + 256, &[port]).frame()
        });
    }
}

#[test]
fn ports_beyond_what_a_link_may_have_are_taken_and_lost() {
    let limits = Limits { ports_per_link: 20, ..Limits::default() };
    play_with(&limits, &STAGE, |scene| {
        stage(scene);
        for n in 0..30 {
            let (one, other) = (format!("S{n}"), format!("R{n}"));
            scene.pipe("H", [&one, &other]);
            scene.send_with("HX", "another", &[&other]);
        }
        scene.settle();
        scene.fetch("X");
        let lost = (0..30).filter(|n| scene.ended(&format!("R{n}")) == Some(CloseReason::Lost(Loss::Limit))).count();
        assert!((10..13).contains(&lost), "{lost} of 30; the roads count, too");
        assert!(scene.ended("R0").is_none());
        honest_nodes_go_on(scene);
    });
}

#[test]
fn a_message_for_an_unknown_name_brings_ports_that_are_closed() {
    play(&STAGE, |scene| {
        stage(scene);
        let port = Forged::port(700, 701, None);
        scene.forge("H", "X", Forged::data_with(800, 801, 64 + 256, &[port]).frame());
        scene.settle();
        honest_nodes_go_on(scene);
        assert_eq!(scene.census("X").stubs, 1, "it waits for a Close that H does not send");
        scene.crash("H");
        scene.settle();
        assert_eq!(scene.census("X").stubs, 0);
    });
}

#[test]
fn a_message_is_for_the_port_that_it_brings() {
    play(&STAGE, |scene| {
        stage(scene);
        let port = Forged::port(700, 701, None);
        scene.forge("H", "X", Forged::data_with(700, 701, 64 + 256, &[port]).frame());
        scene.settle();
        honest_nodes_go_on(scene);
        scene.crash("H");
        scene.settle();
    });
}
