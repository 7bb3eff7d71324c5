//! `cync encode`: the bytes, the ranges, and where the authentication code comes from.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;

use command::{command, cync, run};
use serde_json::{Value, json};

/// Vectors of `tests/vectors/requests.json`, and the command lines that write them.
const LINES: [(&str, &str); 25] = [
    ("power_on", "power --endpoint 2de4b5d2 --msg-id 0x1537 --counter 0x21 --device 5 --on"),
    ("power_off", "power --endpoint 769963474 --msg-id 5434 --counter 34 --device 5 --off"),
    (
        "combined_brightness",
        "set --endpoint 37962469 --msg-id 0x6048 --counter 0x17 --device 7 --on --brightness 39",
    ),
    (
        "combined_white",
        "set --endpoint 37962469 --msg-id 0x608d --counter 0x36 --device 7 --on --temperature 72",
    ),
    (
        "combined_rgb",
        "set --endpoint 37962469 --msg-id 0x6079 --counter 0x2b --device 7 --on --rgb 00fbff",
    ),
    (
        "combined_group_brightness_2",
        "set --endpoint 6457e7f2 --msg-id 0 --counter 1 --group 16 --on --brightness 100",
    ),
    (
        "combined_group_white",
        "set --endpoint 6457e7f2 --msg-id 0 --counter 2 --group 16 --on --temperature 58",
    ),
    (
        "effect_candle",
        "effect candle --endpoint 2de4b5d2 --msg-id 0xb305 --counter 0x14 --device 10",
    ),
    ("mesh_query", "query --endpoint 0x2de4b5d2 --msg-id 0x152c --counter 31"),
    ("page_received", "page-received --endpoint 2de4b5d2 --msg-id 0x152d --counter 0x1e"),
    ("brightness", "brightness 40 --device 5 --counter 0x41"),
    ("brightness_outlet", "brightness 100 --device 5 --outlet 2 --counter 0x42"),
    ("temperature", "temperature 72 --device 5 --counter 0x43"),
    ("rgb", "rgb 00FBFF --all --counter 0x44"),
    ("fade", "fade 435 --over-ms 1500 --device 5 --counter 0x45"),
    ("fade_stuffed", "fade 0x7d --over-ms 0x7e7e --device 126 --counter 0x7e7d"),
    ("effect_cyber", "effect cyber --group 3 --counter 0x46"),
    ("combined_off_all", "set --off --brightness 0 --rgb 010203 --all --counter 0x47"),
    ("combined_power", "set --on --device 5 --counter 0x48"),
    ("switch_mode_traditional", "switch-mode traditional --device 80 --counter 0x49"),
    (
        "indicator",
        "indicator --mode 2 --colour 5 --brightness 60 --wifi-blink --device 80 --counter 0x4a",
    ),
    ("leave_group", "leave-group 0 --device 80 --counter 0x4b"),
    ("join_group", "join-group 3 --device 80 --counter 0x4c"),
    ("read_settings", "read-settings --device 80 --counter 0x4d"),
    ("read_firmware", "read-firmware --device 80 --counter 0x4e"),
];

fn vectors() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/requests.json");
    let text = std::fs::read_to_string(path).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    all["commands"].as_array().unwrap().clone()
}

fn encode(line: &str) -> command::Run {
    let args: Vec<&str> = ["encode"].into_iter().chain(line.split(' ')).collect();
    cync(&args, b"")
}

#[test]
fn every_command_vector_is_written_by_its_line_and_decodes_to_what_it_says() {
    for vector in vectors().iter().filter(|vector| vector["differs"].is_null()) {
        let name = vector["name"].as_str().unwrap();
        let (_, line) =
            LINES.iter().find(|(of, _)| *of == name).unwrap_or_else(|| panic!("{name}"));
        let ids = if vector["source"] == "constructed" {
            " --endpoint 2de4b5d2 --msg-id 0x1600"
        } else {
            ""
        };
        let run = encode(&format!("{line}{ids}"));
        let hex = vector["hex"].as_str().unwrap().to_owned() + "\n";
        assert_eq!((run.code, &run.stdout, &*run.stderr), (Some(0), &hex, ""), "{name}");

        let decoded = cync(&["decode", "-", "--format", "hex"], hex.as_bytes());
        let says = format!(": {}\n", vector["says"].as_str().unwrap());
        assert!(decoded.stdout.ends_with(&says), "{name}: {}", decoded.stdout);
    }
}

