//! Traces of the dozen, and what becomes of those that are not what they were.

use crate::outcome;
use cync_sim::trace::{Difference, ReplayError, Replayed, TraceError, VERSION, replay};
use cync_sim::world::{Options, run_traced};
use cync_sim::{CANARY, Scenario, Side};
use cync_tests::dozen::dozen;
use cync_tests::hex;
use std::io::{self, Write};
use std::time::Duration;

fn traced(scenario: &Scenario) -> String {
    let mut trace = Vec::new();
    let outcome = run_traced(scenario, Options::default(), &mut trace).unwrap();
    assert_eq!(outcome, super::outcome(scenario, Options::default()), "{}", scenario.name);
    String::from_utf8(trace).unwrap()
}

fn named(name: &str) -> Scenario {
    dozen().into_iter().find(|scenario| scenario.name == name).unwrap()
}

fn replayed(trace: &str) -> Result<Replayed, ReplayError> {
    replay(trace.as_bytes())
}

/// The trace with its first line that contains `what` replaced, and the number of that line.
fn changed(trace: &str, what: &str, by: impl Fn(&str) -> String) -> (String, u64) {
    let nth = trace.lines().position(|line| line.contains(what)).unwrap();
    let lines = trace.lines().enumerate();
    let text: Vec<String> =
        lines.map(|(at, line)| if at == nth { by(line) } else { line.to_owned() }).collect();
    (text.join("\n") + "\n", nth as u64 + 1)
}

