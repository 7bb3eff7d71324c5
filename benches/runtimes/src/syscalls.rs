//! System calls of one message, counted by `strace`.

use crate::Outcome;
use crate::cell::Cell;
use crate::options::Contender;
use crate::pair::Pair;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Of both processes, by name.
pub(crate) struct Syscalls {
    pub(crate) contender: Contender,
    /// Calls of one message.
    pub(crate) each: BTreeMap<String, f64>,
}

/// Whether there is a `strace`.
pub(crate) fn can_count() -> bool {
    let mut strace = Command::new("strace");
    strace.arg("-V").stdout(Stdio::null()).stderr(Stdio::null());
    strace.status().is_ok_and(|status| status.success())
}

/// Counts during one turn. A traced process is several times slower, so that more messages may share a call than otherwise.
pub(crate) fn measure(cell: Cell, contender: Contender, length: Duration) -> Outcome<Syscalls> {
    let mut pair = Pair::start(cell.runtime, contender, cell.depth)?;
    pair.open(cell.connections)?;
    pair.turn(length)?;
    let tracers = pair.pids().map(Tracer::attach);
    let turn = pair.turn(length)?;
    let mut each = BTreeMap::new();
    for tracer in tracers {
        for (name, calls) in tracer?.finish()? {
            *each.entry(name).or_insert(0.0) += calls as f64 / turn.messages as f64;
        }
    }
    Ok(Syscalls { contender, each })
}

/// A `strace` of one process; it ends with this.
struct Tracer {
    child: Child,
    said: BufReader<Box<dyn Read>>,
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Tracer {
    fn attach(pid: u32) -> Outcome<Self> {
        let mut child = Command::new("strace")
            .args(["-f", "-c", "-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let said: Box<dyn Read> = match child.stderr.take() {
            Some(said) => Box::new(said),
            None => Box::new(std::io::empty()),
        };
        let mut tracer = Self { child, said: BufReader::new(said) };
        let mut line = String::new();
        while !line.contains("attached") {
            line.clear();
            if tracer.said.read_line(&mut line)? == 0 {
                return Err("strace could not attach".into());
            }
        }
        Ok(tracer)
    }

    /// The calls by name.
    fn finish(mut self) -> Outcome<Vec<(String, u64)>> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGINT)?;
        let mut summary = String::new();
        self.said.read_to_string(&mut summary)?;
        Ok(summary.lines().filter_map(calls).collect())
    }
}

/// `% time, seconds, usecs/call, calls, [errors,] syscall`.
fn calls(line: &str) -> Option<(String, u64)> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let (name, calls) = (fields.last()?, fields.get(3)?);
    let is_row = fields.len() >= 5 && *name != "total";
    Some(((*name).to_owned(), calls.parse().ok()?)).filter(|_| is_row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_read_with_and_without_errors_and_its_total_is_left_out() {
        let summary = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61.13    0.021398           4      4973           sendto
 38.87    0.013605           2      5012        39 recvfrom
------ ----------- ----------- --------- --------- ----------------
100.00    0.035003           3      9985        39 total";
        let read: Vec<_> = summary.lines().filter_map(calls).collect();
        assert_eq!(read, [("sendto".to_owned(), 4973), ("recvfrom".to_owned(), 5012)]);
    }
}
