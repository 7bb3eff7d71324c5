//! What a client, its drivers and its hub do, on every runtime alike: each behaviour runs on tokio with one thread and with
//! several, on async-std and on smol, over streams in memory and in virtual time, so that an hour passes at once and whatever
//! waits for nothing is found out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod runtimes;
mod sending;
mod stage;
mod talk;

/// A test of each behaviour on each runtime.
macro_rules! on_every_runtime {
    ($($subject:ident: $($behaviour:ident)*;)*) => {
        on_every_runtime! { @of tokio_current_thread $($subject: $($behaviour)*;)* }
        on_every_runtime! { @of tokio_multi_thread $($subject: $($behaviour)*;)* }
        on_every_runtime! { @of async_std $($subject: $($behaviour)*;)* }
        on_every_runtime! { @of smol $($subject: $($behaviour)*;)* }
    };
    (@of $runtime:ident $($subject:ident: $($behaviour:ident)*;)*) => {
        mod $runtime {
            $(mod $subject {
                $(#[test]
                fn $behaviour() {
                    crate::runtimes::$runtime(crate::$subject::$behaviour);
                })*
            })*
        }
    };
}

on_every_runtime! {
    sending:
        a_message_is_executed_and_reported
        an_acknowledgement_of_a_played_peer_completes_a_send
        acknowledged_is_not_executed
        a_window_of_messages_is_under_way_and_the_next_follows_each_answer
        a_thousand_concurrent_sends_all_succeed_and_each_is_executed_once
        a_thousand_who_wait_for_room_are_served_in_the_order_in_which_they_came
        a_refusal_ends_a_send_with_its_status
        a_reported_failure_ends_a_send_that_waits_for_the_execution
        what_nobody_answers_ends_as_unknown_exactly_at_its_deadline
        what_never_left_the_queue_ends_as_not_sent_exactly_at_its_deadline
        a_copy_after_a_lost_answer_is_answered_and_not_executed_again
        a_busy_peer_is_asked_again_until_it_takes_the_message
        what_is_given_to_the_session_and_not_awaited_is_sent_all_the_same
        a_ping_is_answered;
}
