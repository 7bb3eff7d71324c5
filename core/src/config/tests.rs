//! Every rule about a configuration has a case that breaks it.

use super::*;
use core::num::NonZeroU16;
use std::format;

fn base() -> Config {
    Config::listener(Endpoint(1))
}

fn greeter() -> Config {
    Config::greeter(Endpoint(1), AuthCode::new(b"0123456789abcdef").unwrap())
}

#[test]
fn the_defaults_and_the_presets_obey_every_rule() {
    for config in [base(), greeter()] {
        assert_eq!(config.check(128, 1024), Ok(()));
        for preset in [Preset::Lab, Preset::Lan, Preset::Cloud] {
            assert_eq!(config.clone().preset(preset).check(128, 1024), Ok(()), "{preset:?}");
        }
        assert_eq!(config.preset(Preset::Constrained).check(16, 128), Ok(()));
    }
}

#[test]
fn both_ends_of_a_preset_expect_of_each_other_what_they_do() {
    for preset in [Preset::Lab, Preset::Lan, Preset::Cloud, Preset::Constrained] {
        let config = base().preset(preset);
        assert!(config.span() <= config.peer_span, "{preset:?}");
        assert_eq!(config.copy_lifetime, config.peer_copy_lifetime);
    }
}

#[test]
fn every_broken_rule_is_named() {
    let second = Duration::from_secs(1);
    let nanosecond = Duration::from_nanos(1);
    let none = |policy| Queue::new(0, policy);
    let drop = Queue::new(112, QueuePolicy::DropOldest);
    let redial = |base, first_attempts| Redial { base, first_attempts, ..Redial::default() };
    let timer = AckTimer::default();
    let broken = [
        (Config { window: 0, ..base() }, "window must not"),
        (Config { counters: 0, ..base() }, "counters must not"),
        (Config { inbox_states: none(QueuePolicy::Block), ..base() }, "inbox_states.limit must"),
        (Config { inbox_messages: none(QueuePolicy::Block), ..base() }, "inbox_messages.limit m"),
        (Config { window: 29, ..base() }, "window (29) and queue.limit (100), and 0"),
        (Config { queue: drop, ..base() }, "window (16) and queue.limit (112), and 1"),
        (
            Config { inbox_states: Queue::new(79, QueuePolicy::Block), ..base() },
            "inbox_states.limit (79) and inbox_messages.limit (50)",
        ),
        (Config { id_window: 15, ..base() }, "id_window (15) must be at least window (16)"),
        (Config { id_window: 1 << 15, ..base() }, "id_window (32768) must be"),
        (
            Config { id_window: 257, ..base() },
            "id_window (257) is more than the 256 messages that are remembered of each of the counters (4)",
        ),
        (Config { counters: 9, id_window: 16, ..base() }, "counters (9) must be at most 8"),
        (Config { counters: 5, ..base() }, "id_window (256) is more than the 128 messages"),
        (Config { dedup_ttl: second * 6, ..base() }, "dedup_ttl (6s) is shorter than peer_span"),
        (
            Config { ack_timer: AckTimer { ceiling: second / 2, ..timer }, ..base() },
            "ack_timer: initial (1s)",
        ),
        (
            Config { ack_timer: AckTimer { floor: second * 6, ..timer }, ..base() },
            "ack_timer: initial (1s) and floor (6s)",
        ),
        (Config { deadline: second / 2, ..base() }, "deadline (500ms) is shorter than one"),
        (
            Config { ack_timer: AckTimer { floor: nanosecond, ..timer }, ..base() },
            "ack_timer.floor must not",
        ),
        (Config { heartbeat: Some(second * 60), ..base() }, "heartbeat (60s) must be shorter"),
        (Config { heartbeat: Some(nanosecond), ..base() }, "heartbeat must not"),
        (
            Config { heartbeat: Some(second * 60), silence: second * 90, ..greeter() },
            "heartbeat (60s) must be shorter than greeting.keepalive_s (60)",
        ),
        (Config { silence: Duration::ZERO, ..base() }, "silence must not"),
        (Config { greeting_timeout: nanosecond, ..base() }, "greeting_timeout must not"),
        (Config { packet_timeout: nanosecond, ..base() }, "packet_timeout must not"),
        (Config { drain_timeout: nanosecond, ..base() }, "drain_timeout must not"),
        (Config { copy_lifetime: nanosecond, ..base() }, "copy_lifetime must not"),
        (
            // Nobody can have it; and without it, and a span, nothing would be remembered.
            Config { peer_copy_lifetime: nanosecond, ..base() },
            "peer_copy_lifetime must not",
        ),
        (Config { redial: redial(nanosecond, 3), ..base() }, "redial.base must not"),
        (Config { redial: redial(second, 0), ..base() }, "redial.first_attempts must not"),
        (Config { redial: redial(second * 31, 3), ..base() }, "redial.base (31s)"),
    ];
    for (config, says) in broken {
        let error = config.check(128, 1024).unwrap_err();
        assert!(format!("{error}").starts_with(says), "{error}");
    }
}

#[test]
fn a_counter_of_which_nothing_could_be_remembered_is_refused() {
    let queue = Queue::new(1, QueuePolicy::Block);
    let (inbox_states, inbox_messages) = (queue, queue);
    let small = Config { window: 1, id_window: 1, queue, inbox_states, inbox_messages, ..base() };
    assert_eq!(small.check(4, 4), Ok(()));
    for seen in [1, 3] {
        let (counters, places, id_window) = (4, 0, 1);
        let error = ConfigError::TooFewSeen { seen, counters, places, id_window };
        assert_eq!(small.check(4, seen), Err(error));
    }
}

#[test]
fn the_span_is_the_deadline_unless_attempts_are_limited_and_end_before() {
    let second = Duration::from_secs(1);
    let capped = RetryPolicy { max_attempts: NonZeroU16::new(2), ..RetryPolicy::default() };
    let config = Config { deadline: second * 20, ..base() };
    assert_eq!(config.span(), second * 20);
    let config = Config { retry: capped, ..config };
    assert_eq!(config.span(), second * 5 + Duration::from_millis(100));
    assert_eq!(Config { ride_through: true, ..config.clone() }.span(), second * 20);
    assert_eq!(Config { deadline: second * 3, ..config }.span(), second * 3);
}

#[test]
fn a_code_is_not_shown() {
    let code = AuthCode::new(b"canary-canary").unwrap();
    assert!(!format!("{code:?}").contains("canary"));
    assert!(AuthCode::new(&[0; 65]).is_err());
}
