//! Every type of the language, through a generated interface and back.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use mage::call::CLOSED_BAD_MESSAGE;
use mage::memory::MemoryBackend;
use mage::parameter::BadValue;
use mage::pipe::SendErrorKind;
use mage::{Bytes, CallError, CloseReason, MessagePipe, PendingRemote, Receiver, Remote};

use crate::generated::drawing::{Canvas, CanvasRequest, lines, shapes};
use crate::generated::names;
use crate::generated::types::*;
use crate::run;

fn pair() -> (Remote<Everything>, Receiver<Everything>) {
    let (near, far) = MemoryBackend::new().create_pipe();
    (Remote::bind(near), Receiver::bind(far))
}

fn settings() -> Settings {
    Settings { name: "x".into(), title: None, secret: Some(Bytes::from_static(b"\0\xFF")), ..Settings::default() }
}

fn bounded() -> Bounded {
    Bounded {
        name: "12345678".into(),
        tag: Bytes::from_static(b"tag"),
        words: vec!["a".into(), "bc".into()],
        pair: [Bytes::from_static(b"1"), Bytes::new()],
        table: BTreeMap::from([("k".into(), Bytes::from_static(b"v"))]),
        maybe: Some(vec![None, Some("y".into())]),
    }
}

fn tree(depth: i32) -> Tree {
    let child = || (depth > 0).then(|| Box::new(tree(depth - 1)));
    Tree { value: depth, left: child(), right: None, children: child().map(|child| *child).into_iter().collect() }
}

