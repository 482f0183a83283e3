//! Typed, asynchronous messages to an object in another process, another thread or the same one, without knowing where
//! it is, even while it moves.
//!
//! ```text
//!                 your code                       what carries it
//!   Remote<I> ──calls──▶ Receiver<I>              MessagePipe ── Node ── Adapter ── tokio, smol, threads
//! ```
//!
//! A **node** ([`Node`]) is one participant of a network, normally a process. It makes **pipes** ([`MessagePipe`]), whose
//! two ends may be anywhere: an end that is sent inside a message takes along what is queued in it, and the route
//! shortens itself to the direct one. A [`Remote`] and a [`Receiver`] are the two ends of a pipe that speaks an interface,
//! described in a `.magen` file and compiled by `magen-nom`. A [`Worker`] is a process that this one starts and invites;
//! a [`Listener`] is where others call; [`Node::invite`] and [`Node::accept`] are underneath both. A [`SharedBuffer`]
//! carries bytes of any size as a handle. Who runs the code is a value that a node is made with ([`adapter`]).
//!
//! # Examples
//!
//! Two processes, one interface (the whole program is in `examples/calculator`):
//!
//! ```text
//! interface Calculator { Add(int a, int b) => (int sum); }
//!
//! // the parent
//! let node = mage::Node::new(mage_adapter_tokio::Adapter::current()?)?;
//! let mut worker = mage::Worker::reexec("calculator").spawn(&node)?;
//! let calculator: mage::Remote<Calculator> = worker.remote();
//! println!("{}", calculator.add(20, 22).await?);
//!
//! // the child, where mage::worker::entry() says "calculator"
//! let node = mage::Node::new(mage_adapter_threads::Adapter::new()?)?;
//! let pipe = mage::Invitation::inherited()?.accept(&node).wait()?;
//! mage::Receiver::<Calculator>::bind(pipe).serve_sync(&mut Adder)?;
//! ```
//!
//! Pipes alone, without a node, as tests use them:
//!
//! ```
//! let (here, there) = mage::memory::MemoryBackend::new().create_pipe();
//! here.send(&b"hello"[..]).map_err(|(kind, _)| kind)?;
//! let message = there.try_receive()?.expect("what was sent");
//! assert_eq!(&*message.payload, b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is promised
//!
//! What is sent over a pipe arrives once and in order, or the pipe ends and says why ([`CloseReason`]). A send returns
//! when the message is on its way: nothing waits for a later call. Nothing blocks by surprise: a full pipe says so, and a
//! wait on a thread that would have to make the progress itself is refused. A process that dies, lies or sends garbage
//! ends the pipes that lead through it, and nothing else.

pub mod adapter;
pub mod backend;
mod batch;
pub mod buffer;
pub mod call;
mod driver;
pub mod endpoint;
mod few;
mod inherit;
pub mod interface;
pub mod listener;
mod mapping;
pub mod memory;
mod names;
pub mod node;
pub mod parameter;
pub mod pipe;
pub mod receiver;
pub mod remote;
mod ring;
pub mod set;
mod socket;
mod spill;
mod sync;
pub mod worker;

pub use buffer::{SharedBuffer, SharedBufferMut};
pub use bytes::Bytes;
pub use call::{BadMessage, CallError, Reply, Responder, SendError, StreamSink, Streaming};
pub use endpoint::{PendingReceiver, PendingRemote};
pub use interface::Interface;
pub use listener::Listener;
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
