use super::machine::Machine;
use super::transmit;
use crate::error::SendError;
use crate::event::{MessageId, State};
use crate::outbox::{Message, Outbox};
use crate::queue::QueuePolicy;
use crate::request::{Body, Request, Stage};
use crate::time::micros;
use crate::wire::{
    Attributes, Destination, INFO_MSG_ID, MAX_DECLARED, MsgId, PacketType, Prefix, frame_of_payload,
};

/// The longest data of a message that is written into a frame: it fits a packet even if every byte has to be stuffed.
const MAX_DATA: usize = transmit::longest_data();
/// The longest payload that is sent as it stands.
const MAX_RAW: usize = MAX_DECLARED - Prefix::LEN;

/// What a request is, apart from its data.
struct Shape {
    kind: PacketType,
    op: u8,
    counter: u32,
    raw: bool,
    /// The peer can report it as executed.
    has_result: bool,
    to: Destination,
    sets: Attributes,
}

impl<const SLOTS: usize, const SEEN: usize> Machine<SLOTS, SEEN> {
    /// Whether messages are taken at all.
    pub(super) fn may_send(&self) -> bool {
        match self.link.state() {
            State::Ready if self.link.is_up() => true,
            State::Draining | State::Closed => false,
            _ => self.config.ride_through,
        }
    }

    pub(super) fn send(&mut self, request: &Request<'_>) -> Result<MessageId, SendError> {
        self.accept(request).or_else(refuse)
    }

    #[inline(always)]
    fn accept(&mut self, request: &Request<'_>) -> Result<MessageId, SendError> {
        if !self.may_send() {
            return Err(SendError::NotConnected(self.link.state()));
        }
        let shape = self.shape(request)?;
        let Shape { kind, op, counter, raw, has_result, to, sets } = shape;
        if request.until == Stage::Executed && !has_result {
            return Err(SendError::NeverExecuted(kind));
        }
        let deadline = match request.deadline {
            None => self.config.deadline,
            Some(asked) if asked <= self.config.longest => micros(asked),
            Some(asked) => {
                return Err(SendError::DeadlineTooLong { asked, max: self.config.longest });
            }
        };
        let typed;
        let data = match request.body {
            Body::Command(command) => {
                typed = command.data(counter);
                &typed
            }
            Body::Frame { data, .. } | Body::Announce { data, .. } => data,
            Body::Raw { payload, .. } => payload,
            Body::Probe => &[],
        };
        let max = if raw { MAX_RAW } else { MAX_DATA }.min(Outbox::<SLOTS>::CAPACITY);
        if data.len() > max {
            return Err(SendError::TooLong { len: data.len(), max });
        }
        let msg_id = match request.msg_id {
            _ if kind == PacketType::DeviceInfo => INFO_MSG_ID,
            Some(chosen) if self.outbox.uses(chosen) => {
                return Err(SendError::NumberInUse(chosen));
            }
            Some(chosen) => chosen,
            None => self.free_msg_id(),
        };
        #[cfg(planted)]
        let msg_id = match request.msg_id {
            None if kind != PacketType::DeviceInfo => {
                self.counted_apart(kind, request.endpoint).unwrap_or(msg_id)
            }
            _ => msg_id,
        };
        self.make_room(data.len(), to, sets)?;
        self.outbox.supersede(self.now, to, sets, &mut self.stats);
        let message = Message {
            endpoint: request.endpoint.unwrap_or(self.config.endpoint),
            counter,
            msg_id,
            kind,
            op,
            until: request.until,
            once: request.once,
            raw,
            sets,
            to,
        };
        let Some(id) = self.outbox.push(self.now, self.now.plus_micros(deadline), message, data)
        else {
            return Err(self.is_full(data.len()));
        };
        if request.msg_id.is_none() && kind != PacketType::DeviceInfo {
            let step = if planted!(IdReusedEarly) { 0 } else { 1 };
            self.next_msg_id = msg_id.0.wrapping_add(step);
        }
        self.next_counter = self.next_counter.wrapping_add(u32::from(!raw));
        self.stats.messages_sent += 1;
        Ok(id)
    }

