//! What grows, and must not.

use super::HOUR;
use cync_sim::world::{Held, Progress};

/// Resident memory may be this much larger after the first hour, in KiB. The kernel does not count every page at once: it
/// counts them in batches of up to 64 pages for each processor or thread (`SPLIT_RSS_COUNTING`, later `percpu_counter`), and
/// maps pages of the program's file sixteen at a time when code is reached for the first time. So what it says may be off by
/// one such batch though nothing was allocated.
const TOLERANCE: u64 = 256;

/// Memory of this process, in KiB.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Memory {
    pub(super) resident: u64,
    pub(super) peak: u64,
}

/// As the kernel counts it; nobody else says it without unsafe code.
pub(super) fn memory() -> Option<Memory> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse(status: &str) -> Option<Memory> {
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        value.trim().strip_suffix(" kB")?.parse().ok()
    };
    Some(Memory { resident: field("VmRSS")?, peak: field("VmHWM")? })
}

/// What grew after the first hour.
#[derive(Default, Debug)]
pub(super) struct Growth {
    /// What the world held in the first hour, at the quietest moment of a quarter of it: the most of those.
    before: Held,
    /// The same, of every later quarter.
    after: Held,
    /// The most that it held at any moment of the first hour.
    most: Held,
    /// The last that was heard of it: once the run is over, what it holds at rest.
    last: Option<Progress>,
    /// The most packets at one moment, and the buffers in the end.
    packets: u64,
    buffers: u64,
    /// Resident memory: the most in the first hour, and the most later.
    resident: Option<(u64, u64)>,
}

impl Growth {
    /// Takes what is told next.
    pub(super) fn look(&mut self, progress: &Progress, memory: Option<Memory>) {
        self.packets = self.packets.max(progress.most.packets);
        self.buffers = progress.held.buffers;
        let early = progress.time <= HOUR;
        if let Some(slice) = self.last.replace(*progress) {
            let held = if slice.time <= HOUR { &mut self.before } else { &mut self.after };
            *held = held.max(slice.least);
        }
        if early {
            self.most = self.most.max(progress.most);
        }
        if let Some(Memory { resident, .. }) = memory {
            let (before, after) = self.resident.get_or_insert_default();
            let most = if early { before } else { after };
            *most = resident.max(*most);
        }
    }

    /// What grew, a line each. What is held at rest, and how many buffers that took, counts only once the run has come to rest.
    pub(super) fn problems(&self, at_rest: bool) -> Vec<String> {
        let Self { before, after, packets, buffers, resident, .. } = self;
        let mut problems = Vec::new();
        for (what, before, after) in [
            ("messages of which something can come", before.messages, after.messages),
            ("commands that have not ended", before.open, after.open),
            ("packets on their way", before.packets, after.packets),
            ("messages that the models remember", before.remembered, after.remembered),
        ] {
            if after > before {
                let grown = after - before;
                problems.push(format!(
                    "{what} grew from {before} to {after} after the first hour: {grown} more"
                ));
            }
        }
        let rest = self.last.filter(|_| at_rest);
        let held = rest.map(|last| last.held).unwrap_or_default();
        for (what, held, most) in [
            ("messages of which something can come", held.messages, self.most.messages),
            ("commands that have not ended", held.open, 0),
            ("packets on their way", held.packets, 0),
            ("messages that the models remember", held.remembered, self.most.remembered),
        ] {
            if held > most {
                problems
                    .push(format!("at rest there are {held} {what}, and must be {most} at most"));
            }
        }
        if at_rest && buffers > packets {
            problems.push(format!(
                "there are {buffers} buffers for packets, but never were more than {packets} packets"
            ));
        }
        if let Some((before, after)) =
            resident.filter(|(before, after)| *after > before + TOLERANCE)
        {
            problems.push(format!(
                "resident memory grew from {before} to {after} KiB after the first hour: {} KiB \
                 more, of which {TOLERANCE} KiB may be the kernel's way of counting",
                after - before
            ));
        }
        problems
    }

    /// What is held and was held.
    pub(super) fn summary(&self) -> String {
        let Self { before, after, buffers, .. } = self;
        let resident = match self.resident {
            None => "resident memory is not available on this system".into(),
            Some((before, after)) => format!("resident KiB {before} and {after}"),
        };
        format!(
            "messages held {} in the first hour and {} later, remembered {} and {}, buffers {buffers}, {resident}",
            before.messages, after.messages, before.remembered, after.remembered,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(hours: u64, messages: u64, buffers: u64) -> Progress {
        let held = Held { messages, buffers, ..Held::default() };
        Progress {
            time: HOUR * hours as u32,
            commands: 1,
            ended: 1,
            reached: 1,
            packets: 1,
            held,
            least: held,
            most: Held { packets: 5, ..held },
        }
    }

    #[test]
    fn one_message_more_than_in_the_first_hour_is_growth_and_so_is_a_buffer_nobody_needs() {
        let mut growth = Growth::default();
        growth.look(&progress(1, 7, 5), None);
        growth.look(&progress(2, 7, 5), None);
        growth.look(&progress(3, 6, 5), None);
        assert_eq!(growth.problems(true), [""; 0]);
        growth.look(&progress(4, 8, 6), None);
        growth.look(&progress(5, 7, 6), None);
        let messages =
            "messages of which something can come grew from 7 to 8 after the first hour: 1 more";
        let buffers = "there are 6 buffers for packets, but never were more than 5 packets";
        assert_eq!(growth.problems(true), [messages, buffers]);
    }

    #[test]
    fn at_rest_nothing_is_open_and_no_more_is_remembered_than_in_the_first_hour() {
        let mut growth = Growth::default();
        growth.look(&progress(1, 7, 5), None);
        let mut end = progress(2, 8, 5);
        (end.held.open, end.held.packets) = (1, 0);
        growth.look(&end, None);
        let messages =
            "at rest there are 8 messages of which something can come, and must be 7 at most";
        let open = "at rest there are 1 commands that have not ended, and must be 0 at most";
        assert_eq!(growth.problems(true), [messages, open]);
    }

    #[test]
    fn memory_may_be_one_batch_of_pages_larger_and_no_more() {
        let memory = |resident| Some(Memory { resident, peak: resident });
        let mut growth = Growth::default();
        growth.look(&progress(1, 7, 5), memory(4_000));
        growth.look(&progress(2, 7, 5), memory(4_256));
        assert_eq!(growth.problems(true), [""; 0]);
        growth.look(&progress(3, 7, 5), memory(4_260));
        let problems = growth.problems(true);
        assert!(
            problems[0].starts_with("resident memory grew from 4000 to 4260 KiB"),
            "{problems:?}"
        );
    }

    #[test]
    fn memory_is_what_the_kernel_says_it_is() {
        let status = "Name:\tcync\nVmHWM:\t    5120 kB\nVmRSS:\t    4096 kB\n";
        assert_eq!(parse(status), Some(Memory { resident: 4096, peak: 5120 }));
        assert_eq!(parse("VmRSS:\t4096 kB\n"), None);
        assert_eq!(parse(""), None);
    }
}
