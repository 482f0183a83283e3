//! Whatever is written is read as it was, and whatever is read without complaint was written so.

use alloc::string::String;
use alloc::vec::Vec;

use proptest::prelude::*;

use crate::control::{Control, Greet, PROTOCOL_VERSION, Welcome};
use crate::credit::{Account, Credit};
use crate::event::{Closing, Descriptor, EventKind};
use crate::frame::{Body, DataHead, DataMarks, Head, PlainEvent, write_control, write_data_head, write_event};
use crate::limits::{Limits, MIN_MAX_FRAME, Window};
use crate::name::{Address, NodeName, PortName};

fn node() -> impl Strategy<Value = NodeName> {
    any::<u128>().prop_filter_map("zero names nothing", NodeName::new)
}

fn port() -> impl Strategy<Value = PortName> {
    any::<u128>().prop_filter_map("zero names nothing", PortName::new)
}

fn address() -> impl Strategy<Value = Address> {
    (node(), port()).prop_map(|(node, port)| Address { node, port })
}

fn event() -> impl Strategy<Value = PlainEvent> {
    let text = "\\PC{0,60}";
    prop_oneof![
        (any::<u32>(), text).prop_map(|(code, text)| EventKind::Close(Closing { code, text: String::from(&*text) })),
        (address(), any::<bool>()).prop_map(|(next, sure)| EventKind::Handoff { next, sure }),
        (address(), address(), any::<u8>()).prop_map(|(peer, origin, hops)| EventKind::Hello { peer, origin, hops }),
        Just(EventKind::End),
        any::<bool>().prop_map(|reply| EventKind::Gone { reply }),
        (0..=i64::MAX, 0..=i32::MAX).prop_map(|(bytes, messages)| EventKind::Credit(Account { bytes, messages })),
    ]
}

/// An account of a pipe with this window, as far as a descriptor may say.
fn account(window: Window, least: i64) -> impl Strategy<Value = Account> {
    let (bytes, messages) = (i64::from(window.bytes) * 8, i32::try_from(window.messages).unwrap_or(i32::MAX) * 8);
    let floor = i32::try_from(least).unwrap_or(-1000);
    (least..=bytes, floor..=messages).prop_map(|(bytes, messages)| Account { bytes, messages })
}

fn credit() -> impl Strategy<Value = Credit> {
    let most = Limits::default().max_window;
    (1..=most.bytes, 1..=most.messages).prop_flat_map(|(bytes, messages)| {
        let window = Window { bytes, messages };
        let parts = (account(window, -1000), account(window, -1000), account(window, 0));
        parts.prop_map(move |(send, granted, owed)| Credit { window, send, granted, owed })
    })
}

fn descriptors() -> impl Strategy<Value = Vec<Descriptor>> {
    let one = (port(), port(), proptest::option::of(address()), credit());
    let one = one.prop_map(|(name, writer, peer, credit)| Descriptor { name, writer, peer, credit });
    proptest::collection::vec(one, 0..5)
}

fn greet() -> impl Strategy<Value = Greet> {
    let takes = (any::<u16>(), any::<u16>());
    (MIN_MAX_FRAME.., any::<u32>(), takes, proptest::option::of(node())).prop_map(
        |(max_frame, max_ports, (cargo, handles), isolated)| Greet {
            least_version: PROTOCOL_VERSION,
            most_version: PROTOCOL_VERSION,
            max_frame,
            max_ports,
            cargo,
            handles,
            isolated,
        },
    )
}

fn control() -> impl Strategy<Value = Control> {
    prop_oneof![
        greet().prop_map(Control::Greet),
        (node(), node(), node(), descriptors()).prop_map(|(you, me, broker, pipes)| Control::Welcome(Welcome {
            you,
            me,
            broker,
            pipes
        })),
        any::<u64>().prop_map(|id| Control::Refer { id }),
        (any::<u64>(), node()).prop_map(|(id, node)| Control::ReferOk { id, node }),
        any::<u64>().prop_map(|id| Control::ReferNo { id }),
        node().prop_map(|node| Control::Seek { node }),
        (node(), any::<u8>()).prop_map(|(node, attempt)| Control::Meet { node, attempt }),
        (node(), any::<u8>()).prop_map(|(node, attempt)| Control::MeetFailed { node, attempt }),
        node().prop_map(|node| Control::NoMeet { node }),
        Just(Control::Bye),
    ]
}

