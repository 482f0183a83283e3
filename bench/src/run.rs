//! Runs the plan: repetitions take turns, and what came out is brought together.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::measure::Sample;
use crate::peers::{self, Family, Implementation};
use crate::process::{self, Job, Role};
use crate::workload::{Placement, Workload};

/// Each of several links gets the burst that the only one has, or else what is measured is that their buffers are touched
/// for the first time; up to so many times as long in all.
const MOST_TIMES: usize = 16;

/// What to run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) workloads: Vec<Workload>,
    /// Names of implementations; all when empty.
    pub(crate) with: Vec<String>,
    pub(crate) placement: Option<Placement>,
    /// The first and the last that may be used.
    pub(crate) cores: [usize; 2],
    pub(crate) repetitions: u32,
    pub(crate) milliseconds: u64,
    /// Whether system calls and allocations are counted.
    pub(crate) counts: bool,
    /// Whether instructions are counted, which takes long.
    pub(crate) instructions: bool,
}

/// Everything about one implementation in one workload and placement.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Cell {
    pub(crate) workload: Workload,
    pub(crate) placement: Placement,
    pub(crate) implementation: String,
    pub(crate) nanoseconds: Spread,
    /// To the best raw socket of the same repetition.
    pub(crate) ratio: Option<Spread>,
    pub(crate) p99: Option<f64>,
    pub(crate) cpu: f64,
    pub(crate) faults: f64,
    pub(crate) system_calls: Option<f64>,
    pub(crate) allocations: Option<f64>,
    /// Instructions of all processes outside the kernel.
    pub(crate) instructions: Option<f64>,
    pub(crate) extra: BTreeMap<String, f64>,
    /// Why something was not counted.
    pub(crate) uncounted: Option<String>,
    /// Why it could not be run.
    pub(crate) failed: Option<String>,
}

/// The median of some figures, and between which the middle half of them lies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Spread {
    fn of(mut figures: Vec<f64>) -> Self {
        figures.sort_by(f64::total_cmp);
        let at = |part: f64| figures.get(((figures.len() - 1) as f64 * part).round() as usize).copied();
        if figures.is_empty() {
            return Self::default();
        }
        let pick = |part| at(part).unwrap_or_default();
        Self { median: median(&figures), low: pick(0.25), high: pick(0.75) }
    }
}

/// The median of sorted figures.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match (sorted.get(middle.wrapping_sub(1)), sorted.get(middle)) {
        (Some(low), Some(high)) if sorted.len().is_multiple_of(2) => (low + high) / 2.0,
        (_, Some(high)) => *high,
        (_, None) => 0.0,
    }
}

/// Runs everything and returns a cell for each implementation, workload and placement.
pub(crate) fn run(plan: &Plan) -> Result<Vec<Cell>> {
    let groups: Vec<_> = plan
        .workloads
        .iter()
        .flat_map(|&workload| {
            let placements = workload.placements().iter().copied();
            placements.filter(|&one| plan.placement.is_none_or(|only| only == one)).map(move |one| (workload, one))
        })
        .collect();
    let mut cells = Vec::new();
    for (done, &(workload, placement)) in groups.iter().enumerate() {
        let chosen: Vec<_> =
            peers::all().filter(|one| one.workloads.contains(&workload) && plan.includes(one)).collect();
        let mut progress = |text: &str| progress(&format!("{}/{} {} {text}", done + 1, groups.len(), workload.name()));
        cells.extend(run_group(plan, workload, placement, &chosen, &mut progress)?);
    }
    progress("");
    Ok(cells)
}

impl Plan {
    fn includes(&self, one: &Implementation) -> bool {
        self.with.is_empty() || one.family == Family::Base || self.with.iter().any(|name| name == one.name)
    }

    fn job(&self, one: &Implementation, workload: Workload, placement: Placement) -> Job {
        Job {
            implementation: one.name.to_owned(),
            workload,
            placement,
            cores: self.cores,
            milliseconds: self.milliseconds * workload.links().min(MOST_TIMES) as u64,
            operations: None,
            role: Role::Client,
            argument: String::new(),
        }
    }
}

