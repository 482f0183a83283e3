//! A node played by hand at the other end of a socket: it joins honestly, and says to the driver there what it likes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

use bytes::BytesMut;
use mage_proto::{Limits, LinkId, NameSource, Node, Note, Output, Port, Transmit, note};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, Shutdown, SocketFlags, SocketType, recvmsg, sendmsg, shutdown, socketpair,
};

/// What may lie in a ring, and how long its memory is.
const CAPACITY: u64 = 512 << 10;
pub(crate) const RING: u64 = 4096 + CAPACITY;

pub(crate) const OFFER: &[u8] = &[1];
pub(crate) const TAKEN: &[u8] = &[2];
pub(crate) const SWITCH: &[u8] = &[3];

struct Names(u128);

impl NameSource for Names {
    fn next_name(&mut self) -> u128 {
        self.0 += 1;
        self.0
    }
}

/// A node played by hand.
pub(crate) struct Rogue {
    socket: UnixStream,
    core: Node<OwnedFd, Names>,
    link: LinkId,
    ports: Vec<Port>,
    input: BytesMut,
    handles: VecDeque<OwnedFd>,
    /// What the driver at the other end said, but for what was asked for already.
    heard: VecDeque<Note<OwnedFd>>,
}

/// Both directions of a link with rings, seen from the rogue.
pub(crate) struct Rings {
    /// What the rogue writes to.
    pub(crate) out: File,
    pub(crate) bell: OwnedFd,
    /// What the node writes to.
    pub(crate) back: File,
}

impl Rogue {
    /// Accepts the invitation at the other end of `socket`.
    pub(crate) fn join(socket: UnixStream) -> Self {
        let mut core = Node::new(Names(77), Limits::default());
        let link = core.accept(socket.try_clone().unwrap().into()).expect("a fresh node may accept");
        let (input, handles, heard) = (BytesMut::new(), VecDeque::new(), VecDeque::new());
        let mut rogue = Self { socket, core, link, ports: Vec::new(), input, handles, heard };
        rogue.transmit();
        while rogue.ports.is_empty() {
            rogue.read();
        }
        rogue
    }

    /// Says what the core wants said, through the socket.
    fn transmit(&mut self) {
        while let Some(output) = self.core.poll_output() {
            if let Output::InitialPort { port, .. } = output {
                self.ports.push(port);
            }
        }
        let mut batch = Transmit::default();
        while self.core.poll_transmit(self.link, &mut batch) {
            let bytes: Vec<u8> = batch.slices().flatten().copied().collect();
            self.write(&bytes, &[]);
            drop(batch.advance(bytes.len()));
        }
    }

    /// Writes to the socket.
    pub(crate) fn write(&self, bytes: &[u8], handles: &[&OwnedFd]) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let handles: Vec<_> = handles.iter().map(|handle| handle.as_fd()).collect();
        assert!(handles.is_empty() || control.push(SendAncillaryMessage::ScmRights(&handles)));
        // The other side may have hung up already.
        let _ = sendmsg(&self.socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL);
    }

    /// Says something to the driver at the other end.
    pub(crate) fn say(&self, said: &[u8], handles: &[&OwnedFd]) {
        self.write(&note(said, handles.len() as u16), handles);
    }

    /// Reads once.
    fn read(&mut self) {
        let mut room = vec![0; 70_000];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let got = recvmsg(&self.socket, &mut [IoSliceMut::new(&mut room)], &mut control, flags).expect("a connection");
        assert!(got.bytes > 0, "the connection is over");
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(passed) = message {
                self.handles.extend(passed);
            }
        }
        self.input.extend_from_slice(&room[..got.bytes]);
        loop {
            let said = self.core.handle_bytes_and_notes(self.link, &mut self.input, &mut self.handles);
            let Some(note) = said.expect("the other side is honest") else { break };
            self.heard.push_back(note);
        }
        self.transmit();
    }

    /// Waits for what the driver at the other end says next.
    pub(crate) fn hear(&mut self) -> Note<OwnedFd> {
        loop {
            if let Some(note) = self.heard.pop_front() {
                return note;
            }
            self.read();
        }
    }

    /// Waits for the next message of the first pipe, which comes through the socket.
    pub(crate) fn receive(&mut self) -> Vec<u8> {
        loop {
            if let Some(message) = self.core.receive(&self.ports[0]).expect("an open pipe") {
                self.transmit();
                return message.payload.to_vec();
            }
            self.read();
        }
    }

    /// Agrees on rings, and leaves the socket.
    pub(crate) fn switch(&mut self) -> Rings {
        let (out, (bell, end)) = (memory(RING, SealFlags::SHRINK), bell());
        self.say(OFFER, &[&out, &end]);
        let offer = self.hear();
        assert_eq!(&offer.said[..], OFFER);
        let [back, _end] = <[OwnedFd; 2]>::try_from(offer.handles).expect("two handles");
        assert_eq!(&self.hear().said[..], TAKEN);
        self.say(TAKEN, &[]);
        assert_eq!(&self.hear().said[..], SWITCH);
        self.say(SWITCH, &[]);
        Rings { out: out.into(), bell, back: back.into() }
    }
}

impl Rings {
    /// Writes `bytes` to a ring that nothing was written to before, and says that it is at `position`.
    pub(crate) fn write(&self, bytes: &[u8], position: u32) {
        self.out.write_all_at(bytes, 4096).unwrap();
        self.out.write_all_at(&position.to_ne_bytes(), 0).unwrap();
        shutdown(&self.bell, Shutdown::Read).unwrap();
    }

    /// Says something to the driver at the other end, first of all in the ring.
    pub(crate) fn say(&self, said: &[u8]) {
        let frame = note(said, 0);
        self.write(&frame, frame.len() as u32);
    }
}

/// Anonymous memory.
pub(crate) fn memory(size: u64, seals: SealFlags) -> OwnedFd {
    let memory = memfd_create("rogue", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    rustix::fs::ftruncate(&memory, size).unwrap();
    fcntl_add_seals(&memory, seals).unwrap();
    memory
}

/// A bell, and the end at which it is heard.
pub(crate) fn bell() -> (OwnedFd, OwnedFd) {
    let (rope, end) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
    rustix::io::write(&rope, &[0]).unwrap();
    (rope, end)
}
