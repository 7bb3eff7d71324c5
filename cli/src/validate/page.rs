//! The validation as a page, and as JSON.

use super::figures::{Ack, Group, Measured, Times};
use super::simulated::{COMMANDS, DEVICES, ROUNDS};
use super::verdict::{
    ASPIRED, Band, GROUP_LIMIT, SUCCESS_PERMILLE, adjusted, all_met, commands_met, group_met,
    recommended,
};
use serde_json::{Value, json};
use std::fmt::{self, Display, Write};

/// Where the part begins that is another one each time.
const SOCKETS: &str = "## Real sockets";

/// Everything that a validation says.
#[derive(Debug)]
pub(crate) struct Page {
    /// When it was written.
    pub(crate) date: String,
    /// In virtual time, each with what its link is called.
    pub(crate) simulated: Vec<(&'static str, Measured)>,
    /// On real sockets.
    pub(crate) sockets: Measured,
}

impl Page {
    fn parts(&self) -> impl Iterator<Item = &(&'static str, Measured)> {
        self.simulated.iter()
    }

    /// Whether everything that was measured is as it must be.
    pub(crate) fn all_met(&self) -> bool {
        self.parts().all(|(_, measured)| all_met(measured)) && all_met(&self.sockets)
    }

    /// Everything, for programs.
    pub(crate) fn json(&self) -> Value {
        let simulated: serde_json::Map<_, _> =
            self.parts().map(|(name, measured)| ((*name).to_owned(), object(measured))).collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "date": self.date,
            "aspired_us": ASPIRED,
            "adjusted_us": adjusted(),
            "virtual": simulated,
            "sockets": object(&self.sockets),
            "met": self.all_met(),
        })
    }
}

fn object(measured: &Measured) -> Value {
    let Measured { commands, repeated, acks, group } = measured;
    let ack = |(ack, times): (Ack, &Times)| {
        let [name, ..] = ack.name();
        let p99 = times.permille(990);
        let mut object = times_object(times);
        object["recommended_timeout_us"] = json!(p99.map(recommended));
        object["verdict"] = json!(Band::of(p99).to_string());
        (name.to_owned(), object)
    };
    let acks: serde_json::Map<_, _> = Ack::ALL.into_iter().zip(acks).map(ack).collect();
    let mut of_commands = times_object(commands);
    of_commands["repeated"] = json!(repeated);
    of_commands["met"] = json!(commands_met(commands));
    json!({
        "commands": of_commands,
        "acks": acks,
        "group": {
            "rounds": times_object(&group.rounds),
            "commands": times_object(&group.commands),
            "repeated": group.repeated,
            "deepest_queue": group.deepest_queue,
            "met": group_met(group),
        },
    })
}

fn times_object(times: &Times) -> Value {
    let [p50, p95, p99, max] = times.quantiles();
    json!({
        "count": times.count(),
        "acknowledged": times.ended(),
        "p50_us": p50,
        "p95_us": p95,
        "p99_us": p99,
        "max_us": max,
    })
}

/// What sockets do not show.
const UNSEEN: &str = "not seen from outside";

/// A number of thousandths, as it is written with as many digits as it needs and so many at least.
fn decimal(thousandths: u64, digits: usize) -> String {
    let mut text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
    let shortest = text.len() - 3 + digits;
    while text.len() > shortest && text.ends_with('0') {
        text.pop();
    }
    text.trim_end_matches('.').to_owned()
}

/// A time in milliseconds.
struct Ms(Option<u64>);

impl Display for Ms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(micros) => f.write_str(&decimal(micros, 1)),
            None => f.write_str("never"),
        }
    }
}

/// Times as fields of a table's row.
struct Row<const N: usize>([Option<u64>; N]);

impl<const N: usize> Display for Row<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|time| write!(f, " {} |", Ms(*time)))
    }
}

/// So many of so many, in percent to the thousandth.
struct Percent(u64, usize);

impl Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = (self.0 * 100_000).checked_div(self.1 as u64).unwrap_or(0);
        write!(f, "{} %", decimal(parts, 0))
    }
}

const fn met(met: bool) -> &'static str {
    if met { "met" } else { "**missed**" }
}

const HEAD: &str = "\
Written by `cync validate --out docs/validation.md`; do not edit it. What must hold is the specification's: aspirational targets guide
the work, and the adjusted ones decide: what real devices took, which is recorded in `docs/protocol.md`, section 9, and 20, 50 and 100 ms
more for half, 95 % and 99 % of the commands. Times are in milliseconds; a percentile is the nearest rank, and what was not acknowledged
counts as longer than any time.
";

