//! Diagnostics for programs: one JSON object per line.
//!
//! Lines and columns count from 1, columns in characters; bytes count from 0 and end before the last.

use super::{Diagnostic, Label, Place, Style, render};
use crate::source::Sources;

/// The diagnostic as one line of JSON, with a newline at its end.
pub fn json(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let labels = std::iter::once((&diagnostic.primary, true))
        .chain(diagnostic.secondary.iter().map(|label| (label, false)))
        .map(|(label, primary)| span(label, primary, sources));
    let helps = diagnostic.helps.iter().map(|help| match &help.edit {
        Some((place, replacement)) => {
            format!(
                "{{\"message\":{},\"replacement\":{},\"at\":{{{}}}}}",
                quoted(&help.text),
                quoted(replacement),
                location(*place, sources)
            )
        }
        None => format!("{{\"message\":{}}}", quoted(&help.text)),
    });
    let notes = diagnostic.notes.iter().map(|note| quoted(note));
    format!(
        "{{\"level\":{},\"code\":{},\"message\":{},\"spans\":[{}],\"notes\":[{}],\"help\":[{}],\"rendered\":{}}}\n",
        quoted(diagnostic.severity.word()),
        quoted(diagnostic.code.number()),
        quoted(&diagnostic.message),
        labels.collect::<Vec<_>>().join(","),
        notes.collect::<Vec<_>>().join(","),
        helps.collect::<Vec<_>>().join(","),
        quoted(&render(diagnostic, sources, Style::Plain)),
    )
}

fn span(label: &Label, primary: bool, sources: &Sources) -> String {
    format!("{{{},\"primary\":{primary},\"label\":{}}}", location(label.place, sources), quoted(&label.text))
}

fn location(place: Place, sources: &Sources) -> String {
    let source = sources.file(place.file);
    let (start, end) = (source.position(place.span.start), source.position(place.span.end));
    format!(
        "\"file\":{},\"line\":{},\"column\":{},\"end_line\":{},\"end_column\":{},\"byte_start\":{},\"byte_end\":{}",
        quoted(&source.name),
        start.line,
        start.column,
        end.line,
        end.column,
        place.span.start,
        place.span.end
    )
}

/// A string of JSON, with its quotes.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            control if control < ' ' => quoted.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_json_wants_them() {
        assert_eq!(quoted("a\"b\\c\n\u{1}ä"), "\"a\\\"b\\\\c\\n\\u0001ä\"");
    }
}
