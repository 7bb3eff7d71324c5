//! Defects on purpose, so that whoever looks for defects can show that they would be found.
//!
//! This exists only in a build with `--cfg planted`, and such a build only with debug assertions, so that it is never released:
//!
//! ```sh
//! RUSTFLAGS="--cfg planted" cargo build --profile planted
//! ```
//!
//! [`plant`] chooses the defect for every session of the process: it is the only global of this crate, and there only in this
//! build. Choose before the sessions are made, and run what has different defects in turn. Both ends of a simulated connection
//! have the defect.

use core::sync::atomic::{AtomicU8, Ordering::Relaxed};

#[cfg(not(debug_assertions))]
compile_error!("`--cfg planted` plants defects: never in a release, so only with debug assertions");

/// One more than the planted defect's place in [`Defect::ALL`]; 0 if there is none.
static PLANTED: AtomicU8 = AtomicU8::new(0);

/// Plants a defect in every session of this process, in place of the one before; `None` takes it out.
pub fn plant(defect: Option<Defect>) {
    PLANTED.store(defect.map_or(0, Defect::code), Relaxed);
}

/// The defect that is planted.
pub fn planted() -> Option<Defect> {
    let code = PLANTED.load(Relaxed);
    Defect::ALL.iter().copied().find(|defect| defect.code() == code)
}

/// Whether this defect is planted.
pub(crate) fn is(defect: Defect) -> bool {
    PLANTED.load(Relaxed) == defect.code()
}

/// Whether a defect is planted.
macro_rules! planted {
    ($defect:ident) => {
        $crate::planted::is($crate::planted::Defect::$defect)
    };
}

macro_rules! defects {
    ($($(#[$doc:meta])* $variant:ident, $name:literal, $noticed_by:literal, $about:literal;)+) => {
        /// Something that goes wrong.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum Defect {
            $(#[doc = $about] $(#[$doc])* $variant,)+
        }

        impl Defect {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its name, as a command line takes it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What goes wrong, in one sentence.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => $about,)+ }
            }

            /// The invariants that should notice it, as `tests/README.md` names them.
            pub const fn noticed_by(self) -> &'static str {
                match self { $(Self::$variant => $noticed_by,)+ }
            }
        }
    };
}

defects! {
    LiveEntryEvicted, "live-entry-evicted", "S1, S11",
        "Of each sender only the two messages accepted last are remembered, however many are under way.";
    ///
    /// Bites once more senders send than [`Config::counters`](crate::Config::counters) says.
    SenderEvicted, "sender-evicted", "S1, S11",
        "A sender beyond the counters pushes out one whose messages may still be repeated.";
    RememberedBeforeAccepted, "remembered-before-accepted", "S1, S6",
        "A message is remembered before it has room, so that its repetition is answered and never delivered.";
    ///
    /// Reached by an answer that is left over when the connection goes, or given after it, while the message rides through.
    AnswerOfOldConnection, "answer-of-old-connection", "S3, S14",
        "Answers of one connection are sent on the next, and taken there for what was handed over before.";
    AnswerOfWrongKind, "answer-of-wrong-kind", "S14",
        "Numbers are counted for each type alone, and the answer of one type is taken for a message of another.";
    AnswerOfWrongEndpoint, "answer-of-wrong-endpoint", "S14",
        "Numbers are counted for each endpoint alone, and the receipt of one is taken for a message to another.";
    StrayAnswerTaken, "stray-answer-taken", "S3, S14",
        "A receipt that no message waits for is taken for another one of its type.";
    ReceiptTakenForResult, "receipt-taken-for-result", "S3",
        "A receipt counts as if the device had executed the command.";
    ///
    /// Bites where packets are asked for at the deadline itself before the tick, or a message has no time at all.
    HandedOverAtDeadline, "handed-over-at-deadline", "S3, S8",
        "A message is handed over when its deadline has come, and not only before.";
    GivenUpBeforeDeadline, "given-up-before-deadline", "S3",
        "A message ends when one more answer could not be waited for in full, and not at its deadline.";
    RetryWithNewId, "retry-with-new-id", "S5, S11",
        "Every copy of a message has another number.";
    IdReusedEarly, "id-reused-early", "S3, S4, S14",
        "A number is used again as soon as its message has ended, though copies may be under way.";
    WindowIgnored, "window-ignored", "S4",
        "Any number of messages is handed over before the first of them was answered.";
    TtlInWrongUnit, "ttl-in-wrong-unit", "S1, S11",
        "Accepted messages are forgotten a thousand times too soon.";
    InputNotResumed, "input-not-resumed", "L2, L4",
        "Input that was refused is not wanted again when the application and the answers make room.";
    ReadableLost, "readable-lost", "L1",
        "An inbox that has been emptied tells no more that there is something to receive.";
    WritableLost, "writable-lost", "L1",
        "A full queue that has room again tells nobody.";
    RetryAfterCancel, "retry-after-cancel", "S2, S3, S12",
        "A message that was handed over goes on as if it had not been cancelled.";
    SupersededResent, "superseded-resent", "S13",
        "A command is transmitted again after a newer one that makes it stale.";
    NackResent, "nack-resent", "S9, S12",
        "A refusal for good counts as one for the time being, and the message is transmitted again.";
    ///
    /// Each wait is random below its bound, so that only a series of them shows it: without this, waits grow while connections
    /// do not last.
    BackOffResetEarly, "back-off-reset-early", "L4",
        "Waits between connections start again once one was greeted, and not once it was stable.";
    HeartbeatStarved, "heartbeat-starved", "L3",
        "No heartbeats are sent while input is refused.";
    OwnRefusalBlamed, "own-refusal-blamed", "L4",
        "A connection is hung up as silent though it is this side that takes no input.";
    PartialKept, "partial-kept", "S10, S14, L4",
        "The beginning of a packet outlives its connection.";
    TimerFromSend, "timer-from-send", "S8",
        "The timer of the first copy starts at `send`, and not when the copy is handed over.";
    NewestDropped, "newest-dropped", "S6, S15",
        "A full queue drops the newest message instead of the oldest.";
    LastQueuedFirst, "last-queued-first", "S7",
        "The newest of the queued messages leaves first.";
    DuplicateNotAnswered, "duplicate-not-answered", "S3, L2",
        "A repetition is recognised, and not answered.";
    ///
    /// Bites only where ticks come early.
    TickActsEarly, "tick-acts-early", "C2, L3",
        "A tick that comes up to a second early acts on the connection as if it were in time.";
}

impl Defect {
    /// The defect of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|defect| defect.name() == name)
    }

    const fn code(self) -> u8 {
        (self as u8).wrapping_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case_different_and_found() {
        for defect in Defect::ALL {
            let name = defect.name();
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            assert_eq!(Defect::from_name(name), Some(*defect));
        }
        assert_eq!(Defect::from_name("none"), None);
    }
}