const VIRTUAL: &str = "\
## Virtual time

Both ends are real sessions with the default configuration, nothing is lost, and a packet and its answer travel 45 ms together. This part is
the same each time, byte by byte. *Plain* is that link as it is; *captured* makes commands travel as long as real devices took for them
(`latency_profile = \"captured\"`, `docs/scenarios.md`); nothing overtakes them. Times are taken from the trace of the run: when a packet was handed over, and when its
answer arrived at the same end.
";

const NOT_MEASURED: &str = "\
### What is not measured here

| asked for | why not |
|---|---|
| time that a lock on the state is held | There is no lock: a session is a state machine that one driver owns, and ten devices are ten of them. Nothing waits for another device's state. On sockets the clients of one session share it behind a mutex that is held for one call and never across a wait |
| queue inside a device | The model acts on a command when it takes it from its inbox, at once. Real devices do not say how many commands they hold; the recorded times include it |
| the same with real devices | There are none here. The recorded rows are theirs |
| with 20 % loss and 100 ms latency | `cync scenario show loss-and-latency` is that run and its limits. Fewer than 5 % re-transmissions at 20 % loss both ways are not possible: more than a third of all first copies, or their acknowledgements, is lost |
";

const LIVE: &str = "\
The same over TCP on this machine: `cync_tokio` clients, and simulated devices on free ports. There is no distance, so this is what the
code itself takes, and whatever else the machine did at the time. It differs from run to run.
";

impl Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Validation\n")?;
        writeln!(
            f,
            "cync {}, {}. All targets: {}.\n",
            env!("CARGO_PKG_VERSION"),
            self.date,
            met(self.all_met())
        )?;
        writeln!(f, "{HEAD}\n{VIRTUAL}")?;
        let simulated: Vec<_> = self.parts().map(|(name, measured)| (*name, measured)).collect();
        tables(f, &simulated)?;
        let build = if cfg!(debug_assertions) { "debug" } else { "release" };
        writeln!(f, "{NOT_MEASURED}\n{SOCKETS}\n\n{LIVE}The build: {build}.\n")?;
        tables(f, &[("sockets", &self.sockets)])
    }
}

fn tables(f: &mut fmt::Formatter<'_>, all: &[(&str, &Measured)]) -> fmt::Result {
    commands(f, all)?;
    acks(f, all)?;
    group(f, all)
}

fn commands(f: &mut fmt::Formatter<'_>, all: &[(&str, &Measured)]) -> fmt::Result {
    writeln!(f, "### {COMMANDS} commands, one after the other\n")?;
    writeln!(f, "From `send` to the acknowledgement.\n")?;
    writeln!(f, "| | p50 | p95 | p99 | max | acknowledged | re-transmitted | |")?;
    writeln!(f, "|---|---|---|---|---|---|---|---|")?;
    let success = Percent(SUCCESS_PERMILLE as u64, 1000);
    let target = |f: &mut fmt::Formatter<'_>, name, times: [u64; 3]| {
        let [p50, p95, p99] = times.map(|time| Ms(Some(time)));
        writeln!(f, "| {name} | < {p50} | < {p95} | < {p99} | | > {success} | | |")
    };
    target(f, "aspirational target", ASPIRED)?;
    let (_, recorded) = Ack::Data.recorded();
    writeln!(f, "| recorded at real devices |{} | | |", Row(recorded.map(Some)))?;
    target(f, "adjusted target", adjusted())?;
    for (name, Measured { commands, repeated, .. }) in all {
        let ended = Percent(commands.ended() as u64, commands.count());
        let again = Percent(*repeated, commands.count());
        let row = Row(commands.quantiles());
        writeln!(f, "| {name} |{row} {ended} | {again} | {} |", met(commands_met(commands)))?;
    }
    for (name, measured) in all {
        let p99 = measured.commands.permille(990);
        writeln!(
            f,
            "\nTime-out, {name}: {}; p99 is {} ms, and the bands end at 800 and 1600 ms.",
            Band::of(p99),
            Ms(p99)
        )?;
    }
    writeln!(f)
}

