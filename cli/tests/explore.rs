//! `cync explore`: summaries that are the same on however many threads, interrupts, and planted defects.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;

use command::cync;

fn explore(args: &[&str]) -> command::Run {
    cync(&[&["explore"][..], args].concat(), b"")
}

#[test]
fn seeds_that_break_nothing_end_with_a_summary() {
    let run = explore(&["--seeds", "30"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    assert_eq!((run.summary("first seed"), run.summary("distinct")), ("0", "30"));
    assert!(run.summary("schedules").starts_with("30, each run in "));
    assert!(run.summary("pairs of faults").ends_with("; --matrix names the others"), "{run:?}");
    assert!(!run.stdout.contains("\namne "), "no matrix: {run:?}");
}

#[test]
fn the_matrix_is_below_120_columns_and_names_what_never_met() {
    let run = explore(&["--seeds", "10", "--matrix"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stdout.lines().any(|line| line.starts_with("amne ")), "{run:?}");
    assert!(run.stdout.lines().any(|line| line.starts_with("never met: ")), "{run:?}");
    assert!(run.stdout.lines().all(|line| line.len() < 120), "{run:?}");
}

#[test]
fn the_result_is_the_same_on_however_many_threads() {
    let on = |threads| explore(&["--seeds", "40", "--json", "--matrix", "--threads", threads]);
    let one = on("1");
    assert_eq!((one.code, one.stderr.as_str()), (Some(0), ""), "{one:?}");
    for threads in ["2", "7"] {
        assert_eq!(on(threads).stdout, one.stdout, "{threads} threads");
    }
    let json = &one.json()[0];
    assert_eq!((&json["schedules"], &json["distinct"]), (&40.into(), &40.into()));
    assert_eq!((&json["broken"], &json["interrupted"]), (&().into(), &false.into()));
    let never = json["never_met"].as_array().unwrap();
    for pair in never {
        let [one, other] = [0, 1].map(|at| pair[at].as_str().unwrap());
        assert_eq!(json["matrix"][one][other], 0, "{pair}");
    }
    let drops = &json["faults"]["drop"];
    assert_eq!(drops["schedules"], json["matrix"]["drop"]["drop"]);
    assert!(drops["times"].as_u64() >= drops["schedules"].as_u64());
}

#[test]
fn seeds_are_what_they_are_wherever_it_starts() {
    let json = |args: &[&str]| explore(&[args, &["--json"]].concat()).json().remove(0);
    let sum = |name: &str, parts: &[&serde_json::Value]| {
        parts.iter().map(|part| part[name].as_u64().unwrap()).sum::<u64>()
    };
    let all = json(&["--seeds", "12"]);
    let [first, rest] = [json(&["--seeds", "5"]), json(&["--from", "5", "--seeds", "7"])];
    for name in ["schedules", "commands", "packets"] {
        assert_eq!(sum(name, &[&first, &rest]), sum(name, &[&all]), "{name}");
    }
    let last = u64::MAX.to_string();
    assert_eq!(json(&["--from", &last, "--seeds", "1"])["schedules"], 1);
    assert_eq!(explore(&["--from", &last, "--seeds", "2"]).code, Some(2));
}

#[test]
fn a_random_start_is_told() {
    let run = explore(&["--from", "random", "--seeds", "2"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let told = format!("the first seed is {}\n", run.summary("first seed"));
    assert_eq!(run.stderr, told);
}

#[test]
fn there_is_an_end_when_the_time_is_over() {
    let run = explore(&["--for", "300ms", "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    assert!(run.json()[0]["schedules"].as_u64() > Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_ends_it_with_what_there_is_by_then() {
    let running = command::Running::start(&["explore", "--seeds", "100000000", "--json"]);
    // A signal before that ends the process without a summary.
    running.until_it_catches_interrupts();
    running.interrupt();
    let run = running.finish();
    assert_eq!(run.code, Some(130), "{run:?}");
    assert_eq!(run.json()[0]["interrupted"], true);
}

#[test]
fn wrong_arguments_are_usage_errors() {
    for args in [
        "5",
        "--seeds 0",
        "--seeds x",
        "--seeds 5 --for 1s",
        "--for 5",
        "--for 0s",
        "--from -1",
        "--from nowhere",
        "--threads 0",
        "--no-shrink --out x",
    ] {
        let args: Vec<_> = args.split_whitespace().collect();
        assert_eq!(explore(&args).code, Some(2), "{args:?}");
    }
}

#[cfg(planted)]
#[test]
fn the_lowest_seed_that_breaks_something_is_told_and_shrunk_on_however_many_threads() {
    let plant = ["--plant", "superseded-resent"];
    let on = |threads, more: &[&str]| {
        explore(&[&plant[..], &["--seeds", "200", "--threads", threads], more].concat())
    };
    let one = on("1", &[]);
    assert_eq!(one.code, Some(1), "{one:?}");
    let json = &on("1", &["--json"]).json()[0];
    let broken = &json["broken"];
    assert_eq!((&broken["invariant"], &broken["shrunk"]), (&"S13".into(), &true.into()));
    assert_eq!(broken["scenario"], one.stdout.as_str());
    let repeat = broken["repeat"].as_str().unwrap();
    assert!(one.stderr.contains(&format!("to repeat it: {repeat}\n")), "{one:?}");
    for threads in ["2", "7"] {
        let run = on(threads, &[]);
        assert_eq!((run.stdout, run.stderr), (one.stdout.clone(), one.stderr.clone()));
    }
    let args: Vec<_> = repeat.split_whitespace().skip(1).collect();
    let again = cync(&args, b"");
    assert_eq!((again.code, &again.stdout), (Some(1), &one.stdout), "{again:?}");
    let drawn = on("2", &["--no-shrink"]);
    assert!(drawn.stdout.len() > one.stdout.len(), "{drawn:?}");
    let shrunk = cync(&[&["shrink", "-"], &plant[..]].concat(), drawn.stdout.as_bytes());
    assert_eq!(shrunk.stdout, one.stdout);
    explore(&["--plant", "nothing"]).fails(2, "no defect is called nothing");
}
