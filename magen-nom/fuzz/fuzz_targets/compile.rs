//! Whatever is in a file, the compiler comes to an end and can show what it has to say; and what it can format, it formats
//! the same way twice.
//!
//! `cargo +nightly fuzz run compile` in the directory of the crate.

#![no_main]

use std::collections::HashMap;
use std::path::PathBuf;

use libfuzzer_sys::fuzz_target;
use magen_nom::analysis::{Analysis, Format, Options};
use magen_nom::diagnostic::{Report, Style};
use magen_nom::fmt::format;
use magen_nom::load::{Memory, Root};
use magen_nom::source::Source;
use magen_nom::span::FileId;

fuzz_target!(|bytes: &[u8]| {
    let files = Memory(HashMap::from([(PathBuf::from("fuzz.magen"), bytes.to_vec())]));
    let analysis = Analysis::with(vec![Root::Path("fuzz.magen".into())], &Options::default(), &files);
    for style in [Format::Human(Style::Plain), Format::Short, Format::Json] {
        analysis.report(style);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(once) = formatted(text)
    {
        assert_eq!(formatted(&once).as_deref(), Some(once.as_str()));
    }
});

fn formatted(text: &str) -> Option<String> {
    format(&Source::new("fuzz.magen", text), FileId(0), &mut Report::default())
}
