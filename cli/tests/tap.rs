//! `cync tap`: what goes through it, and what it says of that.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;
mod peer;
mod tapped;

use command::cync;
use peer::{Device, toggle};
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use tapped::{Between, Scratch, Tap, dial, pair, read_all};

const HEARTBEAT: [u8; 5] = [0xd3, 0, 0, 0, 0];
const ANSWER: [u8; 5] = [0xd8, 0, 0, 0, 0];
const CANARY: &str = "canary-auth-code";
const CANARY_HEX: &str = "63616e6172792d617574682d636f6465";

fn greeting() -> Vec<u8> {
    let head = [0x23, 0, 0, 0, 26, 3, 0, 0, 0, 1, 0, 16];
    [&head[..], CANARY.as_bytes(), &[0, 0, 60]].concat()
}

/// The packets of a capture in one direction of a connection, in hex.
fn decoded(capture: &str, conn: &str, direction: &str) -> Vec<String> {
    let run = cync(&["decode", "-", "--format", "jsonl", "--json"], capture.as_bytes());
    assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{run:?}");
    let lines = run.json();
    let ours = |line: &&Value| line["conn"] == conn && line["direction"] == direction;
    let hex = |line: &Value| line["packet"]["hex"].as_str().unwrap().to_owned();
    lines.iter().filter(ours).map(hex).collect()
}

/// The packets of a byte stream, in hex, with its codes masked.
fn packets(stream: &[u8]) -> Vec<String> {
    let hex: String = stream.iter().map(|byte| format!("{byte:02x}")).collect();
    let run = cync(&["decode", "-", "--format", "hex", "--json"], hex.as_bytes());
    assert_eq!(run.code, Some(0), "{run:?}");
    run.json().iter().map(|line| line["packet"]["hex"].as_str().unwrap().to_owned()).collect()
}

fn no_canary(texts: &[&str]) {
    for text in texts {
        assert!(!text.contains(CANARY) && !text.contains(CANARY_HEX), "{text}");
    }
}

#[test]
fn between_a_client_and_a_device_no_byte_changes_and_the_capture_has_every_packet() {
    let device = Device::start(&["--loss", "10%", "--seed", "3"]);
    let behind = Between::start(&device.port);
    let scratch = Scratch::new("device.jsonl");
    let tap = Tap::start(&behind.port, &["--count", "1", "--output", scratch.path()]);
    let before = Between::start(&tap.port);
    let run =
        toggle(&before.port, &["--state", "alternate", "--count", "20", "--until", "executed"]);
    assert_eq!((run.code, run.summary("executed")), (Some(0), "20"), "{run:?}");
    let tap = tap.finish();
    assert_eq!((tap.code, &*tap.stderr), (Some(0), ""), "{tap:?}");

    let (before, behind) = (before.finish(), behind.finish());
    assert_eq!((before.sent.len() > 500, before.received.len() > 500), (true, true));
    assert!(before == behind, "the same bytes both ways");
    let capture = scratch.read();
    assert_eq!(decoded(&capture, "1", "cloud_to_dev"), packets(&before.sent));
    assert_eq!(decoded(&capture, "1", "dev_to_cloud"), packets(&before.received));
    let (packets, bytes) = (packets(&before.sent).len(), before.sent.len());
    assert_eq!(tap.summary("cloud_to_dev"), format!("{packets} packets, {bytes} bytes"));
    assert_eq!((tap.summary("connections"), tap.summary("decode errors")), ("1", "0"));
    assert_eq!(tap.summary("masked"), "1", "the greeting");
}

