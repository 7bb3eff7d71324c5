//! `cync toggle --wire lab` against `cync simulate --wire lab`, and against peers that misbehave.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;
mod laboratory;
mod peer;

use command::{Run, command, cync, run};
use cync_core::lab::{Decoded, Frame};
use laboratory::{peers, request};
use peer::{Device, read_to_the_end, toggle, unused_port};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;

fn device(args: &str) -> Device {
    let args: Vec<_> = ["--wire", "lab"].into_iter().chain(args.split_whitespace()).collect();
    Device::start(&args)
}

/// A run that is late only if that is asked for, however busy the machine is.
fn lab(port: &str, args: &str) -> Run {
    let mut all = vec!["--wire", "lab", "--connect-timeout", "60s"];
    if !args.contains("--io-timeout") {
        all.extend(["--io-timeout", "60s"]);
    }
    all.extend(args.split_whitespace());
    toggle(port, &all)
}

/// The log of a run, in JSON.
fn log(run: &Run) -> Vec<Value> {
    let lines = run.stderr.lines().filter(|line| !line.starts_with("cync: "));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn events<'l>(log: &'l [Value], event: &str) -> Vec<&'l Value> {
    log.iter().filter(|line| line["event"] == event).collect()
}

/// The payload of the packet that a line shows.
fn payload(line: &Value) -> Value {
    let hex = line["raw_packet_hex"].as_str().unwrap();
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
    let Ok(Decoded::Complete { frame, len }) = Frame::decode(&bytes) else { panic!("{line}") };
    assert_eq!(len, bytes.len());
    serde_json::from_slice(frame.payload()).unwrap()
}

#[test]
#[cfg(unix)]
fn every_mode_has_its_exit_code_and_two_attempts() {
    for (mode, args, code, applied, connections) in [
        ("success", "", 0, "1", "1"),
        ("delay --delay 20ms", "", 0, "1", "1"),
        ("delay --delay 1h", "--io-timeout 200ms", 4, "2", "2"),
        ("timeout", "--io-timeout 200ms", 4, "2", "2"),
        ("timeout", "--io-timeout 200ms --max-attempts 1", 4, "1", "1"),
        ("timeout", "--io-timeout 200ms --max-attempts 3", 4, "3", "3"),
        ("disconnect", "", 3, "2", "2"),
        ("reject", "", 3, "0", "2"),
    ] {
        let device = device(&format!("--mode {mode}"));
        let toggled = lab(&device.port, args);
        assert_eq!(toggled.code, Some(code), "{mode} {args}: {toggled:?}");
        let answered = if code == 0 { "1" } else { "0" };
        assert_eq!(toggled.summary("acknowledged"), answered, "{mode} {args}: {toggled:?}");
        let ended = device.interrupt();
        assert_eq!(ended.code, Some(130), "{ended:?}");
        let counts = (ended.summary("applied by device"), ended.summary("connections"));
        assert_eq!(counts, (applied, connections), "{mode} {args}");
    }
}

