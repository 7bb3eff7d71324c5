//! Which seed finds which planted defect.
#[cfg(planted)]
fn main() {
    use cync_core::planted::{Defect, plant};
    use cync_sim::world::{Options, run};
    let most: u64 = std::env::args().nth(1).map_or(200, |it| it.parse().unwrap());
    let only = std::env::args().nth(2);
    for defect in
        Defect::ALL.iter().filter(|it| only.as_deref().is_none_or(|name| name == it.name()))
    {
        let start = std::time::SystemTime::now();
        plant(Some(*defect));
        let found = (0..most).find_map(|seed| {
            let outcome = run(&cync_sim::explore::draw(seed), Options::default()).unwrap();
            outcome.broken.map(|b| (seed, b))
        });
        print!("{:9.1?} ", start.elapsed().unwrap());
        match found {
            Some((seed, b)) => println!("{:28} seed {seed:4} {}", defect.name(), b.violation),
            None => println!("{:28} NOT FOUND", defect.name()),
        }
    }
}
#[cfg(not(planted))]
fn main() {}
