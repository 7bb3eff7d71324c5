//! The metrics there are, and where their values come from.

use super::counts::Counts;
use cync_core::{State, Stats};

/// What a metric is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts of values by their size.
    Histogram,
}

impl Kind {
    /// As the text format spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric: all its series.
#[derive(Debug)]
pub struct Family {
    name: &'static str,
    help: &'static str,
    by_device: bool,
    label: Option<&'static str>,
    pub(super) read: Read,
}

/// A value of the label, and what it stands for.
type Series<T> = (&'static str, fn(&T) -> u64);

/// Where the values of a metric come from; one without a label has a single nameless value.
#[derive(Debug)]
pub(super) enum Read {
    Counts(&'static [Series<Stats>]),
    Levels(&'static [Series<Counts>]),
    Latencies,
}

impl Family {
    /// Its name, as it is exposed; the series of a histogram add `_bucket`, `_sum` and `_count`.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it says, in one sentence.
    pub const fn help(&self) -> &'static str {
        self.help
    }

    /// What it is.
    pub const fn kind(&self) -> Kind {
        match self.read {
            Read::Counts(_) => Kind::Counter,
            Read::Levels(_) => Kind::Gauge,
            Read::Latencies => Kind::Histogram,
        }
    }

    /// Whether its series have the label `device_id`; otherwise they are the sums over all devices.
    pub const fn is_by_device(&self) -> bool {
        self.by_device
    }

    /// Its label beside `device_id`, if it has one.
    pub const fn label(&self) -> Option<&'static str> {
        self.label
    }

    /// The values of that label; each has a series from the start.
    pub fn values(&self) -> Vec<&'static str> {
        let values: Vec<_> = match self.read {
            Read::Counts(series) => series.iter().map(|(value, _)| *value).collect(),
            Read::Levels(series) => series.iter().map(|(value, _)| *value).collect(),
            Read::Latencies => Vec::new(),
        };
        if self.label.is_some() { values } else { Vec::new() }
    }

    const fn new(name: &'static str, help: &'static str, read: Read) -> Self {
        Self { name, help, by_device: true, label: None, read }
    }

    const fn label_is(mut self, label: &'static str) -> Self {
        self.label = Some(label);
        self
    }

    const fn of_all(mut self) -> Self {
        self.by_device = false;
        self
    }
}

/// Every metric, in the order in which they are exposed.
pub static FAMILIES: [Family; 21] = [
    Family::new(
        "tcp_comm_packet_sent_total",
        "Packets handed over to a connection, and messages that ended before any byte of them was.",
        Read::Counts(&[("success", |it| it.packets_sent), ("not_sent", |it| it.not_sent.total())]),
    )
    .label_is("outcome"),
    Family::new(
        "tcp_comm_packet_recv_total",
        "Whole packets received.",
        Read::Counts(&[
            ("success", |it| {
                let unusable = it.decode_errors.total() + it.before_greeting;
                it.packets_received.saturating_sub(unusable)
            }),
            ("decode_error", |it| it.decode_errors.total()),
            ("before_greeting", |it| it.before_greeting),
        ]),
    )
    .label_is("outcome"),
    Family::new(
        "tcp_comm_packet_latency_seconds",
        "Time from the acceptance of a message for sending to the stage that was asked for.",
        Read::Latencies,
    ),
    Family::new(
        "tcp_comm_packet_retransmit_total",
        "Copies of messages handed over beyond the first.",
        Read::Counts(&[
            ("timeout", |it| it.retransmissions.timeout),
            ("refused", |it| it.retransmissions.refused),
            ("reconnected", |it| it.retransmissions.reconnected),
        ]),
    )
    .label_is("reason"),
    Family::new(
        "tcp_comm_decode_errors_total",
        "Packets received that could not be decoded.",
        Read::Counts(&[
            ("too_short", |it| it.decode_errors.too_short),
            ("invalid_length", |it| it.decode_errors.invalid_length),
            ("unknown_type", |it| it.decode_errors.unknown_type),
            ("invalid_checksum", |it| it.decode_errors.invalid_checksum),
            ("missing_0x7e_markers", |it| it.decode_errors.missing_markers),
            ("packet_too_large", |it| it.decode_errors.packet_too_large),
        ]),
    )
    .label_is("reason"),
    Family::new(
        "tcp_comm_ack_received_total",
        "Receipts and results received for messages.",
        Read::Counts(&[
            ("success", |it| it.acks.ok),
            ("nack", |it| it.acks.nack),
            ("busy", |it| it.acks.busy),
            ("late", |it| it.late_results),
            ("unmatched", |it| it.unmatched_answers),
        ]),
    )
    .label_is("outcome"),
    Family::new(
        "tcp_comm_ack_timeout_total",
        "Copies of messages whose answer did not come in time.",
        Read::Counts(&[("", |it| it.ack_timeouts)]),
    ),
    Family::new(
        "tcp_comm_idempotent_drop_total",
        "Messages received that repeat an accepted one, and were not delivered again.",
        Read::Counts(&[("", |it| it.duplicates)]),
    ),
    Family::new(
        "tcp_comm_send_queue_size",
        "Messages waiting for their first transmission.",
        Read::Levels(&[("", |it| it.queued)]),
    ),
    Family::new(
        "tcp_comm_recv_queue_size",
        "Messages received and accepted, waiting for the application.",
        Read::Levels(&[("", |it| it.inbox_len)]),
    ),
    Family::new(
        "tcp_comm_queue_full_total",
        "Times that a full queue turned a message away, held it back, or dropped one for it.",
        Read::Counts(&[
            ("send", |it| it.queue_full + it.not_sent.dropped),
            ("recv", |it| {
                it.refused_busy + it.input_refusals + it.states_dropped + it.messages_dropped
            }),
        ]),
    )
    .label_is("queue_type"),
    Family::new(
        "tcp_comm_retry_attempts_total",
        "Copies of messages handed over, by their number.",
        Read::Counts(&[
            ("1", |it| it.attempts[0]),
            ("2", |it| it.attempts[1]),
            ("3", |it| it.attempts[2]),
            ("4", |it| it.attempts[3]),
            ("5", |it| it.attempts[4]),
            ("6", |it| it.attempts[5]),
            ("7", |it| it.attempts[6]),
            ("8+", |it| it.attempts[7]),
        ]),
    )
    .label_is("attempt_number"),
    Family::new(
        "tcp_comm_message_abandoned_total",
        "Messages that ended without the stage that was asked for.",
        Read::Counts(&[
            ("nack", |it| it.nacked),
            ("timeout", |it| it.not_sent.timeout + it.unknown.timeout),
            ("disconnected", |it| it.not_sent.disconnected + it.unknown.disconnected),
            ("superseded", |it| it.not_sent.superseded + it.unknown.superseded),
            ("dropped", |it| it.not_sent.dropped + it.unknown.dropped),
            ("cancelled", |it| it.not_sent.cancelled + it.unknown.cancelled),
            ("closed", |it| it.not_sent.closed + it.unknown.closed),
            ("expired", |it| it.not_sent.expired + it.unknown.expired),
        ]),
    )
    .label_is("reason"),
    Family::new(
        "tcp_comm_dedup_cache_size",
        "Accepted messages that are remembered, to recognise repetitions.",
        Read::Levels(&[("", |it| it.remembered)]),
    )
    .of_all(),
    Family::new(
        "tcp_comm_dedup_cache_hits_total",
        "Messages received that were remembered.",
        Read::Counts(&[("", |it| it.duplicates)]),
    )
    .of_all(),
    Family::new(
        "tcp_comm_dedup_cache_evictions_total",
        "Remembered messages that had to make room before their time to live was over.",
        Read::Counts(&[("", |it| it.dedup_evictions)]),
    )
    .of_all(),
    Family::new(
        "tcp_comm_connection_state",
        "Sessions that are in this state: 1 or 0 where a device has one.",
        Read::Levels(&[
            ("disconnected", |it| u64::from(it.state == State::Disconnected)),
            ("connecting", |it| u64::from(it.state == State::Connecting)),
            ("greeting", |it| u64::from(it.state == State::Greeting)),
            ("ready", |it| u64::from(it.state == State::Ready)),
            ("draining", |it| u64::from(it.state == State::Draining)),
            ("closed", |it| u64::from(it.state == State::Closed)),
        ]),
    )
    .label_is("state"),
    Family::new(
        "tcp_comm_handshake_total",
        "Greetings.",
        Read::Counts(&[
            ("success", |it| it.greetings.succeeded),
            ("refused", |it| it.greetings.refused),
            ("timeout", |it| it.greetings.timed_out),
        ]),
    )
    .label_is("outcome"),
    Family::new(
        "tcp_comm_reconnection_total",
        "Connections made after an earlier one, by how that ended.",
        Read::Counts(&[
            ("hangup", |it| it.reconnections.hangup),
            ("peer", |it| it.reconnections.peer),
            ("error", |it| it.reconnections.error),
            ("replaced", |it| it.reconnections.replaced),
        ]),
    )
    .label_is("reason"),
    Family::new(
        "tcp_comm_heartbeat_total",
        "Heartbeats sent, and the answers to them.",
        Read::Counts(&[("sent", |it| it.heartbeats), ("answered", |it| it.heartbeats_answered)]),
    )
    .label_is("outcome"),
    Family::new(
        "tcp_comm_framing_errors_total",
        "Streams that fell out of step.",
        Read::Counts(&[("packet_too_large", |it| it.framing_errors)]),
    )
    .label_is("reason")
    .of_all(),
];
