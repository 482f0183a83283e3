//! The network process: fetches what it is asked to, on a few threads, and reports to the observer.
//!
//! What must hold: requests are taken while fetches are under way; the process ends when nobody can ask any more.

use std::sync::mpsc::{self, Receiver as Jobs, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use mage::{Invitation, Node, Receiver, Remote, SendError};

use crate::interface::{FetchObserver, NetworkProcess, NetworkProcessRequest};
use crate::{Failure, chain, fetch};

/// The name under which the parent starts this executable again.
pub(crate) const ENTRY: &str = "network";

/// How many fetches are under way at once.
const FETCHERS: usize = 4;

/// One URL, and whom to tell.
struct Job {
    url: String,
    observer: Remote<FetchObserver>,
}

/// Runs the network process until the parent has nothing more to ask.
pub(crate) async fn run(node: Node) -> Result<(), Failure> {
    let pipe = Invitation::inherited()?.accept(&node).await?;
    let mut requests = Receiver::<NetworkProcess>::bind(pipe);
    let jobs = start_fetchers()?;
    let mut observer = None;
    while let Some(request) = requests.next().await {
        match request {
            NetworkProcessRequest::SetObserver { observer: pending } => observer = Some(pending.bind()),
            NetworkProcessRequest::FetchURL { url } => {
                let observer = observer.clone().ok_or("a URL came before the observer")?;
                jobs.send(Job { url, observer })?;
            }
        }
    }
    Ok(())
}

fn start_fetchers() -> Result<Sender<Job>, Failure> {
    let (jobs, queue) = mpsc::channel();
    let queue = Arc::new(Mutex::new(queue));
    for number in 1..=FETCHERS {
        let queue = Arc::clone(&queue);
        thread::Builder::new().name(format!("fetcher {number}")).spawn(move || fetch_all(&queue))?;
    }
    Ok(jobs)
}

fn fetch_all(queue: &Mutex<Jobs<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A report that cannot be sent has nobody to read it: the parent is gone, and the main thread about to end.
        let _ = fetch_and_report(&job);
    }
}

fn fetch_and_report(job: &Job) -> Result<(), Failure> {
    let start = Instant::now();
    let outcome = fetch::fetch(&job.url);
    let microseconds = i64::try_from(start.elapsed().as_micros()).unwrap_or(i64::MAX);
    let report = match outcome {
        Ok(fetched) => {
            let bytes = i64::try_from(fetched.bytes).unwrap_or(i64::MAX);
            job.observer.on_fetched(&job.url, bytes, &fetched.content_type, microseconds)
        }
        Err(error) => job.observer.on_failed(&job.url, &chain(&error), microseconds),
    };
    see_through(report, &job.observer)
}

/// Has a report that found the pipe full sent when there is room. Other threads want that room too.
fn see_through(mut report: Result<(), SendError>, observer: &Remote<FetchObserver>) -> Result<(), Failure> {
    while let Err(unsent) = report {
        if !unsent.is_full() {
            return Err(unsent.into());
        }
        Remote::ready(observer).wait()?.map_err(|closed| closed.to_string())?;
        report = unsent.send_again(observer);
    }
    Ok(())
}