/// One workload in one placement, all implementations by turns.
fn run_group(
    plan: &Plan,
    workload: Workload,
    placement: Placement,
    chosen: &[&'static Implementation],
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Cell>> {
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); chosen.len()];
    let mut failed: Vec<Option<String>> = vec![None; chosen.len()];
    let mut ratios: Vec<Vec<f64>> = vec![Vec::new(); chosen.len()];
    let repetitions = if workload.is_long() { 1 } else { plan.repetitions };
    for repetition in 0..repetitions {
        let mut base = f64::INFINITY;
        let mut times = vec![None; chosen.len()];
        for (place, one) in chosen.iter().enumerate() {
            let (Some(samples), Some(failed), Some(time)) =
                (samples.get_mut(place), failed.get_mut(place), times.get_mut(place))
            else {
                continue;
            };
            if failed.is_some() {
                continue;
            }
            progress(&format!("{placement:?} {}/{} {}", repetition + 1, repetitions, one.name));
            match process::run(&plan.job(one, workload, placement), &[]) {
                Ok(sample) => {
                    if one.family == Family::Base {
                        base = base.min(sample.nanoseconds);
                    }
                    *time = Some(sample.nanoseconds);
                    samples.push(sample);
                }
                Err(error) => *failed = Some(format!("{error:#}")),
            }
        }
        for (ratios, time) in ratios.iter_mut().zip(times) {
            ratios.extend(time.filter(|_| base.is_finite()).map(|time| time / base));
        }
    }
    let mut cells = Vec::new();
    for (((one, samples), failed), ratios) in chosen.iter().zip(samples).zip(failed).zip(ratios) {
        let mut cell = summarise(workload, placement, one.name, &samples, ratios, failed);
        if plan.counts && placement == Placement::Same && cell.failed.is_none() {
            progress(&format!("counting {}", one.name));
            // One that does not get through while it is watched has no counts; its times stand.
            if let Err(error) = count(&plan.job(one, workload, placement), &mut cell) {
                cell.uncounted = Some(format!("not counted: {error:#}"));
            }
        }
        if plan.instructions && placement == Placement::Same && cell.failed.is_none() {
            progress(&format!("counting the instructions of {}", one.name));
            cell.instructions = count_instructions(&plan.job(one, workload, placement))?;
        }
        cells.push(cell);
    }
    Ok(cells)
}

fn summarise(
    workload: Workload,
    placement: Placement,
    name: &str,
    samples: &[Sample],
    ratios: Vec<f64>,
    failed: Option<String>,
) -> Cell {
    let spread = |figure: &dyn Fn(&Sample) -> f64| Spread::of(samples.iter().map(figure).collect());
    let mut extra = BTreeMap::new();
    for key in samples.iter().flat_map(|sample| sample.extra.keys()) {
        let figures = samples.iter().filter_map(|sample| sample.extra.get(key)).copied().collect();
        extra.insert(key.clone(), Spread::of(figures).median);
    }
    let p99: Vec<f64> = samples.iter().filter_map(|sample| sample.p99).collect();
    Cell {
        workload,
        placement,
        implementation: name.to_owned(),
        nanoseconds: spread(&|sample| sample.nanoseconds),
        ratio: (!ratios.is_empty()).then(|| Spread::of(ratios)),
        p99: (!p99.is_empty()).then(|| Spread::of(p99).median),
        cpu: spread(&|sample| sample.cpu).median,
        faults: spread(&|sample| sample.faults).median,
        system_calls: None,
        allocations: None,
        instructions: None,
        extra,
        uncounted: None,
        failed,
    }
}

/// How many operations a counting run does, twice: what the second does more than the first is what they cost.
fn counted_operations(workload: Workload) -> Option<(u64, u64)> {
    match workload {
        Workload::Call64 | Workload::Call64K | Workload::Pass1 | Workload::Pass32 | Workload::Moved => {
            Some((1_000, 3_000))
        }
        Workload::OneWay64 | Workload::OneWay1K | Workload::CoreLink | Workload::CoreLocal => Some((20_000, 60_000)),
        Workload::OneWay64K => Some((2_000, 6_000)),
        Workload::OneWay1M
        | Workload::BulkCopied
        | Workload::BulkShared
        | Workload::Pipes10K
        | Workload::Pipes1M
        | Workload::ThreadsCall
        | Workload::ThreadsOneWay
        | Workload::TasksCall
        | Workload::Links1
        | Workload::Links4
        | Workload::Links16
        | Workload::Links64
        | Workload::CoreMillion
        | Workload::Idle => None,
    }
}

