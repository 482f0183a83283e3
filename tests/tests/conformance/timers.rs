//! Promises about timers. The deadlines are near, but no promise depends on how late a timer is.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use mage::adapter::BoxFuture;

use crate::rig::{Rig, block_on, happenings};

fn in_ms(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}

pub(crate) fn timers_complete_in_order_and_never_early<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    let start = Instant::now();
    let deadlines: Vec<_> = [9, 3, 4, 5, 7, 6, 12].map(|ms| start + Duration::from_millis(ms)).into();
    let mut timers: Vec<(Instant, BoxFuture<()>)> =
        deadlines.iter().map(|deadline| (*deadline, adapter.sleep_until(*deadline))).collect();
    // The latest is polled first: when it is complete, those polled after it must be too.
    timers.sort_by_key(|(deadline, _)| std::cmp::Reverse(*deadline));
    let mut done = vec![false; timers.len()];
    let all = poll_fn(|cx| {
        let mut later_is_done = false;
        for ((deadline, timer), done) in timers.iter_mut().zip(&mut done) {
            if !*done && timer.as_mut().poll(cx).is_ready() {
                assert!(Instant::now() >= *deadline);
                *done = true;
            }
            assert!(*done || !later_is_done);
            later_is_done = *done;
        }
        if done.iter().all(|done| *done) { Poll::Ready(()) } else { Poll::Pending }
    });
    block_on(&*adapter, all).unwrap();
}

pub(crate) fn a_later_timer_does_not_hold_up_an_earlier_one<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    let (report, wait) = happenings();
    let late = adapter.sleep_until(in_ms(3_600_000));
    let late_report = report.clone();
    adapter.spawn(Box::pin(async move {
        late.await;
        late_report.send("late").unwrap();
    }));
    // The executor sleeps towards the late one by now, or will; the early one has to make itself heard.
    let early = adapter.sleep_until(in_ms(2));
    adapter.spawn(Box::pin(async move {
        early.await;
        report.send("early").unwrap();
    }));
    assert_eq!(wait.next(), "early");
}

pub(crate) fn a_dropped_timer_is_forgotten<R: Rig>() {
    struct Nobody;
    impl Wake for Nobody {
        fn wake(self: Arc<Self>) {}
    }

    let rig = R::start();
    let adapter = rig.adapter();
    let nobody = Arc::new(Nobody);
    let mut timer = adapter.sleep_until(in_ms(3_600_000));
    // Some timers want to be polled on their own executor.
    let first_poll = poll_fn(|_| timer.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&nobody)))));
    block_on(&*adapter, async { assert!(futures::poll!(std::pin::pin!(first_poll)).is_pending()) }).unwrap();
    assert!(Arc::strong_count(&nobody) > 1);
    drop(timer);
    // Some forget in the course of their next work.
    block_on(&*adapter, adapter.sleep_until(in_ms(1))).unwrap();
    assert_eq!(Arc::strong_count(&nobody), 1);
}

pub(crate) fn a_blocked_sequence_does_not_stop_a_timer<R: Rig>() {
    let rig = R::start();
    let adapter = rig.adapter();
    let (release, blocker) = happenings::<()>();
    let (report, wait) = happenings();
    let begun = report.clone();
    rig.start_runner("blocked").post(move || {
        begun.send("blocked").unwrap();
        blocker.next();
    });
    assert_eq!(wait.next(), "blocked");
    let timer = adapter.sleep_until(in_ms(1));
    adapter.spawn(Box::pin(async move {
        timer.await;
        report.send("timer").unwrap();
    }));
    assert_eq!(wait.next(), "timer");
    release.send(()).unwrap();
}
