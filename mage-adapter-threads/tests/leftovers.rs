//! An adapter that is dropped leaves nothing behind. Alone in its file, because it counts what the whole process holds.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use mage::adapter::{Adapter as _, Drained};
use mage_adapter_threads::{Adapter, TaskLoop};

fn count(what: &str) -> usize {
    fs::read_dir(format!("/proc/self/{what}")).unwrap().count()
}

/// Uses all that an adapter has, and drops it while a watch, a timer and a task loop still exist.
fn use_and_drop() {
    let adapter = Adapter::new().unwrap();
    let (near, _far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    let watch = adapter.watch(Arc::new(OwnedFd::from(near)), Box::new(|_| Drained::Yes)).unwrap();
    watch.wake();
    let runner = adapter.start_thread("named").unwrap();
    let (report, ran) = mpsc::channel();
    runner.post(move || report.send(()).unwrap());
    ran.recv().unwrap();
    adapter.spawn(Box::pin(std::future::pending()));
    adapter.block_on(pin!(adapter.sleep_until(Instant::now()))).unwrap();
    let task_loop = TaskLoop::new(&adapter, "main");
    task_loop.run_until(async {}).unwrap();
    let timer = adapter.sleep_until(Instant::now());
    drop(adapter);
    drop((watch, timer, task_loop, runner));
}

#[test]
fn a_dropped_adapter_leaves_no_thread_and_no_descriptor() {
    // The threads that the test itself has: its own and the harness's.
    let before = (count("fd"), count("task"));
    for _ in 0..20 {
        use_and_drop();
    }
    // The system lists a thread for a moment longer than it takes to join it.
    let patience = Instant::now() + Duration::from_secs(60);
    while count("task") > before.1 && Instant::now() < patience {
        thread::yield_now();
    }
    assert_eq!((count("fd"), count("task")), before);
}
