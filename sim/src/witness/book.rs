//! What a session was asked to send: the model of a sender. Messages that are done and can have no copies under way are forgotten.

use super::index::{Chains, Used};
use super::message::{Message, Standing};
use super::{Asked, Violation, What, ensure};
use crate::Size;
use cync_core::wire::{ChecksumMode, Endpoint, MARK, MAX_DECLARED, Packet, PacketType, Prefix};
use cync_core::{
    AckTimer, Config, Instant, Outcome, QueuePolicy, RetryBudget, RetryPolicy, SendError, Stage,
};
use std::collections::VecDeque;
use std::time::Duration;

/// Messages that are remembered however settled they are.
const KEPT: usize = 64;
/// The longest data that fits a packet even if every byte of it has to be stuffed.
const LONGEST: usize = (MAX_DECLARED - Prefix::LEN - 2) / 2 - 9;
/// Bytes that are kept of a message for each slot.
const SLOT_BYTES: usize = 64;

/// Live messages as the model knows them: certainly, and at most.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Levels {
    pub(super) queued: [usize; 2],
    pub(super) in_flight: [usize; 2],
}

impl Levels {
    const fn of(&mut self, standing: Standing) -> &mut [usize; 2] {
        if standing.left { &mut self.in_flight } else { &mut self.queued }
    }

    fn add(&mut self, standing: Standing) {
        let [surely, at_most] = self.of(standing);
        *surely += usize::from(standing.surely);
        *at_most += usize::from(standing.live);
    }

    fn remove(&mut self, standing: Standing) {
        let [surely, at_most] = self.of(standing);
        *surely -= usize::from(standing.surely);
        *at_most -= usize::from(standing.live);
    }
}

/// Copies behind the first one, by the reason.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Repeated {
    pub(super) timed_out: u64,
    pub(super) refused: u64,
    pub(super) reconnected: u64,
}

/// The rules that a sender keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) endpoint: Endpoint,
    pub(super) slots: usize,
    pub(super) window: usize,
    pub(super) queue: (usize, QueuePolicy),
    pub(super) id_window: u64,
    pub(super) deadline: Duration,
    pub(super) copy_lifetime: Duration,
    /// The latest after its first that another copy is handed over.
    pub(super) span: Duration,
    pub(super) retry: RetryPolicy,
    pub(super) budget: RetryBudget,
    pub(super) timer: AckTimer,
    pub(super) ride_through: bool,
}

impl Rules {
    fn new(size: Size, config: &Config) -> Self {
        Self {
            endpoint: config.endpoint,
            slots: size.slots().into(),
            window: config.window.into(),
            queue: (config.queue.limit.into(), config.queue.policy),
            id_window: config.id_window.into(),
            deadline: config.deadline,
            copy_lifetime: config.copy_lifetime,
            span: config.span(),
            retry: config.retry,
            budget: config.retry_budget,
            timer: config.ack_timer,
            ride_through: config.ride_through,
        }
    }

    /// Messages that there may be.
    pub(super) const fn limit(&self) -> usize {
        self.window + self.queue.0
    }
}

/// Everything that a session was asked to send and that is not settled.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) rules: Rules,
    /// Messages in the order of `send`; the first of them is number `base`.
    messages: VecDeque<Message>,
    base: u32,
    /// Those that are live, in the same order.
    pub(super) live: Vec<u32>,
    /// Those of them that something happens to.
    pub(super) touched: Vec<u32>,
    /// Those that were handed over, in that order, from the oldest of which copies may be under way.
    pub(super) under_way: VecDeque<u32>,
    pub(super) numbers: Chains,
    pub(super) counters: Chains,
    /// The newest `0x43`.
    pub(super) newest_info: Option<u32>,
    pub(super) used: Used,
    pub(super) levels: Levels,
    /// No live message has its deadline before this.
    pub(super) soonest: Instant,
    /// Nor one that is not known to be late.
    pub(super) soonest_late: Instant,
    /// Before this no timer has certainly run out that is not known to.
    pub(super) soonest_timer: Instant,
    /// The session was ticked last at this time: what was under way for too long by then is not.
    pub(super) swept: Instant,
    pub(super) accepted: u64,
    pub(super) firsts: u64,
    pub(super) copies: u64,
    pub(super) last_first: Option<u32>,
    /// The connection and the first copy's place of the message that was handed over for a new connection last.
    pub(super) last_rider: (u32, u64),
    pub(super) repeated: Repeated,
    /// When copies that the budget pays for were handed over: as many as it can have tokens.
    pub(super) taken: VecDeque<Instant>,
    /// How often each outcome was told.
    pub(super) told: super::ending::Told,
}

