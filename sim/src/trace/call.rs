//! Calls of a session, as lines of a trace.

use super::hidden::show;
use crate::witness::{Asked, What};
use cync_core::wire::{Command, Endpoint, PacketType, StatusCode};
use cync_core::{CivilTime, Disconnect, Stage};
use serde_json::{Map, Value, json};
use std::time::Duration;

type Line = Map<String, Value>;

/// A call, with everything that goes into the session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    /// The session is made, or, after a device has forgotten everything, made anew.
    New {
        life: u32,
    },
    Connect,
    Connected,
    Disconnected(Disconnect),
    /// Bytes, as [`super::hide`] writes them.
    Input(String),
    Timeout,
    Send(Asked),
    /// The text of a message's id.
    Cancel(String),
    Ping,
    Close,
    Clock(CivilTime),
    Transmit,
    Event,
    Recv,
    /// The nth delivery of the session, from 0, and a status.
    Respond(u64, StatusCode),
    Report(u64, StatusCode),
    /// Nothing is done: what the session says of itself.
    Rest,
}

const DISCONNECTS: [(&str, Disconnect); 4] = [
    ("hangup", Disconnect::Hangup),
    ("peer", Disconnect::Peer),
    ("error", Disconnect::Error),
    ("replaced", Disconnect::Replaced),
];

const STAGES: [(&str, Stage); 3] =
    [("sent", Stage::Sent), ("acked", Stage::Acked), ("executed", Stage::Executed)];

/// What is wrong with a line.
pub(super) type Mistake = String;

impl Call {
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::New { .. } => "new",
            Self::Connect => "connect",
            Self::Connected => "connected",
            Self::Disconnected(_) => "disconnected",
            Self::Input(_) => "input",
            Self::Timeout => "timeout",
            Self::Send(_) => "send",
            Self::Cancel(_) => "cancel",
            Self::Ping => "ping",
            Self::Close => "close",
            Self::Clock(_) => "clock",
            Self::Transmit => "transmit",
            Self::Event => "event",
            Self::Recv => "recv",
            Self::Respond(..) => "respond",
            Self::Report(..) => "report",
            Self::Rest => "rest",
        }
    }

    /// Adds what goes into the session.
    pub(super) fn write(&self, line: &mut Line) {
        let mut add = |name: &str, value: Value| {
            line.insert(name.into(), value);
        };
        match self {
            Self::New { life } => add("life", (*life).into()),
            Self::Disconnected(why) => add("why", named(&DISCONNECTS, why).into()),
            Self::Input(bytes) => add("bytes", bytes.as_str().into()),
            Self::Send(asked) => write_asked(asked, line),
            Self::Cancel(id) => add("id", id.as_str().into()),
            Self::Clock(civil) => add("civil", write_civil(civil)),
            Self::Respond(delivery, status) | Self::Report(delivery, status) => {
                add("delivery", (*delivery).into());
                add("status", status.0.into());
            }
            _ => {}
        }
    }

    /// The call that a line is.
    pub(super) fn read(line: &Line) -> Result<Self, Mistake> {
        let answer = || {
            let delivery = number(line, "delivery")?;
            Ok::<_, Mistake>((delivery, StatusCode(number(line, "status")?)))
        };
        Ok(match text(line, "call")? {
            "new" => Self::New { life: number(line, "life")? },
            "connect" => Self::Connect,
            "connected" => Self::Connected,
            "disconnected" => Self::Disconnected(choice(line, "why", &DISCONNECTS)?),
            "input" => Self::Input(text(line, "bytes")?.into()),
            "timeout" => Self::Timeout,
            "send" => Self::Send(read_asked(line)?),
            "cancel" => Self::Cancel(text(line, "id")?.into()),
            "ping" => Self::Ping,
            "close" => Self::Close,
            "clock" => Self::Clock(read_civil(line).ok_or("civil is no time")?),
            "transmit" => Self::Transmit,
            "event" => Self::Event,
            "recv" => Self::Recv,
            "respond" => answer().map(|(delivery, status)| Self::Respond(delivery, status))?,
            "report" => answer().map(|(delivery, status)| Self::Report(delivery, status))?,
            "rest" => Self::Rest,
            _ => return Err("there is no such call".into()),
        })
    }
}

/// What calls return, as traces say it.
pub(crate) mod out {
    use super::super::Delivered;
    use cync_core::{Deadline, Event, MessageId, State, Transmit};
    use serde_json::{Value, json};
    use std::fmt;

    pub(crate) fn transmit(packet: &[u8], transmit: Option<&Transmit>) -> Value {
        transmit.map_or(Value::Null, |transmit| {
            let len = transmit.len.min(packet.len());
            let bytes = super::super::hide(packet.get(..len).unwrap_or_default(), 0..len);
            let id = transmit.id.map(|id| id.to_string());
            json!({ "bytes": bytes, "id": id, "attempt": transmit.attempt })
        })
    }

    pub(crate) fn event(event: Option<&Event>) -> Value {
        event.map_or(Value::Null, |event| format!("{event:?}").into())
    }

    pub(crate) fn recv(got: Option<&Delivered<'_>>) -> Value {
        got.map_or(Value::Null, |got| {
            json!({
                "kind": got.kind.byte(),
                "endpoint": got.endpoint.0,
                "msg_id": got.msg_id.0,
                "frame": got.frame.map(|(op, counter)| [u32::from(op), counter]),
                "data": super::super::hide(got.data, 0..got.data.len()),
                "arrived": got.arrived.as_micros(),
            })
        })
    }

