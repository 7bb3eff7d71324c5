//! What someone hostile can try who can open a connection, and what a session makes of it.

use cync_core::lab::{Decoded, Exchange, ExchangeConfig, Frame as LabFrame, LabError, Toggle};
use cync_core::wire::{
    Channel, ChecksumMode, Direction, Endpoint, Frame, MAX_DECLARED, MsgId, Packet, Prefix,
    Receipt, StatusCode, mask_secrets, op,
};
use cync_core::{
    AuthCode, ConfigError, Deadline, DecodeError, Disconnect, Event, Greeter, HangupReason,
    Instant, NotSent, Outcome, Preset, Queue, QueuePolicy, Request, SendError, Session, State,
    Timer, Unknown,
};
use cync_tests::solo::{AUTH, ENDPOINT, Solo, bytes_of, greeter, hello, listener, switch};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::time::Duration;

const BUSY: StatusCode = StatusCode(0xb5);

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(n: u64) -> Instant {
    Instant::ZERO + ms(n)
}

fn hub() -> Solo {
    Solo::greeted(listener())
}

fn from(endpoint: Endpoint, n: u16) -> Packet<'static> {
    let prefix = Prefix { endpoint, msg_id: MsgId(n), flag: 0 };
    let frame = Frame::request(u32::from(n), op::POWER, &[1, 2, 3]);
    Packet::DataChannel(Channel { prefix, frame })
}

fn ack(msg_id: MsgId) -> Packet<'static> {
    Packet::DataAck(Receipt { endpoint: ENDPOINT, msg_id, status: StatusCode::OK })
}

fn hangups<const N: usize, const M: usize, const L: usize>(
    solo: &mut Solo<N, M, L>,
) -> Vec<HangupReason> {
    let hangups = solo.events().into_iter().filter_map(|event| match event {
        Event::Hangup(why) => Some(why),
        _ => None,
    });
    hangups.collect()
}

// Lengths and time.

#[test]
fn a_declared_length_beyond_the_limit_is_hung_up_on_before_anything_is_held_for_it() {
    for declared in [MAX_DECLARED as u32 + 1, u32::MAX] {
        let mut hub = hub();
        let header = [[0x73].as_slice(), &declared.to_be_bytes()].concat();
        assert_eq!(hub.feed(&header[..4]), 4);
        assert_eq!(hub.events(), []);
        assert_eq!(hub.feed(&header[4..]), 1);
        assert_eq!(hangups(&mut hub), [HangupReason::NotThisProtocol(0x73, declared)]);
        assert_eq!(hub.session.stats().framing_errors, 1);
        assert_eq!(hub.feed(&[0; 10_000]), 10_000, "swallowed");
        assert_eq!(hub.session.poll_timeout(), None);
    }
    // A session that takes shorter packets draws the line there.
    let mut small: Solo<128, 1024, 64> = Solo::greeted(listener());
    small.feed(&[0x73, 0, 0, 0, 59]);
    assert_eq!(hangups(&mut small), []);
    let mut small: Solo<128, 1024, 64> = Solo::greeted(listener());
    small.feed(&[0x73, 0, 0, 0, 60]);
    assert_eq!(hangups(&mut small), [HangupReason::NotThisProtocol(0x73, 60)]);
}

#[test]
fn a_greeting_that_declares_too_much_is_turned_away_before_anything_is_held_for_it() {
    let mut greeter = Greeter::new(at(0), ms(5_000));
    assert_eq!(greeter.handle_input(at(0), &[0x23, 0, 0, 0, 75, 1, 2, 3]), 5);
    assert!(matches!(greeter.poll(), Some(Err(_))));
    assert!(greeter.bytes().is_empty());
}

#[test]
fn a_packet_that_comes_byte_by_byte_has_ten_seconds_from_its_first() {
    let mut hub = hub();
    let bytes = bytes_of(&from(ENDPOINT, 1));
    hub.wait(ms(500));
    for byte in bytes.iter().take(5) {
        assert_eq!(hub.feed(&[*byte]), 1);
        hub.wait(ms(2_400));
        hub.session.handle_timeout(hub.now);
        if hub.now < at(10_500) {
            assert_eq!(hub.events(), []);
        }
    }
    assert_eq!(hangups(&mut hub), [HangupReason::PacketTimeout]);
}

#[test]
fn a_greeting_that_comes_byte_by_byte_has_its_time_from_the_connection() {
    let mut solo: Solo = Solo::connected(listener());
    let hello = hello();
    for byte in &hello[..9] {
        solo.feed(&[*byte]);
        solo.wait(ms(500));
    }
    assert_eq!(solo.tick(), Deadline { at: at(5_000), why: Timer::Greeting });
    assert_eq!(hangups(&mut solo), [HangupReason::GreetingTimeout]);
}

