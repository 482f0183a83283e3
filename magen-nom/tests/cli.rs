//! The command as its users meet it: what it writes where, and how it exits.
//!
//! Transcripts stand in `golden/cli`; `UPDATE_GOLDEN=1` accepts what comes out.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A command that sees nothing of the environment but what is given.
fn magen(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_magen"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    for variable in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "OUT_DIR"] {
        command.env_remove(variable);
    }
    command
}

fn run(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    // A command that does not read its input may be gone already.
    let _ = child.stdin.take().expect("the input is a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("the command ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("what the command writes is text")
}

/// An empty directory of its own for a test.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).expect("the directory can be made");
    directory
}

const RIGHT: &str = "interface Calculator {Add(int a,int b)=>int;}";
const WRONG: &str = "interface Calculator {\n  Add(itn a);\n  Sub(int a)\n}\n";

/// What was typed, what went in, and what came out.
fn transcript(arguments: &[&str], input: &str) -> String {
    let output = run(magen(arguments), input);
    let mut transcript = format!("$ magen {}\n", arguments.join(" "));
    for (name, text) in [("in", input), ("out", &text(&output.stdout)), ("err", &text(&output.stderr))] {
        if !text.is_empty() {
            transcript.push_str(&format!("--- {name}\n{text}{}", if text.ends_with('\n') { "" } else { "\n" }));
        }
    }
    transcript + &format!("--- exit {}\n", output.status.code().expect("it exits by itself"))
}

#[test]
fn transcripts_are_as_recorded() {
    let cases: &[(&str, &[&str], &str)] = &[
        ("help", &["--help"], ""),
        ("help_build", &["build", "--help"], ""),
        ("help_fmt", &["fmt", "--help"], ""),
        ("check_right", &["check", "-"], RIGHT),
        ("check_wrong", &["check", "-"], WRONG),
        ("check_wrong_short", &["check", "--message-format", "short", "-"], WRONG),
        ("check_wrong_json", &["--message-format=json", "check", "-"], WRONG),
        ("check_missing_file", &["check", "nowhere.magen"], ""),
        (
            "check_two_files",
            &["check", "tests/golden/errors/unknown_type.magen", "tests/golden/errors/bounds.magen"],
            "",
        ),
        (
            "check_include",
            &["check", "-I", "tests/golden/errors/imports", "-"],
            "import \"common.magen\"; interface I { F(Point p); }",
        ),
        ("check_warning", &["check", "tests/golden/errors/import_unused.magen"], ""),
        ("build_wrong", &["build", "-"], WRONG),
        (
            "build_same_output",
            &["build", "tests/golden/breaking/wire/old.magen", "tests/golden/breaking/source/old.magen"],
            "",
        ),
        ("build_stdin_and_file", &["build", "-", "tests/golden/fmt/crlf.magen"], RIGHT),
        ("build_bad_rust_path", &["build", "--rust-path", "nonsense", "-"], RIGHT),
        ("fmt_stdin", &["fmt", "-"], RIGHT),
        ("fmt_wrong", &["fmt", "-"], WRONG),
        ("fmt_wrong_syntax_only", &["fmt", "-"], "interface I { Add(itn a); }"),
        ("fmt_check_unformatted", &["fmt", "--check", "-"], RIGHT),
        ("fmt_check_formatted", &["fmt", "--check", "-"], "interface Calculator {\n  Add(int a);\n}\n"),
        ("fmt_missing_file", &["fmt", "nowhere.magen"], ""),
        ("explain", &["explain", "MG0007"], ""),
        ("explain_small_letters", &["explain", "mg0020"], ""),
        ("explain_all", &["explain"], ""),
        ("explain_unknown", &["explain", "MG9007"], ""),
        (
            "breaking",
            &[
                "breaking",
                "tests/golden/breaking/source/old.magen",
                "tests/golden/breaking/source/new.magen",
                "--message-format",
                "short",
            ],
            "",
        ),
        (
            "breaking_compatible",
            &["breaking", "tests/golden/breaking/compatible/old.magen", "tests/golden/breaking/compatible/new.magen"],
            "",
        ),
        (
            "breaking_same_file",
            &["breaking", "tests/golden/breaking/wire/old.magen", "tests/golden/breaking/wire/old.magen"],
            "",
        ),
        (
            "breaking_wrong_file",
            &[
                "breaking",
                "tests/golden/breaking/wire/old.magen",
                "tests/golden/errors/bounds.magen",
                "--message-format",
                "short",
            ],
            "",
        ),
        ("no_command", &[], ""),
        ("unknown_command", &["biuld"], ""),
    ];
    let mut mismatches = String::new();
    for (name, arguments, input) in cases {
        let golden = Path::new("tests/golden/cli").join(format!("{name}.txt"));
        let actual = transcript(arguments, input);
        if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
            std::fs::write(&golden, actual).expect("the golden file can be written");
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != actual {
            mismatches.push_str(&format!("{} differs; now it is\n{actual}\n", golden.display()));
        }
    }
    assert!(mismatches.is_empty(), "{mismatches}UPDATE_GOLDEN=1 accepts what came out");
}

