//! Traces one seed.
use cync_sim::world::{Manner, Options};
fn main() {
    let seed = std::env::args().nth(1).unwrap().parse().unwrap();
    let manner = match std::env::args().nth(2).as_deref() {
        Some("back") => Manner::TimeGoesBack,
        Some("ticks") => Manner::NeedlessTicks,
        Some("events") => Manner::EventsFirst,
        _ => Manner::Plain,
    };
    let s = cync_sim::explore::draw(seed);
    let mut out = std::io::stdout();
    let r = cync_sim::world::run_traced(
        &s,
        Options { watched: false, manner, ..Options::default() },
        &mut out,
    );
    if let Err(e) = r {
        eprintln!("{e}");
    }
}
