//! What a client, its drivers and its hub do, on every runtime alike: each behaviour runs on tokio with one thread and with
//! several, on async-std and on smol, over streams in memory and in virtual time, so that an hour passes at once and whatever
//! waits for nothing is found out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod accepting;
mod arrivals;
mod cancelling;
mod closing;
mod connecting;
mod dropping;
mod greeting;
mod hostile;
mod hub;
mod idling;
mod listening;
mod peer;
mod receiving;
mod reconnecting;
mod replacing;
mod runtimes;
mod sending;
mod stage;
mod streams;
mod talk;
mod timing;
mod waiting;
mod watching;

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
    accepting:
        an_error_that_concerns_one_connection_delays_no_other
        after_any_other_error_there_is_a_pause
        a_listener_that_is_dropped_in_a_pause_stops_listening_at_once
        of_the_addresses_of_a_name_the_first_that_is_free_is_listened_at;
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
        what_a_connection_was_given_up_for_is_found_among_the_sources
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
        a_greeting_was_refused_whether_or_not_its_peer_waits_to_be_told
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
        one_that_has_not_greeted_makes_room_where_all_connections_are_taken
        one_that_made_room_is_not_admitted_with_a_greeting_that_has_come
        those_that_made_room_and_are_slow_to_go_are_no_more_than_may_be_there
        one_connection_too_many_from_an_address_is_turned_away
        a_flood_from_one_address_pushes_no_greeting_from_another_out
        whoever_has_an_address_of_ipv6_has_a_network_of_them
        the_oldest_that_has_not_greeted_makes_room_for_one_more
        a_session_makes_room_only_when_nothing_that_it_remembers_matters
        a_session_that_was_forgotten_does_not_cost_its_successor_its_place
        what_is_forgotten_is_cut_unless_a_client_is_held
        a_hub_that_is_dropped_cuts_the_sessions_that_nobody_holds
        a_session_that_was_closed_keeps_nobody_waiting_and_is_followed_by_a_new_one
        sessions_are_made_in_the_shape_that_the_hub_says
        whoever_shapes_a_session_may_ask_the_hub;
    listening:
        a_hundred_devices_are_commanded_at_once
        who_greets_while_nobody_accepts_waits_and_is_not_lost
        an_endpoint_that_dials_again_before_it_is_accepted_is_told_once
        those_who_accept_have_their_turns_and_one_that_is_dropped_loses_nothing
        a_listener_that_is_dropped_stops_listening_and_cuts_nothing
        nobody_holds_what_greets_after_its_listener_is_gone
        what_is_forgotten_before_anybody_accepts_it_is_cut_and_never_told
        an_address_that_is_taken_or_unknown_cannot_be_listened_at
        what_a_connection_is_wrapped_in_counts_towards_its_greeting
        a_wrap_that_never_ends_or_fails_costs_its_connection_only
        ten_thousand_connections_that_say_nothing_keep_no_device_out;
    reconnecting:
        without_ride_through_a_cut_ends_what_is_under_way
        what_rides_through_is_executed_once_even_if_its_answers_were_lost
        what_rides_through_keeps_its_order_and_its_deadline
        a_client_told_not_to_reconnect_does_not_until_it_is_told_to
        a_client_told_not_to_reconnect_drops_the_connection_that_is_being_opened
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
    timing:
        a_timer_that_rings_a_little_early_leaves_no_deadline_unnoticed
        a_machine_that_slept_for_hours_goes_on;
    waiting:
        whoever_waits_for_room_gives_up_after_exactly_the_time_allowed
        room_that_comes_in_time_is_used
        a_send_that_gave_up_and_is_kept_holds_nobody_up
        no_more_wait_for_room_than_may
        what_cannot_wait_is_not_taken_before_those_who_do
        a_queue_that_rejects_turns_away_the_newest_and_keeps_the_others
        a_queue_that_drops_drops_the_oldest_that_never_left
        a_session_that_closes_refuses_those_who_wait_at_once
        a_session_that_closes_refuses_also_those_behind_a_sender_that_is_not_polled
        closing_without_a_connection_refuses_those_who_wait_at_once
        a_message_that_nobody_drives_ends_exactly_at_its_deadline
        a_message_whose_connection_went_ends_exactly_at_its_deadline
        room_that_nobody_drives_comes_with_the_deadline_of_what_took_it
        what_is_over_takes_no_room_though_nobody_drives
        a_message_waits_for_a_connection_and_leaves_with_the_next
        a_peer_that_does_not_read_makes_senders_wait_and_loses_nothing
        a_peer_that_talks_and_takes_no_byte_for_a_minute_is_given_up;
    cancelling:
        what_is_cancelled_before_it_left_was_not_sent
        what_is_cancelled_after_it_left_is_unknown_and_is_not_repeated
        cancelling_makes_room_for_whoever_waits
        a_send_dropped_while_it_waits_for_room_never_leaves_and_later_goes_on
        of_those_who_wait_any_can_go_and_the_others_are_served_in_turn
        a_message_whose_sender_is_gone_still_gives_its_room_back;
    receiving:
        a_repeated_message_is_delivered_once_and_answered_each_time
        an_application_that_reads_late_holds_the_peer_back_and_misses_nothing
        states_that_nobody_takes_make_room_for_newer_ones_which_is_told
        a_full_inbox_that_rejects_says_so_until_there_is_room
        several_readers_share_the_messages_and_each_comes_once
        a_reader_that_goes_passes_on_what_it_was_woken_for
        the_end_of_the_connection_is_told_to_every_reader_even_if_the_first_goes
        the_end_of_the_connection_is_told_to_those_behind_a_reader_that_is_not_polled
        what_came_before_the_end_can_still_be_received
        the_application_acknowledges_if_that_is_left_to_it
        a_peer_that_asks_for_the_time_is_told
        whoever_tells_the_time_may_use_the_client;
    streams:
        a_stream_that_takes_one_byte_at_a_time_carries_everything
        a_stream_that_brings_one_byte_at_a_time_carries_everything
        a_stream_that_holds_one_byte_carries_everything
        a_packet_may_come_in_two_pieces_cut_anywhere
        a_greeting_may_come_byte_by_byte_with_what_follows
        a_stream_that_has_to_be_flushed_is_flushed_also_at_its_end
        a_stream_that_is_never_flushed_is_given_up_like_one_that_takes_nothing
        a_stream_that_collects_and_is_never_flushed_is_given_up_though_it_takes_more
        what_came_before_a_write_failed_is_heard_and_nothing_is_handed_over_behind_it;
    watching:
        the_events_of_a_message_come_in_their_order_to_every_subscriber
        a_subscriber_that_is_slow_is_told_how_many_events_it_missed
        a_subscriber_is_told_of_an_end_at_its_time_though_nobody_drives
        what_is_over_is_counted_as_such_though_nobody_drives
        the_stream_of_events_ends_with_the_session
        the_states_of_a_session_are_told_from_the_present_one_to_its_end
        what_is_counted_agrees_at_both_ends;
    idling:
        an_idle_connection_costs_a_few_polls_for_each_sign_of_life
        nobody_is_polled_while_a_peer_does_not_read
        nobody_is_polled_while_an_application_does_not_take_what_came
        nobody_is_polled_while_a_session_waits_to_dial_again;
}
