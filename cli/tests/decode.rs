//! `cync decode`: every vector, the three forms, masking, numbers, and bad input.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;

use command::{Run, command, cync};
use serde_json::{Value, json};
use std::process::Stdio;

const D3: &str = "d300000000";
const GREETING: &str = "230000001a0338e8cf46001063616e6172792d617574682d636f646500003c";
const CANARY: &str = "63616e6172792d617574682d636f6465";

fn vectors(group: &str) -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/packets.json");
    let text = std::fs::read_to_string(path).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    all[group].as_array().unwrap().clone()
}

fn decode_hex(hex: &str, flags: &[&str]) -> Run {
    let args: Vec<&str> = ["decode", "-", "--format", "hex"].iter().chain(flags).copied().collect();
    cync(&args, hex.as_bytes())
}

fn chunk(n: u32, conn: &str, direction: &str, hex: &str) -> String {
    json!({"n": n, "conn": conn, "direction": direction, "hex": hex}).to_string() + "\n"
}

#[test]
fn a_code_that_a_false_packet_cuts_in_two_is_masked_whole() {
    // A heartbeat that declares so many bytes of the greeting behind it.
    for len in 0..GREETING.len() / 2 {
        let stream = format!("d3000000{len:02x}{GREETING}{D3}{D3}{D3}");
        for flags in [&[][..], &["--json"], &["--annotate"], &["--stats"]] {
            let (together, apart) = (decode_hex(&stream, flags), {
                let (first, rest) = stream.split_at(2 * (5 + len));
                decode_hex(&format!("{first}\n{rest}"), flags)
            });
            for run in [together, apart] {
                let all = format!("{}{}", run.stdout, run.stderr).replace(' ', "");
                let digits = CANARY.as_bytes().windows(8).step_by(2);
                let seen = digits.filter(|part| all.contains(str::from_utf8(part).unwrap()));
                assert_eq!(seen.count(), 0, "{len} {flags:?} {all}");
            }
        }
    }
    let shown = decode_hex(&format!("d300000014{GREETING}"), &["--json", "--show-secrets"]);
    assert!(shown.stdout.contains("7574682d63"), "{}", shown.stdout);
}

#[test]
fn every_valid_vector_gives_the_expected_packets_key_by_key_in_order() {
    for vector in vectors("valid").iter().chain(&vectors("derived_valid")) {
        let run = decode_hex(vector["hex"].as_str().unwrap(), &["--json", "--show-secrets"]);
        assert_eq!(run.code, Some(0), "{}: {}", vector["name"], run.stderr);
        let expected: Vec<String> = vector["expected"]["packets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|packet| {
                format!("{{\"n\":0,\"conn\":null,\"direction\":null,\"packet\":{packet}}}")
            })
            .collect();
        let lines: Vec<&str> = run.stdout.lines().collect();
        assert_eq!(lines, expected, "{}", vector["name"]);
    }
}

#[test]
fn every_malformed_vector_gives_its_reason_and_exit_code_8() {
    for vector in vectors("malformed") {
        let (name, framer) = (&vector["name"], &vector["expected"]["framer"]);
        let hex = vector["hex"].as_str().unwrap();
        if hex.is_empty() {
            continue;
        }
        let run = decode_hex(hex, &["--json", "--show-secrets"]);
        let lines = run.json();
        let skips = framer["errors"].as_array().unwrap();
        let frames = framer["frames"].as_array().unwrap();
        assert_eq!(lines.len(), skips.len() + frames.len(), "{name}");
        let waits = lines.is_empty();
        assert_eq!(run.code, Some(if waits { 0 } else { 8 }), "{name}");
        if !waits {
            assert_eq!(lines[0]["error"], vector["expected"]["decode_error"], "{name}");
            assert_eq!(lines[0]["type"], u8::from_str_radix(&hex[..2], 16).unwrap(), "{name}");
        }
        for (line, skip) in lines.iter().zip(skips) {
            assert_eq!(line["skipped"], skip["skipped"], "{name}");
            assert_eq!(line["hex"], hex[..10], "{name}");
        }
        for (line, frame) in lines[skips.len()..].iter().zip(frames) {
            let shown =
                if line["packet"].is_null() { &line["hex"] } else { &line["packet"]["hex"] };
            assert_eq!(shown, frame, "{name}");
        }
        let stats = decode_hex(hex, &["--stats"]).json().remove(0);
        assert_eq!(stats["pending_bytes"], framer["pending"], "{name}");
    }
}

