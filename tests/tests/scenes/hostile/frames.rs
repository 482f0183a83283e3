//! Frames that nobody may write: the link ends, because whoever wrote them is no node of this protocol.

use mage_proto::Limits;
use mage_tests::scene::forge::{Forged, kind};

use super::{nothing_ends, road, the_link_ends};

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
