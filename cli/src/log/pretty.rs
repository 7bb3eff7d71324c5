//! One readable line a record.

use super::record::Record;
use crate::printable::one_line;
use serde_json::Value;
use std::fmt::Write;

/// Time, level, module, message, then `name=value` for all else, and a line break.
pub(super) fn line(record: &Record) -> String {
    let mut line = format!("{} {:>5} {}: ", record.time(), record.level, record.module);
    line += &one_line(&record.message());
    for (name, value) in record.fields.iter() {
        if *name == "message" {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = match value {
            Value::String(text) if is_a_word(text) => write!(line, " {name}={text}"),
            Value::String(text) => write!(line, " {name}={text:?}"),
            other => write!(line, " {name}={other}"),
        };
    }
    line.push('\n');
    line
}

/// Whether it can stand without quotes.
fn is_a_word(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"=\\".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::super::record::Fields;
    use super::*;
    use std::time::SystemTime;

    fn shown(fields: &[(&'static str, Value)]) -> String {
        let mut all = Fields::default();
        fields.iter().for_each(|(name, value)| all.set(name, value.clone()));
        let at = SystemTime::UNIX_EPOCH;
        line(&Record { at, level: tracing::Level::WARN, module: "cync", line: 1, fields: all })
    }

    #[test]
    fn words_stand_bare_and_all_else_in_quotes() {
        let line = shown(&[
            ("device_id", "kitchen".into()),
            ("event", "command".into()),
            ("error", "not in time".into()),
            ("empty", "".into()),
            ("forged", "a=b".into()),
            ("elapsed_ms", 1.5.into()),
        ]);
        let expected = concat!(
            "1970-01-01T00:00:00.000Z  WARN cync: command device_id=kitchen event=command error=\"not in time\" ",
            "empty=\"\" forged=\"a=b\" elapsed_ms=1.5\n"
        );
        assert_eq!(line, expected);
    }

    #[test]
    fn text_of_others_ends_no_line_and_commands_no_terminal() {
        let hostile = "a\n2026 INFO forged\r\x1b[2J\u{7f}\u{85}\u{9b}2J\u{2028}\u{202e}\u{2066}";
        let line = shown(&[("message", hostile.into()), ("peer", hostile.into())]);
        let (text, end) = line.split_at(line.len() - 1);
        assert_eq!(end, "\n");
        assert!(
            text.chars()
                .all(|char| !char.is_control() && !"\u{2028}\u{202e}\u{2066}".contains(char)),
            "{text}"
        );
    }
}
