//! A state of the whole, and what can happen next.

use crate::ends::{self, Bytes, Reaction, Reception, Sender, Small, ToReceiver, ToSender, at};
use crate::memory::Memory;
use cync_core::wire::Endpoint;
use cync_core::{Config, Deadline, MessageId, NotSent, Outcome, Stage, Timer, Unknown};
use std::collections::BTreeSet;
use std::fmt;
use std::rc::Rc;

/// Messages at most.
pub(crate) const MOST: usize = 4;

/// What is explored. Times are in steps.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// The sender.
    pub(crate) sender: Config,
    /// The receiver.
    pub(crate) receiver: Config,
    /// Messages that the application sends: 1 to [`MOST`].
    pub(crate) messages: u8,
    /// They have the numbers from 0 to one less than this, in turn; or those that the session gives them.
    pub(crate) numbers: Option<u16>,
    /// They go to so many endpoints, in turn.
    pub(crate) endpoints: u8,
    /// A copy arrives less than this after it was handed over, or never.
    pub(crate) copies_last: u8,
    /// The answer to a copy arrives less than this after the copy was handed over, or never.
    pub(crate) answers_last: u8,
    /// The network may deliver a copy more than once.
    pub(crate) copies_repeat: bool,
    /// The connection may be held up at any time, for any time. Otherwise it takes every packet at once.
    pub(crate) held_up: bool,
    /// How much later than its time a tick comes at most.
    pub(crate) ticks_late: u8,
    /// How often the connection goes at most.
    pub(crate) cuts: u8,
}

/// A message: the first that is sent is called A.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Label(u8);

/// The first message, and the second.
pub(crate) const A: Label = Label(0);
pub(crate) const B: Label = Label(1);

impl Label {
    const fn index(self) -> usize {
        self.0 as usize
    }

    /// A set of one.
    const fn bit(self) -> u8 {
        1 << self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", char::from(b'A' + self.0))
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A copy: the first of A is A1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Copy {
    of: Label,
    attempt: u8,
    /// When it was handed over.
    at: u8,
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.of, self.attempt)
    }
}

/// Something that happens.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Action {
    /// The application sends a message.
    Send(Label),
    /// The sender hands a copy over.
    HandOver(Copy),
    /// The sender is asked for a packet and has none, but notes something.
    Poll,
    /// The sender is told that a deadline has come.
    Tick,
    /// A copy arrives.
    Arrive(Copy),
    /// A copy arrives, and will once more.
    ArriveFirst(Copy),
    /// The answer to a copy arrives.
    Answer(Copy),
    /// Time passes.
    Wait,
    /// The sender loses the connection; the receiver does not know yet.
    Cut,
    /// There is a new connection.
    Connect,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(label) => write!(f, "send {label}"),
            Self::HandOver(copy) => write!(f, "hand over {copy}"),
            Self::Poll => write!(f, "poll"),
            Self::Tick => write!(f, "tick"),
            Self::Arrive(copy) => write!(f, "{copy} arrives"),
            Self::ArriveFirst(copy) => write!(f, "{copy} arrives, not for the last time"),
            Self::Answer(copy) => write!(f, "the answer to {copy} arrives"),
            Self::Wait => write!(f, "wait"),
            Self::Cut => write!(f, "cut"),
            Self::Connect => write!(f, "connect"),
        }
    }
}

/// A promise that is broken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Violation {
    /// A message was delivered twice.
    DeliveredTwice(Label),
    /// A number was given to a message while copies of another one with it were under way.
    NumberReused { of: Label, by: Label },
    /// The answer to one message resolved another.
    WrongAnswer { to: Label, resolved: Label },
    /// A message ended twice.
    DoneTwice(Label),
    /// A message is said to be delivered that was not, or not to have left when it had, or the other way round.
    Untrue(Label, Outcome),
    /// Nothing can happen any more, and a message has not ended.
    NeverDone(Label),
}

/// A state of the whole.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    /// The sessions' states, by number.
    sender: u32,
    receiver: u32,
    outline: Outline,
}

