//! What is measured: the workloads, and the rows of the table that say what must be reached.
//!
//! A workload is run by every implementation that has it. A row takes one implementation of Mage in one workload and
//! compares it with the best raw socket of the same repetition, or with a figure.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What is done between two processes, or inside one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) enum Workload {
    /// 64 bytes there and back.
    #[value(name = "call-64")]
    Call64,
    /// 64 KiB there and back.
    #[value(name = "call-64k")]
    Call64K,
    /// 64 bytes one way, under load.
    #[value(name = "one-way-64")]
    OneWay64,
    /// 1 KiB one way, under load.
    #[value(name = "one-way-1k")]
    OneWay1K,
    /// 64 KiB one way, under load.
    #[value(name = "one-way-64k")]
    OneWay64K,
    /// 1 MiB one way, under load.
    #[value(name = "one-way-1m")]
    OneWay1M,
    /// 256 MiB once, copied: from the send until the far side has read from every page.
    BulkCopied,
    /// 256 MiB once, in a buffer that both map: from the send until the far side has read its first word.
    BulkShared,
    /// A fresh pipe is passed, and an answer comes back over it; then the next.
    #[value(name = "pass-1")]
    Pass1,
    /// The same with 32 pipes under way.
    #[value(name = "pass-32")]
    Pass32,
    /// 10,000 pipes are passed, one message on each.
    #[value(name = "pipes-10k")]
    Pipes10K,
    /// The same with a million.
    #[value(name = "pipes-1m")]
    Pipes1M,
    /// Round trips of 64 bytes over a pipe whose far end went from A to B to C to D.
    Moved,
    /// Round trips of 64 bytes between two threads.
    ThreadsCall,
    /// 64 bytes one way between two threads.
    ThreadsOneWay,
    /// Round trips of 64 bytes between two tasks.
    TasksCall,
    /// 64 bytes one way, over one link.
    #[value(name = "links-1")]
    Links1,
    /// The same, over 4 links by turns.
    #[value(name = "links-4")]
    Links4,
    /// The same, over 16 links by turns.
    #[value(name = "links-16")]
    Links16,
    /// The same, over 64 links by turns.
    #[value(name = "links-64")]
    Links64,
    /// A link on which nothing happens, for a second.
    Idle,
    /// 64 bytes through two nodes of the core that are driven by hand in one thread, in batches of 64: sent, framed,
    /// parsed, taken.
    CoreLink,
    /// The same while a million other pipes are open.
    CoreMillion,
    /// 64 bytes inside one node of the core, in batches of 64: sent and taken.
    CoreLocal,
}

/// Both processes on one core, or one core each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Placement {
    /// Both processes on one core: the whole price in CPU time, and figures that repeat. The gate.
    Same,
    /// One core each.
    Split,
}

impl From<Workload> for String {
    fn from(workload: Workload) -> Self {
        workload.name()
    }
}

impl TryFrom<String> for Workload {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::from_str(&name, false)
    }
}

impl Workload {
    /// Its name on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The bytes of one message.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Call64
            | Self::OneWay64
            | Self::Moved
            | Self::ThreadsCall
            | Self::ThreadsOneWay
            | Self::TasksCall
            | Self::Links1
            | Self::Links4
            | Self::Links16
            | Self::Links64
            | Self::CoreLink
            | Self::CoreMillion
            | Self::CoreLocal => 64,
            Self::OneWay1K => 1 << 10,
            Self::Call64K | Self::OneWay64K => 64 << 10,
            Self::OneWay1M => 1 << 20,
            Self::BulkCopied | Self::BulkShared => 256 << 20,
            Self::Pass1 | Self::Pass32 | Self::Pipes10K | Self::Pipes1M | Self::Idle => 8,
        }
    }

    /// How many links carry it.
    pub(crate) fn links(self) -> usize {
        match self {
            Self::Links4 => 4,
            Self::Links16 => 16,
            Self::Links64 => 64,
            Self::Call64
            | Self::Call64K
            | Self::OneWay64
            | Self::OneWay1K
            | Self::OneWay64K
            | Self::OneWay1M
            | Self::BulkCopied
            | Self::BulkShared
            | Self::Pass1
            | Self::Pass32
            | Self::Pipes10K
            | Self::Pipes1M
            | Self::Moved
            | Self::ThreadsCall
            | Self::ThreadsOneWay
            | Self::TasksCall
            | Self::Links1
            | Self::Idle
            | Self::CoreLink
            | Self::CoreMillion
            | Self::CoreLocal => 1,
        }
    }

    /// How many pipes it opens.
    pub(crate) fn pipes(self) -> u64 {
        match self {
            Self::Pipes1M => 1_000_000,
            Self::Pipes10K => 10_000,
            Self::Call64
            | Self::Call64K
            | Self::OneWay64
            | Self::OneWay1K
            | Self::OneWay64K
            | Self::OneWay1M
            | Self::BulkCopied
            | Self::BulkShared
            | Self::Pass1
            | Self::Pass32
            | Self::Moved
            | Self::ThreadsCall
            | Self::ThreadsOneWay
            | Self::TasksCall
            | Self::Links1
            | Self::Links4
            | Self::Links16
            | Self::Links64
            | Self::Idle
            | Self::CoreLink
            | Self::CoreMillion
            | Self::CoreLocal => 0,
        }
    }

    /// Whether once must do: it takes seconds.
    pub(crate) fn is_long(self) -> bool {
        self == Self::Pipes1M
    }

    /// How many values that live on the heap each operation gives to the user's code: the implementation of a one-way message
    /// is given its payload as a `Bytes`, which it may keep.
    pub(crate) fn kept(self) -> f64 {
        if self == Self::OneWay64 { 1.0 } else { 0.0 }
    }

    /// The placements in which it makes sense.
    pub(crate) fn placements(self) -> &'static [Placement] {
        match self {
            Self::Idle | Self::Pipes1M | Self::CoreLink | Self::CoreMillion | Self::CoreLocal => &[Placement::Same],
            Self::ThreadsCall | Self::ThreadsOneWay => &[Placement::Split],
            Self::Call64
            | Self::Call64K
            | Self::OneWay64
            | Self::OneWay1K
            | Self::OneWay64K
            | Self::OneWay1M
            | Self::BulkCopied
            | Self::BulkShared
            | Self::Pass1
            | Self::Pass32
            | Self::Pipes10K
            | Self::Moved
            | Self::TasksCall
            | Self::Links1
            | Self::Links4
            | Self::Links16
            | Self::Links64 => &[Placement::Same, Placement::Split],
        }
    }
}
