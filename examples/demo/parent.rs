//! The parent: starts the network process, has it fetch URLs and prints what it reports.
//!
//! What must hold: each URL is a line of output; a network process that ends early is an error that says how it ended.

use std::io::{self, Write};
use std::process::ExitStatus;
use std::time::Instant;

use mage::{Node, PendingRemote, Receiver, Remote, Worker};

use crate::Failure;
use crate::interface::{FetchObserver, FetchObserverRequest, NetworkProcess};
use crate::network;
use crate::options::AdapterName;

/// Why the demo ends early.
#[derive(Debug, thiserror::Error)]
enum ParentError {
    #[error("the network process ended ({status}) when {reported} of {asked} URLs were reported")]
    NetworkProcessEnded { status: ExitStatus, reported: usize, asked: usize },
}

/// What came of the URLs so far.
#[derive(Debug, Default)]
struct Summary {
    fetched: usize,
    bytes: i64,
    failed: usize,
}

impl Summary {
    fn reported(&self) -> usize {
        self.fetched + self.failed
    }

    /// Prints a line about one URL.
    fn add(&mut self, report: FetchObserverRequest) -> io::Result<()> {
        match report {
            FetchObserverRequest::OnFetched { url, bytes, content_type, microseconds } => {
                self.fetched += 1;
                self.bytes += bytes;
                line(format_args!("fetched {url}: {bytes} bytes of {content_type} in {}", ms(microseconds)))
            }
            FetchObserverRequest::OnFailed { url, reason, microseconds } => {
                self.failed += 1;
                line(format_args!("failed  {url}: {reason} after {}", ms(microseconds)))
            }
        }
    }
}

/// Runs the parent until every URL is reported on and the network process has ended.
pub(crate) async fn run(node: Node, adapter: AdapterName, urls: &[String]) -> Result<(), Failure> {
    let start = Instant::now();
    let mut network = Worker::reexec(network::ENTRY).args(["--adapter", adapter.as_str()]).spawn(&node)?;
    line(format_args!("network process {} on {adapter}", network.id()))?;

    let remote = network.remote::<NetworkProcess>();
    let (observer, reports) = node.create_pending::<FetchObserver>();
    let mut reports = reports.bind();

    let asked = ask(remote, observer, urls).await;
    let summary = collect(&mut reports, urls.len()).await?;
    // No more is wanted: the remote's end is how the network process knows that it may end.
    let asked = asked.map(drop);
    let status = network.wait().await?;
    if summary.reported() < urls.len() || !status.success() {
        let (reported, asked) = (summary.reported(), urls.len());
        return Err(ParentError::NetworkProcessEnded { status, reported, asked }.into());
    }
    asked?;

    let Summary { fetched, bytes, failed } = summary;
    let total = ms(i64::try_from(start.elapsed().as_micros()).unwrap_or(i64::MAX));
    line(format_args!("{fetched} fetched ({bytes} bytes), {failed} failed, in {total}; both processes ended"))?;
    Ok(())
}

/// Hands over the observer and all URLs, never more at once than the pipe takes. Gives the remote back, or drops it.
async fn ask(
    remote: Remote<NetworkProcess>,
    observer: PendingRemote<FetchObserver>,
    urls: &[String],
) -> Result<Remote<NetworkProcess>, Failure> {
    remote.set_observer(observer)?;
    for url in urls {
        Remote::ready(&remote).await.map_err(|closed| closed.to_string())?;
        remote.fetch_url(url)?;
    }
    Ok(remote)
}

/// Prints reports until there are `asked` of them, or nobody is left to report.
async fn collect(reports: &mut Receiver<FetchObserver>, asked: usize) -> io::Result<Summary> {
    let mut summary = Summary::default();
    while summary.reported() < asked {
        let Some(report) = reports.next().await else { break };
        summary.add(report)?;
    }
    Ok(summary)
}

fn ms(microseconds: i64) -> String {
    format!("{}.{} ms", microseconds / 1000, microseconds % 1000 / 100)
}

/// Prints a line at once, whatever standard output is.
fn line(text: std::fmt::Arguments<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
