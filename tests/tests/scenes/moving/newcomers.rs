//! Ends that go to nodes which have only just met, or not yet.

use mage_tests::scene::{play, play_in_orders};

use super::talk;

#[test]
fn a_thousand_messages_wait_for_a_node_that_is_invited_later() {
    play_in_orders(3, &["X"], |scene| {
        scene.stranger("Y");
        scene.invites("X", "Y", &[("A", "B")]);
        for n in 0..1001 {
            scene.send("A", &format!("{n}"));
        }
        scene.settle();
        for n in 0..1001 {
            scene.reads("B", &[&format!("{n}")]);
        }
    });
}

#[test]
fn the_broker_gives_two_members_a_pipe_and_they_talk_directly() {
    play(&["K", "X", "Y"], |scene| {
        scene.pipe("K", ["A", "B"]);
        scene.carry("A", "X");
        scene.carry("B", "Y");
        scene.settle();
        scene.fetch("X");
        scene.fetch("Y");
        scene.is_collapsed();
        scene.hold("K", "X");
        scene.hold("K", "Y");
        scene.hold("X", "K");
        scene.hold("Y", "K");
        talk(scene, "A", "B");
    });
}

#[test]
fn members_that_never_met_are_introduced_by_a_pipe() {
    play(&["K"], |scene| {
        scene.members(&["X", "Y"]);
        assert_eq!((scene.census("X").links, scene.census("Y").links), (1, 1));
        scene.gives_an_end_each();
        talk(scene, "A", "B");
        scene.is_collapsed();
        assert_eq!((scene.census("X").links, scene.census("Y").links), (2, 2), "they have met");
    });
}

#[test]
fn the_end_of_an_invitation_may_be_passed_back() {
    play(&["X"], |scene| {
        scene.stranger("Y");
        scene.invites("X", "Y", &[("A", "B"), ("C", "D")]);
        scene.send("A", "queued before anybody was there");
        scene.settle();
        scene.send_with("D", "take it back", &["B"]);
        scene.settle();
        scene.reads("C", &["take it back"]);
        scene.reads("B", &["queued before anybody was there"]);
        talk(scene, "A", "B");
        scene.is_collapsed();
    });
}
