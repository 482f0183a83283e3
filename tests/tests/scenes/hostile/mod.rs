//! What a node may try that does not keep the protocol, and what ends by it: the link for what no frame can be, one
//! route for a broken promise, nothing at all for an event of somebody who is not entitled.
//!
//! H is the hostile one. It has a road to X, and X has a pipe to an honest Y, which must never notice anything.

mod frames;
mod leftovers;
mod ports;
mod promises;
mod roles;
mod strangers;

use mage_proto::CloseReason;
use mage_tests::scene::{Scene, play};

/// X and Y with a pipe from A to B, and H.
const STAGE: [&str; 3] = ["X", "Y", "H"];

/// What X calls its end of the road to H, and H its own.
fn road(scene: &Scene) -> (u128, u128) {
    (scene.port_bits("XH"), scene.port_bits("HX"))
}

fn stage(scene: &mut Scene) {
    scene.apart();
    scene.begin();
}

/// The pipe between X and Y works.
#[track_caller]
fn honest_nodes_go_on(scene: &mut Scene) {
    scene.send("A", "as if nothing");
    scene.send("B", "had happened");
    scene.settle();
    scene.reads("B", &["as if nothing"]);
    scene.reads("A", &["had happened"]);
}

/// H sends what `forge` makes, and X drops the link, saying `why`.
#[track_caller]
fn the_link_ends(why: &str, forge: impl Fn(&mut Scene) -> Vec<u8>) {
    play(&STAGE, |scene| {
        stage(scene);
        let bytes = forge(scene);
        scene.forge("H", "X", bytes);
        scene.settle();
        let faults = scene.faults();
        assert!(faults.len() == 1 && faults[0].starts_with("X drops a link"), "{faults:?}");
        assert!(faults[0].contains(why), "{faults:?}");
        scene.sees_loss("XH");
        honest_nodes_go_on(scene);
    });
}

/// H sends what `forge` makes over its road, and X drops that route only, saying `why`.
#[track_caller]
fn the_route_ends(why: &str, forge: impl Fn(&mut Scene) -> Vec<u8>) {
    play(&STAGE, |scene| {
        stage(scene);
        scene.pipe("X", ["C", "D"]);
        scene.moves("D", "H");
        let bytes = forge(scene);
        scene.forge("H", "X", bytes);
        scene.settle();
        let faults = scene.faults();
        assert!(!faults.is_empty() && faults[0].starts_with("X drops a route"), "{faults:?}");
        assert!(faults[0].contains(why), "{faults:?}");
        assert_eq!(scene.ended("XH").map(|reason| matches!(reason, CloseReason::Lost(_))), Some(true));
        honest_nodes_go_on(scene);
        // The other pipe to H lives, so the link does.
        scene.send("C", "still");
        scene.settle();
        scene.reads("D", &["still"]);
        scene.leaves_residue();
    });
}

/// H sends what `forge` makes, and nothing comes of it.
#[track_caller]
fn nothing_ends(forge: impl Fn(&mut Scene) -> Vec<u8>) {
    play(&STAGE, |scene| {
        stage(scene);
        let bytes = forge(scene);
        scene.forge("H", "X", bytes);
        scene.settle();
        honest_nodes_go_on(scene);
        assert_eq!(scene.ended("XH"), None);
        assert!(scene.faults().is_empty());
        scene.leaves_residue();
    });
}

/// X says `why` it has dropped its end of the road, and nobody else notices.
#[track_caller]
fn the_road_is_lost(scene: &mut Scene, why: &str) {
    scene.settle();
    let faults = scene.faults();
    assert!(faults[0].contains(why), "{faults:?}");
    scene.sees_loss("XH");
    honest_nodes_go_on(scene);
    scene.leaves_residue();
}
