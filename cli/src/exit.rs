use std::fmt::Write;
use std::process::ExitCode;

/// How the command ends: the exit codes of every subcommand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Exit {
    /// What was asked for is done.
    Done = 0,
    /// It could not be done: a file that cannot be read, an unusable line.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// No connection, or no session on it.
    NotConnected = 3,
    /// The peer did not answer before the deadline.
    NoAnswer = 4,
    /// The peer refused.
    Nacked = 5,
    /// The peer acknowledged, but did not report the execution.
    NotExecuted = 6,
    /// A packet could not be framed or decoded.
    DecodeErrors = 8,
    /// A signal ended the command.
    Interrupted = 130,
}

impl Exit {
    const ALL: [Self; 9] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::NotConnected,
        Self::NoAnswer,
        Self::Nacked,
        Self::NotExecuted,
        Self::DecodeErrors,
        Self::Interrupted,
    ];

    const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => {
                "failed: unusable input, or a run that did not keep what it must; see standard error"
            }
            Self::Usage => "usage: the command line is wrong",
            Self::NotConnected => "not connected",
            Self::NoAnswer => "no answer in time",
            Self::Nacked => "refused (NACK)",
            Self::NotExecuted => "acknowledged but not executed",
            Self::DecodeErrors => "decode errors: a packet could not be framed or decoded",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

const EXAMPLES: &str = "\
Examples:
  cync toggle --simulate --state alternate --count 100 --until executed --loss 20%
  cync toggle --listen 0.0.0.0:23778 --state on --until executed
  cync simulate --port 9000
  cync metrics --check http://127.0.0.1:9400/metrics
  cync tap --listen 127.0.0.1:9001 --to 127.0.0.1:9000
  cync decode docs/samples/boot.jsonl
  cync decode capture.jsonl --stats
  cync decode docs/samples/boot.jsonl --annotate
  echo d300000000 | cync decode - --json
  cync encode power --device 5 --on | cync decode -
  cync run high-loss --workers 10 --trace run.jsonl && cync replay run.jsonl
  cync chaos --html chaos.html
  cync soak --hours 9
  cync explore --seeds 20000 --matrix
  cync scenario show high-loss > mine.toml && cync scenario check mine.toml
  cync validate --out validation.md
  cync config --sample > config.toml
  cync completions bash > cync.bash
  cync man --dir man
  cync run baseline --json | cync report -

Exit codes:
";

/// The end of `cync --help`.
pub(crate) fn help() -> String {
    let mut text = EXAMPLES.to_owned();
    for exit in Exit::ALL {
        let _ = writeln!(text, "  {:>3}  {}", exit as u8, exit.meaning());
    }
    text
}
