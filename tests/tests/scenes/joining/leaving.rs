//! Nodes leave, with a Bye or without the broker, and take nothing with them that others need.

use mage_proto::SendErrorKind;
use mage_tests::scene::forge::{Forged, kind};
use mage_tests::scene::play;

#[test]
fn a_node_says_bye_with_frames_still_queued() {
    play(&["X", "Y"], |scene| {
        scene.apart();
        scene.fill("X", "Y");
        scene.send("A", "not written yet");
        scene.node("X").shutdown();
        scene.perform("X");
        scene.settle();
        assert!(scene.said("X").iter().all(|said| said != "drained"), "the message is still here");
        scene.empty("X", "Y");
        scene.settle();
        scene.has_said("X", "drained");
        scene.has_said("Y", "X is lost after its Bye");
        scene.reads("B", &["not written yet"]);
        scene.sees_close("B");
        scene.forget("A");
        scene.forget("XY");
    });
}

#[test]
fn a_node_leaves_while_it_still_passes_messages_on() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.hold("X", "Y");
        scene.send("A", "through Y");
        scene.carry("B", "Z");
        scene.settle();
        scene.node("Y").shutdown();
        scene.perform("Y");
        scene.settle();
        assert!(scene.said("Y").iter().all(|said| said != "drained"), "a route passes here");
        scene.settle_all();
        scene.has_said("Y", "drained");
        scene.fetch("Z");
        scene.reads("B", &["through Y"]);
        scene.send("A", "without Y");
        scene.settle();
        scene.reads("B", &["without Y"]);
        for end in ["YX", "YZ"] {
            scene.forget(end);
        }
    });
}

#[test]
fn two_nodes_leave_at_once() {
    play(&["X", "Y"], |scene| {
        scene.apart();
        for node in ["X", "Y"] {
            scene.node(node).shutdown();
            scene.perform(node);
        }
        scene.settle();
        scene.has_said("X", "drained");
        scene.has_said("Y", "drained");
        for end in ["A", "B", "XY", "YX"] {
            scene.forget(end);
        }
    });
}

#[test]
fn the_broker_leaves_and_its_members_stay_together() {
    play(&["K", "X", "Y"], |scene| {
        scene.apart();
        scene.node("K").shutdown();
        scene.perform("K");
        scene.settle();
        scene.has_said("K", "drained");
        scene.has_said("X", "the broker is lost");
        scene.send("A", "without it");
        scene.settle();
        scene.reads("B", &["without it"]);
        scene.forget("KX");
        scene.forget("KY");
    });
}

#[test]
fn a_node_without_a_network_loses_what_it_cannot_reach() {
    play(&["X", "Y", "Z"], |scene| {
        scene.crash("X");
        scene.settle();
        // Y and Z have met before; a pipe between them goes on, and a new one may be made over their road.
        scene.pipe("Y", ["A", "B"]);
        scene.moves("B", "Z");
        scene.send("A", "still");
        scene.settle();
        scene.reads("B", &["still"]);
        assert!(matches!(scene.try_send("YX", "anybody?", &[]), Err(SendErrorKind::Closed(_))));
    });
}

#[test]
fn a_bye_without_a_network_ends_the_link() {
    play(&["X", "Y"], |scene| {
        scene.forge("Y", "X", Forged::control(kind::BYE).frame());
        scene.settle();
        scene.has_said("X", "Y is lost after its Bye");
        scene.sees_loss("XY");
    });
}