#[test]
fn a_stream_that_comes_byte_by_byte_is_relayed_and_captured_whole_without_its_code() {
    let scratch = Scratch::new("bytes.jsonl");
    let stream = [&greeting()[..], &HEARTBEAT, &[0x83, 0, 0, 0, 2, 1, 2], &greeting()].concat();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tap = Tap::to(&listener, &["--count", "1", "--output", scratch.path()]);
    let (mut client, server) = pair(&tap.port, &listener);
    let expected = stream.len();
    let reading = thread::spawn(move || {
        let mut server = server;
        let mut bytes = vec![0; expected];
        for byte in &mut bytes {
            server.read_exact(std::slice::from_mut(byte)).unwrap();
            server.write_all(&[*byte]).unwrap();
        }
        bytes
    });
    for byte in &stream {
        let mut echo = [0];
        client.write_all(&[*byte]).unwrap();
        client.read_exact(&mut echo).unwrap();
        assert_eq!(echo, [*byte]);
    }
    assert_eq!(reading.join().unwrap(), stream);
    drop(client);
    let run = tap.finish();
    assert_eq!((run.code, run.summary("masked")), (Some(0), "4"), "{run:?}");
    assert_eq!(run.summary("decode errors"), "2", "the states are too short: {run:?}");
    let capture = scratch.read();
    no_canary(&[&run.stdout, &run.stderr, &capture]);
    let mut captured = Vec::new();
    for line in capture.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        if line["direction"] == "cloud_to_dev" {
            captured.push(line["hex"].as_str().unwrap().to_owned());
        }
    }
    let masked = [&greeting()[..12], &[b'*'; 16], &[0, 0, 60]].concat();
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let whole = [hex(&masked), hex(&HEARTBEAT), "83000000020102".to_owned(), hex(&masked)];
    assert_eq!(captured, whole);
}

#[test]
fn a_code_is_written_only_if_asked_for() {
    for (args, shown) in [(&["--show-secrets"][..], true), (&[], false)] {
        let scratch = Scratch::new("code.jsonl");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let all = [args, &["--count", "1", "--output", scratch.path()]].concat();
        let tap = Tap::to(&listener, &all);
        let (mut client, server) = pair(&tap.port, &listener);
        // The second one is never completed.
        client.write_all(&greeting()).unwrap();
        client.write_all(&greeting()[..24]).unwrap();
        drop(client);
        assert_eq!(read_all(server), [&greeting()[..], &greeting()[..24]].concat());
        let run = tap.finish();
        let capture = scratch.read();
        assert_eq!(capture.contains(CANARY_HEX), shown, "{capture}");
        if !shown {
            no_canary(&[&run.stdout, &run.stderr]);
            assert_eq!((run.summary("masked"), run.summary("unfinished")), ("2", "24 bytes"));
            assert!(!capture.contains(&CANARY_HEX[..4]), "{capture}");
        }
    }
}

/// So many bytes that look like nothing in particular.
fn garbage(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    [0xff; 5].into_iter().chain(std::iter::repeat_with(next)).take(len).collect()
}

#[test]
fn a_mebibyte_of_garbage_passes_both_ways_unchanged_also_where_packets_are_lost() {
    for args in [&[][..], &["--loss", "100%", "--latency", "1ms"]] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tap = Tap::to(&listener, &[args, &["--quiet", "--count", "1"]].concat());
        let (client, server) = pair(&tap.port, &listener);
        let garbage = garbage(1 << 20);
        let sends = |stream: &TcpStream| {
            let (mut stream, bytes) = (stream.try_clone().unwrap(), garbage.clone());
            thread::spawn(move || {
                stream.write_all(&bytes).unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
            })
        };
        let (up, down) = (sends(&client), sends(&server));
        let there = thread::spawn(move || read_all(server));
        assert!(read_all(client) == garbage, "{args:?}");
        assert!(there.join().unwrap() == garbage, "{args:?}");
        up.join().unwrap();
        down.join().unwrap();
        let run = tap.finish();
        assert_eq!((run.code, &*run.stderr), (Some(0), ""), "{run:?}");
        assert_ne!(run.summary("decode errors"), "0");
        assert!(!run.stdout.contains("not recorded"), "{run:?}");
    }
}

