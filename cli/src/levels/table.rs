//! The table, for people and for programs.

use super::Reading;
use super::level::{Bound, Figure, Level, Levels, Verdict};
use super::record::P99;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes one line for each level.
pub(super) fn write(out: &mut impl Write, levels: &Levels, reading: &Reading) -> io::Result<()> {
    writeln!(out, "{:<21} {:<28} {:<12} verdict", "level", "measured", "threshold")?;
    for level in &levels.all {
        let measured = level.figure.map_or_else(|| "-".to_owned(), figure);
        let threshold = level.bound.map_or_else(|| "none".to_owned(), bound);
        let verdict = verdict(level.verdict);
        writeln!(out, "{:<21} {measured:<28} {threshold:<12} {verdict}", level.title)?;
    }
    writeln!(out, "{:<21} {} read, {} bad", "lines", reading.lines, reading.bad)
}

/// The same as one object; shares in millionths, times in microseconds.
pub(super) fn json(levels: &Levels, reading: &Reading) -> Value {
    let levels_json: Vec<Value> = levels.all.iter().map(object).collect();
    json!({
        "met": levels.all_met(),
        "levels": levels_json,
        "lines": reading.lines,
        "bad_lines": reading.bad,
    })
}

fn object(level: &Level) -> Value {
    let (unit, measured, count, of) = match level.figure {
        None => (unit(level.bound), Value::Null, Value::Null, Value::Null),
        Some(Figure::Share(share)) => {
            ("ppm", json!(share.ppm()), json!(share.count), json!(share.of))
        }
        Some(Figure::Time(P99::Micros(micros))) => ("us", json!(micros), Value::Null, Value::Null),
        Some(Figure::Time(_)) => ("us", json!("never"), Value::Null, Value::Null),
        Some(Figure::Count(count)) => ("count", json!(count), Value::Null, Value::Null),
    };
    let (must, threshold) = match level.bound {
        None => (Value::Null, Value::Null),
        Some(Bound::AtLeast(value)) => (json!("at_least"), json!(value)),
        Some(Bound::Below(value)) => (json!("below"), json!(value)),
        Some(Bound::Within(value) | Bound::AtMost(value)) => (json!("at_most"), json!(value)),
    };
    json!({
        "level": level.name,
        "unit": unit,
        "measured": measured,
        "count": count,
        "of": of,
        "must_be": must,
        "threshold": threshold,
        "verdict": verdict(level.verdict).to_lowercase().replace(' ', "_"),
    })
}

const fn unit(bound: Option<Bound>) -> &'static str {
    match bound {
        Some(Bound::Within(_)) => "us",
        Some(Bound::AtMost(_)) => "count",
        _ => "ppm",
    }
}

const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::NotMet => "NOT met",
        Verdict::NotMeasured => "not measured",
        Verdict::NotAsked => "not asked",
    }
}

fn figure(figure: Figure) -> String {
    match figure {
        Figure::Share(share) => {
            let part = share.ppm().map_or_else(|| "-".to_owned(), percent);
            format!("{part} ({} of {})", share.count, share.of)
        }
        Figure::Time(P99::Micros(micros)) => millis(micros),
        Figure::Time(_) => "never".to_owned(),
        Figure::Count(count) => count.to_string(),
    }
}

fn bound(bound: Bound) -> String {
    match bound {
        Bound::AtLeast(ppm) => format!(">= {}", percent(ppm)),
        Bound::Below(ppm) => format!("< {}", percent(ppm)),
        Bound::Within(micros) => format!("<= {}", millis(micros)),
        Bound::AtMost(count) => format!("<= {count}"),
    }
}

fn percent(ppm: u64) -> String {
    shortened(ppm / 10_000, ppm % 10_000, 4) + " %"
}

fn millis(micros: u64) -> String {
    shortened(micros / 1_000, micros % 1_000, 3) + " ms"
}

/// A decimal without zeros at its end.
fn shortened(whole: u64, part: u64, digits: usize) -> String {
    let text = format!("{whole}.{part:0digits$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_as_short_as_they_can_be() {
        assert_eq!(
            (percent(999_000), percent(1_000_000), percent(1)),
            ("99.9 %".into(), "100 %".into(), "0.0001 %".into())
        );
        assert_eq!((millis(800_000), millis(45_023)), ("800 ms".into(), "45.023 ms".into()));
    }
}
