//! The golden frames of `docs/wire.md`: one of each kind and form, as bytes and in words. What is written there must be
//! what this crate writes and reads.

extern crate std;

use std::collections::BTreeSet;
use std::format;
use std::path::PathBuf;
use std::string::String;
use std::vec;
use std::vec::Vec;

use crate::control::{Control, Greet, Welcome};
use crate::credit::{Account, Credit};
use crate::describe::{Naming, describe};
use crate::event::{Closing, Descriptor};
use crate::frame::{Body, DataMarks, Head, PlainEvent, write_control, write_data_head, write_event};
use crate::kind::FrameKind;
use crate::limits::{Limits, Window};
use crate::name::{Address, NodeName, PortName};

/// Letters for the names in the examples: nodes X, Y, Z are 0x58…, ports A, B, C are 0x41….
struct Letters;

impl Naming for Letters {
    fn node(&mut self, node: NodeName) -> String {
        letter(node.bits())
    }

    fn port(&mut self, port: PortName) -> String {
        letter(port.bits())
    }

    fn payload(&mut self, payload: &[u8]) -> String {
        format!("{:?}", String::from_utf8_lossy(payload))
    }
}

fn letter(bits: u128) -> String {
    let byte = u8::try_from(bits & 0xff).unwrap_or_default();
    String::from(char::from(byte))
}

fn node(letter: u8) -> NodeName {
    NodeName::new(u128::from(letter)).expect("a letter is not zero")
}

fn port(letter: u8) -> PortName {
    PortName::new(u128::from(letter)).expect("a letter is not zero")
}

fn at(port_letter: u8, node_letter: u8) -> Address {
    Address { node: node(node_letter), port: port(port_letter) }
}

fn marks(cost: u32) -> DataMarks {
    DataMarks { dest: port(b'B'), from: port(b'A'), cost, more: false, starved: false, hops: 0, handles: 0 }
}

fn data(marks: DataMarks, cargo: &[Descriptor], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    write_data_head(&mut out, marks, cargo, payload.len());
    out.extend_from_slice(payload);
    out
}

fn moved() -> Descriptor {
    let window = Window { bytes: 1 << 20, messages: 1024 };
    let mut credit = Credit::new(window);
    credit.send = Account { bytes: -4096, messages: 1000 };
    credit.owed = Account { bytes: 69, messages: 1 };
    Descriptor { name: port(b'D'), writer: port(b'C'), peer: Some(at(b'E', b'Z')), credit }
}

fn data_frames() -> Vec<Vec<u8>> {
    let window = Window { bytes: 1 << 20, messages: 1024 };
    let orphan = Descriptor { name: port(b'G'), writer: port(b'F'), peer: None, credit: Credit::new(window) };
    vec![
        data(marks(64 + 5), &[], b"hello"),
        data(DataMarks { starved: true, handles: 2, ..marks(64 + 4 + 512) }, &[], b"take"),
        data(DataMarks { hops: 3, ..marks(64 + 4 + 512) }, &[moved(), orphan], b"move"),
        data(DataMarks { more: true, ..marks(64 + 8) }, &[], b"half"),
        data(marks(0), &[], b"rest"),
    ]
}

fn event_frames() -> Vec<Vec<u8>> {
    let events = [
        PlainEvent::Close(Closing { code: 7, text: "bye".into() }),
        PlainEvent::Handoff { next: at(b'C', b'Z'), sure: false },
        PlainEvent::Hello { peer: at(b'C', b'Z'), origin: at(b'C', b'Z'), hops: 255 },
        PlainEvent::Hello { peer: at(b'C', b'Z'), origin: at(b'D', b'Y'), hops: 253 },
        PlainEvent::End,
        PlainEvent::Gone { reply: false },
        PlainEvent::Gone { reply: true },
        PlainEvent::Credit(Account { bytes: 1 << 19, messages: 512 }),
    ];
    events.iter().map(|event| encode(|out| write_event(out, port(b'B'), port(b'A'), event))).collect()
}

fn control_frames() -> Vec<Vec<u8>> {
    let (x, y, z) = (node(b'X'), node(b'Y'), node(b'Z'));
    let controls = [
        (Control::Greet(Greet::new(&Limits::default())), 0),
        (Control::Greet(Greet { isolated: Some(x), ..Greet::new(&Limits::default()) }), 0),
        (Control::Welcome(Welcome { you: y, me: x, broker: x, pipes: vec![moved()] }), 0),
        (Control::Welcome(Welcome { you: y, me: x, broker: z, pipes: Vec::new() }), 1),
        (Control::Refer { id: 1 }, 1),
        (Control::ReferOk { id: 1, node: z }, 0),
        (Control::ReferNo { id: 1 }, 0),
        (Control::Seek { node: z }, 0),
        (Control::Meet { node: z, attempt: 1 }, 1),
        (Control::MeetFailed { node: z, attempt: 1 }, 0),
        (Control::NoMeet { node: z }, 0),
        (Control::Bye, 0),
    ];
    controls.iter().map(|(control, handles)| encode(|out| write_control(out, control, *handles))).collect()
}

fn encode(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn all() -> Vec<Vec<u8>> {
    [data_frames(), event_frames(), control_frames()].concat()
}

/// One frame as the document has it: in words, then its bytes, sixteen a line.
fn shown(frame: &[u8]) -> String {
    let mut text = String::new();
    for line in describe("X", "Y", frame, &mut Letters) {
        text.push_str(&line);
        text.push('\n');
    }
    for row in frame.chunks(16) {
        let bytes: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("    {}\n", bytes.join(" ")));
    }
    text
}

const BEGIN: &str = "<!-- golden frames -->\n```text\n";
const END: &str = "```\n";

#[test]
fn the_frames_in_the_document_are_the_ones_that_are_written() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/wire.md");
    let document = std::fs::read_to_string(&path).expect("docs/wire.md");
    let (before, rest) = document.split_once(BEGIN).expect("the document marks its golden frames");
    let (kept, after) = rest.split_once(END).expect("the block ends");
    let now: Vec<String> = all().iter().map(|frame| shown(frame)).collect();
    let now = now.join("\n");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{now}{END}{after}")).expect("the document can be written");
    } else {
        assert!(kept == now, "docs/wire.md differs, UPDATE_GOLDEN=1 rewrites its block:\n{now}");
    }
}

#[test]
fn the_golden_frames_show_every_kind_and_read_back() {
    let limits = Limits::default();
    let mut kinds = BTreeSet::new();
    for frame in all() {
        let head = Head::read(&frame, &limits).expect("a frame").expect("the whole of its head");
        assert_eq!(head.len(), frame.len());
        let again = match head.body(&frame, &limits).expect("a body") {
            Body::Data { dest, from, head: read } => {
                let (more, starved, hops) = (read.more, read.starved, read.hops);
                let marks = DataMarks { dest, from, cost: read.cost, more, starved, hops, handles: head.handles };
                kinds.insert(FrameKind::Data);
                data(marks, &read.cargo, frame.get(read.payload_at..).expect("a payload"))
            }
            Body::Event { dest, from, kind } => {
                kinds.insert(kind.frame_kind());
                encode(|out| write_event(out, dest, from, &kind))
            }
            Body::Control(control) => {
                kinds.insert(control.frame_kind());
                encode(|out| write_control(out, &control, head.handles))
            }
            // Of no kind: the count below misses it.
            Body::Unknown => frame.clone(),
        };
        assert_eq!(again, frame);
    }
    assert_eq!(kinds.len(), crate::kind::KINDS.len());
}
