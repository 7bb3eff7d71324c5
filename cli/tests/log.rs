//! The log: what a line says, that one record is one line, and what a slow reader of it costs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;
mod peer;

use command::{Running, command, cync, run};
use cync_core::lab::Toggle;
use cync_core::wire::{Endpoint, Login, MAX_PACKET, Packet, Secret};
use peer::{Device, greeted, peer, read_to_the_end, toggle};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

/// The lines of a log in JSON; those of complaints are left out.
fn lines(stderr: &str) -> Vec<Value> {
    let lines = stderr.lines().filter(|line| !line.starts_with("cync: "));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn events<'l>(log: &'l [Value], event: &str) -> Vec<&'l Value> {
    log.iter().filter(|line| line["event"] == event).collect()
}

/// Ends lines, moves the cursor, colours what follows, and turns it around.
const HOSTILE: &str = "a\n{\"level\":\"FORGED\"}\r\x1b[2J\u{9b}31m\u{2028}\u{202e}";

#[test]
fn a_log_at_info_has_a_line_a_command_and_one_for_every_change_of_a_connection() {
    let run = cync(
        &[
            "toggle",
            "--simulate",
            "--count",
            "10",
            "--loss",
            "20%",
            "--seed",
            "1",
            "--until",
            "executed",
            "--log-level",
            "info",
            "--log-format",
            "json",
        ],
        b"",
    );
    assert_eq!(run.code, Some(0), "{run:?}");
    let log = lines(&run.stderr);
    let commands = events(&log, "command");
    assert_eq!(commands.len(), 10);
    assert!(
        commands.iter().all(|line| line["outcome"] == "executed" && line["elapsed_ms"].is_f64())
    );
    let others: Vec<_> = log.iter().filter(|line| line["event"] != "command").collect();
    assert!(
        others.iter().all(|line| line["event"] == "connected" || line["event"] == "disconnected")
    );
    assert!(others.len() <= 4, "{others:?}");
}

#[test]
fn what_is_logged_of_a_message_has_its_identifier_in_both_directions_and_at_every_attempt() {
    let run = cync(
        &[
            "toggle",
            "--simulate",
            "--count",
            "4",
            "--drop-pattern",
            "2",
            "--device-id",
            "kitchen",
            "--until",
            "executed",
            "--log-level",
            "debug",
            "--log-format",
            "json",
        ],
        b"",
    );
    assert_eq!(run.code, Some(0), "{run:?}");
    let log = lines(&run.stderr);
    for (number, command) in (1..).zip(events(&log, "command")) {
        let of_it: Vec<_> = log.iter().filter(|line| line["msg_id"] == command["msg_id"]).collect();
        assert!(of_it.iter().all(|line| line["device_id"] == "kitchen"), "{of_it:?}");
        let sent: Vec<_> = of_it.iter().filter(|line| line["direction"] == "send").collect();
        assert_eq!(sent.len(), if number == 2 { 2 } else { 1 }, "{of_it:?}");
        assert!(sent.iter().all(|line| line["raw_packet_hex"] == sent[0]["raw_packet_hex"]));
        let elapsed = |at: usize| sent[at]["elapsed_ms"].as_f64().unwrap();
        assert!(
            elapsed(0) == 0.0 && elapsed(sent.len() - 1) >= if number == 2 { 250.0 } else { 0.0 }
        );
        let received = of_it.iter().filter(|line| line["direction"] == "recv");
        let kinds: Vec<_> = received
            .map(|line| {
                assert!(line["elapsed_ms"].is_f64() && line["outcome"] == "success", "{line}");
                line["raw_packet_hex"].as_str().unwrap()[..2].to_owned()
            })
            .collect();
        assert_eq!(kinds, ["7b", "73"], "{of_it:?}");
    }
}

