use cync_core::wire::{Command, StatusAnnouncement, StatusCode};

/// What a device reports of a command that it cannot carry out.
const FAILED: StatusCode = StatusCode(1);

/// What a device remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceState {
    /// On or off.
    pub on: bool,
    /// 0 to 100; kept while off.
    pub brightness: u8,
    /// White temperature 0 to 100, or 254 for colour.
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
        Self { address, state, applied: 0, announced: 0 }
    }

    /// What it remembers.
    pub const fn state(&self) -> DeviceState {
        self.state
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
    pub fn handle(&mut self, op: u8, data: &[u8]) -> Reaction {
        match Command::parse(op, data) {
            Some(Command::Power { to, on }) if to.includes(u16::from(self.address)) => {
                self.state.on = on;
                self.applied += 1;
                Reaction { status: StatusCode::OK, announce: Some(self.announcement()) }
            }
            Some(Command::MeshQuery { .. } | Command::PageReceived) => {
                Reaction { status: StatusCode::OK, announce: None }
            }
            _ => Reaction { status: FAILED, announce: None },
        }
    }

    fn announcement(&self) -> StatusAnnouncement {
        let DeviceState { on, brightness, color_mode, rgb, online } = self.state;
        let device = u16::from(self.address);
        StatusAnnouncement { device, reachable: online, on, brightness, color_mode, rgb }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cync_core::wire::Destination;

    fn power(to: Destination, on: bool) -> (u8, Vec<u8>) {
        let command = Command::Power { to, on };
        (command.op(), command.data(7).to_vec())
    }

    #[test]
    fn a_command_for_another_device_fails_and_is_not_counted() {
        let mut device = Device::new(1);
        let (op, data) = power(Destination::device(2).unwrap(), true);
        assert_eq!(device.handle(op, &data), Reaction { status: FAILED, announce: None });
        assert_eq!((device.applied_count(), device.state().on), (0, false));
    }

    #[test]
    fn a_command_for_all_is_executed_and_announced() {
        let mut device = Device::new(1);
        let (op, data) = power(Destination::ALL, true);
        let reaction = device.handle(op, &data);
        assert_eq!(reaction.announce.map(|status| (status.device, status.on)), Some((1, true)));
        assert_eq!((device.applied_count(), device.state().on), (1, true));
    }

    #[test]
    fn an_unknown_operation_fails() {
        assert_eq!(Device::new(1).handle(0x99, &[]).status, FAILED);
    }
}
