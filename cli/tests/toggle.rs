//! `cync toggle`: what it reports of good and bad devices, and its exit codes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;
mod peer;

use command::{Run, Running, command, cync, run};
use cync_core::wire::{LoginAck, Packet, StatusCode};
use peer::{Device, Talk, greeted, peer, read_to_the_end, start_toggle, toggle, unused_port};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::process::Stdio;
use std::time::{Duration, Instant};

const HARD: [&str; 12] = [
    "toggle",
    "--simulate",
    "--count",
    "10",
    "--until",
    "executed",
    "--loss",
    "20%",
    "--duplicate",
    "10%",
    "--latency",
    "5ms",
];

/// What every command switched to.
fn states(stdout: &str) -> Vec<String> {
    let commands = stdout.lines().filter(|line| line.contains("transmitted"));
    commands.map(|line| line.split_whitespace().nth(1).unwrap().to_owned()).collect()
}

#[test]
fn a_bad_link_loses_no_command_and_repeats_none() {
    let start = |seed: &str| Running::start(&[&HARD[..], &["--seed", seed]].concat());
    let runs: Vec<_> = (1..=10).map(|seed| start(&seed.to_string())).collect();
    for (seed, run) in (1..).zip(runs) {
        let run = run.finish();
        assert_eq!(run.code, Some(0), "seed {seed}: {run:?}");
        for name in ["asked", "acknowledged", "executed", "applied by device"] {
            assert_eq!(run.summary(name), "10", "seed {seed}: {run:?}");
        }
        assert_eq!((run.summary("failed"), run.summary("seed")), ("0", &*seed.to_string()));
    }
}

#[test]
fn equal_seeds_switch_to_equal_states() {
    let runs = [(); 2].map(|()| Running::start(&[&HARD[..], &["--seed", "7"]].concat()));
    let [one, other] = runs.map(|run| states(&run.finish().stdout));
    let expected: Vec<_> = ["on", "off"].into_iter().cycle().take(10).collect();
    assert_eq!(one, expected);
    assert_eq!(other, expected);
}

#[test]
#[cfg(unix)]
fn a_second_run_against_the_same_device_is_no_repetition_of_the_first() {
    let device = Device::start(&["--loss", "10%", "--duplicate", "10%", "--seed", "3"]);
    for _ in 0..2 {
        let args = ["--count", "5", "--until", "executed"];
        let run = toggle(&device.port, &args);
        assert_eq!((run.code, run.summary("executed")), (Some(0), "5"), "{run:?}");
    }
    let device = device.interrupt();
    assert_eq!(device.code, Some(130), "{device:?}");
    assert_eq!(device.summary("applied by device"), "10");
}

#[test]
fn nobody_to_connect_to_is_said_in_one_line() {
    let refused = toggle(&unused_port(), &[]);
    refused.fails(3, "nothing listens there; start a device with `cync simulate --port");
    assert_eq!(refused.stdout, "");
    cync(&["toggle", "--device-host", "no-such-host.invalid"], b"").fails(3, "--device-host");
}

#[test]
fn a_peer_that_speaks_another_protocol_is_recognised() {
    const OTHERS: [&[u8]; 3] = [
        b"\x16\x03\x01\x00\x53\x01\x00\x00\x4f\x03\x03",
        b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
        &[0xff; 64],
    ];
    for (bytes, closes) in OTHERS.into_iter().flat_map(|bytes| [(bytes, false), (bytes, true)]) {
        let port = peer(move |mut stream| {
            stream.write_all(bytes).unwrap();
            if !closes {
                read_to_the_end(&stream);
            }
        });
        let run = toggle(&port, &[]);
        run.fails(3, "cannot connect to 127.0.0.1");
        if !closes {
            run.fails(3, "does not speak this protocol");
        }
    }
}

