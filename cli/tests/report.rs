//! `cync report`: service levels out of what the other commands print.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;

use command::{Run, cync};
use serde_json::{Value, json};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/samples/boot.jsonl");

/// A file of this test's own.
fn file(name: &str, text: &str) -> String {
    let path = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, text).unwrap();
    path
}

/// What another command prints.
fn output(args: &[&str]) -> String {
    let run = cync(args, b"");
    assert_eq!(run.code, Some(0), "{args:?}: {run:?}");
    run.stdout
}

/// The line of a level, without the spaces between its columns.
fn level(run: &Run, title: &str) -> String {
    let line = run.stdout.lines().find(|line| line.starts_with(title));
    let line = line.unwrap_or_else(|| panic!("no {title} in {run:?}"));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn command(outcome: &str, elapsed: &str, attempts: u32) -> String {
    format!(
        "{{\"event\":\"command\",\"outcome\":\"{outcome}\",\"elapsed_ms\":{elapsed},\"attempts\":{attempts}}}\n"
    )
}

#[test]
fn a_run_without_faults_meets_every_level_that_it_measures() {
    let baseline = file("baseline.jsonl", &output(&["run", "baseline", "--json"]));
    let report = cync(&["report", &baseline], b"");
    assert_eq!((report.code, report.stderr.as_str()), (Some(0), ""), "{report:?}");
    assert_eq!(level(&report, "success"), "success 100 % (10000 of 10000) >= 99.9 % met");
    assert_eq!(level(&report, "p99 latency"), "p99 latency 45 ms <= 800 ms met");
    assert_eq!(level(&report, "re-transmissions"), "re-transmissions 0 % (0 of 10000) < 0.5 % met");
    assert_eq!(level(&report, "spurious"), "spurious 0 % (0 of 10000) < 0.5 % met");
    assert_eq!(level(&report, "decode errors"), "decode errors - <= 0 not measured");
    assert_eq!(level(&report, "queue full"), "queue full 0 % (0 of 10000) < 1 % met");
    assert_eq!(level(&report, "duplicates"), "duplicates processed 0 <= 0 met");
    assert_eq!(level(&report, "lines"), "lines 1 read, 0 bad");
    let strict = cync(&["report", "--require-all", &baseline], b"");
    assert_eq!(strict.code, Some(1), "decode errors were not measured");
}

#[test]
fn with_what_decode_counts_every_level_is_measured() {
    let run = output(&["run", "baseline", "--json"]);
    let (run, stats) = (file("run.jsonl", &run), output(&["decode", SAMPLE, "--stats"]));
    let packets = file("packets.jsonl", &output(&["decode", SAMPLE, "--json"]));
    let stats = file("stats.json", &stats);
    let report = cync(&["report", "--require-all", &run, &stats, &packets], b"");
    assert_eq!((report.code, report.stderr.as_str()), (Some(0), ""), "{report:?}");
    assert_eq!(level(&report, "decode errors"), "decode errors 0 <= 0 met");
    assert_eq!(level(&report, "lines"), "lines 23 read, 0 bad");
}

#[test]
fn packets_that_cannot_be_decoded_miss_their_level() {
    // The checksum is e7.
    let wrong = b"730000001f2de4b5d21537007e2100000000f8d00d002100000000050000d01102010000e67e\n";
    let decoded = cync(&["decode", "-", "--json"], wrong);
    assert_eq!(decoded.code, Some(8), "{decoded:?}");
    let report = cync(&["report", "-"], decoded.stdout.as_bytes());
    assert_eq!(report.code, Some(1), "{report:?}");
    assert_eq!(level(&report, "decode errors"), "decode errors 1 <= 0 NOT met");
    let counted = cync(&["decode", "-", "--stats"], wrong).stdout;
    let report = cync(&["report", "--max-decode-errors", "1", "-"], counted.as_bytes());
    assert_eq!(report.code, Some(0), "{report:?}");
}

#[test]
fn a_bad_link_misses_the_laboratorys_levels_and_meets_those_of_chaos() {
    let lossy = file("lossy.jsonl", &output(&["run", "high-loss", "--json"]));
    let lab = cync(&["report", &lossy], b"");
    assert_eq!(lab.code, Some(1), "{lab:?}");
    assert_eq!(
        level(&lab, "re-transmissions"),
        "re-transmissions 31.01 % (3101 of 10000) < 0.5 % NOT met"
    );
    let chaos = cync(&["report", "--chaos", &lossy], b"");
    assert_eq!(chaos.code, Some(0), "{chaos:?}");
    assert_eq!(level(&chaos, "success"), "success 100 % (10000 of 10000) >= 99 % met");
    assert_eq!(level(&chaos, "p99 latency"), "p99 latency 795.135 ms <= 1500 ms met");
    assert_eq!(
        level(&chaos, "re-transmissions"),
        "re-transmissions 31.01 % (3101 of 10000) none not asked"
    );
    let tight = cync(&["report", "--chaos", "--max-p99", "795ms", &lossy], b"");
    assert_eq!((tight.code, tight.stderr.as_str()), (Some(1), ""), "{tight:?}");
    assert_eq!(level(&tight, "p99 latency"), "p99 latency 795.135 ms <= 795 ms NOT met");
}

#[test]
fn logs_of_commands_are_counted_one_by_one_and_each_level_has_its_option() {
    let mut log = command("executed", "12.4", 1).repeat(989);
    log += &command("executed", "800", 2).repeat(4);
    log += &command("unknown", "5000", 5);
    log += &command("queue_full", "0", 0).repeat(6);
    log += "{\"level\":\"INFO\",\"event\":\"connected\"}\n\n";
    let report = cync(&["report", "-"], log.as_bytes());
    assert_eq!((report.code, report.stderr.as_str()), (Some(1), ""), "{report:?}");
    assert_eq!(level(&report, "success"), "success 99.3 % (993 of 1000) >= 99.9 % NOT met");
    assert_eq!(level(&report, "p99 latency"), "p99 latency 800 ms <= 800 ms met");
    assert_eq!(
        level(&report, "re-transmissions"),
        "re-transmissions 0.8048 % (8 of 994) < 0.5 % NOT met"
    );
    assert_eq!(level(&report, "queue full"), "queue full 0.6 % (6 of 1000) < 1 % met");
    assert_eq!(level(&report, "lines"), "lines 1001 read, 0 bad");
    let loose = ["report", "--min-success", "99.3%", "--max-retransmissions", "1%", "-"];
    assert_eq!(cync(&loose, log.as_bytes()).code, Some(0));
    let full = ["report", "--chaos", "--max-queue-full", "0.6%", "-"];
    let full = cync(&full, log.as_bytes());
    assert_eq!(level(&full, "queue full"), "queue full 0.6 % (6 of 1000) < 0.6 % NOT met");
}

#[test]
fn the_specified_log_of_packets_tells_commands_by_their_numbers() {
    let line = |direction: &str, id: &str, elapsed: &str| {
        format!(
            "{{\"ts\":\"2025-11-01T12:34:56.789Z\",\"level\":\"INFO\",\"module\":\"toggler\",\"line\":95,\
             \"message\":\"Packet\",\"event\":\"tcp_packet\",\"direction\":\"{direction}\",\"msg_id\":\"{id}\",\
             \"device_id\":\"DEVICE123\",\"raw_packet_hex\":\"f0 0d\",\"elapsed_ms\":{elapsed},\"outcome\":\"success\"}}\n"
        )
    };
    let mut log = String::new();
    for id in ["a", "b"] {
        log += &line("send", id, "0.1");
    }
    log += &line("send", "b", "0.1");
    log += &line("recv", "a", "12.4");
    log += &line("recv", "b", "900");
    let report = cync(&["report", "-"], log.as_bytes());
    assert_eq!(report.code, Some(1), "{report:?}");
    assert_eq!(level(&report, "success"), "success 100 % (2 of 2) >= 99.9 % met");
    assert_eq!(level(&report, "p99 latency"), "p99 latency 900 ms <= 800 ms NOT met");
    assert_eq!(
        level(&report, "re-transmissions"),
        "re-transmissions 50 % (1 of 2) < 0.5 % NOT met"
    );
    assert_eq!(level(&report, "decode errors"), "decode errors 0 <= 0 met");
}

#[test]
fn a_device_that_executed_something_twice_misses_its_level() {
    let run = output(&["run", "baseline", "--json"])
        .replace("\"applied_twice\":0", "\"applied_twice\":1");
    let report = cync(&["report", "-"], run.as_bytes());
    assert_eq!(report.code, Some(1), "{report:?}");
    assert_eq!(level(&report, "duplicates"), "duplicates processed 1 <= 0 NOT met");
}

#[test]
fn needless_copies_are_counted_for_each_command_of_which_they_were() {
    let run = output(&["run", "step", "--json"]);
    assert_eq!(cync(&["run", "step", "--json"], b"").json()[0]["spurious_of"], json!(8_950));
    let report =
        cync(&["report", "-"], run.replace("\"spurious\":0", "\"spurious\":45").as_bytes());
    assert_eq!(level(&report, "spurious"), "spurious 0.5028 % (45 of 8950) < 0.5 % NOT met");
    let help = cync(&["report", "--help"], b"").stdout;
    let (own, thresholds) = help.split_once("Thresholds:").unwrap();
    assert!(own.contains("      --json\n") && !thresholds.contains("      --json\n"), "{help}");
}

#[test]
fn in_a_summary_too_what_failed_took_for_ever() {
    let summary = |asked: u32, failed: u32| {
        json!({ "summary": { "asked": asked, "failed": failed, "retransmissions": 0,
            "latency_us": { "p99": 100_000, "p99.9": 200_000, "max": 300_000 } } })
        .to_string()
    };
    for (asked, failed, p99) in [
        (1_000, 0, "100 ms"),
        (1_000, 1, "100 ms"),
        (1_000, 2, "200 ms"),
        (1_000, 10, "200 ms"),
        (10_000, 100, "300 ms"),
        (1_000, 11, "never"),
        (100, 2, "never"),
    ] {
        let report = cync(&["report", "--max-p99", "1s", "-"], summary(asked, failed).as_bytes());
        let verdict = if p99 == "never" { "NOT met" } else { "met" };
        let expected = format!("p99 latency {p99} <= 1000 ms {verdict}");
        assert_eq!(level(&report, "p99 latency"), expected, "{failed} of {asked}");
    }
}

#[test]
fn what_was_under_way_when_a_run_was_interrupted_did_not_fail() {
    let run = r#"{"commands":12,"reached":9,"nacked":0,"not_sent":0,"unknown":1,"refused":0,
        "latency_us":{"p99":5},"retransmissions":0,"interrupted":true}"#;
    let line = run.replace('\n', "");
    let report = cync(&["report", "-"], line.as_bytes());
    assert_eq!(level(&report, "success"), "success 90 % (9 of 10) >= 99.9 % NOT met");
    let whole = line.replace("true", "false");
    let report = cync(&["report", "-"], whole.as_bytes());
    assert_eq!(level(&report, "success"), "success 75 % (9 of 12) >= 99.9 % NOT met");
}

