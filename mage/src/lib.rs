//! Typed, asynchronous messages to an object in another process, another thread or the same one.

pub mod adapter;
pub mod backend;
mod batch;
pub mod call;
mod driver;
pub mod endpoint;
mod inherit;
pub mod interface;
pub mod memory;
mod names;
pub mod node;
pub mod parameter;
pub mod pipe;
pub mod receiver;
pub mod remote;
pub mod set;
mod socket;
mod sync;
pub mod worker;

pub use bytes::Bytes;
pub use call::{BadMessage, CallError, Reply, Responder, SendError, StreamSink, Streaming};
pub use endpoint::{PendingReceiver, PendingRemote};
pub use interface::Interface;
pub use node::Node;
pub use pipe::{CloseReason, MessagePipe};
pub use receiver::{Receiver, Serving};
pub use remote::Remote;
pub use set::ReceiverSet;
pub use worker::{Invitation, Worker};

/// Brings in what the compiler made of `$name.magen` in the build script: `mage::include_magen!("calculator")`.
#[macro_export]
macro_rules! include_magen {
    ($name:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $name, ".rs"));
    };
}
