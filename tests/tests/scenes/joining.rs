//! Nodes meet and part: invitations, referrals by members, introductions, Bye.

use mage_proto::{Limits, SendErrorKind};
use mage_tests::scene::forge::{Forged, kind};
use mage_tests::scene::{Scene, play};

/// A broker K and members that nobody has introduced to each other.
fn members(scene: &mut Scene, labels: &[&str]) {
    for label in labels {
        scene.stranger(label);
        scene.invites("K", label, &[(&format!("K{label}"), &format!("{label}K"))]);
        scene.settle();
    }
}

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
        let magic = u64::from_le_bytes(*b"mage\xff\0\0\x01");
        let greet = Forged::control(kind::GREET).u64(magic).u16(2).u16(9).u32(1 << 18).u32(100).u16(128).u16(64).u32(0);
        scene.forge("Y", "X", greet.frame());
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
        let magic = u64::from_le_bytes(*b"mage\xff\0\0\x01");
        let greet = Forged::control(kind::GREET).u64(magic).u16(1).u16(9).u32(1 << 18).u32(100).u16(128).u16(64).u32(0);
        scene.forge("Y", "X", greet.bytes(b"and more").frame());
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
fn a_member_invites_and_the_broker_names_the_newcomer() {
    play(&["K"], |scene| {
        members(scene, &["M"]);
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
        members(scene, &["M"]);
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
        members(scene, &["M"]);
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
        members(scene, &["M"]);
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
        members(scene, &["M"]);
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
fn the_broker_dies_while_somebody_is_sought() {
    play(&["K"], |scene| {
        members(scene, &["X", "Y"]);
        scene.withhold_pairs();
        scene.pipe("K", ["A", "B"]);
        scene.send_with("KX", "an end", &["A"]);
        scene.send_with("KY", "an end", &["B"]);
        scene.settle();
        scene.reads("XK", &["an end"]);
        scene.reads("YK", &["an end"]);
        scene.send("A", "for nobody");
        scene.crash("K");
        scene.settle();
        scene.sees_loss("A");
        scene.sees_loss("B");
        assert_eq!((scene.census("X").nodes, scene.census("Y").nodes), (0, 0));
    });
}

#[test]
fn the_broker_dies_after_it_gave_out_the_sockets() {
    play(&["K"], |scene| {
        members(scene, &["X", "Y"]);
        scene.pipe("K", ["A", "B"]);
        scene.send_with("KX", "an end", &["A"]);
        scene.send_with("KY", "an end", &["B"]);
        scene.settle();
        scene.crash("K");
        scene.settle();
        scene.reads("XK", &["an end"]);
        scene.reads("YK", &["an end"]);
        scene.send("A", "without it");
        scene.settle();
        scene.reads("B", &["without it"]);
    });
}

#[test]
fn two_nodes_that_seek_each_other_at_once_meet_once() {
    play(&["K"], |scene| {
        members(scene, &["X", "Y"]);
        scene.pipe("K", ["A", "B"]);
        scene.pipe("K", ["C", "D"]);
        scene.send_with("KX", "an end", &["A"]);
        scene.send_with("KY", "an end", &["B"]);
        scene.send_with("KX", "an end", &["C"]);
        scene.send_with("KY", "an end", &["D"]);
        scene.settle();
        scene.fetch("X");
        scene.fetch("Y");
        assert_eq!((scene.census("X").links, scene.census("Y").links), (2, 2));
        scene.send("A", "one");
        scene.send("D", "other");
        scene.settle();
        scene.reads("B", &["one"]);
        scene.reads("C", &["other"]);
    });
}

#[test]
fn a_node_that_comes_again_is_another_and_meets_everybody_anew() {
    play(&["K", "X"], |scene| {
        members(scene, &["Y"]);
        scene.pipe("X", ["A", "B"]);
        scene.moves("B", "K");
        scene.send_with("KY", "an end", &["B"]);
        scene.settle();
        scene.fetch("Y");
        scene.crash("Y");
        scene.settle();
        scene.sees_loss("A");
        scene.sees_loss("KY");
        scene.stranger("Y again");
        scene.invites("K", "Y again", &[("KZ", "ZK")]);
        scene.settle();
        scene.pipe("X", ["C", "D"]);
        scene.moves("D", "K");
        scene.send_with("KZ", "an end", &["D"]);
        scene.settle();
        scene.reads("ZK", &["an end"]);
        scene.send("C", "new pipe, new node");
        scene.settle();
        scene.reads("D", &["new pipe, new node"]);
        assert_eq!(scene.census("X").links, 2);
    });
}

#[test]
fn a_node_says_bye_with_frames_still_queued() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.moves("B", "Y");
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
        scene.pipe("X", ["A", "B"]);
        scene.moves("B", "Y");
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
        scene.pipe("X", ["A", "B"]);
        scene.moves("B", "Y");
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
        scene.pipe("X", ["A", "B"]);
        scene.moves("B", "Y");
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

#[test]
fn a_broker_refers_only_so_many_for_one_member() {
    let limits = Limits { referrals: 2, ..Limits::default() };
    mage_tests::scene::play_with(&limits, &["K"], |scene| {
        members(scene, &["M"]);
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

#[test]
fn a_member_asks_for_only_so_many_at_once_and_meets_all_in_the_end() {
    let limits = Limits { seeks: 2, ..Limits::default() };
    mage_tests::scene::play_with(&limits, &["K"], |scene| {
        members(scene, &["X", "P", "Q", "R", "S", "T"]);
        scene.withhold_pairs();
        for other in ["P", "Q", "R", "S", "T"] {
            let (here, there) = (format!("X to {other}"), format!("{other} to X"));
            scene.pipe("K", [&here, &there]);
            scene.send_with("KX", "an end", &[&here]);
        }
        scene.settle();
        scene.fetch("X");
        for other in ["P", "Q", "R", "S", "T"] {
            scene.send_with(&format!("K{other}"), "an end", &[&format!("{other} to X")]);
        }
        scene.settle();
        scene.grant_pairs();
        scene.settle();
        for other in ["P", "Q", "R", "S", "T"] {
            scene.fetch(other);
            scene.send(&format!("X to {other}"), "met");
        }
        scene.settle();
        for other in ["P", "Q", "R", "S", "T"] {
            scene.reads(&format!("{other} to X"), &["met"]);
        }
        scene.is_collapsed();
    });
}
