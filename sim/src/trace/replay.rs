//! Doing again what a trace says, with the sessions alone.

use super::call::{self, Call, Mistake, number, out, text};
use super::digest::Digest;
use super::hidden::show;
use super::place::SIDES;
use super::{DELIVERIES, Delivered, FORMAT, Place, VERSION};
use crate::sized::AnySession;
use crate::world::{Seating, Tap};
use crate::{Scenario, Side};
use cync_core::wire::MAX_PACKET;
use cync_core::{DeliveryId, Event, Instant, MessageId};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io::{self, BufRead, Read};
use std::time::Duration;
use thiserror::Error;

const UNSAID: &str = "the call before this one returned something, and the trace does not say what";

/// No line of a trace is longer.
const LONGEST: u64 = 1 << 26;

/// A trace that came out the same again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Replayed {
    /// Calls that were made.
    pub calls: u64,
    /// Sessions that there were at the end.
    pub sessions: usize,
    /// When the last call was made, since the start.
    pub time: Duration,
    /// The run's hash, from what the sessions did this time.
    pub hash: u64,
}

/// The first thing that a session did otherwise. Its `Display` has the codes that devices greet with hidden.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Which call it was, from 1: the line behind it in the trace.
    pub call: u64,
    /// What was called.
    pub name: &'static str,
    /// When, since the start.
    pub time: Duration,
    /// On which link.
    pub link: u16,
    /// At which end of it.
    pub side: Side,
    /// What the trace says that it returned.
    pub expected: String,
    /// What it returned.
    pub came: String,
    /// The first byte that differs, if bytes do.
    pub offset: Option<usize>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, name, link, side, expected, came, .. } = self;
        let time = self.time.as_micros();
        let place =
            Place { time: u64::try_from(time).unwrap_or(u64::MAX), link: *link, side: *side };
        write!(f, "call {call}, {name} by {place}, differs")?;
        if let Some(offset) = self.offset {
            write!(f, " from byte {offset} on")?;
        }
        write!(f, "\n  expected {expected}\n  came     {came}")
    }
}

/// Why a trace did not come out the same.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error("cannot read on behind line {line}: {error}")]
    Io {
        /// The last line that was read.
        line: u64,
        /// Why.
        error: io::Error,
    },
    /// It was written by another version, or in another format.
    #[error("a trace of {found}, which {ours} cannot repeat: use the version that wrote it")]
    Version {
        /// The version and the format of the trace.
        found: String,
        /// Those of this program.
        ours: String,
    },
    /// A line is not what a trace can say at that place.
    #[error("line {line}: {what}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A session did something else than it did when the trace was written.
    #[error("{0}")]
    Difference(Box<Difference>),
}

/// Makes the calls that a trace says of new sessions, and compares everything that they return with what it says.
///
/// # Errors
/// [`ReplayError::Difference`] at the first difference; the others if this is no trace that could be repeated to its end.
pub fn replay(trace: impl BufRead) -> Result<Replayed, ReplayError> {
    let mut lines = Lines { from: trace, line: 0, text: Vec::new(), above: Digest::default() };
    let first = lines.next()?;
    let mut replay = Replay::new(first)?;
    loop {
        let line = lines.next()?;
        let nth = lines.line;
        let wrong = |what: Mistake| ReplayError::Line { line: nth, what };
        if let Some(end) = line.get("end") {
            let replayed = replay.end(end, lines.above).map_err(wrong)?;
            return match lines.more()? {
                false => Ok(replayed),
                true => Err(wrong("the trace goes on behind its end".into())),
            };
        }
        if let Some(difference) = replay.call(&line).map_err(wrong)? {
            return Err(ReplayError::Difference(Box::new(difference)));
        }
    }
}

/// The lines of a trace, one at a time.
struct Lines<R> {
    from: R,
    line: u64,
    text: Vec<u8>,
    /// Of all lines but the last.
    above: Digest,
}

impl<R: BufRead> Lines<R> {
    fn next(&mut self) -> Result<Map<String, Value>, ReplayError> {
        if self.line > 0 {
            self.above.line(&self.text);
        }
        self.text.clear();
        let read = (&mut self.from).take(LONGEST).read_until(b'\n', &mut self.text);
        read.map_err(|error| ReplayError::Io { line: self.line, error })?;
        self.line += 1;
        let wrong = |what: &str| ReplayError::Line { line: self.line, what: what.to_owned() };
        if self.text.is_empty() {
            return Err(wrong("the trace stops before its end: it was cut off here"));
        }
        if self.text.pop() != Some(b'\n') {
            return Err(wrong("the trace stops within this line: it was cut off here"));
        }
        let line: Result<Map<String, Value>, _> = serde_json::from_slice(&self.text);
        line.map_err(|error| wrong(&format!("not a line of a trace: {error}")))
    }

    /// Whether anything follows.
    fn more(&mut self) -> Result<bool, ReplayError> {
        let rest = self.from.fill_buf();
        rest.map(|rest| !rest.is_empty())
            .map_err(|error| ReplayError::Io { line: self.line, error })
    }
}

