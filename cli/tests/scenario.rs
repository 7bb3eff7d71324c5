//! `cync scenario`: what is accepted, what is refused and where, and the scenarios that come with it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;

use command::cync;

const GOOD: &str = "schema = 1\nname = \"good\"\n[workload]\nkind = \"closed\"\ncommands = 10\n";

/// A file of this test's own.
fn file(name: &str, text: &[u8]) -> String {
    let path = format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn every_scenario_that_is_listed_can_be_shown_and_checked() {
    let list = cync(&["scenario", "list"], b"");
    assert_eq!((list.code, list.stderr.as_str()), (Some(0), ""));
    let mut names = 0;
    for line in list.stdout.lines() {
        let (name, about) = line.split_once(' ').unwrap();
        assert!(!about.trim().is_empty(), "{line}");
        let shown = cync(&["scenario", "show", name], b"");
        assert_eq!(shown.code, Some(0), "{shown:?}");
        let checked = cync(&["scenario", "check", "-"], shown.stdout.as_bytes());
        assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""), "{name}");
        names += 1;
    }
    assert_eq!(names, cync_sim::Scenario::library().len());
}

#[test]
fn a_scenario_that_is_none_is_refused_with_file_line_and_column() {
    let path = file("rate.toml", format!("{GOOD}[chaos]\npacket_loss_rate = 1.2\n").as_bytes());
    let run = cync(&["scenario", "check", &path], b"");
    run.fails(1, "packet_loss_rate is 1.2: a rate is from 0 to 1");
    let expected = format!("cync: {path}:7:20: packet_loss_rate is 1.2");
    assert!(run.stderr.starts_with(&expected), "{}", run.stderr);
    let excerpt = "   7 | packet_loss_rate = 1.2\n     |                    ^\n";
    assert!(run.stderr.ends_with(excerpt), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

#[test]
fn every_file_is_checked_whatever_the_ones_before_it_are() {
    let good = file("several-good.toml", GOOD.as_bytes());
    let bad = file("several-bad.toml", GOOD.replace("10", "0").as_bytes());
    let run = cync(&["scenario", "check", &bad, &good, "/nonexistent.toml"], b"");
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains(&format!("cync: {bad}:5:12: commands is 0")), "{}", run.stderr);
    assert!(run.stderr.contains("cync: /nonexistent.toml: cannot read: "), "{}", run.stderr);
    let expected = format!(
        "{good}: ok: \"good\", links 1, commands 10, operations 0, phases of chaos 0, faults 0\n"
    );
    assert_eq!(run.stdout, expected);
}

#[test]
fn a_script_gets_an_object_a_scenario_and_an_object_a_file() {
    let list = cync(&["scenario", "list", "--json"], b"").json();
    assert_eq!(list.len(), cync_sim::Scenario::library().len());
    assert!(list.iter().all(|it| it["name"].is_string() && it["about"].is_string()));
    let good = file("json-good.toml", GOOD.as_bytes());
    let run = cync(&["scenario", "check", "--json", &good, "/nonexistent.toml"], b"");
    let [good, missing] = &run.json()[..] else { panic!("two: {run:?}") };
    assert_eq!((run.code, &good["ok"], &good["commands"]), (Some(1), &true.into(), &10.into()));
    assert_eq!((&missing["ok"], &missing["file"]), (&false.into(), &"/nonexistent.toml".into()));
    assert!(missing["problem"].as_str().unwrap().starts_with("cannot read: "), "{run:?}");
}

#[test]
fn what_is_no_text_and_what_is_another_version_is_refused() {
    let check = |input: &[u8]| cync(&["scenario", "check", "-"], input);
    check(b"schema = 1\nname = \"\xff\"").fails(1, "standard input:2: not text");
    check(b"schema = 7\n")
        .fails(1, "standard input:1:10: schema is 7: this version of cync reads schema 1");
    check(b"").fails(1, "standard input:1:1: schema is missing");
    check(&vec![b'#'; (16 << 20) + 1]).fails(1, "longer than 16777216 bytes");
}

#[test]
fn a_wrong_command_line_is_a_usage_error_that_names_what_was_meant() {
    for args in
        [&["scenario"][..], &["scenario", "check"], &["scenario", "show"], &["scenario", "run"]]
    {
        assert_eq!(cync(args, b"").code, Some(2), "{args:?}");
    }
    let run = cync(&["scenario", "show", "high-los"], b"");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("high-loss"), "{}", run.stderr);
}
