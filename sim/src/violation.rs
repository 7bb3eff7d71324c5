use std::fmt;

/// An invariant that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which one, as `docs/guarantees.md` names it.
    pub invariant: &'static str,
    /// What is wrong.
    pub what: String,
}

impl Violation {
    /// An invariant, and what is wrong.
    pub const fn new(invariant: &'static str, what: String) -> Self {
        Self { invariant, what }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.invariant, self.what)
    }
}

impl std::error::Error for Violation {}
