//! Runs that somebody ends early.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whoever sets this flag ends a run early: what came of it by then is its outcome, and what must hold in the end is not checked.
#[derive(Clone, Copy, Default, Debug)]
pub struct Stop(pub Option<&'static AtomicBool>);

impl Stop {
    pub(super) fn is_set(self) -> bool {
        self.0.is_some_and(|flag| flag.load(Relaxed))
    }
}

/// Equal if the same flag ends both.
impl PartialEq for Stop {
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (Some(one), Some(other)) => std::ptr::eq(one, other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl Eq for Stop {}

#[cfg(test)]
mod tests {
    use super::super::{Options, run, run_traced};
    use super::*;
    use crate::Scenario;

    static UP: AtomicBool = AtomicBool::new(true);
    static DOWN: AtomicBool = AtomicBool::new(false);

    #[test]
    fn a_run_that_is_to_stop_ends_where_it_is_and_a_flag_that_is_down_changes_nothing() {
        let text = "schema = 1\nname = \"closed\"\n[workload]\nkind = \"closed\"\ncommands = 50\n";
        let scenario = Scenario::parse(text).unwrap();
        let with = |stop| run(&scenario, Options { stop, ..Options::default() }).unwrap();
        let whole = with(Stop(None));
        assert_eq!((whole.stopped, whole.reached), (false, whole.commands));
        assert_eq!(with(Stop(Some(&DOWN))), whole);
        let stopped = with(Stop(Some(&UP)));
        assert_eq!((stopped.stopped, stopped.reached, stopped.broken), (true, 0, None));
    }
    /// A trace whose reader wants no more once 20 s have passed in it.
    struct Until20s;

    static LATE: AtomicBool = AtomicBool::new(false);

    impl std::io::Write for Until20s {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            let line_of = |line: &[u8]| serde_json::from_slice::<serde_json::Value>(line).ok();
            let time = line_of(line).and_then(|line| line.get("t")?.as_u64());
            let is_late = time.is_some_and(|time| time >= 20_000_000);
            LATE.fetch_or(is_late, Relaxed);
            Ok(line.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_run_also_stops_while_it_waits_for_everything_to_come_to_rest() {
        let text = "schema = 1\nname = \"\"\n[[op]]\nact = \"power\"\non = true\nnumber = 0\nat_ms = 1000\n";
        let scenario = Scenario::parse(text).unwrap();
        let options = Options { stop: Stop(Some(&LATE)), ..Options::default() };
        let outcome = run_traced(&scenario, options, &mut Until20s).unwrap();
        assert_eq!((outcome.stopped, outcome.broken), (true, None));
        let whole = run(&scenario, Options::default()).unwrap();
        assert_eq!((whole.stopped, whole.broken), (false, None));
        assert!(outcome.time < whole.time, "{:?} of {:?}", outcome.time, whole.time);
    }
}
