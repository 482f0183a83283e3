//! Isolated links: nodes of different networks share pipes, and nothing else.

use mage_proto::{MergeError, SendErrorKind};
use mage_tests::scene::forge::{Forged, kind};
use mage_tests::scene::{Scene, play};

/// X and M are one network; I is on its own, and shares the pipe P–Q with X.
const STAGE: [&str; 2] = ["X", "M"];

fn stage(scene: &mut Scene) {
    scene.stranger("I");
    scene.shares("X", "I", &[("P", "Q")]);
    scene.settle();
    scene.begin();
}

#[track_caller]
fn talk(scene: &mut Scene, one: &str, other: &str) {
    scene.send(one, "there");
    scene.send(other, "and back");
    scene.settle();
    scene.reads(other, &["there"]);
    scene.reads(one, &["and back"]);
}

/// X makes a pipe and sends one end of it to I.
#[track_caller]
fn a_new_pipe_leads_across(scene: &mut Scene) {
    scene.pipe("X", ["A", "B"]);
    scene.send_with("P", "a port", &["B"]);
    scene.settle();
    scene.reads("Q", &["a port"]);
    talk(scene, "A", "B");
}

#[test]
fn nodes_of_different_networks_share_pipes() {
    play(&STAGE, |scene| {
        stage(scene);
        talk(scene, "P", "Q");
        let large = "x".repeat(1 << 20);
        scene.send("P", &large);
        scene.settle();
        scene.reads("Q", &[&large]);
        scene.close_saying("Q", 5, "enough");
        scene.settle();
        assert_eq!(scene.read("P"), Err(mage_proto::CloseReason::closed(5, "enough")));
    });
}

#[test]
fn ports_move_over_an_isolated_link_and_their_proxies_go() {
    play(&STAGE, |scene| {
        stage(scene);
        scene.pipe("X", ["A", "B"]);
        scene.send("A", "before");
        scene.send_with("P", "a port", &["B"]);
        scene.send("A", "after");
        scene.settle();
        scene.reads("Q", &["a port"]);
        scene.reads("B", &["before", "after"]);
        talk(scene, "A", "B");
        scene.is_collapsed();
        // … and back again, and both ends the other way round.
        scene.send_with("Q", "back", &["B"]);
        scene.settle();
        scene.reads("P", &["back"]);
        scene.send_with("P", "the other end", &["A"]);
        scene.settle();
        scene.reads("Q", &["the other end"]);
        talk(scene, "A", "B");
        scene.is_collapsed();
    });
}

#[test]
fn both_ends_of_a_pipe_cross_an_isolated_link() {
    play(&STAGE, |scene| {
        stage(scene);
        scene.pipe("X", ["A", "B"]);
        scene.send_with("P", "one end", &["A"]);
        scene.send_with("P", "the other", &["B"]);
        scene.settle();
        scene.reads("Q", &["one end", "the other"]);
        talk(scene, "A", "B");
        scene.is_collapsed();
    });
}

#[test]
fn a_port_whose_far_end_is_elsewhere_does_not_cross() {
    play(&STAGE, |scene| {
        stage(scene);
        scene.pipe("X", ["A", "B"]);
        scene.moves("A", "M");
        assert_eq!(scene.try_send("P", "a port", &["B"]), Err(SendErrorKind::Isolated));
        talk(scene, "A", "B");
        // Nor does one whose far end moves there just now.
        scene.pipe("X", ["C", "D"]);
        scene.carry("C", "M");
        assert_eq!(scene.try_send("P", "a port", &["D"]), Err(SendErrorKind::Isolated));
        scene.settle();
        scene.fetch("M");
        talk(scene, "C", "D");
    });
}

#[test]
fn a_port_whose_far_end_is_across_goes_nowhere_else() {
    play(&STAGE, |scene| {
        stage(scene);
        scene.pipe("X", ["A", "B"]);
        scene.send_with("P", "a port", &["B"]);
        // The move is not even seen by its peer yet.
        assert_eq!(scene.try_send("XM", "a port", &["A"]), Err(SendErrorKind::Isolated));
        scene.settle();
        scene.reads("Q", &["a port"]);
        assert_eq!(scene.try_send("XM", "a port", &["A"]), Err(SendErrorKind::Isolated));
        assert_eq!(scene.try_send("XM", "a port", &["P"]), Err(SendErrorKind::Isolated));
        talk(scene, "A", "B");
    });
}

#[test]
fn pipes_of_two_networks_are_not_merged() {
    play(&STAGE, |scene| {
        stage(scene);
        assert_eq!(scene.try_merge("P", "XM"), Err(MergeError::Isolated));
        // With a pipe of this node they are.
        scene.pipe("X", ["A", "B"]);
        scene.merge("P", "B");
        scene.settle();
        talk(scene, "A", "Q");
        scene.is_collapsed();
    });
}

