//! How one run is measured: time, CPU time of all processes, page faults, and allocations when they are counted.
//!
//! A workload is either a sequence of round trips, each timed, or bursts of which the far side says when all of it has
//! arrived. Both warm up first; a burst is as long as the time that the run is given.

pub(crate) mod allocations;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::FutureExt;
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::process::Server;

/// How much a run does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Effort {
    /// As much as fits.
    Time(Duration),
    /// So many operations and no warm-up: for counting what does not depend on time.
    Operations(u64),
}

/// What one run found. Everything is for one operation: a round trip, a message, a pipe.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Nanoseconds: the median of round trips, the mean of a burst.
    pub(crate) nanoseconds: f64,
    /// The 99th percentile of round trips in nanoseconds.
    pub(crate) p99: Option<f64>,
    /// CPU time of all processes in nanoseconds.
    pub(crate) cpu: f64,
    /// Minor page faults of all processes.
    pub(crate) faults: f64,
    /// Heap allocations of all processes in the whole run, where they were counted.
    pub(crate) allocations: u64,
    /// How many operations were timed.
    pub(crate) operations: u64,
    /// What only some workloads have: bytes and descriptors for each pipe, relays left.
    #[serde(default)]
    pub(crate) extra: BTreeMap<String, f64>,
}

/// Measures what happens in this process and in others.
#[derive(Debug)]
pub(crate) struct Gauge {
    effort: Effort,
    others: Vec<i32>,
}

/// What the processes had used at one moment.
#[derive(Debug, Clone, Copy)]
struct Usage {
    at: Instant,
    cpu: Duration,
    faults: u64,
}

impl Gauge {
    /// Measures this process and `others`, by process id.
    pub(crate) fn new(effort: Effort, others: Vec<i32>) -> Self {
        Self { effort, others }
    }

    /// Times `once`, which is given the number of the round trip.
    pub(crate) fn round_trips(&self, mut once: impl FnMut(u64) -> Result<()>) -> Result<Sample> {
        self.round_trips_async(async |number| once(number)).now_or_never().context("a blocking round trip waited")?
    }

    /// Times `once`, which is given the number of the round trip.
    pub(crate) async fn round_trips_async(&self, mut once: impl AsyncFnMut(u64) -> Result<()>) -> Result<Sample> {
        let mut number = 0;
        let (budget, most) = match self.effort {
            Effort::Time(budget) => {
                let warm = Instant::now();
                while number < 20 || warm.elapsed() < budget / 4 {
                    once(number).await?;
                    number += 1;
                }
                (budget, usize::MAX)
            }
            Effort::Operations(count) => (Duration::MAX, usize::try_from(count)?),
        };
        let mut taken = Vec::with_capacity(most.min(1 << 20));
        let begin = self.usage()?;
        let mut last = begin.at;
        while taken.len() < most.min(1 << 20) && last.duration_since(begin.at) < budget {
            once(number).await?;
            number += 1;
            let now = Instant::now();
            taken.push(now.duration_since(last));
            last = now;
        }
        let mut sample = self.usage()?.since(begin, u64::try_from(taken.len())?)?;
        taken.sort_unstable();
        let percentile = |part: usize| taken.get(taken.len() * part / 100).copied().unwrap_or_default();
        sample.nanoseconds = nanoseconds(percentile(50));
        sample.p99 = Some(nanoseconds(percentile(99)));
        Ok(sample)
    }

    /// Times `burst`, which sends so many messages and returns when the far side has confirmed them all. A burst is a
    /// multiple of `step`.
    pub(crate) fn bursts(&self, step: u64, mut burst: impl FnMut(u64) -> Result<()>) -> Result<Sample> {
        self.bursts_async(step, async |count| burst(count)).now_or_never().context("a blocking burst waited")?
    }

    /// As [`bursts`](Self::bursts), asynchronously.
    pub(crate) async fn bursts_async(
        &self,
        step: u64,
        mut burst: impl AsyncFnMut(u64) -> Result<()>,
    ) -> Result<Sample> {
        let count = match self.effort {
            Effort::Operations(count) => count.next_multiple_of(step),
            Effort::Time(budget) => {
                let mut count = step;
                loop {
                    let warm = Instant::now();
                    burst(count).await?;
                    let took = warm.elapsed().max(Duration::from_nanos(1));
                    // Bursts that are too short say nothing about long ones: each ends with a question and its answer.
                    if took > budget / 4 || (took > budget / 16 && count >= 64 * step) {
                        let fitting = budget.as_secs_f64() / took.as_secs_f64() * count as f64;
                        break (fitting as u64).max(1).next_multiple_of(step);
                    }
                    count *= 2;
                }
            }
        };
        let begin = self.usage()?;
        burst(count).await?;
        self.usage()?.since(begin, count)
    }

