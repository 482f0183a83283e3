//! Every bound of the core, from both sides: what is just allowed changes nothing, one more bites, and only there.
//!
//! X is the broker, Y a member, H a member that says what it likes. A road joins every two nodes.

use mage_proto::{CloseReason, Limits, Loss, MAX_CLOSE_TEXT, SendErrorKind, Window};
use mage_tests::scene::Scene;
use mage_tests::scene::forge::{Forged, kind};

fn stage(limits: &Limits) -> Scene {
    Scene::network(&["X", "Y", "H"], limits, 0)
}

/// X's end of the road to H, and H's end of it.
fn road(scene: &Scene) -> (u128, u128) {
    (scene.port_bits("XH"), scene.port_bits("HX"))
}

/// What X and Y find wrong with what H says.
fn faults(limits: &Limits, say: impl FnOnce(&mut Scene)) -> Vec<String> {
    let mut scene = stage(limits);
    say(&mut scene);
    scene.settle();
    scene.faults()
}

/// With `false` nothing is wrong, with `true` exactly this.
#[track_caller]
fn bites(expected: &str, limits: &Limits, say: impl Fn(&mut Scene, bool)) {
    let within = faults(limits, |scene| say(scene, false));
    assert!(within.is_empty(), "within the limit, but {within:?}");
    let beyond = faults(limits, |scene| say(scene, true));
    assert!(beyond.len() == 1 && beyond[0].contains(expected), "beyond the limit: {beyond:?}");
}

fn forge(scene: &mut Scene, frame: Forged) {
    scene.forge("H", "X", frame.frame());
}

fn handoff(scene: &mut Scene, dest: u128, from: u128, next: u128) {
    let node = scene.name("H").bits();
    forge(scene, Forged::event(kind::HANDOFF, dest, from).u128(node).u128(next).u8(1));
}

#[test]
fn max_frame_bounds_the_length_of_a_frame() {
    let limits = Limits { max_frame: 32 << 10, ..Limits::default() };
    // Of a kind that this version passes over, whatever it is about.
    bites("32769 bytes long", &limits, |scene, beyond| {
        forge(scene, Forged::control(0x80).bytes(&vec![0; (32 << 10) - 8 + usize::from(beyond)]));
    });
}

#[test]
fn max_message_bounds_what_is_sent() {
    let limits = Limits { max_message: 1000, ..Limits::default() };
    let mut scene = stage(&limits);
    assert_eq!(scene.try_send("XY", &"x".repeat(1000), &[]), Ok(()));
    let refused = scene.try_send("XY", &"x".repeat(1001), &[]);
    assert_eq!(refused, Err(SendErrorKind::TooLarge { size: 1001, limit: 1000 }));
}

#[test]
fn max_message_bounds_what_is_received() {
    let limits = Limits { max_message: 1000, ..Limits::default() };
    bites("a message of 1001 bytes exceeds the limit of 1000", &limits, |scene, beyond| {
        let (dest, from) = road(scene);
        forge(scene, Forged::data_of_cost(dest, from, 64 + 1000 + u32::from(beyond), b"the first of it").flags(1));
    });
}

#[test]
fn a_window_bounds_what_may_be_sent_unread() {
    let mut scene = stage(&Limits::default());
    scene.pipe_with("X", ["A", "B"], Window { bytes: 10_000, messages: 3 });
    scene.pipe_with("X", ["C", "D"], Window { bytes: 201, messages: 100 });
    for _ in 0..3 {
        // Each costs 64 bytes and its text.
        assert_eq!(scene.try_send("A", "one of three", &[]), Ok(()));
        assert_eq!(scene.try_send("C", &"x".repeat(36), &[]), Ok(()));
    }
    assert_eq!(scene.try_send("A", "one of three", &[]), Err(SendErrorKind::Full));
    assert_eq!(scene.try_send("C", "", &[]), Err(SendErrorKind::Full));
}

