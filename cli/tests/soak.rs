//! `cync soak`: hours of traffic, and what they leave in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;

use command::cync;

#[test]
fn two_hours_are_told_every_quarter_of_an_hour_and_nothing_grows() {
    let run = cync(&["soak", "--hours", "2", "--seed", "5"], b"");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    let lines: Vec<Vec<&str>> =
        run.stdout.lines().map(|line| line.split_whitespace().collect()).collect();
    let times: Vec<&str> = lines.iter().skip(1).map_while(|line| line.first().copied()).collect();
    let quarters = ["0:15:00", "0:30:00", "0:45:00", "1:00:00", "1:15:00", "1:30:00", "1:45:00"];
    assert_eq!(times.get(..7), Some(&quarters[..]), "{run:?}");
    for (line, commands) in lines.iter().skip(1).zip([1_500, 3_000, 4_500, 6_000]) {
        assert_eq!(
            line.get(1..4),
            Some(&[&*commands.to_string(), "100.0000", "%"][..]),
            "{line:?}"
        );
    }
    assert!(
        run.stdout.contains("\nnothing grew: messages held 101 in the first hour and 101 later")
    );
    if cfg!(target_os = "linux") {
        assert!(!run.stdout.contains("not available"), "{run:?}");
    }
}

#[test]
fn a_script_gets_an_object_a_quarter_of_an_hour_and_the_verdict() {
    let run = cync(&["soak", "--hours", "2", "--json"], b"");
    let all = run.json();
    let (verdict, quarters) = all.split_last().unwrap();
    assert_eq!((run.code, &verdict["holds"]), (Some(0), &true.into()), "{run:?}");
    assert_eq!((&quarters[0]["virtual_s"], &quarters[0]["commands"]), (&900.into(), &1_500.into()));
}

#[test]
fn growth_needs_more_than_one_hour() {
    for hours in ["0", "1", "-1", "1.5", "x"] {
        assert_eq!(cync(&["soak", "--hours", hours], b"").code, Some(2), "{hours}");
    }
}
