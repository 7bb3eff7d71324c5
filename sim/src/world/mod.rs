//! A world in virtual time: controllers, devices, and the links between them, driven by a scenario.
//!
//! Time jumps from one event to the next. Both ends of every link are real sessions under observation
//! ([`crate::witness`]); what the world adds are the drivers, the applications, and whatever goes wrong between them.

mod agenda;
mod app;
mod calm;
mod carry;
mod drive;
mod happen;
mod histogram;
mod link;
mod manners;
mod outcome;
mod pipe;
mod plan;
mod progress;
mod records;
mod seat;
mod seating;
mod stop;
mod story;
mod tap;
mod values;
mod work;

pub use histogram::Histogram;
pub use outcome::{Broken, Counted, Outcome, Recording};
pub use plan::Effects;
pub use progress::{Held, Progress};
pub(crate) use seating::Seating;
pub use stop::Stop;
pub use story::{Happening, Passage, Pick, Story, story};
pub(crate) use tap::Tap;

use crate::chaos::micros;
use crate::scenario::Scenario;
use crate::trace::{Log, Place, Shared, TraceError};
use crate::witness::Witness;
use crate::{Device, Lamps, Side, Violation};
use agenda::{Agenda, NEVER};
use cync_core::wire::MAX_PACKET;
use cync_core::{Config, ConfigError, Instant};
use link::{End, Link};
use manners::Manners;
use outcome::Tally;
use pipe::Pipe;
use plan::Plan;
use progress::Slices;
use records::Records;
use seat::Seat;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;
use story::Teller;
use values::Values;
use work::Working;

/// No command takes so long, nor does a connection.
const STUCK: u64 = 600_000_000;

/// More than can happen at one time, and so much more for each two links of a device: what one makes it do is announced on all.
const MANY: u64 = 100_000;
const MANY_EACH: u64 = 64;

/// What each link has on the agenda.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    ControllerTick,
    DeviceTick,
    ToDevice,
    ToController,
    Dial,
    React,
    Wake,
}

impl Source {
    /// How many places a link has.
    const EACH: usize = 8;

    const fn tick(side: Side) -> Self {
        match side {
            Side::Controller => Self::ControllerTick,
            Side::Device => Self::DeviceTick,
        }
    }

    const fn arrival(side: Side) -> Self {
        match side {
            Side::Controller => Self::ToController,
            Side::Device => Self::ToDevice,
        }
    }

    const fn of(place: usize) -> Option<Self> {
        Some(match place {
            0 => Self::ControllerTick,
            1 => Self::DeviceTick,
            2 => Self::ToDevice,
            3 => Self::ToController,
            4 => Self::Dial,
            5 => Self::React,
            6 => Self::Wake,
            _ => return None,
        })
    }
}

/// How drivers go about it. None of it may change what sessions do.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Manner {
    /// Packet by packet, and what is to be sent before what is to be told.
    #[default]
    Plain,
    /// Sessions are told the time whenever anything happens.
    NeedlessTicks,
    /// Packets are offered in pieces of so many bytes.
    Pieces(u16),
    /// What is to be told goes before what is to be sent.
    EventsFirst,
    /// Whoever knows the time is told an earlier one. Only for runs that are not observed.
    TimeGoesBack,
}

/// How a run is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Check all invariants.
    pub watched: bool,
    /// Write down everything that was drawn, so that the run can be repeated without drawing.
    pub record: bool,
    /// How drivers go about it.
    pub manner: Manner,
    /// Once this is true the run ends where it is.
    pub stop: Stop,
}

impl Default for Options {
    /// All invariants, and no record.
    fn default() -> Self {
        Self { watched: true, record: false, manner: Manner::Plain, stop: Stop(None) }
    }
}

/// Everything there is.
#[derive(Debug)]
pub struct World<'t> {
    scenario: Scenario,
    options: Options,
    now: u64,
    links: Vec<Link<'t>>,
    devices: Vec<Lamps>,
    values: Values,
    agenda: Agenda,
    plan: Plan,
    tap: Tap,
    working: Working,
    tally: Tally,
    /// Of the commands that show whether everything still works in the end.
    trials: Tally,
    /// How long a packet travels, one way.
    transit: u64,
    seating: Seating,
    out: Vec<u8>,
    /// Buffers of packets that have arrived.
    spare: Vec<Vec<u8>>,
    /// Nothing but signs of life may be handed over.
    quiet: bool,
    /// Somebody wanted it to end before its end.
    stopped: bool,
    /// How much has happened at this time.
    steps: u64,
    /// When a command was sent, or ended, last.
    progress: u64,
    /// What every call of a session is written to, if it is.
    trace: Option<Shared<'t>>,
    /// Somebody wants to know what becomes of one command.
    teller: Option<Box<Teller>>,
}

/// Runs a scenario to its end.
///
/// # Errors
/// If its sessions cannot be configured as it says; [`Scenario::parse`] refuses such a scenario.
pub fn run(scenario: &Scenario, options: Options) -> Result<Outcome, ConfigError> {
    Ok(World::new(scenario, options, None)?.run(None))
}

