//! `cync chaos`: the table, as text, as JSON and as a page.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;

use command::cync;
use serde_json::Value;

/// Enough for the step, which is judged by what comes after 1050 commands.
const FEW: [&str; 3] = ["chaos", "--commands", "1100"];
/// A row with losses, and few commands.
const LOSS: [&str; 5] = ["chaos", "--only", "high-loss", "--commands", "300"];

/// One document, with no second behind it.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn every_row_is_run_with_one_worker_and_with_ten_and_judged() {
    let run = cync(&[&FEW[..], &["--json"]].concat(), b"");
    let document = json(&run.stdout);
    let rows = document["rows"].as_array().unwrap();
    let library = cync_sim::Scenario::library().iter().take(9).map(|(name, _)| *name);
    let expected: Vec<(&str, u64)> = library.flat_map(|name| [(name, 1), (name, 10)]).collect();
    let names = rows.iter().map(|row| (row["row"].as_str().unwrap(), row["workers"].as_u64()));
    assert_eq!(names.map(|(name, it)| (name, it.unwrap())).collect::<Vec<_>>(), expected);
    for row in rows {
        assert_eq!(row["commands"], 1_100, "{row}");
        assert_eq!((&row["broken"], &row["applied_twice"]), (&Value::Null, &0.into()), "{row}");
        assert_eq!(row["holds"], true, "{row}");
    }
    assert_eq!((document["holds"].as_bool(), run.code), (Some(true), Some(0)));
}

#[test]
fn the_document_is_the_same_whenever_the_same_is_run_and_another_for_another_seed() {
    let args = [&LOSS[..], &["--only", "combined", "--json"]].concat();
    let (first, second) = (cync(&args, b""), cync(&args, b""));
    assert_eq!((first.code, first.stderr.as_str()), (Some(0), ""));
    assert_eq!(first.stdout, second.stdout);
    let other = cync(&[&args[..], &["--seed", "2"]].concat(), b"");
    assert_ne!(json(&first.stdout)["rows"][0]["hash"], json(&other.stdout)["rows"][0]["hash"]);
    assert_eq!(json(&other.stdout)["rows"][0]["seed"], 2);
}

#[test]
fn what_the_table_says_is_what_the_document_says() {
    let table = cync(&LOSS, b"");
    assert_eq!((table.code, table.stderr.as_str()), (Some(0), ""), "{table:?}");
    let document = json(&cync(&[&LOSS[..], &["--json"]].concat(), b"").stdout);
    let lines: Vec<&str> = table.stdout.lines().collect();
    let [heading, one, ten, "", summary] = lines[..] else { panic!("{table:?}") };
    assert!(heading.starts_with("row") && heading.ends_with("verdict"), "{heading}");
    for (line, row) in [one, ten].iter().zip(document["rows"].as_array().unwrap()) {
        let cells: Vec<&str> =
            line.split("  ").map(str::trim).filter(|it| !it.is_empty()).collect();
        let millis = |name: &str| {
            let micros = row["latency_us"][name].as_u64().unwrap() + 50;
            format!("{}.{}", micros / 1_000, micros / 100 % 10)
        };
        let dropped = row["duplicates_dropped"].as_object().unwrap().values();
        let dropped: u64 = dropped.map(|it| it.as_u64().unwrap()).sum();
        let expected = [
            "High loss".into(),
            row["workers"].to_string(),
            "20 %".into(),
            "100 %".into(),
            millis("p50"),
            millis("p95"),
            millis("p99"),
            millis("max"),
            row["retransmissions"].to_string(),
            "0 %".into(),
            dropped.to_string(),
            "0".into(),
        ];
        assert_eq!(cells.get(..12), Some(&expected.each_ref().map(String::as_str)[..]), "{line}");
        assert_eq!(cells.last(), Some(&"ok"));
    }
    assert!(summary.starts_with("2 of 2 runs hold: 600 commands, "), "{summary}");
}

#[test]
fn the_page_is_whole_needs_nothing_else_and_shows_the_command_that_was_chosen() {
    let path = format!("{}/chaos.html", env!("CARGO_TARGET_TMPDIR"));
    let args = [&LOSS[..], &["--html", &path, "--chart", "high-loss:7"]].concat();
    let run = cync(&args, b"");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    let page = std::fs::read_to_string(&path).unwrap();
    balanced(&page);
    for foreign in ["http:", "https:", "src=", "url(", "<link", "<script", "@import"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for part in [
        "<!DOCTYPE html>\n<html lang=\"en\">",
        "prefers-color-scheme: dark",
        "<th scope=\"row\">High loss</th>",
        "<h2 id=\"chart\">Command 7 of High loss</h2>",
        "<svg viewBox",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert_eq!(cync(&args, b"").code, Some(0));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), page, "the same run, the same page");
    // Without a choice it is the slowest, which was handed over again: otherwise it would not be.
    assert_eq!(cync(&[&LOSS[..], &["--html", &path]].concat(), b"").code, Some(0));
    let page = std::fs::read_to_string(&path).unwrap();
    assert!(page.contains("the command, copy 2") && page.contains("no answer for"), "{page}");
    assert!(page.contains("it is lost"), "{page}");
}

/// Every element is closed in the order in which elements were opened, and every id is there once and every one that is
/// named exists.
fn balanced(page: &str) {
    let (mut open, mut ids, mut named) = (Vec::new(), Vec::new(), Vec::new());
    let body = page.split_once("<html").unwrap().1;
    let body = format!("<html{body}");
    for part in body.split('<').skip(1) {
        let (tag, _) = part.split_once('>').unwrap();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name.to_owned()));
            continue;
        }
        let name = tag.split([' ', '/']).next().unwrap();
        let attribute = |name: &str| {
            let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
            Some(rest.split_once('"')?.0.to_owned())
        };
        ids.extend(attribute("id"));
        let labels = attribute("aria-labelledby").unwrap_or_default();
        named.extend(labels.split_whitespace().map(str::to_owned));
        if name != "meta" && !tag.ends_with('/') {
            open.push(name.to_owned());
        }
    }
    assert_eq!(open, [""; 0]);
    assert!(named.iter().all(|name| ids.contains(name)), "{named:?} {ids:?}");
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id that is there twice");
}

#[test]
fn what_cannot_be_run_is_a_usage_error_that_says_why() {
    let fails = |args: &[&str], why: &str| {
        let run = cync(&[&["chaos"], args].concat(), b"");
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains(why), "{why} in {run:?}");
    };
    fails(&["--commands", "1050"], "--commands 1050 is too few for step");
    fails(&["--commands", "0"], "0 is not in 1..");
    fails(&["--only", "high-los"], "high-loss");
    fails(&["--chart", "high-loss:1"], "--html");
    fails(&["--html", "x", "--chart", "high-loss:0"], "write the row and the command's number");
    fails(&["--html", "x", "--chart", "high-loss"], "write the row and the command's number");
    fails(&["--html", "x", "--chart", "none:1"], "no row is called");
    fails(&["--html", "x", "--chart", "step:1", "--only", "baseline"], "--only leaves out");
    fails(&["--html", "x", "--chart", "high-loss:10001"], "there are 10000");
    let args = [&LOSS[..], &["--html", "/nonexistent/x.html"]].concat();
    cync(&args, b"").fails(1, "cannot write /nonexistent/x.html: ");
}