#[test]
fn a_decoded_command_has_its_values_by_name() {
    for (line, command) in [
        ("power --on", json!({"name": "power", "on": true, "to": {"device": 1}})),
        (
            "brightness 40 --device 5 --outlet 2",
            json!({"name": "brightness", "brightness": 40, "to": {"device": 5, "outlet": 2}}),
        ),
        (
            "fade 435 --over-ms 1500 --group 0",
            json!({"name": "fade", "level": 435, "over_ms": 1500, "to": {"group": 0}}),
        ),
        ("temperature 72", json!({"name": "temperature", "temperature": 72, "to": {"device": 1}})),
        ("rgb 00fbff --all", json!({"name": "rgb", "rgb": "00fbff", "to": "all"})),
        (
            "effect happy_holidays",
            json!({"name": "effect", "effect": "happy_holidays", "to": {"device": 1}}),
        ),
        (
            "set --off --brightness 7 --temperature 8",
            json!({"name": "set", "on": false, "brightness": 7, "temperature": 8, "to": {"device": 1}}),
        ),
        (
            "set --on --rgb 010203",
            json!({"name": "set", "on": true, "rgb": "010203", "to": {"device": 1}}),
        ),
    ] {
        let decoded = cync(&["decode", "-", "--json"], encode(line).stdout.as_bytes());
        assert_eq!(decoded.json()[0]["packet"]["meaning"]["command"], command, "{line}");
    }
}

#[test]
fn a_relay_stands_for_itself() {
    let decoded = cync(&["decode", "-", "--json"], encode("read-settings").stdout.as_bytes());
    let meaning = &decoded.json()[0]["packet"]["meaning"];
    assert_eq!(meaning["kind"], "mesh_packet");
    assert_eq!((&meaning["mesh"]["mesh_op"], &meaning["command"]), (&json!(0xea), &Value::Null));
}

#[test]
fn packets_without_a_frame_are_the_bytes_of_recorded_ones() {
    for (line, hex) in [
        ("heartbeat", "d300000000\n"),
        ("probe --endpoint 6457e7f2 --msg-id 0x9f52", "a3000000076457e7f29f5200\n"),
    ] {
        let run = encode(line);
        assert_eq!((run.code, &*run.stdout, &*run.stderr), (Some(0), hex, ""), "{line}");
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
    for (line, limit, offset) in [("query", 0xffff, 0), ("query --limit 10 --offset 0x1f", 10, 31)]
    {
        let hex = encode(line).stdout;
        let decoded = cync(&["decode", "-", "--json"], hex.as_bytes());
        let meaning = json!({"kind": "mesh_query", "limit": limit, "offset": offset});
        assert_eq!(decoded.json()[0]["packet"]["meaning"], meaning);
    }
}

#[test]
fn a_value_out_of_range_is_a_usage_error_that_names_it_and_its_range() {
    for (line, says) in [
        ("brightness 101", "brightness 101 is out of range: 0 to 100"),
        ("brightness 256", "brightness 256 is out of range: 0 to 100"),
        ("set --on --brightness 200", "brightness 200 is out of range: 0 to 100"),
        ("temperature 0x65", "temperature 101 is out of range: 0 to 100"),
        ("set --on --temperature 101", "temperature 101 is out of range: 0 to 100"),
        ("fade 1001", "level 1001 is out of range: 0 to 1000"),
        ("fade 1 --over-ms 65536", "not a number from 0 to 65535"),
        ("power --on --device 0", "device 0 is out of range: 1 to 254"),
        ("power --on --device 255", "device 255 is out of range: 1 to 254"),
        ("power --on --outlet 127", "outlet 127 is out of range: 1 to 126"),
        ("power --on --group 32767", "group 32767 is out of range: 0 to 32766"),
        ("join-group 40000", "group 40000 is out of range: 0 to 32766"),
        (
            "indicator --mode 16 --colour 0 --brightness 1",
            "indicator mode 16 is out of range: 0 to 15",
        ),
        (
            "indicator --mode 0 --colour 16 --brightness 1",
            "indicator colour 16 is out of range: 0 to 15",
        ),
        (
            "indicator --mode 0 --colour 0 --brightness 0",
            "indicator brightness 0 is out of range: 1 to 100",
        ),
        ("query --limit 65536", "not a number from 0 to 65535"),
        ("brightness bright", "not a number: write it in decimal"),
        ("rgb 00fbf", "write six hex digits"),
        ("effect disco", "possible values: candle, rainbow"),
        ("switch-mode clever", "possible values: traditional, smart"),
    ] {
        let run = encode(line);
        assert_eq!((run.code, &*run.stdout), (Some(2), ""), "{line}");
        assert!(run.stderr.starts_with("error: "), "{line}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{line}: {}", run.stderr);
    }
}

#[test]
fn what_makes_no_sense_together_is_a_usage_error() {
    for line in [
        "power --device 5 --group 5 --on",
        "power --outlet 5 --group 5 --on",
        "power --device 5 --all --on",
        "power --group 5 --all --on",
        "power --device 5",
        "power --device 5 --on --off",
        "power --msg-id 65536 --on",
        "power --counter 4294967296 --on",
        "power --endpoint nonsense --on",
        "set --brightness 5",
        "set --on --rgb 000000 --temperature 5",
        "brightness",
        "probe --counter 1",
        "query --device 1",
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