#[test]
fn an_end_is_passed_on_alone_and_the_other_direction_goes_on() {
    for args in [&[][..], &["--latency", "1ms"]] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tap = Tap::to(&listener, &[args, &["--count", "2"]].concat());
        for client_first in [true, false] {
            let (client, server) = pair(&tap.port, &listener);
            let (mut first, mut second) =
                if client_first { (client, server) } else { (server, client) };
            first.write_all(&HEARTBEAT).unwrap();
            first.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_all(second.try_clone().unwrap()), HEARTBEAT);
            second.write_all(&ANSWER).unwrap();
            let mut answer = [0; 5];
            first.read_exact(&mut answer).unwrap();
            assert_eq!(answer, ANSWER);
            second.shutdown(Shutdown::Write).unwrap();
            assert_eq!(read_all(first), b"");
        }
        let run = tap.finish();
        assert_eq!((run.code, run.summary("connections")), (Some(0), "2"), "{run:?}");
    }
}

#[test]
fn a_reset_is_passed_on_and_disturbs_no_other_connection() {
    for args in [&[][..], &["--latency", "1ms"]] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tap = Tap::to(&listener, &[args, &["--count", "3"]].concat());
        let (mut other, mut others) = pair(&tap.port, &listener);
        for client_fails in [true, false] {
            let (client, server) = pair(&tap.port, &listener);
            let (fails, mut stays) = if client_fails { (client, server) } else { (server, client) };
            stays.write_all(&HEARTBEAT).unwrap();
            // Whoever closes what it has not read resets it.
            assert_eq!(fails.peek(&mut [0]).unwrap(), 1);
            drop(fails);
            let error = stays.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{args:?} {client_fails}");
            other.write_all(&HEARTBEAT).unwrap();
            let mut heard = [0; 5];
            others.read_exact(&mut heard).unwrap();
            assert_eq!(heard, HEARTBEAT);
        }
        drop((other, others));
        let run = tap.finish();
        assert_eq!((run.code, run.summary("connections")), (Some(0), "3"), "{run:?}");
        assert_eq!(run.stdout.matches("connection failed").count(), 2, "{run:?}");
        assert_eq!(run.stdout.matches("connection ended").count(), 3, "{run:?}");
    }
}

