//! The work: what controllers are asked to send, and when.

use super::agenda::NEVER;
use super::app::command;
use super::records::Record;
use super::{Source, World};
use crate::chaos::{below, micros};
use crate::scenario::{Act, Op, Scenario, Set, Work, Workload};
use crate::witness::{Asked, What};
use crate::{Side, Violation};
use cync_core::wire::{Endpoint, PacketType};
use cync_core::{Outcome, Receipt, SendError, Stage, mix};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// The work begins when every link is ready, or after this long.
const PATIENCE: u64 = 10_000_000;
/// How often it is looked whether they are.
const LOOK: u64 = 1_000;
/// A worker whose link is not ready waits so long before its next command.
const PAUSE: u64 = 100_000;
/// Commands that wait for room on a link, at most; a further one fails.
const WAITING: usize = 4096;

/// The endpoint in a packet that is relayed.
const ELSEWHERE: Endpoint = Endpoint(0x2000_0000);

/// Why a command is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Why {
    /// The scenario asks for it.
    Asked,
    /// There was no room for it before.
    Waited,
    /// To see whether everything still works: it is no command of the scenario, and nothing that is told counts it.
    Trial,
}

/// How far the work is.
#[derive(Debug)]
pub(super) struct Working {
    work: Work,
    /// Things to do at a time, the next one first.
    ops: VecDeque<Op>,
    /// The first number that none of them has: those of the workload's commands begin here.
    numbers: u32,
    /// The numbers of all of them: nobody waits for these.
    explicit: BTreeSet<u32>,
    issued: u64,
    /// Commands that were sent and have not ended, or wait for room.
    pub(super) open: u64,
    began: Option<u64>,
    /// When the next command is due that comes by itself.
    next: u64,
    /// Workers who can go on, and from when: by time, then link and lamp.
    idle: BTreeMap<(u64, usize, u8), ()>,
    /// Commands of each worker, so that it alternates.
    turns: Vec<u32>,
    recorded: Option<Vec<Op>>,
    /// Messages of explicit commands, so that they can be cancelled.
    ids: BTreeMap<u32, cync_core::MessageId>,
}

impl Working {
    pub(super) fn new(scenario: &Scenario, record: bool) -> Self {
        let mut ops = scenario.work.ops.clone();
        ops.sort_by_key(|op| op.at);
        Self {
            work: scenario.work.clone(),
            numbers: ops.iter().map(|op| op.number.saturating_add(1)).max().unwrap_or(0),
            explicit: ops.iter().map(|op| op.number).collect(),
            ops: ops.into(),
            issued: 0,
            open: 0,
            began: None,
            next: 0,
            idle: BTreeMap::new(),
            turns: Vec::new(),
            recorded: record.then(Vec::new),
            ids: BTreeMap::new(),
        }
    }

    /// Nothing more is done.
    pub(super) fn end(&mut self) {
        self.ops.clear();
        self.issued = self.work.commands;
    }

    pub(super) fn take_recorded(&mut self) -> Vec<Op> {
        self.recorded.take().unwrap_or_default()
    }
}