#[test]
fn nobody_to_connect_to_is_said_in_one_line_after_two_attempts() {
    let run = lab(&unused_port(), "--log-level info --log-format json");
    run.fails(3, "start a device with `cync simulate --wire lab`");
    let log = log(&run);
    let attempts = events(&log, "attempt");
    let of = |name| attempts.iter().map(|line| line[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("outcome"), ["connect_failed", "connect_failed"]);
    assert_eq!(of("attempt"), [1, 2]);
    let waited = of("elapsed_ms")[1].as_f64().unwrap() - of("elapsed_ms")[0].as_f64().unwrap();
    assert!(waited >= 250.0, "no back-off: {waited} ms");
    let [command] = events(&log, "command")[..] else { panic!("{log:?}") };
    assert_eq!(
        (&command["level"], &command["outcome"]),
        (&"WARN".into(), &"connect_failed".into())
    );
    assert_eq!((&command["handed_over"], &command["attempts"]), (&false.into(), &0.into()));
}

#[test]
fn every_line_of_a_packet_has_the_specified_fields() {
    let device = device("");
    let run =
        lab(&device.port, "--device-id DEVICE123 --count 3 --log-level debug --log-format json");
    assert_eq!(run.code, Some(0), "{run:?}");
    let log = log(&run);
    let mut by_message: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in events(&log, "tcp_packet") {
        const NAMES: [&str; 12] = [
            "ts",
            "level",
            "module",
            "line",
            "message",
            "event",
            "direction",
            "msg_id",
            "device_id",
            "raw_packet_hex",
            "elapsed_ms",
            "outcome",
        ];
        let names: Vec<_> = line.as_object().unwrap().keys().take(12).collect();
        assert_eq!(names, NAMES, "{line}");
        assert_eq!(
            (&line["device_id"], &line["outcome"]),
            (&"DEVICE123".into(), &"success".into())
        );
        assert!(line["elapsed_ms"].is_f64() && line["line"].is_u64(), "{line}");
        let msg_id = line["msg_id"].as_str().unwrap();
        let (version, variant) = (&msg_id[12..13], &msg_id[16..17]);
        assert!(msg_id.len() == 32 && version == "7" && "89ab".contains(variant), "{msg_id}");
        assert_eq!(payload(line)["msg_id"], msg_id);
        by_message.entry(msg_id).or_default().push(line["direction"].as_str().unwrap());
    }
    let exchanges: Vec<_> = by_message.values().collect();
    assert_eq!(exchanges, [&["send", "recv"]; 3], "{log:?}");
    // The identifiers sort as the commands came.
    let commands: Vec<_> =
        events(&log, "command").iter().map(|line| line["msg_id"].as_str().unwrap()).collect();
    assert_eq!(commands, by_message.keys().copied().collect::<Vec<_>>());
}

#[test]
fn a_request_is_the_specified_frame_and_an_attempt_repeats_it() {
    let (heard, hears) = std::sync::mpsc::channel();
    let port = peers(move |number, mut stream| {
        heard.send(request(&mut stream)).unwrap();
        if number > 1 {
            stream.write_all(b"whatever").unwrap();
            read_to_the_end(&stream);
        }
    });
    let run = lab(&port, "--device-id lamp --state off");
    assert_eq!((run.code, run.summary("re-transmissions")), (Some(0), "1"), "{run:?}");
    let (first, second) = (hears.recv().unwrap(), hears.recv().unwrap());
    assert_eq!(first, second);
    assert_eq!(first[..3], [0xf0, 0x0d, 1]);
    let Ok(Decoded::Complete { frame, .. }) = Frame::decode(&first) else { panic!("{first:?}") };
    let read: Value = serde_json::from_slice(frame.payload()).unwrap();
    let names: Vec<_> = read.as_object().unwrap().keys().collect();
    assert_eq!(names, ["opcode", "device_id", "msg_id", "state"]);
    let said = (&read["opcode"], &read["device_id"], &read["state"]);
    assert_eq!(said, (&"toggle".into(), &"lamp".into(), &false.into()));
}

#[test]
fn a_message_succeeds_once_however_often_it_is_answered() {
    let port = peers(|number, mut stream| {
        request(&mut stream);
        if number > 1 {
            // The client may have left after the first byte.
            let _ = stream.write_all(b"one").and_then(|()| stream.write_all(b"two"));
            read_to_the_end(&stream);
        }
    });
    let run = lab(&port, "--log-level debug --log-format json");
    assert_eq!((run.code, run.summary("acknowledged")), (Some(0), "1"), "{run:?}");
    let log = log(&run);
    let [command] = events(&log, "command")[..] else { panic!("{log:?}") };
    assert_eq!((&command["outcome"], &command["attempts"]), (&"success".into(), &2.into()));
    let received =
        events(&log, "tcp_packet").into_iter().filter(|line| line["direction"] == "recv");
    assert_eq!(received.count(), 1, "{log:?}");
    let [attempt] = events(&log, "attempt")[..] else { panic!("{log:?}") };
    assert_eq!(
        (&attempt["outcome"], &attempt["msg_id"]),
        (&"disconnected".into(), &command["msg_id"])
    );
}

#[test]
fn no_authentication_code_is_shown_whoever_sends_it() {
    const CANARY: &str = "canary-012345678";
    let port = peers(|_, mut stream| {
        request(&mut stream);
        let greeting =
            [&b"\x23\0\0\0\x1a\x03\0\0\0\x01\0\x10"[..], CANARY.as_bytes(), b"\0\0\x3c"].concat();
        stream.write_all(&greeting).unwrap();
        read_to_the_end(&stream);
    });
    let mut command = command(&["toggle", "--wire", "lab", "--device-host", "127.0.0.1"]);
    command.args(["--device-port", &port, "--log-level", "trace"]).env("CYNC_AUTH_CODE", CANARY);
    let run = run(command, b"");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("raw_packet_hex=230000001a0300000001"), "{run:?}");
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    for text in [&run.stdout, &run.stderr] {
        assert!(!text.contains(CANARY) && !text.contains(&hex), "{text}");
    }
}

