//! Two nodes and nothing else: each writes into a small ring buffer that the other reads, a few bytes at a time, as two
//! microcontrollers on a serial line would. The client asks, and moves one end of a fresh pipe to the server with the
//! question; the server answers over that pipe.
//!
//! ```text
//!   client ──outbox──▶ [ 64-byte buffer ] ──odd pieces──▶ server
//!   client ◀─odd pieces── [ 64-byte buffer ] ◀──outbox── server
//! ```
//!
//! Run it with `cargo run -p mage-proto --example two_buffers`.

use std::collections::VecDeque;

use bytes::BytesMut;
use mage_proto::{Limits, LinkId, Message, NameSource, Node, Output, Port, PortId, Transmit, Window};

/// How many bytes a line holds.
const LINE: usize = 64;

/// One direction of the serial line.
#[derive(Default)]
struct Line {
    bytes: VecDeque<u8>,
}

impl Line {
    /// Takes as much as there is room for; returns how much that was.
    fn write(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(LINE - self.bytes.len());
        self.bytes.extend(bytes.iter().take(taken));
        taken
    }

    /// Hands out at most `most` bytes.
    fn read(&mut self, most: usize, into: &mut BytesMut) {
        let count = self.bytes.len().min(most);
        into.extend(self.bytes.drain(..count));
    }
}

/// Names from a counter. A device asks its random source: names must not be guessed.
struct Count(u128);

impl NameSource for Count {
    fn next_name(&mut self) -> u128 {
        self.0 += 1;
        self.0
    }
}

/// A node with its end of the line. No handles travel here, so the handle type is `()`.
struct Device {
    name: &'static str,
    node: Node<(), Count>,
    link: LinkId,
    /// What the node has said and the line has not taken.
    batch: Transmit<()>,
    /// What the line brought and is not a whole frame yet.
    input: BytesMut,
    ports: Vec<Port>,
    readable: Vec<PortId>,
}

impl Device {
    fn new(name: &'static str, node: Node<(), Count>, link: LinkId, ports: Vec<Port>) -> Self {
        let (batch, input, readable) = (Transmit::default(), BytesMut::new(), Vec::new());
        Self { name, node, link, batch, input, ports, readable }
    }

    /// Does what the node wants done.
    fn perform(&mut self) {
        while let Some(output) = self.node.poll_output() {
            match output {
                Output::InitialPort { port, .. } => self.ports.push(port),
                Output::Readable(port) => self.readable.push(port),
                // Nothing is opened or closed here, and `step` looks for bytes without being told.
                _ => {}
            }
        }
    }

    /// Moves bytes: as many out as the line takes, up to `most` in.
    fn step(&mut self, out: &mut Line, back: &mut Line, most: usize) -> Result<(), mage_proto::Violation> {
        if self.batch.is_empty() {
            self.node.poll_transmit(self.link, &mut self.batch);
        }
        let taken = self.batch.slices().next().map_or(0, |slice| out.write(slice));
        let _sent = self.batch.advance(taken);
        back.read(most, &mut self.input);
        self.node.handle_bytes(self.link, &mut self.input, &mut VecDeque::new())?;
        self.perform();
        Ok(())
    }

    /// The next message at any readable port of this device.
    fn next_message(&mut self) -> Option<Message<()>> {
        let id = self.readable.pop()?;
        let port = self.ports.iter().find(|port| port.id() == id)?;
        self.node.receive(port).ok()?
    }
}

/// Limits of a small device: what one link can make it hold is their sum.
fn small() -> Limits {
    Limits {
        max_frame: 32 << 10,
        max_message: 16 << 10,
        window: Window { bytes: 4 << 10, messages: 8 },
        ports_per_link: 32,
        link_bytes: 64 << 10,
        link_pended_bytes: 16 << 10,
        ..Limits::default()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut client = Node::new(Count(0), small());
    let mut server = Node::new(Count(1 << 64), small());
    let (client_link, ours) = client.invite((), 1).map_err(|(error, ())| error)?;
    let server_link = server.accept(()).map_err(|(error, ())| error)?;

    // The question is sent before the server has even been heard of. An end of a fresh pipe travels with it.
    let (answers, reply) = client.create_pipe();
    let question = Message { cargo: vec![reply], ..Message::new(&b"how warm is it?"[..]) };
    client.send(&ours[0], question).map_err(|error| error.kind)?;

    let mut client = Device::new("client", client, client_link, vec![answers]);
    let mut server = Device::new("server", server, server_link, Vec::new());
    let (mut there, mut back) = (Line::default(), Line::default());
    for turn in 1.. {
        // Pieces of 1 to 7 bytes: frames are put together wherever they were cut.
        client.step(&mut there, &mut back, turn % 7 + 1)?;
        server.step(&mut back, &mut there, turn % 5 + 1)?;
        if let Some(message) = server.next_message() {
            println!("{} reads {:?}", server.name, String::from_utf8_lossy(&message.payload));
            let [reply] = &message.cargo[..] else { return Err("the question brings a port".into()) };
            let answer = format!("200 readings: {}", "21 degrees; ".repeat(200));
            server.node.send(reply, Message::new(answer.as_bytes())).map_err(|error| error.kind)?;
        }
        if let Some(message) = client.next_message() {
            let text = String::from_utf8_lossy(&message.payload);
            println!("{} reads {:?} … ({} bytes, after {turn} turns)", client.name, &text[..26], text.len());
            break;
        }
    }
    Ok(())
}