    /// Times `once` a single time, as `operations` operations.
    pub(crate) fn single(&self, operations: u64, once: impl FnOnce() -> Result<()>) -> Result<Sample> {
        self.single_async(operations, async || once()).now_or_never().context("a blocking run waited")?
    }

    /// As [`single`](Self::single), asynchronously.
    pub(crate) async fn single_async(&self, operations: u64, once: impl AsyncFnOnce() -> Result<()>) -> Result<Sample> {
        let begin = self.usage()?;
        once().await?;
        self.usage()?.since(begin, operations)
    }

    /// Has `wait` do nothing for a second; what the *other* processes use meanwhile is the sample's CPU time.
    pub(crate) async fn idle_async(&self, wait: impl AsyncFn(Duration)) -> Result<Sample> {
        let others = || -> Result<Duration> {
            self.others.iter().map(|&other| cpu(clock_getcpuclockid(Pid::from_raw(other))?)).sum()
        };
        let second = Duration::from_secs(1);
        wait(second / 10).await;
        let before = others()?;
        wait(second).await;
        let used = nanoseconds(others()?.saturating_sub(before));
        Ok(Sample { nanoseconds: 1e9, cpu: used, operations: 1, ..Sample::default() })
    }

    /// As [`idle_async`](Self::idle_async), blocking.
    pub(crate) fn idle(&self, wait: impl Fn(Duration)) -> Result<Sample> {
        self.idle_async(async |time| wait(time)).now_or_never().context("a blocking wait waited")?
    }

    /// The CPU time that each of `servers` has used.
    pub(crate) fn cpu_of(servers: &[Server]) -> Result<Vec<Duration>> {
        servers.iter().map(|server| cpu(clock_getcpuclockid(Pid::from_raw(server.id().parse()?))?)).collect()
    }

    fn usage(&self) -> Result<Usage> {
        let mut usage =
            Usage { at: Instant::now(), cpu: cpu(ClockId::CLOCK_PROCESS_CPUTIME_ID)?, faults: faults("self")? };
        for &other in &self.others {
            usage.cpu += cpu(clock_getcpuclockid(Pid::from_raw(other))?)?;
            usage.faults += faults(&other.to_string())?;
        }
        Ok(usage)
    }
}

impl Usage {
    fn since(self, begin: Self, operations: u64) -> Result<Sample> {
        ensure!(operations > 0, "nothing was measured");
        let each = |amount: f64| amount / operations as f64;
        Ok(Sample {
            nanoseconds: each(nanoseconds(self.at.duration_since(begin.at))),
            cpu: each(nanoseconds(self.cpu.saturating_sub(begin.cpu))),
            faults: each(self.faults.saturating_sub(begin.faults) as f64),
            operations,
            ..Sample::default()
        })
    }
}

/// The CPU time that a clock shows.
fn cpu(clock: ClockId) -> Result<Duration> {
    Ok(clock_gettime(clock)?.into())
}

fn nanoseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}

/// The minor page faults of a process so far.
fn faults(process: &str) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may contain spaces; the tenth field of all is the eighth behind it.
    let behind = text.rsplit_once(')').context("no name in /proc/…/stat")?.1;
    Ok(behind.split_whitespace().nth(7).context("too few fields in /proc/…/stat")?.parse()?)
}

/// What this process and a server hold, before they open pipes.
#[derive(Debug)]
pub(crate) struct Held {
    descriptors: usize,
    resident: u64,
}

impl Held {
    /// Looks now: descriptors here, memory there.
    pub(crate) fn now(server: &Server) -> Result<Self> {
        let descriptors = std::fs::read_dir("/proc/self/fd")?.count();
        let text = std::fs::read_to_string(format!("/proc/{}/statm", server.id()))?;
        let pages: u64 = text.split_whitespace().nth(1).context("too few fields in /proc/…/statm")?.parse()?;
        Ok(Self { descriptors, resident: pages * u64::try_from(rustix::param::page_size())? })
    }

    /// Adds to `sample` what each of `pipes` has made them hold since.
    pub(crate) fn each(self, server: &Server, mut sample: Sample, pipes: u64) -> Result<Sample> {
        let now = Self::now(server)?;
        let each = |amount: f64| amount / pipes as f64;
        sample.extra.insert("descriptors".into(), each(now.descriptors as f64 - self.descriptors as f64));
        sample.extra.insert("resident".into(), each(now.resident as f64 - self.resident as f64));
        Ok(sample)
    }
}
