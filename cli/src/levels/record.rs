//! What a line says of service levels, whichever command wrote it.

use serde_json::{Map, Value};
use thiserror::Error;

/// What a line is about.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Record {
    /// How a command ended.
    Command(Command),
    /// A packet that was sent or received.
    Packet(Packet),
    /// A packet that could not be decoded, or so many of them.
    DecodeErrors(u64),
    /// A message that found its queue full.
    QueueFull,
    /// A whole run: `cync run --json`, or a summary.
    Run(Run),
    /// Something else that logs say.
    Other,
}

/// How one command ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Command {
    pub(super) end: End,
    /// From `send` to its end, in microseconds.
    pub(super) micros: Option<u64>,
    /// Transmissions, the first included.
    pub(super) attempts: u64,
}

/// What became of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    Reached,
    Failed,
    /// Not taken: the queue was full.
    QueueFull,
    /// Its sender gave up on it: nobody knows how it would have ended.
    Withdrawn,
}

/// One packet of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Packet {
    pub(super) received: bool,
    pub(super) message: Option<String>,
    pub(super) succeeded: bool,
    pub(super) micros: Option<u64>,
}

/// The figures of a run; `None` where it does not tell.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Run {
    pub(super) commands: u64,
    pub(super) reached: u64,
    pub(super) p99: P99,
    pub(super) repeated: Option<u64>,
    pub(super) spurious: Option<u64>,
    /// The commands among which those were counted, where these are not all.
    pub(super) spurious_of: Option<u64>,
    pub(super) queue_full: Option<u64>,
    pub(super) applied_twice: Option<u64>,
    /// It sums up commands that may have a line each.
    pub(super) sums_up: bool,
}

/// What 99 % of a run's commands did not exceed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum P99 {
    /// It does not say.
    #[default]
    Untold,
    /// More than one in a hundred never ended.
    Never,
    /// In microseconds.
    Micros(u64),
}

/// What is wrong with a line.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(super) enum BadLine {
    #[error("not JSON (column {0}); write one object a line")]
    NotJson(usize),
    #[error("a JSON value that is no object; write one object a line")]
    NotAnObject,
    #[error("the count in \"{0}\" is no whole number from 0")]
    Count(&'static str),
}

/// Reads one line.
pub(super) fn parse(line: &[u8]) -> Result<Record, BadLine> {
    let value = serde_json::from_slice(line).map_err(|error| BadLine::NotJson(error.column()))?;
    let Value::Object(object) = value else { return Err(BadLine::NotAnObject) };
    classify(&Fields(&object))
}

/// An object, and what tracing's own JSON keeps one level further down.
struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        let inner = || self.0.get("fields")?.as_object()?.get(name);
        self.0.get(name).or_else(inner).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    fn count(&self, name: &'static str) -> Result<Option<u64>, BadLine> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.as_u64().map(Some).ok_or(BadLine::Count(name))
    }

    /// `elapsed_ms`, which may have a fraction, or `elapsed_us`.
    fn elapsed(&self) -> Option<u64> {
        let whole = || self.get("elapsed_us")?.as_u64();
        self.get("elapsed_ms").and_then(micros).or_else(whole)
    }
}

/// Milliseconds as microseconds, rounded up.
fn micros(millis: &Value) -> Option<u64> {
    let micros = millis.as_f64()? * 1_000.0;
    // What floating point adds to a tenth of a millisecond is no time.
    let micros = (micros - 1e-6).ceil();
    (0.0..1e15).contains(&(micros + 0.0)).then_some(micros as u64)
}

