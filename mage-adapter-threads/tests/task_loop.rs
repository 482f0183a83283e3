//! What the threads adapter has beyond the promises that all adapters make: its loops, who polls, and its end.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread::{self, ThreadId};

use mage::adapter::{Adapter as _, Drained, Watch, WouldDeadlock};
use mage_adapter_threads::{Adapter, TaskLoop};

/// The threads that read from a socket, and who waits for the next of them.
#[derive(Default)]
struct Readers {
    last: Option<ThreadId>,
    waker: Option<Waker>,
}

/// Watches a socket and notes which thread reads.
fn watch_readers(adapter: &Adapter) -> (Watch, UnixStream, Arc<Mutex<Readers>>) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    let mut stream = near.try_clone().unwrap();
    let readers = Arc::new(Mutex::new(Readers::default()));
    let noted = Arc::clone(&readers);
    let on_ready = move |_| {
        if matches!(stream.read(&mut [0; 64]), Ok(1..)) {
            let mut readers = noted.lock().unwrap();
            readers.last = Some(thread::current().id());
            let waker = readers.waker.take();
            drop(readers);
            waker.into_iter().for_each(Waker::wake);
        }
        Drained::Yes
    };
    let watch = adapter.watch(Arc::new(OwnedFd::from(near)), Box::new(on_ready)).unwrap();
    (watch, far, readers)
}

async fn next_reader(readers: &Mutex<Readers>) -> ThreadId {
    poll_fn(|cx| {
        let mut readers = readers.lock().unwrap();
        readers.waker = Some(cx.waker().clone());
        readers.last.take().map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

#[test]
fn a_thread_that_waits_reads_for_itself() {
    let adapter = Adapter::new().unwrap();
    let (_watch, mut far, readers) = watch_readers(&adapter);
    let here = thread::current().id();
    // The service thread reads the first ones, until this thread's waiting has made it hand over.
    let mut reader = None;
    while reader != Some(here) {
        far.write_all(b"x").unwrap();
        let wait = pin!(async { reader = Some(next_reader(&readers).await) });
        adapter.block_on(wait).unwrap();
    }
}

#[test]
fn a_task_loop_that_waits_reads_for_itself() {
    let adapter = Adapter::new().unwrap();
    let (_watch, mut far, readers) = watch_readers(&adapter);
    let task_loop = TaskLoop::new(&adapter, "");
    let here = thread::current().id();
    let reads_here = async {
        loop {
            far.write_all(b"x").unwrap();
            if next_reader(&readers).await == here {
                return;
            }
        }
    };
    task_loop.run_until(reads_here).unwrap();
}

#[test]
fn a_loop_runs_until_it_is_told_to_quit_and_then_again() {
    let adapter = Adapter::new().unwrap();
    let task_loop = TaskLoop::new(&adapter, "main");
    let log = Arc::new(Mutex::new(Vec::new()));
    for round in 0..3 {
        let (quit, log) = (task_loop.quit_handle(), Arc::clone(&log));
        let poster = adapter.task_runner_of("main").expect("the loop's runner");
        thread::spawn(move || {
            poster.post(move || {
                log.lock().unwrap().push(round);
                quit.quit();
            });
        });
        task_loop.run().unwrap();
    }
    assert_eq!(*log.lock().unwrap(), [0, 1, 2]);
}

#[test]
fn a_quit_before_the_run_is_not_lost() {
    let adapter = Adapter::new().unwrap();
    let task_loop = TaskLoop::new(&adapter, "");
    task_loop.quit_handle().quit();
    task_loop.run().unwrap();
}

#[test]
fn a_loop_inside_a_loop_is_refused() {
    let adapter = Adapter::new().unwrap();
    let outer = Rc::new(TaskLoop::new(&adapter, ""));
    let again = Rc::clone(&outer);
    let refused = outer.run_until(async move { (again.run(), again.run_until(async {})) });
    assert_eq!(refused, Ok((Err(WouldDeadlock), Err(WouldDeadlock))));
}

#[test]
fn a_dropped_loop_drops_its_futures_on_its_own_thread_inside_its_sequence() {
    struct Noted(Rc<RefCell<Vec<bool>>>, Adapter);
    impl Drop for Noted {
        fn drop(&mut self) {
            self.0.borrow_mut().push(self.1.local_task_runner().is_some());
        }
    }
    let adapter = Adapter::new().unwrap();
    let task_loop = TaskLoop::new(&adapter, "");
    let notes = Rc::new(RefCell::new(Vec::new()));
    let spawn = || {
        let held = Noted(Rc::clone(&notes), adapter.clone());
        task_loop.local_task_runner().spawn_local(async move {
            let _held = held;
            std::future::pending::<()>().await;
        });
    };
    spawn();
    task_loop.run_until(async {}).unwrap();
    spawn();
    let local = task_loop.local_task_runner();
    drop(task_loop);
    assert_eq!(*notes.borrow(), [true, true]);
    let late = Noted(Rc::clone(&notes), adapter.clone());
    local.spawn_local(async move { drop(late) });
    assert_eq!(notes.borrow().len(), 3);
}

#[test]
fn a_local_future_that_panics_ends_alone() {
    let adapter = Adapter::new().unwrap();
    let task_loop = TaskLoop::new(&adapter, "");
    let local = task_loop.local_task_runner();
    local.spawn_local(async { std::panic::resume_unwind(Box::new("on purpose")) });
    let quit = task_loop.quit_handle();
    local.spawn_local(async move { quit.quit() });
    task_loop.run().unwrap();
}

#[test]
fn the_last_handle_of_an_adapter_may_be_dropped_by_one_of_its_own_threads() {
    let adapter = Adapter::new().unwrap();
    let runner = adapter.start_thread("last").unwrap();
    let last = adapter.clone();
    let (go_on, holds) = mpsc::channel::<()>();
    let (report, dropped) = mpsc::channel();
    runner.post(move || {
        holds.recv().unwrap();
        drop(last);
        report.send(()).unwrap();
    });
    drop(adapter);
    go_on.send(()).unwrap();
    dropped.recv().unwrap();
    // The loop has been told to quit, and with it ends its sequence.
    let (report, ran) = mpsc::channel::<()>();
    runner.post(move || drop(report));
    assert!(ran.recv().is_err());
}

#[test]
fn a_name_that_no_thread_can_have_is_an_error() {
    let adapter = Adapter::new().unwrap();
    assert!(adapter.start_thread("nul \0").is_err());
}
