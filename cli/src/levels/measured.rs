//! What all files together say.

use super::packets::{Message, Packets};
use super::record::{Command, End, P99, Record, Run};
use cync_sim::world::Histogram;

/// So many of so many.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Share {
    pub(super) count: u64,
    pub(super) of: u64,
}

impl Share {
    const fn add(&mut self, count: u64, of: u64) {
        self.count = self.count.saturating_add(count);
        self.of = self.of.saturating_add(of);
    }

    /// In millionths, rounded to the nearest; `None` of nothing.
    pub(super) fn ppm(self) -> Option<u64> {
        let of = u128::from(self.of);
        let nearest = (u128::from(self.count) * 1_000_000 + of / 2).checked_div(of)?;
        u64::try_from(nearest).ok()
    }
}

/// Everything that was measured, in bounded memory.
#[derive(Default)]
pub(super) struct Measured {
    /// Records that say something about a level.
    pub(super) records: u64,
    /// Commands that reached their stage, of all that ended.
    pub(super) success: Share,
    latency: Histogram,
    /// Commands that took longer than allowed, counted exactly.
    slow: u64,
    limit: u64,
    /// The worst of the runs that give no time of each command.
    runs: P99,
    pub(super) repeated: Share,
    pub(super) spurious: Share,
    pub(super) decode_errors: Option<u64>,
    pub(super) queue_full: Share,
    pub(super) applied_twice: Option<u64>,
}

impl Measured {
    /// `limit` is how long 99 % of the commands may take, in microseconds.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, ..Self::default() }
    }

    /// What 99 % did not exceed: of single commands, or the worst of the runs, which that of all runs together cannot exceed.
    pub(super) fn p99(&self) -> P99 {
        let single = match self.latency.permille(990) {
            Some(micros) => P99::Micros(micros),
            None if self.latency.total() > 0 => P99::Never,
            None => P99::Untold,
        };
        worse(single, self.runs)
    }

    /// Whether 99 % were as fast as they have to be.
    pub(super) fn fast_enough(&self) -> bool {
        let rank = (self.latency.total() * 990).div_ceil(1000);
        let single = self.slow <= self.latency.total() - rank;
        let runs = match self.runs {
            P99::Untold => true,
            P99::Never => false,
            P99::Micros(micros) => micros <= self.limit,
        };
        single && runs
    }

    /// Adds what the packets of a file say.
    fn absorb(&mut self, part: &Self) {
        self.success.add(part.success.count, part.success.of);
        self.latency.merge(&part.latency);
        self.slow += part.slow;
        self.repeated.add(part.repeated.count, part.repeated.of);
        self.queue_full.add(part.queue_full.count, part.queue_full.of);
    }

    fn time(&mut self, micros: Option<u64>) {
        self.latency.add(micros);
        self.slow += u64::from(micros.is_none_or(|micros| micros > self.limit));
    }

    fn command(&mut self, command: Command) {
        let reached = command.end == End::Reached;
        self.queue_full.add(u64::from(command.end == End::QueueFull), 1);
        if command.end == End::Withdrawn {
            return;
        }
        self.success.add(u64::from(reached), 1);
        // One that says nothing of its time was not measured; one that failed took for ever.
        if !reached || command.micros.is_some() {
            self.time(command.micros.filter(|_| reached));
        }
        if command.end != End::QueueFull {
            self.repeated.add(command.attempts.saturating_sub(1), 1);
        }
    }

    fn run(&mut self, run: &Run) {
        self.success.add(run.reached, run.commands);
        if run.commands > 0 {
            self.runs = worse(self.runs, run.p99);
        }
        let mut share = |share: fn(&mut Self) -> &mut Share, count: Option<u64>| {
            if let Some(count) = count {
                share(self).add(count, run.commands);
            }
        };
        share(|all| &mut all.repeated, run.repeated);
        share(|all| &mut all.queue_full, run.queue_full);
        if let Some(count) = run.spurious {
            self.spurious.add(count, run.spurious_of.unwrap_or(run.commands));
        }
        self.twice(run.applied_twice);
    }

    fn twice(&mut self, count: Option<u64>) {
        if let Some(count) = count {
            let all = self.applied_twice.get_or_insert(0);
            *all = all.saturating_add(count);
        }
    }
}

const fn worse(a: P99, b: P99) -> P99 {
    match (a, b) {
        (P99::Never, _) | (_, P99::Never) => P99::Never,
        (P99::Untold, other) | (other, P99::Untold) => other,
        (P99::Micros(a), P99::Micros(b)) => P99::Micros(if a > b { a } else { b }),
    }
}

/// One file. Where commands have lines of their own, neither their packets nor their summary count them again.
pub(super) struct Source<'a> {
    all: &'a mut Measured,
    packets: Packets,
    /// What packets say by answers, and by sending alone, until it is known which counts.
    by_answer: Measured,
    by_sending: Measured,
    /// Messages that found a queue full, as events say.
    queue_full: u64,
    /// Whether commands have lines, and whether those since the last summary had.
    commands: bool,
    unsummed: bool,
}

impl<'a> Source<'a> {
    pub(super) fn new(all: &'a mut Measured) -> Self {
        let (by_answer, by_sending) = (Measured::new(all.limit), Measured::new(all.limit));
        let packets = Packets::default();
        Self {
            all,
            packets,
            by_answer,
            by_sending,
            queue_full: 0,
            commands: false,
            unsummed: false,
        }
    }

