//! The port protocol of Mage as a pure state machine.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod close;
mod payload;

pub use close::{CloseReason, Loss, MAX_CLOSE_TEXT};
pub use payload::Payload;
