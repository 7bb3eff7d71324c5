//! Which seed finds which planted defect.
#[cfg(planted)]
fn main() {
    use cync_core::planted::{Defect, plant};
    use cync_sim::world::{Options, run};
    let most: u64 = std::env::args().nth(1).map_or(200, |it| it.parse().unwrap());
    for defect in Defect::ALL {
        plant(Some(*defect));
        let found = (0..most).find_map(|seed| {
            let outcome = run(&cync_sim::explore::draw(seed), Options::default()).unwrap();
            outcome.broken.map(|b| (seed, b))
        });
        match found {
            Some((seed, b)) => println!("{:28} seed {seed:4} {}", defect.name(), b.violation),
            None => println!("{:28} NOT FOUND", defect.name()),
        }
    }
}
#[cfg(not(planted))]
fn main() {}
