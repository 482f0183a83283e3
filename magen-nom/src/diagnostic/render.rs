//! Diagnostics for people: in rustc's manner, or one line each.
//!
//! Only the lines that carry a label are handed to the renderer, never a whole file, so that a report of many errors
//! costs what it shows. A line of more than a screenful of screens is named and not shown.

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};

use super::{Diagnostic, Help, Label, Severity};
use crate::source::{Source, Sources};
use crate::span::Span;

/// Whether a report has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Text only.
    Plain,
    /// With the escape sequences of a terminal.
    Coloured,
}

/// Labels further apart than this are shown as two excerpts.
const NEAR_LINES: usize = 40;
/// The longest line that is shown, in bytes.
const LONGEST_LINE: usize = 4_096;

/// The diagnostic as rustc would show it, with a newline at its end.
pub fn render(diagnostic: &Diagnostic, sources: &Sources, style: Style) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut main = Group::with_title(level.primary_title(&*diagnostic.message).id(diagnostic.code.number()));
    for excerpt in excerpts(diagnostic, sources) {
        main = excerpt.add_to(main);
    }
    for note in &diagnostic.notes {
        main = main.element(Level::NOTE.message(&**note));
    }
    let mut groups = Vec::new();
    for help in &diagnostic.helps {
        match edit_excerpt(help, sources) {
            Some(snippet) => groups.push(Level::HELP.secondary_title(&*help.text).element(snippet)),
            None => main = main.element(Level::HELP.message(&*help.text)),
        }
    }
    groups.insert(0, main);
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let mut text = renderer.render(&groups);
    text.push('\n');
    text
}

/// `file:line:column: error[MG0001]: message`, with a newline at its end.
pub fn short(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let place = diagnostic.primary.place;
    let source = sources.file(place.file);
    let position = source.position(place.span.start);
    format!(
        "{}:{}:{}: {}[{}]: {}\n",
        source.name,
        position.line,
        position.column,
        diagnostic.severity.word(),
        diagnostic.code,
        diagnostic.message
    )
}

/// The last line of a report: how many errors there were; empty when there was none.
pub fn summary(errors: usize, shown: &[Diagnostic]) -> String {
    let shown = shown.iter().filter(|one| one.severity == Severity::Error).count();
    let mut text = match errors {
        0 => String::new(),
        1 => "error: found 1 error\n".to_owned(),
        more => format!("error: found {more} errors\n"),
    };
    if errors > shown {
        text.push_str(&format!("note: {} of them are not shown\n", errors - shown));
    }
    text
}

/// The lines of one file that belong together, and the labels in them.
struct Excerpt<'a> {
    source: &'a Source,
    lines: (usize, usize),
    labels: Vec<(&'a Label, AnnotationKind)>,
}

impl<'a> Excerpt<'a> {
    fn add_to(self, group: Group<'a>) -> Group<'a> {
        let window = self.source.lines(self.lines.0, self.lines.1);
        if self.source.text.is_empty() {
            return group.element(Origin::path(&*self.source.name));
        }
        if is_too_long(self.source, self.lines) {
            let position = self.source.position(self.labels[0].0.place.span.start);
            let origin = Origin::path(&*self.source.name).line(position.line).char_column(position.column);
            return group.element(origin);
        }
        let annotations = self.labels.iter().map(|(label, kind)| {
            let text = Some(&*label.text).filter(|text| !text.is_empty());
            kind.span(within(label.place.span, window)).label(text)
        });
        let snippet = Snippet::source(self.source.slice(window))
            .path(&*self.source.name)
            .line_start(self.lines.0)
            .annotations(annotations);
        group.element(snippet)
    }
}

/// Primary label first, then the secondary ones; neighbours share an excerpt.
fn excerpts<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Vec<Excerpt<'a>> {
    let mut excerpts: Vec<Excerpt<'a>> = Vec::new();
    let primary = std::iter::once((&diagnostic.primary, AnnotationKind::Primary));
    let secondary = diagnostic.secondary.iter().map(|label| (label, AnnotationKind::Context));
    for (label, kind) in primary.chain(secondary) {
        let source = sources.file(label.place.file);
        let lines = lines_of(source, label.place.span);
        let near = excerpts.iter_mut().find(|excerpt| {
            std::ptr::eq(excerpt.source, source)
                && lines.0 <= excerpt.lines.1.saturating_add(NEAR_LINES)
                && excerpt.lines.0 <= lines.1.saturating_add(NEAR_LINES)
        });
        match near {
            Some(excerpt) => {
                excerpt.lines = (excerpt.lines.0.min(lines.0), excerpt.lines.1.max(lines.1));
                excerpt.labels.push((label, kind));
            }
            None => excerpts.push(Excerpt { source, lines, labels: vec![(label, kind)] }),
        }
    }
    excerpts
}

fn edit_excerpt<'a>(help: &'a Help, sources: &'a Sources) -> Option<Snippet<'a, Patch<'a>>> {
    let (place, replacement) = help.edit.as_ref()?;
    let source = sources.file(place.file);
    let lines = lines_of(source, place.span);
    let window = source.lines(lines.0, lines.1);
    if is_too_long(source, lines) {
        return None;
    }
    let snippet = Snippet::source(source.slice(window)).path(&*source.name).line_start(lines.0);
    Some(snippet.patch(Patch::new(within(place.span, window), &**replacement)))
}

/// Whether one of the lines is too long to be shown; costs nothing for the longest.
fn is_too_long(source: &Source, (first, last): (usize, usize)) -> bool {
    (first..=last).map(|line| source.lines(line, line)).any(|line| (line.end - line.start) as usize > LONGEST_LINE)
}

fn lines_of(source: &Source, span: Span) -> (usize, usize) {
    let last = if span.is_empty() { span.end } else { span.end - 1 };
    (source.line_of(span.start), source.line_of(last))
}

fn within(span: Span, window: Span) -> std::ops::Range<usize> {
    let offset = |at: u32| at.clamp(window.start, window.end) as usize - window.start as usize;
    offset(span.start)..offset(span.end)
}
