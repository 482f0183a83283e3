//! Whatever is in a file: the compiler comes to an end, soon, with a bounded stack, and says something sensible.

use std::collections::HashMap;
use std::path::PathBuf;

use magen_nom::analysis::{Analysis, Format, Options};
use magen_nom::diagnostic::{KEPT, Report, Style};
use magen_nom::fmt::format;
use magen_nom::load::{Memory, Root};
use magen_nom::source::Source;
use magen_nom::span::FileId;
use proptest::prelude::*;

fn analyse(bytes: &[u8]) -> Analysis {
    let files = Memory(HashMap::from([(PathBuf::from("fuzz.magen"), bytes.to_vec())]));
    Analysis::with(vec![Root::Path("fuzz.magen".into())], &Options::default(), &files)
}

fn analyse_and_report(bytes: &[u8]) -> Analysis {
    let analysis = analyse(bytes);
    for format in [Format::Human(Style::Plain), Format::Human(Style::Coloured), Format::Short, Format::Json] {
        analysis.report(format);
    }
    analysis
}

fn formatted(text: &str) -> Option<String> {
    format(&Source::new("fuzz.magen", text), FileId(0), &mut Report::default())
}

/// The text without white space and without the commas that the formatter moves.
fn substance(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != ',' && *c != '\u{feff}').collect()
}

/// Pieces of the language, and of what is none, in any order.
fn soup() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "module",
        "import",
        "interface",
        "struct",
        "enum",
        "union",
        "const",
        "int",
        "string",
        "array",
        "map",
        "result",
        "stream",
        "pending_remote",
        "handle",
        "Foo",
        "Bar",
        "A",
        "b",
        "x",
        "true",
        "[Error]",
        "[MinVersion=1]",
        "{",
        "}",
        "(",
        ")",
        "<",
        ">",
        "[",
        "]",
        ";",
        ",",
        "=",
        "=>",
        "?",
        "@",
        ".",
        "-",
        "1",
        "0x1f",
        "1.5",
        "9999999999999999999",
        "\"text\"",
        "\"open",
        "// line\n",
        "/// doc\n",
        "/* block */",
        "/*",
        "\n",
        " ",
        "\r\n",
        "\t",
        "é",
        "💥",
        "“",
        "$",
    ]);
    prop::collection::vec((word, prop::bool::ANY), 0..200).prop_map(|words| {
        words.iter().map(|(word, space)| format!("{word}{}", if *space { " " } else { "" })).collect()
    })
}

/// A correct program, with white space and comments in odd places.
fn program() -> impl Strategy<Value = String> {
    let tokens: Vec<&str> = "module a . b ; const int LIMIT = 3 ; [ Extensible ] enum E { A , B = 2 , } \
        struct S { int x = 1 ; array < map < string , S ? > , 2 > z ; [ MinVersion = 1 ] string < 3 > y ; } \
        union U { int a ; S s ; } interface I { enum N { X } Foo ( ) ; Bar @ 7 ( int a , string b ) => ( int c , bool d ) ; \
        Baz ( pending_remote < I > i , ) => result < ( ) , E > ; [ RustName = \"qux\" ] Qux ( handle < file > f ) => stream < S ? > ; } \
        interface Empty { } ;"
        .split_whitespace()
        .collect();
    let gap = prop::sample::select(vec![
        " ",
        " ",
        " ",
        " ",
        "\n",
        "\n\n\n",
        "\r\n",
        "\t",
        " // line\n",
        "\n// own line\n",
        "\n/// doc\n",
        " /* block */ ",
        "\n/* block\n   of two lines */\n",
        " /* a */ /* b */ // c\n",
    ]);
    prop::collection::vec(gap, tokens.len() + 1).prop_map(move |gaps| {
        let pairs = gaps.iter().zip(tokens.iter().chain([&""]));
        pairs.map(|(gap, token)| format!("{gap}{token}")).collect()
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        analyse_and_report(&bytes);
    }

    #[test]
    fn arbitrary_pieces_of_the_language_are_survived(text in soup()) {
        let analysis = analyse_and_report(text.as_bytes());
        prop_assert_eq!(analysis.failed(), analysis.errors > 0);
        if let Some(once) = formatted(&text) {
            prop_assert_eq!(substance(&once), substance(&text));
            prop_assert_eq!(formatted(&once), Some(once));
        }
    }

    #[test]
    fn comments_may_stand_anywhere_and_formatting_keeps_them(text in program()) {
        let analysis = analyse(text.as_bytes());
        prop_assert_eq!(analysis.report(Format::Human(Style::Plain)), "");
        let once = formatted(&text).expect("the program is correct");
        prop_assert_eq!(substance(&once).len(), substance(&text).len(), "{}", once);
        let again = analyse(once.as_bytes());
        prop_assert_eq!(again.report(Format::Human(Style::Plain)), "", "{}", once);
        prop_assert_eq!(formatted(&once), Some(once));
    }

    #[test]
    fn a_correct_program_with_a_piece_missing_is_survived(text in program(), cut in any::<prop::sample::Index>(), length in 1_usize..40) {
        let start = cut.index(text.len());
        let end = (start + length).min(text.len());
        let mut bytes = text.into_bytes();
        bytes.drain(start..end);
        analyse_and_report(&bytes);
    }
}

/// Runs on a thread whose stack is as small as any that a user may have: recursion that follows the file overflows it.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(work)
        .expect("a thread starts")
        .join()
        .expect("it ends well");
}

#[test]
fn no_depth_of_nesting_overflows_the_stack() {
    on_a_small_stack(|| {
        for (open, close) in [
            ("array<", ">"),
            ("map<int,", ">"),
            ("(", ")"),
            ("{", "}"),
            ("[", "]"),
            ("struct S {", "}"),
            ("result<", ">"),
            ("a.", ""),
        ] {
            let deep = format!("interface I {{ Foo({}int{} x); }}", open.repeat(20_000), close.repeat(20_000));
            assert!(analyse(deep.as_bytes()).failed() || open == "a.", "{open}");
        }
        let chain: String = (0..20_000).map(|n| format!("const int C{n} = C{};", n + 1)).collect();
        assert!(!analyse(format!("{chain} const int C20000 = 1;").as_bytes()).failed());
        let structs: String = (0..20_000).map(|n| format!("struct S{n} {{ S{} next; }}", n + 1)).collect();
        assert!(!analyse(format!("{structs} struct S20000 {{ }}").as_bytes()).failed());
        assert!(analyse(format!("{structs} struct S20000 {{ S0 first; }}").as_bytes()).failed());
    });
}

#[test]
fn of_very_many_errors_the_first_are_shown_and_the_others_counted() {
    let text = "const int A = ; \n".repeat(5_000);
    let analysis = analyse(text.as_bytes());
    assert!(analysis.errors >= 5_000);
    assert_eq!(analysis.diagnostics.len(), KEPT);
    assert!(analysis.report(Format::Short).contains("of them are not shown"));
}

#[test]
fn errors_on_an_endless_line_are_placed_without_showing_it() {
    let text = "const itn A = 1; ".repeat(50_000);
    let report = analyse(text.as_bytes()).report(Format::Human(Style::Plain));
    assert!(report.contains("fuzz.magen:1:7"), "{}", &report[..400]);
    assert!(report.len() < 2_000_000, "{} bytes of report", report.len());
}