#[track_caller]
fn difference(trace: &str) -> Difference {
    match replayed(trace) {
        Err(ReplayError::Difference(difference)) => *difference,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn wrong(trace: &str, line: u64, what: &str) {
    match replayed(trace) {
        Err(ReplayError::Line { line: at, what: why }) => {
            assert!(at == line && why.contains(what), "line {at} instead of {line}: {why}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn sessions_alone_do_the_same_as_in_the_world() {
    for scenario in dozen() {
        let trace = traced(&scenario);
        let replayed =
            replayed(&trace).unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
        let outcome = outcome(&scenario, Options::default());
        assert_eq!(replayed.hash, outcome.hash, "{}", scenario.name);
        assert_eq!(replayed.calls as usize, trace.lines().count() - 2, "{}", scenario.name);
        assert!(replayed.time <= outcome.time);
    }
}

#[test]
fn no_trace_has_the_code_that_devices_greet_with_even_if_a_greeting_is_torn() {
    let mut torn = named("torn");
    torn.faults.iter_mut().for_each(|fault| {
        if let cync_sim::Place::At { time, .. } = &mut fault.place {
            *time = Duration::from_millis(50);
        }
    });
    for scenario in [named("plain"), named("modest"), torn] {
        let trace = traced(&scenario);
        for part in CANARY.windows(4) {
            assert!(!trace.contains(&hex(part.iter().copied())));
        }
        assert!(trace.contains("*0*1*2*3*4*5*6*7*8*9*a*b*c*d*e*f"));
    }
}

#[test]
fn the_first_byte_that_differs_is_named_with_its_place() {
    let trace = traced(&named("plain"));
    let (other, line) = changed(&trace, "\"bytes\":\"73", |line| line.replacen("\"73", "\"74", 1));
    let (other, _) = match other.lines().nth(line as usize - 1).unwrap().contains("transmit") {
        true => (other, line),
        false => panic!("a packet is handed over before it arrives"),
    };
    let found = difference(&other);
    assert_eq!((found.offset, found.call + 1), (Some(0), line));
    assert_eq!((found.name, found.link, found.side), ("transmit", 0, Side::Controller));
    assert!(found.expected.contains("\"7400"), "{found}");
    assert!(found.came.contains("\"7300"), "{found}");
    assert!(found.to_string().starts_with(&format!("call {}, transmit by the", found.call)));
}

#[test]
fn another_event_another_deadline_and_another_answer_are_differences() {
    let trace = traced(&named("plain"));
    let (event, line) = changed(&trace, "Acked { id", |line| line.replacen("Acked", "Executed", 1));
    let found = difference(&event);
    assert_eq!((found.name, found.call + 1, found.offset), ("event", line, None));
    assert!(found.expected.starts_with("Executed { id") && found.came.starts_with("Acked { id"));
    let (deadline, line) = changed(&trace, "\"deadline\":[", |line| line.replace("[", "[1"));
    let found = difference(&deadline);
    assert_eq!((found.name, found.call + 1), ("rest", line));
    let (taken, line) =
        changed(&trace, "\"call\":\"input\"", |line| line.replace("\"out\":", "\"out\":9"));
    let found = difference(&taken);
    assert_eq!((found.name, found.call + 1), ("input", line));
}

#[test]
fn another_input_shows_where_it_makes_a_difference() {
    let trace = traced(&named("plain"));
    let (silent, line) = changed(&trace, "\"bytes\":\"7b", |line| line.replacen("\"7b", "\"7c", 1));
    let silent = if silent.lines().nth(line as usize - 1).unwrap().contains("input") {
        silent
    } else {
        // The first is where it is handed over; the next is where it arrives.
        let (head, tail) = trace.split_at(trace.find("\"call\":\"input\",\"bytes\":\"7b").unwrap());
        format!("{head}{}", tail.replacen("\"7b", "\"7c", 1))
    };
    let found = difference(&silent);
    assert_eq!(found.side, Side::Controller);
}

#[test]
fn a_change_that_no_session_notices_is_told_all_the_same() {
    let trace = traced(&named("plain"));
    let lines: Vec<&str> = trace.split_inclusive('\n').collect();
    let later = lines[1].replacen("{\"t\":0,", "{\"t\":1,", 1);
    let with_one = |line: &str| [&[lines[0], line], &lines[2..]].concat().concat();
    let swapped = [&[lines[0], lines[2], lines[1]], &lines[3..]].concat().concat();
    let more = lines[1].replacen('}', ",\"x\":0}", 1);
    for changed in [with_one(&later), swapped, with_one(&more)] {
        assert_ne!(changed, trace);
        let error = replayed(&changed).unwrap_err().to_string();
        assert!(error.contains("some line of the trace was changed"), "{error}");
    }
}

#[test]
fn a_trace_of_another_version_is_refused_with_both_versions() {
    let trace = traced(&named("plain"));
    let ours = format!("\"version\":\"{VERSION}\"");
    for (from, to) in
        [(ours.as_str(), "\"version\":\"99.0.0\""), ("{\"cync-trace\":2,", "{\"cync-trace\":3,")]
    {
        assert!(trace.contains(from));
        let error = replayed(&trace.replacen(from, to, 1)).unwrap_err();
        let text = error.to_string();
        let named = if to.contains("99") { "99.0.0" } else { "format 3" };
        assert!(matches!(error, ReplayError::Version { .. }));
        assert!(text.contains(named) && text.contains(VERSION), "{text}");
    }
}

#[test]
fn a_trace_that_was_cut_off_anywhere_is_told_with_the_line() {
    let trace = traced(&named("plain"));
    let lines: Vec<&str> = trace.split_inclusive('\n').collect();
    for keep in [0, 1, 2, 100, lines.len() - 1] {
        wrong(&lines[..keep].concat(), keep as u64 + 1, "cut off");
    }
    for cut in [1, 40, trace.len() / 2, trace.len() - 1] {
        let cut = &trace[..cut];
        let line = cut.matches('\n').count() as u64 + 1;
        wrong(cut, line, "cut off");
    }
}

#[test]
fn a_garbled_line_is_told_with_its_number() {
    let trace = traced(&named("plain"));
    for (what, by, why) in [
        ("\"call\":\"connect\"", "\"call\":\"conect\"", "no such call"),
        ("\"call\":\"send\"", "\"call\":\"respond\"", "delivery"),
        ("\"side\":\"device\"", "\"side\":\"lamp\"", "side"),
        ("\"link\":0", "\"link\":70000", "link"),
        ("\"link\":0", "\"link\":7", "no link 7"),
        ("\"call\":\"new\"", "\"call\":\"connect\"", "not made yet"),
        ("\"call\":\"timeout\"", "\"call\":\"timeout\",\"out\":1", "returns nothing"),
        ("{\"t\":0", "{\"t\":-1", "t is missing"),
        ("{\"t\":0", "\u{0}", "not a line"),
        ("\"what\":[\"command\"", "\"what\":[\"wish\"", "what is no message"),
        ("\"bytes\":\"28", "\"bytes\":\"xy", "hexadecimal"),
        ("{\"end\":{\"calls\":", "{\"end\":{\"calls\":1", "calls were made"),
        ("\"hash\":\"", "\"hash\":\"0", "the hash is"),
        ("schema = 1", "schema = 2", "its scenario is none"),
    ] {
        // Bytes of a packet are an input only where it arrives.
        let marked = if what.contains("bytes") {
            format!("\"call\":\"input\",{what}")
        } else {
            what.to_owned()
        };
        let (other, line) = changed(&trace, &marked, |line| line.replacen(what, by, 1));
        wrong(&other, line, why);
    }
    wrong(&format!("{trace}{{}}\n"), trace.lines().count() as u64, "goes on");
    wrong("{\"dir\":\"in\"}\n", 1, "not a trace");
    wrong("", 1, "cut off");
}

/// Takes so many bytes, and then nothing more.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_told_and_a_scenario_that_no_file_says_is_refused() {
    let scenario = named("plain");
    for room in [0, 5_000, traced(&scenario).len() - 1] {
        let error = run_traced(&scenario, Options::default(), &mut Full(room)).unwrap_err();
        assert!(matches!(error, TraceError::Write { .. }), "{error}");
    }
    let mut scenario = scenario;
    scenario.topology.round_trip = Duration::from_nanos(45_000_001);
    let error = run_traced(&scenario, Options::default(), &mut io::sink()).unwrap_err();
    assert!(matches!(error, TraceError::Scenario(_)), "{error}");
}
