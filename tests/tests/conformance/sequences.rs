//! Promises about task runners, and about what is spawned.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use mage::adapter::ThreadChecker;

use crate::rig::{Rig, happenings};

pub(crate) fn tasks_run_in_the_order_in_which_they_were_posted<R: Rig>() {
    let rig = R::start();
    let runner = rig.start_runner("order");
    let (report, wait) = happenings();
    for number in 0..1000 {
        let report = report.clone();
        runner.post(move || report.send(number).unwrap());
    }
    drop(report);
    assert_eq!(wait.rest(), (0..1000).collect::<Vec<_>>());
}

pub(crate) fn posting_from_many_threads_keeps_the_order_of_each<R: Rig>() {
    let rig = R::start();
    let runner = rig.start_runner("many");
    let (report, wait) = happenings();
    thread::scope(|scope| {
        for thread in 0..4 {
            let (runner, report) = (runner.clone(), report.clone());
            scope.spawn(move || {
                for number in 0..250 {
                    let report = report.clone();
                    runner.post(move || report.send((thread, number)).unwrap());
                }
            });
        }
    });
    drop(report);
    let ran = wait.rest();
    for thread in 0..4 {
        let of_thread: Vec<_> = ran.iter().filter(|(of, _)| *of == thread).map(|(_, number)| *number).collect();
        assert_eq!(of_thread, (0..250).collect::<Vec<_>>());
    }
}

pub(crate) fn tasks_never_overlap<R: Rig>() {
    let rig = R::start();
    let runner = rig.start_runner("alone");
    let inside = Arc::new(AtomicBool::new(false));
    let (report, wait) = happenings();
    thread::scope(|scope| {
        for _ in 0..4 {
            let (runner, report, inside) = (runner.clone(), report.clone(), Arc::clone(&inside));
            scope.spawn(move || {
                for _ in 0..100 {
                    let (report, inside) = (report.clone(), Arc::clone(&inside));
                    runner.post(move || {
                        let alone = !inside.swap(true, Ordering::SeqCst);
                        thread::yield_now();
                        inside.store(false, Ordering::SeqCst);
                        report.send(alone).unwrap();
                    });
                }
            });
        }
    });
    drop(report);
    let ran = wait.rest();
    assert_eq!(ran.len(), 400);
    assert!(ran.into_iter().all(|alone| alone));
}

pub(crate) fn a_task_never_runs_inside_post<R: Rig>() {
    let rig = R::start();
    let runner = rig.start_runner("nested");
    let (report, wait) = happenings();
    let runner_inside = runner.clone();
    runner.post(move || {
        let inner = report.clone();
        report.send("before").unwrap();
        runner_inside.post(move || inner.send("inner").unwrap());
        report.send("after").unwrap();
    });
    assert_eq!(wait.rest(), ["before", "after", "inner"]);
}

pub(crate) fn runs_here_holds_inside_the_sequence_only<R: Rig>() {
    let rig = R::start();
    let (one, other) = (rig.start_runner("one"), rig.start_runner("other"));
    assert!(!one.runs_here());
    let (report, wait) = happenings();
    let (one_inside, other_inside) = (one.clone(), other.clone());
    one.post(move || report.send((one_inside.runs_here(), other_inside.runs_here())).unwrap());
    assert_eq!(wait.rest(), [(true, false)]);
    assert!(!one.runs_here());
}

pub(crate) fn inside_a_task_the_task_runner_is_that_of_its_sequence<R: Rig>() {
    let rig = R::start();
    let runner = rig.start_runner("inside");
    let adapter = rig.adapter();
    let (report, wait) = happenings();
    runner.post(move || {
        let found = adapter.task_runner();
        let was_here = found.runs_here();
        let name = found.name().to_owned();
        found.clone().post(move || report.send((name, was_here, found.runs_here())).unwrap());
    });
    assert_eq!(wait.next(), ("inside".to_owned(), true, true));
}

pub(crate) fn a_thread_without_a_sequence_has_the_adapters_runner<R: Rig>() {
    let rig = R::start();
    let (report, wait) = happenings();
    let runner = rig.adapter().task_runner();
    let inside = runner.clone();
    runner.post(move || report.send(inside.runs_here()).unwrap());
    assert!(wait.next());
}

pub(crate) fn a_runner_is_found_by_its_name_from_any_thread<R: Rig>() {
    let rig = R::start();
    let runner = rig.start_runner("found");
    let adapter = rig.adapter();
    assert!(adapter.task_runner_of("never registered").is_none());
    let (report, wait) = happenings();
    thread::spawn(move || {
        let found = adapter.task_runner_of("found").expect("a registered runner");
        assert_eq!(found.name(), "found");
        found.post(move || report.send(runner.runs_here()).unwrap());
    });
    assert!(wait.next());
}

pub(crate) fn a_thread_checker_knows_where_it_was_made<R: Rig>() {
    let rig = R::start();
    let (one, other) = (rig.start_runner("one"), rig.start_runner("other"));
    let here = ThreadChecker::new(&*rig.adapter());
    assert!(here.is_here());
    let (report, wait) = happenings();
    let adapter = rig.adapter();
    let one_again = one.clone();
    one.post(move || {
        let there = ThreadChecker::new(&*adapter);
        let (at_once, foreign) = (there.is_here(), here.is_here());
        other.post(move || {
            let elsewhere = there.is_here();
            one_again.post(move || report.send((at_once, foreign, elsewhere, there.is_here())).unwrap());
        });
    });
    assert_eq!(wait.next(), (true, false, false, true));
}

pub(crate) fn a_panicking_task_ends_alone<R: Rig>() {
    let rig = R::start();
    let runner = rig.start_runner("panic");
    let (report, wait) = happenings();
    runner.post(|| std::panic::resume_unwind(Box::new("on purpose")));
    let inside = runner.clone();
    runner.post(move || report.send(inside.runs_here()).unwrap());
    assert!(wait.next());
}

pub(crate) fn a_spawned_future_runs_until_it_completes<R: Rig>() {
    let rig = R::start();
    let (wake, woken) = futures::channel::oneshot::channel();
    let (report, wait) = happenings();
    rig.adapter().spawn(Box::pin(async move {
        report.send("started").unwrap();
        let word: &str = woken.await.unwrap();
        report.send(word).unwrap();
    }));
    assert_eq!(wait.next(), "started");
    wake.send("woken").unwrap();
    assert_eq!(wait.rest(), ["woken"]);
}

pub(crate) fn a_blocked_sequence_does_not_stop_another<R: Rig>() {
    let rig = R::start();
    let (blocked, free) = (rig.start_runner("blocked"), rig.start_runner("free"));
    let (release, blocker) = happenings::<()>();
    let (report, wait) = happenings();
    let begun = report.clone();
    blocked.post(move || {
        begun.send("blocked").unwrap();
        blocker.next();
        begun.send("released").unwrap();
    });
    assert_eq!(wait.next(), "blocked");
    free.post(move || report.send("free").unwrap());
    assert_eq!(wait.next(), "free");
    release.send(()).unwrap();
    assert_eq!(wait.rest(), ["released"]);
}
