//! Executors to run nodes on, by name: in this process, and in the child processes that a program starts.

use std::fmt;
use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;
use std::thread::JoinHandle;

use mage::Node;
use mage::adapter::Adapter as _;
use mage::node::{NodeBuilder, NodeEvent};

/// One of the ways to run code that Mage has an adapter for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Executor {
    /// Plain threads.
    Threads,
    /// tokio's multi-thread runtime.
    Tokio,
    /// An executor of smol's, on a thread of its own.
    Smol,
}

impl fmt::Display for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Threads => "threads",
            Self::Tokio => "tokio",
            Self::Smol => "smol",
        })
    }
}

impl FromStr for Executor {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Threads, Self::Tokio, Self::Smol]
            .into_iter()
            .find(|executor| executor.to_string() == name)
            .ok_or_else(|| format!("no executor is called {name}"))
    }
}

/// An executor at work. Nodes live on it; it ends when it is dropped.
#[derive(Debug)]
pub struct Running(Runtime);

#[derive(Debug)]
enum Runtime {
    Threads(mage_adapter_threads::Adapter),
    Tokio(tokio::runtime::Runtime),
    Smol {
        executor: Arc<smol::Executor<'static>>,
        quit: Option<smol::channel::Sender<()>>,
        thread: Option<JoinHandle<()>>,
    },
}

impl Executor {
    /// Starts the executor.
    ///
    /// # Panics
    ///
    /// When the system has no thread left.
    pub fn start(self) -> Running {
        Running(match self {
            Self::Threads => Runtime::Threads(mage_adapter_threads::Adapter::new().expect("an adapter")),
            Self::Tokio => Runtime::Tokio(
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime"),
            ),
            Self::Smol => {
                let executor = Arc::new(smol::Executor::new());
                let (quit, ended) = smol::channel::bounded::<()>(1);
                let runs = Arc::clone(&executor);
                let run = move || smol::block_on(runs.run(ended.recv())).unwrap_or_default();
                let thread = std::thread::Builder::new().name("smol".into()).spawn(run).expect("a thread");
                Runtime::Smol { executor, quit: Some(quit), thread: Some(thread) }
            }
        })
    }
}

impl Running {
    /// Makes a node here.
    ///
    /// # Panics
    ///
    /// When there are no random numbers.
    pub fn node(&self) -> Node {
        self.builder().build().expect("a node")
    }

    /// Makes a node that reports to `supervisor`.
    ///
    /// # Panics
    ///
    /// When there are no random numbers.
    pub fn supervised(&self, supervisor: impl Fn(NodeEvent) + Send + Sync + 'static) -> Node {
        self.builder().supervisor(supervisor).build().expect("a node")
    }

    /// Runs `future` on this thread, as a program on this executor would.
    ///
    /// # Panics
    ///
    /// Inside itself.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        match &self.0 {
            Runtime::Tokio(runtime) => runtime.block_on(future),
            Runtime::Smol { executor, .. } => smol::block_on(executor.run(future)),
            Runtime::Threads(adapter) => {
                let mut output = None;
                {
                    let future = pin!(async { output = Some(future.await) });
                    adapter.block_on(future).expect("a plain thread");
                }
                output.expect("an output")
            }
        }
    }

    /// Begins a node here.
    pub fn builder(&self) -> NodeBuilder {
        match &self.0 {
            Runtime::Threads(adapter) => Node::builder(adapter.clone()),
            Runtime::Tokio(runtime) => {
                Node::builder(mage_adapter_tokio::Adapter::with_handle(runtime.handle().clone()))
            }
            Runtime::Smol { executor, .. } => Node::builder(mage_adapter_smol::Adapter::new(executor)),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Runtime::Smol { quit, thread, .. } = &mut self.0 {
            drop(quit.take());
            if let Some(thread) = thread.take() {
                drop(thread.join());
            }
        }
    }
}
