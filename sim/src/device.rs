use cync_core::wire::{Colour, Command, Group, StatusAnnouncement, StatusCode};
use std::collections::BTreeSet;

/// What a device reports of a command that it cannot carry out.
const FAILED: StatusCode = StatusCode(1);
/// The mode of a lamp that shines in a colour.
const MODE_RGB: u8 = 254;
/// The mode of a lamp that runs an effect.
const MODE_EFFECT: u8 = 129;

/// What a device remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceState {
    /// On or off.
    pub on: bool,
    /// 0 to 100; kept while off.
    pub brightness: u8,
    /// White temperature 0 to 100, 254 for colour, or 129 for an effect.
    pub color_mode: u8,
    /// Red, green, blue.
    pub rgb: [u8; 3],
    /// Whether the mesh reaches the device.
    pub online: bool,
}

/// How a device reacts to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reaction {
    /// What the result frame reports.
    pub status: StatusCode,
    /// What the device announces afterwards.
    pub announce: Option<StatusAnnouncement>,
}

/// A lamp, as a model: no socket, no clock.
///
/// ```
/// use cync_core::wire::{Command, Destination};
///
/// let mut lamp = cync_sim::Device::new(5);
/// let on = Command::Power { to: Destination::device(5).ok_or("range")?, on: true };
/// let data = on.data(1);
/// assert!(lamp.handle(on.op(), &data).status.is_ok());
/// assert!(lamp.handle(on.op(), &data).status.is_ok());
/// assert_eq!(lamp.applied_count(), 2, "an execution that changes nothing counts, too");
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Device {
    address: u8,
    state: DeviceState,
    groups: BTreeSet<Group>,
    applied: u64,
    announced: u32,
}

impl Device {
    /// A lamp that is off, at mesh address `address`.
    pub const fn new(address: u8) -> Self {
        let state = DeviceState {
            on: false,
            brightness: 100,
            color_mode: 0,
            rgb: [255, 255, 255],
            online: true,
        };
        Self { address, state, groups: BTreeSet::new(), applied: 0, announced: 0 }
    }

    /// What it remembers.
    pub const fn state(&self) -> DeviceState {
        self.state
    }

    /// Changes what it remembers, as its own switch does: that is no execution.
    pub const fn set_state(&mut self, state: DeviceState) {
        self.state = state;
    }

    /// How many commands it has executed, those that changed nothing included: a double execution shows.
    pub const fn applied_count(&self) -> u64 {
        self.applied
    }

    /// The running number for the next announcement.
    pub const fn next_sno(&mut self) -> u32 {
        self.announced = self.announced.wrapping_add(1);
        self.announced
    }

    /// Executes the request with this operation and data. Repetitions have been sorted out before.
    ///
    /// It announces its state after whatever sets it. It fails what is for somebody else, and what a lamp does not have.
    pub fn handle(&mut self, op: u8, data: &[u8]) -> Reaction {
        let command = Command::parse(op, data)
            .filter(|command| self.is_meant_by(command) && self.execute(command));
        let Some(command) = command else { return Reaction { status: FAILED, announce: None } };
        self.applied += u64::from(command.destination().is_some());
        let announce = (!command.attributes().is_empty()).then(|| self.announcement());
        Reaction { status: StatusCode::OK, announce }
    }

    fn is_meant_by(&self, command: &Command) -> bool {
        command.destination().is_none_or(|to| {
            let is_member = to.group_number().is_some_and(|group| self.groups.contains(&group));
            to.includes(self.address.into()) || is_member
        })
    }

    /// Whether a lamp can do it; then it is done.
    fn execute(&mut self, command: &Command) -> bool {
        match *command {
            Command::Power { on, .. } => self.state.on = on,
            Command::Brightness { brightness, .. } => self.state.brightness = brightness.get(),
            // A model without a clock is at the end of the way at once.
            Command::Fade { level, .. } => {
                self.state.brightness = u8::try_from(level.get() / 10).unwrap_or(u8::MAX);
            }
            Command::Temperature { temperature, .. } => self.shine(Colour::White(temperature)),
            Command::Rgb { rgb, .. } => self.shine(Colour::Rgb(rgb)),
            Command::Effect { .. } => self.state.color_mode = MODE_EFFECT,
            Command::Combined { on, brightness, colour, .. } => {
                self.state.on = on;
                if let Some(brightness) = brightness {
                    self.state.brightness = brightness.get();
                }
                if let Some(colour) = colour {
                    self.shine(colour);
                }
            }
            Command::JoinGroup { group, .. } => {
                self.groups.insert(group);
            }
            Command::LeaveGroup { group, .. } => {
                self.groups.remove(&group);
            }
            Command::MeshQuery { .. } | Command::PageReceived => {}
            _ => return false,
        }
        true
    }

    const fn shine(&mut self, colour: Colour) {
        match colour {
            Colour::White(white) => self.state.color_mode = white.get(),
            Colour::Rgb(rgb) => {
                self.state.color_mode = MODE_RGB;
                self.state.rgb = rgb.0;
            }
        }
    }

