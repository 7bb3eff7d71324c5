//! `cync run` and `cync replay`: scenarios run, verdicts, and traces that come out the same.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;

use command::cync;
use cync_sim::CANARY;

const GOOD: &str = "schema = 1\nname = \"good\"\nseed = 3\n[topology]\nlamps = 2\n[workload]\nkind = \"closed\"\nworkers = 2\ncommands = 50\n[chaos]\npacket_loss_rate = \"20%\"\n";

/// A path of this test's own.
fn path(name: &str) -> String {
    format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"))
}

fn file(name: &str, text: &[u8]) -> String {
    let path = path(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_run_ends_with_a_summary_and_is_the_same_again() {
    let good = file("good.toml", GOOD.as_bytes());
    let run = cync(&["run", &good], b"");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    assert_eq!(run.summary("verdict"), "kept");
    assert!(run.summary("faults").starts_with("drop "), "{run:?}");
    assert_eq!(cync(&["run", "-"], GOOD.as_bytes()).stdout, run.stdout);
    let json = &cync(&["run", &good, "--json"], b"").json()[0];
    assert_eq!(json["hash"], run.summary("hash"));
    assert_eq!(json["missed"], serde_json::json!([]));
    assert_eq!(json["applied_twice"], 0);
    let other = cync(&["run", &good, "--seed", "4"], b"");
    assert_ne!(other.summary("hash"), run.summary("hash"));
    let more = cync(&["run", &good, "--workers", "5"], b"");
    assert_eq!((more.code, more.summary("verdict")), (Some(0), "kept"));
}

#[test]
fn the_longest_time_is_in_the_json_as_it_is_in_the_summary() {
    let good = file("longest.toml", GOOD.as_bytes());
    let json = &cync(&["run", &good, "--json"], b"").json()[0];
    let micros = json["latency_us"]["max"].as_u64().unwrap();
    let shown = format!("{}.{:03} ms", micros / 1_000, micros % 1_000);
    assert_eq!(cync(&["run", &good], b"").summary("longest"), shown);
}

#[test]
fn a_limit_that_cannot_be_kept_fails_the_run_and_says_by_how_much() {
    let text = format!("{GOOD}[limits]\np50_ms = 1\np99_ms = 2\n");
    let strict = file("strict.toml", text.as_bytes());
    let run = cync(&["run", &strict], b"");
    assert_eq!((run.code, run.summary("verdict")), (Some(1), "2 limits missed"));
    for part in [
        "cync: p50 is 45.023 ms and must be below 1 ms: 44.023 ms too slow\n",
        "cync: p99 is ",
        &format!("cync: to repeat it: cync run {strict} --seed 3\n"),
    ] {
        assert!(run.stderr.contains(part), "{part} in {run:?}");
    }
}

#[test]
fn a_trace_comes_out_the_same_and_a_changed_one_does_not() {
    let (good, trace) = (file("traced.toml", GOOD.as_bytes()), path("trace.jsonl"));
    let run = cync(&["run", &good, "--trace", &trace], b"");
    assert_eq!(run.code, Some(0), "{run:?}");
    let replayed = cync(&["replay", &trace], b"");
    assert_eq!((replayed.code, replayed.stderr.as_str()), (Some(0), ""), "{replayed:?}");
    assert!(replayed.stdout.contains(run.summary("hash")), "{replayed:?}");
    let json = &cync(&["replay", &trace, "--json"], b"").json()[0];
    assert_eq!((&json["same"], &json["hash"]), (&true.into(), &run.summary("hash").into()));
    let text = std::fs::read_to_string(&trace).unwrap();
    assert!(!text.contains(str::from_utf8(CANARY).unwrap()));
    let other =
        text.replacen("\"call\":\"event\",\"out\":\"Acked", "\"call\":\"event\",\"out\":\"Lost", 1);
    assert_ne!(other, text);
    let replayed = cync(&["replay", "-"], other.as_bytes());
    replayed.fails(1, "event by the controller of link 0 at ");
    assert!(replayed.stderr.contains("  expected Lost"), "{replayed:?}");
    let cut = &text[..text.len() / 2];
    cync(&["replay", "-"], cut.as_bytes()).fails(1, "cut off");
}

#[test]
fn what_cannot_be_run_is_refused_in_one_line() {
    let unknown = cync(&["run", "no-such-file"], b"");
    unknown.fails(1, "no-such-file: cannot read");
    unknown.fails(1, "; `cync scenario list` has the names");
    cync(&["run", "-"], b"schema = 1\n").fails(1, "standard input:");
    let group = &["run", "group", "--workers", "3"];
    cync(group, b"").fails(1, "--workers is for scenarios with a closed workload");
    let trace = &["run", "-", "--trace", "/no/such/folder/trace"];
    cync(trace, GOOD.as_bytes()).fails(1, "cannot write");
    cync(&["replay", "no-such-file"], b"").fails(1, "no-such-file: cannot read");
}

/// Writing to it always fails, for want of room.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_fails_the_run() {
    cync(&["run", "-", "--trace", "/dev/full"], GOOD.as_bytes()).fails(1, "cannot be written");
}
