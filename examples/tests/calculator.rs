//! The program of the README does what the README says, and is what the README shows.

use std::process::Command;

#[test]
fn the_worker_logs_and_adds() {
    let output = Command::new(env!("CARGO_BIN_EXE_calculator")).output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "worker: sent before this process ran\n20 + 22 is 42\n");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn the_readme_shows_the_program_that_runs() {
    let readme = include_str!("../../README.md");
    let program = include_str!("../calculator/main.rs");
    let shown = program.split_once("\n\n").expect("a header and a program").1;
    assert!(readme.contains(&format!("```rust,ignore\n{shown}```")));
    let interface = include_str!("../calculator/calculator.magen");
    assert!(readme.contains(&format!("```text\n{interface}```")));
}