    pub(crate) fn send(sent: Result<MessageId, impl fmt::Display>) -> Value {
        answer(sent.map(|id| id.to_string().into()))
    }

    pub(crate) fn done(done: Result<(), impl fmt::Display>) -> Value {
        answer(done.map(|()| true.into()))
    }

    fn answer(answer: Result<Value, impl fmt::Display>) -> Value {
        answer.unwrap_or_else(|error| json!({ "error": error.to_string() }))
    }

    pub(crate) fn rest(deadline: Option<&Deadline>, state: State, wants_input: bool) -> Value {
        let deadline = deadline.map(|it| json!([it.at.as_micros(), format!("{:?}", it.why)]));
        json!({ "deadline": deadline, "state": format!("{state:?}"), "wants_input": wants_input })
    }
}

fn write_asked(asked: &Asked, line: &mut Line) {
    let Asked { what, until, once, deadline, msg_id, endpoint } = asked;
    let framed = |kind: &str, number: u8, data: &[u8]| {
        json!([kind, number, super::hide(data, 0..data.len())])
    };
    let what = match what {
        What::Command(command) => framed("command", command.op(), &command.data(1)),
        What::Frame(op, data) => framed("frame", *op, data),
        What::Announce(op, data) => framed("announce", *op, data),
        What::Probe => json!(["probe"]),
        What::Raw(kind, payload) => framed("raw", kind.byte(), payload),
    };
    line.insert("what".into(), what);
    let deadline = deadline.map(crate::chaos::micros);
    let given = [
        ("until", until.map(|stage| named(&STAGES, &stage).into())),
        ("once", once.then_some(true.into())),
        ("deadline", deadline.map(Value::from)),
        ("msg_id", msg_id.map(Value::from)),
        ("endpoint", endpoint.map(|endpoint| endpoint.0.into())),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            line.insert(name.into(), value);
        }
    }
}

fn read_asked(line: &Line) -> Result<Asked, Mistake> {
    fn given<T>(
        line: &Line,
        name: &str,
        read: impl Fn(&Line, &str) -> Result<T, Mistake>,
    ) -> Result<Option<T>, Mistake> {
        line.contains_key(name).then(|| read(line, name)).transpose()
    }
    let what = line.get("what").and_then(read_what).ok_or("what is no message")?;
    Ok(Asked {
        what,
        until: given(line, "until", |line, name| choice(line, name, &STAGES))?,
        once: given(line, "once", boolean)?.unwrap_or(false),
        deadline: given(line, "deadline", number)?.map(Duration::from_micros),
        msg_id: given(line, "msg_id", number)?,
        endpoint: given(line, "endpoint", number)?.map(Endpoint),
    })
}

fn read_what(what: &Value) -> Option<What> {
    let (kind, rest) = what.as_array()?.split_first()?;
    let kind = kind.as_str()?;
    let [number, data] = rest else {
        return (kind == "probe" && rest.is_empty()).then_some(What::Probe);
    };
    let number = u8::try_from(number.as_u64()?).ok()?;
    let data = show(data.as_str()?)?;
    Some(match kind {
        "command" => What::Command(Command::parse(number, &data)?),
        "frame" => What::Frame(number, data),
        "announce" => What::Announce(number, data),
        "raw" => What::Raw(PacketType::from_byte(number)?, data),
        _ => return None,
    })
}

fn write_civil(civil: &CivilTime) -> Value {
    let CivilTime { year, month, day, weekday_sunday1, hour, minute, second, .. } = *civil;
    let offset = civil.utc_offset_centihours;
    json!([year, month, day, weekday_sunday1, hour, minute, second, offset])
}

fn read_civil(line: &Line) -> Option<CivilTime> {
    let list = line.get("civil")?.as_array()?;
    let [year, month, day, weekday, hour, minute, second, offset] = list.as_slice() else {
        return None;
    };
    let small = |value: &Value| u8::try_from(value.as_u64()?).ok();
    Some(CivilTime {
        year: u16::try_from(year.as_u64()?).ok()?,
        month: small(month)?,
        day: small(day)?,
        weekday_sunday1: small(weekday)?,
        hour: small(hour)?,
        minute: small(minute)?,
        second: small(second)?,
        utc_offset_centihours: i16::try_from(offset.as_i64()?).ok()?,
    })
}

fn named<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    names.iter().find(|(_, known)| known == value).map_or("?", |(name, _)| name)
}

pub(super) fn choice<T: Copy>(line: &Line, name: &str, names: &[(&str, T)]) -> Result<T, Mistake> {
    let given = text(line, name)?;
    let found = names.iter().find(|(known, _)| *known == given);
    found.map(|(_, value)| *value).ok_or_else(|| format!("{name} is none of what it can be"))
}

pub(super) fn text<'a>(line: &'a Line, name: &str) -> Result<&'a str, Mistake> {
    let value = line.get(name).and_then(Value::as_str);
    value.ok_or_else(|| format!("{name} is missing, or no text"))
}

pub(super) fn number<T: TryFrom<u64>>(line: &Line, name: &str) -> Result<T, Mistake> {
    let value = line.get(name).and_then(Value::as_u64);
    let value = value.and_then(|value| T::try_from(value).ok());
    value.ok_or_else(|| format!("{name} is missing, or not a number that it can be"))
}

fn boolean(line: &Line, name: &str) -> Result<bool, Mistake> {
    line.get(name).and_then(Value::as_bool).ok_or_else(|| format!("{name} is no truth value"))
}
