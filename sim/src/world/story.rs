//! What became of one command: every packet about it, and what was made of them.

use super::records::Record;
use super::{Options, World};
use crate::Side;
use crate::scenario::{Act, Op, Scenario};
use crate::witness::{Flight, Handed};
use cync_core::{ConfigError, Event, Outcome, Receipt};
use std::time::Duration;

/// Which command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pick {
    /// The nth that was sent, from 1.
    Nth(u64),
    /// The first that failed; if none did, the one that took longest, and the first of those.
    Slowest,
}

/// A packet that was handed over, and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passage {
    /// Who handed it over.
    pub from: Side,
    /// When.
    pub at: Duration,
    /// Which copy of the message it is, from 1; 0 if it is an answer.
    pub attempt: u16,
    /// The packet, as it was handed over.
    pub bytes: Vec<u8>,
    /// It was doubled on its way.
    pub doubled: bool,
    /// When the other side dealt with it: never if it was lost, twice if it was doubled.
    pub arrived: Vec<Duration>,
}

/// Something that happened at one end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Happening {
    /// The application asked the controller's session to send the command.
    Asked(Act),
    /// The controller's session told that the command was received.
    Acked,
    /// It told that the command was executed.
    Executed,
    /// It told the command's end.
    Done(Outcome, Receipt),
    /// The device did what the command says.
    Applied,
}

/// One command from its beginning to its end, and what came after.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Story {
    /// The nth command that was sent, from 1.
    pub nth: u64,
    /// The link on which it was sent.
    pub link: u16,
    /// Every packet about it, in the order in which they were handed over: its copies, the answers to them, the state that the
    /// device announced because of it, and the answers to that.
    pub passages: Vec<Passage>,
    /// What happened besides, and when.
    pub moments: Vec<(Duration, Happening)>,
}

/// Runs a scenario to its end and tells what became of one of its commands; `None` if there was no such command.
///
/// # Errors
/// If the sessions cannot be configured as the scenario says.
pub fn story(
    scenario: &Scenario,
    options: Options,
    pick: Pick,
) -> Result<Option<Story>, ConfigError> {
    let told = |nth| {
        let mut world = World::new(scenario, options, None)?;
        world.teller = Some(Box::new(Teller { nth, ..Teller::default() }));
        // A broken invariant ends the story where it ends the run.
        let _ = world.perform_all(None);
        Ok::<_, ConfigError>(world.teller.take().unwrap_or_default())
    };
    let nth = match pick {
        Pick::Nth(nth) => nth,
        // What is told changes nothing: a second run has the same slowest command.
        Pick::Slowest => match told(0)?.slowest {
            Some((nth, _)) => nth,
            None => return Ok(None),
        },
    };
    Ok(told(nth)?.story)
}

/// Collects the story of one command.
#[derive(Debug, Default)]
pub(super) struct Teller {
    nth: u64,
    /// What the command is called.
    op: u32,
    story: Option<Story>,
    /// So far, and how long it took; `None` if it failed.
    slowest: Option<(u64, Option<u64>)>,
}

impl Teller {
    /// The story, if this is its link and its operation.
    fn of(&mut self, index: usize, op: Option<u32>) -> Option<&mut Story> {
        let (known, story) = (self.op, self.story.as_mut()?);
        (usize::from(story.link) == index && op == Some(known)).then_some(story)
    }

    fn ended(&mut self, record: &Record, outcome: &Outcome, now: u64) {
        let took = now.saturating_sub(record.sent_at.as_micros());
        let took = outcome.is_success().then_some(took);
        let slower = self.slowest.is_none_or(|(_, slowest)| match (slowest, took) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(slowest), Some(took)) => took > slowest,
        });
        if slower {
            self.slowest = Some((record.nth, took));
        }
    }
}