    /// What it announces of its state.
    pub fn announcement(&self) -> StatusAnnouncement {
        let DeviceState { on, brightness, color_mode, rgb, online } = self.state;
        let device = u16::from(self.address);
        StatusAnnouncement { device, reachable: online, on, brightness, color_mode, rgb }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cync_core::wire::{
        Brightness, Destination, DeviceStatus, Effect, Level, Light, MeshId, Rgb, SwitchMode,
        Temperature,
    };

    const ME: u8 = 5;

    fn me() -> Destination {
        MeshId::new(ME).unwrap().into()
    }

    fn ask(device: &mut Device, command: Command) -> Reaction {
        device.handle(command.op(), &command.data(7))
    }

    /// What a device announces after it has executed `command`.
    fn shown(device: &mut Device, command: Command) -> DeviceStatus {
        let applied = device.applied_count();
        let reaction = ask(device, command);
        assert!(reaction.status.is_ok(), "{command}");
        assert_eq!(device.applied_count(), applied + 1, "{command}");
        DeviceStatus::of_announcement(&reaction.announce.unwrap()).unwrap()
    }

    #[test]
    fn every_lamp_command_sets_what_it_says_and_nothing_else() {
        let to = me();
        let brightness = Brightness::new(40).unwrap();
        let temperature = Temperature::new(70).unwrap();
        let rgb = Rgb([1, 2, 3]);
        let mut lamp = Device::new(ME);
        let mut expected = DeviceStatus {
            device: MeshId::new(ME).unwrap(),
            outlet: None,
            online: true,
            on: true,
            brightness: Some(Brightness::MAX),
            light: Some(Light::White(Temperature::MIN)),
            product: None,
            reporter: None,
        };
        assert_eq!(shown(&mut lamp, Command::Power { to, on: true }), expected);
        expected.brightness = Some(brightness);
        assert_eq!(shown(&mut lamp, Command::Brightness { to, brightness }), expected);
        expected.light = Some(Light::White(temperature));
        assert_eq!(shown(&mut lamp, Command::Temperature { to, temperature }), expected);
        expected.light = Some(Light::Rgb(rgb));
        assert_eq!(shown(&mut lamp, Command::Rgb { to, rgb }), expected);
        expected.light = Some(Light::Effect);
        assert_eq!(shown(&mut lamp, Command::Effect { to, effect: Effect::Vegas }), expected);
        expected.brightness = Some(Brightness::new(12).unwrap());
        let level = Level::new(125).unwrap();
        assert_eq!(shown(&mut lamp, Command::Fade { to, level, over_ms: 9 }), expected);
        expected.on = false;
        assert_eq!(shown(&mut lamp, Command::Power { to, on: false }), expected);
    }

    #[test]
    fn a_combined_command_keeps_what_it_does_not_set() {
        let to = me();
        let mut lamp = Device::new(ME);
        let rgb = Colour::Rgb(Rgb([9, 8, 7]));
        let dim = Brightness::new(3).ok();
        let all = Command::Combined { to, on: true, brightness: dim, colour: Some(rgb) };
        let first = shown(&mut lamp, all);
        assert_eq!((first.brightness, first.light), (dim, Some(Light::Rgb(Rgb([9, 8, 7])))));
        let off = Command::Combined { to, on: false, brightness: None, colour: None };
        assert_eq!(shown(&mut lamp, off), DeviceStatus { on: false, ..first });
        let white = Some(Colour::White(Temperature::MAX));
        let white = Command::Combined { to, on: false, brightness: None, colour: white };
        let light = Some(Light::White(Temperature::MAX));
        assert_eq!(shown(&mut lamp, white), DeviceStatus { on: false, light, ..first });
    }

    #[test]
    fn a_group_is_obeyed_by_its_members_only() {
        let group = Group::new(3).unwrap();
        let on = Command::Power { to: group.into(), on: true };
        let mut lamp = Device::new(ME);
        assert_eq!(ask(&mut lamp, on).status, FAILED);
        let join = Command::JoinGroup { to: me(), group };
        assert_eq!(ask(&mut lamp, join), Reaction { status: StatusCode::OK, announce: None });
        assert!(shown(&mut lamp, on).on);
        let other = Command::Power { to: Group::new(4).unwrap().into(), on: false };
        assert_eq!(ask(&mut lamp, other).status, FAILED);
        assert!(ask(&mut lamp, Command::LeaveGroup { to: me(), group }).status.is_ok());
        assert_eq!(ask(&mut lamp, on).status, FAILED);
        assert_eq!(lamp.applied_count(), 3);
    }

    #[test]
    fn what_a_lamp_does_not_have_or_is_for_another_fails_and_is_not_counted() {
        let to = me();
        let mut lamp = Device::new(ME);
        let before = lamp.clone();
        for command in [
            Command::SwitchMode { to, mode: SwitchMode::Smart },
            Command::ReadSettings { to },
            Command::Power { to: MeshId::new(ME + 1).unwrap().into(), on: true },
            Command::Power { to: Destination::outlet(ME, 1).unwrap(), on: true },
        ] {
            let failed = Reaction { status: FAILED, announce: None };
            assert_eq!(ask(&mut lamp, command), failed, "{command}");
        }
        assert_eq!(lamp.handle(0x99, &[]).status, FAILED);
        assert_eq!(lamp, before);
    }

    #[test]
    fn a_query_is_done_and_is_no_execution() {
        let mut lamp = Device::new(ME);
        for command in [Command::QUERY_ALL, Command::PageReceived] {
            let done = Reaction { status: StatusCode::OK, announce: None };
            assert_eq!(ask(&mut lamp, command), done);
        }
        assert_eq!(lamp.applied_count(), 0);
    }

    #[test]
    fn a_command_for_all_is_executed_and_announced() {
        let mut lamp = Device::new(ME);
        assert!(shown(&mut lamp, Command::Power { to: Destination::ALL, on: true }).on);
    }
}