#[test]
fn a_refusal_says_so_in_its_packet_and_in_its_command() {
    let port = greeted(|mut talk| {
        while let Some(command) = talk.hear_command() {
            talk.acknowledge(&command, 5);
        }
    });
    let run = toggle(&port, &["--log-level", "debug", "--log-format", "json"]);
    assert_eq!(run.code, Some(5), "{run:?}");
    let log = lines(&run.stderr);
    let [command] = events(&log, "command")[..] else { panic!("{log:?}") };
    assert_eq!((&command["level"], &command["outcome"]), (&"WARN".into(), &"nack".into()));
    let refusals = events(&log, "tcp_packet").into_iter().filter(|line| line["outcome"] == "nack");
    let ids: Vec<_> = refusals.map(|line| &line["msg_id"]).collect();
    assert_eq!(ids, [&command["msg_id"]]);
}

#[test]
fn fields_of_spans_are_there_at_every_level() {
    let args = ["--simulate", "--loss", "100%", "--deadline", "1s", "--log-format", "json"];
    let run = cync(&[&["toggle"], &args[..]].concat(), b"");
    // Not even a greeting is answered, or no command is.
    assert!(matches!(run.code, Some(3 | 4)), "{run:?}");
    let log = lines(&run.stderr);
    assert!(!log.is_empty() && log.iter().all(|line| line["device_id"] == "00000001"), "{log:?}");
}

#[test]
#[cfg(unix)]
fn text_of_others_makes_no_lines_and_commands_no_terminal() {
    for format in ["json", "pretty"] {
        let device =
            Device::start(&["--wire", "lab", "--log-level", "trace", "--log-format", format]);
        let mut stream = device.dial();
        let mut bytes = [0; MAX_PACKET];
        let len = Toggle::new(HOSTILE, HOSTILE, true).unwrap().encode(&mut bytes).unwrap();
        stream.write_all(&bytes[..len]).unwrap();
        stream.read_exact(&mut [0; 7]).unwrap();
        drop(stream);
        let args = [
            "--wire",
            "lab",
            "--device-id",
            HOSTILE,
            "--log-level",
            "trace",
            "--log-format",
            format,
        ];
        let client = toggle(&device.port, &args);
        assert_eq!(client.code, Some(0), "{client:?}");
        let nowhere =
            ["toggle", "--device-host", HOSTILE, "--log-level", "trace", "--log-format", format];
        let nowhere = cync(&nowhere, b"");
        assert_eq!(nowhere.code, Some(3), "{nowhere:?}");
        for run in [device.interrupt(), client, nowhere] {
            for line in run.stderr.lines() {
                let is_printable =
                    |char: char| !char.is_control() && !"\u{2028}\u{202e}".contains(char);
                assert!(line.chars().all(is_printable), "{line:?}");
                assert!(!line.starts_with('{') || format == "json", "{line}");
                assert!(!line.starts_with("{\"level\":\"FORGED\""), "{line}");
            }
            if format == "json" {
                assert!(lines(&run.stderr).iter().all(|line| line["ts"].is_string()));
            }
        }
    }
}

#[test]
#[cfg(unix)]
fn a_greeting_that_is_received_is_masked_however_it_is_split() {
    const CANARY: &str = "canary-012345678";
    let login = Login::new(Endpoint(0x77), Secret::new(CANARY.as_bytes()), 60);
    let mut bytes = [0; MAX_PACKET];
    let len = Packet::Handshake(login).encode(&mut bytes).unwrap();
    let greeting = &bytes[..len];
    let device = Device::start(&["--log-level", "trace"]);
    let beat = [0xd3, 0, 0, 0, 0];
    for split in 0..len {
        let mut stream = device.dial();
        stream.write_all(greeting).unwrap();
        stream.read_exact(&mut [0; 7]).unwrap();
        // A second one, in two parts: the answer to a heartbeat shows that the first part was read.
        stream.write_all(&[&beat, &greeting[..split]].concat()).unwrap();
        stream.read_exact(&mut [0; 5]).unwrap();
        stream.write_all(&greeting[split..]).unwrap();
        // A third one, out of step: what looks like a packet ends inside it. The device may have hung up by now.
        let behind = u8::try_from(split).unwrap();
        let _ = stream.write_all(&[&[0x99, 0, 0, 0, behind], greeting].concat());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        read_to_the_end(&stream);
    }
    let run = device.interrupt();
    assert!(run.stderr.contains("raw_packet_hex=230000001a0300000077001"), "{run:?}");
    let hex = |part: &str| part.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    for part in [CANARY, &CANARY[..6], &CANARY[10..]] {
        assert!(!run.stderr.contains(part) && !run.stderr.contains(&hex(part)), "{part}");
    }
}