fn acks(f: &mut fmt::Formatter<'_>, all: &[(&str, &Measured)]) -> fmt::Result {
    writeln!(f, "### Acknowledgements, and how long to wait for them\n")?;
    writeln!(
        f,
        "A time-out of p99 x 2.5 is recommended. Sessions measure instead: the first time-out is 1 s, later ones follow the round trip, from"
    )?;
    writeln!(f, "250 ms to 5 s; `AckTimer::from_p99` is the formula.\n")?;
    writeln!(f, "| answer | to | | samples | p50 | p95 | p99 | max | p99 x 2.5 | |")?;
    writeln!(f, "|---|---|---|---|---|---|---|---|---|---|")?;
    for ack in Ack::ALL {
        let [answer, to, what] = ack.name();
        let mut row = |name: &str, count: usize, times: [Option<u64>; 4]| {
            let [_, _, p99, _] = times;
            let (wait, band) = (Ms(p99.map(recommended)), Band::of(p99));
            writeln!(
                f,
                "| {answer} | {to}, {what} | {name} | {count} |{} {wait} | {band} |",
                Row(times)
            )
        };
        let (count, times) = ack.recorded();
        row("recorded", count, times.map(Some))?;
        for (name, measured) in all {
            if let Some(times) = measured.acks.get(ack as usize) {
                row(name, times.count(), times.quantiles())?;
            }
        }
    }
    writeln!(f)
}

fn group(f: &mut fmt::Formatter<'_>, all: &[(&str, &Measured)]) -> fmt::Result {
    writeln!(f, "### {DEVICES} devices at once, {ROUNDS} rounds\n")?;
    writeln!(
        f,
        "A round lasts from the first `send` to the last acknowledgement; 99 % of them must be faster than {} ms.\n",
        Ms(Some(GROUP_LIMIT))
    )?;
    let names = all.iter().fold(String::new(), |mut names, (name, _)| {
        let _ = write!(names, " {name} |");
        names
    });
    writeln!(f, "| |{names}")?;
    writeln!(f, "|---|{}", "---|".repeat(all.len()))?;
    let mut row = |what: &str, show: &dyn Fn(&Group) -> String| {
        let fields: String =
            all.iter().map(|(_, measured)| format!(" {} |", show(&measured.group))).collect();
        writeln!(f, "| {what} |{fields}")
    };
    let three = |times: &Times| {
        let [p50, p95, p99, _] = times.quantiles().map(Ms);
        format!("{p50} / {p95} / {p99}")
    };
    row("a round, p50 / p95 / p99", &|group| three(&group.rounds))?;
    row("a command of it, p50 / p95 / p99", &|group| three(&group.commands))?;
    let share = |count: u64, group: &Group| Percent(count, group.commands.count()).to_string();
    row("acknowledged", &|group| share(group.commands.ended() as u64, group))?;
    row("re-transmitted", &|group| share(group.repeated, group))?;
    row("timed out", &|group| {
        let endless = group.commands.count() - group.commands.ended();
        share(endless as u64, group)
    })?;
    row("commands waiting in a session's queue, at most", &|group| {
        group.deepest_queue.map_or_else(|| UNSEEN.to_owned(), |it| it.to_string())
    })?;
    row("time that a lock is held", &|group| {
        let seen = group.deepest_queue.map(|_| "there is no lock");
        seen.unwrap_or(UNSEEN).to_owned()
    })?;
    row("no queue for sending is needed", &|group| met(group_met(group)).to_owned())?;
    writeln!(f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_they_need() {
        let all = [(45_000, "45.0"), (182_750, "182.75"), (7, "0.007"), (0, "0.0")];
        for (micros, text) in all {
            assert_eq!(Ms(Some(micros)).to_string(), text);
        }
        let all =
            [((999, 1000), "99.9 %"), ((1, 3), "33.333 %"), ((5, 5), "100 %"), ((0, 0), "0 %")];
        for ((part, whole), text) in all {
            assert_eq!(Percent(part, whole).to_string(), text);
        }
    }

    #[test]
    fn what_is_missed_shows() {
        let simulated = vec![("plain", Measured::default())];
        let page = Page { date: "2025-11-21".into(), simulated, sockets: Measured::default() };
        let text = page.to_string();
        let version = env!("CARGO_PKG_VERSION");
        let head =
            format!("# Validation\n\ncync {version}, 2025-11-21. All targets: **missed**.\n");
        assert!(text.starts_with(&head), "{text}");
        assert!(
            text.contains("| plain | never | never | never | never | 0 % | 0 % | **missed** |\n")
        );
        assert!(text.contains("2 s too low"));
        assert_eq!(page.json()["met"], false);
    }
}