impl World<'_> {
    /// A command was sent.
    pub(super) fn tell_asked(&mut self, op: &Op, nth: u64) {
        let at = Duration::from_micros(self.now);
        let Some(teller) = self.teller.as_mut().filter(|teller| teller.nth == nth) else { return };
        teller.op = op.number;
        let moments = vec![(at, Happening::Asked(op.act))];
        teller.story = Some(Story { nth, link: op.link, passages: Vec::new(), moments });
    }

    /// A session of a controller told something about a message.
    pub(super) fn tell_event(&mut self, index: usize, record: &Record, event: &Event) {
        let now = self.now;
        let Some(teller) = self.teller.as_mut() else { return };
        let happening = match event {
            Event::Acked { .. } => Happening::Acked,
            Event::Executed { .. } => Happening::Executed,
            Event::Done { outcome, receipt, .. } => {
                teller.ended(record, outcome, now);
                Happening::Done(*outcome, *receipt)
            }
            _ => return,
        };
        if let Some(story) = teller.of(index, Some(record.op)) {
            story.moments.push((Duration::from_micros(now), happening));
        }
    }

    /// A device did what a command says.
    pub(super) fn tell_applied(&mut self, index: usize, op: u32) {
        let at = Duration::from_micros(self.now);
        if let Some(story) = self.teller.as_mut().and_then(|teller| teller.of(index, Some(op))) {
            story.moments.push((at, Happening::Applied));
        }
    }

    /// A packet was handed over; it answers that message of the other side.
    pub(super) fn tell_handed(
        &mut self,
        index: usize,
        from: Side,
        (handed, answers): (&Handed, Option<u32>),
        bytes: &[u8],
        doubled: bool,
    ) {
        let op = self.op_of(index, from, handed.message, answers);
        let at = Duration::from_micros(self.now);
        if let Some(story) = self.teller.as_mut().and_then(|teller| teller.of(index, op)) {
            let (attempt, bytes) = (handed.transmit.attempt, bytes.to_vec());
            let arrived = Vec::new();
            story.passages.push(Passage { from, at, attempt, bytes, doubled, arrived });
        }
    }

    /// A packet was dealt with by this side; it answers that message of it.
    pub(super) fn tell_arrived(
        &mut self,
        index: usize,
        to: Side,
        flight: &Flight,
        answers: Option<u32>,
    ) {
        let op = self.op_of(index, to.other(), flight.message, answers);
        let (now, at) = (self.now, flight.handed_at.as_micros());
        let Some(story) = self.teller.as_mut().and_then(|teller| teller.of(index, op)) else {
            return;
        };
        let passage = story.passages.iter_mut().find(|it| {
            it.from == to.other()
                && it.at == Duration::from_micros(at)
                && it.bytes.first() == flight.bytes.first()
                && it.arrived.len() < 1 + usize::from(it.doubled)
        });
        if let Some(passage) = passage {
            passage.arrived.push(Duration::from_micros(now));
        }
    }

    /// What the message is called that a packet is, or answers, if anybody wants to know.
    fn op_of(
        &mut self,
        index: usize,
        from: Side,
        message: Option<u32>,
        answers: Option<u32>,
    ) -> Option<u32> {
        self.teller.as_ref()?.story.as_ref()?;
        let (end, peer) = self.links.get_mut(index)?.both(from);
        let record = match (message, answers) {
            (Some(message), _) => end.records.get(message),
            (None, Some(message)) => peer.records.get(message),
            (None, None) => None,
        };
        record.map(|record| record.op)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Direction, Fault, Label, Place, What};

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn three() -> Scenario {
        let text = "schema = 1\nname = \"three\"\n[workload]\nkind = \"closed\"\ncommands = 3\n";
        Scenario::parse(text).unwrap()
    }

    fn tell(scenario: &Scenario, pick: Pick) -> Story {
        story(scenario, Options::default(), pick).unwrap().unwrap()
    }

    #[test]
    fn without_trouble_there_is_one_copy_and_every_packet_takes_half_the_round_trip() {
        let told = tell(&three(), Pick::Nth(2));
        let begin = told.passages[0].at;
        let half = Duration::from_micros(22_500);
        let seen = told.passages.iter().map(|it| {
            assert_eq!(it.arrived, [it.at + half]);
            (it.from, it.at - begin, it.bytes[0], it.attempt)
        });
        let (device, controller) = (Side::Device, Side::Controller);
        let expected = [
            (controller, Duration::ZERO, 0x73, 1),
            (device, half, 0x7b, 0),
            (device, half, 0x73, 0),
            (device, half, 0x83, 1),
            (controller, 2 * half, 0x88, 0),
        ];
        let mut seen: Vec<_> = seen.collect();
        seen.sort_by_key(|it| (it.1, it.2 != 0x7b, it.2));
        assert_eq!(seen, expected);
        let moments: Vec<_> = told.moments.iter().map(|(at, it)| (*at - begin, it)).collect();
        let [(asked, Happening::Asked(_)), (applied, Happening::Applied), rest @ ..] = &moments[..]
        else {
            panic!("{moments:?}")
        };
        assert_eq!((*asked, *applied), (Duration::ZERO, half));
        assert!(matches!(rest.last(), Some((at, Happening::Done(..))) if *at == 2 * half));
    }

    #[test]
    fn a_copy_that_was_lost_arrives_never_and_a_doubled_one_twice_and_the_slowest_is_found() {
        let mut scenario = three();
        let label = Label { kind: 0x73, frame: 0xf8, number: 2 };
        let copy = |attempt| crate::Copy { link: 0, way: Direction::ToDevice, label, attempt };
        scenario.faults = vec![
            Fault { place: Place::Packet(copy(1)), what: What::Drop },
            Fault { place: Place::Packet(copy(2)), what: What::Duplicate },
        ];
        let told = tell(&scenario, Pick::Slowest);
        assert_eq!((told.nth, &told), (3, &tell(&scenario, Pick::Nth(3))));
        let copies: Vec<_> = told.passages.iter().filter(|it| it.attempt > 0).collect();
        let [first, second, ..] = &copies[..] else { panic!("{copies:?}") };
        assert_eq!((first.attempt, first.arrived.len(), first.doubled), (1, 0, false));
        assert_eq!((second.attempt, second.arrived.len(), second.doubled), (2, 2, true));
        assert!(second.at - first.at >= ms(250));
        let applied = told.moments.iter().filter(|(_, it)| *it == Happening::Applied);
        assert_eq!(applied.count(), 1);
    }

    #[test]
    fn of_a_command_that_was_never_sent_nothing_can_be_told() {
        assert_eq!(story(&three(), Options::default(), Pick::Nth(4)).unwrap(), None);
        assert_eq!(story(&three(), Options::default(), Pick::Nth(0)).unwrap(), None);
    }
}
