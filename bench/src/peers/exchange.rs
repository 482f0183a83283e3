//! What peers that send bytes there and back have in common: the same round trips and bursts for all of them.

use anyhow::Result;

use crate::measure::{Gauge, Sample};
use crate::message;
use crate::process::Job;
use crate::workload::Workload;

/// One connection of a peer, as the client sees it.
pub(super) trait Exchange {
    /// What an answer is: whatever the peer hands out.
    type Answer: AsRef<[u8]>;

    /// Sends `data` and waits until it has come back.
    async fn echo(&mut self, data: &[u8]) -> Result<Self::Answer>;

    /// Sends `data` one way, or queues it where the peer does that.
    async fn push(&mut self, data: &[u8]) -> Result<()>;

    /// Waits until everything pushed has arrived, and asks for the tally.
    async fn tally(&mut self) -> Result<(u64, u64)>;
}

/// Measures what only needs an [`Exchange`].
pub(super) async fn measure(job: &Job, gauge: &Gauge, exchange: &mut impl Exchange) -> Result<Sample> {
    let size = job.workload.size();
    let mut out = message::blank(size);
    if matches!(job.workload, Workload::Call64 | Workload::Call64K | Workload::ThreadsCall | Workload::TasksCall) {
        let once = async |number| {
            message::number(&mut out, number);
            message::check(exchange.echo(&out).await?.as_ref(), number, size)
        };
        return gauge.round_trips_async(once).await;
    }
    let mut next = 0;
    let burst = async |count| {
        for _ in 0..count {
            message::number(&mut out, next);
            next += 1;
            exchange.push(&out).await?;
        }
        message::check_tally(exchange.tally().await?, count, size)
    };
    gauge.bursts_async(1, burst).await
}
