//! A greeter and the session that takes over from it.

mod generate;

use cync_core::wire::{Endpoint, Login, MAX_PACKET, Packet, PacketType, Secret};
use cync_core::{Config, Event, Greeter, Instant, Session, State};
use cync_tests::property;
use cync_tests::solo::{ENDPOINT, Solo, bytes_of, hello, listener};
use generate::{bytes, cut, encoded, noisy_stream};
use proptest::prelude::*;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);

/// What a session says of a stream, all of it at one instant.
#[derive(PartialEq, Debug)]
struct Said {
    packets: Vec<Vec<u8>>,
    events: Vec<Event>,
    delivered: Vec<Vec<u8>>,
    stats: String,
}

fn said(mut solo: Solo) -> Said {
    let delivered = std::iter::from_fn(|| solo.session.recv(solo.now).map(|it| it.data.to_vec()));
    let delivered = delivered.collect();
    let stats = format!("{:?}", solo.session.stats());
    Said { packets: solo.out(), events: solo.events(), delivered, stats }
}

/// What a driver does with an accepted connection: the session is found by its endpoint once that is known.
fn accept<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Option<Solo> {
    let mut greeter = Greeter::new(Instant::ZERO, TIMEOUT);
    let mut found: Option<Solo> = None;
    for piece in pieces {
        let mut rest = piece;
        if found.is_none() {
            rest = &piece[greeter.handle_input(Instant::ZERO, piece)..];
            if let Some(Ok(hello)) = greeter.poll() {
                let mut solo = Solo::connected(Config::listener(hello.endpoint));
                assert_eq!(solo.feed(greeter.bytes()), greeter.bytes().len());
                found = Some(solo);
            }
        }
        if let Some(solo) = &mut found {
            assert_eq!(solo.feed(rest), rest.len());
        }
    }
    found
}

#[test]
fn the_session_answers_the_greeting_and_goes_on_with_what_is_behind_it() {
    let heartbeat = bytes_of(&Packet::HeartbeatDev);
    let stream = [hello(), heartbeat].concat();
    for at in 0..stream.len() {
        let (head, tail) = stream.split_at(at);
        let mut solo = accept([head, tail]).expect("the greeting is whole");
        assert_eq!(solo.session.state(), State::Ready);
        let kinds: Vec<_> = solo.out().iter().map(|packet| packet[0]).collect();
        assert_eq!(kinds, [PacketType::HelloAck.byte(), PacketType::HeartbeatCloud.byte()]);
    }
}

#[test]
fn a_session_greeted_through_a_greeter_takes_over_from_its_own_older_connection() {
    let mut session: Session = Session::new(listener(), 1).expect("the configuration is right");
    for second in 0..3 {
        let now = Instant::from_micros(second * 1_000_000);
        let mut greeter = Greeter::new(now, TIMEOUT);
        assert_eq!(greeter.handle_input(now, &hello()), hello().len());
        session.handle_connected(now);
        assert_eq!(session.state(), State::Greeting);
        assert_eq!(session.handle_input(now, greeter.bytes()), hello().len());
        assert_eq!(session.state(), State::Ready);
        let sent = session.poll_transmit(now, &mut [0; MAX_PACKET]).expect("room for any packet");
        assert_eq!(sent.map(|sent| sent.kind), Some(PacketType::HelloAck));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn whatever_arrives_it_takes_one_greeting_at_most(stream in bytes(0..200), noisy in noisy_stream()) {
        property::greet(&stream);
        property::greet(&noisy);
    }

    #[test]
    fn what_looks_like_a_greeting_is_judged_as_a_whole(
        app: bool, declared in prop_oneof![0..=90_u32, any::<u32>()], code in prop_oneof![0..=80_u16, any::<u16>()],
        endpoint: u32, behind in bytes(0..120),
    ) {
        let head = [if app { 0x13 } else { 0x23 }];
        let fields = [&declared.to_be_bytes()[..], &[3], &endpoint.to_be_bytes(), &code.to_be_bytes(), &behind];
        property::greet(&[&head[..], &fields.concat()].concat());
    }

    #[test]
    fn a_good_greeting_is_taken_however_long_its_code(
        app: bool, endpoint: u32, keepalive_s: u16, code in bytes(0..65), behind in bytes(0..20),
    ) {
        let login = Login::new(Endpoint(endpoint), Secret::new(&code), keepalive_s);
        let whole = encoded(&if app { Packet::AppLogin(login) } else { Packet::Handshake(login) });
        let stream = [&whole[..], &behind].concat();
        property::greet(&stream);
        let mut greeter = Greeter::new(Instant::ZERO, TIMEOUT);
        prop_assert_eq!(greeter.handle_input(Instant::ZERO, &stream), whole.len());
        let hello = greeter.poll().expect("it is whole").expect("it is good");
        let kind = if app { PacketType::AppLogin } else { PacketType::Handshake };
        prop_assert_eq!((hello.kind, hello.endpoint, hello.keepalive_s), (kind, Endpoint(endpoint), keepalive_s));
        prop_assert_eq!(hello.auth().expose(), code);
        prop_assert_eq!(greeter.bytes(), whole);
    }

    #[test]
    fn a_session_notices_no_difference(behind in noisy_stream(), cuts in cut()) {
        let stream = [hello(), behind].concat();
        let mut direct = Solo::connected(Config::listener(ENDPOINT));
        // Streams that a session refuses the end of are another test's.
        prop_assume!(direct.feed(&stream) == stream.len());
        let through = accept(cuts.pieces(&stream)).expect("the greeting is whole");
        prop_assert_eq!(said(through), said(direct));
    }
}