/// A session, and the names that the trace has for what it gave away.
struct Player {
    session: AnySession,
    ids: BTreeMap<String, MessageId>,
    delivered: u64,
    deliveries: VecDeque<Option<DeliveryId>>,
}

impl Player {
    const fn new(session: AnySession) -> Self {
        Self { session, ids: BTreeMap::new(), delivered: 0, deliveries: VecDeque::new() }
    }

    fn delivery(&self, nth: u64) -> Result<DeliveryId, Mistake> {
        let first = self.delivered - self.deliveries.len() as u64;
        let kept = nth.checked_sub(first).and_then(|nth| usize::try_from(nth).ok());
        let kept = kept.and_then(|nth| self.deliveries.get(nth).copied().flatten());
        kept.ok_or_else(|| format!("delivery {nth} is none that could be answered"))
    }
}

struct Replay {
    seating: Seating,
    players: BTreeMap<(u16, Side), Player>,
    tap: Tap,
    packet: Vec<u8>,
    calls: u64,
    time: u64,
    /// The last call returned something, and the trace does not say what: an invariant was found to be broken in it.
    unsaid: bool,
}

impl Replay {
    fn new(header: Map<String, Value>) -> Result<Self, ReplayError> {
        let wrong = |what: Mistake| ReplayError::Line { line: 1, what };
        let no_trace = |_| wrong("not a trace: it would begin with {\"cync-trace\":".into());
        let format: u64 = number(&header, "cync-trace").map_err(no_trace)?;
        let version = text(&header, "version").map_err(wrong)?;
        if (format, version) != (FORMAT, VERSION) {
            let known = |version: &str, format: u64| {
                let version: String =
                    version.chars().take(40).flat_map(char::escape_debug).collect();
                format!("version {version}, format {format}")
            };
            let (found, ours) = (known(version, format), known(VERSION, FORMAT));
            return Err(ReplayError::Version { found, ours });
        }
        let scenario = text(&header, "scenario").map_err(wrong)?;
        let scenario = Scenario::parse(scenario)
            .map_err(|error| wrong(format!("its scenario is none: {error}")))?;
        let seating = Seating::new(&scenario)
            .map_err(|error| wrong(format!("its scenario cannot be run: {error}")))?;
        let players = BTreeMap::new();
        let packet = vec![0; MAX_PACKET];
        Ok(Self { seating, players, tap: Tap::new(), packet, calls: 0, time: 0, unsaid: false })
    }

    /// Makes one call; what was different, if something was.
    fn call(&mut self, line: &Map<String, Value>) -> Result<Option<Difference>, Mistake> {
        let place = Place {
            time: number(line, "t")?,
            link: number(line, "link")?,
            side: call::choice(line, "side", &SIDES)?,
        };
        if self.unsaid {
            return Err(UNSAID.into());
        }
        let call = Call::read(line)?;
        let expected = line.get("out");
        self.calls += 1;
        self.time = place.time;
        let key = (place.link, place.side);
        if let Call::New { life } = call {
            if usize::from(place.link) >= self.seating.links() {
                return Err(format!("there is no link {}", place.link));
            }
            let (size, config, seed) = self.seating.of(place.link.into(), place.side, life);
            let session = AnySession::new(size, config, seed).map_err(|error| error.to_string())?;
            self.players.insert(key, Player::new(session));
            return Ok(None);
        }
        let player = self.players.get_mut(&key).ok_or("this session was not made yet")?;
        let came = perform(player, place, &call, &mut self.tap, &mut self.packet)?;
        // Only the last call may, the one in which an invariant was found to be broken.
        self.unsaid = expected.is_none() && came.is_some();
        let same = match (expected, &came) {
            (None, _) => true,
            (Some(expected), Some(came)) => expected == came,
            (Some(_), None) => return Err(format!("{} returns nothing", call.name())),
        };
        let (Some(expected), Some(came), false) = (expected, came, same) else { return Ok(None) };
        let offset = first_different_byte(expected, &came);
        Ok(Some(Difference {
            call: self.calls,
            name: call.name(),
            time: Duration::from_micros(place.time),
            link: place.link,
            side: place.side,
            expected: said(expected),
            came: said(&came),
            offset,
        }))
    }

    fn end(&self, end: &Value, above: Digest) -> Result<Replayed, Mistake> {
        let end = end.as_object().ok_or("the end is none")?;
        let calls: u64 = number(end, "calls")?;
        if calls != self.calls {
            return Err(format!("{calls} calls were made, and the trace has {}", self.calls));
        }
        if self.unsaid && end.get("broken").is_none_or(Value::is_null) {
            return Err(UNSAID.into());
        }
        let hash = self.tap.hash();
        let recorded = text(end, "hash")?;
        if *recorded != format!("{hash:016x}") {
            return Err(format!("the hash is {recorded}, and what the trace says has {hash:016x}"));
        }
        if text(end, "lines")? != above.text() {
            return Err("some line of the trace was changed since it was written".into());
        }
        let (sessions, time) = (self.players.len(), Duration::from_micros(self.time));
        Ok(Replayed { calls, sessions, time, hash })
    }
}