/// Reads one frame that takes up all of `bytes`.
fn read(bytes: &[u8]) -> Body {
    let limits = Limits::default();
    let head = Head::read(bytes, &limits).expect("a sound head").expect("a whole head");
    assert_eq!(head.len(), bytes.len());
    head.body(bytes, &limits).expect("a sound body")
}

/// Writes what was read from a frame; `None` for what is not written from its parts alone.
fn write(body: &Body, handles: u16, payload: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    match body {
        Body::Event { dest, from, kind } => write_event(&mut bytes, *dest, *from, kind),
        Body::Control(Control::Greet(_)) | Body::Unknown => return None,
        Body::Control(control) => write_control(&mut bytes, control, handles),
        Body::Data { dest, from, head: DataHead { cost, more, starved, hops, cargo, .. } } => {
            let (dest, from, cost, more, starved, hops) = (*dest, *from, *cost, *more, *starved, *hops);
            let marks = DataMarks { dest, from, cost, more, starved, hops, handles };
            write_data_head(&mut bytes, marks, cargo, payload.len());
            bytes.extend_from_slice(payload);
        }
    }
    Some(bytes)
}

proptest! {
    #[test]
    fn every_event_is_read_as_it_was_written(dest in port(), from in port(), kind in event()) {
        let mut bytes = Vec::new();
        write_event(&mut bytes, dest, from, &kind);
        prop_assert_eq!(read(&bytes), Body::Event { dest, from, kind });
    }

    #[test]
    fn every_control_is_read_as_it_was_written(control in control(), handles in 0..=64_u16) {
        let mut bytes = Vec::new();
        write_control(&mut bytes, &control, handles);
        prop_assert_eq!(read(&bytes), Body::Control(control));
    }

    #[test]
    fn every_message_is_read_as_it_was_written(
        dest in port(),
        from in port(),
        cost in 1..=u32::MAX,
        flags in any::<(bool, bool)>(),
        hops in any::<u8>(),
        handles in 0..=64_u16,
        cargo in descriptors(),
        payload in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        // Only a message that brings ports is counted.
        let hops = if cargo.is_empty() { 0 } else { hops };
        let marks = DataMarks { dest, from, cost, more: flags.0, starved: flags.1, hops, handles };
        let mut bytes = Vec::new();
        write_data_head(&mut bytes, marks, &cargo, payload.len());
        let payload_at = bytes.len();
        bytes.extend_from_slice(&payload);
        let head = DataHead { cost, more: flags.0, starved: flags.1, hops, cargo: cargo.clone(), payload_at };
        prop_assert_eq!(read(&bytes), Body::Data { dest, from, head });
        // The short way reads the same, and only what is plain.
        let short = Head::read(&bytes, &Limits::default()).unwrap().unwrap().plain_data(&bytes);
        let plain = cargo.is_empty() && !flags.0 && handles == 0;
        let seen = short.map(|plain| (plain.dest, plain.from, plain.cost, plain.starved));
        prop_assert_eq!(seen, plain.then_some((dest, from, cost, flags.1)));
    }

    /// A frame of a known kind with a body of any bytes is refused, or means exactly those bytes.
    #[test]
    fn there_is_one_way_to_write_a_frame(
        kind in prop_oneof![0x01_u8..=0x07, 0x10_u8..=0x19],
        flags in prop_oneof![9 => Just(0_u8), 1 => any::<u8>()],
        handles in prop_oneof![9 => Just(0_u16), 1 => 0..=64_u16],
        body in proptest::collection::vec(prop_oneof![1 => Just(0_u8), 1 => Just(1_u8), 2 => any::<u8>()], 0..260),
    ) {
        let length = u32::try_from(body.len() + 8).unwrap();
        let mut bytes = Vec::from(length.to_le_bytes());
        bytes.extend_from_slice(&[kind, flags]);
        bytes.extend_from_slice(&handles.to_le_bytes());
        bytes.extend_from_slice(&body);
        let limits = Limits::default();
        let head = Head::read(&bytes, &limits).unwrap().unwrap();
        if let Ok(read) = head.body(&bytes, &limits) {
            let payload = match &read {
                Body::Data { head, .. } => &bytes[head.payload_at..],
                Body::Event { .. } | Body::Control(_) | Body::Unknown => &[],
            };
            if let Some(written) = write(&read, handles, payload) {
                prop_assert_eq!(written, bytes);
            }
        }
    }
}
