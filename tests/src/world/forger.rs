//! A dishonest node.
use std::collections::VecDeque;

use super::World;
use super::random::Random;
use super::token::Token;
use bytes::BytesMut;

/// Rewrites what a node says.
#[derive(Debug)]
pub struct Forger {}

impl Forger {
    /// Passes on what its node says, changed or not.
    pub fn rewrite(&mut self, said: &[u8], _handles: &mut VecDeque<Token>, _link: usize, out: &mut BytesMut) {
        out.extend_from_slice(said);
    }

    /// Reads what others say to it.
    pub fn learn(&mut self, _said: &[u8]) {}
}

impl World {
    pub(super) fn is_forger(&self, node: usize) -> bool {
        self.net.members[node].forger.is_some()
    }

    pub(super) fn make_forger(&mut self, _node: usize, _random: &mut Random) {}

    pub(super) fn forge(&mut self, _random: &mut Random) {}
}
