//! Repeats every program of several processes under load, to find what happens once in a thousand times.
//!
//! ```text
//! cargo run -p mage-tests --bin repeat -- [--busy THREADS] [--only TEXT] TIMES
//! ```
//!
//! `--busy` keeps that many threads (2 unless it says otherwise) spinning beside the programs; `--only` picks the programs
//! whose name contains the text. Prints each failure with what the program said, and a line per executor at the end;
//! fails when a program did.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use mage_tests::children::Executor;
use mage_tests::programs::{PROGRAMS, run};

struct Options {
    times: u32,
    busy: usize,
    only: String,
}

fn options() -> Result<Options, String> {
    let mut options = Options { times: 1, busy: 2, only: String::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        let number = |text: String| text.parse().map_err(|error| format!("{text}: {error}"));
        match argument.as_str() {
            "--busy" => options.busy = number(value()?)? as usize,
            "--only" => options.only = value()?,
            _ => options.times = number(argument)?,
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let done = AtomicBool::new(false);
    let failed = thread::scope(|scope| {
        for _ in 0..options.busy {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        let failed = [Executor::Threads, Executor::Tokio, Executor::Smol].map(|executor| repeat(executor, &options));
        done.store(true, Ordering::Relaxed);
        failed.iter().sum::<u32>()
    });
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs every program as often as asked for on one executor; returns how often one failed.
fn repeat(executor: Executor, options: &Options) -> u32 {
    let (start, mut ran, mut failed) = (Instant::now(), 0, 0);
    for _ in 0..options.times {
        for program in PROGRAMS.iter().filter(|program| program.name.contains(&options.only)) {
            ran += 1;
            if let Err(failure) = run(executor, program.name) {
                failed += 1;
                println!("{failure}");
            }
        }
    }
    println!("{executor}: {ran} runs in {:.0?}, {failed} failed", start.elapsed());
    failed
}
