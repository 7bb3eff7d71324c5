//! How far something is: one line on standard error that is written again and again, on terminals only.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Characters of the bar.
const WIDTH: u128 = 30;
/// How often the line changes.
const EVERY: Duration = Duration::from_millis(100);

/// When it is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Until {
    /// So many are done.
    Count(u64),
    /// So much time is over.
    Time(Duration),
}

/// The line.
#[derive(Debug)]
pub(crate) struct Bar {
    what: &'static str,
    until: Until,
    began: Instant,
    /// When it was written last, if it stands there.
    written: Option<Instant>,
    on: bool,
}

impl Bar {
    /// A bar that counts `what`: a plural. It is shown where standard error is a terminal, if it is wanted.
    pub(crate) fn new(what: &'static str, until: Until, wanted: bool) -> Self {
        let on = wanted && io::stderr().is_terminal();
        Self { what, until, began: Instant::now(), written: None, on }
    }

    /// So many are done.
    pub(crate) fn show(&mut self, done: u64) {
        if !self.on || self.written.is_some_and(|written| written.elapsed() < EVERY) {
            return;
        }
        self.written = Some(Instant::now());
        let line = line(self.what, done, self.until, self.began.elapsed());
        // A closed standard error is nobody's problem.
        let _ = write!(io::stderr(), "\r{line}\x1b[K");
    }

    /// Makes room for another line.
    pub(crate) fn clear(&mut self) {
        if self.on && self.written.take().is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}

/// How far it is, how fast, and for how long it will go on.
fn line(what: &str, done: u64, until: Until, took: Duration) -> String {
    let spent = took.as_millis().max(1);
    let rate = u128::from(done) * 1_000 / spent;
    let (part, left) = match until {
        Until::Time(time) => {
            let all = time.as_millis().max(1);
            (spent.min(all) * WIDTH / all, Some(all.saturating_sub(spent)))
        }
        Until::Count(count) => {
            let rest = u128::from(count.saturating_sub(done)) * spent;
            let part = u128::from(done.min(count)) * WIDTH;
            (part.checked_div(count.into()).unwrap_or(WIDTH), rest.checked_div(done.into()))
        }
    };
    let bar: String = (0..WIDTH).map(|at| if at < part { '#' } else { '.' }).collect();
    let of = match until {
        Until::Count(count) => format!(" of {count}"),
        Until::Time(_) => String::new(),
    };
    let left = left.map_or_else(String::new, |left| format!(", {} s left", left.div_ceil(1_000)));
    format!("[{bar}] {done}{of} {what}, {rate} a second{left}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is_how_fast_and_for_how_long_it_goes_on() {
        let line =
            |done, until, seconds| line("commands", done, until, Duration::from_secs(seconds));
        assert_eq!(
            line(25, Until::Count(100), 5),
            "[#######.......................] 25 of 100 commands, 5 a second, 15 s left"
        );
        assert_eq!(
            line(0, Until::Count(100), 5),
            "[..............................] 0 of 100 commands, 0 a second"
        );
        assert_eq!(
            line(90, Until::Time(Duration::from_secs(60)), 45),
            "[######################........] 90 commands, 2 a second, 15 s left"
        );
        assert_eq!(
            line(0, Until::Count(0), 0),
            "[##############################] 0 of 0 commands, 0 a second"
        );
    }
}