fn classify(fields: &Fields<'_>) -> Result<Record, BadLine> {
    if let Some(nested) = fields.get("summary").and_then(Value::as_object) {
        return classify(&Fields(nested));
    }
    let record = match fields.text("event") {
        Some("command") => command(fields)?,
        Some("queue_full") => Record::QueueFull,
        Some("decode_error" | "framing_error") => Record::DecodeErrors(1),
        Some("tcp_packet" | "packet") => packet(fields),
        Some("summary") => summed(fields)?,
        Some(_) => Record::Other,
        None if fields.get("asked").is_some() => summed(fields)?,
        // How far `cync soak` was: what it counts there is in its next line again.
        None if fields.get("virtual_s").is_some() => Record::Other,
        None if fields.get("commands").is_some() && fields.get("reached").is_some() => run(fields)?,
        None if fields.get("errors").is_some_and(Value::is_object) => errors(fields),
        None if fields.get("error").is_some() && fields.get("hex").is_some() => {
            Record::DecodeErrors(1)
        }
        None if fields.get("packet").is_some_and(Value::is_object) => Record::DecodeErrors(0),
        None if fields.get("outcome").is_some() => command(fields)?,
        None => Record::Other,
    };
    Ok(record)
}

fn command(fields: &Fields<'_>) -> Result<Record, BadLine> {
    let end = match fields.text("outcome") {
        Some(outcome) => end(outcome),
        None if fields.get("error").is_some() => End::Failed,
        None => End::Reached,
    };
    let attempts = fields.count("attempts")?.unwrap_or(1);
    Ok(Record::Command(Command { end, micros: fields.elapsed(), attempts }))
}

fn end(outcome: &str) -> End {
    match outcome {
        "success" | "ok" | "done" | "sent" | "acked" | "acknowledged" | "executed" | "reached" => {
            End::Reached
        }
        "queue_full" => End::QueueFull,
        "interrupted" | "cancelled" => End::Withdrawn,
        _ => End::Failed,
    }
}

/// What a packet's outcome is that could not be decoded.
const REASONS: [&str; 6] = [
    "too_short",
    "invalid_length",
    "unknown_type",
    "invalid_checksum",
    "missing_0x7e_markers",
    "packet_too_large",
];

fn packet(fields: &Fields<'_>) -> Record {
    let outcome = fields.text("outcome").unwrap_or("success");
    if outcome == "decode_error" || REASONS.contains(&outcome) {
        return Record::DecodeErrors(1);
    }
    Record::Packet(Packet {
        received: matches!(fields.text("direction"), Some("recv" | "received" | "in")),
        message: fields.text("msg_id").map(str::to_owned),
        succeeded: end(outcome) == End::Reached,
        micros: fields.elapsed(),
    })
}

/// The numbers of `cync decode --stats`.
fn errors(fields: &Fields<'_>) -> Record {
    let counts = fields.get("errors").and_then(Value::as_object);
    let counts = counts.into_iter().flat_map(Map::values).filter_map(Value::as_u64);
    Record::DecodeErrors(counts.fold(0, u64::saturating_add))
}

fn run(fields: &Fields<'_>) -> Result<Record, BadLine> {
    let count = |name| fields.count(name);
    let reached = count("reached")?.unwrap_or(0);
    let mut commands = count("commands")?.unwrap_or(0);
    if fields.get("interrupted").and_then(Value::as_bool) == Some(true) {
        // What was under way then has not ended.
        let ended = ["nacked", "not_sent", "unknown", "refused"]
            .into_iter()
            .try_fold(reached, |ended, name| {
                Ok::<_, BadLine>(ended.saturating_add(count(name)?.unwrap_or(0)))
            })?;
        commands = commands.min(ended);
    }
    Ok(Record::Run(Run {
        commands,
        reached: reached.min(commands),
        p99: p99(fields),
        repeated: count("retransmissions")?,
        spurious: count("spurious")?,
        spurious_of: count("spurious_of")?,
        queue_full: count("refused")?,
        applied_twice: count("applied_twice")?,
        sums_up: false,
    }))
}

/// The end of `cync toggle`: `asked`, what failed, and what a simulated device says it did.
fn summed(fields: &Fields<'_>) -> Result<Record, BadLine> {
    let count = |name| fields.count(name);
    let asked = count("asked")?.unwrap_or(0);
    let interrupted = count("interrupted")?.unwrap_or(0);
    let untold = interrupted.saturating_add(count("not_attempted")?.unwrap_or(0));
    let commands = asked.saturating_sub(untold);
    let reached = commands.saturating_sub(count("failed")?.unwrap_or(0));
    let applied = count("applied_by_device")?.or(count("applied")?);
    Ok(Record::Run(Run {
        commands,
        reached,
        p99: p99_of_all(fields, commands, reached),
        repeated: count("retransmissions")?,
        spurious: None,
        spurious_of: None,
        queue_full: None,
        applied_twice: applied.map(|applied| applied.saturating_sub(asked)),
        sums_up: true,
    }))
}

