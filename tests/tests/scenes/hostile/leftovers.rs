//! What a hostile node leaves behind at X: answers to unknown names, stubs and dead proxies. There is an end to each.

use mage_proto::{CloseReason, Limits, Loss};
use mage_tests::scene::forge::{Forged, kind};
use mage_tests::scene::{Scene, play, play_with};

use super::{STAGE, honest_nodes_go_on, stage};

#[test]
fn an_unknown_name_is_answered_once_and_not_for_ever() {
    play(&STAGE, |scene| {
        stage(scene);
        scene.frames();
        scene.forge("H", "X", Forged::event(kind::GONE, 800, 801).u8(0).frame());
        scene.forge("H", "X", Forged::event(kind::GONE, 800, 801).u8(1).frame());
        scene.forge("H", "X", Forged::event(kind::END, 800, 801).frame());
        scene.forge("H", "X", Forged::event(kind::CREDIT, 800, 801).u64(1).u32(1).frame());
        scene.settle();
        assert_eq!(scene.frames(), 4 + 1, "one answer");
        scene.forge("H", "X", Forged::data(800, 801, b"anybody?").frame());
        scene.settle();
        // The Gone that answers it is itself answered by H, whose port does not exist either.
        assert_eq!(scene.frames(), 1 + 1 + 1);
        honest_nodes_go_on(scene);
    });
}

/// X makes pipes whose far ends go to H, and closes its own ends. H answers nothing, and sends `junk` frames to each from
/// a port that has no business there.
fn closes_that_nobody_answers(scene: &mut Scene, pipes: usize, junk: usize) {
    for n in 0..pipes {
        let (one, other) = (format!("S{n}"), format!("R{n}"));
        scene.pipe("X", [&one, &other]);
        scene.moves(&other, "H");
        let stub = scene.port_bits(&one);
        scene.close(&one);
        scene.settle_without_answer("X", "H");
        for _ in 0..junk {
            scene.forge("H", "X", Forged::event(kind::END, stub, 5000).frame());
        }
        scene.settle();
        scene.forget(&other);
    }
}

#[test]
fn stubs_of_a_poisoned_sender_are_evicted_when_there_are_too_many() {
    let limits = Limits { ports_per_link: 16, pended_controls: 2, ..Limits::default() };
    play_with(&limits, &STAGE, |scene| {
        stage(scene);
        closes_that_nobody_answers(scene, 60, 3);
        let stubs = scene.census("X").stubs;
        assert!(stubs <= 16 + 3, "{stubs} stubs");
        honest_nodes_go_on(scene);
        scene.leaves_residue();
    });
}

#[test]
fn dead_proxies_of_a_poisoned_sender_are_evicted_when_there_are_too_many() {
    let limits = Limits { ports_per_link: 16, pended_controls: 2, ..Limits::default() };
    play_with(&limits, &["X", "Y", "H", "Z"], |scene| {
        stage(scene);
        let mut proxies = Vec::new();
        for n in 0..12 {
            let (one, other) = (format!("P{n}"), format!("Q{n}"));
            scene.pipe("X", [&one, &other]);
            scene.moves(&other, "H");
            proxies.push(scene.port_bits(&one));
            scene.carry(&one, "Z");
            scene.settle_without_answer("X", "H");
            scene.fetch("Z");
        }
        scene.crash("Z");
        scene.settle_without_answer("X", "H");
        assert_eq!(scene.census("X").dead_proxies, 12, "an honest node that is slow looks the same");
        for proxy in proxies {
            for _ in 0..3 {
                scene.forge("H", "X", Forged::event(kind::CLOSE, proxy, 5000).u32(0).u16(0).frame());
            }
        }
        scene.settle();
        // It is looked at again when still more lingers on account of H.
        closes_that_nobody_answers(scene, 8, 0);
        assert_eq!(scene.census("X").dead_proxies, 0);
        honest_nodes_go_on(scene);
        scene.leaves_residue();
    });
}

#[test]
fn stubs_that_may_be_an_honest_nodes_stay_and_count_against_it() {
    let limits = Limits { ports_per_link: 16, ..Limits::default() };
    play_with(&limits, &STAGE, |scene| {
        stage(scene);
        closes_that_nobody_answers(scene, 20, 1);
        assert_eq!(scene.census("X").stubs, 20);
        // What H moves here now is taken and lost.
        scene.pipe("H", ["C", "D"]);
        scene.send_with("HX", "one more", &["D"]);
        scene.settle();
        scene.reads("XH", &["one more"]);
        assert_eq!(scene.read("D"), Err(CloseReason::Lost(Loss::Limit)));
        honest_nodes_go_on(scene);
        scene.leaves_residue();
    });
}
