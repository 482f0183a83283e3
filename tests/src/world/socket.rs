//! A socket as the network of a world has it: two streams of bytes, and who uses the ends.

use std::collections::VecDeque;

use bytes::BytesMut;
use mage_proto::LinkId;

use super::random::Random;
use super::token::Token;

#[derive(Debug)]
pub(super) struct Socket {
    /// What each side has written and the other has not read.
    pub(super) streams: [Stream; 2],
    pub(super) users: [User; 2],
    /// It joins two networks, whose names are not to pass it.
    pub(super) isolated: bool,
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) bytes: BytesMut,
    /// How many bytes were read before.
    pub(super) start: u64,
    pub(super) handles: VecDeque<(u64, Token)>,
    /// Nothing more will be written.
    pub(super) ended: bool,
    /// What is written is lost: the socket was cut.
    pub(super) cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    /// The token is under way.
    Nobody,
    Line {
        node: usize,
        link: LinkId,
    },
    Closed,
}

impl Stream {
    pub(super) fn lose_suffix(&mut self, random: &mut Random) {
        let kept = if random.chance(500) { self.bytes.len() } else { random.below(self.bytes.len() + 1) };
        self.bytes.truncate(kept);
        let end = self.start + kept as u64;
        self.handles.retain(|(at, _)| *at < end);
    }
}
