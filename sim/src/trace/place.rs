//! Which session a call is of, and when.

use crate::Side;
use std::fmt;
use std::time::Duration;

/// Which session, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Microseconds since the start.
    pub(crate) time: u64,
    pub(crate) link: u16,
    pub(crate) side: Side,
}

pub(super) const SIDES: [(&str, Side); 2] =
    [("controller", Side::Controller), ("device", Side::Device)];

impl Place {
    pub(super) const fn side(&self) -> &'static str {
        match self.side {
            Side::Controller => "controller",
            Side::Device => "device",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Duration::from_micros(self.time);
        write!(f, "the {} of link {} at {time:?}", self.side(), self.link)
    }
}