#[test]
fn four_windows_bound_what_may_wait_unread() {
    let limits = Limits { window: Window { bytes: 1000, messages: 1000 }, max_message: 1000, ..Limits::default() };
    bites("4065 bytes", &limits, |scene, beyond| {
        let (dest, from) = road(scene);
        for _ in 0..4 {
            forge(scene, Forged::data(dest, from, &[b'x'; 936]));
        }
        forge(scene, Forged::data(dest, from, if beyond { b"x" } else { b"" }));
    });
    let limits = Limits { window: Window { bytes: 10_000, messages: 2 }, ..Limits::default() };
    bites("10 messages would wait unread", &limits, |scene, beyond| {
        let (dest, from) = road(scene);
        for _ in 0..9 + usize::from(beyond) {
            forge(scene, Forged::data(dest, from, b""));
        }
    });
}

#[test]
fn max_window_bounds_what_a_moved_port_may_promise() {
    let limits = Limits { max_window: Window { bytes: 5000, messages: 50 }, ..Limits::default() };
    let limits = Limits { window: limits.max_window, ..limits };
    let bytes = ((1, 0), "has 5001 bytes in a window, 5000 are allowed");
    let messages = ((0, 1), "has 51 messages in a window, 50 are allowed");
    for ((bytes, messages), why) in [bytes, messages] {
        bites(why, &limits, |scene, beyond| {
            let (dest, from) = road(scene);
            let window = (5000 + bytes * u32::from(beyond), 50 + messages * u32::from(beyond));
            let port = Forged::port_with(700, 701, None, window, [(0, 0); 3]);
            forge(scene, Forged::data_with(dest, from, 64 + 256, &[port]));
        });
    }
}

#[test]
fn cargo_bounds_the_ports_of_a_message() {
    let limits = Limits { cargo: 2, ..Limits::default() };
    let mut scene = stage(&limits);
    scene.pipe("X", ["A", "B"]);
    scene.pipe("X", ["C", "D"]);
    let refused = scene.try_send("XY", "", &["A", "B", "C"]);
    assert!(matches!(refused, Err(SendErrorKind::TooManyAttachments { ports: 3, most_ports: 2, .. })), "{refused:?}");
    assert_eq!(scene.try_send("XY", "", &["A", "B"]), Ok(()));
    bites("has 3 ports, 2 are allowed", &limits, |scene, beyond| {
        let (dest, from) = road(scene);
        let count = 2 + usize::from(beyond);
        let ports: Vec<Forged> = (0..count).map(|n| Forged::port(700 + n as u128, 800 + n as u128, None)).collect();
        forge(scene, Forged::data_with(dest, from, 64 + 256 * count as u32, &ports));
    });
}

#[test]
fn handles_bounds_the_handles_of_a_message() {
    let limits = Limits { handles: 2, ..Limits::default() };
    let mut scene = stage(&limits);
    scene.send_handles("XY", "two", &["one", "other"]);
    scene.settle();
    scene.reads("YX", &["two"]);
    assert_eq!(scene.handles_alive().len(), 2);
    // Two that do not come are missed, three are too many before anybody looks.
    let missed = faults(&limits, |scene| forge(scene, Forged::control(kind::BYE).handles(2)));
    assert!(!missed.iter().any(|fault| fault.contains("announces 3 handles")), "{missed:?}");
    let beyond = faults(&limits, |scene| forge(scene, Forged::control(kind::BYE).handles(3)));
    assert!(beyond[0].contains("announces 3 handles") && beyond[0].contains("2 are allowed"), "{beyond:?}");
}

#[test]
fn ports_per_link_bounds_the_ports_that_a_link_may_put_here() {
    let limits = Limits { ports_per_link: 5, ..Limits::default() };
    let mut scene = stage(&limits);
    for n in 0..6 {
        scene.pipe("H", [&format!("S{n}"), &format!("R{n}")]);
        scene.send_with("HX", "another", &[&format!("R{n}")]);
    }
    scene.settle();
    scene.fetch("X");
    for n in 0..5 {
        assert_eq!(scene.ended(&format!("R{n}")), None);
    }
    assert_eq!(scene.ended("R5"), Some(CloseReason::Lost(Loss::Limit)));
    // When one goes, another may come.
    scene.close("R0");
    scene.settle();
    scene.pipe("H", ["S6", "R6"]);
    scene.send_with("HX", "another", &["R6"]);
    scene.settle();
    scene.fetch("X");
    assert_eq!(scene.ended("R6"), None);
    assert!(scene.faults().is_empty());
}

