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
        let mut trips = self.trips();
        while let Some(number) = trips.next()? {
            once(number).await?;
        }
        trips.finish()
    }

    /// Round trips as a loop, for work that has to be `Send`: each [`next`](Trips::next) gives the number of one.
    pub(crate) fn trips(&self) -> Trips<'_> {
        let most = match self.effort {
            Effort::Time(_) => 1 << 20,
            Effort::Operations(count) => usize::try_from(count).unwrap_or(usize::MAX).min(1 << 20),
        };
        Trips { gauge: self, number: 0, warm: Instant::now(), taken: Vec::with_capacity(most), most, begun: None }
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
        let mut bursts = self.burst_sizes(step);
        while let Some(count) = bursts.next()? {
            burst(count).await?;
        }
        bursts.finish()
    }

    /// Bursts as a loop, for work that has to be `Send`: each [`next`](Bursts::next) gives the length of one.
    pub(crate) fn burst_sizes(&self, step: u64) -> Bursts<'_> {
        Bursts { gauge: self, step, count: step, warm: None, begun: None }
    }

    /// Begins something that is measured once.
    pub(crate) fn begin(&self) -> Result<Once<'_>> {
        Ok(Once { gauge: self, begin: self.usage()? })
    }

    /// Times `once` a single time, as `operations` operations.
    pub(crate) fn single(&self, operations: u64, once: impl FnOnce() -> Result<()>) -> Result<Sample> {
        self.single_async(operations, async || once()).now_or_never().context("a blocking run waited")?
    }

    /// As [`single`](Self::single), asynchronously.
    pub(crate) async fn single_async(&self, operations: u64, once: impl AsyncFnOnce() -> Result<()>) -> Result<Sample> {
        let begun = self.begin()?;
        once().await?;
        begun.end(operations)
    }

    /// Has `wait` do nothing for a second; what the *other* processes use meanwhile is the sample's CPU time.
    pub(crate) fn idle(&self, wait: impl Fn(Duration)) -> Result<Sample> {
        wait(Self::SETTLING);
        let before = self.others()?;
        wait(Self::IDLE);
        self.idle_since(before)
    }

    /// How long a link is left alone before it counts as idle.
    pub(crate) const SETTLING: Duration = Duration::from_millis(100);
    /// How long an idle link is looked at.
    pub(crate) const IDLE: Duration = Duration::from_secs(1);

    /// What the other processes have used so far.
    pub(crate) fn others(&self) -> Result<Duration> {
        self.others.iter().map(|&other| cpu(clock_getcpuclockid(Pid::from_raw(other))?)).sum()
    }

    /// What the other processes have used since they had used `before`, [`IDLE`](Self::IDLE) ago.
    pub(crate) fn idle_since(&self, before: Duration) -> Result<Sample> {
        let used = nanoseconds(self.others()?.saturating_sub(before));
        Ok(Sample { nanoseconds: 1e9, cpu: used, operations: 1, ..Sample::default() })
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

/// Round trips under way: some to warm up, then those that are timed.
#[derive(Debug)]
pub(crate) struct Trips<'a> {
    gauge: &'a Gauge,
    number: u64,
    warm: Instant,
    taken: Vec<Duration>,
    most: usize,
    /// What had been used when the first one began that counts, and when the last one ended.
    begun: Option<(Usage, Instant)>,
}

impl Trips<'_> {
    /// The number of the next round trip, if there is to be one.
    pub(crate) fn next(&mut self) -> Result<Option<u64>> {
        let (now, number) = (Instant::now(), self.number);
        self.number += 1;
        if let Some((begin, last)) = &mut self.begun {
            self.taken.push(now.duration_since(*last));
            *last = now;
            let over = match self.gauge.effort {
                Effort::Time(budget) => now.duration_since(begin.at) >= budget,
                Effort::Operations(_) => false,
            };
            return Ok((self.taken.len() < self.most && !over).then_some(number));
        }
        let warm = match self.gauge.effort {
            Effort::Time(budget) => number >= 20 && self.warm.elapsed() >= budget / 4,
            Effort::Operations(_) => true,
        };
        if warm {
            let begin = self.gauge.usage()?;
            self.begun = Some((begin, begin.at));
        }
        Ok(Some(number))
    }

    /// What the round trips took.
    pub(crate) fn finish(mut self) -> Result<Sample> {
        let (begin, _) = self.begun.context("nothing was measured")?;
        let taken = &mut self.taken;
        let mut sample = self.gauge.usage()?.since(begin, u64::try_from(taken.len())?)?;
        taken.sort_unstable();
        let percentile = |part: usize| taken.get(taken.len() * part / 100).copied().unwrap_or_default();
        sample.nanoseconds = nanoseconds(percentile(50));
        sample.p99 = Some(nanoseconds(percentile(99)));
        Ok(sample)
    }
}

