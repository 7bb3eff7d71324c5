//! What can be asked of a device, as values ([`data`]: as bytes).

mod data;
mod display;

use super::{
    Attributes, Brightness, Colour, Destination, Effect, Group, Indicator, Level, Rgb, SwitchMode,
    Temperature,
};
pub use data::CommandData;

/// Operations of the inner frame (`docs/protocol.md`, section 5).
pub mod op {
    /// Firmware versions, announced in an unbound frame.
    pub const FIRMWARE: u8 = 0x00;
    /// Asks for the state of all devices behind a bridge.
    pub const MESH_QUERY: u8 = 0x52;
    /// Carries another mesh packet.
    pub const RELAY: u8 = 0x8e;
    /// Confirms a page of a mesh query's result.
    pub const PAGE_RECEIVED: u8 = 0xaf;
    /// Switches on or off.
    pub const POWER: u8 = 0xd0;
    /// Sets the brightness only.
    pub const BRIGHTNESS: u8 = 0xd2;
    /// A device's state, announced.
    pub const STATUS: u8 = 0xdb;
    /// Sets colour, white temperature or an effect.
    pub const COLOUR: u8 = 0xe2;
    /// Sets power, brightness and colour in one.
    pub const COMBINED: u8 = 0xf0;
}

/// What can be asked of a device, as values.
///
/// ```
/// use cync_core::wire::{Attributes, Brightness, Command, Destination};
///
/// let to = Destination::group(3).ok_or("0 to 32766")?;
/// let dim = Command::Brightness { to, brightness: Brightness::new(40).map_err(|_| "0 to 100")? };
/// let data = dim.data(1);
/// assert_eq!(Command::parse(dim.op(), &data), Some(dim));
/// assert_eq!(dim.attributes(), Attributes::BRIGHTNESS);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Command {
    /// Switch on or off.
    Power {
        /// Whom.
        to: Destination,
        /// On, or off.
        on: bool,
    },
    /// Set the brightness, and nothing else.
    Brightness {
        /// Whom.
        to: Destination,
        /// How bright.
        brightness: Brightness,
    },
    /// Change the brightness little by little.
    Fade {
        /// Whom.
        to: Destination,
        /// How bright in the end.
        level: Level,
        /// How long it takes, in milliseconds.
        over_ms: u16,
    },
    /// Shine in a white.
    Temperature {
        /// Whom.
        to: Destination,
        /// Which white.
        temperature: Temperature,
    },
    /// Shine in a colour.
    Rgb {
        /// Whom.
        to: Destination,
        /// Which colour.
        rgb: Rgb,
    },
    /// Run a light show.
    Effect {
        /// Whom.
        to: Destination,
        /// Which one.
        effect: Effect,
    },
    /// Switch on or off and, in the same step, set what else is given.
    Combined {
        /// Whom.
        to: Destination,
        /// On, or off.
        on: bool,
        /// How bright; `None` keeps what is.
        brightness: Option<Brightness>,
        /// With what to shine; `None` keeps what is.
        colour: Option<Colour>,
    },
    /// Set what a wall switch does with its load.
    SwitchMode {
        /// Whom.
        to: Destination,
        /// Which one.
        mode: SwitchMode,
    },
    /// Set the little light of a wall switch.
    Indicator {
        /// Whom.
        to: Destination,
        /// How it shines.
        indicator: Indicator,
    },
    /// Make a device a member of a group.
    JoinGroup {
        /// Whom.
        to: Destination,
        /// Which group.
        group: Group,
    },
    /// End a device's membership of a group.
    LeaveGroup {
        /// Whom.
        to: Destination,
        /// Which group.
        group: Group,
    },
    /// Ask for a device's settings; it announces them.
    ReadSettings {
        /// Whom.
        to: Destination,
    },
    /// Ask for a device's firmware; it announces it.
    ReadFirmware {
        /// Whom.
        to: Destination,
    },
    /// Ask for the state of the devices behind a bridge. [`MeshPages`](super::MeshPages) says how to get all of them.
    MeshQuery {
        /// How many records at most; `0xffff` is all.
        limit: u16,
        /// The first record wanted.
        offset: u16,
    },
    /// Confirm a page of a [`Command::MeshQuery`]'s result.
    PageReceived,
}

impl Command {
    /// The query for everything.
    pub const QUERY_ALL: Self = Self::MeshQuery { limit: 0xffff, offset: 0 };

