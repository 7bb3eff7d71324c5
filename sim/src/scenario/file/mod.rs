//! Scenario files: a [`Scenario`] as TOML. `docs/scenarios.md` has every field.
//!
//! One description of each section reads it and writes it. Numbers are taken as they are written, never as floating point, so
//! that a scenario is the same on every machine; what is finer than can be kept is refused.

mod decimal;
mod error;
mod fields;
mod happenings;
mod names;
mod read;
mod sections;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub use error::ScenarioError;

use super::check::Step;
use crate::Scenario;
use toml::de::{DeTable, DeValue};

pub(super) use happenings::blank_fault;

/// The version of the rules that scenario files are written by.
const SCHEMA: u32 = 1;

impl Scenario {
    /// Reads a scenario file, and checks that it makes sense.
    ///
    /// ```
    /// use cync_sim::Scenario;
    ///
    /// let text = r#"
    /// schema = 1
    /// name = "High loss"
    /// [workload]
    /// kind = "closed"
    /// commands = 10000
    /// [chaos]
    /// packet_loss_rate = "20%"
    /// "#;
    /// let scenario = Scenario::parse(text)?;
    /// assert_eq!(scenario.work.commands, 10_000);
    /// assert_eq!(Scenario::parse(&scenario.to_toml())?, scenario);
    ///
    /// let error = Scenario::parse(&text.replace("20%", "120%")).unwrap_err();
    /// assert_eq!((error.line(), error.column()), (8, 20));
    /// # Ok::<(), cync_sim::scenario::ScenarioError>(())
    /// ```
    ///
    /// # Errors
    /// The first place that is no TOML, that says what no scenario can, or that contradicts another.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let document = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            ScenarioError::new(text, at, format!("not TOML: {}", error.message()))
        })?;
        let document = document.get_ref();
        let scenario = read::scenario(text, document)
            .map_err(|mistake| ScenarioError::new(text, mistake.at, mistake.rule))?;
        scenario.check().map_err(|found| {
            ScenarioError::new(text, locate(document, found.place()), found.rule())
        })?;
        Ok(scenario)
    }

    /// The scenario as a file: [`Scenario::parse`] gives the same scenario again, if [`Scenario::check`] finds no fault with it
    /// and its times are whole microseconds.
    pub fn to_toml(&self) -> String {
        write::scenario(self)
    }
}

/// Where the innermost part of a place that a document mentions begins.
fn locate(document: &DeTable<'_>, place: &[Step]) -> usize {
    let (mut table, mut at) = (document, 0);
    let mut steps = place.iter();
    while let Some(step) = steps.next() {
        // What is not said of one part may be said of both.
        let Step::Field(name) = step else { continue };
        let Some(given) = table.get(*name) else { continue };
        at = given.span().start;
        let inner = match given.get_ref() {
            DeValue::Array(list) => match steps.next() {
                Some(Step::Nth(nth)) => list.get(*nth),
                _ => None,
            },
            _ => Some(given),
        };
        let Some(inner) = inner else { break };
        at = inner.span().start;
        let DeValue::Table(inner) = inner.get_ref() else { break };
        table = inner;
    }
    at
}