    pub(super) fn take(&mut self, record: Record) {
        self.all.records += u64::from(record != Record::Other);
        match record {
            Record::Command(command) => {
                self.commands = true;
                self.unsummed = true;
                self.all.command(command);
            }
            Record::Packet(packet) => {
                self.all.decode_errors.get_or_insert(0);
                if let Some(message) = self.packets.take(packet) {
                    self.message(message);
                }
            }
            Record::DecodeErrors(count) => {
                let all = self.all.decode_errors.get_or_insert(0);
                *all = all.saturating_add(count);
            }
            Record::QueueFull => self.queue_full += 1,
            Record::Run(run) if run.sums_up && std::mem::take(&mut self.unsummed) => {
                self.all.twice(run.applied_twice);
            }
            Record::Run(run) => self.all.run(&run),
            Record::Other => {}
        }
    }

    fn message(&mut self, message: Message) {
        let ended = |end: Option<Option<u64>>| Command {
            end: if end.is_some() { End::Reached } else { End::Failed },
            micros: end.flatten(),
            attempts: message.copies,
        };
        self.by_answer.command(ended(message.answered));
        self.by_sending.command(ended(message.sent));
    }

    /// Nothing more comes of this file.
    pub(super) fn finish(mut self) {
        if self.commands {
            return;
        }
        let rest: Vec<Message> = self.packets.rest().collect();
        rest.into_iter().for_each(|message| self.message(message));
        let part = if self.packets.answers { &mut self.by_answer } else { &mut self.by_sending };
        part.queue_full.add(self.queue_full, self.queue_full);
        self.all.absorb(part);
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::{Packet, parse};
    use super::*;

    fn measured(limit: u64, lines: &[&str]) -> Measured {
        let mut all = Measured::new(limit);
        let mut source = Source::new(&mut all);
        lines.iter().for_each(|line| source.take(parse(line.as_bytes()).unwrap()));
        source.finish();
        all
    }

    #[test]
    fn the_limit_is_exact_though_times_are_kept_to_one_in_a_thousand() {
        let mut all = Measured::new(800_000);
        (0..99).for_each(|_| all.time(Some(800_000)));
        all.time(Some(5_000_000));
        assert!(all.fast_enough(), "one in a hundred may be slower");
        all.time(Some(800_001));
        assert!(!all.fast_enough());
        let mut failed = Measured::new(1);
        failed.time(None);
        assert!(!failed.fast_enough() && failed.p99() == P99::Never);
    }

    #[test]
    fn a_summary_counts_only_what_had_no_line_of_its_own() {
        let line = r#"{"event":"command","outcome":"acked","elapsed_ms":1,"attempts":2}"#;
        let sum =
            r#"{"asked":5,"failed":1,"retransmissions":4,"applied":6,"latency_us":{"p99":9}}"#;
        let both = measured(1_000, &[line, sum]);
        assert_eq!(
            (both.success, both.repeated),
            (Share { count: 1, of: 1 }, Share { count: 1, of: 1 })
        );
        assert_eq!((both.applied_twice, both.p99()), (Some(1), P99::Micros(1_000)));
        let all = measured(1_000, &[line, sum, sum]);
        assert_eq!(
            (all.success, all.repeated),
            (Share { count: 5, of: 6 }, Share { count: 5, of: 6 })
        );
        assert_eq!(all.applied_twice, Some(2));
    }

    #[test]
    fn packets_count_by_their_answers_or_where_none_is_logged_by_sending() {
        let sent = |id: &str| {
            format!(
                r#"{{"event":"tcp_packet","direction":"send","msg_id":"{id}","elapsed_ms":12.4,"outcome":"success"}}"#
            )
        };
        let answer = |id: &str| sent(id).replace("send", "recv").replace("12.4", "45");
        let (a, b) = (sent("a"), sent("b"));
        let alone = measured(20_000, &[&a, &b, &a]);
        assert_eq!(alone.success, Share { count: 2, of: 2 });
        assert_eq!(alone.repeated, Share { count: 1, of: 2 });
        assert_eq!((alone.fast_enough(), alone.decode_errors), (true, Some(0)));
        let answered = measured(20_000, &[&a, &b, &answer("b")]);
        assert_eq!(answered.success, Share { count: 1, of: 2 });
        assert_eq!(answered.p99(), P99::Never);
        let command = r#"{"event":"command","outcome":"acked","elapsed_ms":1}"#;
        assert_eq!(measured(1, &[&a, command]).success, Share { count: 1, of: 1 });
    }

    #[test]
    fn of_several_runs_the_worst_counts_and_one_without_commands_does_not() {
        let run = |commands: u64, p99: &str| {
            format!(
                r#"{{"commands":{commands},"reached":{commands},"latency_us":{{"p99":{p99}}},"refused":1,"applied_twice":0}}"#
            )
        };
        let (fast, slow, none) = (run(10, "5"), run(10, "9"), run(0, "null"));
        let all = measured(8, &[&slow, &fast, &none]);
        assert_eq!((all.p99(), all.fast_enough()), (P99::Micros(9), false));
        assert_eq!((all.queue_full, all.applied_twice), (Share { count: 3, of: 20 }, Some(0)));
        let never = run(1, "null");
        assert_eq!(measured(8, &[&fast, &never]).p99(), P99::Never);
    }

    #[test]
    fn an_answer_without_a_number_is_counted_as_a_packet_only() {
        let mut all = Measured::new(1);
        let mut source = Source::new(&mut all);
        let packet = Packet { received: true, message: None, succeeded: true, micros: None };
        source.take(Record::Packet(packet));
        source.finish();
        assert_eq!((all.records, all.success), (1, Share::default()));
    }
}
