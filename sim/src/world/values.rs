//! What the lamps should show: the newest command that was executed, or one behind it of which nobody knows.

use crate::scenario::Set;
use crate::{Device, Violation};
use cync_core::{Outcome, Stage};

/// What can be set of a lamp, each by itself.
const ATTRIBUTES: usize = 3;
/// The mode of a lamp that shines in a colour.
const MODE_RGB: u8 = 254;

/// One attribute of one lamp.
#[derive(Clone, Default, Debug)]
struct Value {
    /// The newest command that is known to be executed.
    executed: Option<(u64, Set)>,
    /// Later ones that may have been.
    perhaps: Vec<(u64, Set)>,
}

/// The attributes of all lamps.
#[derive(Debug)]
pub(super) struct Values {
    lamps: usize,
    values: Vec<Value>,
    /// Something has happened that lets a later command arrive before an earlier one.
    pub(super) unordered: bool,
}

const fn attribute(set: Set) -> Option<usize> {
    match set {
        Set::Power(_) | Set::Relayed(_) => Some(0),
        Set::Brightness(_) => Some(1),
        Set::Temperature(_) | Set::Rgb(_) => Some(2),
        Set::Probe => None,
    }
}

impl Values {
    pub(super) fn new(devices: u16, lamps: u8) -> Self {
        let lamps = usize::from(lamps);
        let values = vec![Value::default(); usize::from(devices) * lamps * ATTRIBUTES];
        Self { lamps, values, unordered: false }
    }

    /// The nth command has ended.
    pub(super) fn ended(
        &mut self,
        device: usize,
        (lamp, set): (u8, Set),
        nth: u64,
        outcome: &Outcome,
        stage: Option<Stage>,
    ) {
        let Some(attribute) = attribute(set) else { return };
        let lamps = match lamp {
            0 => 0..self.lamps,
            lamp => usize::from(lamp) - 1..usize::from(lamp),
        };
        for lamp in lamps {
            let at = (device * self.lamps + lamp) * ATTRIBUTES + attribute;
            let Some(value) = self.values.get_mut(at) else { continue };
            if stage == Some(Stage::Executed) {
                if value.executed.is_none_or(|(known, _)| known < nth) {
                    value.executed = Some((nth, set));
                    value.perhaps.retain(|(other, _)| *other > nth);
                }
            } else if !matches!(outcome, Outcome::NotSent(_)) {
                // Of those that may have been executed only the values count.
                value.perhaps.retain(|(_, other)| *other != set);
                value.perhaps.push((nth, set));
            }
        }
    }

    /// S13: at rest every lamp shows what it should.
    pub(super) fn check(&self, device: usize, lamps: &[Device]) -> Result<(), Violation> {
        if self.unordered {
            return Ok(());
        }
        for (index, lamp) in lamps.iter().enumerate() {
            for attribute in 0..ATTRIBUTES {
                let Some(value) =
                    self.values.get((device * self.lamps + index) * ATTRIBUTES + attribute)
                else {
                    continue;
                };
                let Some((nth, executed)) = value.executed else { continue };
                let mut all = value.perhaps.iter().map(|(_, set)| *set).chain([executed]);
                if !all.any(|set| shows(lamp, set)) {
                    let what = format!(
                        "lamp {} shows {:?}, not {executed:?} of command {nth}, nor any of {:?}",
                        index + 1,
                        lamp.state(),
                        value.perhaps
                    );
                    return Err(Violation::new("S13", what));
                }
            }
        }
        Ok(())
    }
}

fn shows(lamp: &Device, set: Set) -> bool {
    let state = lamp.state();
    match set {
        Set::Power(on) | Set::Relayed(on) => state.on == on,
        Set::Brightness(brightness) => state.brightness == brightness,
        Set::Temperature(white) => state.color_mode == white,
        Set::Rgb(rgb) => state.color_mode == MODE_RGB && state.rgb == rgb,
        Set::Probe => true,
    }
}
