//! Two sessions, everything that can happen to them, and an independent model of what must then hold.
//!
//! A [`Case`] is two configurations and a list of [`Op`]s. [`run`] performs it on two real sessions, joined by links of packets
//! in virtual time, and checks after every operation the safety invariants S1 to S12 and S14 to S16, and the contract's C1; then
//! the faults stop, and it checks the liveness L1 to L4. [`compare`] performs it several times, as drivers of different manners
//! would, and checks the contract's C2 to C6. The invariants are listed in `tests/README.md`.
//!
//! The model of one session is [`cync_sim::witness`]; here are the world in which two of them are put, and what happens there.
//!
//! One assumption is the sessions' own: a copy arrives within `Config::copy_lifetime` after it was handed over, or not at all.
//! What is not taken by then is lost while it is under way; what has arrived is taken, however busy the application is.
//!
//! Cases are drawn from bytes: by proptest, and by the fuzzers, which need nothing else ([`Case::from_bytes`], [`check_bytes`]).

mod asking;
mod calm;
mod end;
mod op;
mod secrets;
mod setup;
mod traffic;
mod transcript;
mod wires;
mod world;

pub use cync_sim::{AnySession, Size};
pub use op::{Ask, Forged, OP_LEN, Op, Reply, To, What, ops_from_bytes};
pub use secrets::find_secret;
pub use setup::{Own, SETUP_LEN, Setup, Side};
pub use transcript::{Line, Received, Shown, Transcript};

use std::fmt;
use transcript::Notes;
use world::World;

/// Fails with a [`Violation`] unless something holds.
macro_rules! ensure {
    ($condition:expr, $invariant:expr, $($what:tt)+) => {
        if !$condition {
            return Err($crate::model::Violation::of($invariant, format!($($what)+)));
        }
    };
}
use ensure;

/// An invariant that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which one, as `tests/README.md` names it.
    pub invariant: &'static str,
    /// In which step, counted from 0; the steps behind the last operation are those without faults.
    pub step: usize,
    /// What is wrong.
    pub what: String,
}

impl Violation {
    pub(crate) const fn of(invariant: &'static str, what: String) -> Self {
        Self { invariant, step: 0, what }
    }
}

impl From<cync_sim::Violation> for Violation {
    fn from(violation: cync_sim::Violation) -> Self {
        Self::of(violation.invariant, violation.what)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in step {}: {}", self.invariant, self.step, self.what)
    }
}

/// What is performed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// The two configurations.
    pub setup: Setup,
    /// What happens, behind a connection and its greeting.
    pub ops: Vec<Op>,
}

impl Case {
    /// A case drawn from bytes: [`SETUP_LEN`] for the setup, [`OP_LEN`] for each operation. Any bytes are a case.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (setup, ops) = bytes.split_at(SETUP_LEN.min(bytes.len()));
        Self { setup: Setup::from_bytes(setup), ops: ops_from_bytes(ops) }
    }
}

/// How drivers go about it. None of it may change what the sessions do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// Packet by packet, packets before events; the model looks on.
    Watched,
    /// As `Watched`, without the model.
    Again,
    /// `handle_timeout` before every operation, unless something is due.
    NeedlessTicks,
    /// What was offered at one instant is offered in one piece.
    Whole,
    /// It is offered in pieces of so many bytes.
    Pieces(usize),
    /// Events before packets.
    EventsFirst,
    /// Calls that do not advance the time tell one that is long ago.
    TimeGoesBack,
}

/// Performs a case and checks the invariants after every step, then those of the phase without faults.
///
/// # Errors
/// The first violation.
pub fn run(case: &Case) -> Result<(), Violation> {
    World::performed(case, Manner::Watched, Notes::shown())?.calm()
}

/// Performs a case in every manner and compares what the sessions did.
///
/// # Errors
/// The first difference.
pub fn compare(case: &Case) -> Result<(), Violation> {
    let transcript = |manner| {
        World::performed(case, manner, Notes::kept()).map(|world| match world.notes {
            Notes::Kept(transcript) => transcript,
            Notes::Shown { .. } => Transcript::default(),
        })
    };
    let plain = transcript(Manner::Watched)?;
    for (manner, invariant) in [
        (Manner::Again, "C6"),
        (Manner::NeedlessTicks, "C2"),
        (Manner::Whole, "C3"),
        (Manner::Pieces(1), "C3"),
        (Manner::Pieces(7), "C3"),
        (Manner::EventsFirst, "C4"),
        (Manner::TimeGoesBack, "C5"),
    ] {
        if manner == Manner::EventsFirst && case.setup.drops_what_waits() {
            // What is told before a packet leaves has room in place of it, and an application that hears so takes that.
            continue;
        }
        let other = transcript(manner)?;
        let difference = if manner == Manner::EventsFirst {
            plain.sorted().difference(&other.sorted())
        } else {
            plain.difference(&other)
        };
        if let Some((step, what)) = difference {
            return Err(Violation {
                step,
                ..Violation::of(invariant, format!("{manner:?}: {what}"))
            });
        }
    }
    Ok(())
}

/// Performs and compares the case that is drawn from these bytes.
///
/// # Panics
/// If an invariant does not hold, with the case that shows it.
pub fn check_bytes(bytes: &[u8]) {
    let case = Case::from_bytes(bytes);
    if let Err(violation) = run(&case).and_then(|()| compare(&case)) {
        panic!("{violation}\n{case:#?}");
    }
}

/// Performs the case that is drawn from these bytes.
///
/// # Panics
/// If an invariant does not hold, with the case that shows it.
pub fn run_bytes(bytes: &[u8]) {
    let case = Case::from_bytes(bytes);
    if let Err(violation) = run(&case) {
        panic!("{violation}\n{case:#?}");
    }
}
