//! What travels: messages that begin with their number and end with a byte that follows from it, so that whoever
//! receives them can say whether all came, in order and whole.

use anyhow::{Context, Result, ensure};

/// The number of the message that asks for the tally, for peers that have no calls.
pub(crate) const ASK: u64 = u64::MAX;

/// A message of `size` bytes, to be numbered again and again.
pub(crate) fn blank(size: usize) -> Vec<u8> {
    vec![0x5a; size]
}

/// Makes `bytes` the message `number`.
#[inline]
pub(crate) fn number(bytes: &mut [u8], number: u64) {
    if let Some(last) = bytes.last_mut() {
        *last = number as u8;
    }
    if let Some(first) = bytes.first_chunk_mut::<8>() {
        *first = number.to_le_bytes();
    }
}

/// The number that `bytes` begin with.
#[inline]
pub(crate) fn number_of(bytes: &[u8]) -> Result<u64> {
    Ok(u64::from_le_bytes(*bytes.first_chunk::<8>().context("a message without a number")?))
}

/// Says what is wrong with `bytes`, if they are not message `expected` of `size` bytes.
#[inline]
pub(crate) fn check(bytes: &[u8], expected: u64, size: usize) -> Result<()> {
    ensure!(bytes.len() == size, "message {expected} has {} bytes instead of {size}", bytes.len());
    let number = number_of(bytes)?;
    ensure!(number == expected, "message {number} came instead of {expected}");
    ensure!(size <= 8 || bytes.last() == Some(&(number as u8)), "message {number} is damaged");
    Ok(())
}

/// Counts and checks what arrives.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    next: u64,
    count: u64,
    bytes: u64,
    wrong: bool,
}

impl Tally {
    /// Counts one message, which must be of `size` bytes.
    #[inline]
    pub(crate) fn note(&mut self, bytes: &[u8], size: usize) {
        self.wrong |= check(bytes, self.next, size).is_err();
        self.next += 1;
        self.count += 1;
        self.bytes += bytes.len() as u64;
    }

    /// What came since the last time; zeros when something was wrong with it.
    pub(crate) fn take(&mut self) -> (u64, u64) {
        let (count, bytes) = (std::mem::take(&mut self.count), std::mem::take(&mut self.bytes));
        if self.wrong { (0, 0) } else { (count, bytes) }
    }
}

/// Says what is wrong with a tally, if it is not that of `count` messages of `size` bytes.
pub(crate) fn check_tally(tally: (u64, u64), count: u64, size: usize) -> Result<()> {
    let expected = (count, count * size as u64);
    ensure!(tally == expected, "{expected:?} messages and bytes were sent, {tally:?} arrived");
    Ok(())
}

/// Distance of the words that a reader of bulk data looks at: one for each page.
pub(crate) const PAGE: usize = 4096;

/// Bulk data of `size` bytes: each page begins with its number.
pub(crate) fn bulk(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    for (page, place) in bytes.chunks_mut(PAGE).enumerate() {
        number(place, page as u64);
    }
    bytes
}

/// How many pages of `bytes` are what they should be, the first being `first`.
pub(crate) fn sound_pages(bytes: &[u8], first: u64) -> u64 {
    let pages = bytes.chunks(PAGE).zip(first..);
    pages.filter(|(page, number)| number_of(page).is_ok_and(|found| found == *number)).count() as u64
}