#[test]
fn a_simulated_laboratory_needs_no_other_terminal() {
    let run = cync(&["toggle", "--simulate", "--wire", "lab", "--count", "5"], b"");
    assert_eq!((run.code, run.summary("acknowledged")), (Some(0), "5"), "{run:?}");
    assert_eq!((run.summary("applied by device"), &*run.stderr), ("5", ""));
}

#[test]
#[cfg(unix)]
fn an_interrupt_ends_the_run_with_a_summary() {
    let (heard, hears) = std::sync::mpsc::channel();
    let port = peers(move |_, mut stream| {
        request(&mut stream);
        heard.send(()).unwrap();
        read_to_the_end(&stream);
    });
    let run = peer::start_toggle(&port, &["--wire", "lab", "--io-timeout", "1h", "--count", "3"]);
    hears.recv().unwrap();
    run.interrupt();
    let run = run.finish();
    assert_eq!((run.code, run.summary("interrupted")), (Some(130), "1 (it may be executed)"));
    assert_eq!(run.summary("not attempted"), "2");
}

#[test]
fn arguments_of_the_other_wire_are_usage_errors() {
    for (args, says) in [
        (
            "toggle --simulate --wire lab --until executed",
            "'--until' cannot be used with '--wire lab'",
        ),
        ("toggle --simulate --wire lab --loss 1%", "'--loss' cannot be used with '--wire lab'"),
        ("toggle --simulate --io-timeout 1s", "'--io-timeout' cannot be used with '--wire cync'"),
        ("toggle --simulate --wire lab --io-timeout 0s", "--io-timeout is too short"),
        ("toggle --simulate --wire lab --connect-timeout 0s", "--connect-timeout is too short"),
        (
            "simulate --port 0 --wire lab --metrics-port 0",
            "'--metrics-port' cannot be used with '--wire lab'",
        ),
        ("toggle --simulate --wire morse", "possible values: cync, lab"),
        ("simulate --port 0 --mode reject", "'--mode' cannot be used with '--wire cync'"),
        (
            "simulate --port 0 --wire lab --latency 1ms",
            "'--latency' cannot be used with '--wire lab'",
        ),
        ("simulate --port 0 --wire lab --delay 1s", "--delay is of no use without --mode delay"),
        (
            "simulate --port 0 --wire lab --mode maybe",
            "success, delay, timeout, disconnect, reject",
        ),
    ] {
        let run = cync(&args.split(' ').collect::<Vec<_>>(), b"");
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{args}: {run:?}");
        assert!(run.stderr.contains(says), "{args}: {run:?}");
    }
}

#[test]
#[cfg(unix)]
fn garbage_ends_its_own_connection_only_and_switches_nothing() {
    let device = device("--log-level error");
    let frame = |payload: &[u8]| {
        [b"\xf0\x0d\x01\0\0\0", &[u8::try_from(payload.len()).unwrap()][..], payload].concat()
    };
    let garbage = [
        b"\0".to_vec(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"\xf0\x0d\x02\0\0\0\0".to_vec(),
        b"\xf0\x0d\x01\xff\xff\xff\xff".to_vec(),
        frame(b""),
        frame(b"{}"),
        frame(b"[1]"),
        frame(br#"{"opcode":"reset","device_id":"a","msg_id":"b","state":true}"#),
        frame(br#"{"opcode":"toggle","device_id":"a","msg_id":"b","state":"on"}"#),
    ];
    for bytes in garbage {
        let mut stream = device.dial();
        stream.write_all(&bytes).unwrap();
        read_to_the_end(&stream);
    }
    let run = lab(&device.port, "--state on");
    assert_eq!(run.code, Some(0), "{run:?}");
    let ended = device.interrupt();
    assert_eq!((ended.summary("applied by device"), ended.summary("state")), ("1", "on"));
}