/// As [`run`], and says how it goes at every multiple of `every`, and once more at the end, when everything has come to
/// rest. What is said changes nothing: the outcome is that of [`run`].
///
/// # Errors
/// As [`run`].
pub fn run_observed(
    scenario: &Scenario,
    options: Options,
    every: Duration,
    observer: &mut dyn FnMut(&Progress),
) -> Result<Outcome, ConfigError> {
    let slices = Slices::new(every, observer);
    Ok(World::new(scenario, options, None)?.run(Some(slices)))
}

/// As [`run`], and writes everything that goes into sessions and comes out of them to `trace`, line by line (see
/// [`crate::trace`]).
///
/// # Errors
/// If the sessions cannot be configured as the scenario says, if it cannot be told in a trace, or if that cannot be written.
pub fn run_traced(
    scenario: &Scenario,
    options: Options,
    trace: &mut dyn Write,
) -> Result<Outcome, TraceError> {
    let text = scenario.to_toml();
    let read = Scenario::parse(&text).map_err(|error| TraceError::Scenario(error.to_string()))?;
    if read != *scenario {
        return Err(TraceError::Scenario("its times are no whole microseconds".into()));
    }
    let log = Rc::new(RefCell::new(Log::new(trace, &text)));
    let outcome = World::new(scenario, options, Some(Rc::clone(&log)))?.run(None);
    let broken = outcome.broken.as_ref().map(|broken| broken.violation.to_string());
    log.borrow_mut().end(outcome.hash, broken)?;
    Ok(outcome)
}

impl<'t> World<'t> {
    fn new(
        scenario: &Scenario,
        options: Options,
        trace: Option<Shared<'t>>,
    ) -> Result<Self, ConfigError> {
        let topology = scenario.topology;
        let (controllers, devices) = (topology.controllers.max(1), topology.devices.max(1));
        let count = usize::from(controllers) * usize::from(devices);
        let lamps = topology.lamps.max(1);
        let new_lamps = || (1..=lamps).map(Device::new);
        let mut world = Self {
            scenario: scenario.clone(),
            options,
            now: 0,
            links: Vec::with_capacity(count),
            devices: (0..devices).map(|_| Lamps::new(new_lamps())).collect(),
            values: Values::new(devices, lamps),
            agenda: Agenda::new(count * Source::EACH + 2),
            plan: Plan::new(scenario, options.record),
            tap: Tap::new(),
            working: Working::new(scenario, options.record),
            tally: Tally::default(),
            trials: Tally::default(),
            transit: micros(topology.round_trip) / 2,
            seating: Seating::new(scenario)?,
            trace,
            teller: None,
            out: vec![0; MAX_PACKET],
            spare: Vec::new(),
            quiet: false,
            stopped: false,
            steps: 0,
            progress: 0,
        };
        for link in 0..count {
            let controller = world.new_end(link, Side::Controller, 0, 0)?;
            let device = world.new_end(link, Side::Device, 0, 0)?;
            world.links.push(Link {
                controller,
                device,
                epoch: 0,
                dialling: None,
                partitioned_until: 0,
                refusing_until: 0,
                off_until: 0,
                forgets: false,
                life: 0,
                reactions: VecDeque::new(),
                waiting: VecDeque::new(),
            });
        }
        Ok(world)
    }

