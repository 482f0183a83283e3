//! Plays one part of a program of several processes; see `mage_tests::programs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    mage_tests::programs::play(&arguments)
}