#[test]
fn how_far_a_soak_was_is_no_run_of_its_own() {
    let soak = output(&["soak", "--hours", "2", "--json"]);
    assert!(soak.lines().count() > 8, "{soak}");
    cync(&["report", "-"], soak.as_bytes()).fails(1, "nothing to judge in there");
}

#[test]
fn json_has_the_same_figures_in_one_object() {
    let log = command("acked", "12.4", 1).repeat(3) + &command("nacked", "1", 1);
    let report = cync(&["report", "--json", "-"], log.as_bytes());
    assert_eq!(report.code, Some(1), "{report:?}");
    let all = &report.json()[0];
    assert_eq!(
        (&all["met"], &all["lines"], &all["bad_lines"]),
        (&json!(false), &json!(4), &json!(0))
    );
    let level = |name: &str| -> &Value {
        all["levels"].as_array().unwrap().iter().find(|level| level["level"] == name).unwrap()
    };
    assert_eq!(
        level("success"),
        &json!({ "level": "success", "unit": "ppm", "measured": 750_000, "count": 3, "of": 4,
            "must_be": "at_least", "threshold": 999_000, "verdict": "not_met" })
    );
    assert_eq!(level("p99")["measured"], "never");
    assert_eq!(level("decode_errors")["verdict"], "not_measured");
    assert_eq!(level("queue_full")["verdict"], "met");
}

