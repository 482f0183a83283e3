//! Disorderly ends: nodes crash, links break, introductions are refused. Whoever depended on it learns of a loss, after
//! reading what arrived; nobody else notices.

use mage_tests::scene::play;

#[test]
fn the_node_that_a_port_moved_to_drops_it_and_dies() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.carry("B", "Y");
        scene.hold("Y", "X");
        scene.settle();
        scene.fetch("Y");
        scene.close("B");
        scene.crash("Y");
        scene.settle_all();
        assert!(scene.ended("A").is_some());
        scene.has_said("X", "Y is lost");
    });
}

#[test]
fn a_node_dies_after_it_took_a_port() {
    play(&["X", "Y"], |scene| {
        scene.apart();
        scene.crash("Y");
        scene.settle();
        scene.sees_loss("A");
        scene.sees_loss("XY");
    });
}

#[test]
fn a_link_breaks_behind_a_proxy_before_it_goes() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.hold("X", "Y");
        scene.hold("Z", "X");
        scene.carry("B", "Z");
        scene.settle();
        scene.fetch("Z");
        scene.cut("Y", "Z");
        scene.settle_all();
        scene.sees_loss("B");
        scene.sees_loss("A");
        scene.is_collapsed();
    });
}

#[test]
fn a_link_breaks_behind_a_proxy_that_knows_its_next_writer() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.carry("B", "Z");
        scene.hold("Y", "Z");
        scene.settle();
        // Everything but the last Handoff of the proxy has arrived.
        scene.cut("Y", "Z");
        scene.settle_all();
        scene.sees_loss("A");
        scene.is_collapsed();
    });
}

#[test]
fn the_target_of_a_proxy_beside_its_peer_dies() {
    play(&["X", "Y"], |scene| {
        scene.pipe("X", ["A", "B"]);
        scene.hold("X", "Y");
        scene.carry("B", "Y");
        scene.crash("Y");
        scene.settle_all();
        scene.sees_loss("A");
        scene.is_collapsed();
    });
}

#[test]
fn a_crash_behind_a_proxy_reaches_the_other_end() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.hold("Z", "X");
        scene.carry("B", "Z");
        scene.settle();
        scene.crash("Z");
        scene.settle_all();
        scene.sees_loss("A");
        scene.is_collapsed();
    });
}

#[test]
fn what_was_written_before_a_crash_is_still_delivered() {
    play(&["X", "Y"], |scene| {
        scene.apart();
        scene.send("B", "one");
        scene.send("B", "two");
        scene.crash("Y");
        scene.settle();
        scene.reads("A", &["one", "two"]);
        scene.sees_loss("A");
    });
}

#[test]
fn what_a_broken_link_lost_ends_the_pipe_after_what_arrived() {
    play(&["X", "Y"], |scene| {
        scene.apart();
        scene.send("A", "one");
        scene.settle();
        scene.send("A", "lost");
        scene.cut("X", "Y");
        scene.settle();
        scene.reads("B", &["one"]);
        scene.sees_loss("B");
        scene.sees_loss("A");
    });
}

#[test]
fn pipes_that_never_touched_a_lost_node_live_on() {
    play(&["X", "Y", "Z", "W"], |scene| {
        scene.apart();
        scene.pipe("X", ["C", "D"]);
        scene.moves("C", "W");
        scene.moves("D", "Z");
        scene.crash("X");
        scene.settle();
        scene.send("C", "still");
        scene.settle();
        scene.reads("D", &["still"]);
        scene.has_said("Y", "the broker is lost");
    });
}

#[test]
fn a_message_brings_a_port_whose_peers_node_died_meanwhile() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.hold("X", "Z");
        scene.carry("A", "Z");
        scene.crash("Y");
        scene.settle();
        scene.settle_all();
        scene.fetch("Z");
        scene.sees_loss("A");
    });
}

#[test]
fn a_lost_port_that_moves_brings_the_rest_of_its_messages_and_the_loss() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.send("A", "one");
        scene.send("A", "two");
        scene.settle();
        scene.cut("X", "Y");
        scene.settle();
        scene.moves("B", "Z");
        scene.reads("B", &["one", "two"]);
        scene.sees_loss("B");
    });
}

#[test]
fn a_peer_is_lost_while_its_port_waits_in_an_unread_message() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.pipe("X", ["C", "D"]);
        scene.send_with("C", "a port", &["A"]);
        scene.crash("Y");
        scene.settle();
        scene.reads("D", &["a port"]);
        scene.sees_loss("A");
    });
}

#[test]
fn a_close_that_the_crash_overtakes_is_a_loss() {
    play(&["X", "Y", "Z"], |scene| {
        scene.apart();
        scene.hold("Y", "X");
        scene.close("B");
        scene.cut("X", "Y");
        scene.settle_all();
        scene.sees_loss("A");
    });
}

