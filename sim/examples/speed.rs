//! Speed.
use cync_sim::scenario::{Phase, Work, Workload};
use cync_sim::world::{Options, run};
use cync_sim::{ChaosConfig, Scenario};
fn cpu() -> u64 {
    std::fs::read_to_string("/proc/self/schedstat")
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}
fn main() {
    for (workers, loss) in [(1, "0"), (10, "0"), (1, "20%"), (10, "20%")] {
        for watched in [false, true] {
            let mut s = Scenario { seed: 1, ..Scenario::default() };
            s.topology.lamps = workers;
            s.work = Work {
                workload: Some(Workload::Closed { workers }),
                commands: 100_000,
                ..Work::default()
            };
            let chaos =
                ChaosConfig { packet_loss_rate: loss.parse().unwrap(), ..ChaosConfig::NONE };
            s.chaos =
                vec![Phase { after_commands: 0, to_device: chaos.clone(), from_device: chaos }];
            let mut best = u64::MAX;
            let mut packets = 0;
            let mut commands = 0;
            for _ in 0..5 {
                let start = cpu();
                let o = run(&s, Options { watched, ..Options::default() }).unwrap();
                assert!(o.broken.is_none());
                best = best.min(cpu() - start);
                packets = o.packets;
                commands = o.commands;
            }
            println!(
                "W={workers:2} loss {loss:3} watched {watched:5}: {:4} ns a packet, {:4} ns a command, {:.2} M packets/s",
                best / packets,
                best / commands,
                packets as f64 / best as f64 * 1e3
            );
        }
    }
}
