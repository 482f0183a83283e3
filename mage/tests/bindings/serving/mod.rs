//! The ways to serve: overlapping or one at a time, alone, in a sequence, many at once.

mod alone;
mod overlapping;
mod sequences;
mod sets;
