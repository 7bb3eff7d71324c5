//! Properties of the laboratory's frame, request and exchange.

use cync_core::Instant;
use cync_core::lab::{
    Decoded, Exchange, ExchangeConfig, Frame, LabEvent, LabOutcome, MAX_FRAME, MAX_PAYLOAD, Toggle,
};
use cync_tests::property;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::num::NonZeroU16;
use std::time::Duration;

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let lens = prop_oneof![8 => 0..40_usize, 1 => 240..280_usize, 1 => 4090..=MAX_PAYLOAD];
    lens.prop_flat_map(|len| prop::collection::vec(any::<u8>(), len))
}

fn encoded(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0; MAX_FRAME];
    let frame = Frame::new(payload).expect("a generated payload is within the limit");
    let len = frame.encode(&mut out).expect("room for any frame");
    out.truncate(len);
    out
}

/// Frames, among them broken ones and garbage.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let corrupt = (payload(), any::<prop::sample::Index>(), any::<u8>());
    let corrupt = corrupt.prop_map(|(payload, at, byte)| {
        let mut bytes = encoded(&payload);
        let at = at.index(bytes.len().min(8));
        bytes[at] = byte;
        bytes
    });
    let part = prop_oneof![
        8 => payload().prop_map(|payload| encoded(&payload)),
        2 => corrupt,
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

/// Text, rich in what JSON escapes.
fn text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec!['"', '\\', '\0', '\n', '\u{1f}', '\u{7f}', '/', '💡']);
    let char = prop_oneof![any::<char>(), special];
    prop::collection::vec(char, 0..40).prop_map(String::from_iter)
}

/// What a driver, or the world, does next.
#[derive(Clone, Debug)]
enum Step {
    Connected,
    Disconnected,
    Input(Vec<u8>),
    Transmit { room: usize },
    Wait(u64),
    Tick,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Connected),
        1 => Just(Step::Disconnected),
        1 => prop::collection::vec(any::<u8>(), 0..2).prop_map(Step::Input),
        3 => prop_oneof![3 => Just(128_usize), 1 => 0..128_usize].prop_map(|room| Step::Transmit { room }),
        2 => (0..2_000_000_u64).prop_map(Step::Wait),
        4 => Just(Step::Tick),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn what_was_encoded_decodes_to_itself(payload in payload(), behind in prop::collection::vec(any::<u8>(), 0..9)) {
        let whole = encoded(&payload);
        let frame = Frame::new(&payload).unwrap();
        let bytes = [&whole[..], &behind].concat();
        prop_assert_eq!(Frame::decode(&bytes), Ok(Decoded::Complete { frame, len: whole.len() }));
    }

    #[test]
    fn cutting_arbitrary_bytes_changes_nothing(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        property::decode_lab_stream(&bytes);
        property::decode_lab_stream(&[&b"\xf0\x0d\x01\0\0"[..], &bytes].concat());
    }

    #[test]
    fn cutting_a_stream_of_frames_changes_nothing(stream in stream()) {
        property::decode_lab_stream(&stream);
    }

    #[test]
    fn a_request_says_what_was_asked_whatever_the_names(device_id in text(), msg_id in text(), state: bool) {
        let mut out = [0; MAX_FRAME];
        let len = Toggle::new(&device_id, &msg_id, state).unwrap().encode(&mut out).unwrap();
        let Ok(Decoded::Complete { frame, len: whole }) = Frame::decode(&out[..len]) else { panic!("whole") };
        prop_assert_eq!(whole, len);
        let read: Value = serde_json::from_slice(frame.payload()).unwrap();
        let expected = json!({ "opcode": "toggle", "device_id": device_id, "msg_id": msg_id, "state": state });
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn an_exchange_ends_in_time_whatever_happens(
        steps in prop::collection::vec(step(), 0..60), attempts in 1..5_u16, seed: u64,
    ) {
        let request = Toggle::new("lamp", "01", true).unwrap();
        let attempts = NonZeroU16::new(attempts).unwrap();
        let config = ExchangeConfig { attempts, ..ExchangeConfig::default() };
        let mut now = Instant::ZERO;
        let mut exchange = Exchange::new(now, config, seed, request).unwrap();
        let (mut dialled, mut failed, mut sent, mut ended) = (0, 0, 0, None);
        let ticks = std::iter::repeat_n(Step::Tick, 3 * usize::from(attempts.get()));
        for step in std::iter::once(Step::Wait(0)).chain(steps).chain(ticks) {
            let before = exchange.outcome();
            match step {
                Step::Connected => exchange.handle_connected(now),
                Step::Disconnected => exchange.handle_disconnected(now),
                Step::Input(bytes) => exchange.handle_input(now, &bytes),
                Step::Transmit { room } => {
                    let has_sent = exchange.poll_transmit(now, &mut [0; 128][..room]);
                    sent += u16::from(has_sent.is_ok_and(|len| len.is_some()));
                }
                // A driver never sleeps past the deadline it was told.
                Step::Wait(micros) => {
                    let until = now + Duration::from_micros(micros);
                    now = exchange.poll_timeout().map_or(until, |at| at.min(until));
                    exchange.handle_timeout(now);
                }
                Step::Tick => {
                    if let Some(at) = exchange.poll_timeout() {
                        exchange.handle_timeout(Instant::from_micros(at.as_micros() - 1));
                        prop_assert_eq!(exchange.poll_timeout(), Some(at), "a tick before the deadline");
                        prop_assert_eq!(exchange.poll_event(), None);
                        now = at;
                        exchange.handle_timeout(now);
                    }
                }
            }
            prop_assert!(exchange.poll_timeout().is_none_or(|at| at > now));
            prop_assert_eq!(exchange.poll_timeout().is_none(), exchange.outcome().is_some());
            prop_assert!(before.is_none() || before == exchange.outcome(), "an outcome changed");
            if exchange.outcome().is_some() {
                ended.get_or_insert(now);
            }
            while let Some(event) = exchange.poll_event() {
                match event {
                    LabEvent::Dial { attempt } => {
                        dialled += 1;
                        prop_assert_eq!((attempt, failed), (dialled, dialled - 1));
                    }
                    LabEvent::AttemptFailed { attempt, .. } => {
                        failed += 1;
                        prop_assert_eq!((attempt, dialled), (failed, failed));
                    }
                    other => panic!("{other:?}"),
                }
            }
            prop_assert!(sent <= dialled && dialled <= attempts.get());
        }
        // Each attempt may take 1.0 s and 1.5 s; between them lie 250 ms, 500 ms, 1 s, and up to 100 ms each.
        let waits = (0..attempts.get() - 1).map(|n| 100 + (250 << n)).sum::<u64>();
        let latest = Instant::ZERO + Duration::from_millis(u64::from(attempts.get()) * 2500 + waits);
        match exchange.outcome() {
            None => prop_assert!(false, "it has not ended"),
            Some(LabOutcome::Answered { attempt, .. }) => {
                prop_assert_eq!((attempt, failed), (dialled, dialled - 1));
                prop_assert!(sent > 0);
            }
            Some(LabOutcome::Failed { handed_over, .. }) => {
                prop_assert_eq!((dialled, failed), (attempts.get(), attempts.get()));
                prop_assert_eq!(handed_over, sent > 0);
            }
        }
        prop_assert!(ended <= Some(latest), "{ended:?} after {latest:?}");
    }
}
