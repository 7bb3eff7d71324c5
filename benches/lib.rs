//! Benches only: `cargo bench -p cync-benches`.
