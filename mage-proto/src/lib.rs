//! The port protocol of Mage as a pure state machine: no socket, no clock, no thread, no lock, no random source.
//!
//! A [`Node`] is one participant of a network. It holds *ports*, the ends of message pipes; ports send messages to each
//! other, and may travel inside messages to any other node, while messages go on arriving once and in order. What the
//! node wants done it says with [`Output`]; what arrives for it is fed in. The crate `mage-ipc` does that with sockets
//! and an executor; this is what it looks like by hand:
//!
//! ```
//! use bytes::BytesMut;
//! use mage_proto::{Limits, LinkId, Message, NameSource, Node, Output, Port, Transmit};
//! use std::collections::VecDeque;
//!
//! struct Count(u128); // a real program asks the operating system for random numbers
//! impl NameSource for Count {
//!     fn next_name(&mut self) -> u128 {
//!         self.0 += 1;
//!         self.0
//!     }
//! }
//! type Here = Node<(), Count>; // no handles travel in this program
//!
//! /// Does what `node` wants done; a port that arrives with an invitation goes to `ports`.
//! fn drain(node: &mut Here, ports: &mut Vec<Port>) {
//!     while let Some(output) = node.poll_output() {
//!         if let Output::InitialPort { port, .. } = output {
//!             ports.push(port);
//!         }
//!     }
//! }
//! /// Carries bytes from one node to the other.
//! fn carry(from: (&mut Here, LinkId), to: (&mut Here, LinkId), wire: &mut BytesMut) {
//!     let mut batch = Transmit::default();
//!     while from.0.poll_transmit(from.1, &mut batch) {
//!         batch.slices().for_each(|slice| wire.extend_from_slice(slice));
//!         let _sent_handles = batch.advance(batch.len());
//!     }
//!     to.0.handle_bytes(to.1, wire, &mut VecDeque::new()).expect("the other node is honest");
//! }
//!
//! let (mut a, mut b) = (Node::new(Count(0), Limits::default()), Node::new(Count(1 << 64), Limits::default()));
//! let (a_link, ours) = a.invite((), 1).expect("a fresh node may invite");
//! let b_link = b.accept(()).expect("a fresh node may accept");
//! a.send(&ours[0], Message::new(&b"hello"[..])).expect("there is room"); // before the other has even answered
//!
//! let (mut wire, mut theirs) = (BytesMut::new(), Vec::new());
//! while theirs.is_empty() {
//!     carry((&mut b, b_link), (&mut a, a_link), &mut wire);
//!     carry((&mut a, a_link), (&mut b, b_link), &mut wire);
//!     drain(&mut b, &mut theirs);
//! }
//! let message = b.receive(&theirs[0]).expect("the pipe is open").expect("a message is there");
//! assert_eq!(&message.payload[..], b"hello");
//! ```
//!
//! # The contract
//!
//! There are *commands* (create, send, receive, close, merge, invite, accept, shut down), *inputs*
//! ([`handle_bytes`](Node::handle_bytes), [`handle_lost`](Node::handle_lost), [`socket_pair`](Node::socket_pair)) and
//! *outputs*. After every command or input poll [`poll_output`](Node::poll_output) until it is `None` and do what it
//! says, in that order; poll [`poll_transmit`](Node::poll_transmit) for a link when its socket can take bytes. Nothing
//! is dropped inside: what the core lets go of leaves as [`Output::Discard`].
//!
//! # What holds
//!
//! - Messages of a pipe arrive once and in order, whatever moves, or not at all: then both ends learn that the route
//!   broke, and what was read is a prefix of what was sent.
//! - Whatever bytes a link delivers, nothing panics, and what another node can make this one hold is bounded by
//!   [`Limits`].
//! - The same inputs give the same outputs in the same order.
//!
//! # Where it comes from
//!
//! Ports that move by leaving a proxy behind are the idea of Chromium's Mojo; that the stream itself says who writes
//! next (instead of sequence numbers in every port) is this crate's own. `docs/protocol.md` has the whole of it.
#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::wildcard_enum_match_arm,
    clippy::exhaustive_enums
)]

extern crate alloc;

mod close;
mod control;
mod credit;
mod describe;
mod event;
mod fields;
mod frame;
#[cfg(test)]
mod golden;
mod id;
mod kind;
mod limits;
mod link;
mod message;
mod name;
mod node;
mod note;
mod outbox;
mod output;
mod payload;
mod port;
#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "a test counts a few things")]
mod round_trip;
mod violation;
mod wire;

pub use close::{CloseReason, Loss, MAX_CLOSE_TEXT};
pub use control::PROTOCOL_VERSION;
pub use describe::{Naming, describe};
pub use id::{LinkId, PortId};
pub use kind::FrameKind;
pub use limits::{Limits, Window};
pub use message::{Message, Port};
pub use name::{Address, NameSource, NodeName, PortName};
pub use node::inspect;
pub use node::{AcceptError, Census, InviteError, MergeError, Node, SendError, SendErrorKind, SocketPairError, Source};
pub use note::{MAX_NOTE, Note, note};
pub use outbox::Transmit;
pub use output::{Discard, JoinError, Output};
pub use payload::Payload;
pub use violation::{RouteError, Violation};
