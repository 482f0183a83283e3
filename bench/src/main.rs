//! Mage beside its peers: every workload through the generated API on each adapter, beside raw sockets and the other
//! libraries that a Rust program would use, in one table.
//!
//! ```text
//!   cargo run --release -p mage-bench -- all
//!   cargo run --release -p mage-bench -- call-64 one-way-64 --with raw-stream,mage-threads --quick
//! ```
//!
//! The processes are real, pinned, and take turns (A B C A B C), so that what disturbs one disturbs all. What is
//! compared is the ratio to the best raw socket of the same repetition.

mod measure;
mod message;
mod peers;
mod process;
mod report;
mod rows;
mod run;
mod workload;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use process::{Job, Role};
use workload::{Placement, Workload};

#[global_allocator]
static ALLOCATOR: measure::allocations::Counted = measure::allocations::Counted;

/// Measures Mage beside its peers and prints one table.
#[derive(Debug, Parser)]
#[command(name = "mage-bench")]
struct Options {
    /// What to run: `all`, or workloads by name.
    #[arg(required = true)]
    workloads: Vec<String>,
    /// Runs only these implementations, by name, separated by commas; the raw sockets are always run.
    #[arg(long, value_delimiter = ',')]
    with: Vec<String>,
    /// Few and short repetitions: shows that everything works, and roughly how fast.
    #[arg(long)]
    quick: bool,
    /// How many repetitions.
    #[arg(long)]
    repetitions: Option<u32>,
    /// Runs only with both processes on one core, or only with one core each.
    #[arg(long)]
    placement: Option<Placement>,
    /// Leaves out the counts of system calls and allocations.
    #[arg(long)]
    no_counts: bool,
    /// Counts instructions with valgrind besides, which takes some seconds for each implementation.
    #[arg(long)]
    instructions: bool,
    /// Writes everything that was measured to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let result = if arguments.next().as_deref() == Some(process::COMMAND) {
        arguments.next().context("no job").and_then(|job| run_job(&job))
    } else {
        bench(&Options::parse())
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mage-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A process of a run: measures or serves, and prints its outcome.
fn run_job(text: &str) -> Result<()> {
    // As long as the process: tasks may hold it.
    let job: &'static Job = Box::leak(Box::new(serde_json::from_str(text)?));
    job.settle()?;
    let implementation = peers::find(&job.implementation)?;
    let outcome = match job.role {
        Role::Client => {
            let mut sample = (implementation.client)(job)?;
            sample.allocations += measure::allocations::count();
            serde_json::to_string(&sample)?
        }
        Role::Server(_) => {
            (implementation.server)(job, process::inherited_socket()?)?;
            measure::allocations::count().to_string()
        }
    };
    Ok(std::io::stdout().write_all(outcome.as_bytes())?)
}

fn bench(options: &Options) -> Result<()> {
    let workloads = if options.workloads.iter().any(|name| name == "all") {
        let all = Workload::value_variants().iter().copied();
        all.filter(|workload| !(options.quick && workload.is_long())).collect()
    } else {
        let parse = |name: &String| Workload::from_str(name, false).map_err(anyhow::Error::msg).context(name.clone());
        options.workloads.iter().map(parse).collect::<Result<_>>()?
    };
    options.with.iter().try_for_each(|name| peers::find(name).map(drop))?;
    let plan = run::Plan {
        workloads,
        with: options.with.clone(),
        placement: options.placement,
        cores: process::cores()?,
        repetitions: options.repetitions.unwrap_or(if options.quick { 2 } else { 4 }),
        milliseconds: if options.quick { 20 } else { 60 },
        instructions: options.instructions,
        counts: !options.no_counts && !options.quick,
    };
    let results = run::run(&plan)?;
    let table = rows::judge(&results);
    report::print(&results, &table)?;
    if let Some(file) = &options.json {
        std::fs::write(file, report::json(&results, &table)?).with_context(|| file.display().to_string())?;
    }
    Ok(())
}
