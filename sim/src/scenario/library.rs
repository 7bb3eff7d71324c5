//! The scenarios that come with the simulator.

use crate::Scenario;

macro_rules! library {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../scenarios/", $name, ".toml")))),*]
    };
}

const LIBRARY: &[(&str, &str)] = library![
    "baseline",
    "mild-loss",
    "high-loss",
    "high-latency",
    "duplicates",
    "reordering",
    "combined",
    "loss-and-latency",
    "step",
    "partition",
    "partition-fail-fast",
    "reconnection-storm",
    "command-during-reconnection",
    "slow-device",
    "duplicate-flood",
    "id-wrap",
    "soak",
    "group",
    "captured-latency",
];

impl Scenario {
    /// The scenarios that come with the simulator: their names, and their files. The first nine are the chaos table.
    pub const fn library() -> &'static [(&'static str, &'static str)] {
        LIBRARY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Workload;
    use std::time::Duration;

    fn parse(text: &str) -> Scenario {
        Scenario::parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn named(name: &str) -> Scenario {
        let (_, text) = Scenario::library().iter().find(|(given, _)| *given == name).unwrap();
        parse(text)
    }

    #[test]
    fn every_scenario_of_the_library_is_accepted_explained_and_read_again_as_it_is_written() {
        for (name, text) in Scenario::library() {
            let scenario = parse(text);
            assert!(!scenario.name.is_empty() && scenario.about.len() > 40, "{name}");
            assert_eq!(scenario.limits.applied_twice, Some(0), "{name}");
            assert_eq!(parse(&scenario.to_toml()), scenario, "{name}");
        }
    }

    #[test]
    fn every_file_in_the_folder_is_in_the_library() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let mut known: Vec<String> =
            Scenario::library().iter().map(|(name, _)| format!("{name}.toml")).collect();
        known.sort();
        assert_eq!(files, known);
    }

    #[test]
    fn the_rows_of_the_chaos_table_are_what_it_says() {
        let rows: Vec<Scenario> =
            Scenario::library().iter().take(9).map(|(_, text)| parse(text)).collect();
        for row in &rows {
            assert_eq!(row.work.workload, Some(Workload::Closed { workers: 1 }));
            assert_eq!(row.work.commands, 10_000);
            assert_eq!(row.topology, crate::scenario::Topology::default());
            assert_eq!((row.controller, row.device), Default::default());
        }
        let p99 = rows.iter().map(|row| row.limits.p99.map_or(0, |limit| limit.as_millis()));
        assert_eq!(p99.collect::<Vec<_>>(), [800, 900, 1200, 1500, 0, 0, 1500, 1500, 0]);
        let success = rows.iter().map(|row| row.limits.success.unwrap_or_default().parts() / 1000);
        let all = [1000, 995, 990, 1000, 1000, 1000, 980, 990, 1000];
        assert_eq!(success.collect::<Vec<_>>(), all);
        let spurious = rows.iter().map(|row| row.limits.spurious.map_or(0, |rate| rate.parts()));
        let half = 5_000;
        let all = [half, half, half, half, half, 0, half, half, 10_000];
        assert_eq!(spurious.collect::<Vec<_>>(), all);
    }

    #[test]
    fn losses_are_of_both_directions_and_latency_of_the_way_to_the_device() {
        let [phase] = &named("loss-and-latency").chaos[..] else { panic!() };
        assert_eq!(phase.to_device.packet_loss_rate.parts(), 200_000);
        assert_eq!(phase.from_device.packet_loss_rate.parts(), 200_000);
        assert_eq!(phase.to_device.latency, Duration::from_millis(100));
        assert_eq!(phase.to_device.latency_variance, Duration::from_millis(5));
        assert_eq!(phase.from_device.latency, Duration::ZERO);
        let [before, behind] = &named("step").chaos[..] else { panic!() };
        assert_eq!((before.after_commands, behind.after_commands), (0, 1_000));
        assert_eq!(before.to_device.latency, Duration::ZERO);
        assert_eq!(behind.to_device.latency, Duration::from_millis(500));
        assert_eq!(named("step").limits.spurious_after, 1_050);
    }

    #[test]
    fn the_soak_takes_nine_hours_and_the_wrap_needs_more_numbers_than_there_are() {
        let work = named("soak").work;
        let Some(Workload::Steady { every }) = work.workload else { panic!() };
        let hours = every * u32::try_from(work.commands).unwrap() / 3_600;
        assert_eq!(hours, Duration::from_secs(9));
        assert!(named("id-wrap").work.commands > 1 << 16);
    }
}