#[test]
fn a_chunk_border_inside_a_packet_changes_only_where_it_ends() {
    let text = chunk(3, "a", "dev_to_cloud", "7b0000")
        + &chunk(4, "a", "cloud_to_dev", "d80000")
        + &chunk(5, "b", "dev_to_cloud", D3)
        + &chunk(6, "a", "dev_to_cloud", "000745880f3a001000d3")
        + &chunk(7, "a", "cloud_to_dev", "0000");
    let run = cync(&["decode", "-", "--json"], text.as_bytes());
    let ends: Vec<_> =
        run.json().iter().map(|line| (line["n"].clone(), line["packet"]["type"].clone())).collect();
    assert_eq!(ends, [(json!(5), json!(0xd3)), (json!(6), json!(0x7b)), (json!(7), json!(0xd8))]);
    assert_eq!(run.code, Some(0));
    assert!(
        run.stderr.contains("ends inside a packet (bytes left: 1, streams: 1)"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_chunk_without_a_connection_and_an_injected_one_are_streams_of_their_own() {
    let half = |n: u32, more: &str| {
        format!("{{\"n\":{n},\"direction\":\"dev_to_cloud\",\"hex\":\"d300\",{more}}}\n")
    };
    let rest = chunk(9, "a", "dev_to_cloud", "000000");
    let text = half(0, "\"conn\":null")
        + &half(1, "\"conn\":\"a\"")
        + &half(2, "\"conn\":\"a\",\"injected\":true")
        + &half(3, "\"conn\":null")
        + &rest;
    let run = cync(&["decode", "-", "--stats"], text.as_bytes());
    let stats = &run.json()[0];
    assert_eq!((&stats["packets"], &stats["pending_bytes"]), (&json!(1), &json!(6)));
    assert_eq!(stats["max_pending_bytes"], 2);
}

#[test]
fn bytes_that_are_no_packet_are_reported_where_the_skipping_ends() {
    let text = chunk(0, "a", "dev_to_cloud", "ffffffffff")
        + &chunk(1, "a", "dev_to_cloud", "ffff7b000000")
        + &chunk(2, "a", "dev_to_cloud", "0745880f3a001000")
        + &chunk(3, "b", "dev_to_cloud", "1603010053");
    let run = cync(&["decode", "-", "--json"], text.as_bytes());
    let lines = run.json();
    assert_eq!(run.code, Some(8));
    assert_eq!((&lines[0]["n"], &lines[0]["skipped"]), (&json!(2), &json!(7)));
    assert_eq!((&lines[1]["n"], &lines[1]["packet"]["type"]), (&json!(2), &json!(0x7b)));
    assert_eq!((&lines[2]["n"], &lines[2]["skipped"]), (&json!(3), &json!(1)));
    assert_eq!(lines[2]["hex"], "1603010053");
}

#[test]
fn the_three_forms_say_the_same() {
    let bytes = [0x7b, 0, 0, 0, 7, 0x45, 0x88, 0x0f, 0x3a, 0, 0x10, 0, 0xd3, 0, 0, 0, 0];
    let raw = cync(&["decode", "-", "--json"], &bytes);
    let hex = "# two packets\r\n\r\n7B:00:00:00:07 45880f3a 0010 00  # the first\nd3 00000000\n";
    let hex = cync(&["decode", "-", "--json"], hex.as_bytes());
    let jsonl = chunk(0, "c", "dev_to_cloud", "7b0000000745880f3a001000d300000000");
    let jsonl = cync(&["decode", "-", "--json"], jsonl.as_bytes());
    let packets =
        |run: &Run| run.json().iter().map(|line| line["packet"].clone()).collect::<Vec<_>>();
    assert_eq!(packets(&raw).len(), 2);
    assert_eq!(packets(&raw), packets(&hex));
    assert_eq!(packets(&raw), packets(&jsonl));
}

#[test]
fn types_without_a_recorded_example_have_their_fields() {
    for (hex, fields) in [
        ("180000000201ff", json!({"status": 1, "reserved": 255})),
        (
            "7800000007010203040506aa",
            json!({"endpoint": "01020304", "msg_id": 0x506, "code": 0xaa}),
        ),
        ("a300000007010203040506aa", json!({"flag": 0xaa, "extra": null})),
        ("a300000008010203040506aabb", json!({"flag": 0xaa, "extra": 0xbb})),
        ("a8000000080102030405060a00", json!({"code": 10, "reserved": 0})),
        ("ab00000009010203040506000700", json!({"flag": 0, "payload": "0700"})),
        ("e30000000103", json!({"type_name": "DISCONNECT", "length": 1, "reason": "03"})),
        (
            "130000000b030000000100017800001e",
            json!({"type_name": "APP_LOGIN", "auth_len": 1, "auth": "**", "keepalive_s": 30}),
        ),
    ] {
        let run = decode_hex(hex, &["--json"]);
        let packet = &run.json()[0]["packet"];
        for (key, value) in fields.as_object().unwrap() {
            assert_eq!(&packet[key], value, "{hex} {key}");
        }
    }
}

#[test]
fn the_code_is_masked_in_every_form_unless_it_is_asked_for() {
    let swallowed = format!("ab00000026010203040506 00 {GREETING}");
    let broken = GREETING.replacen("0010", "0011", 1);
    let unknown = format!("530000001f{GREETING}");
    let jsonl = chunk(0, "c", "dev_to_cloud", GREETING);
    for flags in [&[][..], &["--json"], &["--stats"], &["--lenient", "--json"]] {
        for hex in [GREETING, &swallowed, &broken, &unknown] {
            let run = decode_hex(hex, flags);
            let all = run.stdout + &run.stderr;
            assert!(!all.contains(CANARY) && !all.contains("canary"), "{flags:?} {all}");
        }
        let args: Vec<&str> = ["decode", "-"].iter().chain(flags).copied().collect();
        assert!(!cync(&args, jsonl.as_bytes()).stdout.contains(CANARY));
    }
    let masked = decode_hex(GREETING, &["--json"]).json().remove(0);
    assert_eq!(masked["packet"]["auth"], "*".repeat(32));
    assert_eq!(masked["packet"]["hex"], GREETING.replace(CANARY, &"2a".repeat(16)));
    let shown = decode_hex(GREETING, &["--json", "--show-secrets"]).json().remove(0);
    assert_eq!(shown["packet"]["auth"], CANARY);
    assert_eq!(shown["packet"]["hex"], GREETING);
}

const BAD_SUM: &str =
    "830000002538e8cf460009007e1f000000fadb1300872511ee00ee00db110201010a0affffff0000897e";

#[test]
fn lenient_accepts_and_flags_a_wrong_checksum() {
    let strict = decode_hex(BAD_SUM, &["--stats"]);
    assert_eq!(strict.code, Some(8));
    assert_eq!(strict.json()[0]["errors"], json!({"invalid_checksum": 1}));
    assert_eq!(strict.json()[0]["errors_by_type"], json!({"0x83": 1}));

    let lenient = decode_hex(BAD_SUM, &["--stats", "--lenient"]);
    assert_eq!(lenient.code, Some(0));
    assert_eq!(
        (&lenient.json()[0]["decoded"], &lenient.json()[0]["flagged"]),
        (&json!(1), &json!(1))
    );
    let packet = decode_hex(BAD_SUM, &["--json", "--lenient"]).json().remove(0)["packet"].take();
    assert_eq!((&packet["valid"], &packet["meaning"]["device"]), (&json!(false), &json!(238)));
}

#[test]
fn stats_are_one_object_and_no_packets() {
    let run = decode_hex(&format!("{D3}{D3}\n{BAD_SUM}\nd3\n"), &["--stats", "--json"]);
    let expected = json!({
        "chunks": 3, "bytes": 53, "bad_lines": 0, "packets": 3, "decoded": 2, "flagged": 0,
        "types": {"0x83": 1, "0xd3": 2}, "errors": {"invalid_checksum": 1},
        "errors_by_type": {"0x83": 1}, "skipped_bytes": 0, "pending_bytes": 1,
        "max_pending_bytes": 1,
    });
    assert_eq!(run.json(), [expected]);
}

#[test]
fn the_sample_decodes_without_errors() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/samples/boot.jsonl");
    let run = cync(&["decode", path, "--stats"], b"");
    let stats = run.json().remove(0);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(stats["decoded"], stats["packets"]);
    assert_eq!(stats["pending_bytes"], 0);
    let plain = cync(&["decode", path], b"");
    assert_eq!(plain.stdout.lines().count(), 21);
    assert_eq!(plain.stderr, "");
    assert!(plain.stdout.contains("device firmware 11158"), "{}", plain.stdout);
}

#[test]
fn a_bad_line_is_reported_with_its_number_and_the_others_are_decoded() {
    let good = chunk(7, "a", "dev_to_cloud", D3);
    for (bad, why) in [
        ("nonsense", "not JSON"),
        ("[1]", "no object"),
        ("{\"n\":1}", "\"conn\""),
        (&*chunk(1, "a", "sideways", D3), "\"direction\""),
        (&*chunk(1, "a", "dev_to_cloud", "d3000"), "odd number"),
        (&*chunk(1, "a", "dev_to_cloud", "d3xx"), "no hex digit"),
        ("\u{7f}\u{0}\u{1b}[31m", "not JSON"),
    ] {
        let text = format!("{good}{}\n{good}", bad.trim_end());
        let run = cync(&["decode", "-", "--format", "jsonl", "--json"], text.as_bytes());
        assert_eq!(run.code, Some(1), "{bad}");
        assert_eq!(run.json().len(), 2, "{bad}");
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        let says = |part| run.stderr.contains(part);
        assert!(says("standard input: line 2: ") && says(why), "{}", run.stderr);
    }
}

#[test]
fn many_bad_lines_are_counted_rather_than_listed() {
    let run = cync(&["decode", "-", "--format", "jsonl"], &b"x\n".repeat(1000));
    assert_eq!(run.code, Some(1));
    assert_eq!(run.stderr.lines().count(), 21);
    assert!(run.stderr.contains("1000 unusable lines in all"), "{}", run.stderr);
}

#[test]
fn a_gigantic_line_is_refused_and_the_next_one_is_decoded() {
    let text = "00".repeat(1 << 20) + "\n" + D3 + "\n";
    let run = decode_hex(&text, &["--json"]);
    assert_eq!((run.code, run.json().len()), (Some(1), 1));
    assert!(run.stderr.contains("line 1: longer than"), "{}", run.stderr);
}

#[test]
fn an_empty_or_missing_capture_is_an_error_that_names_it() {
    for (input, flags) in [
        (&b""[..], &["--format", "raw"][..]),
        (b"\n# nothing\n", &[]),
        (b"", &[]),
        (b"\n", &["--format", "jsonl"]),
    ] {
        let args: Vec<&str> = ["decode", "-"].iter().chain(flags).copied().collect();
        let run = cync(&args, input);
        assert_eq!((run.code, &*run.stdout), (Some(1), ""));
        assert!(run.stderr.contains("standard input: empty"), "{}", run.stderr);
    }
    for path in ["/nowhere/at/all.jsonl", env!("CARGO_TARGET_TMPDIR")] {
        let run = cync(&["decode", path], b"");
        assert_eq!((run.code, &*run.stdout), (Some(1), ""));
        assert!(run.stderr.contains(path), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1);
    }
}

#[test]
fn a_closed_pipe_ends_the_command_quietly() {
    let mut head = command(&["decode", "-"]);
    let mut child =
        head.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let text = format!("{D3}\n").repeat(10_000);
    let feeder = std::thread::spawn(move || {
        let _ = std::io::Write::write_all(&mut stdin, text.as_bytes());
    });
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_help_tells_the_exit_codes_and_shows_examples() {
    let run = cync(&["--help"], b"");
    assert_eq!(run.code, Some(0));
    for part in ["Examples:", "cync decode", "  8  decode errors", "130  interrupted"] {
        assert!(run.stdout.contains(part), "{part}");
    }
    assert_eq!(cync(&["decode", "-", "--format", "xml"], b"").code, Some(2));
}