/// What 99 % of all commands did not exceed, where the times are of those that reached their stage: the rest took for ever. Where that
/// is between two times that are told, it is the longer.
fn p99_of_all(fields: &Fields<'_>, commands: u64, reached: u64) -> P99 {
    let rank = |of: u64, permille: u64| {
        u64::try_from((u128::from(of) * u128::from(permille)).div_ceil(1000)).unwrap_or(u64::MAX)
    };
    let wanted = rank(commands, 990);
    if wanted > reached {
        return P99::Never;
    }
    let latency = fields.get("latency_us");
    let longer = |(name, permille)| {
        let micros = latency?.as_object()?.get(name)?.as_u64()?;
        (rank(reached, permille) >= wanted).then_some(P99::Micros(micros))
    };
    if rank(reached, 990) >= wanted {
        return p99(fields);
    }
    [("p99.9", 999), ("max", 1000)].into_iter().find_map(longer).unwrap_or(p99(fields))
}

fn p99(fields: &Fields<'_>) -> P99 {
    let latency = fields.get("latency_us").and_then(Value::as_object);
    match latency.and_then(|latency| latency.get("p99")) {
        Some(Value::Null) => P99::Never,
        told => told.and_then(Value::as_u64).map_or(P99::Untold, P99::Micros),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> Command {
        match parse(text.as_bytes()) {
            Ok(Record::Command(command)) => command,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_command_ends_as_its_outcome_says_wherever_the_fields_are() {
        let flat = r#"{"event":"command","outcome":"executed","elapsed_ms":12.4,"attempts":3}"#;
        let reached = Command { end: End::Reached, micros: Some(12_400), attempts: 3 };
        assert_eq!(command(flat), reached);
        assert_eq!(command(&format!(r#"{{"level":"INFO","fields":{flat}}}"#)), reached);
        let without = r#"{"event":"command","attempts":1,"index":0}"#;
        assert_eq!(command(without), Command { end: End::Reached, micros: None, attempts: 1 });
        for (outcome, end) in [
            ("unknown", End::Failed),
            ("nacked", End::Failed),
            ("queue_full", End::QueueFull),
            ("interrupted", End::Withdrawn),
        ] {
            assert_eq!(command(&format!(r#"{{"outcome":"{outcome}"}}"#)).end, end, "{outcome}");
        }
        assert_eq!(command(r#"{"event":"command","error":"no answer"}"#).end, End::Failed);
    }

    #[test]
    fn milliseconds_are_rounded_up_to_microseconds() {
        for (text, expected) in [
            ("0", Some(0)),
            ("800.1", Some(800_100)),
            ("0.0001", Some(1)),
            ("-1", None),
            ("1e300", None),
            ("\"5\"", None),
        ] {
            assert_eq!(micros(&serde_json::from_str(text).unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_object_or_no_count_is_a_bad_line() {
        assert_eq!(parse(b"{\"event\":"), Err(BadLine::NotJson(9)));
        assert_eq!(parse(b"[1]"), Err(BadLine::NotAnObject));
        let odd = br#"{"event":"command","attempts":-1}"#;
        assert_eq!(parse(odd), Err(BadLine::Count("attempts")));
        assert_eq!(parse(br#"{"event":"connected"}"#), Ok(Record::Other));
    }

    #[test]
    fn a_packet_whose_outcome_is_a_reason_could_not_be_decoded() {
        for outcome in REASONS.into_iter().chain(["decode_error"]) {
            let line =
                format!(r#"{{"event":"tcp_packet","direction":"recv","outcome":"{outcome}"}}"#);
            assert_eq!(parse(line.as_bytes()), Ok(Record::DecodeErrors(1)), "{outcome}");
        }
    }
}
