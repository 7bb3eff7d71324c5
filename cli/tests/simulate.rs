//! `cync simulate`: a device that keeps serving, whatever others do to it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;
mod peer;

use command::{Run, Running, command, cync, run};
use cync_core::wire::{Endpoint, Login, MAX_PACKET, Packet, Secret};
use peer::{Device, read_to_the_end, start_toggle, toggle};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

/// Checks that the device executes commands.
#[track_caller]
fn serves(device: &Device) {
    let run = toggle(&device.port, &["--until", "executed", "--endpoint", "0x77"]);
    assert_eq!((run.code, run.summary("executed")), (Some(0), "1"), "{run:?}");
}

fn hello(endpoint: u32) -> Vec<u8> {
    let login = Login::new(Endpoint(endpoint), Secret::new(b"0123456789abcdef"), 60);
    let mut bytes = [0; MAX_PACKET];
    let len = Packet::Handshake(login).encode(&mut bytes).unwrap();
    bytes[..len].to_vec()
}

fn greet(device: &Device, endpoint: u32) -> TcpStream {
    let mut stream = device.dial();
    stream.write_all(&hello(endpoint)).unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0x28, 0, 0, 0, 2, 0, 0]);
    stream
}

#[test]
fn a_taken_port_is_one_line_with_a_remedy() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let taken = cync(&["simulate", "--port", &port], b"");
    taken.fails(1, "another program listens there; choose another --port, or 0");
    let elsewhere = cync(&["simulate", "--port", "0", "--host", "192.0.2.1"], b"");
    elsewhere.fails(1, "this machine does not have that address; check --host");
}

#[test]
fn the_port_may_come_from_the_environment() {
    for (value, says) in [("garbage", "0 to 65535"), ("65536", "0 to 65535"), ("-1", "0 to 65535")]
    {
        let mut command = command(&["simulate"]);
        command.env("CYNC_SIM_PORT", value);
        let run = run(command, b"");
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{value}: {run:?}");
        assert!(run.stderr.contains(says) && run.stderr.contains("CYNC_SIM_PORT"), "{run:?}");
    }
    let mut command = command(&["simulate"]);
    command.env("CYNC_SIM_PORT", "0");
    let line = Running::spawn(command, b"").line();
    assert!(line.starts_with("device 1 listens on 127.0.0.1:"), "{line}");
}

#[test]
fn wrong_arguments_are_usage_errors() {
    for args in ["--device 0", "--device 255", "--loss 101%", "--host localhost", "--seed x"] {
        let args: Vec<_> = ["simulate"].into_iter().chain(args.split_whitespace()).collect();
        assert_eq!(cync(&args, b"").code, Some(2), "{args:?}");
    }
}

#[test]
#[cfg(unix)]
fn an_interrupt_ends_it_with_a_summary() {
    let idle = Device::start(&[]).interrupt();
    assert_eq!((idle.code, idle.summary("state")), (Some(130), "off"), "{idle:?}");
    assert_eq!(idle.summary("applied by device"), "0");
    let device = Device::start(&[]);
    toggle(&device.port, &["--state", "on", "--count", "2", "--until", "executed"]);
    let _connected = greet(&device, 5);
    let busy = device.interrupt();
    assert_eq!((busy.code, busy.summary("state")), (Some(130), "on"), "{busy:?}");
    assert_eq!(busy.summary("applied by device"), "2");
}

/// What a device says of its link after a client switched the lamp `count` times, and how often that one repeated itself.
#[cfg(unix)]
fn link_after(args: &[&str], count: &str) -> (Run, Run) {
    let device = Device::start(args);
    let toggled = toggle(&device.port, &["--count", count, "--until", "executed"]);
    assert_eq!((toggled.code, toggled.summary("executed")), (Some(0), count), "{toggled:?}");
    let ended = device.interrupt();
    assert_eq!(ended.summary("applied by device"), count, "{ended:?}");
    (toggled, ended)
}

/// How often something happened on the way to the device.
fn counted(run: &Run, what: &str) -> u64 {
    let mut words = run.summary("to device").split([' ', ',']).filter(|word| !word.is_empty());
    let mut before = "0";
    words
        .find(|word| {
            *word == what || {
                before = word;
                false
            }
        })
        .map_or(0, |_| before.parse().unwrap())
}

#[test]
#[cfg(unix)]
fn a_drop_pattern_loses_the_first_transmission_of_exactly_these_commands() {
    for (pattern, lost) in [("1/4", 3), ("2,3", 2)] {
        let (toggled, ended) = link_after(&["--drop-pattern", pattern], "10");
        assert_eq!(counted(&ended, "dropped"), lost, "{ended:?}");
        assert_eq!(toggled.summary("re-transmissions"), lost.to_string(), "{toggled:?}");
        assert!(ended.summary("from device").contains(", 0 dropped"), "{ended:?}");
    }
}