/// A state of the whole, without what is inside the sessions.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Outline {
    now: u8,
    connected: bool,
    cuts: u8,
    /// What is under way. What is lost stays here until its time is over.
    copies: Vec<Copy>,
    /// By the copies that they answer, and by number.
    answers: Vec<(Copy, u8)>,
    /// The ids of the messages that were sent.
    ids: [Option<MessageId>; MOST],
    /// Sets of messages.
    left: u8,
    delivered: u8,
    done: u8,
}

impl State {
    /// What can be seen from outside of the sessions.
    pub(crate) fn into_outline(self) -> Outline {
        self.outline
    }

    fn sent(&self) -> u8 {
        self.outline.ids.iter().flatten().count() as u8
    }

    /// The message that has this id, or had it last.
    fn label(&self, id: MessageId) -> Label {
        let index = self.outline.ids.iter().rposition(|known| *known == Some(id));
        Label(index.expect("an id that send returned") as u8)
    }
}

/// Rules, and the sessions that follow them.
pub(crate) struct World<const SEEN: usize> {
    rules: Rules,
    sender: Memory<Sender, (u8, ToSender), Reaction>,
    receiver: Memory<Small<SEEN>, (u8, ToReceiver), Reception>,
    /// The bytes of copies, by message; and of answers, by number.
    copies: [Option<Bytes>; MOST],
    answers: Vec<Bytes>,
    /// Kinds of things that have happened somewhere.
    seen: BTreeSet<&'static str>,
}

/// What can happen next, and what it leads to.
pub(crate) type Next = Vec<(Action, Result<State, Violation>)>;

