//! What a node may try that does not keep the protocol, and what ends by it: the link for what no frame can be, one
//! route for a broken promise, nothing at all for an event of somebody who is not entitled.
//!
//! H is the hostile one. It has a road to X, and X has a pipe to an honest Y, which must never notice anything.

use mage_proto::{CloseReason, Limits, Loss, Window};
use mage_tests::scene::forge::{Forged, kind};
use mage_tests::scene::{Scene, play, play_with};

/// X and Y with a pipe from A to B, and H.
const STAGE: [&str; 3] = ["X", "Y", "H"];

/// What X calls its end of the road to H, and H its own.
fn road(scene: &Scene) -> (u128, u128) {
    (scene.port_bits("XH"), scene.port_bits("HX"))
}

fn stage(scene: &mut Scene) {
    scene.pipe("X", ["A", "B"]);
    scene.moves("B", "Y");
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

#[test]
fn a_frame_is_shorter_than_its_head() {
    the_link_ends("a frame says that it is 7 bytes long", |_| Forged::control(kind::BYE).frame_of_length(7));
}

#[test]
fn a_frame_is_longer_than_was_announced() {
    let length = Limits::default().max_frame + 1;
    the_link_ends(&format!("{length} bytes long"), |_| Forged::control(kind::BYE).frame_of_length(length));
}

#[test]
fn a_frame_is_of_no_known_kind() {
    the_link_ends("unknown frame kind 0x7f", |_| Forged::control(0x7f).frame());
    the_link_ends("unknown frame kind 0x00", |_| Forged::control(0).frame());
}

#[test]
fn a_frame_of_a_later_version_is_passed_over() {
    nothing_ends(|_| Forged::control(0x80).bytes(b"whatever").frame());
}

#[test]
fn a_frame_has_flags_that_do_not_exist() {
    the_link_ends("for \"flags\": some of them are unknown", |scene| {
        let (dest, from) = road(scene);
        Forged::data(dest, from, b"x").flags(4).frame()
    });
    the_link_ends("for \"flags\": some of them are unknown", |_| Forged::control(kind::BYE).flags(1).frame());
}

#[test]
fn a_frame_announces_handles_that_do_not_come() {
    the_link_ends("announces 1 handles, 0 arrived", |scene| {
        let (dest, from) = road(scene);
        Forged::data_of_cost(dest, from, 65 + 256, b"x").handles(1).frame()
    });
}

#[test]
fn a_frame_announces_more_handles_than_any_may() {
    the_link_ends("announces 65 handles", |_| Forged::control(kind::BYE).handles(65).frame());
}

#[test]
fn an_event_is_for_no_port_or_from_none() {
    the_link_ends("0 (0x0) for \"port that it is for\"", |scene| {
        let (_, from) = road(scene);
        Forged::event(kind::END, 0, from).frame()
    });
    the_link_ends("0 (0x0) for \"port that it is from\"", |scene| {
        let (dest, _) = road(scene);
        Forged::event(kind::END, dest, 0).frame()
    });
}

#[test]
fn a_body_is_cut_short_or_goes_on() {
    for (kind, frame, field) in [
        (kind::CLOSE, "Close", "code"),
        (kind::HANDOFF, "Handoff", "next writer"),
        (kind::HELLO, "Hello", "new peer"),
        (kind::GONE, "Gone", "reply"),
        (kind::CREDIT, "Credit", "bytes"),
        (kind::DATA, "Data", "number of ports"),
    ] {
        the_link_ends(&format!("a {frame} frame ends before its field {field:?} does"), move |scene| {
            let (dest, from) = road(scene);
            Forged::event(kind, dest, from).frame()
        });
    }
    the_link_ends("a End frame goes on for 1 bytes behind its last field", |scene| {
        let (dest, from) = road(scene);
        Forged::event(kind::END, dest, from).u8(0).frame()
    });
    for (kind, frame, field) in [
        (kind::WELCOME, "Welcome", "invitee"),
        (kind::REFER, "Refer", "referral"),
        (kind::REFER_OK, "ReferOk", "referral"),
        (kind::SEEK, "Seek", "node"),
        (kind::MEET, "Meet", "node"),
        (kind::NO_MEET, "NoMeet", "node"),
    ] {
        let why = format!("a {frame} frame ends before its field {field:?} does");
        the_link_ends(&why, move |_| Forged::control(kind).frame());
    }
}

#[test]
fn a_close_has_a_text_that_is_too_long_or_no_text() {
    the_link_ends("has 257 bytes of text, 256 are allowed", |scene| {
        let (dest, from) = road(scene);
        Forged::event(kind::CLOSE, dest, from).u32(0).u16(257).bytes(&[b'x'; 257]).frame()
    });
    the_link_ends("not UTF-8", |scene| {
        let (dest, from) = road(scene);
        Forged::event(kind::CLOSE, dest, from).u32(0).u16(1).u8(0xff).frame()
    });
}

#[test]
fn yes_or_no_is_neither() {
    the_link_ends("has 2 (0x2) for \"reply\": it is neither 0 nor 1", |scene| {
        let (dest, from) = road(scene);
        Forged::event(kind::GONE, dest, from).u8(2).frame()
    });
}

#[test]
fn a_message_is_not_as_long_as_it_costs() {
    the_route_ends("announced with a cost", |scene| {
        let (dest, from) = road(scene);
        Forged::data_of_cost(dest, from, 64 + 3, b"four").frame()
    });
    the_route_ends("announced with a cost", |scene| {
        let (dest, from) = road(scene);
        Forged::data_of_cost(dest, from, 63, b"").frame()
    });
}

#[test]
fn a_message_is_larger_than_any_may_be() {
    the_route_ends("exceeds the limit", |scene| {
        let (dest, from) = road(scene);
        Forged::data_of_cost(dest, from, u32::MAX, b"the first of it").flags(1).frame()
    });
}

#[test]
fn a_fragment_continues_nothing() {
    the_route_ends("continues no message", |scene| {
        let (dest, from) = road(scene);
        Forged::data_of_cost(dest, from, 0, b"the rest").frame()
    });
}

#[test]
fn a_message_begins_inside_another() {
    the_route_ends("begins inside another", |scene| {
        let (dest, from) = road(scene);
        let mut bytes = Forged::data_of_cost(dest, from, 1000, b"the first of it").flags(1).frame();
        bytes.extend(Forged::data(dest, from, b"another").frame());
        bytes
    });
}

#[test]
fn fragments_are_more_than_was_announced() {
    the_route_ends("announced with a cost", |scene| {
        let (dest, from) = road(scene);
        let mut bytes = Forged::data_of_cost(dest, from, 64 + 4, b"the").flags(1).frame();
        bytes.extend(Forged::data_of_cost(dest, from, 0, b"first").frame());
        bytes
    });
}

#[test]
fn a_stream_ends_or_is_handed_on_inside_a_message() {
    the_route_ends("a message is not complete", |scene| {
        let (dest, from) = road(scene);
        let mut bytes = Forged::data_of_cost(dest, from, 1000, b"the first of it").flags(1).frame();
        bytes.extend(Forged::event(kind::CLOSE, dest, from).u32(0).u16(0).frame());
        bytes
    });
    the_route_ends("a message is not complete", |scene| {
        let (dest, from) = road(scene);
        let node = scene.name("H").bits();
        let mut bytes = Forged::data_of_cost(dest, from, 1000, b"the first of it").flags(1).frame();
        bytes.extend(Forged::event(kind::HANDOFF, dest, from).u128(node).u128(77).u8(1).frame());
        bytes
    });
}

#[test]
fn a_later_fragment_brings_handles_or_ports() {
    the_link_ends("a later fragment brings", |scene| {
        let (dest, from) = road(scene);
        Forged::data_with(dest, from, 0, &[Forged::port(700, 701, None)]).frame()
    });
}

#[test]
fn a_message_without_ports_counts_proxies_or_sets_what_is_reserved() {
    let hops = (1, "has 1 (0x1) for \"hops\": a message without ports is not counted");
    let reserved = (0x300, "has 3 (0x3) for \"a reserved byte\": it must be zero");
    for (bytes, why) in [hops, reserved] {
        the_link_ends(why, move |scene| {
            let (dest, from) = road(scene);
            Forged::event(kind::DATA, dest, from).u16(0).u16(bytes).u32(64).frame()
        });
    }
}

#[test]
fn a_flood_beyond_the_window_ends_its_route_only() {
    let limits = Limits { window: Window { bytes: 1000, messages: 8 }, max_message: 1000, ..Limits::default() };
    play_with(&limits, &STAGE, |scene| {
        stage(scene);
        let (dest, from) = road(scene);
        for _ in 0..200 {
            scene.forge("H", "X", Forged::data(dest, from, b"flood").frame());
        }
        scene.settle();
        let faults = scene.faults();
        assert!(faults[0].contains("would wait unread"), "{faults:?}");
        // What fits four windows is there, and nothing more.
        let mut read = 0;
        while let Ok(Some(_)) = scene.read("XH") {
            read += 1;
        }
        assert_eq!(read, 8 * 4 + 1);
        scene.sees_loss("XH");
        honest_nodes_go_on(scene);
        scene.leaves_residue();
    });
}

#[test]
fn a_message_brings_more_ports_than_any_may() {
    the_link_ends("has 129 ports, 128 are allowed", |scene| {
        let (dest, from) = road(scene);
        let ports: Vec<Forged> = (0..129).map(|n| Forged::port(1000 + n, 2000 + n, None)).collect();
        Forged::data_with(dest, from, 64 + 129 * 256, &ports).frame()
    });
}

#[test]
fn a_moved_port_has_no_name_or_one_that_is_taken() {
    let one = |scene: &Scene, port: Forged| {
        let (dest, from) = road(scene);
        Forged::data_with(dest, from, 64 + 256, &[port]).frame()
    };
    the_link_ends("0 (0x0) for \"name of a moved port\": zero names no port", move |scene| {
        one(scene, Forged::port(0, 701, None))
    });
    the_link_ends("0 (0x0) for \"writer of a moved port\": zero names no port", move |scene| {
        one(scene, Forged::port(700, 0, None))
    });
    the_link_ends("which is taken", move |scene| one(scene, Forged::port(scene.port_bits("A"), 701, None)));
    the_link_ends("the peer of a moved port is announced and has no name", move |scene| {
        one(scene, Forged::port(700, 701, Some((0, 5))))
    });
    the_link_ends("its own peer", move |scene| {
        let here = scene.name("X").bits();
        one(scene, Forged::port(700, 701, Some((here, 700))))
    });
}

#[test]
fn two_moved_ports_share_a_name_or_a_writer() {
    for (other, writer) in [(700, 702), (703, 701)] {
        the_link_ends("two moved ports share a name", move |scene| {
            let (dest, from) = road(scene);
            let ports = [Forged::port(700, 701, None), Forged::port(other, writer, None)];
            Forged::data_with(dest, from, 64 + 512, &ports).frame()
        });
    }
}

#[test]
fn a_moved_port_brings_impossible_credit() {
    let full = (1 << 20, 1024);
    type Case = ((u32, u32), [(i64, i32); 3], &'static str);
    let cases: [Case; 5] = [
        ((0, 0), [(0, 0); 3], "the window of a moved port is empty"),
        ((u32::MAX, 5), [(0, 0); 3], "has 4294967295 bytes in a window, 67108864 are allowed"),
        (
            (1 << 20, 1024),
            [(9 << 20, 0), full, (0, 0)],
            "for \"what a moved port may send\": it is more than eight windows",
        ),
        ((1 << 20, 1024), [full, (0, 9 * 1024), (0, 0)], "for \"what it has granted\": it is more than eight windows"),
        ((1 << 20, 1024), [full, full, (-1, 0)], "for \"what it owes\": it is negative"),
    ];
    for (window, credit, why) in cases {
        the_link_ends(why, move |scene| {
            let (dest, from) = road(scene);
            let port = Forged::port_with(700, 701, None, window, credit);
            Forged::data_with(dest, from, 64 + 256, &[port]).frame()
        });
    }
}

#[test]
fn ports_beyond_what_a_link_may_have_are_taken_and_lost() {
    let limits = Limits { ports_per_link: 20, ..Limits::default() };
    play_with(&limits, &STAGE, |scene| {
        stage(scene);
        for n in 0..30 {
            let (one, other) = (format!("S{n}"), format!("R{n}"));
            scene.pipe("H", [&one, &other]);
            scene.send_with("HX", "another", &[&other]);
        }
        scene.settle();
        scene.fetch("X");
        let lost = (0..30).filter(|n| scene.ended(&format!("R{n}")) == Some(CloseReason::Lost(Loss::Limit))).count();
        assert!((10..13).contains(&lost), "{lost} of 30; the roads count, too");
        assert!(scene.ended("R0").is_none());
        honest_nodes_go_on(scene);
    });
}

#[test]
fn a_port_is_handed_to_itself() {
    the_route_ends("cannot write to itself", |scene| {
        let (dest, from) = road(scene);
        let here = scene.name("X").bits();
        Forged::event(kind::HANDOFF, dest, from).u128(here).u128(dest).u8(1).frame()
    });
    the_route_ends("cannot send to itself", |scene| {
        let (dest, from) = road(scene);
        let here = scene.name("X").bits();
        let body = Forged::event(kind::HELLO, dest, from).u128(here).u128(dest);
        body.u128(here).u128(dest).u8(255).frame()
    });
}

#[test]
fn an_end_is_told_that_its_stream_has_ended_like_a_proxys() {
    the_route_ends("only a proxy", |scene| {
        let (dest, from) = road(scene);
        Forged::event(kind::END, dest, from).frame()
    });
}

#[test]
fn more_credit_is_returned_than_there_was() {
    the_route_ends("beyond eight windows", |scene| {
        let (dest, from) = road(scene);
        Forged::event(kind::CREDIT, dest, from).u64(8 << 20).u32(0).frame()
    });
    the_link_ends("(0xffffffffffffffff) for \"bytes\": it is too large", |scene| {
        let (dest, from) = road(scene);
        Forged::event(kind::CREDIT, dest, from).u64(u64::MAX).u32(0).frame()
    });
}

#[test]
fn a_port_is_handed_to_and_fro_without_end() {
    let limits = Limits { reroutes: 10, ..Limits::default() };
    play_with(&limits, &STAGE, |scene| {
        stage(scene);
        let (dest, from) = road(scene);
        let h = scene.name("H").bits();
        for n in 0..20 {
            let (writer, next) = if n % 2 == 0 { (from, 4000) } else { (4000, from) };
            let frame = Forged::event(kind::HANDOFF, dest, writer).u128(h).u128(next).u8(1).frame();
            scene.forge("H", "X", frame);
        }
        scene.settle();
        assert!(scene.faults()[0].contains("rerouted more than 10 times"));
        scene.sees_loss("XH");
        honest_nodes_go_on(scene);
        scene.leaves_residue();
    });
}

#[test]
fn a_stranger_writes_to_a_port_whose_name_it_knows() {
    for frame in [
        Forged::event(kind::CLOSE, 0, 0).u32(0).u16(0),
        Forged::event(kind::END, 0, 0),
        Forged::event(kind::GONE, 0, 0).u8(0),
        Forged::event(kind::CREDIT, 0, 0).u64(1 << 40).u32(7),
        Forged::data(0, 0, b"not for you"),
    ] {
        nothing_ends(move |scene| {
            let (a, from) = (scene.port_bits("A"), scene.port_bits("HX"));
            let mut bytes = frame.clone().frame();
            bytes[8..24].copy_from_slice(&a.to_le_bytes());
            bytes[24..40].copy_from_slice(&from.to_le_bytes());
            bytes
        });
    }
}

#[test]
fn a_stranger_names_itself_the_next_writer_or_the_new_peer() {
    nothing_ends(|scene| {
        let (a, from, h) = (scene.port_bits("A"), scene.port_bits("HX"), scene.name("H").bits());
        let mut bytes = Forged::event(kind::HANDOFF, a, from).u128(h).u128(from).u8(1).frame();
        let hello = Forged::event(kind::HELLO, a, from).u128(h).u128(from).u128(h).u128(from).u8(255);
        bytes.extend(hello.frame());
        bytes
    });
}

#[test]
fn a_stranger_takes_the_name_of_the_real_writer() {
    // The node of an event is known from its link, whatever the frame says.
    nothing_ends(|scene| {
        let (a, b) = (scene.port_bits("A"), scene.port_bits("B"));
        let mut bytes = Forged::data(a, b, b"I am B").frame();
        bytes.extend(Forged::event(kind::GONE, a, b).u8(0).frame());
        bytes
    });
}

#[test]
fn a_stranger_floods_a_port_and_only_so_much_is_kept() {
    let limits = Limits { max_message: 1000, window: Window { bytes: 1000, messages: 10 }, ..Limits::default() };
    play_with(&limits, &STAGE, |scene| {
        stage(scene);
        let a = scene.port_bits("A");
        for sender in 0..20 {
            for _ in 0..30 {
                scene.forge("H", "X", Forged::data(a, 5000 + sender, &[0; 100]).frame());
            }
        }
        scene.settle();
        honest_nodes_go_on(scene);
        assert!(scene.faults().is_empty(), "not even the stranger is reported: it may be an honest node");
        scene.leaves_residue();
    });
}

#[test]
fn whoever_sent_too_much_before_it_was_entitled_ends_its_route() {
    let limits = Limits { max_message: 1000, window: Window { bytes: 1000, messages: 10 }, ..Limits::default() };
    play_with(&limits, &STAGE, |scene| {
        stage(scene);
        let (dest, from) = road(scene);
        let h = scene.name("H").bits();
        for _ in 0..30 {
            scene.forge("H", "X", Forged::data(dest, 5000, &[0; 100]).frame());
        }
        scene.forge("H", "X", Forged::event(kind::HANDOFF, dest, from).u128(h).u128(5000).u8(1).frame());
        scene.settle();
        assert!(scene.faults()[0].contains("before it was entitled"));
        scene.sees_loss("XH");
        honest_nodes_go_on(scene);
        scene.leaves_residue();
    });
}

#[test]
fn whoever_was_one_sender_too_many_does_not_go_on_with_a_hole_in_its_stream() {
    play(&STAGE, |scene| {
        stage(scene);
        let (dest, from) = road(scene);
        let h = scene.name("H").bits();
        for n in 0..9 {
            scene.forge("H", "X", Forged::data(dest, 5000 + n, b"early").frame());
        }
        // The ninth was not listened to, and becomes the writer.
        scene.forge("H", "X", Forged::event(kind::HANDOFF, dest, from).u128(h).u128(5008).u8(1).frame());
        scene.forge("H", "X", Forged::data(dest, 5008, b"late").frame());
        scene.settle();
        assert!(scene.faults()[0].contains("before it was entitled"));
        scene.sees_loss("XH");
        honest_nodes_go_on(scene);
        scene.leaves_residue();
    });
}

#[test]
fn what_one_link_may_have_pended_in_all_is_bounded_and_the_heaviest_sender_pays() {
    let limits = Limits { link_pended_bytes: 10_000, ..Limits::default() };
    play_with(&limits, &STAGE, |scene| {
        stage(scene);
        let (dest, from) = road(scene);
        let (a, h) = (scene.port_bits("A"), scene.name("H").bits());
        // The next writer of the road has sent something; then a stranger floods another port.
        scene.forge("H", "X", Forged::data(dest, 5000, b"early").frame());
        for _ in 0..20 {
            scene.forge("H", "X", Forged::data(a, 6000, &[0; 1000]).frame());
        }
        scene.forge("H", "X", Forged::event(kind::HANDOFF, dest, from).u128(h).u128(5000).u8(1).frame());
        scene.settle();
        scene.reads("XH", &["early"]);
        assert!(scene.faults().is_empty());
        honest_nodes_go_on(scene);
        scene.leaves_residue();
    });
}

#[test]
fn nothing_but_routing_follows_a_close() {
    for (frame, why) in [
        (Forged::data(0, 0, b"more"), "a Data event is out of place"),
        (Forged::event(kind::CLOSE, 0, 0).u32(0).u16(0), "a Close event is out of place"),
        (Forged::event(kind::CREDIT, 0, 0).u64(1).u32(1), "a Credit event is out of place"),
    ] {
        play(&STAGE, |scene| {
            stage(scene);
            let (dest, from) = road(scene);
            let mut bytes = frame.clone().frame();
            bytes[8..24].copy_from_slice(&dest.to_le_bytes());
            bytes[24..40].copy_from_slice(&from.to_le_bytes());
            // X's end becomes a stub that waits for a Handoff, because H lets it believe that it sends to another.
            let h = scene.name("H").bits();
            let hello = Forged::event(kind::HELLO, dest, from).u128(h).u128(6000).u128(h).u128(6000).u8(255);
            scene.forge("H", "X", hello.frame());
            scene.forge("H", "X", Forged::event(kind::CLOSE, dest, from).u32(0).u16(0).frame());
            scene.forge("H", "X", bytes);
            scene.settle();
            let faults = scene.faults();
            assert!(faults.iter().any(|fault| fault.contains(why)), "{faults:?}");
            honest_nodes_go_on(scene);
            scene.leaves_residue();
        });
    }
}

#[test]
fn a_member_says_what_only_a_broker_says() {
    // Y is a member; H tells it things.
    for frame in [
        Forged::control(kind::NO_MEET).u128(5),
        Forged::control(kind::REFER_OK).u64(1).u128(5),
        Forged::control(kind::REFER_NO).u64(1),
    ] {
        play(&STAGE, |scene| {
            stage(scene);
            scene.forge("H", "Y", frame.clone().frame());
            scene.settle();
            let faults = scene.faults();
            assert!(faults[0].contains("only the broker says this"), "{faults:?}");
            scene.sees_loss("YH");
            honest_nodes_go_on(scene);
        });
    }
}

#[test]
fn a_member_asks_a_member_what_only_a_broker_does() {
    for frame in [Forged::control(kind::SEEK).u128(5), Forged::control(kind::MEET_FAILED).u128(5).u8(1)] {
        play(&STAGE, |scene| {
            stage(scene);
            scene.forge("H", "Y", frame.clone().frame());
            scene.settle();
            let faults = scene.faults();
            assert!(faults[0].contains("this node is no broker"), "{faults:?}");
            scene.sees_loss("YH");
            honest_nodes_go_on(scene);
        });
    }
}

#[test]
fn a_node_greets_or_welcomes_twice() {
    the_link_ends("it comes first and once", |_| greet(1, 1).frame());
    the_link_ends("nobody here waits to be welcomed", |_| {
        Forged::control(kind::WELCOME).u128(5).u128(6).u128(6).u16(0).frame()
    });
}

/// A Greet of a node that speaks these versions.
fn greet(least: u16, most: u16) -> Forged {
    let magic = u64::from_le_bytes(*b"mage\xff\0\0\x01");
    Forged::control(kind::GREET).u64(magic).u16(least).u16(most).u32(1 << 18).u32(100).u16(128).u16(64).u32(0)
}

#[test]
fn a_member_seeks_itself_the_broker_or_nobody() {
    the_link_ends("seeks itself or its broker", |scene| {
        let h = scene.name("H").bits();
        Forged::control(kind::SEEK).u128(h).frame()
    });
    the_link_ends("seeks itself or its broker", |scene| {
        let x = scene.name("X").bits();
        Forged::control(kind::SEEK).u128(x).frame()
    });
    nothing_ends(|_| Forged::control(kind::SEEK).u128(987_654).frame());
}

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

#[test]
fn a_message_for_an_unknown_name_brings_ports_that_are_closed() {
    play(&STAGE, |scene| {
        stage(scene);
        let port = Forged::port(700, 701, None);
        scene.forge("H", "X", Forged::data_with(800, 801, 64 + 256, &[port]).frame());
        scene.settle();
        honest_nodes_go_on(scene);
        assert_eq!(scene.census("X").stubs, 1, "it waits for a Close that H does not send");
        scene.crash("H");
        scene.settle();
        assert_eq!(scene.census("X").stubs, 0);
    });
}

#[test]
fn a_message_is_for_the_port_that_it_brings() {
    play(&STAGE, |scene| {
        stage(scene);
        let port = Forged::port(700, 701, None);
        scene.forge("H", "X", Forged::data_with(700, 701, 64 + 256, &[port]).frame());
        scene.settle();
        honest_nodes_go_on(scene);
        scene.crash("H");
        scene.settle();
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

#[test]
fn an_honest_node_is_made_to_poke_others_and_nobody_is_punished() {
    // H tells X that its road goes on with a port of Y's, and that Y's port is its peer now: X believes its neighbour
    // and sends to Y, where it is not entitled to anything.
    play(&STAGE, |scene| {
        stage(scene);
        let (dest, from) = road(scene);
        let (y, b) = (scene.name("Y").bits(), scene.port_bits("B"));
        scene.forge("H", "X", Forged::event(kind::HELLO, dest, from).u128(y).u128(b).u128(y).u128(b).u8(255).frame());
        scene.forge("H", "X", Forged::event(kind::HANDOFF, dest, from).u128(y).u128(b).u8(1).frame());
        scene.settle();
        scene.send("XH", "for whoever is there");
        scene.settle();
        honest_nodes_go_on(scene);
        // H itself is told things that its own end does not understand; the others notice nothing.
        let faults = scene.faults();
        assert!(faults.iter().all(|fault| fault.starts_with('H')), "{faults:?}");
        scene.leaves_residue();
    });
}

#[test]
fn a_node_names_many_nodes_that_do_not_exist() {
    play(&STAGE, |scene| {
        stage(scene);
        // Y is a member, so it would have to ask the broker for each.
        let (dest, from) = (scene.port_bits("YH"), scene.port_bits("HY"));
        for n in 0..100_u128 {
            let port = Forged::port(7000 + n, 8000 + n, Some((90_000 + n, 1)));
            scene.forge("H", "Y", Forged::data_with(dest, from, 64 + 256, &[port]).frame());
        }
        scene.hold("X", "Y");
        scene.settle();
        assert!(scene.census("Y").nodes <= 2 + 32, "{:?}", scene.census("Y"));
        scene.release("X", "Y");
        scene.settle();
        assert_eq!(scene.census("Y").nodes, 2);
        honest_nodes_go_on(scene);
        scene.leaves_residue();
    });
}
