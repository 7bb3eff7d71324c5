//! Traces: everything that was said to the sessions of a run, and everything that they said, so that it can be compared.
//!
//! A trace is text, one JSON object a line. The first line says what it is, and which scenario was run; the last one how many
//! calls there were, and the run's hash. Between them, every call of a session is a line, in the order of the run:
//!
//! ```json
//! {"cync-trace":2,"version":"0.1.0","scenario":"schema = 1\n..."}
//! {"t":0,"link":0,"side":"device","call":"new","life":0}
//! {"t":45000,"link":0,"side":"device","call":"input","bytes":"2800000002000000","out":7}
//! {"t":45000,"link":0,"side":"device","call":"event","out":"StateChanged(Ready)"}
//! {"end":{"calls":3,"hash":"3d98a4f7f4ed1f6d","broken":null,"lines":"0b5f3c1e77a0d2c4"}}
//! ```
//!
//! `t` is the virtual time in microseconds, `out` what the session returned; a call without `out` returns nothing. `rest` stands
//! for a look at the session when everything is done: its deadline, its state, and whether it wants input. Bytes are
//! hexadecimal. The code that devices greet with is in no trace: a byte of it is a star and its place in the code, from 0 to f.
//!
//! `lines` is a digest of all lines above the last: what was changed by hand is no recording of a run.
//!
//! [`crate::world::run_traced`] writes a trace while it runs, [`replay`] does the same again without a world.

mod call;
mod delivered;
mod digest;
mod hidden;
mod log;
mod place;
mod replay;

pub(crate) use call::{Call, out};
pub(crate) use delivered::Delivered;
pub(crate) use hidden::hide;
pub(crate) use log::{Log, Shared};
pub(crate) use place::Place;
pub use replay::{Difference, ReplayError, Replayed, replay};

use cync_core::ConfigError;
use std::io;
use thiserror::Error;

/// The format of traces that this version writes and reads.
pub const FORMAT: u64 = 2;
/// The version that writes traces, and reads its own: another one may do otherwise in the same place, and be right.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Deliveries of a session that can be answered or reported; of older ones nobody knows any more.
pub(crate) const DELIVERIES: usize = 1 << 16;

/// Why a run has no trace.
#[derive(Debug, Error)]
pub enum TraceError {
    /// The scenario's sessions cannot be configured as it says.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A trace holds its scenario as a file, and that file does not say the same.
    #[error("this scenario cannot be traced, because as a file it is another: {0}")]
    Scenario(String),
    /// It could not be written.
    #[error("the trace ends after {calls} calls, because it cannot be written: {error}")]
    Write {
        /// So many calls were written, or are on their way.
        calls: u64,
        /// What happened.
        error: io::Error,
    },
}