#[test]
fn a_stream_out_of_step_is_hung_up_on_and_no_packet_behind_it_is_looked_at() {
    let mut hub = hub();
    let stream = [b"GET / HTTP/1.1\r\n\r\n".to_vec(), bytes_of(&from(ENDPOINT, 1))].concat();
    hub.feed(&stream);
    assert!(matches!(hangups(&mut hub)[..], [HangupReason::NotThisProtocol(b'G', _)]));
    assert_eq!((hub.session.stats().accepted, hub.session.inbox_len()), (0, 0));
}

// Answers that nobody asked for.

#[test]
fn of_unmatched_answers_256_are_tolerated_at_once_and_the_next_is_hung_up_on() {
    let mut hub = hub();
    for n in 0..256 {
        assert!(hub.hear(&ack(MsgId(n))));
    }
    assert_eq!(hangups(&mut hub), []);
    hub.hear(&ack(MsgId(256)));
    assert_eq!(hangups(&mut hub), [HangupReason::UnmatchedAnswers]);
    assert_eq!(hub.session.stats().unmatched_answers, 257);
}

#[test]
fn thirty_two_unmatched_answers_a_second_are_tolerated_for_ever_and_one_more_is_not() {
    let seconds_endured = |a_second: u64| {
        let mut hub = hub();
        (0..600).position(|_| {
            let heard = (0..a_second).all(|n| hub.hear(&ack(MsgId(n as u16))));
            hub.wait(ms(1_000));
            hub.session.handle_timeout(hub.now);
            !heard || !hangups(&mut hub).is_empty()
        })
    };
    assert_eq!(seconds_endured(32), None);
    // The first burst is full; each second it lacks one token more: 257 = 33 + 32 * 7.
    assert_eq!(seconds_endured(33), Some(224));
}

#[test]
fn every_copy_that_is_handed_over_may_bring_four_unmatched_answers_more() {
    let mut hub = hub();
    for n in 0..256 {
        assert!(hub.hear(&ack(MsgId(n))));
    }
    let mut out = [0; 128];
    hub.session.send(hub.now, switch(5, true)).unwrap();
    while hub.session.poll_transmit(hub.now, &mut out).unwrap().is_some() {}
    for n in 0..4 {
        assert!(hub.hear(&ack(MsgId(n))));
    }
    assert_eq!(hangups(&mut hub), []);
    hub.hear(&ack(MsgId(4)));
    assert_eq!(hangups(&mut hub), [HangupReason::UnmatchedAnswers]);
}

#[test]
fn every_kind_of_unmatched_answer_counts() {
    let msg_id = MsgId(1);
    let receipt = Receipt { endpoint: ENDPOINT, msg_id, status: StatusCode::OK };
    let prefix = Prefix { endpoint: ENDPOINT, msg_id, flag: 0 };
    let invented = Frame::response(0x8000_0000, op::POWER, &[0]);
    let mut hub = hub();
    let answers = [
        ack(msg_id),
        Packet::DataResult(receipt),
        Packet::DataChannel(Channel { prefix, frame: invented }),
    ];
    for answer in &answers {
        hub.hear(answer);
    }
    assert_eq!(hub.session.stats().unmatched_answers, answers.len() as u64);
}

// Memory.

/// The plain cache that stands in for what one would write first: the oldest of all messages makes room.
struct Lru {
    entries: VecDeque<(Endpoint, MsgId)>,
    size: usize,
}

impl Lru {
    fn accepts(&mut self, endpoint: Endpoint, n: u16) -> bool {
        let known = self.entries.contains(&(endpoint, MsgId(n)));
        if !known {
            self.entries.push_back((endpoint, MsgId(n)));
            if self.entries.len() > self.size {
                self.entries.pop_front();
            }
        }
        !known
    }
}

