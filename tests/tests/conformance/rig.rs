//! What the promises need to know of an adapter, and the rigs of ours.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mage::adapter::{Adapter, Drained, LocalTaskRunner, Ready, TaskRunner, Watch, WouldDeadlock};

/// An executor with an adapter on it.
pub(crate) trait Rig: Sized {
    /// Starts the executor.
    fn start() -> Self;
    /// Its adapter.
    fn adapter(&self) -> Arc<dyn Adapter>;
    /// Starts a sequence and registers its runner.
    fn start_runner(&self, name: &str) -> TaskRunner;
    /// Runs `body` inside a local runner of the calling thread, registered under `name`.
    fn run_local(&self, name: &str, body: impl Future<Output = ()>);
    /// Shuts the executor down. All rigs but this one may still hold adapters.
    fn shut_down(self);
}

/// How long a healthy run never waits.
const FOREVER: Duration = Duration::from_secs(60);

/// What happens elsewhere, to be waited for.
pub(crate) struct Happenings<T>(Receiver<T>);

/// Makes a place to report to, and a place to wait at.
pub(crate) fn happenings<T>() -> (Sender<T>, Happenings<T>) {
    let (report, wait) = mpsc::channel();
    (report, Happenings(wait))
}

impl<T> Happenings<T> {
    /// Waits for the next report.
    pub(crate) fn next(&self) -> T {
        self.0.recv_timeout(FOREVER).expect("nothing happened")
    }

    /// The reports that have come already.
    pub(crate) fn so_far(&self) -> Vec<T> {
        self.0.try_iter().collect()
    }

    /// Waits until nobody can report any more, and returns what was reported.
    pub(crate) fn rest(&self) -> Vec<T> {
        let mut rest = Vec::new();
        loop {
            match self.0.recv_timeout(FOREVER) {
                Ok(report) => rest.push(report),
                Err(mpsc::RecvTimeoutError::Disconnected) => return rest,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("somebody still holds on to the place to report to"),
            }
        }
    }
}

/// A connected pair: one end as a watched socket would be, one to play the far side.
pub(crate) fn sockets() -> (Arc<OwnedFd>, UnixStream) {
    let (near, far) = UnixStream::pair().expect("a pair of sockets");
    near.set_nonblocking(true).expect("a non-blocking socket");
    (Arc::new(near.into()), far)
}

/// Reads what is there, at most `max` bytes.
pub(crate) fn read_some(socket: &OwnedFd, max: usize) -> Option<usize> {
    rustix::io::read(socket, &mut vec![0; max]).ok()
}

/// Watches `socket` in the name of `rig`'s adapter.
pub(crate) fn watch(
    rig: &impl Rig,
    socket: &Arc<OwnedFd>,
    on_ready: impl FnMut(Ready) -> Drained + Send + 'static,
) -> Watch {
    rig.adapter().watch(Arc::clone(socket), Box::new(on_ready)).expect("a watch")
}

/// Waits for `future` on this thread, through the adapter.
pub(crate) fn block_on<T>(adapter: &dyn Adapter, future: impl Future<Output = T>) -> Result<T, WouldDeadlock> {
    let mut output = None;
    adapter.block_on(pin!(async { output = Some(future.await) }) as Pin<&mut dyn Future<Output = ()>>)?;
    Ok(output.expect("an output"))
}

/// A place where something may be put, or taken from inside a callback.
pub(crate) type Slot<T> = Arc<Mutex<Option<T>>>;

/// The adapter of plain threads.
pub(crate) struct Threads(mage_adapter_threads::Adapter);

impl Rig for Threads {
    fn start() -> Self {
        Self(mage_adapter_threads::Adapter::new().expect("an adapter"))
    }

    fn adapter(&self) -> Arc<dyn Adapter> {
        Arc::new(self.0.clone())
    }

    fn start_runner(&self, name: &str) -> TaskRunner {
        self.0.start_thread(name).expect("a thread")
    }

    fn run_local(&self, name: &str, body: impl Future<Output = ()>) {
        mage_adapter_threads::TaskLoop::new(&self.0, name).run_until(body).expect("a plain thread");
    }

    fn shut_down(self) {}
}

/// tokio's multi-thread runtime.
pub(crate) struct TokioMultiThread {
    runtime: tokio::runtime::Runtime,
    adapter: mage_adapter_tokio::Adapter,
}