#[test]
fn pended_senders_bounds_who_is_listened_to_before_being_entitled() {
    let limits = Limits { pended_senders: 2, ..Limits::default() };
    bites("before it was entitled", &limits, |scene, beyond| {
        let (dest, from) = road(scene);
        for sender in 0..3 {
            forge(scene, Forged::data(dest, 5000 + sender, b"early"));
        }
        handoff(scene, dest, from, if beyond { 5002 } else { 5001 });
    });
}

#[test]
fn pended_controls_bounds_what_is_kept_of_one_sender() {
    let limits = Limits { pended_controls: 3, ..Limits::default() };
    bites("before it was entitled", &limits, |scene, beyond| {
        let (dest, from) = road(scene);
        for _ in 0..3 + usize::from(beyond) {
            forge(scene, Forged::event(kind::CREDIT, dest, 5000).u64(0).u32(0));
        }
        handoff(scene, dest, from, 5000);
    });
}

#[test]
fn a_window_and_a_message_bound_the_messages_kept_of_one_sender() {
    let limits = Limits { window: Window { bytes: 1000, messages: 100 }, max_message: 1000, ..Limits::default() };
    bites("before it was entitled", &limits, |scene, beyond| {
        let (dest, from) = road(scene);
        forge(scene, Forged::data(dest, 5000, &[b'x'; 936]));
        forge(scene, Forged::data(dest, 5000, &[b'x'; 936]));
        forge(scene, Forged::data(dest, 5000, if beyond { b"x" } else { b"" }));
        handoff(scene, dest, from, 5000);
    });
}

#[test]
fn link_pended_bytes_bounds_what_is_kept_for_one_link() {
    let limits = Limits { link_pended_bytes: 1000, ..Limits::default() };
    bites("before it was entitled", &limits, |scene, beyond| {
        let (dest, from) = road(scene);
        let another = scene.port_bits("XY");
        forge(scene, Forged::data(another, 5000, &[b'x'; 400]));
        forge(scene, Forged::data(dest, 5000, &vec![b'x'; 600 + usize::from(beyond)]));
        handoff(scene, dest, from, 5000);
    });
}

#[test]
fn link_bytes_bounds_what_waits_for_one_link() {
    let limits = Limits { link_bytes: 1000, ..Limits::default() };
    bites("holds 1001 bytes here", &limits, |scene, beyond| {
        let (dest, from) = road(scene);
        forge(scene, Forged::data(dest, from, &[b'x'; 500]));
        forge(scene, Forged::data(dest, from, &vec![b'x'; 500 + usize::from(beyond)]));
    });
}

#[test]
fn origin_bytes_bounds_what_is_passed_on_to_a_slow_link() {
    let limits = Limits { origin_bytes: 1000, ..Limits::default() };
    bites("1001 bytes are queued on behalf of one proxy", &limits, |scene, beyond| {
        // B goes to Y, whose Hello does not arrive, so what H sends to it still passes X.
        scene.pipe("X", ["A", "B"]);
        scene.moves("A", "H");
        scene.hold("Y", "H");
        scene.carry("B", "Y");
        scene.settle();
        scene.fill("X", "Y");
        // What is over the bound already lets nothing more pass.
        for size in [500, 500 + usize::from(beyond), 1] {
            scene.send("A", &"x".repeat(size));
        }
        scene.settle();
    });
}

#[test]
fn reroutes_bounds_how_often_a_port_is_handed_on() {
    let limits = Limits { reroutes: 10, ..Limits::default() };
    bites("rerouted more than 10 times", &limits, |scene, beyond| {
        let (dest, from) = road(scene);
        // One change of neighbour was the road's own.
        forge(scene, Forged::data(dest, from, b"so that the count begins"));
        for n in 0..10 + usize::from(beyond) {
            let (writer, next) = if n % 2 == 0 { (from, 4000) } else { (4000, from) };
            handoff(scene, dest, writer, next);
        }
    });
}