#[test]
fn a_reader_that_does_not_read_stops_the_writer_and_loses_nothing() {
    for args in [&[][..], &["--latency", "1ms"]] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tap = Tap::to(&listener, &[args, &["--quiet", "--count", "1"]].concat());
        let (mut client, server) = pair(&tap.port, &listener);
        let packet = [&[0xe3, 0, 0, 0x10, 0][..], &[7; 0x1000]].concat();
        client.set_write_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
        let mut taken = 0;
        let stopped = loop {
            match client.write(&packet[taken % packet.len()..]) {
                Ok(len) => taken += len,
                Err(error) => break error.kind(),
            }
            // What the buffers of four sockets hold, and the tap's own.
            assert!(taken < 64 << 20, "nothing stops the writer");
        };
        assert!(matches!(stopped, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{stopped}");
        client.shutdown(Shutdown::Write).unwrap();
        let read = read_all(server);
        // A packet that is never completed does not travel where packets do.
        let travels = if args.is_empty() { taken } else { taken - taken % packet.len() };
        assert_eq!(read.len(), travels, "{args:?}");
        assert!(read.chunks(packet.len()).all(|read| packet.starts_with(read)), "{args:?}");
        drop(client);
        assert_eq!(tap.finish().code, Some(0));
    }
}

#[test]
fn connections_at_the_same_time_are_told_apart() {
    let scratch = Scratch::new("two.jsonl");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let args = ["--count", "2", "--device-dials", "--output", scratch.path()];
    let tap = Tap::to(&listener, &args);
    let (mut first, mut first_server) = pair(&tap.port, &listener);
    let (mut second, mut second_server) = pair(&tap.port, &listener);
    let echo = |from: &mut TcpStream, to: &mut TcpStream, bytes: &[u8]| {
        from.write_all(bytes).unwrap();
        let mut heard = vec![0; bytes.len()];
        to.read_exact(&mut heard).unwrap();
        assert_eq!(heard, bytes);
    };
    echo(&mut first, &mut first_server, &HEARTBEAT[..2]);
    echo(&mut second, &mut second_server, &HEARTBEAT);
    echo(&mut second_server, &mut second, &ANSWER);
    echo(&mut first, &mut first_server, &HEARTBEAT[2..]);
    drop((first, second));
    assert_eq!((read_all(first_server), read_all(second_server)), (vec![], vec![]));
    let run = tap.finish();
    let capture = scratch.read();
    for (conn, direction, packet) in [
        ("1", "dev_to_cloud", "d300000000"),
        ("2", "dev_to_cloud", "d300000000"),
        ("2", "cloud_to_dev", "d800000000"),
    ] {
        assert_eq!(decoded(&capture, conn, direction), [packet], "{conn} {direction}");
    }
    assert!(decoded(&capture, "1", "cloud_to_dev").is_empty());
    assert_eq!(run.summary("dev_to_cloud"), "2 packets, 10 bytes");
    assert_eq!(run.summary("  d3"), "2 HEARTBEAT_DEV", "{run:?}");
}

#[test]
#[cfg(unix)]
fn an_interrupt_ends_it_with_a_summary() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let idle = Tap::to(&listener, &[]).interrupt();
    assert_eq!((idle.code, idle.summary("connections")), (Some(130), "0"), "{idle:?}");
    let tap = Tap::to(&listener, &[]);
    let (mut client, mut server) = pair(&tap.port, &listener);
    client.write_all(&HEARTBEAT).unwrap();
    server.read_exact(&mut [0; 5]).unwrap();
    let busy = tap.interrupt();
    assert_eq!((busy.code, busy.summary("connections")), (Some(130), "1"), "{busy:?}");
    assert_eq!(busy.summary("cloud_to_dev"), "1 packets, 5 bytes");
    assert_eq!(read_all(server), b"");
}

#[test]
fn a_target_that_is_gone_is_one_line_and_the_next_connection_is_relayed() {
    let port = peer::unused_port();
    let tap = Tap::start(&port, &["--count", "2"]);
    let gone = dial(&tap.port);
    assert_eq!(read_all(gone), b"");
    let listener = TcpListener::bind(("127.0.0.1", port.parse().unwrap())).unwrap();
    let (mut client, server) = pair(&tap.port, &listener);
    client.write_all(&HEARTBEAT).unwrap();
    drop(client);
    assert_eq!(read_all(server), HEARTBEAT);
    let run = tap.finish();
    run.fails(3, "still listening: is the target running?");
    assert_eq!((run.summary("connections"), run.summary("target not reached")), ("2", "1"));
}

#[test]
fn so_many_connections_at_a_time_are_relayed_and_the_next_one_waits() {
    const MOST: usize = 256;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let tap = Tap::to(&listener, &["--quiet", "--count", "257"]);
    let mut open: Vec<_> = (0..MOST).map(|_| pair(&tap.port, &listener)).collect();
    let mut waiting = dial(&tap.port);
    waiting.write_all(&HEARTBEAT).unwrap();
    let (mut client, mut server) = open.swap_remove(7);
    client.write_all(&ANSWER).unwrap();
    server.read_exact(&mut [0; 5]).unwrap();
    listener.set_nonblocking(true).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    listener.set_nonblocking(false).unwrap();
    drop((client, server));
    let (mut served, _) = listener.accept().unwrap();
    let mut heard = [0; 5];
    served.read_exact(&mut heard).unwrap();
    assert_eq!(heard, HEARTBEAT);
    drop((open, waiting, served));
    let run = tap.finish();
    assert_eq!((run.code, run.summary("connections")), (Some(0), "257"), "{run:?}");
    assert_eq!(run.stderr, "cync: 256 connections at a time; further ones wait\n");
}