    fn new_end(
        &self,
        link: usize,
        side: Side,
        life: u32,
        accepted: u32,
    ) -> Result<End<'t>, ConfigError> {
        let (size, config, seed) = self.seating.of(link, side, life);
        let mut witness = Witness::succeeding(size, config, seed, accepted)?;
        if !self.options.watched {
            witness.unwatch();
        }
        let place = self.place(link, side);
        let mut witness = match &self.trace {
            Some(log) => Seat::traced(witness, Rc::clone(log), place, life),
            None => Seat::new(witness),
        };
        if self.options.manner == Manner::TimeGoesBack {
            witness.mislead();
        }
        Ok(End {
            witness,
            records: Records::starting_at(accepted),
            pipe: Pipe::default(),
            epoch: None,
            dials: side == self.scenario.topology.dials,
            stalled: false,
            ticks: 0,
            tick: None,
            early_at: None,
            writable: false,
            readable: false,
            deaf_until: 0,
            slow_until: 0,
            silent_until: 0,
            others: 0,
            manners: Manners::default(),
            congested: false,
        })
    }

    const fn config(&self, side: Side) -> &Config {
        self.seating.config(side)
    }

    const fn time(&self) -> Instant {
        Instant::from_micros(self.now)
    }

    /// An end, now.
    const fn place(&self, index: usize, side: Side) -> Place {
        Place { time: self.now, link: index as u16, side }
    }

    fn set(&mut self, link: usize, source: Source, time: u64) {
        self.agenda.set(link * Source::EACH + source as usize, time);
    }

    fn timed_source(&self) -> usize {
        self.links.len() * Source::EACH
    }

    /// Performs the scenario, then checks what must hold once the faults have stopped.
    fn run(mut self, slices: Option<Slices<'_>>) -> Outcome {
        let broken = self.perform_all(slices);
        self.outcome(broken)
    }

    fn perform_all(&mut self, mut slices: Option<Slices<'_>>) -> Option<Broken> {
        let broken = match self.perform(slices.as_mut()) {
            Ok(()) if self.stopped => None,
            Ok(()) => self.calm_down().err(),
            Err(violation) => Some(violation),
        };
        if let Some(slices) = slices {
            slices.end(self);
        }
        broken.map(|violation| Broken { violation, at: Duration::from_micros(self.now) })
    }

    fn perform(&mut self, mut slices: Option<&mut Slices<'_>>) -> Result<(), Violation> {
        let now = self.time();
        for index in 0..self.links.len() {
            for side in Side::BOTH {
                let end = self.links[index].end(side);
                if end.dials {
                    end.witness.connect(now);
                }
                self.drive(index, side)?;
            }
        }
        self.schedule_timed();
        self.schedule_work();
        let until = self.scenario.duration.map_or(NEVER, micros);
        while !self.work_is_done() {
            if self.options.stop.is_set() {
                self.stopped = true;
                break;
            }
            if let Some(slices) = &mut slices {
                slices.pass(self, until);
            }
            if !self.step(until)? || self.is_stuck() {
                break;
            }
        }
        Ok(())
    }

    /// Nothing has come of the work for so long that nothing will.
    fn is_stuck(&self) -> bool {
        let waits = self.working.open > 0 && self.agenda.time(self.timed_source() + 1) == NEVER;
        waits && self.now.saturating_sub(self.progress) > STUCK
    }

    /// The next event; whether there was one up to that time. If not, it is that time.
    fn step(&mut self, until: u64) -> Result<bool, Violation> {
        let (due, source) = self.agenda.first();
        // What was held up is due at once when it is not any more.
        let time = due.max(self.now);
        if time > until || time == NEVER {
            self.now = if until == NEVER { self.now } else { until };
            return Ok(false);
        }
        self.steps = if time > self.now { 0 } else { self.steps + 1 };
        let (links, controllers) = (self.links.len() as u64, self.scenario.topology.controllers);
        if self.steps > MANY + MANY_EACH * links * u64::from(controllers) {
            return Err(Violation::new("L3", "the world does not fall silent".into()));
        }
        self.now = time;
        let (index, place) = (source / Source::EACH, source % Source::EACH);
        if index == self.links.len() {
            self.agenda.set(source, NEVER);
            if place == 0 {
                self.happen()?
            } else {
                self.go_to_work()?
            }
            return Ok(true);
        }
        match Source::of(place) {
            Some(Source::ControllerTick) => self.tick(index, Side::Controller)?,
            Some(Source::DeviceTick) => self.tick(index, Side::Device)?,
            Some(Source::ToDevice) => self.arrive(index, Side::Device)?,
            Some(Source::ToController) => self.arrive(index, Side::Controller)?,
            Some(Source::Dial) => self.dialled(index)?,
            Some(Source::React) => self.react_later(index)?,
            Some(Source::Wake) => self.wake(index)?,
            None => self.agenda.set(source, NEVER),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChaosConfig;
    use crate::scenario::{Phase, Work, Workload};

    fn closed(workers: u8, commands: u64, chaos: ChaosConfig) -> Scenario {
        let mut scenario = Scenario { seed: 1, ..Scenario::default() };
        scenario.topology.lamps = workers;
        scenario.work =
            Work { workload: Some(Workload::Closed { workers }), commands, ..Work::default() };
        let back = ChaosConfig {
            latency: Duration::ZERO,
            latency_variance: Duration::ZERO,
            ..chaos.clone()
        };
        scenario.chaos = vec![Phase { after_commands: 0, to_device: chaos, from_device: back }];
        scenario
    }

    #[test]
    fn a_device_that_tells_hundreds_at_one_time_falls_silent_all_the_same() {
        let mut scenario = Scenario::parse(
            "schema = 1\nname = \"\"\n[topology]\ncontrollers = 500\n[config]\nsize = \"compact\"\nwindow = 2\n\
             queue_limit = 8\ncounters = 2\nid_window = 4\ninbox_states_limit = 8\ninbox_messages_limit = 8\n\
             [workload]\nkind = \"group\"\ncommands = 500\n",
        )
        .unwrap();
        scenario.duration = Some(Duration::from_millis(200));
        let outcome = run(&scenario, Options { watched: false, ..Options::default() }).unwrap();
        assert_eq!((outcome.broken, outcome.commands), (None, 500));
    }

    #[test]
    fn at_any_loss_every_command_is_done_and_a_run_repeats() {
        for workers in [1, 10] {
            for loss in ["0", "5%", "20%"] {
                let rate = loss.parse().unwrap();
                let chaos = ChaosConfig { packet_loss_rate: rate, ..ChaosConfig::default() };
                let scenario = closed(workers, 500, chaos);
                let outcome = run(&scenario, Options::default()).unwrap();
                assert_eq!(outcome.broken, None);
                assert_eq!(outcome.reached, outcome.commands);
                assert_eq!(run(&scenario, Options::default()).unwrap(), outcome);
            }
        }
    }
}