/// Makes a call; what it returned, if it returns something.
fn perform(
    player: &mut Player,
    place: Place,
    call: &Call,
    tap: &mut Tap,
    packet: &mut [u8],
) -> Result<Option<Value>, Mistake> {
    let now = Instant::from_micros(place.time);
    let session = &mut player.session;
    match call {
        Call::New { .. } => {}
        Call::Connect => session.connect(now),
        Call::Connected => session.handle_connected(now),
        Call::Disconnected(why) => session.handle_disconnected(now, *why),
        Call::Timeout => session.handle_timeout(now),
        Call::Close => session.close(now),
        Call::Clock(civil) => session.set_wall_clock(now, *civil),
        Call::Input(bytes) => {
            let bytes = show(bytes).ok_or("bytes are not hexadecimal")?;
            return Ok(Some(session.handle_input(now, &bytes).into()));
        }
        Call::Send(asked) => {
            let sent = session.send(now, asked.request());
            if let Ok(id) = &sent {
                player.ids.insert(id.to_string(), *id);
            }
            return Ok(Some(out::send(sent)));
        }
        Call::Cancel(id) => {
            let id = player.ids.get(id).ok_or_else(|| format!("there is no message {id}"))?;
            return Ok(Some(session.cancel(*id).into()));
        }
        Call::Ping => return Ok(Some(out::done(session.ping(now)))),
        Call::Transmit => {
            let polled = session.poll_transmit(now, packet);
            let transmit = polled.map_err(|error| error.to_string())?;
            if let Some(transmit) = &transmit {
                tap.handed(place, packet.get(..transmit.len).unwrap_or_default());
            }
            return Ok(Some(out::transmit(packet, transmit.as_ref())));
        }
        Call::Event => {
            let event = session.poll_event();
            if let Some(Event::Done { id, .. }) = &event {
                player.ids.remove(&id.to_string());
            }
            if let Some(event) = &event {
                tap.event(place, event);
            }
            return Ok(Some(out::event(event.as_ref())));
        }
        Call::Recv => {
            let delivery = session.recv(now);
            let id = delivery.and_then(|delivery| delivery.id());
            let got = delivery.map(Delivered::from);
            let out = out::recv(got.as_ref());
            if let Some(got) = &got {
                tap.delivered(place, got);
                player.delivered += 1;
                player.deliveries.push_back(id);
                if player.deliveries.len() > DELIVERIES {
                    player.deliveries.pop_front();
                }
            }
            return Ok(Some(out));
        }
        Call::Respond(nth, status) => {
            let id = player.delivery(*nth)?;
            return Ok(Some(out::done(player.session.respond(now, id, *status))));
        }
        Call::Report(nth, status) => {
            let id = player.delivery(*nth)?;
            return Ok(Some(out::done(player.session.report(now, id, *status))));
        }
        Call::Rest => {
            let deadline = session.poll_timeout();
            let rest = out::rest(deadline.as_ref(), session.state(), session.wants_input());
            return Ok(Some(rest));
        }
    }
    Ok(None)
}

/// What was returned, as text.
fn said(out: &Value) -> String {
    match out {
        Value::Null => "nothing".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Where the bytes of two packets, or of two messages, part.
fn first_different_byte(expected: &Value, came: &Value) -> Option<usize> {
    let bytes = |out: &Value| {
        let text = out.get("bytes").or_else(|| out.get("data"))?;
        text.as_str().map(str::to_owned)
    };
    let (expected, came) = (bytes(expected)?, bytes(came)?);
    if expected == came {
        return None;
    }
    let same = expected.bytes().zip(came.bytes()).take_while(|(one, other)| one == other).count();
    Some(same / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Options, run_traced};

    #[test]
    fn a_trace_that_does_not_say_what_a_call_returned_is_refused() {
        let text = "schema = 1\nname = \"\"\n[[op]]\nact = \"power\"\non = true\nnumber = 0\nat_ms = 1000\n";
        let mut trace = Vec::new();
        run_traced(&Scenario::parse(text).unwrap(), Options::default(), &mut trace).unwrap();
        let trace = String::from_utf8(trace).unwrap();
        assert!(replay(trace.as_bytes()).is_ok());
        let lines: Vec<&str> = trace.lines().collect();
        for call in ["rest", "send", "transmit"] {
            let named = format!("\"call\":\"{call}\"");
            let nth = lines.iter().rposition(|line| line.contains(&named)).unwrap();
            let mut line: Map<String, Value> = serde_json::from_str(lines[nth]).unwrap();
            assert!(line.remove("out").is_some(), "{call}");
            let line = Value::Object(line).to_string();
            let mut edited = lines.clone();
            edited[nth] = &line;
            let error = replay((edited.join("\n") + "\n").as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), format!("line {}: {UNSAID}", nth + 2), "{call}");
        }
    }
}