impl World<'_> {
    pub(super) fn work_is_done(&self) -> bool {
        let working = &self.working;
        let all = working.work.workload.is_none() || working.issued >= working.work.commands;
        all && working.open == 0 && working.ops.is_empty() && self.scenario.duration.is_none()
    }

    pub(super) fn schedule_work(&mut self) {
        let working = &self.working;
        let op = working.ops.front().map_or(NEVER, |op| micros(op.at));
        let more = working.work.workload.is_some() && working.issued < working.work.commands;
        let next = match working.began {
            _ if !more => NEVER,
            None => working.next,
            Some(_) => {
                let idle = working.idle.first_key_value().map_or(NEVER, |((at, ..), ())| *at);
                working.next.min(idle)
            }
        };
        let source = self.timed_source() + 1;
        self.agenda.set(source, op.min(next).max(self.now));
    }

    /// Does what is due.
    pub(super) fn go_to_work(&mut self) -> Result<(), Violation> {
        let now = self.now;
        while let Some(op) = self.working.ops.pop_front_if(|op| micros(op.at) <= now) {
            self.perform_op(op)?;
        }
        if self.working.work.workload.is_some() {
            self.work_on()?;
        }
        self.schedule_work();
        Ok(())
    }

    fn work_on(&mut self) -> Result<(), Violation> {
        let now = self.now;
        let Some(workload) = self.working.work.workload else { return Ok(()) };
        if self.working.began.is_none() {
            if now < PATIENCE && !self.all_ready() {
                self.working.next = now + LOOK;
                return Ok(());
            }
            self.begin(workload);
        }
        while let Some(((at, link, lamp), ())) = self.working.idle.pop_first() {
            if at > now {
                self.working.idle.insert((at, link, lamp), ());
                break;
            }
            self.send_turn(link, lamp)?;
        }
        if self.working.next > now {
            return Ok(());
        }
        let links = self.links.len() as u64;
        match workload {
            Workload::Closed { .. } => self.working.next = NEVER,
            Workload::Group => {
                self.working.next = NEVER;
                let count = self.links.len();
                (0..count).try_for_each(|link| self.send_turn(link, 1))?;
            }
            Workload::Steady { every } => {
                self.working.next = now.saturating_add(micros(every).max(1));
                let link = self.working.issued % links;
                self.send_turn(link as usize, 1)?;
            }
            Workload::Burst { size, every } => {
                self.working.next = now.saturating_add(micros(every).max(1));
                for _ in 0..size {
                    let link = self.working.issued % links;
                    let lamps = u64::from(self.scenario.topology.lamps.max(1));
                    let lamp = 1 + self.working.issued / links % lamps;
                    self.send_turn(link as usize, lamp as u8)?;
                }
            }
            Workload::Random { gap } => {
                let bits = mix(mix(self.scenario.seed ^ 0x776f_726b) ^ self.working.issued);
                let wait = below(mix(bits ^ 1), micros(gap).max(1));
                self.working.next = now.saturating_add(1).saturating_add(wait);
                self.send_random(bits)?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, workload: Workload) {
        let now = self.now;
        self.working.began = Some(now);
        self.working.next = now;
        let lamps = usize::from(self.scenario.topology.lamps.max(1));
        self.working.turns = vec![0; self.links.len() * (lamps + 1)];
        if let Workload::Closed { workers } = workload {
            for link in 0..self.links.len() {
                for lamp in 1..=workers.max(1) {
                    self.working.idle.insert((now, link, lamp), ());
                }
            }
        }
    }

    fn all_ready(&self) -> bool {
        let ready = cync_core::State::Ready;
        self.links.iter().all(|link| {
            link.controller.witness.session().state() == ready
                && link.device.witness.session().state() == ready
        })
    }

    /// The next command of whoever cares for this lamp: on, off, on, ...
    fn send_turn(&mut self, link: usize, lamp: u8) -> Result<(), Violation> {
        let lamps = usize::from(self.scenario.topology.lamps.max(1)) + 1;
        let turn = self.working.turns.get_mut(link * lamps + usize::from(lamp));
        let on = turn.is_none_or(|turn| {
            *turn += 1;
            *turn % 2 == 1
        });
        self.send_next(link, lamp, Set::Power(on))
    }

    fn send_random(&mut self, bits: u64) -> Result<(), Violation> {
        let link = below(mix(bits ^ 2), self.links.len() as u64) as usize;
        let lamp = 1 + below(mix(bits ^ 3), self.scenario.topology.lamps.max(1).into()) as u8;
        let value = below(mix(bits ^ 5), 101) as u8;
        let set = match below(mix(bits ^ 4), 8) {
            0..=3 => Set::Power(value % 2 == 1),
            4 | 5 => Set::Brightness(value),
            6 => Set::Temperature(value),
            _ => Set::Rgb([value, 100 - value, 7]),
        };
        self.send_next(link, lamp, set)
    }

    fn send_next(&mut self, link: usize, lamp: u8, set: Set) -> Result<(), Violation> {
        if self.working.issued >= self.working.work.commands {
            return Ok(());
        }
        let number = self.working.numbers.wrapping_add(self.working.issued as u32);
        let until = self.working.work.until.unwrap_or(Stage::Acked);
        let act = Act::Send { lamp, set, until, once: false, deadline: None };
        let at = Duration::from_micros(self.now);
        self.working.issued += 1;
        self.perform_op(Op { number, at, link: link as u16, act })
    }

    fn perform_op(&mut self, op: Op) -> Result<(), Violation> {
        if let Some(recorded) = &mut self.working.recorded {
            recorded.push(op);
        }
        let index = usize::from(op.link);
        if index >= self.links.len() {
            return Ok(());
        }
        let time = self.time();
        match op.act {
            Act::Send { .. } => return self.send(op, Why::Asked),
            Act::Cancel(number) => {
                if let Some(id) = self.working.ids.get(&number).copied() {
                    let witness = &mut self.links[index].controller.witness;
                    // `cancel` is not told the time.
                    witness.timeout(time)?;
                    witness.cancel(time, id)?;
                    self.drive(index, Side::Controller)?;
                }
            }
            Act::Ping => {
                let _ = self.links[index].controller.witness.ping(time);
                self.drive(index, Side::Controller)?;
            }
            Act::Announce | Act::Info(_) if self.now < self.links[index].off_until => {}
            Act::Announce => {
                self.announce_now(index, op.number)?;
                self.drive(index, Side::Device)?;
            }
            Act::Info(len) => {
                let payload = vec![0x11; len.into()];
                let asked = Asked::new(What::Raw(PacketType::DeviceInfo, payload));
                self.post(index, (op.number, 0), &asked)?;
                self.drive(index, Side::Device)?;
            }
        }
        Ok(())
    }

    /// Every link's controller sends a command, to see whether everything still works.
    pub(super) fn try_every_link(&mut self) -> Result<(), Violation> {
        let (until, set) = (Stage::Executed, Set::Power(true));
        let act = Act::Send { lamp: 1, set, until, once: false, deadline: None };
        let at = Duration::from_micros(self.now);
        (0..self.links.len()).try_for_each(|link| {
            let number = u32::MAX - link as u32;
            self.send(Op { number, at, link: link as u16, act }, Why::Trial)
        })
    }

    /// The controller sends a command.
    fn send(&mut self, op: Op, why: Why) -> Result<(), Violation> {
        let Act::Send { lamp, set, until, once, deadline } = op.act else { return Ok(()) };
        let (index, time) = (usize::from(op.link), self.time());
        let what = command(lamp, set).map_or(What::Probe, What::Command);
        let until = if set == Set::Probe { None } else { Some(until) };
        let endpoint = matches!(set, Set::Relayed(_)).then_some(ELSEWHERE);
        let asked = Asked { until, once, deadline, endpoint, ..Asked::new(what) };
        self.progress = self.now;
        if why == Why::Asked {
            self.tally.commands += 1;
            self.working.open += 1;
            self.plan.advance(self.tally.commands);
        }
        match self.links[index].controller.witness.send(time, &asked)? {
            Ok((id, _)) => {
                self.tally.sent += 1;
                let nth = self.tally.sent;
                let is_trial = why == Why::Trial;
                if !is_trial {
                    self.tell_asked(&op, nth);
                }
                if op.number < self.working.numbers {
                    self.working.ids.insert(op.number, id);
                }
                let command = Some((lamp, set));
                let mut record = Record::new(op.number, nth, command, time);
                (record.once, record.is_trial) = (once, is_trial);
                let records = &mut self.links[index].controller.records;
                records.push(record, |oldest| oldest.is_settled(time));
                self.drive(index, Side::Controller)?;
            }
            // Whoever asked for it sees that it never came to anything.
            Err(_) if why == Why::Trial => {}
            Err(SendError::Full) if self.links[index].waiting.len() < WAITING => {
                self.links[index].waiting.push_back(op);
            }
            Err(_) => {
                self.tally.refused();
                self.command_over(index, (op.number, lamp), self.now + PAUSE);
            }
        }
        Ok(())
    }

    /// There is room again.
    pub(super) fn send_waiting(&mut self, index: usize) -> Result<(), Violation> {
        for _ in 0..self.links[index].waiting.len() {
            let Some(op) = self.links[index].waiting.pop_front() else { return Ok(()) };
            self.send(op, Why::Waited)?;
            if self.links[index].waiting.back() == Some(&op) {
                // There is no room any more; it was the first, and stays it.
                self.links[index].waiting.rotate_right(1);
                return Ok(());
            }
        }
        Ok(())
    }

    /// A command has ended.
    pub(super) fn command_ended(
        &mut self,
        index: usize,
        record: &Record,
        outcome: &Outcome,
        receipt: &Receipt,
        now: u64,
    ) {
        let Some((lamp, set)) = record.command else { return };
        let device = index % self.devices.len();
        self.values.ended(device, (lamp, set), record.nth, outcome, receipt.stage);
        if record.is_trial {
            self.trials.ended(record, outcome, now);
            return;
        }
        self.tally.ended(record, outcome, now);
        self.command_over(index, (record.op, lamp), now);
    }

    fn command_over(&mut self, index: usize, (number, lamp): (u32, u8), next: u64) {
        self.working.open = self.working.open.saturating_sub(1);
        self.progress = self.now;
        match self.working.work.workload {
            Some(Workload::Closed { .. }) if !self.working.explicit.contains(&number) => {
                self.working.idle.insert((next, index, lamp), ());
            }
            Some(Workload::Group) if self.working.open == 0 => self.working.next = next,
            _ => {}
        }
        self.schedule_work();
    }

    /// Wakes whoever waits for something that has just been changed from outside.
    pub(super) fn wake_all(&mut self) {
        for index in 0..self.links.len() {
            self.set(index, Source::Wake, self.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Scenario;
    use crate::world::{Options, Outcome, run};

    const AGE: &str = "18446744073709551.615";

    fn outcome(text: &str) -> Outcome {
        let scenario = Scenario::parse(&format!("schema = 1\nname = \"\"\n{text}")).unwrap();
        let outcome = run(&scenario, Options::default()).unwrap();
        assert_eq!(outcome.broken, None);
        outcome
    }

    #[test]
    fn of_commands_that_are_an_age_apart_one_is_sent() {
        for (kind, field) in [("steady", "every_ms"), ("random", "gap_ms")] {
            let run = outcome(&format!(
                "duration_ms = 9000\n[workload]\nkind = \"{kind}\"\n{field} = {AGE}\ncommands = 9\n"
            ));
            assert_eq!((run.commands, run.reached), (1, 1), "{kind}");
        }
    }

    #[test]
    fn a_packet_that_travels_for_an_age_is_lost() {
        let op =
            "[[op]]\nact = \"power\"\non = true\nnumber = 0\nat_ms = 1000\nuntil = \"executed\"\n";
        let fault = |kind| {
            let place = "way = \"to-device\"\npacket = 0x73\nframe = 0xf8";
            format!("{op}[[fault]]\nkind = \"{kind}\"\n{place}\nfor_ms = {AGE}\n")
        };
        for kind in ["delay", "reorder", "coalesce"] {
            let run = outcome(&fault(kind));
            assert_eq!((run.effects.of(crate::FaultKind::Drop), run.repeated), (1, 1), "{kind}");
        }
    }

    #[test]
    fn the_command_that_shows_that_everything_works_in_the_end_is_neither_counted_nor_judged() {
        let text = "[config]\nmax_attempts = 1\n[workload]\nkind = \"group\"\ncommands = 1\n\
                    [chaos]\ndrop_pattern = [1]\n";
        let run = outcome(text);
        assert_eq!((run.commands, run.reached, run.unknown), (1, 0, 1));
        assert_eq!((run.first, run.repeated, run.executed), (1, 0, 0));
        assert_eq!(run.latency.permille(1), None);
        let success = "1%".parse().ok();
        let limits = crate::scenario::Limits { success, ..Default::default() };
        assert_eq!(limits.missed(&run).len(), 1);
    }

    #[test]
    fn what_waits_for_room_when_the_faults_stop_comes_before_later_commands() {
        let run = outcome(
            "duration_ms = 1000\n[topology]\nlamps = 254\nround_trip_ms = 400\n[config]\nwindow = 1\n\
             [workload]\nkind = \"burst\"\nsize = 3000\nevery_ms = 100\ncommands = 3000\n",
        );
        let ended = run.reached + run.not_sent + run.unknown + run.refused;
        assert_eq!((run.commands, ended), (3_000, 3_000));
    }

    #[test]
    fn a_round_trip_that_no_timer_knows_makes_copies_needless_and_breaks_nothing() {
        let run = outcome(
            "[topology]\nround_trip_ms = 2500\n[config]\ncopy_lifetime_ms = 9000\ndeadline_ms = 9000\n\
             [workload]\nkind = \"group\"\ncommands = 1\nuntil = \"sent\"\n",
        );
        assert_eq!((run.commands, run.reached), (1, 1));
    }

    #[test]
    fn an_operation_that_ends_makes_no_further_worker() {
        let work = "[topology]\nlamps = 2\n[workload]\nkind = \"closed\"\ncommands = 200\n";
        let op = |number, lamp| {
            format!(
                "[[op]]\nact = \"power\"\non = true\nnumber = {number}\nlamp = {lamp}\nat_ms = 1000\n"
            )
        };
        let alone = outcome(work);
        assert_eq!(alone.commands, 200);
        let besides = outcome(&format!("{work}{}{}", op(0, 1), op(1, 2)));
        assert_eq!((alone.commands + 2, alone.time), (besides.commands, besides.time));
    }
}
