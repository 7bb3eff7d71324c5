//! The two sessions, and what each of them does when something happens to it.

use cync_core::wire::{Endpoint, MAX_PACKET};
use cync_core::{Config, Disconnect, Event, Instant, MessageId, Outcome, Request, Session};
use std::rc::Rc;
use std::time::Duration;

/// Time passes in steps of a second.
pub(crate) const STEP: Duration = Duration::from_secs(1);

/// The instant after so many steps.
pub(crate) fn at(step: u8) -> Instant {
    Instant::ZERO + STEP * u32::from(step)
}

/// The smallest session that four messages fit in, and that remembers `SEEN`.
pub(crate) type Small<const SEEN: usize> = Session<4, SEEN, 64>;
/// The side that sends, and is greeted.
pub(crate) type Sender = Small<4>;

/// A packet.
pub(crate) type Bytes = Rc<[u8]>;

/// What happens to the sender.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum ToSender {
    /// The application sends a message.
    Send { data: u8, number: Option<u16>, endpoint: Endpoint },
    /// The connection takes a packet.
    HandOver,
    /// The driver says that a deadline has come.
    Tick,
    /// Time passes.
    Wait,
    /// A packet arrives.
    Hear(Bytes),
    /// There is a connection, and this greeting on it.
    Connect(Bytes),
    /// The connection is gone.
    Cut,
}

/// What the sender does.
#[derive(Default, Debug)]
pub(crate) struct Reaction {
    /// It took the message.
    pub(crate) took: Option<MessageId>,
    /// It handed over a copy: of which message, which one, and its bytes.
    pub(crate) handed: Option<(MessageId, u16, Bytes)>,
    /// It answered the greeting.
    pub(crate) greeted: Option<Bytes>,
    /// These are acknowledged.
    pub(crate) acked: Vec<MessageId>,
    /// These are done.
    pub(crate) done: Vec<(MessageId, Outcome)>,
}

/// One step of the sender.
pub(crate) fn react(sender: &mut Sender, now: Instant, what: &ToSender) -> Reaction {
    let mut reaction = Reaction::default();
    match what {
        ToSender::Send { data, number, endpoint } => {
            let data = [*data];
            let request = Request::frame(0x99, &data).endpoint(*endpoint);
            let request = number.map_or(request, |number| request.msg_id(number));
            reaction.took = sender.send(now, request).ok();
        }
        ToSender::HandOver => {
            reaction.handed = packet(sender, now).map(|(id, attempt, bytes)| {
                (id.expect("the sender owes nothing but messages"), attempt, bytes)
            });
        }
        ToSender::Tick => {
            sender.handle_timeout(now);
            let next = sender.poll_timeout();
            assert!(next.is_none_or(|next| next.at > now), "{next:?} at {now:?}");
        }
        ToSender::Wait => {
            sender.purge(now);
        }
        ToSender::Hear(bytes) => assert_eq!(sender.handle_input(now, bytes), bytes.len()),
        ToSender::Connect(hello) => {
            sender.handle_connected(now);
            assert_eq!(sender.handle_input(now, hello), hello.len());
            reaction.greeted = packet(sender, now).map(|(_, _, bytes)| bytes);
        }
        ToSender::Cut => sender.handle_disconnected(now, Disconnect::Error),
    }
    while let Some(event) = sender.poll_event() {
        match event {
            Event::Acked { id } => reaction.acked.push(id),
            Event::Done { id, outcome, .. } => reaction.done.push((id, outcome)),
            _ => {}
        }
    }
    let (open, stats) = (sender.queued() + sender.in_flight(), sender.stats());
    let ended = stats.reached + stats.nacked + stats.not_sent.total() + stats.unknown.total();
    assert_eq!(stats.messages_sent, ended + open as u64);
    reaction
}

/// What happens to the receiver.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum ToReceiver {
    /// Time passes.
    Wait,
    /// A packet arrives.
    Hear(Bytes),
    /// There is a connection.
    Connect,
}

/// What the receiver does.
#[derive(Default, Debug)]
pub(crate) struct Reception {
    /// The data of the message that it delivered.
    pub(crate) delivered: Option<u8>,
    /// What it said.
    pub(crate) said: Option<Bytes>,
}

/// One step of the receiver, whose application takes everything at once.
pub(crate) fn receive<const SEEN: usize>(
    receiver: &mut Small<SEEN>,
    now: Instant,
    what: &ToReceiver,
) -> Reception {
    match what {
        ToReceiver::Wait => {
            receiver.purge(now);
        }
        ToReceiver::Hear(bytes) => assert_eq!(receiver.handle_input(now, bytes), bytes.len()),
        ToReceiver::Connect => receiver.handle_connected(now),
    }
    let delivered = receiver.recv(now).map(|delivery| delivery.data[0]);
    assert_eq!(receiver.recv(now), None);
    while receiver.poll_event().is_some() {}
    let said = packet(receiver, now).map(|(_, _, bytes)| bytes);
    assert_eq!(packet(receiver, now), None);
    Reception { delivered, said }
}

fn packet<const SEEN: usize>(
    session: &mut Small<SEEN>,
    now: Instant,
) -> Option<(Option<MessageId>, u16, Bytes)> {
    let mut out = [0; MAX_PACKET];
    let transmit = session.poll_transmit(now, &mut out).expect("room for any packet")?;
    Some((transmit.id, transmit.attempt, out[..transmit.len].into()))
}

/// Two sessions that have never been connected.
pub(crate) fn new<const SEEN: usize>(sender: Config, receiver: Config) -> (Sender, Small<SEEN>) {
    let sender = Session::new(sender, 1).expect("the sender's configuration is right");
    let receiver = Session::new(receiver, 2).expect("the receiver's configuration is right");
    (sender, receiver)
}
