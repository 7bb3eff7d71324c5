//! Everything that must hold of a scenario, those rules included that only show when it is run several times.

use crate::world::{Broken, Manner, Options, Outcome, Stop, run};
use crate::{Scenario, Violation};
use cync_core::ConfigError;

/// How it is run again, and which sentence of the contract says that nothing changes.
const AGAIN: [(Manner, &str); 6] = [
    (Manner::Plain, "C6"),
    (Manner::NeedlessTicks, "C2"),
    (Manner::Pieces(1), "C3"),
    (Manner::Pieces(7), "C3"),
    (Manner::EventsFirst, "C4"),
    (Manner::TimeGoesBack, "C5"),
];

/// How often [`check`] runs a scenario that breaks nothing.
pub const RUNS: u64 = 1 + AGAIN.len() as u64;

/// Runs a scenario with every invariant on, then again as drivers of other manners would, and compares. `record` is that of
/// [`Options`].
///
/// # Errors
/// If its sessions cannot be configured as it says.
pub fn check(scenario: &Scenario, record: bool) -> Result<Outcome, ConfigError> {
    check_until(scenario, record, Stop::default())
}

/// As [`check`], and ends early when it is to. What came of the first run by then is the outcome.
///
/// # Errors
/// As [`check`].
pub fn check_until(scenario: &Scenario, record: bool, stop: Stop) -> Result<Outcome, ConfigError> {
    let mut outcome = run(scenario, Options { record, stop, ..Options::default() })?;
    if outcome.broken.is_some() || outcome.stopped {
        return Ok(outcome);
    }
    for (manner, invariant) in AGAIN {
        let again = run(scenario, Options { watched: false, manner, stop, ..Options::default() })?;
        if again.stopped {
            break;
        }
        let same = match manner {
            Manner::EventsFirst => again.gist == outcome.gist,
            _ => again.hash == outcome.hash,
        };
        if !same {
            let what =
                format!("{manner:?}: the hash is {:016x}, not {:016x}", again.hash, outcome.hash);
            let violation = Violation::new(invariant, what);
            outcome.broken = Some(Broken { violation, at: outcome.time });
            break;
        }
    }
    Ok(outcome)
}
