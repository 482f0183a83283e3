//! Frames in words: what passes over a link, one line a frame, for people who look for a fault and for transcripts.
//!
//! ```text
//!   B@X -> A@Z: Handoff{B'@Y, unsure}
//!   R@X -> S@Y: Data{"here it is", B' (after B, to A@Z)}
//!   X -> Y: Bye
//! ```
//!
//! The names of nodes and ports are random numbers, so the caller says what to call them, see [`Naming`].

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::control::{Control, Greet, Welcome};
use crate::credit::Account;
use crate::event::{Closing, Descriptor, EventKind};
use crate::frame::{Body, DataHead, Head};
use crate::limits::{Limits, MAX_HOPS, Window};
use crate::name::{Address, NodeName, PortName};

/// What to call nodes, ports and payloads in a [description](describe).
pub trait Naming {
    /// What to call a node. By default eight of its digits.
    fn node(&mut self, node: NodeName) -> String {
        format!("{node}")
    }

    /// What to call a port. By default eight of its digits.
    fn port(&mut self, port: PortName) -> String {
        format!("{port}")
    }

    /// A frame says that the port `old` moved and is called `new` where it goes. Comes before either is printed.
    fn moved(&mut self, old: PortName, new: PortName) {
        let _ = (old, new);
    }

    /// How to print the payload of one frame. By default only its length: payloads are the application's secrets.
    fn payload(&mut self, payload: &[u8]) -> String {
        format!("{} bytes", payload.len())
    }
}

/// Names everything by eight of its digits.
impl Naming for () {}

/// Describes the frames of `bytes`, which passed over a link from the node that the caller calls `from` to the one it
/// calls `to`: one line a frame. A last line tells of what is no frame, or not the whole of one; nothing follows it.
pub fn describe<'a, N: Naming>(
    from: &'a str,
    to: &'a str,
    bytes: &'a [u8],
    naming: &'a mut N,
) -> impl Iterator<Item = String> + 'a {
    let mut rest = bytes;
    let mut teller = Teller { from, to, naming };
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (line, length) = teller.line(rest);
        rest = rest.get(length..).unwrap_or_default();
        Some(line)
    })
}

/// Whoever looks at bytes wants to see them, even if no node would take them.
fn generous() -> Limits {
    Limits {
        max_frame: u32::MAX,
        cargo: u16::MAX,
        handles: u16::MAX,
        max_window: Window { bytes: u32::MAX, messages: u32::MAX },
        ..Limits::default()
    }
}

struct Teller<'a, N> {
    from: &'a str,
    to: &'a str,
    naming: &'a mut N,
}

