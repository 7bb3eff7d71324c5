//! What an event says, with what the spans around it say.

use serde_json::Value;
use std::fmt;
use std::time::SystemTime;
use tracing::field::{Field, Visit};

/// Names and values, each name once: what was said last.
#[derive(Clone, Default, Debug)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    pub(super) fn set(&mut self, name: &'static str, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }

    pub(super) fn extend(&mut self, other: &Self) {
        for (name, value) in &other.0 {
            self.set(name, value.clone());
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find_map(|(known, value)| (*known == name).then_some(value))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(&'static str, Value)> {
        self.0.iter()
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}").into());
    }
}

/// One event.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) at: SystemTime,
    pub(super) level: tracing::Level,
    pub(super) module: &'static str,
    pub(super) line: u32,
    pub(super) fields: Fields,
}

impl Record {
    /// When it happened: UTC, to the millisecond.
    pub(super) fn time(&self) -> impl fmt::Display {
        humantime::format_rfc3339_millis(self.at)
    }

    /// What happened, in words; of an event that has none, its name, direction and outcome.
    pub(super) fn message(&self) -> String {
        let text = |name| self.fields.get(name).and_then(Value::as_str);
        match text("message") {
            Some(message) => message.to_owned(),
            None => ["event", "direction", "outcome"]
                .into_iter()
                .filter_map(text)
                .collect::<Vec<_>>()
                .join(" "),
        }
    }
}