    /// The operation byte of the command's frame.
    pub const fn op(&self) -> u8 {
        match self {
            Self::Power { .. } => op::POWER,
            Self::Brightness { .. } => op::BRIGHTNESS,
            Self::Fade { .. }
            | Self::Temperature { .. }
            | Self::Rgb { .. }
            | Self::Effect { .. } => op::COLOUR,
            Self::Combined { .. } => op::COMBINED,
            Self::SwitchMode { .. }
            | Self::Indicator { .. }
            | Self::JoinGroup { .. }
            | Self::LeaveGroup { .. }
            | Self::ReadSettings { .. }
            | Self::ReadFirmware { .. } => op::RELAY,
            Self::MeshQuery { .. } => op::MESH_QUERY,
            Self::PageReceived => op::PAGE_RECEIVED,
        }
    }

    /// Whom the command is for; `None` if it is for the bridge itself.
    pub const fn destination(&self) -> Option<Destination> {
        match self {
            Self::Power { to, .. }
            | Self::Brightness { to, .. }
            | Self::Fade { to, .. }
            | Self::Temperature { to, .. }
            | Self::Rgb { to, .. }
            | Self::Effect { to, .. }
            | Self::Combined { to, .. }
            | Self::SwitchMode { to, .. }
            | Self::Indicator { to, .. }
            | Self::JoinGroup { to, .. }
            | Self::LeaveGroup { to, .. }
            | Self::ReadSettings { to }
            | Self::ReadFirmware { to } => Some(*to),
            Self::MeshQuery { .. } | Self::PageReceived => None,
        }
    }

    /// What the command sets: of a [`Command::Combined`] what it does not keep, of a setting or a question nothing.
    pub const fn attributes(&self) -> Attributes {
        match self {
            Self::Power { .. } => Attributes::POWER,
            Self::Brightness { .. } | Self::Fade { .. } => Attributes::BRIGHTNESS,
            Self::Temperature { .. } | Self::Rgb { .. } | Self::Effect { .. } => Attributes::COLOUR,
            Self::Combined { brightness, colour, .. } => {
                let brightness = match brightness {
                    Some(_) => Attributes::BRIGHTNESS,
                    None => Attributes::NONE,
                };
                let colour = match colour {
                    Some(_) => Attributes::COLOUR,
                    None => Attributes::NONE,
                };
                Attributes::POWER.union(brightness).union(colour)
            }
            Self::SwitchMode { .. }
            | Self::Indicator { .. }
            | Self::JoinGroup { .. }
            | Self::LeaveGroup { .. }
            | Self::ReadSettings { .. }
            | Self::ReadFirmware { .. }
            | Self::MeshQuery { .. }
            | Self::PageReceived => Attributes::NONE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_combined_command_sets_the_power_and_what_it_does_not_keep() {
        let to = Destination::ALL;
        for (brightness, sets_brightness) in
            [(None, Attributes::NONE), (Some(Brightness::MIN), Attributes::BRIGHTNESS)]
        {
            for (colour, sets_colour) in [
                (None, Attributes::NONE),
                (Some(Colour::White(Temperature::MIN)), Attributes::COLOUR),
                (Some(Colour::Rgb(Rgb([0; 3]))), Attributes::COLOUR),
            ] {
                let command = Command::Combined { to, on: false, brightness, colour };
                let sets = Attributes::POWER | sets_brightness | sets_colour;
                assert_eq!(command.attributes(), sets, "{command:?}");
            }
        }
    }

    #[test]
    fn a_command_of_one_attribute_sets_that_one() {
        let to = Destination::ALL;
        for (command, sets) in [
            (Command::Power { to, on: true }, Attributes::POWER),
            (Command::Brightness { to, brightness: Brightness::MAX }, Attributes::BRIGHTNESS),
            (Command::Fade { to, level: Level::MAX, over_ms: 0 }, Attributes::BRIGHTNESS),
            (Command::Temperature { to, temperature: Temperature::MAX }, Attributes::COLOUR),
            (Command::Rgb { to, rgb: Rgb([0; 3]) }, Attributes::COLOUR),
            (Command::Effect { to, effect: Effect::Candle }, Attributes::COLOUR),
        ] {
            assert_eq!(command.attributes(), sets, "{command:?}");
            assert_eq!(command.destination(), Some(to));
        }
    }

    #[test]
    fn settings_and_questions_set_none() {
        let to = Destination::device(5).unwrap();
        for command in [
            Command::SwitchMode { to, mode: SwitchMode::Smart },
            Command::JoinGroup { to, group: Group::MIN },
            Command::LeaveGroup { to, group: Group::MIN },
            Command::ReadSettings { to },
            Command::ReadFirmware { to },
        ] {
            assert_eq!(command.attributes(), Attributes::NONE, "{command:?}");
            assert_eq!(command.destination(), Some(to));
        }
        for command in [Command::QUERY_ALL, Command::PageReceived] {
            assert_eq!(command.attributes(), Attributes::NONE, "{command:?}");
            assert_eq!(command.destination(), None);
        }
    }
}
