//! Traces one seed.
fn main() {
    let seed = std::env::args().nth(1).unwrap().parse().unwrap();
    let s = cync_sim::explore::draw(seed);
    let mut out = std::io::stdout();
    let _ = cync_sim::world::run_traced(&s, cync_sim::world::Options::default(), &mut out);
}
