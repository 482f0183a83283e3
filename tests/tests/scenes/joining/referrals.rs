//! A member invites, and refers the newcomer to the broker, which names it.

use mage_proto::Limits;
use mage_tests::scene::forge::{Forged, kind};
use mage_tests::scene::{play, play_with};

#[test]
fn a_member_invites_and_the_broker_names_the_newcomer() {
    play(&["K"], |scene| {
        scene.members(&["M"]);
        scene.stranger("C");
        scene.invites("M", "C", &[("A", "B")]);
        scene.send("A", "before anybody knew you");
        scene.settle();
        scene.reads("B", &["before anybody knew you"]);
        scene.has_said("C", "joined");
        assert_eq!((scene.census("K").links, scene.census("M").links, scene.census("C").links), (2, 2, 2));
        // The newcomer and the broker talk directly.
        scene.pipe("C", ["E", "F"]);
        scene.send_with("B", "for the broker", &["F"]);
        scene.settle();
        scene.reads("A", &["for the broker"]);
        scene.send_with("MK", "for you", &["F"]);
        scene.settle();
        scene.reads("KM", &["for you"]);
        scene.send("E", "direct");
        scene.settle();
        scene.reads("F", &["direct"]);
        scene.is_collapsed();
    });
}

#[test]
fn a_node_that_is_still_joining_invites_already() {
    play(&["K"], |scene| {
        scene.stranger("M");
        scene.stranger("C");
        scene.invites("K", "M", &[("KM", "MK")]);
        scene.invites("M", "C", &[("A", "B")]);
        scene.send("A", "a long way");
        scene.settle();
        scene.reads("B", &["a long way"]);
    });
}

#[test]
fn a_newcomer_that_is_referred_dies_before_it_is_welcomed() {
    play(&["K"], |scene| {
        scene.members(&["M"]);
        scene.stranger("C");
        scene.invites("M", "C", &[("A", "B")]);
        scene.lose("C", "M");
        scene.crash("C");
        scene.settle();
        scene.sees_loss("A");
        scene.has_said("M", "its invitation failed");
        assert_eq!((scene.census("K").links, scene.census("K").nodes), (1, 1));
    });
}

#[test]
fn a_newcomer_that_is_referred_says_something_else() {
    play(&["K"], |scene| {
        scene.members(&["M"]);
        scene.stranger("C");
        scene.invites("M", "C", &[("A", "B")]);
        scene.lose("C", "M");
        scene.forge("C", "M", Forged::control(kind::SEEK).u128(5).frame());
        scene.settle();
        assert!(scene.faults()[0].contains("a Seek frame is out of place"));
        scene.sees_loss("A");
        scene.has_said("M", "its invitation failed");
        assert_eq!((scene.census("K").links, scene.census("K").nodes), (1, 1));
        scene.leaves_residue();
    });
}

#[test]
fn a_member_dies_before_it_welcomes_whom_it_referred() {
    play(&["K"], |scene| {
        scene.members(&["M"]);
        scene.stranger("C");
        scene.hold("K", "M");
        scene.invites("M", "C", &[("A", "B")]);
        scene.settle();
        scene.crash("M");
        scene.settle_all();
        scene.has_said("C", "could not join");
        assert_eq!((scene.census("K").links, scene.census("K").nodes), (0, 0));
    });
}

#[test]
fn the_broker_dies_while_it_is_asked_to_admit_somebody() {
    play(&["K"], |scene| {
        scene.members(&["M"]);
        scene.stranger("C");
        scene.hold("M", "K");
        scene.invites("M", "C", &[("A", "B")]);
        scene.crash("K");
        scene.settle_all();
        scene.sees_loss("A");
        scene.has_said("M", "the broker is lost");
        scene.has_said("C", "could not join");
        let handle = scene.handle("another");
        let Err((error, handle)) = scene.node("M").invite(handle, 1) else { panic!("nobody admits it") };
        assert_eq!(error.to_string(), "the broker of this network is gone");
        drop(handle);
    });
}

#[test]
fn a_broker_refers_only_so_many_for_one_member() {
    let limits = Limits { referrals: 2, ..Limits::default() };
    play_with(&limits, &["K"], |scene| {
        scene.members(&["M"]);
        for n in 0..3 {
            let (label, here, there) = (format!("C{n}"), format!("A{n}"), format!("B{n}"));
            scene.stranger(&label);
            scene.invites("M", &label, &[(&here, &there)]);
            scene.settle();
        }
        scene.has_said("M", "the broker refused the invitee");
        scene.sees_loss("A2");
        // One of them dies, and another may come.
        scene.crash("C0");
        scene.settle();
        scene.stranger("D");
        scene.invites("M", "D", &[("E", "F")]);
        scene.settle();
        scene.has_said("D", "joined");
    });
}