#[test]
fn hops_bound_how_many_proxies_a_hello_passes() {
    bites("passed more than 255 proxies", &Limits::default(), |scene, beyond| {
        scene.pipe("X", ["A", "B"]);
        scene.moves("A", "H");
        let (proxy, from, node) = (scene.port_bits("B"), scene.port_bits("A'"), scene.name("H").bits());
        scene.hold("Y", "H");
        scene.carry("B", "Y");
        scene.settle();
        let hello = Forged::event(kind::HELLO, proxy, from).u128(node).u128(from).u128(node).u128(from);
        forge(scene, hello.u8(u8::from(!beyond)));
    });
}

#[test]
fn the_text_of_a_close_is_bounded() {
    bites("has 257 bytes of text, 256 are allowed", &Limits::default(), |scene, beyond| {
        let (dest, from) = road(scene);
        let length = MAX_CLOSE_TEXT + usize::from(beyond);
        forge(scene, Forged::event(kind::CLOSE, dest, from).u32(0).u16(length as u16).bytes(&vec![b'x'; length]));
    });
}

/// H sends Y ports whose peers are on nodes that nobody knows; the broker's answers do not arrive. Returns how many
/// nodes Y looks for.
fn sought(scene: &mut Scene, unknown: impl IntoIterator<Item = u128>) -> usize {
    let (dest, from) = (scene.port_bits("YH"), scene.port_bits("HY"));
    scene.hold("X", "Y");
    for node in unknown {
        let port = Forged::port(7000 + node, 8000 + node, Some((node, 1)));
        scene.forge("H", "Y", Forged::data_with(dest, from, 64 + 256, &[port]).frame());
    }
    scene.settle();
    scene.census("Y").nodes - 2
}

#[test]
fn unresolved_per_link_bounds_the_nodes_that_one_link_names() {
    let limits = Limits { unresolved_per_link: 3, ..Limits::default() };
    let mut scene = stage(&limits);
    assert_eq!(sought(&mut scene, 90_000..90_003), 3);
    assert_eq!(scene.census("Y").detached, 0);
    assert_eq!(sought(&mut scene, 90_003..90_004), 3);
    assert_eq!(scene.census("Y").detached, 1, "the port that names one more is lost");
}

#[test]
fn seeks_bounds_what_is_asked_of_the_broker_at_once() {
    let limits = Limits { seeks: 3, ..Limits::default() };
    let mut scene = stage(&limits);
    scene.hold("Y", "X");
    assert_eq!(sought(&mut scene, 90_000..90_003), 3);
    assert_eq!(scene.on_the_way("Y", "X"), 3);
    assert_eq!(sought(&mut scene, 90_003..90_004), 4);
    assert_eq!(scene.on_the_way("Y", "X"), 3, "the fourth waits");
    scene.release("Y", "X");
    scene.settle();
    scene.release("X", "Y");
    scene.settle();
    assert_eq!(scene.census("Y").nodes, 2, "all four were answered");
}

#[test]
fn lost_nodes_bounds_how_many_are_remembered() {
    for (lost, forgotten) in [(2, 0), (3, 1)] {
        let limits = Limits { lost_nodes: 2, ..Limits::default() };
        let mut scene = stage(&limits);
        for node in 0..lost {
            scene.forge("X", "Y", Forged::control(kind::NO_MEET).u128(90_000 + node).frame());
        }
        scene.settle();
        assert_eq!(sought(&mut scene, [90_000]), forgotten, "of {lost} lost nodes the first is asked for again");
    }
}

/// A broker K and members that have never met.
fn strangers(limits: &Limits, members: &[&str]) -> Scene {
    let mut scene = Scene::strangers(&[&["K"], members].concat(), limits, 0);
    for &member in members {
        scene.invites("K", member, &[]);
        scene.settle();
    }
    scene
}