#[test]
fn a_flood_from_elsewhere_makes_a_plain_lru_execute_twice_and_this_session_not() {
    // How long the flood waits between two messages, in microseconds: all of it fits the time of a retry.
    for pause in [0, 10, 1_000] {
        let mut lamp: Solo = Solo::greeted(listener());
        let mut lru = Lru { entries: VecDeque::new(), size: 1_024 };
        let (mut executed, mut executed_with_lru) = (BTreeMap::new(), 0);
        let mut command = |lamp: &mut Solo, lru: &mut Lru| {
            assert!(lamp.hear(&from(ENDPOINT, 1)));
            executed_with_lru += usize::from(lru.accepts(ENDPOINT, 1));
            executed_with_lru
        };
        assert_eq!(command(&mut lamp, &mut lru), 1);
        for n in 0..5_000 {
            assert!(lamp.hear(&from(Endpoint(666), n)));
            lru.accepts(Endpoint(666), n);
            lamp.out();
            while let Some(delivery) = lamp.session.recv(lamp.now) {
                *executed.entry((delivery.prefix.endpoint, delivery.prefix.msg_id)).or_insert(0) +=
                    1;
            }
            lamp.wait(Duration::from_micros(pause));
        }
        // The answer was lost: the same command once more.
        assert_eq!(command(&mut lamp, &mut lru), 2, "the plain cache has forgotten it");
        assert!(lamp.session.recv(lamp.now).is_none());
        assert_eq!(executed[&(ENDPOINT, MsgId(1))], 1);
        assert_eq!(bytes_of(&ack(MsgId(1))), lamp.out()[0]);
    }
}

#[test]
fn a_flood_from_many_senders_is_told_to_wait_and_costs_those_that_are_known_nothing() {
    let mut lamp: Solo = Solo::greeted(listener());
    lamp.hear(&from(ENDPOINT, 1));
    lamp.out();
    let mut busy = 0;
    for sender in 0..2_000 {
        assert!(lamp.hear(&from(Endpoint(sender), 1)));
        busy += lamp.out().iter().filter(|packet| packet.last() == Some(&BUSY.0)).count();
        while lamp.session.recv(lamp.now).is_some() {}
    }
    assert_eq!(busy, 2_000 - 3, "of four counters one was taken");
    assert!(lamp.hear(&from(ENDPOINT, 1)) && lamp.hear(&from(ENDPOINT, 2)));
    assert_eq!(lamp.session.recv(lamp.now).map(|it| it.prefix.msg_id), Some(MsgId(2)));
    assert_eq!(lamp.session.stats().duplicates, 1);
}

#[test]
fn whatever_floods_in_counts_and_bytes_stay_bounded() {
    for policy in [QueuePolicy::Block, QueuePolicy::DropOldest, QueuePolicy::Reject] {
        let mut config = listener();
        (config.inbox_states, config.inbox_messages) =
            (Queue::new(20, policy), Queue::new(30, policy));
        let mut lamp: Solo = Solo::greeted(config);
        let data = [0x7e; 1_000];
        for n in 0..3_000_u16 {
            let data = &data[..usize::from(n) % 1_000];
            let prefix = Prefix { endpoint: Endpoint(u32::from(n % 5)), msg_id: MsgId(n), flag: 0 };
            let direction = if n % 2 == 0 { Direction::REQUEST } else { Direction::ANNOUNCE };
            let channel = Channel { prefix, frame: Frame::new(7, direction, 1, data) };
            let packet = match n % 3 {
                0 => Packet::StatusBroadcast(channel),
                _ => Packet::DataChannel(channel),
            };
            if !lamp.hear(&packet) {
                assert!(!lamp.session.wants_input());
                if n % 100 == 0 {
                    lamp.session.recv(lamp.now);
                }
            }
            if n % 7 == 0 {
                lamp.out_one();
            }
            assert!(lamp.session.inbox_len() <= 50 && lamp.session.remembered() <= 1_024);
            lamp.wait(ms(1));
        }
        assert_eq!(lamp.session.state(), State::Ready);
    }
    assert!(size_of::<Session>() <= 64 * 1_024, "one fixed block");
}

// The clock.

#[test]
fn no_copy_leaves_past_its_deadline_after_the_clock_has_jumped() {
    let mut hub = hub();
    hub.session.send(hub.now, switch(5, true)).unwrap();
    hub.out();
    hub.tick();
    hub.session.send(hub.now, switch(5, true)).unwrap();
    // One copy is due and one message was never sent. The machine sleeps for a day.
    hub.wait(ms(86_400_000));
    assert!(hub.out().is_empty());
    let ended: Vec<_> = hub.done().into_iter().map(|(outcome, _)| outcome).collect();
    let expected = [Outcome::Unknown(Unknown::Timeout), Outcome::NotSent(NotSent::Deadline)];
    assert_eq!(ended, expected);
    hub.session.handle_timeout(hub.now);
    assert_eq!(hangups(&mut hub), [HangupReason::Silent]);
}