#[test]
#[cfg(unix)]
fn packets_are_held_back_as_often_and_as_long_as_it_is_told() {
    let (toggled, ended) = link_after(&["--reorder", "100%", "--reorder-delay", "20ms"], "5");
    assert_eq!(counted(&ended, "reordered"), counted(&ended, "packets"), "{ended:?}");
    assert!(latency(&toggled) >= 40.0, "there and back: {toggled:?}");
    let (_, ended) = link_after(&["--reorder", "0%", "--reorder-delay", "20ms"], "5");
    assert_eq!(counted(&ended, "reordered"), 0, "{ended:?}");
    let alone = cync(&["simulate", "--port", "0", "--reorder-delay", "20ms"], b"");
    assert_eq!(alone.code, Some(2), "{alone:?}");
}

/// The median of a run, in milliseconds.
#[cfg(unix)]
fn latency(run: &Run) -> f64 {
    let p50 = run.summary("latency").split_whitespace().nth(1);
    p50.unwrap().parse().unwrap()
}

#[test]
fn corrupted_packets_are_repeated_and_commands_executed_once() {
    let args = "toggle --simulate --corrupt 30% --seed 2 --count 8 --until executed";
    let run = cync(&args.split(' ').collect::<Vec<_>>(), b"");
    assert_eq!((run.code, run.summary("executed")), (Some(0), "8"), "{run:?}");
    assert_eq!(run.summary("applied by device"), "8");
    assert!(counted(&run, "corrupted") > 0, "{run:?}");
    assert_ne!(run.summary("re-transmissions"), "0", "{run:?}");
}

#[test]
#[cfg(unix)]
fn the_request_of_a_service_manager_ends_it_as_an_interrupt_does() {
    let run = Device::start(&[]).end("TERM");
    assert_eq!((run.code, run.summary("state")), (Some(130), "off"), "{run:?}");
}

#[test]
fn garbage_ends_its_own_connection_only() {
    let device = Device::start(&[]);
    let mut busy = start_toggle(&device.port, &["--count", "500", "--until", "executed"]);
    busy.line();
    let mut greeted_and_garbage = hello(2);
    greeted_and_garbage.extend([0xff; 10_000]);
    let unknown_types = [hello(3), [0x55, 0, 0, 0, 1, 0].repeat(100)].concat();
    let garbage: [&[u8]; 8] = [
        b"",
        b"\0",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x00\x53\x01\x00\x00\x4f\x03\x03",
        &[0; 10_000],
        &[0xff; 10_000],
        &greeted_and_garbage,
        &unknown_types,
    ];
    for bytes in garbage {
        let mut stream = device.dial();
        if let Err(error) = stream.write_all(bytes) {
            assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe));
        }
        let _ = stream.shutdown(Shutdown::Write);
        read_to_the_end(&stream);
    }
    serves(&device);
    let busy = busy.finish();
    assert_eq!((busy.code, busy.summary("executed")), (Some(0), "500"), "{busy:?}");
}

#[test]
fn many_clients_at_a_time_are_all_served() {
    let device = Device::start(&["--log-level", "error"]);
    let clients: Vec<_> = (100..120).map(|endpoint| greet(&device, endpoint)).collect();
    let runs: Vec<_> = (1..=5)
        .map(|endpoint: u32| {
            start_toggle(&device.port, &["--count", "20", "--endpoint", &endpoint.to_string()])
        })
        .collect();
    for run in runs {
        let run = run.finish();
        assert_eq!((run.code, run.summary("acknowledged")), (Some(0), "20"), "{run:?}");
    }
    drop(clients);
}

#[test]
fn connections_that_never_greet_keep_nobody_out() {
    let device = Device::start(&["--log-level", "error"]);
    let silent: Vec<_> = (0..300).map(|_| device.dial()).collect();
    serves(&device);
    drop(silent);
    serves(&device);
}

#[test]
fn a_client_that_never_reads_keeps_nobody_out() {
    let device = Device::start(&[]);
    let mut deaf = greet(&device, 2);
    deaf.set_nonblocking(true).unwrap();
    let probes = [0xa3, 0, 0, 0, 7, 0, 0, 0, 2, 0, 1, 0].repeat(1000);
    while deaf.write(&probes).is_ok() {}
    serves(&device);
}

#[test]
fn a_newer_connection_of_an_endpoint_closes_the_older() {
    let device = Device::start(&[]);
    let older = greet(&device, 9);
    let mut newer = greet(&device, 9);
    read_to_the_end(&older);
    newer.write_all(&[0xd3, 0, 0, 0, 0]).unwrap();
    let mut answer = [0; 5];
    newer.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0xd8, 0, 0, 0, 0]);
    serves(&device);
}