#[test]
fn a_slow_standard_error_costs_debug_records_and_no_others() {
    let args = [
        "toggle",
        "--simulate",
        "--count",
        "1500",
        "--quiet",
        "--log-level",
        "trace",
        "--log-format",
        "json",
    ];
    let mut child = command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Nobody reads the log until the run is over: it ends all the same.
    let summary = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let last = summary.take_while(|line| !line.starts_with("seed ")).last().unwrap();
    assert!(last.starts_with("from device"), "{last}");
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let log = lines(&stderr);
    let commands: Vec<_> =
        events(&log, "command").iter().map(|line| line["index"].as_u64().unwrap()).collect();
    assert!(commands.iter().copied().eq(0..1500), "INFO was dropped");
    let dropped = events(&log, "log_dropped");
    assert!(!dropped.is_empty(), "nothing was dropped: the log was not larger than its queue");
    assert!(dropped.iter().all(|line| line["level"] == "WARN" && line["count"].as_u64() > Some(0)));
    let shown = log.iter().filter(|line| line["level"] == "DEBUG").count();
    assert!(shown > 100, "not only what matters is left: {shown}");
}

#[test]
#[cfg(unix)]
fn an_interrupt_writes_what_waits() {
    let mut run = Running::start(&[
        "toggle",
        "--simulate",
        "--count",
        "100000",
        "--log-level",
        "debug",
        "--log-format",
        "json",
    ]);
    run.line();
    run.interrupt();
    let run = run.finish();
    assert_eq!(run.code, Some(130), "{run:?}");
    assert!(run.stderr.ends_with("}\n"));
    let commands = events(&lines(&run.stderr), "command").len();
    assert_eq!(run.summary("acknowledged"), commands.to_string());
}

#[test]
fn a_closed_standard_error_stops_no_run_at_any_level() {
    for level in ["info", "trace"] {
        let args = ["toggle", "--simulate", "--count", "50", "--log-level", level];
        let mut child =
            command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stderr.take());
        let mut stdout = String::new();
        child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{stdout}");
    }
}

#[test]
fn the_authentication_code_is_in_no_line_of_either_format() {
    const CANARY: &str = "canary-0123456789";
    let hex: String = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let garbling = || {
        peer(|mut stream| {
            // Sends the greeting back, as an echo does.
            let mut bytes = [0; 256];
            let len = stream.read(&mut bytes).unwrap();
            let _ = stream.write_all(&bytes[..len]);
            read_to_the_end(&stream);
        })
    };
    for format in ["json", "pretty"] {
        for target in [
            vec!["--simulate".to_owned()],
            vec!["--device-host=127.0.0.1".to_owned(), format!("--device-port={}", garbling())],
        ] {
            let mut command = command(&["toggle", "--log-level", "trace", "--log-format", format]);
            command.args(&target).env("CYNC_AUTH_CODE", CANARY);
            let run = run(command, b"");
            assert!(run.stderr.contains("2a2a2a2a2a2a"), "{run:?}");
            for text in [&run.stdout, &run.stderr] {
                assert!(!text.contains(CANARY) && !text.contains(&hex), "{text}");
            }
        }
    }
}