#[test]
fn a_peer_that_closes_before_the_greeting_is_done_is_not_waited_for() {
    let started = Instant::now();
    let at_once = toggle(&peer(drop), &[]);
    at_once.fails(3, "cannot connect to 127.0.0.1");
    let port = peer(|mut stream| {
        stream.write_all(&[0x28, 0, 0, 0, 2, 0]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        read_to_the_end(&stream);
    });
    toggle(&port, &[]).fails(3, "closed the connection before the greeting was done");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
}

#[test]
fn a_peer_that_never_answers_the_greeting_is_given_up() {
    let port = peer(|stream| read_to_the_end(&stream));
    toggle(&port, &[]).fails(3, "the peer did not greet in time");
}

#[test]
fn a_refused_greeting_is_said_with_its_status() {
    let port = peer(|stream| {
        let mut talk = Talk::new(stream);
        talk.hear().unwrap();
        talk.say(&Packet::HelloAck(LoginAck { status: StatusCode(1), reserved: 0 }));
    });
    toggle(&port, &[]).fails(3, "refused the greeting with status 01; check --endpoint");
}

#[test]
fn what_is_acknowledged_and_never_executed_ends_at_its_deadline() {
    let port = greeted(|mut talk| {
        while let Some(command) = talk.hear_command() {
            talk.acknowledge(&command, 0);
        }
    });
    let run = toggle(&port, &["--until", "executed", "--deadline", "1s"]);
    assert_eq!(run.code, Some(6), "{run:?}");
    assert!(
        run.stdout.contains("FAILED: unknown: no answer in time; it was acknowledged\n"),
        "{run:?}"
    );
    let summary = ["acknowledged", "executed", "failed"].map(|name| run.summary(name));
    assert_eq!(summary, ["1", "0", "1"]);
}

#[test]
fn what_is_never_acknowledged_ends_at_its_deadline() {
    let run = cync(&["toggle", "--simulate", "--loss", "100%", "--deadline", "1s"], b"");
    assert_eq!(run.code, Some(4), "{run:?}");
    assert_eq!((run.summary("failed"), run.summary("applied by device")), ("1", "0"));
}

#[test]
fn a_refusal_is_not_tried_again() {
    let port = greeted(|mut talk| {
        while let Some(command) = talk.hear_command() {
            talk.acknowledge(&command, 5);
        }
    });
    let run = toggle(&port, &[]);
    assert_eq!(run.code, Some(5), "{run:?}");
    assert!(run.stdout.contains("refused the message with status 05"), "{run:?}");
    assert_eq!(run.summary("re-transmissions"), "0");
}

#[test]
fn a_lamp_that_is_not_there_does_not_execute() {
    let device = Device::start(&["--device", "2"]);
    let absent = toggle(&device.port, &["--until", "executed"]);
    assert_eq!(absent.code, Some(5), "{absent:?}");
    let present = toggle(&device.port, &["--until", "executed", "--device", "2"]);
    assert_eq!(present.code, Some(0), "{present:?}");
}

#[test]
fn a_result_may_come_before_the_acknowledgement_and_without_it() {
    let port = greeted(|mut talk| {
        while let Some(command) = talk.hear_command() {
            talk.report(&command, 0);
        }
    });
    let run = toggle(&port, &["--until", "executed", "--count", "3"]);
    assert_eq!((run.code, run.summary("executed")), (Some(0), "3"), "{run:?}");
}

#[test]
fn a_connection_lost_in_the_middle_ends_the_run_with_a_summary() {
    let port = greeted(|mut talk| {
        for _ in 0..2 {
            let command = talk.hear_command().unwrap();
            talk.acknowledge(&command, 0);
        }
        talk.hear_command().unwrap();
    });
    let run = toggle(&port, &["--count", "5"]);
    run.fails(3, "gave up after 3 commands");
    let summary = ["asked", "acknowledged", "failed", "not attempted"];
    assert_eq!(summary.map(|name| run.summary(name)), ["5", "2", "1", "2"]);
}

#[test]
fn a_device_that_sends_garbage_is_not_said_to_have_stopped() {
    let port = greeted(|mut talk| {
        talk.hear_command().unwrap();
        let mut stream = talk.into_stream();
        stream.write_all(&[0xff; 64]).unwrap();
        read_to_the_end(&stream);
    });
    let run = toggle(&port, &[]);
    run.fails(3, "this side hung up: what the device sent is not the protocol");
    assert_eq!(run.summary("connections"), "1, 1 lost (hangup 1), 0 made again");
}

#[test]
fn json_has_the_connections_and_what_happened_on_the_link() {
    let summary = |run: &Run| run.json().pop().unwrap()["summary"].take();
    let simulated = ["toggle", "--simulate", "--count", "10", "--json", "--quiet"];
    let ended = |hangup: u32, peer: u32| json!({ "hangup": hangup, "peer": peer, "error": 0, "replaced": 0 });
    let good = cync(&[&simulated[..], &["--drop-pattern", "1/5"]].concat(), b"");
    let good = summary(&good);
    assert_eq!([&good["dials"], &good["connections"]], [1, 1]);
    assert_eq!([&good["disconnections"], &good["reconnections"]], [&ended(0, 0); 2]);
    assert_eq!(good["links"]["to_device"]["dropped"], 2);
    for name in ["duplicated", "reordered", "corrupted"] {
        assert_eq!(good["links"]["to_device"][name], 0, "{name}");
    }
    assert_eq!(good["links"]["from_device"]["dropped"], 0);
    assert!(good["links"]["from_device"]["packets"].as_u64() >= Some(10), "{good}");

    let port = greeted(|mut talk| drop(talk.hear_command()));
    let lost = summary(&toggle(&port, &["--json"]));
    assert_eq!([&lost["disconnections"], &lost["reconnections"]], [&ended(0, 1), &ended(0, 0)]);
    assert_eq!(lost["links"], json!(null), "there is no simulated one");

    let lab = summary(&cync(&[&simulated[..], &["--wire", "lab"]].concat(), b""));
    for name in ["dials", "connections", "disconnections", "reconnections", "links"] {
        assert_eq!(lab.get(name), Some(&json!(null)), "{name}: there is no session");
    }
}

#[test]
fn a_killed_device_ends_the_run_with_a_summary() {
    let mut device = Device::start(&["--latency", "5ms"]);
    let mut run = start_toggle(&device.port, &["--count", "100000"]);
    run.line();
    device.kill();
    let run = run.finish();
    run.fails(3, "gave up after");
    assert_eq!(run.summary("failed"), "1");
}

#[test]
fn of_two_clients_with_one_endpoint_the_newer_stays_and_the_older_is_told() {
    let device = Device::start(&["--latency", "5ms"]);
    let mut older = start_toggle(&device.port, &["--count", "100000"]);
    older.line();
    let newer = toggle(&device.port, &["--count", "3", "--until", "executed"]);
    assert_eq!((newer.code, newer.summary("executed")), (Some(0), "3"), "{newer:?}");
    older.finish().fails(3, "another client with the same --endpoint");
}

#[test]
fn two_endpoints_do_not_disturb_each_other() {
    let device = Device::start(&[]);
    let runs = ["1", "2"]
        .map(|endpoint| start_toggle(&device.port, &["--count", "20", "--endpoint", endpoint]));
    for run in runs {
        let run = run.finish();
        assert_eq!((run.code, run.summary("acknowledged")), (Some(0), "20"), "{run:?}");
    }
}

#[test]
fn wrong_arguments_are_usage_errors_that_say_what_is_right() {
    for (args, says) in [
        ("--simulate --state maybe", "possible values: on, off, alternate"),
        ("--simulate --count 0", "1..=1000000"),
        ("--simulate --count many", "invalid digit"),
        ("--simulate --loss 120%", "20%"),
        ("--simulate --loss x", "20%"),
        ("--simulate --latency 5", "30ms"),
        ("--simulate --latency 2001ms", "longer than 2s"),
        ("--simulate --latency-variance 3s", "longer than 2s"),
        ("--simulate --reorder 30", "20%"),
        ("--simulate --reorder-delay 1h", "longer than 2s"),
        ("--simulate --corrupt 101%", "20%"),
        ("--simulate --drop-pattern 0/5", "1,6,11"),
        ("--simulate --drop-pattern 1,x", "1/5"),
        ("--simulate --drop-pattern 1/5 --loss 5%", "cannot be used with"),
        ("--simulate --device 0", "1..=254"),
        ("--simulate --max-attempts 0", "1 to 65535"),
        ("--simulate --endpoint zz", "eight hex digits"),
        ("--simulate --deadline 1ms", "250ms"),
        ("--simulate --device-host localhost", "cannot be used with"),
        ("--simulate --device-port 9000", "cannot be used with"),
        ("--device-host localhost --device-port 65536", "1 to 65535"),
        ("--device-host localhost --loss 20%", "cannot be used with"),
        ("--device-host localhost --duplicate 0%", "cannot be used with"),
        ("--device-host localhost --latency 1ms", "cannot be used with"),
        ("--device-host localhost --latency-variance 1ms", "cannot be used with"),
        ("--device-host localhost --reorder 1%", "cannot be used with"),
        ("--device-host localhost --reorder-delay 1ms", "cannot be used with"),
        ("--device-host localhost --corrupt 1%", "cannot be used with"),
        ("--device-host localhost --drop-pattern 1/5", "cannot be used with"),
        ("--device-host localhost --seed 7", "cannot be used with"),
        ("--listen 127.0.0.1:0 --seed 7", "cannot be used with"),
        ("--simulate --reorder-delay 100ms", "--reorder <RATE>"),
        ("--simulate --latency-variance 5ms", "--latency <TIME>"),
        ("--device-host localhost --device-port 0", "1 to 65535"),
        ("", "--simulate|--device-host <HOST>"),
    ] {
        let args: Vec<_> = ["toggle"].into_iter().chain(args.split_whitespace()).collect();
        let run = cync(&args, b"");
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{args:?}: {run:?}");
        assert!(run.stderr.contains(says), "{args:?}: {run:?}");
    }
}

#[test]
fn an_unreadable_code_is_said_before_anything_is_sent() {
    let run = cync(&["toggle", "--simulate", "--auth-file", "/no/such/file"], b"");
    run.fails(1, "cannot read the authentication code from /no/such/file");
    assert_eq!(run.stdout, "");
}

#[test]
fn the_authentication_code_is_sent_and_never_shown() {
    const CANARY: &str = "canary-0123456789";
    let port = greeted(|mut talk| {
        let command = talk.hear_command().unwrap();
        talk.acknowledge(&command, 0);
        read_to_the_end(&talk.into_stream());
    });
    let refusing = peer(|stream| {
        let mut talk = Talk::new(stream);
        let hello = talk.hear().unwrap();
        let at = hello.windows(CANARY.len()).position(|bytes| bytes == CANARY.as_bytes());
        let status = StatusCode(if at.is_some() { 0x0c } else { 0x0d });
        talk.say(&Packet::HelloAck(LoginAck { status, reserved: 0 }));
    });
    let start = |args: &[&str]| {
        let mut command = command(&["toggle", "--log-level", "trace"]);
        command.args(args).env("CYNC_AUTH_CODE", CANARY);
        run(command, b"")
    };
    let to = |port| ["--device-host", "127.0.0.1", "--device-port", port];
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let runs = [start(&["--simulate"]), start(&to(&port)), start(&to(&refusing))];
    for run in &runs {
        assert!(run.stderr.contains("raw_packet_hex=23000000"), "{run:?}");
        for text in [&run.stdout, &run.stderr] {
            assert!(!text.contains(CANARY) && !text.contains(&hex), "{text}");
        }
    }
    assert_eq!(runs.each_ref().map(|run| run.code), [Some(0), Some(0), Some(3)]);
    assert!(runs[2].stderr.contains("status 0c"), "the code was not sent: {:?}", runs[2]);
}

#[test]
#[cfg(unix)]
fn an_interrupt_ends_the_run_with_a_summary() {
    let mut run = Running::start(&["toggle", "--simulate", "--count", "100000"]);
    run.line();
    run.interrupt();
    let run = run.finish();
    assert_eq!((run.code, run.summary("asked")), (Some(130), "100000"), "{run:?}");
    let ended: u32 = run.summary("acknowledged").parse().unwrap();
    let left: u32 = run.summary("not attempted").parse().unwrap();
    assert!((99_999..=100_000).contains(&(ended + left)), "{run:?}");
}

#[test]
#[cfg(unix)]
fn an_interrupted_command_is_not_counted_as_not_attempted() {
    let (heard, hears) = std::sync::mpsc::channel();
    let port = greeted(move |mut talk| {
        talk.hear_command().unwrap();
        heard.send(()).unwrap();
        read_to_the_end(&talk.into_stream());
    });
    let run = start_toggle(&port, &["--count", "3", "--deadline", "1h"]);
    hears.recv().unwrap();
    run.interrupt();
    let run = run.finish();
    assert_eq!(run.code, Some(130), "{run:?}");
    assert_eq!(run.summary("interrupted"), "1 (it may be executed)");
    assert_eq!(run.summary("not attempted"), "2");
}

#[test]
#[cfg(unix)]
fn an_interrupt_while_greeting_ends_the_run() {
    let (heard, hears) = std::sync::mpsc::channel();
    let port = peer(move |stream| {
        let mut talk = Talk::new(stream);
        talk.hear().unwrap();
        heard.send(()).unwrap();
        read_to_the_end(&talk.into_stream());
    });
    let run = start_toggle(&port, &[]);
    hears.recv().unwrap();
    run.interrupt();
    let run = run.finish();
    assert_eq!((run.code, run.summary("not attempted")), (Some(130), "1"), "{run:?}");
}

#[test]
fn a_closed_standard_output_stops_nothing() {
    let mut command = command(&["toggle", "--simulate", "--count", "200", "--until", "executed"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::with_capacity(1, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), &*stderr), (Some(0), ""));
    assert!(first.contains("executed"), "{first}");
}

#[test]
fn a_closed_standard_error_stops_nothing() {
    let args = ["toggle", "--simulate", "--count", "20", "--log-level", "trace"];
    let mut child = command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{stdout}");
    assert_eq!(states(&stdout).len(), 20, "{stdout}");
}
