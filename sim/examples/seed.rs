//! Runs drawn scenarios.
fn main() {
    let mut args = std::env::args().skip(1).map(|it| it.parse::<u64>().unwrap());
    let (from, to) = (args.next().unwrap(), args.next());
    let start = std::time::SystemTime::now();
    let mut broken = 0;
    let mut packets = 0;
    for seed in from..to.unwrap_or(from + 1) {
        let scenario = cync_sim::explore::draw(seed);
        if to.is_none() {
            println!("{scenario:#?}");
        }
        let outcome = cync_sim::explore::check(&scenario, false).unwrap();
        packets += outcome.packets;
        if let Some(b) = outcome.broken {
            println!("seed {seed}: {:?} {}", b.at, b.violation);
            broken += 1;
        }
    }
    println!("{broken} broken, {packets} packets, {:?}", start.elapsed());
}