#[test]
fn colours_come_when_forced_and_go_when_not_wanted() {
    let mut forced = magen(&["check", "-"]);
    forced.env("CLICOLOR_FORCE", "1");
    assert!(text(&run(forced, WRONG).stderr).contains("\u{1b}["));
    let mut unwanted = magen(&["check", "-"]);
    unwanted.env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1");
    assert!(!text(&run(unwanted, WRONG).stderr).contains('\u{1b}'));
    assert!(!text(&run(magen(&["check", "-"]), WRONG).stderr).contains('\u{1b}'));
}

#[test]
fn build_writes_a_file_for_each_and_rewrites_none_that_is_the_same() {
    let directory = directory("build");
    let (input, output) = (directory.join("calculator.magen"), directory.join("out/calculator.rs"));
    std::fs::write(&input, RIGHT).expect("the input can be written");
    let arguments = ["build", "-o", &directory.join("out").display().to_string(), &input.display().to_string()];
    assert!(run(magen(&arguments), "").status.success());
    let first = std::fs::read_to_string(&output).expect("the output was written");
    assert!(first.contains("pub enum Calculator"), "{first}");
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    let touched = std::fs::File::options().write(true).open(&output).expect("the output opens");
    touched.set_modified(long_ago).expect("its time can be set");
    assert!(run(magen(&arguments), "").status.success());
    let modified = std::fs::metadata(&output).and_then(|data| data.modified()).expect("its time can be read");
    assert_eq!(modified, long_ago, "an unchanged file was written again");
    let piped = run(magen(&["build", "-"]), RIGHT);
    assert_eq!(text(&piped.stdout).lines().nth(1), first.lines().nth(1));
    std::fs::write(&input, WRONG).expect("the input can be written");
    assert_eq!(run(magen(&arguments), "").status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&output).expect("the output stays"), first);
}

#[test]
fn fmt_rewrites_files_in_place_and_leaves_wrong_ones_alone() {
    let directory = directory("fmt");
    let (right, wrong) = (directory.join("right.magen"), directory.join("wrong.magen"));
    std::fs::write(&right, RIGHT).expect("the input can be written");
    std::fs::write(&wrong, WRONG).expect("the input can be written");
    let output = run(magen(&["fmt", &wrong.display().to_string(), &right.display().to_string()]), "");
    assert_eq!(output.status.code(), Some(1));
    let read = |path: &Path| std::fs::read_to_string(path).expect("the file is there");
    assert_eq!(read(&right), "interface Calculator {\n  Add(int a, int b) => int;\n}\n");
    assert_eq!(read(&wrong), WRONG);
}

#[test]
fn every_shell_has_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = run(magen(&["completions", shell]), "");
        assert!(output.status.success() && text(&output.stdout).contains("message-format"), "{shell}");
    }
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let directory = directory("unwritable");
    let blocked = directory.join("file");
    std::fs::write(&blocked, "").expect("a file can be written");
    let output =
        run(magen(&["build", "-o", &blocked.display().to_string(), "tests/golden/breaking/wire/old.magen"]), "");
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.starts_with("error: cannot write `") && said.contains("unwritable/file"), "{said}");
}
