//! The pages that `magen explain` shows: what they call wrong is wrong in their sense, and what they call right is right.

use std::collections::HashMap;
use std::path::PathBuf;

use magen_nom::analysis::{Analysis, Format, Options};
use magen_nom::breaking::breaking;
use magen_nom::diagnostic::{Code, Style};
use magen_nom::load::{Memory, Root};

/// The contents of the fenced blocks of a kind: `magen`, `magen wrong`, `magen old`, `magen new`.
fn blocks<'a>(page: &'a str, kind: &str) -> Vec<&'a str> {
    let fence = format!("```{kind}\n");
    page.split(&fence).skip(1).map(|rest| rest.split("```").next().expect("the block ends")).collect()
}

fn analyse(texts: &[&str]) -> Analysis {
    let named = texts.iter().enumerate().map(|(index, text)| (PathBuf::from(format!("{index}.magen")), *text));
    let files: HashMap<PathBuf, Vec<u8>> = named.map(|(path, text)| (path, text.as_bytes().to_vec())).collect();
    let mut roots: Vec<PathBuf> = files.keys().cloned().collect();
    roots.sort();
    Analysis::with(roots.into_iter().map(Root::Path).collect(), &Options::default(), &Memory(files))
}

#[test]
fn every_page_begins_with_its_code_and_fits_the_screen() {
    for code in Code::ALL {
        let page = code.page();
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        assert!(page.lines().count() > 3, "{code} explains nothing");
        assert!(page.ends_with('\n') && !page.ends_with("\n\n"), "{code}");
    }
}

#[test]
fn what_a_page_calls_wrong_is_told_so_with_its_code() {
    for code in Code::ALL {
        for wrong in blocks(code.page(), "magen wrong") {
            let said: Vec<Code> = analyse(&[wrong]).diagnostics.iter().map(|one| one.code).collect();
            assert!(said.contains(code), "{code} is not said, but {said:?}, of\n{wrong}");
        }
    }
}

#[test]
fn what_a_page_calls_right_has_no_error() {
    for code in Code::ALL {
        for right in blocks(code.page(), "magen") {
            assert_eq!(analyse(&[right]).report(Format::Human(Style::Plain)), "", "{code}");
        }
    }
}

#[test]
fn what_a_page_calls_breaking_is_found_to_break() {
    let mut compared = 0;
    for code in Code::ALL {
        for (old, new) in blocks(code.page(), "magen old").into_iter().zip(blocks(code.page(), "magen new")) {
            let analysis = analyse(&[old, new]);
            assert_eq!(analysis.report(Format::Human(Style::Plain)), "", "{code}");
            let found = breaking(&analysis.model, analysis.loaded.roots[0], analysis.loaded.roots[1]);
            let said: Vec<Code> = found.iter().map(|one| one.code).collect();
            assert!(said.contains(code), "{code} is not said, but {said:?}");
            compared += 1;
        }
    }
    assert_eq!(compared, Code::ALL.iter().filter(|code| code.number() > "MG0100").count());
}
