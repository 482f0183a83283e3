//! Ports move: messages arrive once and in order, proxies go, nothing stays behind.

mod closing;
mod contents;
mod journeys;
mod nested;
mod newcomers;

use mage_tests::scene::Scene;

/// Sends ten messages each way and reads them in order.
#[track_caller]
fn talk(scene: &mut Scene, one: &str, other: &str) {
    for n in 0..10 {
        scene.send(one, &format!("{one} {n}"));
        scene.send(other, &format!("{other} {n}"));
    }
    scene.settle();
    for n in 0..10 {
        scene.reads(other, &[&format!("{one} {n}")]);
        scene.reads(one, &[&format!("{other} {n}")]);
    }
}
