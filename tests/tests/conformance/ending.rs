//! Promises about the end of an executor. A rig ends its executor when it is shut down and no adapter is left; adapters
//! of an executor that the application owns may outlive it.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use mage::adapter::{Drained, TaskRunner};

use crate::rig::{Rig, happenings, sockets, watch};

pub(crate) fn tasks_posted_after_the_end_are_dropped_unrun<R: Rig>() {
    let rig = R::start();
    let runner = rig.start_runner("late");
    let background = rig.adapter().task_runner();
    rig.shut_down();
    let (report, wait) = happenings();
    let other = report.clone();
    runner.post(move || report.send(()).unwrap());
    background.post(move || other.send(()).unwrap());
    assert_eq!(wait.rest(), []);
}

/// Posts a task that posts another behind itself, without end. Each holds `counted`.
fn post_without_end(runner: &TaskRunner, counted: Arc<()>, begun: Option<Sender<()>>) {
    let next = runner.clone();
    runner.post(move || {
        if let Some(begun) = begun {
            begun.send(()).unwrap();
        }
        post_without_end(&next, Arc::clone(&counted), None);
    });
}

pub(crate) fn tasks_that_wait_at_the_end_are_dropped<R: Rig>() {
    let rig = R::start();
    let runner = rig.start_runner("waiting");
    let counted = Arc::new(());
    let (begun, begins) = happenings();
    post_without_end(&runner, Arc::clone(&counted), Some(begun));
    begins.next();
    rig.shut_down();
    assert_eq!(Arc::strong_count(&counted), 1);
}

pub(crate) fn spawned_futures_are_dropped_at_the_end<R: Rig>() {
    let rig = R::start();
    let (report, wait) = happenings();
    rig.adapter().spawn(Box::pin(async move {
        report.send("started").unwrap();
        std::future::pending::<()>().await;
        report.send("never").unwrap();
    }));
    assert_eq!(wait.next(), "started");
    rig.shut_down();
    assert_eq!(wait.rest(), [] as [&str; 0]);
}

pub(crate) fn a_watch_is_not_called_after_the_end_and_lets_go<R: Rig>() {
    let rig = R::start();
    let (near, mut far) = sockets();
    let (report, calls) = happenings();
    let watch = watch(&rig, &near, move |_| {
        let _ = report.send(());
        Drained::Yes
    });
    rig.shut_down();
    far.write_all(b"x").unwrap();
    watch.want_write(true);
    watch.wake();
    assert_eq!(calls.rest(), []);
}
