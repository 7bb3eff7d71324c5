//! Runs the `cync` command.

#![allow(dead_code, reason = "every test file uses its part")]

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

/// No run takes this long; one that does is killed, and its test fails.
const LIMIT: Duration = Duration::from_secs(60);

/// What a run of the command left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// The output as JSON lines.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The value of a line of the summary.
    pub(crate) fn summary(&self, name: &str) -> &str {
        let value = self.stdout.lines().find_map(|line| {
            let (start, value) = line.split_at_checked(21)?;
            (start.trim_end() == name).then_some(value)
        });
        value.unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// Checks that the run failed with this code and said why in one line that contains `why`.
    #[track_caller]
    pub(crate) fn fails(&self, code: i32, why: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        let complaints = self.stderr.lines().filter(|line| line.starts_with("cync: ")).count();
        assert_eq!(complaints, 1, "{self:?}");
        assert!(self.stderr.contains(why), "{why} in {self:?}");
    }
}

/// The command without anything in its environment, or in this user's configuration, that it would take notice of.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cync"));
    command.args(args).env("XDG_CONFIG_HOME", "/no/such/folder").env_remove("NO_COLOR");
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"CYNC_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the command with `input` on its standard input.
pub(crate) fn cync(args: &[&str], input: &[u8]) -> Run {
    run(command(args), input)
}

/// Runs a prepared command.
pub(crate) fn run(command: Command, input: &[u8]) -> Run {
    Running::spawn(command, input).finish()
}

/// A command that runs; killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Running {
    /// Starts the command with nothing on its standard input.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(command(args), b"")
    }

    /// Starts a prepared command.
    pub(crate) fn spawn(mut command: Command, input: &[u8]) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // A command that fails early does not read everything.
        thread::spawn(move || stdin.write_all(&input).is_ok());
        let stdout = Lines::of(child.stdout.take().unwrap());
        let stderr = Lines::of(child.stderr.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// Waits for the next line of its output.
    pub(crate) fn line(&mut self) -> String {
        self.stdout.next()
    }

    /// Waits for the next line of its standard error that contains this.
    pub(crate) fn complaint(&mut self, with: &str) -> String {
        loop {
            let line = self.stderr.next();
            if line.contains(with) {
                return line;
            }
        }
    }

    /// Waits until an interrupt does not simply end it any more.
    #[cfg(target_os = "linux")]
    pub(crate) fn until_it_catches_interrupts(&self) {
        const INT: u64 = 1 << 1;
        let (status, start) = (format!("/proc/{}/status", self.child.id()), Instant::now());
        let caught = || {
            let status = std::fs::read_to_string(&status).unwrap();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
            u64::from_str_radix(mask.trim(), 16).unwrap()
        };
        while caught() & INT == 0 {
            assert!(start.elapsed() < LIMIT, "interrupts would end it");
            thread::yield_now();
        }
    }

    /// Interrupts it, as Ctrl-C does.
    #[cfg(unix)]
    pub(crate) fn interrupt(&self) {
        self.signal("INT");
    }

    /// Sends it a signal.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let (kill, pid) = (format!("kill -{name} $0"), self.child.id().to_string());
        assert!(Command::new("sh").args(["-c", &kill, &pid]).status().unwrap().success());
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Run {
        let until = Instant::now() + LIMIT;
        let stdout = self.stdout.rest(until);
        let code = self.child.wait().unwrap().code();
        let stderr = self.stderr.rest(until);
        assert!(!stderr.contains("panicked"), "{stderr}");
        Run { code, stdout, stderr }
    }
}

/// What a command writes, line by line.
struct Lines {
    from: Receiver<String>,
    read: String,
}

impl Lines {
    /// Reads it on a thread of its own.
    fn of(output: impl Read + Send + 'static) -> Self {
        let mut output = BufReader::new(output);
        let (to, from) = mpsc::channel();
        thread::spawn(move || {
            let mut line = String::new();
            while output.read_line(&mut line).unwrap() > 0 && to.send(line.split_off(0)).is_ok() {}
        });
        Self { from, read: String::new() }
    }

    fn next(&mut self) -> String {
        let line = self.from.recv_timeout(LIMIT);
        let line = line.unwrap_or_else(|error| panic!("{error} after {}", self.read));
        self.read += &line;
        line
    }

    /// All of it, once it has ended.
    fn rest(&mut self, until: Instant) -> String {
        loop {
            match self.from.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => self.read += &line,
                Err(mpsc::RecvTimeoutError::Disconnected) => return std::mem::take(&mut self.read),
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("still running: {}", self.read),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has usually ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
