//! What is printed, and what is written for machines.

use std::io::{self, Write};

use anyhow::Result;
use serde_json::json;

use crate::rows::{Measure, Verdict};
use crate::run::Cell;
use crate::workload::{Placement, Workload};

/// Prints everything that was measured, then the table of what must be reached.
pub(crate) fn print(cells: &[Cell], verdicts: &[Verdict]) -> Result<()> {
    let mut out = io::stdout().lock();
    let mut group = None;
    for cell in cells {
        if group != Some((cell.workload, cell.placement)) {
            group = Some((cell.workload, cell.placement));
            let cores = match cell.placement {
                Placement::Same => "one core",
                Placement::Split => "a core each",
            };
            writeln!(out, "\n{}, {cores}", cell.workload.name())?;
            writeln!(
                out,
                "  {:<22} {:>10} {:>7} {:>13} {:>9} {:>9} {:>7} {:>7} {:>7} {:>8}  besides",
                "", "time", "ratio", "middle half", "p99", "cpu", "faults", "calls", "allocs", "instr."
            )?;
        }
        print_cell(&mut out, cell)?;
    }
    writeln!(out, "\nWhat must be reached (ratios to the best raw socket of the same repetition, one core)\n")?;
    writeln!(
        out,
        "  {:<12} {:<13} {:<15} {:>8} {:>8} {:>8}  {:<7} best peer of this run",
        "workload", "adapter", "measure", "must", "goal", "reached", ""
    )?;
    for verdict in verdicts {
        print_verdict(&mut out, verdict)?;
    }
    let met = verdicts.iter().filter(|verdict| verdict.must_met).count();
    writeln!(out, "\n{met} of {} met. Figures of mesh are fixed ones, see docs/performance.md.", verdicts.len())?;
    Ok(())
}

fn print_cell(out: &mut impl Write, cell: &Cell) -> io::Result<()> {
    if let Some(why) = &cell.failed {
        return writeln!(out, "  {:<22} failed: {why}", cell.implementation);
    }
    let optional = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), short);
    let (ratio, half) = match cell.ratio {
        Some(ratio) => (short(ratio.median), format!("{} to {}", short(ratio.low), short(ratio.high))),
        None => ("-".to_owned(), "-".to_owned()),
    };
    let extra = cell.extra.iter().map(|(key, value)| format!("{key} {}", short(*value)));
    let besides: Vec<_> = extra.chain(cell.uncounted.clone()).collect();
    writeln!(
        out,
        "  {:<22} {:>10} {ratio:>7} {half:>13} {:>9} {:>9} {:>7} {:>7} {:>7} {:>8}  {}",
        cell.implementation,
        time(cell.nanoseconds.median),
        cell.p99.map_or_else(|| "-".to_owned(), time),
        time(cell.cpu),
        short(cell.faults),
        optional(cell.system_calls),
        optional(cell.allocations),
        optional(cell.instructions),
        besides.join(", "),
    )
}

fn print_verdict(out: &mut impl Write, verdict: &Verdict) -> io::Result<()> {
    let (said, measure) = (|figure: f64| say(verdict.measure, figure), name(verdict.measure));
    let mut peers: Vec<_> =
        verdict.best_peer.iter().map(|(name, figure)| format!("{name} {}", said(*figure))).collect();
    peers.extend(verdict.mesh.map(|mesh| format!("mesh {} (fixed)", said(mesh))));
    writeln!(
        out,
        "  {:<12} {:<13} {measure:<15} {:>8} {:>8} {:>8}  {:<7} {}",
        verdict.workload.name(),
        verdict.implementation,
        said(verdict.must),
        said(verdict.goal),
        verdict.reached.map_or_else(|| "?".to_owned(), said),
        if verdict.must_met { "met" } else { "NOT MET" },
        peers.join(", "),
    )
}

fn name(measure: Measure) -> &'static str {
    match measure {
        Measure::Ratio => "ratio",
        Measure::Nanoseconds => "time",
        Measure::Cpu => "CPU time",
        Measure::CpuToOneLink => "CPU to 1 link",
        Measure::ToOtherWorkload(Workload::Call64) => "to own call",
        Measure::ToOtherWorkload(_) => "to the other",
        Measure::SystemCalls => "system calls",
        Measure::Allocations => "own allocs",
        Measure::Faults => "page faults",
        Measure::Resident => "bytes a pipe",
        Measure::Descriptors => "fds a pipe",
        Measure::Relays => "relays left",
    }
}

fn say(measure: Measure, figure: f64) -> String {
    match measure {
        Measure::Nanoseconds | Measure::Cpu => time(figure),
        Measure::Ratio
        | Measure::CpuToOneLink
        | Measure::ToOtherWorkload(_)
        | Measure::SystemCalls
        | Measure::Allocations
        | Measure::Faults
        | Measure::Resident
        | Measure::Descriptors
        | Measure::Relays => short(figure),
    }
}

/// Three digits that matter.
fn short(figure: f64) -> String {
    match figure.abs() {
        0.0 => "0".to_owned(),
        size if size < 10.0 => format!("{figure:.2}"),
        size if size < 100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        short_one if short_one < 1e3 => format!("{short_one:.0} ns"),
        middle if middle < 1e6 => format!("{:.2} µs", middle / 1e3),
        long => format!("{:.1} ms", long / 1e6),
    }
}

/// Everything, for machines; `must_met` stands in each row.
pub(crate) fn json(cells: &[Cell], verdicts: &[Verdict]) -> Result<String> {
    Ok(serde_json::to_string_pretty(&json!({ "rows": verdicts, "measured": cells }))?)
}
