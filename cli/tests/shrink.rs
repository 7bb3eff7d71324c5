//! `cync shrink`: what it says of scenarios that break nothing, of those that are none, and of planted defects.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;

use command::cync;

const SOUND: &str = "\
schema = 1
name = \"sound\"
about = \"A command whose first copy is lost\"

[[op]]
act = \"power\"
number = 0
at_ms = 1000
on = true
";

#[test]
fn a_scenario_that_breaks_nothing_is_a_failure_that_says_so() {
    let from_file = cync(&["shrink", "-"], SOUND.as_bytes());
    from_file.fails(1, "- breaks no invariant: there is nothing to shrink");
    assert_eq!(from_file.stdout, "");
    let named = cync(&["shrink", "command-during-reconnection"], b"");
    named.fails(1, "command-during-reconnection breaks no invariant");
    cync(&["shrink", "--seed", "3"], b"").fails(1, "seed 3 breaks no invariant");
}

#[test]
fn what_is_no_scenario_is_refused_with_its_place() {
    cync(&["shrink", "-"], b"schema = 1\nname = 3\n").fails(1, "standard input:2:8: ");
    cync(&["shrink", "no-such-scenario"], b"").fails(1, "no-such-scenario: cannot read: ");
}

#[test]
fn wrong_arguments_are_usage_errors() {
    for args in ["", "a b", "a --seed 1", "--seed x", "--seed -1", "--out", "--seed 1 --verbose"] {
        let args: Vec<_> = ["shrink"].into_iter().chain(args.split_whitespace()).collect();
        assert_eq!(cync(&args, b"").code, Some(2), "{args:?}");
    }
}

#[cfg(planted)]
#[test]
fn a_planted_defect_shrinks_to_a_scenario_that_shows_it_and_a_test() {
    let dir = std::env::temp_dir().join(format!("cync-shrink-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (out, test) = (dir.join("out.toml"), dir.join("test.rs"));
    let [out, test] = [&out, &test].map(|path| path.to_str().unwrap());
    let plant = ["--plant", "superseded-resent"];
    let first = ["shrink", "--seed", "6", "--out", out, "--test", test];
    let run = cync(&[&first[..], &plant].concat(), b"");
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.starts_with("S13: "), "{run:?}");
    let scenario = std::fs::read_to_string(out).unwrap();
    assert_eq!(scenario, run.stdout);
    let test = std::fs::read_to_string(test).unwrap();
    assert!(test.contains("#[test]\nfn an_older_command_never_overwrites_a_newer_one()"), "{test}");
    assert!(test.contains(&scenario), "{test}");
    let again = cync(&[&["shrink", out][..], &plant].concat(), b"");
    assert_eq!((again.code, again.stdout), (Some(0), scenario), "it cannot be shrunk further");
    cync(&["shrink", out], b"").fails(1, "breaks no invariant");
    cync(&["shrink", out, "--plant", "nothing"], b"").fails(2, "no defect is called nothing");
    std::fs::remove_dir_all(dir).unwrap();
}
