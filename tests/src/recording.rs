//! Recordings of real traffic, if there are any: `CYNC_CAPTURES` names their folder.
//!
//! A recording has one JSON object a line, one line a read: `conn`, `direction`, `injected`, `t`, `hex`.

use crate::{text, unhex};
use serde_json::Value;
use std::io::Write;
use std::path::Path;

/// One read of the recording proxy.
#[derive(Clone, PartialEq, Debug)]
pub struct Chunk {
    /// The connection; `None` where the recording cannot tell, and of bytes that the operator wrote.
    pub conn: Option<String>,
    /// The controller, or the vendor's cloud, sent it to the device.
    pub to_device: bool,
    /// Microseconds since the first read.
    pub at: u64,
    /// What was read.
    pub bytes: Vec<u8>,
}

/// The reads of a recording, in order; `None`, and a line on standard error, if there are no recordings.
///
/// # Panics
/// If there are recordings, and this one cannot be read.
pub fn chunks(name: &str) -> Option<Vec<Chunk>> {
    let Some(folder) = std::env::var_os("CYNC_CAPTURES") else {
        // Not by a macro: the test harness would keep the line to itself.
        let _ = writeln!(std::io::stderr(), "SKIP {name}: CYNC_CAPTURES is not set");
        return None;
    };
    let file = std::fs::read_to_string(Path::new(&folder).join(name)).expect("a recording");
    Some(file.lines().map(chunk).collect())
}

fn chunk(line: &str) -> Chunk {
    let chunk: Value = serde_json::from_str(line).expect("one JSON object a line");
    let to_device = match text(&chunk, "direction") {
        "cloud_to_dev" => true,
        "dev_to_cloud" => false,
        other => panic!("{other} is no direction"),
    };
    let conn = chunk["conn"].as_str().filter(|_| chunk["injected"] != true).map(str::to_owned);
    Chunk { conn, to_device, at: micros(&chunk["t"]), bytes: unhex(text(&chunk, "hex")) }
}

/// Seconds as they are written, in microseconds: digits behind those are cut off.
fn micros(seconds: &Value) -> u64 {
    let seconds = seconds.to_string();
    let (whole, parts) = seconds.split_once('.').unwrap_or((&seconds, ""));
    format!("{whole}{parts:0<6.6}").parse().unwrap_or_else(|_| panic!("{seconds} is no time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_read_and_injected_ones_have_no_connection() {
        let line =
            r#"{"conn":"7.1","direction":"cloud_to_dev","injected":false,"t":52.39,"hex":"d800"}"#;
        let expected = Chunk {
            conn: Some("7.1".into()),
            to_device: true,
            at: 52_390_000,
            bytes: vec![0xd8, 0],
        };
        assert_eq!(chunk(line), expected);
        assert_eq!(chunk(&line.replace("false", "true")).conn, None);
        let times = ["0", "1", "0.5", "1212.5301129"].map(|t| chunk(&line.replace("52.39", t)).at);
        assert_eq!(times, [0, 1_000_000, 500_000, 1_212_530_112]);
    }
}
