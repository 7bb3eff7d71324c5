//! What a client, its drivers and its hub do, on every runtime alike: each behaviour runs on tokio with one thread and with
//! several, on async-std and on smol, over streams in memory and in virtual time, so that an hour passes at once and whatever
//! waits for nothing is found out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod connecting;
mod peer;
mod reconnecting;
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
    connecting:
        a_first_connection_that_is_refused_three_times_is_given_up
        a_name_that_nobody_has_is_told_as_such
        an_attempt_that_nobody_answers_takes_exactly_the_connect_timeout
        all_addresses_of_a_name_share_one_connect_timeout
        an_address_that_does_not_answer_leaves_time_for_the_next
        the_first_address_of_a_name_that_answers_is_taken
        a_peer_that_never_greets_is_given_exactly_the_greeting_timeout
        a_peer_of_another_protocol_is_told_apart_at_once
        a_greeting_that_is_refused_is_told_with_its_status
        a_peer_that_hangs_up_at_once_is_told_apart_from_one_that_fails
        connecting_that_is_dropped_half_way_leaves_nothing_behind
        a_configuration_that_breaks_a_rule_is_refused_before_anything_is_done
        a_connection_that_was_given_up_can_be_asked_for_again;
    reconnecting:
        without_ride_through_a_cut_ends_what_is_under_way
        what_rides_through_is_executed_once_even_if_its_answers_were_lost
        what_rides_through_keeps_its_order_and_its_deadline
        a_client_told_not_to_reconnect_does_not_until_it_is_told_to
        a_thousand_cuts_are_followed_by_a_thousand_connections
        a_connection_that_lasted_lets_waits_start_anew
        a_peer_that_vanished_is_noticed_after_exactly_the_silence
        a_packet_that_was_cut_off_does_not_reach_into_the_next_connection
        a_packet_that_is_not_finished_costs_the_connection_after_exactly_its_time
        a_peer_that_talks_and_never_reads_is_given_up_after_exactly_the_write_timeout
        a_peer_that_stops_reading_costs_messages_their_deadline_and_no_more
        a_second_duty_to_dial_goes_on_where_the_first_was_dropped
        a_newer_duty_to_dial_takes_the_place_of_the_older
        a_connection_that_is_replaced_in_its_greeting_is_no_failed_attempt;
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