impl Book {
    pub(super) fn new(size: Size, config: &Config, first: u32) -> Self {
        Self {
            rules: Rules::new(size, config),
            messages: VecDeque::new(),
            base: first,
            live: Vec::new(),
            touched: Vec::new(),
            under_way: VecDeque::new(),
            numbers: Chains::new(),
            counters: Chains::new(),
            newest_info: None,
            used: Used::new(),
            levels: Levels::default(),
            soonest: Instant::MAX,
            soonest_timer: Instant::MAX,
            soonest_late: Instant::MAX,
            swept: Instant::ZERO,
            accepted: 0,
            firsts: 0,
            copies: 0,
            last_first: None,
            last_rider: (0, 0),
            repeated: Repeated::default(),
            taken: VecDeque::new(),
            told: super::ending::Told::default(),
        }
    }

    /// The number of the next message.
    pub(super) fn next(&self) -> u32 {
        self.base.wrapping_add(self.messages.len() as u32)
    }

    /// The number of the oldest that is remembered.
    pub(super) const fn oldest(&self) -> u32 {
        self.base
    }

    pub(super) fn message(&self, index: u32) -> Option<&Message> {
        self.messages.get(index.wrapping_sub(self.base) as usize)
    }

    /// Every message that is not settled, with its number.
    pub(super) fn messages(&self) -> impl DoubleEndedIterator<Item = &Message> + Clone {
        self.messages.iter()
    }

    /// Changes a message, and what is counted of all.
    pub(super) fn edit<R>(
        &mut self,
        index: u32,
        change: impl FnOnce(&mut Message) -> R,
    ) -> Option<R> {
        let message = self.messages.get_mut(index.wrapping_sub(self.base) as usize)?;
        let before = message.standing();
        let result = change(message);
        let after = message.standing();
        if before != after {
            self.levels.remove(before);
            self.levels.add(after);
            if before.live && !after.live {
                let at = self.live.iter().position(|live| *live == index);
                at.map(|at| self.live.remove(at));
            }
        }
        Some(result)
    }

