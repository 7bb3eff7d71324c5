//! What two sessions did, as values: nobody has to read it unless two of them differ.

use super::op::Ask;
use super::secrets::{find_secret, has_secret};
use super::setup::Side;
use cync_core::wire::{Endpoint, MsgId, PacketType, StatusCode};
use cync_core::{
    Deadline, Disconnect, Event, Instant, MessageId, RespondError, SendError, State, Transmit,
};
use cync_sim::witness::{Bytes, Got};
use std::fmt::Write;

/// Something that a session did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// In which step.
    pub step: usize,
    /// Which session.
    pub side: Side,
    /// What.
    pub what: Shown,
}

/// What a session did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shown {
    /// What can be seen of it after a step: its state, its timer, and how much is queued, in flight and in the inbox.
    Levels(State, Option<Deadline>, [usize; 3]),
    /// A packet was handed over. Of a greeting there are no bytes.
    HandedOver(Transmit, Bytes),
    /// An event was told.
    Told(Event),
    /// A message was received, or there was none.
    Received(Option<Received>),
    /// It was asked to send.
    Sent(Ask, Result<MessageId, SendError>),
    /// It was asked to cancel a message.
    Cancelled(MessageId, bool),
    /// The application answered the nth delivery that it took.
    Replied(StatusCode, usize, Result<(), RespondError>),
    /// It was asked for a sign of life.
    Pinged(Result<(), SendError>),
    /// So much was forgotten.
    Purged(usize),
    /// It was told that the connection is gone.
    Disconnected(Disconnect),
}

/// What the application received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    kind: PacketType,
    endpoint: Endpoint,
    msg_id: MsgId,
    frame: Option<(u8, u32)>,
    data: Bytes,
    arrived: Instant,
}

impl From<&Got> for Received {
    fn from(got: &Got) -> Self {
        let Got { kind, endpoint, msg_id, frame, ref data, arrived, .. } = *got;
        Self { kind, endpoint, msg_id, frame, data: data.clone(), arrived }
    }
}

impl Shown {
    /// The bytes of it, which its `Debug` shows as two digits each.
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::HandedOver(_, bytes) => bytes,
            Self::Received(Some(received)) => &received.data,
            _ => &[],
        }
    }

    /// Writes what the session shows beside [`Shown::bytes`], in one line.
    pub(super) fn write_rest(&self, out: &mut String) {
        let written = match self {
            Self::Received(None) => return,
            Self::HandedOver(transmit, _) => writeln!(out, "{transmit:?}"),
            Self::Told(event) => writeln!(out, "{event:?}"),
            Self::Sent(_, result) => writeln!(out, "{result:?}"),
            Self::Received(Some(received)) => {
                let Received { kind, endpoint, msg_id, frame, arrived, .. } = received;
                writeln!(out, "{kind:?} {endpoint:?} {msg_id:?} {frame:?} {arrived:?}")
            }
            other => writeln!(out, "{other:?}"),
        };
        written.expect("a string takes everything");
    }
}

/// Everything that two sessions did: packets, events, deliveries, results, levels.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Transcript {
    /// In that order.
    pub lines: Vec<Line>,
}

impl Transcript {
    /// As if the order within one step did not matter.
    #[must_use]
    pub fn sorted(&self) -> Self {
        let mut lines = self.lines.clone();
        lines.sort_by_cached_key(|line| (line.step, line.side, format!("{:?}", line.what)));
        Self { lines }
    }

    /// The first difference, and its step.
    pub fn difference(&self, other: &Self) -> Option<(usize, String)> {
        let longest = self.lines.len().max(other.lines.len());
        let at = (0..longest).find(|at| self.lines.get(*at) != other.lines.get(*at))?;
        let (one, two) = (self.lines.get(at), other.lines.get(at));
        let step = one.or(two).map_or(0, |line| line.step);
        Some((step, format!("{two:?} instead of {one:?}")))
    }
}

/// What becomes of what is done.
#[derive(Debug)]
pub(super) enum Notes {
    /// It is kept, to be compared.
    Kept(Transcript),
    /// It is shown, to look for the code in it once the case is over. Bytes are looked through at once.
    Shown {
        text: String,
        /// The packets of no message that the text has already.
        known: Vec<Transmit>,
        leak: Option<Shown>,
    },
}

impl Notes {
    /// To compare.
    pub(super) fn kept() -> Self {
        Self::Kept(Transcript::default())
    }

    /// To look for the code.
    pub(super) fn shown() -> Self {
        Self::Shown { text: String::with_capacity(1 << 14), known: Vec::new(), leak: None }
    }

    pub(super) fn push(&mut self, step: usize, side: Side, what: Shown) {
        match self {
            Self::Kept(transcript) => transcript.lines.push(Line { step, side, what }),
            Self::Shown { text, known, leak } => {
                match &what {
                    Shown::HandedOver(transmit, _) if transmit.id.is_none() => {
                        if !known.contains(transmit) {
                            known.push(*transmit);
                            what.write_rest(text);
                        }
                    }
                    _ => what.write_rest(text),
                }
                if has_secret(what.bytes()) {
                    leak.get_or_insert(what);
                }
            }
        }
    }

    /// The first thing that shows the authentication code.
    pub(super) fn leak(&self) -> Option<String> {
        let Self::Shown { text, leak, .. } = self else { return None };
        let in_bytes = leak.as_ref().map(|shown| format!("{shown:?}"));
        in_bytes.or_else(|| {
            let at = find_secret(text)?;
            let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
            text[start..].lines().next().map(String::from)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solo::AUTH;

    #[test]
    fn the_code_in_a_packet_or_in_a_text_is_a_leak_and_nothing_else_is() {
        let transmit = Transmit { len: 18, kind: PacketType::DataChannel, id: None, attempt: 0 };
        let packet = |bytes: &[u8]| Shown::HandedOver(transmit, bytes.into());
        let mut notes = Notes::shown();
        notes.push(0, Side::Hub, packet(&[7; 18]));
        notes.push(0, Side::Hub, Shown::Purged(3));
        assert_eq!(notes.leak(), None);
        notes.push(1, Side::Hub, packet(&[&[7], AUTH, &[7]].concat()));
        assert_eq!(notes.leak(), Some(format!("{:?}", packet(&[&[7], AUTH, &[7]].concat()))));

        let mut notes = Notes::shown();
        notes.push(0, Side::Hub, Shown::Purged(3));
        let Notes::Shown { text, .. } = &mut notes else { panic!("it is shown") };
        let _ = writeln!(text, "a line with {} in it", std::str::from_utf8(AUTH).unwrap());
        notes.push(1, Side::Hub, Shown::Purged(4));
        assert_eq!(notes.leak().as_deref(), Some("a line with c4n4ry-auth-c0de in it"));
    }
}
