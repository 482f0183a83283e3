//! Somebody is invited: what the invitee gets, and what becomes of those that fail.

use mage_proto::Limits;
use mage_tests::scene::forge::{Forged, kind};
use mage_tests::scene::play;

#[test]
fn an_invitee_gets_the_pipes_that_were_asked_for_in_order() {
    play(&["X"], |scene| {
        scene.stranger("Y");
        scene.invites("X", "Y", &[("A", "B"), ("C", "D"), ("E", "F")]);
        scene.send("A", "first");
        scene.send("C", "second");
        scene.close("E");
        scene.settle();
        scene.reads("B", &["first"]);
        scene.reads("D", &["second"]);
        scene.sees_close("F");
        scene.has_said("X", "Y is invited");
        scene.has_said("Y", "joined");
    });
}

#[test]
fn pipes_that_the_invitee_does_not_want_are_seen_closed_by_the_inviter() {
    play(&["X"], |scene| {
        scene.stranger("Y");
        scene.invites("X", "Y", &[("A", "B"), ("C", "D")]);
        scene.settle();
        scene.close("D");
        scene.settle();
        scene.sees_close("C");
    });
}

#[test]
fn an_invitation_is_answered_with_something_else() {
    for answer in [
        Forged::control(kind::BYE).frame(),
        Forged::control(kind::WELCOME).u128(5).u128(6).u128(6).u16(0).frame(),
        Forged::event(kind::END, 5, 6).frame(),
        b"GET / HTTP/1.1\r\n".to_vec(),
        Forged::control(kind::GREET).bytes(b"not the magic at all, but long enough").frame(),
    ] {
        play(&["X"], |scene| {
            scene.stranger("Y");
            scene.invites("X", "Y", &[("A", "B")]);
            scene.send("A", "for nobody");
            scene.lose("Y", "X");
            scene.forge("Y", "X", answer.clone());
            scene.settle();
            assert_eq!(scene.faults().len(), 1);
            scene.has_said("X", "its invitation failed");
            scene.has_said("Y", "could not join");
            scene.sees_loss("A");
        });
    }
}

#[test]
fn an_inviter_says_something_else() {
    play(&["X"], |scene| {
        scene.stranger("Y");
        scene.invites("X", "Y", &[("A", "B")]);
        scene.lose("X", "Y");
        scene.forge("X", "Y", Forged::control(kind::SEEK).u128(5).frame());
        scene.settle();
        assert_eq!(scene.faults().len(), 1);
        scene.has_said("Y", "could not join");
        scene.sees_loss("A");
    });
}

#[test]
fn the_other_side_speaks_no_version_that_this_one_does() {
    play(&["X"], |scene| {
        scene.stranger("Y");
        scene.invites("X", "Y", &[("A", "B")]);
        scene.lose("Y", "X");
        scene.forge("Y", "X", Forged::greet(2, 9, 0).frame());
        scene.settle();
        assert!(scene.faults()[0].contains("speaks versions 2 to 9"));
        scene.sees_loss("A");
    });
}

#[test]
fn a_later_version_may_say_more_in_its_greeting() {
    play(&["X"], |scene| {
        scene.stranger("Y");
        scene.invites("X", "Y", &[("A", "B")]);
        scene.lose("Y", "X");
        scene.forge("Y", "X", Forged::greet(1, 9, 0).bytes(b"and more").frame());
        scene.settle();
        scene.has_said("Y", "joined");
        scene.send("A", "welcome");
        scene.settle();
        scene.reads("B", &["welcome"]);
    });
}

#[test]
fn an_invitation_whose_connection_ends_closes_its_pipes() {
    for frames in 0..2 {
        play(&["X"], |scene| {
            scene.stranger("Y");
            scene.invites("X", "Y", &[("A", "B")]);
            scene.send("A", "for nobody");
            if frames > 0 {
                scene.pass("X", "Y", frames);
                scene.pass("Y", "X", frames);
            }
            scene.cut("X", "Y");
            scene.settle();
            scene.sees_loss("A");
            scene.has_said("Y", "could not join");
        });
    }
}

#[test]
fn nobody_is_invited_with_too_many_pipes() {
    play(&["X"], |scene| {
        let most = Limits::default().cargo;
        let handle = scene.handle("a socket");
        let Err((error, handle)) = scene.node("X").invite(handle, most + 1) else { panic!("it may not") };
        assert_eq!(error.to_string(), "129 initial pipes; 128 are allowed");
        drop(handle);
    });
}

#[test]
fn a_broker_or_a_member_accepts_no_invitation() {
    play(&["X", "Y"], |scene| {
        for node in ["X", "Y"] {
            let handle = scene.handle(node);
            let Err((error, handle)) = scene.node(node).accept(handle) else { panic!("it may not") };
            assert_eq!(error.to_string(), "this node already belongs to a network");
            drop(handle);
        }
    });
}

#[test]
fn nobody_is_invited_by_a_node_that_leaves() {
    play(&["X", "Y"], |scene| {
        scene.node("X").shutdown();
        scene.perform("X");
        let handle = scene.handle("a socket");
        let Err((error, handle)) = scene.node("X").invite(handle, 1) else { panic!("it leaves") };
        assert_eq!(error.to_string(), "this node is being shut down");
        drop(handle);
        scene.settle();
        scene.forget("XY");
    });
}
