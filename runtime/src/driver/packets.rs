//! The packets of a connection, as they stand in the log: both directions, with authentication codes masked.

use crate::shared::Inner;
use cync_core::wire::{
    ChecksumMode, Direction, Framer, Hex, Packet, PacketType, Resync, StatusCode, mask_secrets,
};
use cync_core::{Instant, MessageId, Transmit};
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;
use tracing::{Level, Span};

/// Messages whose answers are looked for, the newest.
const MOST: usize = 64;

/// Logs packets, unless nobody wants to know.
pub(super) struct PacketLog {
    /// Cuts what comes into packets: what is read may be a part of one, with half of an authentication code.
    received: Option<Box<Framer>>,
    sent: VecDeque<SentMessage>,
}

/// A message that may be answered.
struct SentMessage {
    id: MessageId,
    key: Key,
    span: Span,
    first_sent: Instant,
}

/// What an answer repeats of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    number: u16,
    counter: Option<u32>,
}

/// Leaves the bytes out: they may be those of a greeting.
impl fmt::Debug for PacketLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacketLog").field("on", &self.received.is_some()).finish_non_exhaustive()
    }
}

impl PacketLog {
    /// One for a connection on which nothing was read yet: later it could not be told where packets begin.
    pub(super) fn new() -> Self {
        let received = is_on().then(|| Box::new(Framer::new(Resync::Close)));
        Self { received, sent: VecDeque::new() }
    }

    /// These bytes were read.
    pub(super) fn received(&mut self, now: Instant, bytes: &[u8]) {
        let Some(framer) = &mut self.received else { return };
        if !is_on() {
            // From here on packets would begin anywhere.
            self.received = None;
            return;
        }
        let mut input = bytes;
        while let Some(packet) = framer.next(&mut input) {
            match packet {
                Ok(packet) => log_received(&self.sent, now, packet),
                // Not even a header is shown: it may stand anywhere in a greeting that is out of step.
                Err(error) => {
                    tracing::debug!(
                        event = "tcp_packet",
                        direction = "recv",
                        outcome = error.reason()
                    );
                }
            }
        }
    }

    /// This packet is handed over.
    pub(super) fn sent(&mut self, inner: &Inner, now: Instant, transmit: &Transmit, bytes: &[u8]) {
        if !is_on() {
            return;
        }
        let Transmit { len, kind, id, attempt } = *transmit;
        let bytes = bytes.get(..len).unwrap_or_default();
        let span = id.and_then(|id| inner.span(id)).unwrap_or_else(Span::none);
        let first_sent = id.map_or(now, |id| self.remember(id, bytes, &span, now));
        let mut shown = bytes.to_vec();
        mask_secrets(&mut shown);
        let _in_message = span.enter();
        tracing::debug!(
            event = "tcp_packet",
            direction = "send",
            raw_packet_hex = %Hex(&shown),
            elapsed_ms = milliseconds(now.since(first_sent)),
            outcome = "success",
            %kind,
            attempt,
        );
    }

    /// When a message was handed over first.
    fn remember(&mut self, id: MessageId, bytes: &[u8], span: &Span, now: Instant) -> Instant {
        if let Some(known) = self.sent.iter().find(|sent| sent.id == id) {
            return known.first_sent;
        }
        let key = Packet::decode(bytes, ChecksumMode::Strict).ok().and_then(|packet| {
            let counter = packet.frame().map(|frame| frame.counter);
            Some(Key { number: packet.prefix()?.msg_id.0, counter })
        });
        if let Some(key) = key {
            if self.sent.len() >= MOST {
                self.sent.pop_front();
            }
            self.sent.push_back(SentMessage { id, key, span: span.clone(), first_sent: now });
        }
        now
    }
}

fn is_on() -> bool {
    tracing::enabled!(Level::DEBUG)
}

fn log_received(sent: &VecDeque<SentMessage>, now: Instant, packet: &[u8]) {
    let Some(kind) = packet.first().and_then(|byte| PacketType::from_byte(*byte)) else {
        // Its bytes may be part of a greeting that is out of step.
        let (type_byte, len) = (packet.first().copied().unwrap_or_default(), packet.len());
        tracing::debug!(
            event = "tcp_packet",
            direction = "recv",
            outcome = "unknown_type",
            type_byte,
            len
        );
        return;
    };
    let mut shown = packet.to_vec();
    mask_secrets(&mut shown);
    let (outcome, answered) = match Packet::decode(packet, ChecksumMode::Strict) {
        Err(error) => (error.reason(), None),
        Ok(packet) => match answer(&packet) {
            None => ("success", None),
            Some((status, answers)) => {
                let outcome = if status == StatusCode::OK { "success" } else { "nack" };
                (outcome, sent.iter().rev().find(|sent| answers(sent.key)))
            }
        },
    };
    let _in_message = answered.map(|sent| sent.span.enter());
    let elapsed_ms = answered.map(|sent| milliseconds(now.since(sent.first_sent)));
    tracing::debug!(
        event = "tcp_packet",
        direction = "recv",
        raw_packet_hex = %Hex(&shown),
        elapsed_ms,
        outcome,
        %kind,
    );
}

/// What an answer says, and which messages it may answer.
fn answer(packet: &Packet<'_>) -> Option<(StatusCode, impl Fn(Key) -> bool + use<>)> {
    let (status, number, counter) = match packet {
        Packet::DataAck(receipt) | Packet::DataResult(receipt) => {
            (receipt.status, Some(receipt.msg_id.0), None)
        }
        Packet::StatusAck(ack) | Packet::InfoAck(ack) => (ack.status, Some(ack.msg_id.0), None),
        Packet::DataChannel(channel) if channel.frame.direction == Direction::RESPONSE => {
            let result = channel.frame.data.bytes().next().unwrap_or_default();
            (StatusCode(result), None, Some(channel.frame.counter))
        }
        _ => return None,
    };
    Some((status, move |key: Key| {
        number.is_none_or(|number| number == key.number)
            && (counter.is_none() || counter == key.counter)
    }))
}

/// A length of time as logs give it.
fn milliseconds(time: Duration) -> f64 {
    u32::try_from(time.as_micros()).map_or(f64::INFINITY, f64::from) / 1000.0
}