#[test]
fn what_rides_through_does_not_leave_past_its_deadline_either() {
    let mut config = listener();
    config.ride_through = true;
    let mut hub: Solo = Solo::greeted(config);
    hub.session.send(hub.now, switch(5, true)).unwrap();
    hub.out();
    hub.session.handle_disconnected(hub.now, Disconnect::Error);
    hub.wait(ms(86_400_000));
    hub.session.handle_connected(hub.now);
    hub.feed(&hello());
    assert_eq!(hub.out().iter().map(|packet| packet[0]).collect::<Vec<_>>(), [0x28]);
    assert_eq!(hub.done()[0].0, Outcome::Unknown(Unknown::Timeout));
}

#[test]
fn a_clock_that_goes_back_neither_repeats_nor_prolongs_anything() {
    let mut hub = hub();
    hub.wait(ms(10_000));
    hub.session.send(hub.now, switch(5, true)).unwrap();
    hub.out();
    for earlier in [9_999, 5_000, 0] {
        hub.session.handle_timeout(at(earlier));
        hub.now = at(earlier);
        assert!(hub.out().is_empty());
        assert_eq!(hub.session.poll_timeout().map(|next| next.at), Some(at(11_000)));
    }
    assert_eq!(hub.tick().at, at(11_000));
    assert_eq!(hub.out().len(), 1);
}

// Storms.

#[test]
fn a_silent_peer_gets_no_storm_whatever_is_under_way() {
    let mut hub = hub();
    // Sixteen messages in flight, a new one for each that ends, for a minute.
    let (mut first, mut copies) = (0_u64, 0_u64);
    while hub.now < at(60_000) {
        while hub.session.queued() + hub.session.in_flight() < 16 {
            hub.session.send(hub.now, switch(5, true)).unwrap();
        }
        let mut out = [0; 64];
        while let Some(transmit) = hub.session.poll_transmit(hub.now, &mut out).unwrap() {
            *(if transmit.attempt == 1 { &mut first } else { &mut copies }) += 1;
        }
        hub.tick();
        hub.events();
        // Someone is alive, and says nothing of it.
        hub.hear(&Packet::HeartbeatCloud);
    }
    // Every five seconds sixteen messages. Their timers run out after one, and the bucket holds ten tokens by then, and gets one
    // every tenth of a second until they end: 49 copies where there would be 64.
    assert_eq!((first, copies), (12 * 16, 12 * 49));
}

// The checksum.

#[test]
fn changes_that_compensate_each_other_pass_the_checksum_which_is_a_sum_against_accidents_only() {
    let bytes = bytes_of(&from(ENDPOINT, 1));
    let data = bytes.len() - 5..bytes.len() - 2;
    assert_eq!(bytes[data.clone()], [1, 2, 3]);
    let mut one = bytes.clone();
    one[data.start] += 1;
    let error = Packet::decode(&one, ChecksumMode::Strict).unwrap_err();
    assert!(matches!(error, DecodeError::InvalidChecksum { .. }));
    // One more here, one less there: nobody can tell.
    let mut two = one;
    two[data.start + 1] -= 1;
    let mut lamp = hub();
    assert_eq!(lamp.feed(&two), two.len());
    assert_eq!(lamp.session.recv(lamp.now).map(|it| it.data.to_vec()), Some(vec![2, 1, 3]));
    assert_eq!(lamp.session.stats().decode_errors.total(), 0);
    // Header, endpoint and message number are not summed up at all.
    let mut number = bytes;
    number[10] ^= 0xff;
    assert!(Packet::decode(&number, ChecksumMode::Strict).is_ok());
}

// Secrets.

/// Fails if any five bytes in a row of the code stand in a text in any common notation.
fn keeps_the_secret(what: &str, shown: &str) {
    let flat: String = shown.split_whitespace().collect::<String>().to_lowercase();
    for part in AUTH.windows(5) {
        let of =
            |f: fn(&u8) -> String, between| part.iter().map(f).collect::<Vec<_>>().join(between);
        let notations = [
            String::from_utf8_lossy(part).to_lowercase(),
            of(|byte| byte.to_string(), ","),
            of(|byte| format!("{byte:02x}"), ""),
            of(|byte| format!("{byte:02x}"), ","),
            of(|byte| format!("0x{byte:x}"), ","),
        ];
        for notation in notations {
            assert!(!flat.contains(&notation), "{what} shows {notation}");
        }
    }
}

fn shown(value: &impl Debug) -> String {
    format!("{value:?} {value:#?} {value:x?}")
}

#[test]
fn the_search_for_the_secret_would_find_it() {
    let shows = [
        format!("{AUTH:?}"),
        format!("{AUTH:x?}"),
        format!("{AUTH:#x?}"),
        String::from_utf8_lossy(AUTH).to_string(),
        cync_tests::hex(AUTH.iter().copied()),
    ];
    for shown in shows {
        let found = std::panic::catch_unwind(|| keeps_the_secret("it", &shown));
        assert!(found.is_err(), "{shown}");
    }
}

