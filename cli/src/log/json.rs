//! One flat JSON object a record.

use super::record::Record;
use serde_json::{Map, Value};
use std::fmt::Write;

/// What stands first, in this order, if it is there.
const FIRST: [&str; 7] =
    ["event", "direction", "msg_id", "device_id", "raw_packet_hex", "elapsed_ms", "outcome"];

/// The object and a line break. No other character of it ends a line, or means anything to a terminal.
pub(super) fn line(record: &Record) -> String {
    let mut object = Map::new();
    object.insert("ts".to_owned(), record.time().to_string().into());
    object.insert("level".to_owned(), record.level.as_str().into());
    object.insert("module".to_owned(), record.module.into());
    object.insert("line".to_owned(), record.line.into());
    object.insert("message".to_owned(), record.message().into());
    let first = FIRST.iter().filter_map(|name| Some((*name, record.fields.get(name)?)));
    let rest = record.fields.iter().map(|(name, value)| (*name, value));
    for (name, value) in first.chain(rest) {
        object.entry(name).or_insert_with(|| value.clone());
    }
    let mut line = escape(&Value::from(object).to_string());
    line.push('\n');
    line
}

/// What JSON lets stand as it is, and others would obey: characters that end lines, command terminals, or turn text around.
fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len() + 1);
    for char in json.chars() {
        match char {
            '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\u{:04x}", u32::from(char));
            }
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::record::Fields;
    use super::*;
    use std::time::{Duration, SystemTime};

    fn record(fields: &[(&'static str, Value)]) -> Record {
        let mut all = Fields::default();
        fields.iter().for_each(|(name, value)| all.set(name, value.clone()));
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_762_000_496_789);
        Record { at, level: tracing::Level::INFO, module: "toggler", line: 95, fields: all }
    }

    #[test]
    fn a_record_is_one_flat_object_whose_known_fields_stand_first() {
        let record = record(&[
            ("attempt", 1.into()),
            ("outcome", "success".into()),
            ("device_id", "DEVICE123".into()),
            ("elapsed_ms", 12.4.into()),
            ("event", "tcp_packet".into()),
            ("direction", "send".into()),
            ("level", "forged".into()),
        ]);
        let expected = concat!(
            r#"{"ts":"2025-11-01T12:34:56.789Z","level":"INFO","module":"toggler","line":95,"#,
            r#""message":"tcp_packet send success","event":"tcp_packet","direction":"send","device_id":"DEVICE123","#,
            r#""elapsed_ms":12.4,"outcome":"success","attempt":1}"#,
            "\n"
        );
        assert_eq!(line(&record), expected);
    }

    #[test]
    fn text_of_others_ends_no_line_and_commands_no_terminal() {
        let hostile =
            "a\n{\"level\":\"forged\"}\r\x1b[2J\u{7f}\u{85}\u{9b}2J\u{2028}\u{202e}\u{2066}\"\\ä";
        let line = line(&record(&[("message", hostile.into()), ("device_id", hostile.into())]));
        let (text, end) = line.split_at(line.len() - 1);
        assert_eq!(end, "\n");
        assert!(
            text.chars()
                .all(|char| !char.is_control() && !"\u{2028}\u{202e}\u{2066}".contains(char)),
            "{text}"
        );
        let read: Value = serde_json::from_str(text).unwrap();
        assert_eq!((&read["message"], &read["device_id"]), (&hostile.into(), &hostile.into()));
        assert_eq!(read["level"], "INFO");
    }
}
