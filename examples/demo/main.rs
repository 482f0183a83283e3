//! Two processes talk: the parent has a network process fetch URLs.
//!
//! ```text
//!   parent (parent.rs)                                network process (network.rs)
//!     Worker::reexec("network") ── starts, invites ──▶  Invitation::inherited().accept(&node)
//!     Remote<NetworkProcess>    ── SetObserver(end) ─▶  Remote<FetchObserver>
//!                               ── FetchURL(url) ────▶  fetches (fetch.rs) on threads of its own
//!     Receiver<FetchObserver>   ◀─ OnFetched, OnFailed
//!     drops the remote          ── the pipe closes ──▶  ends
//! ```
//!
//! Both are this executable, on the adapter that the command line names (executor.rs).

mod executor;
mod fetch;
mod network;
mod options;
mod parent;

use std::process::ExitCode;

/// What `network_process.magen` was compiled to.
mod interface {
    mage::include_magen!("network_process");
}

use options::{Asked, Options};

fn main() -> ExitCode {
    let Options { adapter, urls } = match Options::from_args(std::env::args_os().skip(1)) {
        Ok(Asked::Run(options)) => options,
        Ok(Asked::Help) => {
            println!("{}", options::HELP);
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("demo: {wrong}\n\n{}", options::HELP);
            return ExitCode::from(2);
        }
    };
    let is_network = mage::worker::entry().as_deref() == Some(network::ENTRY);
    let (who, ended) = if is_network {
        ("demo: network process", executor::run(adapter, network::run))
    } else {
        ("demo", executor::run(adapter, async |node| parent::run(node, adapter, &urls).await))
    };
    match ended {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) | Err(error) => {
            eprintln!("{who}: {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// What ends a process of the demo early, told to a person.
type Failure = Box<dyn std::error::Error>;

/// An error and what caused it, on one line; a cause that the error before it tells already is not told again.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.ends_with(&told) {
            text = format!("{text}: {told}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    #[error("{said}")]
    struct Caused {
        said: &'static str,
        #[source]
        cause: io::Error,
    }

    #[test]
    fn a_cause_is_told_once() {
        let refused = |said| chain(&Caused { said, cause: io::Error::other("refused") });
        assert_eq!(refused("no answer"), "no answer: refused");
        assert_eq!(refused("no answer: refused"), "no answer: refused");
    }
}