#[test]
fn seeks_per_member_bounds_what_the_broker_works_on() {
    let limits = Limits { seeks_per_member: 1, ..Limits::default() };
    let mut scene = strangers(&limits, &["A", "B", "C"]);
    let (b, c) = (scene.name("B").bits(), scene.name("C").bits());
    scene.withhold_pairs();
    scene.hold("K", "A");
    scene.forge("A", "K", Forged::control(kind::SEEK).u128(b).frame());
    scene.settle();
    assert_eq!(scene.on_the_way("K", "A"), 0, "the first is worked on");
    scene.forge("A", "K", Forged::control(kind::SEEK).u128(c).frame());
    scene.settle();
    assert_eq!(scene.on_the_way("K", "A"), 1, "the second is refused");
    scene.release("K", "A");
    scene.grant_pairs();
    scene.settle();
    assert_eq!((scene.census("A").nodes, scene.census("C").nodes), (2, 1));
    assert!(scene.faults().is_empty());
}

#[test]
fn referrals_bounds_whom_a_member_may_bring() {
    let limits = Limits { referrals: 2, ..Limits::default() };
    let mut scene = strangers(&limits, &["M"]);
    for child in ["C", "D", "E"] {
        scene.stranger(child);
        scene.invites("M", child, &[]);
        scene.settle();
        assert_eq!(scene.said(child).contains(&"joined".to_owned()), child != "E", "{child}");
    }
    scene.has_said("M", "the broker refused the invitee");
}

#[test]
fn meet_attempts_bounds_how_often_two_nodes_are_introduced() {
    for (failures, met) in [(1, true), (2, false)] {
        let limits = Limits { meet_attempts: 2, ..Limits::default() };
        let mut scene = strangers(&limits, &["A", "B"]);
        let b = scene.name("B").bits();
        scene.hold("K", "A");
        scene.hold("K", "B");
        scene.forge("A", "K", Forged::control(kind::SEEK).u128(b).frame());
        for attempt in 1..=failures {
            scene.forge("A", "K", Forged::control(kind::MEET_FAILED).u128(b).u8(attempt).frame());
        }
        scene.settle();
        scene.release("K", "A");
        scene.release("K", "B");
        scene.settle();
        assert_eq!(scene.census("A").nodes == 2, met, "after {failures} failures: {:?}", scene.census("A"));
        assert_eq!(scene.census("B").nodes == 2, met, "after {failures} failures: {:?}", scene.census("B"));
    }
}

/// Which test shows which limit bite: a new field of [`Limits`] does not compile before it is here.
macro_rules! shown {
    ($($limit:ident: $($test:ident),+;)+) => {
        #[test]
        fn every_limit_has_its_tests() {
            let Limits { $($limit: _),+ } = Limits::default();
            let tests: &[(&str, &[fn()])] = &[$((stringify!($limit), &[$($test as fn()),+])),+];
            assert!(tests.iter().all(|(_, tests)| !tests.is_empty()));
        }
    };
}

shown! {
    max_frame: max_frame_bounds_the_length_of_a_frame;
    max_message: max_message_bounds_what_is_sent, max_message_bounds_what_is_received;
    window: a_window_bounds_what_may_be_sent_unread, four_windows_bound_what_may_wait_unread;
    max_window: max_window_bounds_what_a_moved_port_may_promise;
    cargo: cargo_bounds_the_ports_of_a_message;
    handles: handles_bounds_the_handles_of_a_message;
    ports_per_link: ports_per_link_bounds_the_ports_that_a_link_may_put_here;
    pended_senders: pended_senders_bounds_who_is_listened_to_before_being_entitled;
    pended_controls: pended_controls_bounds_what_is_kept_of_one_sender,
        a_window_and_a_message_bound_the_messages_kept_of_one_sender;
    link_pended_bytes: link_pended_bytes_bounds_what_is_kept_for_one_link;
    link_bytes: link_bytes_bounds_what_waits_for_one_link;
    origin_bytes: origin_bytes_bounds_what_is_passed_on_to_a_slow_link;
    reroutes: reroutes_bounds_how_often_a_port_is_handed_on;
    lost_nodes: lost_nodes_bounds_how_many_are_remembered;
    seeks: seeks_bounds_what_is_asked_of_the_broker_at_once;
    seeks_per_member: seeks_per_member_bounds_what_the_broker_works_on;
    unresolved_per_link: unresolved_per_link_bounds_the_nodes_that_one_link_names;
    referrals: referrals_bounds_whom_a_member_may_bring;
    meet_attempts: meet_attempts_bounds_how_often_two_nodes_are_introduced;
}