#[test]
fn bad_lines_are_named_and_left_out_unless_all_are_bad() {
    let mixed = file(
        "mixed.jsonl",
        &format!("{}not JSON\n[1]\n{}", command("acked", "1", 1), command("acked", "1", 1)),
    );
    let report = cync(&["report", &mixed], b"");
    assert_eq!(report.code, Some(0), "{report:?}");
    assert_eq!(
        report.stderr,
        format!(
            "cync: {mixed}:2: not JSON (column 2); write one object a line\n\
             cync: {mixed}:3: a JSON value that is no object; write one object a line\n"
        )
    );
    assert_eq!(level(&report, "lines"), "lines 4 read, 2 bad");
    let bad = cync(&["report", "-"], b"never mind\n".repeat(30).as_slice());
    assert_eq!((bad.code, bad.stdout.as_str()), (Some(1), ""), "{bad:?}");
    assert_eq!(bad.stderr.matches("cync: standard input:").count(), 20, "{bad:?}");
    assert!(bad.stderr.contains("cync: 30 unusable lines in all\n"), "{bad:?}");
    assert!(bad.stderr.contains("cync: nothing to judge in there"), "{bad:?}");
}

#[test]
fn what_cannot_be_read_or_asked_for_is_said_in_one_line() {
    cync(&["report", "-"], b"").fails(1, "nothing to judge in there");
    cync(&["report", "-"], b"{\"event\":\"connected\"}\n").fails(1, "nothing to judge in there");
    let log = file("good.jsonl", &command("acked", "1", 1));
    cync(&["report", "no-such-file", &log], b"").fails(1, "no-such-file: cannot read: ");
    for args in [
        &["report"][..],
        &["report", "--max-p99", "soon", "-"],
        &["report", "--min-success", "101%", "-"],
    ] {
        assert_eq!(cync(args, b"").code, Some(2), "{args:?}");
    }
}

