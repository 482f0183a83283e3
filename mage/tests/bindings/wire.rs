//! The golden calls of `docs/wire.md`, written and read.
//!
//! `UPDATE_GOLDEN=1` writes the page's block anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use mage::memory::MemoryBackend;
use mage::{Bytes, Interface, MessagePipe, Receiver, Remote};

use crate::generated::calculator::*;
use crate::generated::types::*;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/wire.md");
const BEGIN: &str = "<!-- golden calls -->\n```text\n";
const END: &str = "```\n";

/// The block in the making.
#[derive(Default)]
struct Block(String);

impl Block {
    fn add(&mut self, what: &str, bytes: &[u8]) {
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        let _ = writeln!(self.0, "{what}");
        for line in bytes.chunks(16) {
            let line: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
            let _ = writeln!(self.0, "    {}", line.join(" "));
        }
    }

    /// What arrived at `pipe`, which is then read as it would be by who it is for.
    fn arrived(&mut self, what: &str, pipe: &MessagePipe) -> Vec<u8> {
        let payload = pipe.try_receive().unwrap().unwrap().payload.to_vec();
        self.add(what, &payload);
        payload
    }
}

fn bare<I: Interface>() -> (Remote<I>, MessagePipe) {
    let (near, far) = MemoryBackend::new().create_pipe();
    (Remote::bind(near), far)
}

fn served<I: Interface>() -> (MessagePipe, Receiver<I>) {
    let (near, far) = MemoryBackend::new().create_pipe();
    (near, Receiver::bind(far))
}

/// What a receiver makes of `payload`.
fn request<I: Interface>(payload: &[u8]) -> String {
    let (pipe, mut receiver) = served::<I>();
    pipe.send(payload).unwrap();
    format!("{:?}", receiver.try_next().unwrap().unwrap())
}

fn calls(block: &mut Block) {
    let (remote, far) = bare::<Calculator>();
    remote.log("hi").unwrap();
    let first = block.arrived("Calculator.Log(\"hi\"), the first message: one-way with HELLO", &far);
    assert_eq!(request::<Calculator>(&first), "Log { text: \"hi\" }");
    remote.log("").unwrap();
    let second = block.arrived("Calculator.Log(\"\"): one-way", &far);
    assert_eq!(request::<Calculator>(&second), "Log { text: \"\" }");
    let reply = remote.add(20, -1);
    let call = block.arrived("Calculator.Add(20, -1): call 0x100000000", &far);
    assert!(request::<Calculator>(&call).starts_with("Add { a: 20, b: -1"));
    drop(reply);
    block.arrived("its cancellation", &far);
    let _flush = Remote::flush(&remote);
    block.arrived("a flush: call 0x200000000", &far);
}

fn answers(block: &mut Block) {
    let (pipe, mut receiver) = served::<Calculator>();
    let mut ask = |method: u32, kind: u8, params: &[u8]| {
        pipe.send(&[&[kind], &method.to_le_bytes()[..], &7u64.to_le_bytes(), params].concat()[..]).unwrap();
        receiver.try_next().unwrap()
    };
    let mut add = || match ask(0x29ba_a940, 1, &[0; 8]) {
        Some(CalculatorRequest::Add { reply, .. }) => reply,
        other => panic!("{other:?}"),
    };
    add().send(19);
    block.arrived("19 in reply to call 7 of Calculator.Add", &pipe);
    drop(add());
    block.arrived("call 7 of Calculator.Add dropped", &pipe);
    let Some(CalculatorRequest::Div { reply, .. }) = ask(0x6ce2_55d4, 1, &[0; 8]) else { panic!() };
    reply.fail(MathError::Overflow);
    block.arrived("Overflow in reply to call 7 of Calculator.Div", &pipe);
    let Some(CalculatorRequest::Count { mut items, .. }) = ask(0xf1bb_eba0, 1, &[0; 4]) else { panic!() };
    crate::run(items.send(5)).unwrap();
    block.arrived("5, a value of the stream that call 7 of Calculator.Count asked for", &pipe);
    drop(items);
    block.arrived("its end", &pipe);
    assert!(ask(0, 5, &[]).is_none());
    block.arrived("call 7, a flush, flushed", &pipe);
    let (remote, far) = bare::<Calculator>();
    let mut numbers = remote.count(0);
    let asked = far.try_receive().unwrap().unwrap().payload.to_vec();
    for value in 0..32_i32 {
        let item = [&[8], &asked[1..13], &value.to_le_bytes()].concat();
        far.send(&item[..]).unwrap();
        assert_eq!(crate::run(numbers.next()), Some(Ok(value)));
    }
    block.arrived("32 more values for call 0x100000000 of Calculator.Count", &far);
}

fn values(block: &mut Block) {
    let (remote, far) = bare::<Everything>();
    let _first = remote.acknowledged();
    far.try_receive().unwrap().unwrap();
    remote.texts("é", b"\x01", "", b"", Some("x"), None).unwrap();
    let payload = block
        .arrived("Everything.Texts(text \"é\", blob 01, short \"\", tag empty, perhaps \"x\", tag2 nothing)", &far);
    assert!(request::<Everything>(&payload).starts_with("Texts { text: \"é\""));
    let counts = BTreeMap::from([("b".to_owned(), 2), ("a".to_owned(), 1)]);
    remote.maps(&counts, &BTreeMap::new(), &BTreeMap::new()).unwrap();
    let payload = block.arrived("Everything.Maps({\"a\": 1, \"b\": 2}, {}, {})", &far);
    assert!(request::<Everything>(&payload).starts_with("Maps { counts: {\"a\": 1, \"b\": 2}"));
    let settings = Settings { secret: Some(Bytes::from_static(b"s")), ..Settings::default() };
    remote.optionals(Some(-2), Some(&settings), Some(Color::Blue), Some(&[3]), None).unwrap();
    let payload = block
        .arrived("Everything.Optionals(-2, {\"unnamed\", -3, Green, \"s\", \"none\", 1.5}, Blue, [3], nothing)", &far);
    assert!(request::<Everything>(&payload).contains("color: Some(Blue), list: Some([3])"));
    let tree = Tree { value: 1, left: None, right: None, children: vec![] };
    let options = EverythingOptions { mode: EverythingMode::Slow, retries: 2 };
    let bounded = Bounded {
        name: String::new(),
        tag: Bytes::new(),
        words: vec![],
        pair: [Bytes::new(), Bytes::new()],
        table: BTreeMap::new(),
        maybe: None,
    };
    let shape = Shape::Points(vec![7]);
    remote.data(&Settings::default(), &shape, &tree, Future::Later, &options, &bounded, &Nothing {}).unwrap();
    let payload = block.arrived(
        "Everything.Data({defaults}, points: [7], {1, nothing, nothing, []}, Later, {Slow, 2}, {empty}, {})",
        &far,
    );
    assert!(request::<Everything>(&payload).contains("shape: Points([7])"));
}

#[test]
fn the_page_shows_the_bytes_that_are_written_and_read() {
    let mut block = Block::default();
    calls(&mut block);
    answers(&mut block);
    values(&mut block);
    let page = std::fs::read_to_string(PAGE).unwrap();
    let start = page.find(BEGIN).expect("the page has golden calls") + BEGIN.len();
    let end = start + page[start..].find(END).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        std::fs::write(PAGE, [&page[..start], &block.0, &page[end..]].concat()).unwrap();
        return;
    }
    assert_eq!(&page[start..end], block.0, "UPDATE_GOLDEN=1 accepts what is written");
}