    fn shape(&self, request: &Request<'_>) -> Result<Shape, SendError> {
        let shape = Shape {
            kind: PacketType::DataChannel,
            op: 0,
            counter: self.next_counter,
            raw: false,
            has_result: false,
            to: Destination::ALL,
            sets: Attributes::NONE,
        };
        Ok(match request.body {
            Body::Command(command) => Shape {
                op: command.op(),
                has_result: true,
                to: command.destination().unwrap_or(Destination::ALL),
                sets: command.attributes(),
                ..shape
            },
            Body::Frame { op, .. } => Shape { op, has_result: true, ..shape },
            Body::Announce { op, .. } => Shape { kind: PacketType::StatusBroadcast, op, ..shape },
            Body::Probe => Shape { kind: PacketType::Probe, ..shape },
            Body::Raw { kind, payload } => match kind {
                PacketType::DataChannel | PacketType::StatusBroadcast => {
                    let frame = frame_of_payload(kind, payload).map_err(SendError::Malformed)?;
                    let (op, counter) = (frame.op, frame.counter);
                    let has_result = kind == PacketType::DataChannel;
                    Shape { kind, op, counter, has_result, raw: true, ..shape }
                }
                PacketType::DeviceInfo => Shape { kind, raw: true, ..shape },
                PacketType::Probe if payload.len() <= 1 => Shape { kind, raw: true, ..shape },
                PacketType::Probe => {
                    return Err(SendError::TooLong { len: payload.len(), max: 1 });
                }
                other => return Err(SendError::NotAMessage(other)),
            },
        })
    }

    /// Makes room as the queue's policy says.
    fn make_room(
        &mut self,
        len: usize,
        to: Destination,
        sets: Attributes,
    ) -> Result<(), SendError> {
        if self.has_room(len) {
            return Ok(());
        }
        // A message that this one replaces leaves it its place.
        if self.outbox.has_room(len) && !sets.is_empty() && self.outbox.has_stale(to, sets) {
            return Ok(());
        }
        if !self.may_have_room(len) {
            return Err(self.is_full(len));
        }
        while !self.has_room(len) && self.outbox.drop_oldest(self.now, &mut self.stats) {}
        Ok(())
    }

    fn is_full(&mut self, len: usize) -> SendError {
        self.stats.queue_full += 1;
        if self.config.queue.policy == QueuePolicy::Reject {
            return SendError::Rejected;
        }
        let len = u16::try_from(len).unwrap_or(u16::MAX);
        self.refused = Some(self.refused.map_or(len, |shortest| shortest.min(len)));
        self.has_rare_news = true;
        SendError::Full
    }

    /// Whether `send` would take so many bytes of data, if need be in place of older messages.
    pub(super) fn may_have_room(&self, len: usize) -> bool {
        let drops = self.config.queue.policy == QueuePolicy::DropOldest;
        let limit = u32::from(self.config.window) + u32::from(self.config.queue.limit);
        let may_drop = drops && u32::from(self.outbox.in_flight()) < limit;
        self.has_room(len) || may_drop && self.outbox.may_have_room(len)
    }

    #[inline]
    fn has_room(&self, len: usize) -> bool {
        let held = u32::from(self.outbox.queued()) + u32::from(self.outbox.in_flight());
        let limit = u32::from(self.config.window) + u32::from(self.config.queue.limit);
        held < limit && self.outbox.has_room(len)
    }

    pub(super) fn free_msg_id(&self) -> MsgId {
        let mut msg_id = MsgId(self.next_msg_id);
        while self.outbox.uses(msg_id) {
            msg_id = MsgId(msg_id.0.wrapping_add(1));
        }
        msg_id
    }

    /// The number of the message before, if numbers are counted for each type, or each endpoint, alone, and so it is free.
    #[cfg(planted)]
    fn counted_apart(
        &self,
        kind: PacketType,
        endpoint: Option<crate::wire::Endpoint>,
    ) -> Option<MsgId> {
        let before = MsgId(self.next_msg_id.wrapping_sub(1));
        let endpoint = endpoint.unwrap_or(self.config.endpoint);
        let mut users = self.outbox.users(before).peekable();
        users.peek()?;
        let apart = users.all(|other| {
            planted!(AnswerOfWrongKind) && other.kind != kind
                || planted!(AnswerOfWrongEndpoint) && other.endpoint != endpoint
        });
        apart.then_some(before)
    }

    pub(super) fn cancel(&mut self, id: MessageId) -> bool {
        let cancelled = self.outbox.cancel(self.now, id, &mut self.stats);
        self.hang_up_if_drained();
        cancelled
    }

    pub(super) fn ping(&mut self) -> Result<(), SendError> {
        if self.link.state() != State::Ready || !self.link.is_up() {
            return Err(SendError::NotConnected(self.link.state()));
        }
        self.link.ping();
        Ok(())
    }
}

/// Elsewhere, so that nothing of an error is put together where there is none.
#[cold]
#[inline(never)]
const fn refuse(why: SendError) -> Result<MessageId, SendError> {
    Err(why)
}