#[test]
fn scalars_texts_lists_and_maps_arrive_as_they_were_sent() {
    let (remote, mut receiver) = pair();
    remote.texts("text", b"\0\xFF", "12345678", b"1234", Some("perhaps"), None).unwrap();
    remote.lists(&[1, -1], &["a".into()], &[], &[1.5, -0.0, f64::MAX], &["ab".into(), String::new()]).unwrap();
    let counts = BTreeMap::from([("one".to_string(), 1)]);
    let by_color = BTreeMap::from([(Color::Green, settings())]);
    let codes = BTreeMap::from([("a".to_string(), "b".to_string())]);
    remote.maps(&counts, &by_color, &codes).unwrap();
    remote.optionals(Some(3), Some(&settings()), None, Some(&[1, 2]), None).unwrap();
    match receiver.try_next().unwrap().unwrap() {
        EverythingRequest::Texts { text, blob, short, tag, perhaps, tag2 } => {
            assert_eq!((&*text, &blob[..], &*short, &tag[..]), ("text", &b"\0\xFF"[..], "12345678", &b"1234"[..]));
            assert_eq!((perhaps.as_deref(), tag2), (Some("perhaps"), None));
        }
        other => panic!("{other:?}"),
    }
    match receiver.try_next().unwrap().unwrap() {
        EverythingRequest::Lists { numbers, words, holders, point, codes } => {
            assert_eq!((numbers, words, holders), (vec![1, -1], vec!["a".to_string()], vec![]));
            assert_eq!((point, codes), ([1.5, -0.0, f64::MAX], ["ab".to_string(), String::new()]));
        }
        other => panic!("{other:?}"),
    }
    match receiver.try_next().unwrap().unwrap() {
        EverythingRequest::Maps { counts: a, by_color: b, codes: c } => {
            assert_eq!((a, b, c), (counts, by_color, codes));
        }
        other => panic!("{other:?}"),
    }
    match receiver.try_next().unwrap().unwrap() {
        EverythingRequest::Optionals { number, settings: with, color, list, pipe } => {
            assert_eq!((number, with, color, list), (Some(3), Some(settings()), None, Some(vec![1, 2])));
            assert!(pipe.is_none());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn structs_unions_and_enums_arrive_as_they_were_sent() {
    let (remote, mut receiver) = pair();
    let options = EverythingOptions { mode: EverythingMode::Slow, retries: 9 };
    let shapes = [Shape::Circle(1.5), Shape::Named(settings()), Shape::Points(vec![1, 2]), Shape::Label("four".into())];
    for shape in shapes {
        remote.data(&settings(), &shape, &tree(3), Future::Unknown(77), &options, &bounded(), &Nothing {}).unwrap();
        match receiver.try_next().unwrap().unwrap() {
            EverythingRequest::Data {
                settings: a,
                shape: b,
                tree: c,
                future: d,
                options: e,
                bounded: f,
                nothing: _,
            } => {
                assert_eq!((a, b, c, d), (settings(), shape, tree(3), Future::Unknown(77)));
                assert_eq!((e, f), (options.clone(), bounded()));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn pipes_and_handles_arrive_wherever_they_lie() {
    let backend = MemoryBackend::new();
    let (near, far) = backend.create_pipe();
    let (remote, mut receiver) = (Remote::<Everything>::bind(near), Receiver::<Everything>::bind(far));
    let mut kept: Vec<MessagePipe> = Vec::new();
    let mut pipe = || {
        let (near, far) = backend.create_pipe();
        kept.push(near);
        far
    };
    let (mut socket, given) = UnixStream::pair().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let sockets = BTreeMap::from([(5, UnixStream::pair().unwrap().0)]);
    let fd = || OwnedFd::from(UnixStream::pair().unwrap().0);
    let parcel = |one, more| Parcel {
        pipe: one,
        fd: fd(),
        file: None,
        more,
        labels: vec!["a".into()],
        sockets: BTreeMap::new(),
    };
    let first = Parcel { sockets, ..parcel(pipe(), vec![pipe(), pipe()]) };
    let gift = Gift::Parcel(parcel(pipe(), vec![]));
    let file = std::fs::File::from(OwnedFd::from(reader));
    remote.attached(pipe(), fd(), file, given, first, gift, vec![pipe()]).unwrap();
    match receiver.try_next().unwrap().unwrap() {
        EverythingRequest::Attached { pipe, fd: _, mut file, socket: mut given, parcel, gift, pipes } => {
            let Gift::Parcel(gift) = gift else { panic!() };
            let all = std::iter::once(parcel.pipe).chain(parcel.more).chain([gift.pipe, pipe]).chain(pipes);
            for (near, far) in kept.iter().zip(all.collect::<Vec<_>>()) {
                near.send(&b"found"[..]).unwrap();
                assert_eq!(&*far.try_receive().unwrap().unwrap().payload, b"found");
            }
            given.write_all(b"s").unwrap();
            assert_eq!(socket.read(&mut [0]).unwrap(), 1);
            writer.write_all(b"p").unwrap();
            assert_eq!(file.read(&mut [0]).unwrap(), 1);
            assert_eq!((parcel.sockets.len(), parcel.labels), (1, vec!["a".to_string()]));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn ends_of_an_interface_travel_through_itself() {
    let backend = MemoryBackend::new();
    let (near, far) = backend.create_pipe();
    let (remote, mut receiver) = (Remote::<Everything>::bind(near), Receiver::<Everything>::bind(far));
    let (a, b) = PendingRemote::<Everything>::pair(backend.create_pipe());
    let (c, d) = PendingRemote::<Everything>::pair(backend.create_pipe());
    remote.ends(a, d, None).unwrap();
    let Some(EverythingRequest::Ends { remote: a, receiver: d, other: None }) = receiver.try_next().unwrap() else {
        panic!()
    };
    for (caller, server) in [(a, b), (c, d)] {
        let (caller, mut server) = (caller.bind(), server.bind());
        let reply = caller.acknowledged();
        let Some(EverythingRequest::Acknowledged { reply: responder }) = server.try_next().unwrap() else { panic!() };
        responder.send(());
        assert_eq!(run(reply), Ok(()));
    }
}

#[test]
fn answers_of_every_form_arrive() {
    let (remote, mut receiver) = pair();
    let several = remote.several(1);
    let many = remote.many();
    let (fails, acts, bounded) = (remote.fails(1), remote.acts(2), remote.fails_bounded(3));
    let limited = remote.limited("four");
    while let Some(request) = receiver.try_next().unwrap() {
        match request {
            EverythingRequest::Several { a, reply } => reply.send((a, "text".into(), settings())),
            EverythingRequest::Many { reply } => reply.send((1, 2, 3, 4, 5, 6, 7, 8, 9)),
            EverythingRequest::Fails { code, reply } => reply.fail(Trouble::Code(code)),
            EverythingRequest::Acts { code: _, reply } => reply.answer(Ok(())),
            EverythingRequest::FailsBounded { code: _, reply } => reply.answer(Ok("fine".into())),
            EverythingRequest::Limited { a, reply } => reply.send((a, vec![Bytes::from_static(b"ok")])),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(run(several), Ok((1, "text".to_string(), settings())));
    assert_eq!(run(many), Ok((1, 2, 3, 4, 5, 6, 7, 8, 9)));
    assert_eq!(run(fails), Err(CallError::App(Trouble::Code(1))));
    assert_eq!((run(acts), run(bounded)), (Ok(()), Ok("fine".to_string())));
    assert_eq!(run(limited), Ok(("four".to_string(), vec![Bytes::from_static(b"ok")])));
}

#[test]
fn a_value_over_its_bound_is_not_sent() {
    let (remote, mut receiver) = pair();
    let unsent = remote.texts("text", b"", "123456789", b"", None, None).unwrap_err();
    assert_eq!(*unsent.kind(), SendErrorKind::TooLarge { size: 9, limit: 8 });
    let too_long = Bounded { words: vec!["abc".into()], ..bounded() };
    let all =
        (&settings(), &Shape::Circle(0.0), &tree(0), &EverythingOptions { mode: EverythingMode::Fast, retries: 0 });
    assert!(remote.data(all.0, all.1, all.2, Future::Now, all.3, &too_long, &Nothing {}).is_err());
    assert_eq!(run(remote.limited("fives")), Err(CallError::NotSent(SendErrorKind::TooLarge { size: 5, limit: 4 })));
    let answered = remote.limited("four");
    let Some(EverythingRequest::Limited { reply, .. }) = receiver.try_next().unwrap() else { panic!() };
    reply.send(("fives".into(), vec![]));
    assert_eq!(run(answered), Err(CallError::Unsendable));
}

/// Trees in one another.
fn chain(length: usize) -> Tree {
    let leaf = Tree { value: 0, left: None, right: None, children: vec![] };
    (1..length).fold(leaf, |inner, _| Tree { value: 1, left: Some(Box::new(inner)), right: None, children: vec![] })
}

#[test]
fn what_lies_too_deep_for_a_reader_is_not_sent_and_closes_nothing() {
    let (remote, mut receiver) = pair();
    let options = EverythingOptions { mode: EverythingMode::Fast, retries: 0 };
    let send = |tree: &Tree| {
        remote.data(&settings(), &Shape::Circle(0.0), tree, Future::Now, &options, &bounded(), &Nothing {})
    };
    send(&chain(64)).unwrap();
    for length in [65, 5000] {
        assert_eq!(*send(&chain(length)).unwrap_err().kind(), SendErrorKind::TooDeep);
    }
    let Some(EverythingRequest::Data { tree, .. }) = receiver.try_next().unwrap() else { panic!() };
    assert_eq!(tree, chain(64));
    assert!(receiver.try_next().unwrap().is_none());
}

#[test]
fn a_hostile_writer_cannot_exhaust_the_stack_of_a_reader() {
    const DATA: [u8; 4] = 0x8e0c_f9d8_u32.to_le_bytes();
    // One-way, without settings, a circle, and then trees in one another, each the left one of the one around it.
    let mut bytes = [&[0], &DATA[..], &[0; 4], &[0; 4], &[8, 0, 0, 0], &[0; 8]].concat();
    let mut tree = vec![0; 10];
    for _ in 0..5_000 {
        let size = (tree.len() as u32).to_le_bytes();
        tree = [&[0; 4], &[1][..], &size, &tree, &[0], &[0; 4]].concat();
    }
    bytes.extend_from_slice(&(tree.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&tree);
    let (near, far) = MemoryBackend::new().create_pipe();
    near.send(&bytes[..]).unwrap();
    let reader = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        let (tell, told) = std::sync::mpsc::channel();
        let observe = move |bad: &mage::BadMessage| tell.send((bad.method().to_owned(), bad.value())).unwrap();
        let mut receiver = Receiver::<Everything>::bind(far).on_bad_message(observe);
        assert!(receiver.try_next().is_err());
        told.recv().unwrap()
    });
    let found = reader.unwrap().join().unwrap();
    assert_eq!(found, ("golden.types.Everything.Data".to_owned(), BadValue::TooDeep));
}

/// The bytes of one call, with those between `from` and `to` replaced.
fn altered(call: impl FnOnce(&Remote<Everything>), alter: impl FnOnce(&mut Vec<u8>)) -> Receiver<Everything> {
    let backend = MemoryBackend::new();
    let (near, far) = backend.create_pipe();
    let remote = Remote::<Everything>::bind(near);
    call(&remote);
    let mut bytes = far.try_receive().unwrap().unwrap().payload.to_vec();
    alter(&mut bytes);
    let (near, far) = backend.create_pipe();
    near.send(&bytes[..]).unwrap();
    Receiver::bind(far)
}

/// One-way, with the interface's id.
const HEAD: usize = 1 + 4 + 8;

#[test]
fn a_field_that_an_older_writer_did_not_send_gets_its_default() {
    let call = |remote: &Remote<Everything>| remote.optionals(None, Some(&settings()), None, None, None).unwrap();
    // Behind the first optional and the mark of the second: the size, then name and volume, which version 0 had.
    let size_at = HEAD + 2;
    let known = 4 + 1 + 4;
    let mut receiver = altered(call, |bytes| {
        let size = u32::from_le_bytes(bytes[size_at..size_at + 4].try_into().unwrap()) as usize;
        bytes[size_at..size_at + 4].copy_from_slice(&(known as u32).to_le_bytes());
        bytes.drain(size_at + 4 + known..size_at + 4 + size);
    });
    let Some(EverythingRequest::Optionals { settings: read, .. }) = receiver.try_next().unwrap() else { panic!() };
    let expected = Settings { name: "x".into(), volume: -3, ..Settings::default() };
    assert_eq!(read, Some(expected));
    assert_eq!(Settings::default().title.as_deref(), Some("none"));
}

#[test]
fn a_field_that_this_version_does_not_know_is_skipped() {
    let call = |remote: &Remote<Everything>| remote.optionals(None, Some(&settings()), None, None, None).unwrap();
    let size_at = HEAD + 2;
    let mut receiver = altered(call, |bytes| {
        let size = u32::from_le_bytes(bytes[size_at..size_at + 4].try_into().unwrap());
        bytes[size_at..size_at + 4].copy_from_slice(&(size + 3).to_le_bytes());
        let end = size_at + 4 + size as usize;
        bytes.splice(end..end, [1, 2, 3]);
    });
    let Some(EverythingRequest::Optionals { settings: read, .. }) = receiver.try_next().unwrap() else { panic!() };
    assert_eq!(read, Some(settings()));
}

#[test]
fn an_unknown_value_of_a_closed_enum_is_refused_and_of_an_extensible_one_kept() {
    let call = |remote: &Remote<Everything>| remote.optionals(None, None, Some(Color::Red), None, None).unwrap();
    let mut receiver = altered(call, |bytes| bytes[HEAD + 3] = 9);
    let CloseReason::Closed { code, text } = receiver.try_next().unwrap_err() else { panic!() };
    assert_eq!(code, CLOSED_BAD_MESSAGE);
    assert_eq!(text, "bad message: golden.types.Everything.Optionals, parameter color: no enumerator has the value 9");
}

#[test]
fn an_answer_grown_since_is_read_with_what_the_older_side_sends() {
    let (near, far) = MemoryBackend::new().create_pipe();
    let remote = Remote::<Everything>::bind(near);
    let reply = remote.grown();
    let asked = far.try_receive().unwrap().unwrap().payload;
    let mut answer = asked[..13].to_vec();
    answer[0] = 2;
    answer.extend_from_slice(&5i32.to_le_bytes());
    far.send(&answer[..]).unwrap();
    assert_eq!(run(reply), Ok((5, 0)));
}

#[test]
fn constants_and_errors_are_those_of_the_file() {
    assert_eq!((ANSWER, GREETING, MAGIC, THIRD, MAX), (42, "hello \"world\"\n", &b"MAGE"[..], 0.333, 255));
    assert_eq!((FAVOURITE, Everything::LIMIT), (Color::Red, 3));
    let error: Box<dyn std::error::Error> = Box::new(CallError::App(Trouble::Code(4)));
    assert_eq!(error.to_string(), "the call failed: Code(4)");
    fn is_error<E: std::error::Error>(_: E) {}
    is_error(Trouble::Text(String::new()));
}

#[test]
fn a_type_imported_in_two_ways_is_one_type() {
    let (near, far) = MemoryBackend::new().create_pipe();
    let (remote, mut receiver) = (Remote::<Canvas>::bind(near), Receiver::<Canvas>::bind(far));
    let point = shapes::Point { x: 1, y: 2 };
    let line = lines::Line { from: point.clone(), to: shapes::Point { x: 3, y: 4 }, kind: shapes::Kind::Open };
    remote.draw(&line, &point).unwrap();
    let Some(CanvasRequest::Draw { line: drawn, at }) = receiver.try_next().unwrap() else { panic!() };
    assert_eq!((drawn, at), (line, point));
}

#[test]
fn methods_named_like_those_of_remotes_and_traits_are_called_as_any_other() {
    let (near, far) = MemoryBackend::new().create_pipe();
    let (remote, mut receiver) = (Remote::<names::H>::bind(near), Receiver::<names::H>::bind(far));
    remote.clone().clone_().unwrap();
    remote.drop_().unwrap();
    remote.ready().unwrap();
    remote.closed().unwrap();
    remote.next().unwrap();
    remote.r#type(1).unwrap();
    remote.to(1, 2, 3, 4, 5, 6, 7, 8).unwrap();
    remote.navigate_to_url("https://example.org").unwrap();
    let answer = remote.self_(7);
    let mut seen = Vec::new();
    while let Some(request) = receiver.try_next().unwrap() {
        if let names::HRequest::Self_ { self_, reply } = request {
            reply.send(self_);
        } else {
            seen.push(format!("{request:?}"));
        }
    }
    assert_eq!(run(answer), Ok(7));
    assert_eq!(seen[0], "Clone");
    assert_eq!(seen[6], "To { to: 1, from: 2, caller: 3, served: 4, request: 5, incoming: 6, value: 7, mark: 8 }");
    assert_eq!(seen[7], "NavigateToURL { url: \"https://example.org\" }");
}

#[test]
fn interfaces_and_methods_named_like_what_they_are_made_of_are_called_and_served() {
    use crate::generated::words;
    struct Plain;
    impl words::StringSync for Plain {
        fn string(&mut self, string: String) -> String {
            string + "!"
        }
        fn option(&mut self, option: Option<i32>) -> Option<i32> {
            option
        }
        fn result(&mut self, result: i32) -> Result<i32, words::Error> {
            if result == 0 { Err(words::Error::Ok(0)) } else { Ok(result) }
        }
        fn reply(&mut self, reply: i32, reply2: i32) -> (i32, bool) {
            (reply + reply2, true)
        }
        fn r#type(&mut self, r#type: words::Type) -> words::Type {
            r#type
        }
        fn self_(&mut self, self_: words::Infallible) -> words::Infallible {
            self_
        }
        fn vec(&mut self, _vec: Vec<i32>, _items: mage::StreamSink<i32>) {}
        fn responder(&mut self, _responder: i32) {}
        fn caller(&mut self, _caller: i32) {}
    }
    let (near, far) = MemoryBackend::new().create_pipe();
    let remote = Remote::<words::String>::bind(near);
    let server = std::thread::spawn(move || Receiver::<words::String>::bind(far).serve_sync(&mut Plain));
    assert_eq!(remote.string("text").wait().as_deref(), Ok("text!"));
    assert_eq!(remote.option(Some(3)).wait(), Ok(Some(3)));
    assert_eq!(remote.result(0).wait(), Err(CallError::App(words::Error::Ok(0))));
    assert_eq!(remote.reply(1, 2).wait(), Ok((3, true)));
    assert_eq!(remote.self_(words::Infallible::Self_).wait(), Ok(words::Infallible::Self_));
    drop(remote);
    server.join().unwrap().unwrap();
}