/// The instructions of an operation outside the kernel, over all processes, as callgrind counts them; `None` without
/// `valgrind`, and for workloads that are not counted.
fn count_instructions(job: &Job) -> Result<Option<f64>> {
    let Some((few, many)) = counted_operations(job.workload) else { return Ok(None) };
    // A hundredth of the speed: a few are enough, they are all alike.
    let (few, many) = (few / 5, many / 5);
    let total = |operations| instructions(&Job { operations: Some(operations), ..job.clone() });
    let (Some(less), Some(more)) = (total(few)?, total(many)?) else { return Ok(None) };
    Ok(Some((more as f64 - less as f64) / (many - few) as f64))
}

/// The instructions of a whole run.
fn instructions(job: &Job) -> Result<Option<u64>> {
    if !is_installed("valgrind", "--version") {
        return Ok(None);
    }
    let directory = std::env::temp_dir().join(format!("mage-bench-{}.callgrind", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let file = directory.join("%p");
    let option = format!("--callgrind-out-file={}", file.display());
    process::run(job, &["valgrind", "--quiet", "--tool=callgrind", "--trace-children=yes", &option])?;
    let mut total = 0;
    for entry in std::fs::read_dir(&directory)? {
        let text = std::fs::read_to_string(entry?.path())?;
        let line = text.lines().find_map(|line| line.strip_prefix("totals:").or(line.strip_prefix("summary:")));
        total += line.context("callgrind says no total")?.trim().parse::<u64>()?;
    }
    std::fs::remove_dir_all(&directory)?;
    Ok(Some(total))
}

fn is_installed(program: &str, asking: &str) -> bool {
    let asked = Command::new(program).arg(asking).stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// Counts system calls (where `perf` or `strace` is installed) and allocations of an operation, over both processes.
fn count(job: &Job, cell: &mut Cell) -> Result<()> {
    let Some((few, many)) = counted_operations(job.workload) else { return Ok(()) };
    let job = |operations| Job { operations: Some(operations), ..job.clone() };
    let more = (many - few) as f64;
    let (less_allocated, more_allocated) = (process::run(&job(few), &[])?, process::run(&job(many), &[])?);
    cell.allocations = Some((more_allocated.allocations as f64 - less_allocated.allocations as f64) / more);
    let watched = |operations| system_calls(&job(operations)).context("while its system calls were counted");
    if let (Some(less), Some(total)) = (watched(few)?, watched(many)?) {
        cell.system_calls = Some((total as f64 - less as f64) / more);
    }
    Ok(())
}

/// The event of the kernel that `perf` counts.
const EVENT: &str = "raw_syscalls:sys_enter";

/// The system calls of a whole run; `None` where nothing is installed that counts them. The kernel's own counter disturbs
/// nothing, but few may read it. `strace` makes each call some 50 µs longer, so that nobody finds it worth while to look on
/// for an answer, and each side sleeps and is woken instead.
fn system_calls(job: &Job) -> Result<Option<u64>> {
    let file = std::env::temp_dir().join(format!("mage-bench-{}.calls", std::process::id()));
    let path = file.to_str().context("the temporary directory's name is no text")?;
    let counts = ["stat", "-x,", "-e", EVENT, "-o", path, "--"];
    let tried = Command::new("perf").args(counts).arg("true").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let (through, mark): (Vec<&str>, _) = if tried.is_ok_and(|status| status.success()) {
        (["perf"].into_iter().chain(counts).collect(), EVENT)
    } else if is_installed("strace", "-V") {
        (vec!["strace", "-f", "-c", "-U", "calls,name", "-o", path], "total")
    } else {
        return Ok(None);
    };
    process::run(job, &through)?;
    let text = std::fs::read_to_string(&file)?;
    std::fs::remove_file(&file)?;
    let line = text.lines().find(|line| line.contains(mark)).context("no count of system calls")?;
    let count = line.split([',', ' ']).find(|word| !word.is_empty()).context("no count of system calls")?;
    Ok(Some(count.parse()?))
}

/// Shows how far it has come, on a terminal in one line.
fn progress(text: &str) {
    let mut out = std::io::stderr().lock();
    // Nobody is told when this cannot be written: it is what would tell them.
    let _ = if out.is_terminal() { write!(out, "\r\x1b[2K{text}").and_then(|()| out.flush()) } else { Ok(()) };
}
