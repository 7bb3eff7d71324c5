use crate::{Device, Reaction};
use cync_core::wire::{StatusAnnouncement, StatusCode};

/// A device and the lamps behind it: requests that come on its connection are for any of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lamps {
    lamps: Vec<Device>,
    announced: u32,
}

impl Lamps {
    /// These lamps, of which nothing was announced.
    pub fn new(lamps: impl IntoIterator<Item = Device>) -> Self {
        Self { lamps: lamps.into_iter().collect(), announced: 0 }
    }

    /// Every lamp, in the order in which they were given.
    pub fn lamps(&self) -> &[Device] {
        &self.lamps
    }

    /// Hands a request to every lamp: it is done if one of them did it, and the last one that did announces its state.
    pub fn handle(&mut self, op: u8, data: &[u8]) -> Reaction {
        let mut all = Reaction { status: StatusCode(1), announce: None };
        for lamp in &mut self.lamps {
            let one = lamp.handle(op, data);
            if one.status.is_ok() {
                all = Reaction { status: StatusCode::OK, announce: one.announce.or(all.announce) };
            }
        }
        all
    }

    /// The data of an announcement, with the device's next running number.
    pub fn announce(&mut self, announcement: &StatusAnnouncement) -> [u8; 19] {
        self.announced = self.announced.wrapping_add(1);
        announcement.data(self.announced)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cync_core::wire::{Command, Destination};

    #[test]
    fn a_request_is_done_if_one_lamp_did_it_and_the_last_one_announces() {
        let mut lamps = Lamps::new([Device::new(1), Device::new(2)]);
        let mut ask = |to, on| {
            let command = Command::Power { to, on };
            lamps.handle(command.op(), &command.data(1))
        };
        let one = ask(Destination::device(1).unwrap(), true);
        assert!(one.status.is_ok());
        assert_eq!(one.announce.map(|it| (it.device, it.on)), Some((1, true)));
        let all = ask(Destination::ALL, true);
        assert_eq!(all.announce.map(|it| (it.device, it.on)), Some((2, true)));
        let nobody = ask(Destination::device(3).unwrap(), true);
        assert_eq!(nobody, Reaction { status: StatusCode(1), announce: None });
        assert_eq!(lamps.lamps().iter().map(Device::applied_count).collect::<Vec<_>>(), [2, 1]);
        let announcement = lamps.lamps()[0].announcement();
        let numbers = [(); 2].map(|()| lamps.announce(&announcement)[0]);
        assert_eq!(numbers, [1, 2]);
    }
}