impl<N: Naming> Teller<'_, N> {
    /// One line, and how many bytes it tells of.
    fn line(&mut self, bytes: &[u8]) -> (String, usize) {
        let (from, to) = (self.from, self.to);
        let limits = generous();
        let head = match Head::read(bytes, &limits) {
            Ok(Some(head)) => head,
            Ok(None) => return (format!("{from} -> {to}: the first {} bytes of a frame", bytes.len()), bytes.len()),
            Err(violation) => return (format!("{from} -> {to}: no frame ({violation})"), bytes.len()),
        };
        let Some(frame) = bytes.get(..head.len()) else {
            let line = format!("{from} -> {to}: {} of {} bytes of a frame", bytes.len(), head.len());
            return (line, bytes.len());
        };
        let line = match head.body(frame, &limits) {
            Err(violation) => format!("{from} -> {to}: no frame ({violation})"),
            Ok(Body::Unknown) => format!("{from} -> {to}: a frame of a later version, {} bytes", frame.len()),
            Ok(Body::Control(control)) => {
                let what = self.control(&control, head.handles);
                format!("{from} -> {to}: {what}")
            }
            Ok(Body::Event { dest, from, kind }) => {
                let what = self.event(&kind);
                self.between(from, dest, &what)
            }
            Ok(Body::Data { dest, from, head: data }) => {
                let payload = frame.get(data.payload_at..).unwrap_or_default();
                let what = self.data(&data, payload, head.handles);
                self.between(from, dest, &what)
            }
        };
        (line, frame.len())
    }

    fn between(&mut self, from: PortName, dest: PortName, what: &str) -> String {
        let (source, target) = (self.naming.port(from), self.naming.port(dest));
        format!("{source}@{} -> {target}@{}: {what}", self.from, self.to)
    }

    fn address(&mut self, address: Address) -> String {
        format!("{}@{}", self.naming.port(address.port), self.naming.node(address.node))
    }

    fn data(&mut self, head: &DataHead, payload: &[u8], handles: u16) -> String {
        let mut parts = Vec::from([self.naming.payload(payload)]);
        parts.extend(self.descriptors(&head.cargo));
        parts.extend(count(handles));
        parts.extend(hops(head.hops));
        if head.cost == 0 {
            parts.push("continued".into());
        }
        if head.more {
            parts.push("more".into());
        }
        if head.starved {
            parts.push("starved".into());
        }
        format!("Data{{{}}}", parts.join(", "))
    }

    fn descriptors(&mut self, cargo: &[Descriptor]) -> Vec<String> {
        cargo.iter().for_each(|port| self.naming.moved(port.writer, port.name));
        cargo.iter().map(|port| self.descriptor(port)).collect()
    }

    fn descriptor(&mut self, port: &Descriptor) -> String {
        let (name, writer) = (self.naming.port(port.name), self.naming.port(port.writer));
        match port.peer {
            Some(peer) => format!("{name} (after {writer}, to {})", self.address(peer)),
            None => format!("{name} (after {writer}, orphan)"),
        }
    }

    fn event<H>(&mut self, kind: &EventKind<H>) -> String {
        match kind {
            EventKind::Data(_) => String::new(),
            EventKind::Close(Closing { code: 0, text }) if text.is_empty() => "Close".into(),
            EventKind::Close(Closing { code, text }) => format!("Close{{{code}, {text:?}}}"),
            EventKind::Handoff { next, sure } => {
                let next = self.address(*next);
                format!("Handoff{{{next}, {}}}", if *sure { "sure" } else { "unsure" })
            }
            EventKind::Hello { peer, origin, hops } => {
                let mut parts = Vec::from([self.address(*peer)]);
                if origin != peer {
                    parts.push(format!("origin {}", self.address(*origin)));
                }
                parts.extend(self::hops(MAX_HOPS.saturating_sub(*hops)));
                format!("Hello{{{}}}", parts.join(", "))
            }
            EventKind::End => "End".into(),
            EventKind::Gone { reply: false } => "Gone".into(),
            EventKind::Gone { reply: true } => "Gone{reply}".into(),
            EventKind::Credit(account) => {
                let Account { bytes, messages } = *account;
                format!("Credit{{{bytes} bytes, {messages} messages}}")
            }
        }
    }

    fn control(&mut self, control: &Control, handles: u16) -> String {
        let kind = control.frame_kind();
        let mut parts = match control {
            Control::Greet(greet) => self.greet(greet),
            Control::Welcome(Welcome { you, me, broker, pipes }) => {
                let mut parts = Vec::from([
                    format!("you {}", self.naming.node(*you)),
                    format!("me {}", self.naming.node(*me)),
                    format!("broker {}", self.naming.node(*broker)),
                ]);
                parts.extend(self.descriptors(pipes));
                parts
            }
            Control::Refer { id } | Control::ReferNo { id } => Vec::from([format!("{id}")]),
            Control::ReferOk { id, node } => Vec::from([format!("{id}"), self.naming.node(*node)]),
            Control::Seek { node } | Control::NoMeet { node } => Vec::from([self.naming.node(*node)]),
            Control::Meet { node, attempt } | Control::MeetFailed { node, attempt } => {
                Vec::from([self.naming.node(*node), format!("attempt {attempt}")])
            }
            Control::Bye => Vec::new(),
        };
        parts.extend(count(handles));
        if parts.is_empty() { format!("{kind}") } else { format!("{kind}{{{}}}", parts.join(", ")) }
    }
}

impl<N: Naming> Teller<'_, N> {
    fn greet(&mut self, greet: &Greet) -> Vec<String> {
        let Greet { least_version, most_version, max_frame, max_ports, cargo, handles, isolated } = greet;
        let mut parts = Vec::from([
            format!("versions {least_version} to {most_version}"),
            format!("frames of {max_frame} bytes"),
            format!("{max_ports} ports"),
            format!("{cargo} ports and {handles} handles in a message"),
        ]);
        parts.extend(isolated.map(|name| format!("isolated as {}", self.naming.node(name))));
        parts
    }
}

/// A frame's handles in words.
fn count(handles: u16) -> Option<String> {
    match handles {
        0 => None,
        1 => Some("1 handle".into()),
        more => Some(format!("{more} handles")),
    }
}

/// How often a frame was passed on, in words.
fn hops(hops: u8) -> Option<String> {
    match hops {
        0 => None,
        1 => Some("1 hop".into()),
        more => Some(format!("{more} hops")),
    }
}