    /// Changes every live message that is chosen.
    pub(super) fn edit_live(
        &mut self,
        chosen: impl Fn(&Message) -> bool,
        mut change: impl FnMut(&mut Message),
    ) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.clear();
        let live = self.live.iter().filter(|index| self.message(**index).is_some_and(&chosen));
        touched.extend(live);
        for index in &touched {
            self.edit(*index, &mut change);
        }
        self.touched = touched;
    }

    /// Forgets what is settled: its end was told, and its copies were answered, or can no longer be.
    pub(super) fn forget_settled(&mut self) {
        while self.messages.len() > KEPT
            && let Some(oldest) = self.messages.front()
        {
            let gone = oldest.last.0 + self.rules.copy_lifetime <= self.swept;
            if !oldest.done || oldest.is_live() || oldest.is_owed_receipts() && !gone {
                break;
            }
            self.messages.pop_front();
            self.base = self.base.wrapping_add(1);
        }
    }

    /// `send` took a message. Its number is returned.
    pub(super) fn on_accepted(&mut self, now: Instant, asked: &Asked) -> Result<u32, Violation> {
        let forbidden = self.forbidden(asked);
        ensure!(forbidden.is_none(), "C6", "{asked:?} was taken, expected {forbidden:?}");
        let index = self.next();
        let Rules { endpoint, deadline, .. } = self.rules;
        let mut message = Message::new(now, asked, endpoint, deadline);
        if let Some(to) = message.to {
            self.supersede(now, to, message.sets);
        }
        if let Some(number) = message.msg_id {
            message.same_number = self.numbers.push(number.0.into(), index);
        }
        self.soonest = self.soonest.min(message.deadline);
        self.soonest_late = self.soonest_late.min(message.deadline);
        self.levels.add(message.standing());
        self.live.push(index);
        self.messages.push_back(message);
        self.accepted += 1;
        let held = self.levels.queued[0] + self.levels.in_flight[0];
        let limit = self.rules.limit();
        ensure!(held <= limit, "S4", "{held} messages where {limit} are allowed");
        Ok(index)
    }

    /// Why a message may never be taken.
    fn forbidden(&self, asked: &Asked) -> Option<&'static str> {
        let kind = match &asked.what {
            What::Command(_) | What::Frame(..) => PacketType::DataChannel,
            What::Announce(..) => PacketType::StatusBroadcast,
            What::Probe => PacketType::Probe,
            What::Raw(kind, payload) => match kind {
                PacketType::DataChannel | PacketType::StatusBroadcast
                    if !is_frame(*kind, payload) =>
                {
                    return Some("Malformed");
                }
                PacketType::Probe if payload.len() > 1 => return Some("TooLong"),
                PacketType::DataChannel
                | PacketType::StatusBroadcast
                | PacketType::DeviceInfo
                | PacketType::Probe => *kind,
                _ => return Some("NotAMessage"),
            },
        };
        if asked.until == Some(Stage::Executed) && kind != PacketType::DataChannel {
            return Some("NeverExecuted");
        }
        if asked.deadline.is_some_and(|time| time > self.rules.deadline) {
            return Some("DeadlineTooLong");
        }
        let most = match &asked.what {
            What::Raw(..) => MAX_DECLARED - Prefix::LEN,
            _ => LONGEST,
        };
        (asked_len(asked) > most.min(self.rules.slots * SLOT_BYTES)).then_some("TooLong")
    }

    /// `send` took nothing, for want of room if this is true.
    pub(super) fn on_refused(&self, asked: &Asked, error: SendError) -> Result<(), Violation> {
        if let SendError::NotConnected(_) = error {
            return Ok(());
        }
        if let Some(expected) = self.forbidden(asked) {
            let name = format!("{error:?}");
            ensure!(name.starts_with(expected), "C6", "{error} for {asked:?}, expected {expected}");
            return Ok(());
        }
        let Rules { slots, queue: (_, policy), .. } = self.rules;
        match error {
            SendError::NumberInUse(number) => {
                let uses = |message: &Message| {
                    // A number that was not handed over is not known.
                    message.msg_id.is_none_or(|msg_id| msg_id == number)
                        && (message.is_live() || message.is_owed_receipts())
                };
                ensure!(self.messages().any(uses), "S14", "{error} for {asked:?}");
            }
            SendError::Full | SendError::Rejected => {
                let live = self.live.len();
                let is_full = live >= self.rules.limit() || {
                    let occupied = self.messages().filter(|message| message.may_occupy());
                    let blocks = |held: usize| held.div_ceil(SLOT_BYTES);
                    let held: usize = occupied.clone().map(|it| blocks(it.held())).sum();
                    occupied.count() >= slots || held + blocks(asked_len(asked)) > slots
                };
                ensure!(is_full, "S6", "{error} with {live} messages, for {asked:?}");
                let rejects = policy == QueuePolicy::Reject;
                ensure!(rejects == (error == SendError::Rejected), "S6", "{error} by {policy:?}");
            }
            _ => ensure!(false, "C6", "{error} for {asked:?}"),
        }
        Ok(())
    }

    /// How many messages are remembered, are live, and may have copies under way.
    pub(super) fn remembered(&self) -> [usize; 3] {
        [self.messages.len(), self.live.len(), self.under_way.len()]
    }

    /// L1: what has not been told at this time, though its deadline is over.
    pub(super) fn overdue(&self, now: Instant) -> Option<&Message> {
        self.messages().find(|message| !message.done && message.deadline <= now)
    }
}

/// Bytes of a message that the session has to keep.
pub(super) fn asked_len(asked: &Asked) -> usize {
    match &asked.what {
        What::Command(command) => command.data(0).len(),
        What::Frame(_, data) | What::Announce(_, data) | What::Raw(_, data) => data.len(),
        What::Probe => 0,
    }
}

/// Whether a payload is a frame of this type.
fn is_frame(kind: PacketType, payload: &[u8]) -> bool {
    let Ok(len) = u32::try_from(Prefix::LEN + payload.len()) else { return false };
    let [_, len @ ..] = u64::from(len).to_be_bytes();
    let [.., l0, l1, l2, l3] = len;
    let mut packet = vec![kind.byte(), l0, l1, l2, l3];
    packet.resize(packet.len() + Prefix::LEN, 0);
    packet.extend(payload);
    payload.contains(&MARK) && Packet::decode(&packet, ChecksumMode::Strict).is_ok()
}

/// Which invariant a copy breaks that is handed over after its message's end.
pub(super) const fn after_its_end(outcome: Outcome) -> &'static str {
    use cync_core::Unknown;
    match outcome {
        Outcome::Nacked(_) => "S9",
        Outcome::NotSent(_) => "S15",
        Outcome::Unknown(Unknown::Superseded) => "S13",
        Outcome::Reached(_) | Outcome::Unknown(_) => "S2",
    }
}
