//! How much memory a session is. `docs/embedding.md` has the figures; what stands there is what is true.

use cync_core::Session;
use std::mem::size_of;

/// The default session, and the compact one, may be this large, in bytes.
const DEFAULT_BUDGET: usize = 64 * 1024;
const COMPACT_BUDGET: usize = 10 * 1024;

/// What a session's memory is made of, in bytes: what one slot, one remembered message and one byte of packet length add.
#[derive(PartialEq, Eq, Debug)]
struct Parts {
    fixed: usize,
    slot: usize,
    seen: usize,
}

impl Parts {
    /// Measured between sizes that differ in one parameter, by enough that padding does not count.
    fn measured() -> Self {
        let default = size_of::<Session>();
        let slot = (size_of::<Session<1128, 1024, 4101>>() - default) / 1000;
        let seen = (size_of::<Session<128, 2024, 4101>>() - default) / 1000;
        Self { fixed: default - 128 * slot - 1024 * seen - 4101, slot, seen }
    }
}

#[test]
fn sessions_stay_within_their_budgets() {
    let (default, compact) = (size_of::<Session>(), size_of::<Session<16, 128, 1100>>());
    let parts = Parts::measured();
    assert!(default <= DEFAULT_BUDGET, "{default} bytes: {parts:?}");
    assert!(compact <= COMPACT_BUDGET, "{compact} bytes: {parts:?}");
}

#[test]
fn embedding_md_says_how_large_a_session_is() {
    let text = include_str!("../../docs/embedding.md");
    let Parts { fixed, slot, seen } = Parts::measured();
    let said = [
        format!("`Session` | 128 | 1024 | 4101 | {}", size_of::<Session>()),
        format!(
            "`Session<16, 128, 1100>` | 16 | 128 | 1100 | {}",
            size_of::<Session<16, 128, 1100>>()
        ),
        format!("`Session<4, 16, 400>` | 4 | 16 | 400 | {}", size_of::<Session<4, 16, 400>>()),
        format!("{fixed} + {slot} x SLOTS + {seen} x SEEN + MTU"),
    ];
    let missing: Vec<_> = said.iter().filter(|line| !text.contains(line.as_str())).collect();
    assert!(missing.is_empty(), "docs/embedding.md does not say: {missing:#?}");
}
