//! What every adapter promises, run against every adapter.
//!
//! To add an adapter: write its [`Rig`](rig::Rig) in `conformance/rig.rs` and add one line to [`adapters!`] below, with
//! the groups of promises that it makes. To add a promise: write it as a function over a rig and add its name to the
//! list.
//!
//! Nothing here sleeps or measures time: a promise that something happens waits for it (and fails after a minute that
//! no healthy run comes near); a promise that something does not happen makes something later happen and looks then.

#[path = "conformance/blocking.rs"]
mod blocking;
#[path = "conformance/ending.rs"]
mod ending;
#[path = "conformance/local.rs"]
mod local;
#[path = "conformance/rig.rs"]
mod rig;
#[path = "conformance/sequences.rs"]
mod sequences;
#[path = "conformance/timers.rs"]
mod timers;
#[path = "conformance/watches/mod.rs"]
mod watches;

/// One module of tests per adapter: `name: Rig { groups }`.
macro_rules! adapters {
    ($($name:ident: $rig:ident { $($group:ident)* })*) => {$(
        mod $name {
            type Rig = crate::rig::$rig;
            $($group!();)*
        }
    )*};
}

/// One test per promise: `module { promises }`.
macro_rules! promises {
    ($($file:ident { $($promise:ident)* })*) => {$($(
        #[test]
        fn $promise() {
            crate::$file::$promise::<Rig>();
        }
    )*)*};
}

/// What every adapter promises.
macro_rules! common {
    () => {
        promises! {
            sequences {
                tasks_run_in_the_order_in_which_they_were_posted
                posting_from_many_threads_keeps_the_order_of_each
                tasks_never_overlap
                a_task_never_runs_inside_post
                runs_here_holds_inside_the_sequence_only
                inside_a_task_the_task_runner_is_that_of_its_sequence
                a_thread_without_a_sequence_has_the_adapters_runner
                a_runner_is_found_by_its_name_from_any_thread
                a_thread_checker_knows_where_it_was_made
                a_panicking_task_ends_alone
                a_spawned_future_runs_until_it_completes
            }
            watches {
                a_socket_that_becomes_readable_is_told_each_time
                data_that_came_before_the_watch_is_told
                the_end_of_a_stream_is_told
                an_end_that_follows_data_is_told_although_the_data_was_drained
                a_callback_that_left_data_is_called_again_without_new_data
                a_woken_callback_that_is_not_done_is_called_again
                a_callback_that_left_data_lets_other_watches_have_their_turn
                a_callback_that_left_data_lets_tasks_have_their_turn
                a_writable_socket_is_told_while_that_is_wanted_only
                room_that_appears_while_writing_is_wanted_is_told
                room_that_a_call_left_is_told_again
                writability_makes_no_call_while_it_is_not_wanted
                a_woken_watch_is_called_with_neither_flag
                several_wakes_are_one_call
                a_wake_during_a_call_is_not_lost
                calls_of_one_watch_never_overlap
                a_dropped_watch_lets_go_of_its_callback_and_socket
                a_watch_dropped_inside_its_own_callback_is_not_called_again
                a_watched_socket_stays_open
                more_watches_than_one_wait_reports_are_all_served
                what_cannot_be_watched_is_an_error
                a_panicking_callback_ends_alone
                each_arrival_is_told_once_though_nothing_is_read
                a_shutdown_that_changes_nothing_is_an_arrival
                no_arrival_is_told_after_the_watch_is_dropped
            }
            timers {
                timers_complete_in_order_and_never_early
                a_later_timer_does_not_hold_up_an_earlier_one
                a_dropped_timer_is_forgotten
            }
            blocking {
                a_plain_thread_waits_until_it_is_woken
                a_waiting_thread_sees_what_a_callback_does
                a_round_trip_after_another_from_one_thread
                several_threads_wait_at_once
                sockets_are_served_after_a_waiting_thread_left
                a_wait_inside_a_task_is_refused
                a_wait_inside_a_callback_is_refused
                a_wait_inside_a_spawned_future_is_refused
                a_wait_inside_a_wait_is_refused
            }
            local {
                what_is_not_send_runs_on_the_thread_that_it_belongs_to
                a_plain_thread_has_no_local_runner
                tasks_posted_to_a_local_runner_run_inside_its_sequence
                a_local_runner_is_found_by_its_name
                a_local_future_can_spawn_another
            }
        }
    };
}

/// What an adapter with more than one thread promises besides.
macro_rules! parallel {
    () => {
        promises! {
            sequences { a_blocked_sequence_does_not_stop_another }
            watches { a_blocked_sequence_does_not_stop_a_watch }
            timers { a_blocked_sequence_does_not_stop_a_timer }
        }
    };
}

/// What an adapter whose executor can be shut down promises besides.
macro_rules! ending {
    () => {
        promises! {
            ending {
                tasks_posted_after_the_end_are_dropped_unrun
                tasks_that_wait_at_the_end_are_dropped
                spawned_futures_are_dropped_at_the_end
                a_watch_is_not_called_after_the_end_and_lets_go
            }
        }
    };
}

adapters! {
    threads: Threads { common parallel ending }
    tokio_multi_thread: TokioMultiThread { common parallel ending }
    tokio_current_thread: TokioCurrentThread { common ending }
    smol_global: SmolGlobal { common }
    smol_own: SmolOwn { common parallel ending }
}
