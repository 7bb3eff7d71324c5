//! Writing a trace.

use super::digest::Digest;
use super::{Call, FORMAT, Place, TraceError, VERSION};
use serde_json::{Map, Value, json};
use std::cell::RefCell;
use std::fmt;
use std::io::{self, Write};
use std::rc::Rc;

/// A trace that several sessions write.
pub(crate) type Shared<'t> = Rc<RefCell<Log<'t>>>;

/// A trace that is being written: no more than a line of it is kept. After the first failure nothing more is.
pub(crate) struct Log<'t> {
    to: &'t mut dyn Write,
    line: Vec<u8>,
    digest: Digest,
    calls: u64,
    failed: Option<io::Error>,
}

impl<'t> Log<'t> {
    /// Begins with what is run.
    pub(crate) fn new(to: &'t mut dyn Write, scenario: &str) -> Self {
        let mut log =
            Self { to, line: Vec::new(), digest: Digest::default(), calls: 0, failed: None };
        log.write(&json!({ "cync-trace": FORMAT, "version": VERSION, "scenario": scenario }));
        log
    }

    /// A call, and what it returned, if it returned something.
    pub(crate) fn call(&mut self, place: Place, call: &Call, out: Option<Value>) {
        let mut line = Map::new();
        line.insert("t".into(), place.time.into());
        line.insert("link".into(), place.link.into());
        line.insert("side".into(), place.side().into());
        line.insert("call".into(), call.name().into());
        call.write(&mut line);
        if let Some(out) = out {
            line.insert("out".into(), out);
        }
        self.calls += 1;
        self.write(&Value::Object(line));
    }

    /// Ends with what came of it.
    pub(crate) fn end(&mut self, hash: u64, broken: Option<String>) -> Result<(), TraceError> {
        let calls = self.calls;
        let hash = format!("{hash:016x}");
        let lines = self.digest.text();
        let end = json!({ "calls": calls, "hash": hash, "broken": broken, "lines": lines });
        self.write(&json!({ "end": end }));
        let failed = self.failed.take().map_or_else(|| self.to.flush(), Err);
        failed.map_err(|error| TraceError::Write { calls, error })
    }

    fn write(&mut self, line: &Value) {
        if self.failed.is_some() {
            return;
        }
        self.line.clear();
        let written = serde_json::to_writer(&mut self.line, line).map_err(io::Error::from);
        self.digest.line(&self.line);
        self.line.push(b'\n');
        self.failed = written.and_then(|()| self.to.write_all(&self.line)).err();
    }
}

impl fmt::Debug for Log<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("calls", &self.calls).finish_non_exhaustive()
    }
}
