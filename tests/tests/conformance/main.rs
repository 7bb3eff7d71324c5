//! What a client, its drivers and its hub do, on every runtime alike: each behaviour runs on tokio with one thread and with
//! several, on async-std and on smol, over streams in memory and in virtual time, so that an hour passes at once and whatever
//! waits for nothing is found out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod arrivals;
mod closing;
mod connecting;
mod dropping;
mod greeting;
mod hostile;
mod hub;
mod listening;
mod peer;
mod reconnecting;
mod replacing;
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
    closing:
        close_brings_what_is_under_way_to_its_end_and_takes_nothing_new
        close_under_load_ends_every_message_with_its_answer
        what_the_time_for_draining_does_not_suffice_for_is_counted
        close_waits_no_longer_than_the_messages_deadlines
        close_waits_for_a_peer_that_never_reads_for_the_drain_timeout_and_a_second
        close_waits_for_a_driver_that_is_not_run_for_two_seconds_beyond_draining
        close_can_be_called_by_many_and_again
        close_without_a_connection_is_done_at_once
        close_in_the_greeting_is_done_at_once
        a_connection_for_a_closed_session_ends_at_once
        a_session_closed_while_it_drains_is_not_revived_by_a_new_connection
        a_peer_that_goes_while_the_session_drains_closes_it;
    connecting:
        a_first_connection_that_is_refused_three_times_is_given_up
        a_name_that_nobody_has_is_told_as_such
        an_attempt_that_nobody_answers_takes_exactly_the_connect_timeout
        all_addresses_of_a_name_share_one_connect_timeout
        the_first_address_of_a_name_that_answers_is_taken
        a_peer_that_never_greets_is_given_exactly_the_greeting_timeout
        a_peer_of_another_protocol_is_told_apart_at_once
        a_greeting_that_is_refused_is_told_with_its_status
        a_peer_that_hangs_up_at_once_is_told_apart_from_one_that_fails
        connecting_that_is_dropped_half_way_leaves_nothing_behind
        a_configuration_that_breaks_a_rule_is_refused_before_anything_is_done
        a_connection_that_was_given_up_can_be_asked_for_again;
    dropping:
        dropping_the_last_client_ends_its_driver_and_tells_the_peer
        a_client_dropped_while_it_sends_leaves_nothing_behind
        what_was_sent_ends_with_the_last_client
        a_driver_that_is_dropped_ends_the_messages_that_wait
        a_driver_that_is_never_run_keeps_nobody_waiting
        whoever_dials_ends_with_the_last_client_whatever_it_is_doing
        a_dialler_that_is_dropped_cuts_its_connection_and_nobody_waits_for_another
        time_is_kept_for_a_message_when_whoever_dialled_is_dropped
        everything_can_be_dropped_from_within_another_task;
    greeting:
        a_greeting_has_exactly_its_time_and_may_come_byte_by_byte
        a_refused_greeting_is_answered_in_its_own_kind
        a_device_is_told_with_which_status_it_was_refused
        a_session_is_ready_when_its_connection_is_admitted_and_shows_no_code
        what_came_with_the_greeting_is_not_lost
        whatever_is_no_greeting_is_turned_away_at_once
        a_configuration_that_breaks_a_rule_costs_its_connection_only
        a_greeting_that_is_dropped_gives_its_place_up;
    hostile:
        a_peer_that_answers_what_it_was_not_asked_is_hung_up_on
        a_peer_that_sends_faster_than_is_read_is_held_back_and_loses_nothing
        endless_signs_of_life_cost_few_polls
        bytes_that_come_one_by_one_cost_at_most_a_poll_each
        whatever_is_not_this_protocol_is_hung_up_on_by_its_first_header
        a_hostile_connection_harms_no_other
        a_thousand_endpoints_fill_the_hub_and_no_more;
    hub:
        a_session_outlives_its_connections
        a_command_repeated_on_the_next_connection_is_answered_and_not_delivered_again
        a_newer_connection_of_an_endpoint_takes_the_place_of_the_older
        one_connection_too_many_is_turned_away_until_another_goes
        one_connection_too_many_from_an_address_is_turned_away
        the_oldest_that_has_not_greeted_makes_room_for_one_more
        a_session_makes_room_only_when_nothing_that_it_remembers_matters
        a_session_that_was_forgotten_does_not_cost_its_successor_its_place
        what_is_forgotten_is_cut_unless_a_client_is_held
        a_hub_that_is_dropped_cuts_the_sessions_that_nobody_holds
        a_session_that_was_closed_keeps_nobody_waiting_and_is_followed_by_a_new_one
        sessions_are_made_in_the_shape_that_the_hub_says;
    listening:
        a_hundred_devices_are_commanded_at_once
        who_greets_while_nobody_accepts_waits_and_is_not_lost
        those_who_accept_have_their_turns_and_one_that_is_dropped_loses_nothing
        a_listener_that_is_dropped_stops_listening_and_cuts_nothing
        nobody_holds_what_greets_after_its_listener_is_gone
        an_address_that_is_taken_or_unknown_cannot_be_listened_at
        what_a_connection_is_wrapped_in_counts_towards_its_greeting
        a_wrap_that_never_ends_or_fails_costs_its_connection_only
        ten_thousand_connections_that_say_nothing_keep_no_device_out;
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
        a_deadline_is_kept_while_a_connection_is_being_closed
        a_second_duty_to_dial_goes_on_where_the_first_was_dropped
        a_newer_duty_to_dial_takes_the_place_of_the_older
        a_connection_that_is_replaced_in_its_greeting_is_no_failed_attempt;
    replacing:
        a_newer_connection_ends_the_older_and_its_messages
        every_replaced_driver_ends
        a_driver_that_is_busy_when_it_is_replaced_ends_all_the_same
        a_driver_was_replaced_even_if_the_newer_connection_is_gone_when_it_ends
        a_connection_of_the_applications_own_takes_the_place_of_a_dialled_one
        of_two_clients_of_one_endpoint_the_second_wins_and_the_first_is_told;
    sending:
        a_message_is_executed_and_reported
        an_acknowledgement_of_a_played_peer_completes_a_send;
}
