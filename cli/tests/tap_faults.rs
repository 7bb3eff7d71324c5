//! `cync tap` with faults: what it does to packets, and what it says of that.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;
mod peer;
mod tapped;

use command::Run;
use cync_core::wire::{Channel, Endpoint, Frame, Login, MAX_PACKET, MsgId, Packet, Prefix, Secret};
use peer::{Device, toggle};
use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use tapped::{Tap, pair, read_all};

fn encoded(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = [0; MAX_PACKET];
    let len = packet.encode(&mut bytes).unwrap();
    bytes[..len].to_vec()
}

fn greeting() -> Vec<u8> {
    encoded(&Packet::Handshake(Login::new(Endpoint(1), Secret::new(b"0123456789abcdef"), 60)))
}

fn command(number: u16) -> Vec<u8> {
    let prefix = Prefix { endpoint: Endpoint(1), msg_id: MsgId(number), flag: 0 };
    let frame = Frame::request(u32::from(number), 0xd0, &[1, 2, 3]);
    encoded(&Packet::DataChannel(Channel { prefix, frame }))
}

/// What arrives of `count` commands behind a tap with these arguments, and what the tap says.
fn through(args: &[&str], count: &str) -> (Run, Run) {
    let device = Device::start(&[]);
    let tap = Tap::start(&device.port, &[args, &["--quiet", "--count", "1"]].concat());
    let toggled = toggle(&tap.port, &["--count", count, "--until", "executed"]);
    assert_eq!((toggled.code, toggled.summary("executed")), (Some(0), count), "{toggled:?}");
    (toggled, tap.finish())
}

#[test]
fn a_drop_pattern_loses_the_first_transmission_of_exactly_these_commands() {
    let (toggled, run) = through(&["--drop-pattern", "1/4"], "10");
    assert_eq!(toggled.summary("re-transmissions"), "3", "{toggled:?}");
    assert!(run.summary("to device").contains(" 3 dropped"), "{run:?}");
    assert!(run.summary("from device").contains(" 0 dropped"), "{run:?}");
    let calm = through(&[], "2").1;
    assert!(!calm.stdout.contains("dropped"), "{calm:?}");
}

#[test]
fn every_fault_is_counted_and_the_device_sees_it() {
    let (toggled, run) = through(&["--duplicate", "100%", "--latency", "20ms"], "5");
    let words: Vec<&str> = run.summary("to device").split([' ', ',']).collect();
    let before = |name| words.iter().position(|word| *word == name).map(|at| words[at - 1]);
    assert_eq!(before("packets"), before("duplicated"), "{run:?}");
    assert_eq!(toggled.summary("executed"), "5");
    let (_, run) = through(&["--reorder", "100%", "--reorder-delay", "5ms"], "3");
    assert!(!run.summary("to device").contains(" 0 reordered"), "{run:?}");
}

#[test]
fn what_is_corrupted_arrives_so_and_is_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let args = ["--corrupt", "30%", "--seed", "2", "--quiet", "--count", "1"];
    let tap = Tap::to(&listener, &args);
    let (mut client, server) = pair(&tap.port, &listener);
    let commands: Vec<Vec<u8>> = (1..=50).map(command).collect();
    let len = commands[0].len();
    assert!(commands.iter().all(|command| command.len() == len), "no byte is stuffed");
    client.write_all(&[greeting(), commands.concat()].concat()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let arrived = read_all(server);
    drop(client);
    let run = tap.finish();
    let arrived = arrived.strip_prefix(&greeting()[..]).unwrap();
    let wrong = arrived.chunks(len).zip(&commands).filter(|(came, sent)| came != sent).count();
    assert_eq!(arrived.len(), 50 * len);
    assert!((5..25).contains(&wrong), "{wrong}");
    assert!(run.summary("to device").contains(&format!(" {wrong} corrupted")), "{run:?}");
}

#[test]
fn equal_seeds_lose_equal_packets() {
    let arrive = |seed: &str| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tap = Tap::to(&listener, &["--loss", "50%", "--seed", seed, "--quiet", "--count", "1"]);
        let (mut client, server) = pair(&tap.port, &listener);
        let probe = |nth: u8| [0xa3, 0, 0, 0, 7, 0, 0, 0, 1, 0, nth, 0];
        let probes: Vec<u8> = (0..100).flat_map(probe).collect();
        client.write_all(&[greeting(), probes].concat()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let arrived = read_all(server);
        assert!(arrived.starts_with(&greeting()), "greetings are spared");
        drop(client);
        let run = tap.finish();
        let lost = 100 - (arrived.len() - greeting().len()) / 12;
        assert!(run.summary("to device").contains(&format!(" {lost} dropped")), "{run:?}");
        assert_eq!(run.summary("seed"), seed);
        assert!((20..80).contains(&lost), "{lost}");
        arrived
    };
    assert_eq!(arrive("5"), arrive("5"));
    assert_ne!(arrive("5"), arrive("6"));
}

#[test]
fn commands_are_what_goes_to_the_device_whoever_dials() {
    for (args, dialler_is_device) in [(&[][..], false), (&["--device-dials"], true)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let args = [args, &["--drop-pattern", "2", "--quiet", "--count", "1"]].concat();
        let tap = Tap::to(&listener, &args);
        let (client, server) = pair(&tap.port, &listener);
        let say = |mut from: &TcpStream| {
            from.write_all(&[command(1), command(2), command(3)].concat()).unwrap();
            from.shutdown(Shutdown::Write).unwrap();
        };
        say(&client);
        say(&server);
        let (by_client, by_server) = (read_all(server), read_all(client));
        let (commands, others) =
            if dialler_is_device { (by_server, by_client) } else { (by_client, by_server) };
        assert_eq!(commands, [command(1), command(3)].concat(), "{args:?}");
        assert_eq!(others, [command(1), command(2), command(3)].concat(), "{args:?}");
        let run = tap.finish();
        assert_eq!(run.summary("to device"), "3 packets, 1 dropped, 0 duplicated", "{run:?}");
        assert_eq!(run.summary("from device"), "3 packets, 0 dropped, 0 duplicated", "{run:?}");
    }
}
