//! What nodes say to nodes, said by one whose place it is not, or of nodes that do not exist.

use mage_tests::scene::forge::{Forged, kind};
use mage_tests::scene::play;

use super::{STAGE, honest_nodes_go_on, nothing_ends, stage, the_link_ends};

/// Y is a member; H tells it `frame`, and Y drops the link, saying `why`.
#[track_caller]
fn the_link_to_a_member_ends(why: &str, frame: &Forged) {
    play(&STAGE, |scene| {
        stage(scene);
        scene.forge("H", "Y", frame.clone().frame());
        scene.settle();
        let faults = scene.faults();
        assert!(faults[0].contains(why), "{faults:?}");
        scene.sees_loss("YH");
        honest_nodes_go_on(scene);
    });
}

#[test]
fn a_member_says_what_only_a_broker_says() {
    for frame in [
        Forged::control(kind::NO_MEET).u128(5),
        Forged::control(kind::REFER_OK).u64(1).u128(5),
        Forged::control(kind::REFER_NO).u64(1),
    ] {
        the_link_to_a_member_ends("only the broker says this", &frame);
    }
}

#[test]
fn a_member_asks_a_member_what_only_a_broker_does() {
    for frame in [Forged::control(kind::SEEK).u128(5), Forged::control(kind::MEET_FAILED).u128(5).u8(1)] {
        the_link_to_a_member_ends("this node is no broker", &frame);
    }
}

#[test]
fn a_node_greets_or_welcomes_twice() {
    the_link_ends("it comes first and once", |_| Forged::greet(1, 1, 0).frame());
    the_link_ends("nobody here waits to be welcomed", |_| {
        Forged::control(kind::WELCOME).u128(5).u128(6).u128(6).u16(0).frame()
    });
}

#[test]
fn a_member_seeks_itself_the_broker_or_nobody() {
    the_link_ends("seeks itself or its broker", |scene| {
        let h = scene.name("H").bits();
        Forged::control(kind::SEEK).u128(h).frame()
    });
    the_link_ends("seeks itself or its broker", |scene| {
        let x = scene.name("X").bits();
        Forged::control(kind::SEEK).u128(x).frame()
    });
    nothing_ends(|_| Forged::control(kind::SEEK).u128(987_654).frame());
}

#[test]
fn a_node_names_many_nodes_that_do_not_exist() {
    play(&STAGE, |scene| {
        stage(scene);
        // Y is a member, so it would have to ask the broker for each.
        let (dest, from) = (scene.port_bits("YH"), scene.port_bits("HY"));
        for n in 0..100_u128 {
            let port = Forged::port(7000 + n, 8000 + n, Some((90_000 + n, 1)));
            scene.forge("H", "Y", Forged::data_with(dest, from, 64 + 256, &[port]).frame());
        }
        scene.hold("X", "Y");
        scene.settle();
        assert!(scene.census("Y").nodes <= 2 + 32, "{:?}", scene.census("Y"));
        scene.release("X", "Y");
        scene.settle();
        assert_eq!(scene.census("Y").nodes, 2);
        honest_nodes_go_on(scene);
        scene.leaves_residue();
    });
}