impl Rig for TokioMultiThread {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let adapter = mage_adapter_tokio::Adapter::with_handle(runtime.handle().clone());
        Self { runtime, adapter }
    }

    fn adapter(&self) -> Arc<dyn Adapter> {
        Arc::new(self.adapter.clone())
    }

    fn start_runner(&self, name: &str) -> TaskRunner {
        self.adapter.start_runner(name)
    }

    fn run_local(&self, name: &str, body: impl Future<Output = ()>) {
        let local = Rc::new(tokio::task::LocalSet::new());
        self.runtime.block_on(self.adapter.run_local(local, name, body));
    }

    fn shut_down(self) {}
}

/// A thread that runs something until it is told to end.
struct Driver {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Driver {
    /// `body` gets a future that completes when the driver is dropped.
    fn start(body: impl FnOnce(Pin<Box<dyn Future<Output = ()> + Send>>) + Send + 'static) -> Self {
        let (end, ended) = mpsc::channel::<()>();
        let (over, is_over) = futures::channel::oneshot::channel();
        thread::spawn(move || {
            let _ = ended.recv();
            let _ = over.send(());
        });
        let thread = thread::spawn(move || {
            body(Box::pin(async {
                let _ = is_over.await;
            }));
        });
        Self { end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.end.take());
        let thread = self.thread.take().expect("a thread");
        if thread.thread().id() != thread::current().id() {
            thread.join().expect("a driver that ends");
        }
    }
}

/// tokio's current-thread runtime, driven by a thread of its own.
pub(crate) struct TokioCurrentThread {
    adapter: mage_adapter_tokio::Adapter,
    _driver: Driver,
}

impl Rig for TokioCurrentThread {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let adapter = mage_adapter_tokio::Adapter::with_handle(runtime.handle().clone());
        let driver = Driver::start(move |over| runtime.block_on(over));
        Self { adapter, _driver: driver }
    }

    fn adapter(&self) -> Arc<dyn Adapter> {
        Arc::new(self.adapter.clone())
    }

    fn start_runner(&self, name: &str) -> TaskRunner {
        self.adapter.start_runner(name)
    }

    /// In a runtime of its own, as a program with one thread would.
    fn run_local(&self, name: &str, body: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let local = Rc::new(tokio::task::LocalSet::new());
        runtime.block_on(self.adapter.run_local(local, name, body));
    }

    fn shut_down(self) {}
}

/// smol's global executor, which never ends.
pub(crate) struct SmolGlobal(mage_adapter_smol::Adapter);

impl Rig for SmolGlobal {
    fn start() -> Self {
        Self(mage_adapter_smol::Adapter::global())
    }

    fn adapter(&self) -> Arc<dyn Adapter> {
        Arc::new(self.0.clone())
    }

    fn start_runner(&self, name: &str) -> TaskRunner {
        self.0.start_runner(name)
    }

    fn run_local(&self, name: &str, body: impl Future<Output = ()>) {
        smol::block_on(self.0.run_local(Rc::new(smol::LocalExecutor::new()), name, body));
    }

    fn shut_down(self) {}
}

/// An executor of smol's with two threads.
pub(crate) struct SmolOwn {
    adapter: mage_adapter_smol::Adapter,
    _drivers: [Driver; 2],
    _executor: Arc<smol::Executor<'static>>,
}

impl Rig for SmolOwn {
    fn start() -> Self {
        let executor = Arc::new(smol::Executor::new());
        let adapter = mage_adapter_smol::Adapter::new(&executor);
        let drivers = [(); 2].map(|()| {
            let executor = Arc::clone(&executor);
            Driver::start(move |over| smol::block_on(executor.run(over)))
        });
        Self { adapter, _drivers: drivers, _executor: executor }
    }

    fn adapter(&self) -> Arc<dyn Adapter> {
        Arc::new(self.adapter.clone())
    }

    fn start_runner(&self, name: &str) -> TaskRunner {
        self.adapter.start_runner(name)
    }

    fn run_local(&self, name: &str, body: impl Future<Output = ()>) {
        smol::block_on(self.adapter.run_local(Rc::new(smol::LocalExecutor::new()), name, body));
    }

    fn shut_down(self) {}
}

/// Runs `body` inside a local runner, which it is given.
pub(crate) fn with_local<F: Future<Output = ()>>(rig: &impl Rig, name: &str, body: impl FnOnce(LocalTaskRunner) -> F) {
    let adapter = rig.adapter();
    rig.run_local(name, async move {
        let local = adapter.local_task_runner().expect("a local runner");
        body(local).await;
    });
}
