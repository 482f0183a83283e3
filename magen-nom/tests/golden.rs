//! Golden files: what the compiler says and makes, beside what it was given.
//!
//! `generate/*.magen` beside `.rs`, `errors/*.magen` beside `.err`, `fmt/*.magen` beside `.fmt`, and `breaking/*/{old,new}.magen` with `said.err`.
//! `UPDATE_GOLDEN=1 cargo test -p magen-nom --test golden` writes what comes out; otherwise a difference fails.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use magen_nom::analysis::{Analysis, Format, Options, written};
use magen_nom::breaking::breaking;
use magen_nom::diagnostic::{Code, Report, Style};
use magen_nom::fmt::format;
use magen_nom::load::Root;
use magen_nom::source::Source;
use magen_nom::span::FileId;

/// The entries of a directory under `tests/golden` that end so, in order; by paths relative to the crate, as shown to
/// users.
fn entries(directory: &str, ending: &str) -> Vec<PathBuf> {
    let directory = Path::new("tests/golden").join(directory);
    let mut found: Vec<PathBuf> = std::fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("the directory is readable").path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .collect();
    found.sort();
    assert!(!found.is_empty(), "{} holds nothing that ends with {ending:?}", directory.display());
    found
}

/// What differed, over all files of a test.
#[derive(Default)]
struct Mismatches(String);

impl Mismatches {
    fn compare(&mut self, golden: &Path, actual: &str) {
        if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
            std::fs::write(golden, actual).unwrap_or_else(|error| panic!("{}: {error}", golden.display()));
            return;
        }
        let expected = std::fs::read_to_string(golden).unwrap_or_default();
        if expected != actual {
            let _ = writeln!(self.0, "{} differs:\n{}", golden.display(), difference(&expected, actual));
        }
    }

    fn finish(self) {
        assert!(self.0.is_empty(), "{}\nUPDATE_GOLDEN=1 accepts what came out", self.0);
    }
}

/// The lines that differ, between those at the beginning and the end that do not.
fn difference(expected: &str, actual: &str) -> String {
    let (expected, actual): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), actual.lines().collect());
    let same = expected.iter().zip(&actual).take_while(|(a, b)| a == b).count();
    let left = expected.len().min(actual.len()) - same;
    let same_end = expected.iter().rev().zip(actual.iter().rev()).take(left).take_while(|(a, b)| a == b).count();
    let mut shown = format!("  from line {}\n", same + 1);
    for line in &expected[same..expected.len() - same_end] {
        let _ = writeln!(shown, "- {line}");
    }
    for line in &actual[same..actual.len() - same_end] {
        let _ = writeln!(shown, "+ {line}");
    }
    shown
}

fn analyse(path: &Path) -> Analysis {
    Analysis::of(vec![Root::Path(path.to_owned())], &Options::default())
}

#[test]
fn every_wrong_program_is_told_what_is_wrong_with_it() {
    let mut mismatches = Mismatches::default();
    let programs = entries("errors", ".magen");
    assert!(programs.len() >= 40, "only {} wrong programs", programs.len());
    for path in programs {
        let analysis = analyse(&path);
        assert!(!analysis.diagnostics.is_empty(), "nothing is wrong with {}", path.display());
        mismatches.compare(&path.with_extension("err"), &analysis.report(Format::Human(Style::Plain)));
    }
    mismatches.finish();
}

#[test]
fn every_code_of_a_file_is_said_by_some_wrong_program() {
    let mut said: Vec<Code> = Vec::new();
    for path in entries("errors", ".magen") {
        said.extend(analyse(&path).diagnostics.iter().map(|diagnostic| diagnostic.code));
    }
    // Two depend on what is asked of the command, and have tests of their own.
    let elsewhere = [Code::Unreadable, Code::SameOutput];
    let of_a_file = Code::ALL.iter().filter(|code| code.number() < "MG0100" && !elsewhere.contains(code));
    let missing: Vec<&Code> = of_a_file.filter(|code| !said.contains(code)).collect();
    assert!(missing.is_empty(), "no wrong program for {missing:?}");
}

/// The library's own tests include these files, so that what is generated is also compiled and used.
#[test]
fn what_is_generated_changes_only_on_purpose() {
    let mut mismatches = Mismatches::default();
    for path in entries("generate", ".magen") {
        let analysis = analyse(&path);
        assert_eq!(analysis.report(Format::Short), "", "{}", path.display());
        let root = analysis.loaded.roots[0];
        let generated = magen_nom::generate::file(&analysis.model, root);
        assert_eq!(generated, magen_nom::generate::file(&analyse(&path).model, root), "the same input, another output");
        mismatches.compare(&path.with_extension("rs"), &generated);
    }
    mismatches.finish();
}

#[test]
fn formatting_gives_the_common_layout_and_changes_it_no_more() {
    let mut mismatches = Mismatches::default();
    for path in entries("fmt", ".magen") {
        let text = std::fs::read_to_string(&path).expect("the golden file is text");
        let formatted = formatted(&text).unwrap_or_else(|| panic!("{} has a syntax error", path.display()));
        assert_eq!(formatted, self::formatted(&formatted).expect("what was formatted parses"), "{}", path.display());
        mismatches.compare(&path.with_extension("fmt"), &formatted);
    }
    mismatches.finish();
}

fn formatted(text: &str) -> Option<String> {
    format(&Source::new("golden.magen", text), FileId(0), &mut Report::default())
}

#[test]
fn every_breaking_change_is_named() {
    let mut mismatches = Mismatches::default();
    for directory in entries("breaking", "") {
        let roots = ["old.magen", "new.magen"].map(|name| Root::Path(directory.join(name))).to_vec();
        let analysis = Analysis::of(roots, &Options::default());
        assert_eq!(analysis.report(Format::Short), "", "{}", directory.display());
        let found = breaking(&analysis.model, analysis.loaded.roots[0], analysis.loaded.roots[1]);
        let said = written(&found, found.len(), &analysis.loaded.sources, Format::Human(Style::Plain));
        mismatches.compare(&directory.join("said.err"), &said);
    }
    mismatches.finish();
}