#[test]
fn counts_that_nothing_can_have_are_no_reason_to_panic_and_never_wrap() {
    const MOST: &str = "18446744073709551615";
    let lines = [
        &*format!(r#"{{"errors":{{"x":{MOST}}}}}"#),
        r#"{"errors":{"x":1}}"#,
        &format!(r#"{{"summary":{{"asked":0,"applied_by_device":{MOST}}}}}"#),
        r#"{"summary":{"asked":0,"applied_by_device":1}}"#,
        &format!(r#"{{"summary":{{"asked":9,"interrupted":{MOST},"not_attempted":1}}}}"#),
        r#"{"commands":5,"reached":10}"#,
    ]
    .join("\n");
    let report = cync(&["report", "-"], lines.as_bytes());
    assert_eq!((report.code, &*report.stderr), (Some(1), ""), "{report:?}");
    assert_eq!(level(&report, "decode"), format!("decode errors {MOST} <= 0 NOT met"));
    assert_eq!(level(&report, "duplicates"), format!("duplicates processed {MOST} <= 0 NOT met"));
    assert_eq!(level(&report, "success"), "success 100 % (5 of 5) >= 99.9 % met");
}

#[test]
fn a_line_without_an_end_is_passed_over_in_bounded_memory() {
    let mut log = vec![b'{'; 3 << 20];
    log.push(b'\n');
    log.extend_from_slice(command("acked", "1", 1).as_bytes());
    let report = cync(&["report", "-"], &log);
    assert_eq!(report.code, Some(0), "{report:?}");
    assert!(report.stderr.contains("standard input:1: longer than"), "{report:?}");
}
