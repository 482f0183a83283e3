//! Promises about what is not `Send`.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread;

use futures::channel::oneshot;

use crate::rig::{Rig, happenings, with_local};

pub(crate) fn what_is_not_send_runs_on_the_thread_that_it_belongs_to<R: Rig>() {
    let rig = R::start();
    let here = thread::current().id();
    with_local(&rig, "", |local| async move {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let (done, is_done) = oneshot::channel();
        let (wake, woken) = oneshot::channel();
        let inside = Rc::clone(&seen);
        local.spawn_local(async move {
            inside.borrow_mut().push(thread::current().id());
            woken.await.unwrap();
            inside.borrow_mut().push(thread::current().id());
            done.send(()).unwrap();
        });
        thread::spawn(move || wake.send(()).unwrap());
        is_done.await.unwrap();
        assert_eq!(*seen.borrow(), [here, here]);
    });
}

pub(crate) fn a_plain_thread_has_no_local_runner<R: Rig>() {
    let rig = R::start();
    assert!(rig.adapter().local_task_runner().is_none());
    with_local(&rig, "", |_| async {});
    assert!(rig.adapter().local_task_runner().is_none());
    let (report, wait) = happenings();
    let adapter = rig.adapter();
    thread::spawn(move || report.send(adapter.local_task_runner().is_none()).unwrap());
    assert!(wait.next());
}

pub(crate) fn tasks_posted_to_a_local_runner_run_inside_its_sequence<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    let here = thread::current().id();
    with_local(&rig, "home", |local| async move {
        let runner = local.task_runner();
        assert!(runner.runs_here());
        assert_eq!(adapter.task_runner().name(), "home");
        let (report, reported) = oneshot::channel();
        thread::spawn(move || {
            assert!(!runner.runs_here());
            let inside = runner.clone();
            runner.post(move || {
                let has_local = adapter.local_task_runner().is_some();
                report.send((thread::current().id(), inside.runs_here(), has_local)).unwrap();
            });
        });
        assert_eq!(reported.await, Ok((here, true, true)));
    });
}

pub(crate) fn a_local_runner_is_found_by_its_name<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    let here = thread::current().id();
    with_local(&rig, "window", |_| async move {
        let (report, reported) = oneshot::channel();
        thread::spawn(move || {
            let runner = adapter.task_runner_of("window").expect("a registered runner");
            runner.post(move || report.send(thread::current().id()).unwrap());
        });
        assert_eq!(reported.await, Ok(here));
    });
}

pub(crate) fn a_local_future_can_spawn_another<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    with_local(&rig, "", |local| async move {
        let (done, is_done) = oneshot::channel();
        local.spawn_local(async move {
            let local = adapter.local_task_runner().expect("a local runner");
            let order = Rc::new(RefCell::new(vec!["outer"]));
            let inside = Rc::clone(&order);
            local.spawn_local(async move {
                inside.borrow_mut().push("inner");
                done.send(inside.borrow().clone()).unwrap();
            });
            order.borrow_mut().push("outer again");
        });
        assert_eq!(is_done.await, Ok(vec!["outer", "outer again", "inner"]));
    });
}
