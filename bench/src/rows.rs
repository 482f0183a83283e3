//! The rows of the table: what must be reached, where, and whether it was.
//!
//! Ratios are to the best raw socket (stream or packets, one write for each message) of the same repetition, with both
//! processes on one core; the other placement is reported, not judged. OpenVMM's `mesh` is no crate of a registry, so
//! its ratios are fixed figures, measured once beside the same raw sockets, and marked as such.

use serde::Serialize;

use crate::peers::{self, Family};
use crate::run::Cell;
use crate::workload::Placement;
use crate::workload::Workload::{self, *};

/// What a row looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Measure {
    /// Time, as a ratio to the best raw socket.
    Ratio,
    /// Time in nanoseconds.
    Nanoseconds,
    /// CPU time of all processes in nanoseconds.
    Cpu,
    /// CPU time, as a ratio to the same over one link.
    CpuToOneLink,
    /// Time, as a ratio to our own in another workload.
    ToOtherWorkload(Workload),
    /// System calls.
    SystemCalls,
    /// Heap allocations besides those of values that the user's code is given to keep ([`Workload::kept`]).
    Allocations,
    /// Minor page faults.
    Faults,
    /// Resident memory of the far side for each pipe, in bytes.
    Resident,
    /// Descriptors for each pipe.
    Descriptors,
    /// Ports that still pass messages on along a route that moved.
    Relays,
}

/// One thing that must be reached by one implementation of Mage.
#[derive(Debug, Clone, Copy)]
struct Row {
    workload: Workload,
    implementations: &'static [&'static str],
    measure: Measure,
    must: f64,
    goal: f64,
    /// The ratio of OpenVMM's mesh, where there is one.
    mesh: Option<f64>,
}

const THREADS: &[&str] = &["mage-threads"];
const EXECUTORS: &[&str] = &["mage-tokio", "mage-smol"];
const CORE: &[&str] = &["mage-proto"];
const ADAPTERS: &[&str] = &["mage-threads", "mage-tokio", "mage-smol"];

const fn row(
    workload: Workload,
    implementations: &'static [&'static str],
    measure: Measure,
    must: f64,
    goal: f64,
    mesh: Option<f64>,
) -> Row {
    Row { workload, implementations, measure, must, goal, mesh }
}

const ROWS: &[Row] = &[
    row(Call64, THREADS, Measure::Ratio, 1.25, 0.75, Some(3.3)),
    row(Call64, EXECUTORS, Measure::Ratio, 1.5, 1.25, Some(3.3)),
    row(Call64K, ADAPTERS, Measure::Ratio, 1.3, 0.6, None),
    row(OneWay64, ADAPTERS, Measure::Ratio, 0.25, 0.10, Some(2.5)),
    row(OneWay1K, ADAPTERS, Measure::Ratio, 0.35, 0.20, None),
    row(OneWay64K, ADAPTERS, Measure::Ratio, 1.0, 0.35, Some(5.6)),
    row(OneWay1M, ADAPTERS, Measure::Ratio, 0.95, 0.45, Some(4.0)),
    row(BulkCopied, ADAPTERS, Measure::Ratio, 1.15, 0.5, Some(3.1)),
    row(BulkShared, ADAPTERS, Measure::Ratio, 0.30, 0.05, None),
    row(Pass1, ADAPTERS, Measure::Ratio, 0.8, 0.5, Some(1.4)),
    row(Pass32, ADAPTERS, Measure::Ratio, 0.4, 0.15, Some(1.04)),
    row(Pipes10K, ADAPTERS, Measure::Ratio, 0.4, 0.2, Some(0.72)),
    row(Pipes1M, ADAPTERS, Measure::ToOtherWorkload(Pipes10K), 1.5, 1.0, None),
    row(Pipes10K, ADAPTERS, Measure::Resident, 600.0, 200.0, Some(740.0)),
    row(Pipes10K, ADAPTERS, Measure::Descriptors, 0.0, 0.0, Some(0.0)),
    row(Moved, THREADS, Measure::ToOtherWorkload(Call64), 1.05, 1.0, Some(1.0)),
    row(Moved, THREADS, Measure::Relays, 0.0, 0.0, Some(0.0)),
    row(ThreadsCall, THREADS, Measure::Nanoseconds, 2_000.0, 1_460.0, None),
    row(ThreadsOneWay, THREADS, Measure::Nanoseconds, 100.0, 40.0, Some(35.0)),
    row(TasksCall, EXECUTORS, Measure::Nanoseconds, 600.0, 350.0, Some(390.0)),
    row(Links4, ADAPTERS, Measure::CpuToOneLink, 1.1, 1.0, None),
    row(Links16, ADAPTERS, Measure::CpuToOneLink, 1.1, 1.0, None),
    row(Links64, ADAPTERS, Measure::CpuToOneLink, 1.1, 1.0, None),
    row(Idle, ADAPTERS, Measure::Cpu, 0.0, 0.0, None),
    row(CoreLink, CORE, Measure::Nanoseconds, 150.0, 100.0, None),
    row(CoreLink, CORE, Measure::Allocations, 0.02, 0.0, None),
    row(CoreMillion, CORE, Measure::ToOtherWorkload(CoreLink), 1.5, 1.0, None),
    row(CoreLocal, CORE, Measure::Nanoseconds, 60.0, 40.0, None),
    row(Call64, ADAPTERS, Measure::SystemCalls, 6.0, 4.0, Some(8.6)),
    row(OneWay64, ADAPTERS, Measure::SystemCalls, 0.05, 0.02, Some(3.1)),
    row(OneWay64K, ADAPTERS, Measure::SystemCalls, 2.2, 2.0, Some(30.0)),
    row(OneWay64K, ADAPTERS, Measure::Faults, 0.05, 0.0, Some(38.0)),
    row(Pass1, ADAPTERS, Measure::SystemCalls, 6.0, 4.0, Some(19.0)),
    row(OneWay64, ADAPTERS, Measure::Allocations, 0.02, 0.0, None),
];

