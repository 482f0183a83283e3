//! What travels beside the bytes: pipes and handles.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustix::net::{SocketType, sockopt};

use super::{BadValue, Decoder, Encoder, Fault, Parameter};
use crate::pipe::MessagePipe;

impl Parameter for MessagePipe {
    const MIN_SIZE: usize = 4;

    fn encode(self, to: &mut Encoder) {
        to.pipe(self);
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        from.pipe()
    }
}

impl Parameter for OwnedFd {
    const MIN_SIZE: usize = 4;

    fn encode(self, to: &mut Encoder) {
        to.handle(self);
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        from.handle()
    }
}

impl Parameter for File {
    const MIN_SIZE: usize = 4;

    fn encode(self, to: &mut Encoder) {
        to.handle(self.into());
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        from.handle().map(Self::from)
    }
}

impl Parameter for UnixStream {
    const MIN_SIZE: usize = 4;

    fn encode(self, to: &mut Encoder) {
        to.handle(self.into());
    }

    /// Takes a handle and asks the system whether it is a stream socket: one call.
    fn decode(from: &mut Decoder<'_>) -> Result<Self, Fault> {
        let handle = from.handle()?;
        match sockopt::socket_type(&handle) {
            Ok(SocketType::STREAM) => Ok(handle.into()),
            Ok(_) | Err(_) => Err(BadValue::WrongHandle { wanted: "stream socket" }.into()),
        }
    }
}