/// As every byte of it is shown, again and again.
type Small = Solo<16, 128, 1100>;

#[test]
fn no_session_event_or_error_shows_the_code_whole_or_cut_anywhere() {
    let hello = hello();
    for cut in 0..=hello.len() {
        let mut hub = Small::connected(listener().preset(Preset::Constrained));
        hub.feed(&hello[..cut]);
        keeps_the_secret("a session that is greeted", &shown(&hub));
        hub.feed(&hello[cut..]);
        hub.feed(&hello[..cut]);
        keeps_the_secret("a session that was greeted", &shown(&hub));
        keeps_the_secret("its events", &shown(&hub.events()));
        if let Err(error) = Packet::decode(&hello[..cut], ChecksumMode::Strict) {
            keeps_the_secret("an error", &format!("{error} {}", shown(&error)));
        }
        let mut wrong = hello[cut..].to_vec();
        let mut hub = Small::connected(listener().preset(Preset::Constrained));
        hub.feed(&wrong);
        let events = hub.events();
        keeps_the_secret("a stream out of step", &shown(&events));
        for event in events {
            if let Event::Hangup(why) = event {
                keeps_the_secret("a reason", &why.to_string());
            }
        }
        mask_secrets(&mut wrong);
    }
    let packet = Packet::decode(&hello, ChecksumMode::Strict).unwrap();
    keeps_the_secret("a packet", &format!("{packet} {}", shown(&packet)));
    let mut dump = hello.clone();
    mask_secrets(&mut dump);
    keeps_the_secret("a masked dump", &cync_tests::hex(dump));
}

#[test]
fn no_configuration_or_refusal_shows_the_code() {
    keeps_the_secret("a configuration", &shown(&greeter()));
    let lamp: Solo = Solo::connected(greeter());
    keeps_the_secret("a session that greets", &shown(&lamp));
    let long = AuthCode::new(&AUTH.repeat(5)).unwrap_err();
    assert_eq!(long, ConfigError::AuthCodeTooLong { len: 80, max: 64 });
    keeps_the_secret("an error", &format!("{long} {}", shown(&long)));
    let mut config = greeter();
    config.window = 0;
    let error = Session::<128>::new(config, 1).unwrap_err();
    keeps_the_secret("an error", &format!("{error} {}", shown(&error)));
    let mut hub = hub();
    let kind = cync_core::wire::PacketType::Handshake;
    let refused = hub.session.send(hub.now, Request::raw(kind, AUTH)).unwrap_err();
    assert_eq!(refused, SendError::NotAMessage(kind));
    keeps_the_secret("a refusal", &format!("{refused} {}", shown(&refused)));
}

#[test]
fn neither_a_greeter_nor_a_laboratory_exchange_shows_the_code() {
    let hello = hello();
    for cut in 0..=hello.len() {
        let mut greeter = Greeter::new(at(0), ms(5_000));
        assert_eq!(greeter.handle_input(at(0), &hello[..cut]), cut);
        keeps_the_secret("a greeter", &shown(&greeter));
        keeps_the_secret("its result", &shown(&greeter.poll()));
        let mut late = Greeter::new(at(0), ms(5_000));
        assert_eq!(late.handle_input(at(0), &hello[..cut]), cut);
        late.handle_timeout(at(5_000));
        keeps_the_secret("its error", &format!("{} {:?}", shown(&late), late.poll()));
        let mut broken = hello[..cut].to_vec();
        broken.resize(hello.len(), 0xff);
        let mut greeter = Greeter::new(at(0), ms(5_000));
        assert!(greeter.handle_input(at(0), &broken) >= cut);
        keeps_the_secret("its error", &shown(&greeter.poll()));
    }
    // Someone speaks the protocol of real devices to the laboratory's.
    let error = LabFrame::decode(&hello).unwrap_err();
    assert!(matches!(error, LabError::BadMagic { at: 0, found: 0x23 }));
    keeps_the_secret("an error", &format!("{error} {}", shown(&error)));
    assert!(matches!(LabFrame::decode(&[0xf0, 0x0d]), Ok(Decoded::Incomplete { .. })));
    let toggle = Toggle::new("lamp", "1", true).unwrap();
    let mut exchange = Exchange::new(at(0), ExchangeConfig::default(), 1, toggle).unwrap();
    exchange.handle_connected(at(0));
    exchange.poll_transmit(at(0), &mut [0; 128]).unwrap();
    exchange.handle_input(at(0), &hello);
    keeps_the_secret("an exchange", &format!("{} {:?}", shown(&exchange), exchange.outcome()));
}
