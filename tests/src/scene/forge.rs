//! Frames made by hand, byte by byte as `docs/wire.md` has them: what a node sends that does not keep the protocol.

/// The kinds of frames, as their byte.
#[expect(missing_docs, reason = "each is the frame of that name")]
pub mod kind {
    pub const DATA: u8 = 0x01;
    pub const CLOSE: u8 = 0x02;
    pub const HANDOFF: u8 = 0x03;
    pub const HELLO: u8 = 0x04;
    pub const END: u8 = 0x05;
    pub const GONE: u8 = 0x06;
    pub const CREDIT: u8 = 0x07;
    pub const GREET: u8 = 0x10;
    pub const WELCOME: u8 = 0x11;
    pub const REFER: u8 = 0x12;
    pub const REFER_OK: u8 = 0x13;
    pub const REFER_NO: u8 = 0x14;
    pub const SEEK: u8 = 0x15;
    pub const MEET: u8 = 0x16;
    pub const MEET_FAILED: u8 = 0x17;
    pub const NO_MEET: u8 = 0x18;
    pub const BYE: u8 = 0x19;
}

/// Begins a frame: its head, with any flags and any number of handles.
#[derive(Debug, Clone)]
pub struct Forged(Vec<u8>);

impl Forged {
    /// A frame from node to node.
    pub fn control(kind: u8) -> Self {
        Self(vec![0, 0, 0, 0, kind, 0, 0, 0])
    }

    /// The first words of a node that speaks the versions from `least` to `most`.
    pub fn greet(least: u16, most: u16, flags: u32) -> Self {
        let greet = Self::control(kind::GREET).bytes(b"mage\xff\0\0\x01").u16(least).u16(most);
        greet.u32(1 << 18).u32(100).u16(128).u16(64).u32(flags)
    }

    /// A frame from a port to a port.
    pub fn event(kind: u8, dest: u128, from: u128) -> Self {
        Self::control(kind).u128(dest).u128(from)
    }

    /// A message without ports that costs what it should.
    pub fn data(dest: u128, from: u128, payload: &[u8]) -> Self {
        let cost = u32::try_from(payload.len() + 64).expect("a small payload");
        Self::data_of_cost(dest, from, cost, payload)
    }

    /// A message without ports that says what it costs.
    pub fn data_of_cost(dest: u128, from: u128, cost: u32, payload: &[u8]) -> Self {
        Self::event(kind::DATA, dest, from).u16(0).u16(0).u32(cost).bytes(payload)
    }

    /// A message that brings ports; `cost` is stamped on it.
    pub fn data_with(dest: u128, from: u128, cost: u32, ports: &[Self]) -> Self {
        let count = u16::try_from(ports.len()).expect("few ports");
        let begin = Self::event(kind::DATA, dest, from).u16(count).u16(0).u32(cost);
        ports.iter().fold(begin, |frame, port| frame.bytes(&port.0))
    }

    /// A moved port: what stands for it in a message. Its window is 1 MiB and 1,024 messages, full on both sides.
    pub fn port(name: u128, writer: u128, peer: Option<(u128, u128)>) -> Self {
        Self::port_with(name, writer, peer, (1 << 20, 1024), [(1 << 20, 1024), (1 << 20, 1024), (0, 0)])
    }

    /// A moved port with any credit: window, then what it may send, has granted and owes.
    pub fn port_with(
        name: u128,
        writer: u128,
        peer: Option<(u128, u128)>,
        window: (u32, u32),
        credit: [(i64, i32); 3],
    ) -> Self {
        let (node, port) = peer.unwrap_or_default();
        let has_peer = u8::from(peer.is_some());
        let start = Self(Vec::new()).u128(name).u128(writer).u8(has_peer).bytes(&[0; 7]).u128(node).u128(port);
        let start = start.u32(window.0).u32(window.1);
        credit
            .iter()
            .fold(start, |port, (bytes, messages)| port.u64(bytes.cast_unsigned()).u32(messages.cast_unsigned()))
    }

    /// The same event, to and from other ports.
    pub fn between(mut self, dest: u128, from: u128) -> Self {
        self.0[8..24].copy_from_slice(&dest.to_le_bytes());
        self.0[24..40].copy_from_slice(&from.to_le_bytes());
        self
    }

    /// Sets the flags.
    pub fn flags(mut self, flags: u8) -> Self {
        self.0[5] = flags;
        self
    }

    /// Announces handles, none of which is there.
    pub fn handles(mut self, handles: u16) -> Self {
        self.0[6..8].copy_from_slice(&handles.to_le_bytes());
        self
    }

    /// Appends a number.
    pub fn u8(self, value: u8) -> Self {
        self.bytes(&[value])
    }

    /// Appends a number.
    pub fn u16(self, value: u16) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends a number.
    pub fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends a number.
    pub fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends a number.
    pub fn u128(self, value: u128) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends bytes.
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The frame, its length in its place.
    pub fn frame(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).expect("a frame that fits");
        self.0[..4].copy_from_slice(&length.to_le_bytes());
        self.0
    }

    /// The frame with a length of its own.
    pub fn frame_of_length(mut self, length: u32) -> Vec<u8> {
        self.0[..4].copy_from_slice(&length.to_le_bytes());
        self.0
    }
}