impl<const SEEN: usize> World<SEEN> {
    /// A world, and its first state. Sessions are told apart without these fields.
    pub(crate) fn new(rules: Rules, without: &'static [&'static str]) -> (Self, State) {
        let (sender, receiver) = ends::new(rules.sender.clone(), rules.receiver.clone());
        let mut world = Self {
            rules,
            sender: Memory::of(sender, without),
            receiver: Memory::of(receiver, without),
            copies: [const { None }; MOST],
            answers: Vec::new(),
            seen: BTreeSet::new(),
        };
        let outline = Outline {
            now: 0,
            connected: false,
            cuts: 0,
            copies: Vec::new(),
            answers: Vec::new(),
            ids: [None; MOST],
            left: 0,
            delivered: 0,
            done: 0,
        };
        let mut state = State { sender: 0, receiver: 0, outline };
        world.connect(&mut state);
        (world, state)
    }

    /// How many states of the sender and of the receiver there are.
    pub(crate) fn sessions(&self) -> (usize, usize) {
        (self.sender.len(), self.receiver.len())
    }

    /// Kinds of things that have happened somewhere.
    pub(crate) fn into_seen(self) -> BTreeSet<&'static str> {
        self.seen
    }

    /// Everything that can happen in a state. Time starts when the first message is sent.
    pub(crate) fn next(&mut self, state: &State) -> Next {
        let mut next = Next::new();
        self.hand_over(state, &mut next);
        if !self.rules.held_up && !next.is_empty() {
            return next;
        }
        self.send(state, &mut next);
        if state.sent() > 0 {
            self.tick(state, &mut next);
            self.arrive(state, &mut next);
            self.answer(state, &mut next);
            self.cut_or_connect(state, &mut next);
            self.wait(state, &mut next);
        }
        next
    }

    fn send(&mut self, state: &State, next: &mut Next) {
        let label = Label(state.sent());
        if label.0 == self.rules.messages {
            return;
        }
        let number = self.rules.numbers.map(|numbers| u16::from(label.0) % numbers);
        let endpoint = Endpoint(u32::from(label.0 % self.rules.endpoints));
        let mut to = state.clone();
        let what = ToSender::Send { data: label.0, number, endpoint };
        let Some(id) = self.react(&mut to, what).took else {
            self.seen.insert("refused");
            return;
        };
        to.outline.ids[label.index()] = Some(id);
        next.push((Action::Send(label), Ok(to)));
    }

    fn hand_over(&mut self, state: &State, next: &mut Next) {
        let mut to = state.clone();
        let reaction = self.react(&mut to, ToSender::HandOver);
        let ended = self.end(&mut to, &reaction);
        let Some((id, attempt, bytes)) = &reaction.handed else {
            if self.sender.state(to.sender).stats().id_waits > 0 {
                self.seen.insert("waits");
            }
            if to != *state {
                next.push((Action::Poll, ended.map(|()| to)));
            }
            return;
        };
        let label = state.label(*id);
        let copy = Copy { of: label, attempt: *attempt as u8, at: state.outline.now };
        self.copies[label.index()] = Some(Rc::clone(bytes));
        let number = |label: Label| self.copies[label.index()].as_deref().map(number_of);
        let mut others = state.outline.copies.iter().filter(|other| other.of != label);
        let reused = others.find(|other| number(other.of) == number(label));
        to.outline.left |= label.bit();
        to.outline.copies.push(copy);
        to.outline.copies.sort_unstable();
        let result = match reused {
            Some(other) => Err(Violation::NumberReused { of: other.of, by: label }),
            None => ended.map(|()| to),
        };
        next.push((Action::HandOver(copy), result));
    }

    fn tick(&mut self, state: &State, next: &mut Next) {
        if self.due(state).is_some_and(|due| due <= state.outline.now) {
            let mut to = state.clone();
            let reaction = self.react(&mut to, ToSender::Tick);
            let ended = self.end(&mut to, &reaction);
            next.push((Action::Tick, ended.map(|()| to)));
        }
    }

    fn arrive(&mut self, state: &State, next: &mut Next) {
        for (index, copy) in state.outline.copies.iter().enumerate() {
            let label = copy.of;
            let bytes = self.copies[label.index()].clone().expect("it was handed over");
            let mut to = state.clone();
            let reception = self.receive(&mut to, ToReceiver::Hear(bytes));
            let outline = &mut to.outline;
            let again = outline.delivered & label.bit() != 0;
            self.seen.insert(match (reception.delivered, again) {
                (Some(data), _) => {
                    assert_eq!(data, label.0, "what is delivered is what arrived");
                    "delivered"
                }
                (None, true) => "repeated",
                (None, false) => "busy",
            });
            let twice = reception.delivered.filter(|_| again);
            if reception.delivered.is_some() {
                outline.delivered |= label.bit();
            }
            if let Some(answer) = reception.said.as_ref().filter(|_| outline.connected) {
                let number = self.answers.iter().position(|known| known == answer);
                let number = number.unwrap_or(self.answers.len());
                if number == self.answers.len() {
                    self.answers.push(Rc::clone(answer));
                }
                outline.answers.push((*copy, number as u8));
                outline.answers.sort_unstable();
            }
            let twice = twice.map(|_| Violation::DeliveredTwice(label));
            if self.rules.copies_repeat {
                next.push((Action::ArriveFirst(*copy), twice.map_or(Ok(to.clone()), Err)));
            }
            to.outline.copies.remove(index);
            next.push((Action::Arrive(*copy), twice.map_or(Ok(to), Err)));
        }
    }

    fn answer(&mut self, state: &State, next: &mut Next) {
        for (index, (copy, number)) in state.outline.answers.iter().enumerate() {
            let bytes = Rc::clone(&self.answers[usize::from(*number)]);
            let mut to = state.clone();
            to.outline.answers.remove(index);
            let reaction = self.react(&mut to, ToSender::Hear(bytes));
            let done = reaction.done.iter().map(|(id, _)| id);
            let mut resolved = reaction.acked.iter().chain(done).map(|id| state.label(*id));
            let result = match resolved.find(|resolved| *resolved != copy.of) {
                Some(resolved) => Err(Violation::WrongAnswer { to: copy.of, resolved }),
                None => self.end(&mut to, &reaction).map(|()| to),
            };
            next.push((Action::Answer(*copy), result));
        }
    }

    fn cut_or_connect(&mut self, state: &State, next: &mut Next) {
        let mut to = state.clone();
        if !state.outline.connected {
            self.connect(&mut to);
            next.push((Action::Connect, Ok(to)));
        } else if state.outline.cuts < self.rules.cuts {
            to.outline.cuts += 1;
            to.outline.connected = false;
            to.outline.answers.clear();
            let reaction = self.react(&mut to, ToSender::Cut);
            let ended = self.end(&mut to, &reaction);
            next.push((Action::Cut, ended.map(|()| to)));
        }
    }

    /// A new connection, on which the two greet each other at once; what was under way on the one before is lost.
    fn connect(&mut self, state: &mut State) {
        state.outline.copies.clear();
        state.outline.connected = true;
        let hello = self.receive(state, ToReceiver::Connect).said.clone();
        let hello = hello.expect("the receiver greets");
        let reaction = self.react(state, ToSender::Connect(hello));
        assert_eq!(reaction.done, []);
        let answer = reaction.greeted.clone().expect("the greeting is answered");
        self.receive(state, ToReceiver::Hear(answer));
    }

    /// Time passes unless a tick has to come first, or nothing can come of it any more.
    fn wait(&mut self, state: &State, next: &mut Next) {
        let due = self.due(state);
        let Outline { now, copies, answers, done, .. } = &state.outline;
        if due.is_some_and(|due| due + self.rules.ticks_late <= *now) {
            return;
        }
        if due.is_none() && copies.is_empty() && answers.is_empty() {
            let mut open = (0..state.sent()).map(Label).filter(|label| done & label.bit() == 0);
            if let Some(open) = open.next() {
                next.push((Action::Wait, Err(Violation::NeverDone(open))));
                return;
            }
            let forgotten = self.receiver.state(state.receiver).remembered() == 0;
            if state.sent() == self.rules.messages || forgotten {
                return;
            }
        }
        let mut to = state.clone();
        let now = now + 1;
        assert!(at(now) < at(0) + self.rules.sender.silence, "nothing lasts for so long");
        to.outline.now = now;
        to.outline.copies.retain(|copy| now < copy.at + self.rules.copies_last);
        to.outline.answers.retain(|(copy, _)| now < copy.at + self.rules.answers_last);
        self.react(&mut to, ToSender::Wait);
        self.receive(&mut to, ToReceiver::Wait);
        next.push((Action::Wait, Ok(to)));
    }

    /// When the sender is to be told the time for the sake of a message.
    fn due(&self, state: &State) -> Option<u8> {
        let session = self.sender.state(state.sender);
        let Deadline { at: due, why: Timer::Message } = session.poll_timeout()? else {
            return None;
        };
        let step = (0..=u8::MAX).find(|step| at(*step) == due);
        Some(step.expect("timers are whole steps"))
    }

    fn react(&mut self, state: &mut State, what: ToSender) -> Rc<Reaction> {
        let key = (state.outline.now, what);
        let step = |sender: &mut Sender, (now, what): &_| ends::react(sender, at(*now), what);
        let (sender, reaction) = self.sender.step(state.sender, key, step);
        state.sender = sender;
        reaction
    }

    fn receive(&mut self, state: &mut State, what: ToReceiver) -> Rc<Reception> {
        let key = (state.outline.now, what);
        let step =
            |receiver: &mut Small<SEEN>, (now, what): &_| ends::receive(receiver, at(*now), what);
        let (receiver, reception) = self.receiver.step(state.receiver, key, step);
        state.receiver = receiver;
        reception
    }

    /// Notes how messages ended.
    fn end(&mut self, state: &mut State, reaction: &Reaction) -> Result<(), Violation> {
        for (id, outcome) in &reaction.done {
            let label = state.label(*id);
            let Outline { left, delivered, done, .. } = &mut state.outline;
            if *done & label.bit() != 0 {
                return Err(Violation::DoneTwice(label));
            }
            *done |= label.bit();
            let (has_left, is_delivered) =
                (*left & label.bit() != 0, *delivered & label.bit() != 0);
            let (name, is_true) = match outcome {
                Outcome::Reached(Stage::Acked) => ("reached", is_delivered),
                Outcome::Unknown(Unknown::Timeout | Unknown::Disconnected) => ("unknown", has_left),
                Outcome::NotSent(NotSent::Deadline | NotSent::Disconnected) => {
                    ("not sent", !has_left)
                }
                _ => ("something else", false),
            };
            self.seen.insert(name);
            if !is_true {
                return Err(Violation::Untrue(label, *outcome));
            }
        }
        Ok(())
    }
}

/// Endpoint and message number.
fn number_of(packet: &[u8]) -> &[u8] {
    &packet[5..11]
}
