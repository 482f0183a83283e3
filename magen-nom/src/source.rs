//! The texts of a compilation, and where their lines begin.
//!
//! Lines are counted once per file and only when something is said about it, so that a report costs what it shows and
//! not what the file holds.

use std::cell::OnceCell;

use crate::span::{FileId, Position, Span};

/// One file: what it is called in messages, and its text.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name in messages, normally the path as the user gave it.
    pub name: String,
    /// The text. Shorter than 4 GiB, so that offsets fit a span.
    pub text: String,
    line_starts: OnceCell<Vec<u32>>,
    /// How many characters begin before each stride of bytes: columns on an endless line cost no more than others.
    characters: OnceCell<Vec<usize>>,
}

/// How many bytes are counted through for one column, at most.
const STRIDE: usize = 4_096;

impl Source {
    /// Keeps a text; whoever calls has made sure that it is shorter than 4 GiB.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), line_starts: OnceCell::new(), characters: OnceCell::new() }
    }

    /// The text of a span; empty when the span lies outside.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let newlines = self.text.bytes().zip(1_u32..).filter(|(byte, _)| *byte == b'\n');
            std::iter::once(0).chain(newlines.map(|(_, next)| next)).collect()
        })
    }

    /// How many lines there are; at least one.
    pub fn line_count(&self) -> usize {
        self.line_starts().len()
    }

    /// The line that holds an offset, from 1.
    pub fn line_of(&self, offset: u32) -> usize {
        self.line_starts().partition_point(|start| *start <= offset)
    }

    /// The bytes of the lines from `first` to `last`, both counted from 1, with their line ends.
    pub fn lines(&self, first: usize, last: usize) -> Span {
        let starts = self.line_starts();
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        let start = starts.get(first.saturating_sub(1)).copied().unwrap_or(end);
        Span::new(start, starts.get(last).copied().unwrap_or(end).max(start))
    }

    /// The line and the column of an offset.
    pub fn position(&self, offset: u32) -> Position {
        let line = self.line_of(offset);
        let start = self.lines(line, line).start.min(offset);
        Position { line, column: self.characters_before(offset) - self.characters_before(start) + 1 }
    }

    fn characters_before(&self, offset: u32) -> usize {
        let strides = self.characters.get_or_init(|| {
            let counts = self.text.as_bytes().chunks(STRIDE).map(characters_in);
            let sums = counts.scan(0, |sum, count| {
                *sum += count;
                Some(*sum)
            });
            std::iter::once(0).chain(sums).collect()
        });
        let offset = (offset as usize).min(self.text.len());
        let stride = offset / STRIDE;
        strides[stride] + characters_in(&self.text.as_bytes()[stride * STRIDE..offset])
    }
}

/// How many characters begin in the bytes: all bytes but those that continue one.
fn characters_in(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

/// All files of a compilation; `FileId(n)` is the n-th.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<Source>,
}

impl Sources {
    /// Adds a file.
    pub fn add(&mut self, source: Source) -> FileId {
        self.files.push(source);
        FileId(self.files.len() - 1)
    }

    /// The file; ids come from `add` only.
    pub fn file(&self, id: FileId) -> &Source {
        &self.files[id.0]
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_end_at_newlines() {
        let source = Source::new("a.magen", "ab\r\nÄöü x\n");
        assert_eq!(source.position(0), Position { line: 1, column: 1 });
        assert_eq!(source.position(4), Position { line: 2, column: 1 });
        assert_eq!(source.position(11), Position { line: 2, column: 5 });
        assert_eq!(source.position(13), Position { line: 3, column: 1 });
        let long = Source::new("b.magen", "ä".repeat(10_000));
        assert_eq!(long.position(2 * 9_000), Position { line: 1, column: 9_001 });
        assert_eq!(long.position(2 * 10_000), Position { line: 1, column: 10_001 });
        assert_eq!(source.line_count(), 3);
        assert_eq!(source.slice(source.lines(2, 2)), "Äöü x\n");
    }
}
