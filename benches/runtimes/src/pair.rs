//! A server and a client of one contender, each a process of its own, which end with this.

use crate::Outcome;
use crate::child::{DONE, LISTENS};
use crate::load::Turn;
use crate::options::{Contender, Role, RuntimeName, argument};
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

struct Process {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already needs neither.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    fn start(
        role: Role,
        runtime: RuntimeName,
        contender: Contender,
        depth: usize,
    ) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("child")
            .args([argument(role), argument(runtime), argument(contender), depth.to_string()])
            .envs([("SMOL_THREADS", "1"), ("ASYNC_STD_THREAD_COUNT", "1")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(orders), Some(answers)) => {
                Ok(Self { child, orders, answers: BufReader::new(answers).lines() })
            }
            _ => Err("a process has no pipes".into()),
        }
    }

    fn answer(&mut self) -> Outcome<String> {
        Ok(self.answers.next().ok_or("a process ended before its time")??)
    }

    fn ask(&mut self, order: &str) -> Outcome<String> {
        writeln!(self.orders, "{order}")?;
        self.answer()
    }
}

/// A server, and a client that is connected to it.
pub(crate) struct Pair {
    server: Process,
    client: Process,
    address: String,
}

impl Pair {
    /// Starts both, without a connection.
    pub(crate) fn start(runtime: RuntimeName, contender: Contender, depth: usize) -> Outcome<Self> {
        let mut server = Process::start(Role::Serve, runtime, contender, depth)?;
        let client = Process::start(Role::Load, runtime, contender, depth)?;
        let said = server.answer()?;
        let address = said.strip_prefix(LISTENS).ok_or("the server does not listen")?.to_owned();
        Ok(Self { server, client, address })
    }

    /// The server's process and the client's.
    pub(crate) fn pids(&self) -> [u32; 2] {
        [self.server.child.id(), self.client.child.id()]
    }

    /// Nanoseconds for which both ran so far.
    fn cpu(&self) -> Outcome<u64> {
        let mut nanos = 0;
        for pid in self.pids() {
            for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
                let counted = std::fs::read_to_string(thread?.path().join("schedstat"))?;
                let ran = counted.split(' ').next().unwrap_or_default();
                nanos += ran.parse::<u64>()?;
            }
        }
        Ok(nanos)
    }

    /// Opens so many connections more.
    pub(crate) fn open(&mut self, connections: usize) -> Outcome<()> {
        let answer = self.client.ask(&format!("open {} {connections}", self.address))?;
        if answer == DONE { Ok(()) } else { Err(answer.into()) }
    }

    /// Sends for so long, on all connections.
    pub(crate) fn turn(&mut self, length: Duration) -> Outcome<Turn> {
        let before = self.cpu()?;
        let answer = self.client.ask(&format!("turn {}", length.as_millis()))?;
        let cpu = self.cpu()? - before;
        let turn = Turn::from_line(&answer).ok_or(answer)?;
        Ok(Turn { cpu, ..turn })
    }
}