/// Bursts under way: longer and longer ones to warm up, then one that is timed.
#[derive(Debug)]
pub(crate) struct Bursts<'a> {
    gauge: &'a Gauge,
    step: u64,
    count: u64,
    warm: Option<Instant>,
    begun: Option<Usage>,
}

impl Bursts<'_> {
    /// How many messages the next burst has, if there is to be one.
    pub(crate) fn next(&mut self) -> Result<Option<u64>> {
        if self.begun.is_some() {
            return Ok(None);
        }
        match (self.gauge.effort, self.warm) {
            (Effort::Operations(count), _) => self.count = count.next_multiple_of(self.step),
            (Effort::Time(_), None) => {
                self.warm = Some(Instant::now());
                return Ok(Some(self.count));
            }
            (Effort::Time(budget), Some(warm)) => {
                let took = warm.elapsed().max(Duration::from_nanos(1));
                // Bursts that are too short say nothing about long ones: each ends with a question and its answer.
                if took <= budget / 4 && (took <= budget / 16 || self.count < 64 * self.step) {
                    self.count *= 2;
                    self.warm = Some(Instant::now());
                    return Ok(Some(self.count));
                }
                let fitting = budget.as_secs_f64() / took.as_secs_f64() * self.count as f64;
                self.count = (fitting as u64).max(1).next_multiple_of(self.step);
            }
        }
        self.begun = Some(self.gauge.usage()?);
        Ok(Some(self.count))
    }

    /// What the last burst took.
    pub(crate) fn finish(self) -> Result<Sample> {
        self.gauge.usage()?.since(self.begun.context("nothing was measured")?, self.count)
    }
}

/// Something measured once.
#[derive(Debug)]
pub(crate) struct Once<'a> {
    gauge: &'a Gauge,
    begin: Usage,
}

impl Once<'_> {
    /// What it took, as `operations` operations.
    pub(crate) fn end(self, operations: u64) -> Result<Sample> {
        self.gauge.usage()?.since(self.begin, operations)
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
    /// Looks now: descriptors here, memory there. Pages of files and of memory that processes share are left out: of
    /// those there are as many for one pipe as for all (the program itself, and what carries the bytes of a link).
    pub(crate) fn now(server: &Server) -> Result<Self> {
        let descriptors = std::fs::read_dir("/proc/self/fd")?.count();
        let text = std::fs::read_to_string(format!("/proc/{}/statm", server.id()))?;
        let field = |place| text.split_whitespace().nth(place).context("too few fields in /proc/…/statm");
        let (all, shared): (u64, u64) = (field(1)?.parse()?, field(2)?.parse()?);
        Ok(Self { descriptors, resident: (all - shared) * u64::try_from(rustix::param::page_size())? })
    }

    /// Adds to `sample` what each of `pipes` has made them hold since.
    pub(crate) fn each(self, server: &Server, mut sample: Sample, pipes: u64) -> Result<Sample> {
        let now = Self::now(server)?;
        let each = |amount: f64| amount / pipes as f64;
        // In hundredths: the link may have opened one or two of its own meanwhile.
        let opened = each(now.descriptors as f64 - self.descriptors as f64);
        sample.extra.insert("descriptors".into(), (opened * 100.0).round() / 100.0);
        sample.extra.insert("resident".into(), each(now.resident as f64 - self.resident as f64));
        Ok(sample)
    }
}