#[test]
fn a_port_that_slips_through_in_a_queue_is_lost_at_both_ends() {
    play(&STAGE, |scene| {
        stage(scene);
        scene.pipe("X", ["A", "B"]);
        scene.moves("A", "M");
        scene.pipe("X", ["C", "D"]);
        scene.send_with("C", "unread", &["B"]);
        scene.send_with("P", "a port with a queue", &["D"]);
        scene.settle();
        scene.sees_loss("A");
        scene.reads("Q", &["a port with a queue"]);
        scene.reads("D", &["unread"]);
        scene.sees_loss("B");
        talk(scene, "C", "D");
    });
}

#[test]
fn a_node_that_names_others_over_an_isolated_link_breaks_its_own_route_only() {
    play(&STAGE, |scene| {
        stage(scene);
        let (p, q) = (scene.port_bits("P"), scene.port_bits("Q"));
        let (m, mx) = (scene.name("M").bits(), scene.port_bits("MX"));
        scene.forge("I", "X", Forged::event(kind::HANDOFF, p, q).u128(m).u128(mx).u8(1).frame());
        scene.settle();
        scene.sees_loss("P");
        assert!(scene.faults().is_empty());
        talk(scene, "XM", "MX");
        scene.leaves_residue();
    });
}

#[test]
fn a_node_that_passes_itself_off_as_another_is_not_believed() {
    // I calls itself M on the link: X gives it a name of its own making, whatever it says.
    play(&STAGE, |scene| {
        scene.stranger("I");
        scene.shares("X", "I", &[("P", "Q")]);
        scene.lose("I", "X");
        let m = scene.name("M").bits();
        scene.forge("I", "X", Forged::greet(1, 1, 1).u128(m).frame());
        scene.pass("I", "X", 1);
        let xm = scene.port_bits("XM");
        let mx = scene.port_bits("MX");
        scene.forge("I", "X", Forged::data(xm, mx, b"I am M").frame());
        scene.settle();
        talk(scene, "XM", "MX");
        scene.faults();
        scene.leaves_residue();
    });
}

#[test]
fn an_isolated_node_is_no_member() {
    for frame in [Forged::control(kind::SEEK).u128(5), Forged::control(kind::MEET_FAILED).u128(5).u8(1)] {
        play(&STAGE, |scene| {
            stage(scene);
            scene.forge("I", "X", frame.clone().frame());
            scene.settle();
            assert!(scene.faults()[0].contains("an isolated node is no member"));
            scene.sees_loss("P");
            scene.sees_loss("Q");
            talk(scene, "XM", "MX");
        });
    }
}

#[test]
fn one_side_means_an_isolated_link_and_the_other_does_not() {
    play(&["X"], |scene| {
        scene.stranger("I");
        let pipes = [("P", "Q")];
        let theirs =
            scene.invitation("X", &pipes, |node, handle, count| node.invite_isolated(handle, count).expect("it may").1);
        scene.accepts("I", &[], |node| node.accept(theirs).is_ok());
        scene.settle();
        let faults = scene.faults();
        assert!(faults.iter().all(|fault| fault.contains("one side means an isolated link")), "{faults:?}");
        scene.has_said("X", "its invitation failed");
        scene.has_said("I", "could not join");
        scene.sees_loss("P");
    });
}

#[test]
fn a_node_that_is_renamed_keeps_its_isolated_links() {
    play(&["K"], |scene| {
        scene.stranger("X");
        scene.stranger("I");
        scene.shares("X", "I", &[("P", "Q")]);
        scene.settle();
        scene.invites("K", "X", &[("KX", "XK")]);
        scene.settle();
        talk(scene, "P", "Q");
        a_new_pipe_leads_across(scene);
        talk(scene, "KX", "XK");
    });
}

#[test]
fn two_isolated_links_between_two_nodes_know_nothing_of_each_other() {
    play(&STAGE, |scene| {
        stage(scene);
        scene.shares("X", "I", &[("R", "S")]);
        scene.settle();
        talk(scene, "P", "Q");
        talk(scene, "R", "S");
        scene.cut("X", "I");
        scene.settle();
        scene.sees_loss("R");
        scene.sees_loss("S");
        talk(scene, "P", "Q");
    });
}

#[test]
fn a_node_shares_pipes_with_itself() {
    play(&STAGE, |scene| {
        scene.shares("X", "X", &[("P", "Q")]);
        scene.settle();
        talk(scene, "P", "Q");
        a_new_pipe_leads_across(scene);
        scene.is_collapsed();
    });
}

#[test]
fn an_isolated_link_breaks_and_the_network_does_not_notice() {
    play(&STAGE, |scene| {
        stage(scene);
        scene.crash("I");
        scene.settle();
        scene.sees_loss("P");
        talk(scene, "XM", "MX");
    });
}

#[test]
fn an_isolated_node_shuts_down() {
    play(&STAGE, |scene| {
        stage(scene);
        scene.send("Q", "last words");
        scene.node("I").shutdown();
        scene.perform("I");
        scene.settle();
        scene.has_said("I", "drained");
        scene.reads("P", &["last words"]);
        scene.sees_close("P");
        scene.forget("Q");
    });
}
