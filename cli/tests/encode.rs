//! `cync encode`: the bytes, the ranges, and where the authentication code comes from.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;

use command::{command, cync, run};

const POWER_ON: &str =
    "73 0000001f 2de4b5d2 1537 00 7e 21000000 f8 d0 0d00 210000 0000 0500 d0 1102 010000 e7 7e";
const POWER_OFF: &str =
    "73 0000001f 2de4b5d2 153a 00 7e 22000000 f8 d0 0d00 220000 0000 0500 d0 1102 000000 e7 7e";
const QUERY: &str = "73 00000018 2de4b5d2 152c 00 7e 1f000000 f8 52 0600 0000 ffff 0000 56 7e";
const HEARTBEAT: &str = "d3 00000000";

fn encode(line: &str) -> command::Run {
    let args: Vec<&str> = ["encode"].into_iter().chain(line.split(' ')).collect();
    cync(&args, b"")
}

#[test]
fn commands_are_the_bytes_of_recorded_ones() {
    for (line, hex) in [
        ("power --endpoint 2de4b5d2 --msg-id 0x1537 --counter 0x21 --device 5 --on", POWER_ON),
        ("power --endpoint 769963474 --msg-id 5434 --counter 34 --device 5 --off", POWER_OFF),
        ("query --endpoint 0x2de4b5d2 --msg-id 0x152c --counter 31", QUERY),
        ("heartbeat", HEARTBEAT),
    ] {
        let run = encode(line);
        let hex = hex.replace(' ', "") + "\n";
        assert_eq!((run.code, run.stdout, &*run.stderr), (Some(0), hex, ""), "{line}");
    }
}

#[test]
fn what_is_encoded_decodes_to_what_was_asked_for() {
    let line = "power --endpoint 0x7e7d7e7d --msg-id 65535 --counter 0x7d7e7d7e --group 126 --off";
    let hex = encode(line).stdout;
    let decoded = cync(&["decode", "-", "--format", "hex", "--json"], hex.as_bytes());
    assert_eq!(decoded.code, Some(0), "{}", decoded.stderr);
    let packet = &decoded.json()[0]["packet"];
    assert_eq!(packet["endpoint"], "7e7d7e7d");
    assert_eq!(packet["msg_id"], 65535);
    assert_eq!(packet["frame"]["stuffing"], "unstuffed");
    assert_eq!(packet["frame"]["counter"], 0x7d7e_7d7e);
    assert_eq!(packet["meaning"]["mesh"]["dst"], 0x8000 + 126);
    assert_eq!(packet["meaning"]["mesh"]["params"], "000000");
}

#[test]
fn the_query_is_recognised() {
    let hex = encode("query").stdout;
    let decoded = cync(&["decode", "-", "--json"], hex.as_bytes());
    let meaning = serde_json::json!({"kind": "mesh_query", "limit": 0xffff, "offset": 0});
    assert_eq!(decoded.json()[0]["packet"]["meaning"], meaning);
}

#[test]
fn values_out_of_range_are_usage_errors() {
    for line in [
        "power --device 0 --on",
        "power --device 255 --on",
        "power --device 5 --group 5 --on",
        "power --group 32767 --on",
        "power --device 5",
        "power --device 5 --on --off",
        "power --msg-id 65536 --on",
        "power --counter 4294967296 --on",
        "power --endpoint nonsense --on",
        "query --endpoint 4294967296",
        "heartbeat --endpoint 1",
        "toast",
    ] {
        let run = encode(line);
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{line}");
        assert!(run.stderr.starts_with("error: "), "{line}: {}", run.stderr);
    }
}

#[test]
fn the_code_comes_from_the_environment_or_a_file_and_is_masked_unless_asked_for() {
    const CODE: &str = "canary-auth-code";
    let digits: String = CODE.bytes().map(|byte| format!("{byte:02x}")).collect();
    let shown = format!("230000001a0338e8cf460010{digits}00003c\n");
    let masked = format!("230000001a0338e8cf460010{}00003c\n", "2a".repeat(16));

    let mut hello = command(&["encode", "hello", "--endpoint", "38e8cf46"]);
    hello.env("CYNC_AUTH_CODE", CODE);
    let masked_run = run(hello, b"");
    assert_eq!((masked_run.code, &masked_run.stdout), (Some(0), &masked));
    assert!(!masked_run.stderr.contains(CODE));

    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("auth-code");
    std::fs::write(&file, format!("{CODE}\n")).unwrap();
    let file = file.to_str().unwrap();
    let args = ["encode", "hello", "--endpoint", "38e8cf46", "--show-secrets", "--auth-file", file];
    assert_eq!(cync(&args, b"").stdout, shown);
}

#[test]
fn without_a_code_zeros_stand_for_it_and_a_note_says_so() {
    let run = encode("hello");
    assert_eq!(run.code, Some(0));
    assert_eq!(run.stdout, format!("230000001a03000000000010{}00003c\n", "30".repeat(16)));
    assert!(run.stderr.contains("CYNC_AUTH_CODE"), "{}", run.stderr);
}

#[test]
fn an_unusable_code_is_refused_and_not_repeated() {
    let mut hello = command(&["encode", "hello", "--show-secrets"]);
    hello.env("CYNC_AUTH_CODE", "two canaries");
    let refused = run(hello, b"");
    assert_eq!((refused.code, &*refused.stdout), (Some(2), ""));
    assert!(!refused.stderr.contains("canaries"), "{}", refused.stderr);

    let missing = encode("hello --auth-file /nowhere/at/all");
    assert_eq!((missing.code, &*missing.stdout), (Some(1), ""));
    assert!(missing.stderr.contains("/nowhere/at/all"), "{}", missing.stderr);
}
