//! The port protocol of Mage as a pure state machine.
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
mod event;
mod frame;
mod limits;
mod link;
mod message;
mod name;
mod node;
mod outbox;
mod output;
mod payload;
mod port;
mod violation;
mod wire;

pub use close::{CloseReason, Loss, MAX_CLOSE_TEXT};
pub use control::PROTOCOL_VERSION;
pub use frame::FrameKind;
pub use limits::{Limits, Window};
pub use link::LinkId;
pub use message::{Message, Port, PortId};
pub use name::{Address, NameSource, NodeName, PortName};
pub use node::{AcceptError, Census, InviteError, MergeError, Node, SendError, SendErrorKind, SocketPairError};
pub use outbox::Transmit;
pub use output::{Discard, JoinError, Output};
pub use payload::Payload;
pub use violation::{RouteError, Violation};
