//! `cync validate`: a page that says what was measured, the same each time but for real sockets and the date.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod command;

use command::cync;
use serde_json::json;

/// The virtual part of a page, and the part about sockets.
fn parts(page: &str) -> (&str, &str) {
    let at = page.find("\n## Real sockets\n").unwrap();
    page.split_at(at)
}

#[test]
fn the_virtual_part_is_the_same_each_time_and_that_of_the_committed_page() {
    let path = format!("{}/validation.md", env!("CARGO_TARGET_TMPDIR"));
    let run = cync(&["validate", "--date", "2025-11-21", "--out", &path, "--json"], b"");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    let written = std::fs::read_to_string(&path).unwrap();
    let (virtual_part, sockets) = parts(&written);
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/validation.md");
    let committed = std::fs::read_to_string(committed).unwrap();
    let header = |page: &str| page.lines().nth(2).map(str::to_owned);
    let from_there = |page: &str| page.lines().skip(3).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        from_there(virtual_part),
        from_there(parts(&committed).0),
        "write it anew: cync validate --out docs/validation.md"
    );
    let expected = format!("cync {}, 2025-11-21. All targets: met.", env!("CARGO_PKG_VERSION"));
    assert_eq!(header(&written), Some(expected));
    assert!(sockets.contains("| sockets |") && !sockets.contains("missed"), "{sockets}");

    let [object] = &run.json()[..] else { panic!("one object: {run:?}") };
    assert_eq!((&object["met"], &object["date"]), (&json!(true), &json!("2025-11-21")));
    assert_eq!(object["adjusted_us"], json!([108_800, 264_800, 336_700]));
    let plain = &object["virtual"]["plain"];
    assert_eq!(
        plain["commands"],
        json!({
            "count": 1000, "acknowledged": 1000, "p50_us": 45_000, "p95_us": 45_000,
            "p99_us": 45_000, "max_us": 45_000, "repeated": 0, "met": true
        })
    );
    for ack in ["0x28", "0x7b", "0x88", "0xd8"] {
        for part in [plain, &object["virtual"]["captured"], &object["sockets"]] {
            assert!(part["acks"][ack]["count"].as_u64() >= Some(100), "{ack} {part}");
            assert_eq!(part["acks"][ack]["verdict"], "2 s validated", "{ack} {part}");
        }
        assert_eq!(plain["acks"][ack]["recommended_timeout_us"], 112_500);
    }
    assert_eq!(plain["group"]["deepest_queue"], 0);
    assert_eq!(object["sockets"]["group"]["deepest_queue"], json!(null));
}

#[test]
fn wrong_arguments_and_places_are_told() {
    for date in ["yesterday", "2025-02-29"] {
        let run = cync(&["validate", "--date", date], b"");
        assert_eq!(run.code, Some(2), "{run:?}");
        assert!(run.stderr.contains("--date"), "{run:?}");
    }
    let run = cync(&["validate", "--out", "/nonexistent/page.md"], b"");
    run.fails(1, "cannot write /nonexistent/page.md");
}