#[test]
fn a_port_goes_to_a_lost_node_through_a_pipe_that_does_not_know_yet() {
    play(&["X", "Y", "Z"], |scene| {
        // The road to Z leads over Y's proxy; Y learns of Z's death while X's message is under way.
        scene.apart();
        scene.hold("Z", "X");
        scene.carry("B", "Z");
        scene.settle();
        scene.pipe("X", ["C", "D"]);
        scene.hold("X", "Y");
        scene.send_with("A", "a port", &["D"]);
        scene.crash("Z");
        scene.settle();
        scene.settle_all();
        assert!(scene.ended("A").is_some());
        assert!(scene.ended("C").is_some(), "the port in the message was closed, or lost, with it");
        scene.is_collapsed();
    });
}

#[test]
fn an_introduction_is_refused_while_a_port_moves_on() {
    play(&["K", "X", "Y"], |scene| {
        scene.stranger("Z");
        scene.invites("K", "Z", &[("KZ", "ZK")]);
        scene.settle();
        let (x, y, z) = (scene.name("X"), scene.name("Y"), scene.name("Z"));
        scene.node("K").forbid_introduction(x, z);
        scene.node("K").forbid_introduction(y, z);
        scene.pipe("X", ["A", "B"]);
        scene.moves("B", "K");
        scene.carry("A", "Y");
        scene.carry("B", "Z");
        scene.settle();
        scene.fetch("Y");
        scene.fetch("Z");
        scene.sees_loss("A");
        scene.sees_loss("B");
        scene.is_collapsed();
    });
}

#[test]
fn an_introduction_that_is_refused_to_one_is_told_to_both() {
    play(&["K"], |scene| {
        scene.members(&["X", "Y"]);
        let (x, y) = (scene.name("X"), scene.name("Y"));
        scene.node("K").forbid_introduction(x, y);
        scene.pipe("X", ["A", "B"]);
        scene.send_with("XK", "to be passed on", &["B"]);
        scene.settle();
        scene.reads("KX", &["to be passed on"]);
        scene.send_with("KY", "here it is", &["B"]);
        scene.settle();
        scene.reads("YK", &["here it is"]);
        scene.sees_loss("A");
        scene.sees_loss("B");
        // The two pipes to the broker go on.
        scene.send("XK", "still");
        scene.send("YK", "still");
        scene.settle();
        scene.reads("KX", &["still"]);
        scene.reads("KY", &["still"]);
    });
}

#[test]
fn the_socket_of_an_introduction_breaks_after_messages_were_queued() {
    play(&["K"], |scene| {
        scene.members(&["X", "Y"]);
        scene.gives_an_end_each();
        scene.send("A", "queued");
        scene.cut("X", "Y");
        scene.settle();
        scene.sees_loss("A");
        assert!(scene.ended("B").is_some());
        // They were introduced once and are lost to each other for good.
        scene.pipe("X", ["C", "D"]);
        scene.send_with("XK", "another", &["D"]);
        scene.settle();
        scene.reads("KX", &["another"]);
        scene.send_with("KY", "another", &["D"]);
        scene.settle();
        scene.reads("YK", &["another"]);
        scene.sees_loss("C");
        scene.sees_loss("D");
    });
}

#[test]
fn no_socket_can_be_made_for_an_introduction() {
    play(&["K"], |scene| {
        scene.members(&["X", "Y"]);
        scene.refuse_pairs();
        scene.gives_an_end_each();
        scene.sees_loss("A");
        scene.sees_loss("B");
    });
}

#[test]
fn a_node_dies_while_an_end_of_it_is_handed_on() {
    // B moves on from Y while X moves A; Y dies with its Handoff told and the port not arrived.
    play(&["X", "Y", "Z", "W"], |scene| {
        scene.apart();
        scene.hold("Y", "Z");
        scene.carry("B", "Z");
        scene.carry("A", "W");
        scene.settle();
        scene.crash("Y");
        scene.cut("X", "Z");
        scene.settle_all();
        scene.fetch("W");
        scene.sees_loss("A");
        scene.is_collapsed();
    });
}

#[test]
fn nodes_die_one_after_the_other_and_nothing_lingers() {
    play(&["X", "Y", "Z", "W"], |scene| {
        scene.apart();
        scene.hold("Y", "X");
        scene.hold("Z", "X");
        scene.moves("B", "Z");
        scene.moves("B", "W");
        scene.crash("Y");
        scene.settle();
        scene.crash("Z");
        scene.settle();
        scene.settle_all();
        scene.sees_loss("A");
        scene.sees_loss("B");
        scene.is_collapsed();
    });
}
