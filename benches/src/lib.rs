//! Benches only: `cargo bench -p cync-benches`. Every contender runs in memory, in one process, in turns with the others.
//!
//! `compare` prints the ratios, `history` keeps criterion's history of the same contenders.

pub mod alloc;
pub mod contest;
pub mod decode;
pub mod dedup;
pub mod exchange;
pub mod pairs;
mod wire;
pub mod world;