/// A row, judged.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Verdict {
    pub(crate) workload: Workload,
    pub(crate) implementation: String,
    pub(crate) measure: Measure,
    pub(crate) must: f64,
    pub(crate) goal: f64,
    /// `None` when it was not measured.
    pub(crate) reached: Option<f64>,
    pub(crate) must_met: bool,
    /// The best of the others in this run, and its figure.
    pub(crate) best_peer: Option<(String, f64)>,
    pub(crate) mesh: Option<f64>,
}

/// Judges every row of which something was run.
pub(crate) fn judge(cells: &[Cell]) -> Vec<Verdict> {
    let run = |row: &&Row| cells.iter().any(|cell| cell.workload == row.workload);
    let each = |row: &'static Row| row.implementations.iter().map(move |name| (row, *name));
    ROWS.iter().filter(run).flat_map(each).filter_map(|(row, name)| verdict(cells, row, name)).collect()
}

fn verdict(cells: &[Cell], row: &Row, name: &str) -> Option<Verdict> {
    let gate = row.workload.placements().first().copied().unwrap_or(Placement::Same);
    let here = |cell: &&Cell| cell.workload == row.workload && cell.placement == gate;
    let ours = cells.iter().filter(here).find(|cell| cell.implementation == name)?;
    let reached = figure(cells, ours, row.measure);
    let peers = cells
        .iter()
        .filter(here)
        .filter(|cell| peers::find(&cell.implementation).is_ok_and(|one| one.family == Family::Peer));
    let figures = peers.filter_map(|cell| Some((cell.implementation.clone(), figure(cells, cell, row.measure)?)));
    let best_peer = figures.min_by(|one, other| one.1.total_cmp(&other.1));
    Some(Verdict {
        workload: row.workload,
        implementation: name.to_owned(),
        measure: row.measure,
        must: row.must,
        goal: row.goal,
        reached,
        must_met: reached.is_some_and(|reached| reached <= row.must),
        best_peer,
        mesh: row.mesh,
    })
}

/// What `measure` says of a cell.
fn figure(cells: &[Cell], cell: &Cell, measure: Measure) -> Option<f64> {
    let same_in = |workload| {
        cells.iter().find(|other| {
            other.workload == workload
                && other.placement == cell.placement
                && other.implementation == cell.implementation
                && other.failed.is_none()
        })
    };
    if cell.failed.is_some() {
        return None;
    }
    match measure {
        Measure::Ratio => cell.ratio.map(|ratio| ratio.median),
        Measure::Nanoseconds => Some(cell.nanoseconds.median),
        Measure::Cpu => Some(cell.cpu),
        Measure::CpuToOneLink => same_in(Links1).map(|one| cell.cpu / one.cpu),
        Measure::ToOtherWorkload(other) => same_in(other).map(|one| cell.nanoseconds.median / one.nanoseconds.median),
        Measure::SystemCalls => cell.system_calls,
        Measure::Allocations => cell.allocations.map(|all| all - cell.workload.kept()),
        Measure::Faults => Some(cell.faults),
        Measure::Resident => cell.extra.get("resident").copied(),
        Measure::Descriptors => cell.extra.get("descriptors").copied(),
        Measure::Relays => cell.extra.get("relays").copied(),
    }
}
