use super::{Group, MeshId, Outlet};
use core::fmt;

/// Whom a mesh command is for: a device, one of its outlets, a group, or all (`docs/protocol.md`, section 5).
///
/// ```text
/// 0, outlet 0 to 126 | device 1 to 254      one device, or one of its outlets
/// 1, group 0 to 7ffe                        a group
/// ffff                                      all
/// ```
///
/// [`MeshId`], [`Outlet`] and [`Group`] say why a number is none.
///
/// ```
/// use cync_core::wire::{Destination, MeshId};
///
/// let error = MeshId::new(255).unwrap_err();
/// assert_eq!(error.to_string(), "device 255 is out of range: 1 to 254");
/// assert_eq!(Destination::device(255), None);
/// assert_eq!(Destination::from(MeshId::new(5)?), Destination::device(5).ok_or(error)?);
/// # Ok::<(), cync_core::wire::ValueError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Destination(u16);

impl Destination {
    /// Every device.
    pub const ALL: Self = Self(0xffff);
    const GROUP: u16 = 0x8000;
    const MAX_OUTLET: u8 = Outlet::MAX.get();

    /// One device; `None` unless `device` is 1 to 254.
    pub const fn device(device: u8) -> Option<Self> {
        if matches!(device, 1..=254) { Some(Self(device as u16)) } else { None }
    }

    /// One outlet of a device that has several, or one gang of a switch; `None` unless `device` is 1 to 254 and `outlet` is 1
    /// to 126.
    pub const fn outlet(device: u8, outlet: u8) -> Option<Self> {
        match (MeshId::new(device), Outlet::new(outlet)) {
            (Ok(device), Ok(outlet)) => Some(Self::of_outlet(device, outlet)),
            _ => None,
        }
    }

    /// One outlet of a device, both known to be in range.
    pub const fn of_outlet(device: MeshId, outlet: Outlet) -> Self {
        Self(u16::from_be_bytes([outlet.get(), device.get()]))
    }

    /// One group; `None` if `group` is above 0x7ffe.
    pub const fn group(group: u16) -> Option<Self> {
        if group < 0x7fff { Some(Self(Self::GROUP | group)) } else { None }
    }

    /// The destination with this address on the wire; `None` if nobody can have it.
    pub const fn of_address(address: u16) -> Option<Self> {
        let [outlet, device] = address.to_be_bytes();
        match outlet {
            0..=Self::MAX_OUTLET if device != 0 && device != 255 => Some(Self(address)),
            0x80.. => Some(Self(address)),
            _ => None,
        }
    }

    /// The device, unless a group or all are meant.
    pub const fn device_id(self) -> Option<MeshId> {
        let [_, device] = self.0.to_be_bytes();
        match MeshId::new(device) {
            Ok(device) if !self.is_many() => Some(device),
            _ => None,
        }
    }

    /// The outlet, if one is meant.
    pub const fn outlet_number(self) -> Option<Outlet> {
        let [outlet, _] = self.0.to_be_bytes();
        match Outlet::new(outlet) {
            Ok(outlet) => Some(outlet),
            Err(_) => None,
        }
    }

    /// The group, if one is meant.
    pub const fn group_number(self) -> Option<Group> {
        match Group::new(self.0 ^ Self::GROUP) {
            Ok(group) if self.is_many() => Some(group),
            _ => None,
        }
    }

    /// The address as it stands on the wire.
    pub const fn address(self) -> u16 {
        self.0
    }

    /// Whether a device with mesh address `device` is meant, group membership aside.
    pub const fn includes(self, device: u16) -> bool {
        self.0 == device || self.0 == Self::ALL.0
    }

    /// Whether one device may be meant by both: they are equal, or one is a group or all, whose members are not known here,
    /// or one is a device and the other one of its outlets.
    ///
    /// Two outlets of a device do not overlap. That the address without an outlet means the whole device is inferred; to take
    /// it so errs on the safe side.
    pub const fn overlaps(self, other: Self) -> bool {
        let ([outlet, device], [other_outlet, other_device]) =
            (self.0.to_be_bytes(), other.0.to_be_bytes());
        self.0 == other.0
            || self.is_many()
            || other.is_many()
            || device == other_device && (outlet == 0 || other_outlet == 0)
    }

    pub(crate) const fn is_many(self) -> bool {
        self.0 & Self::GROUP != 0
    }
}

impl From<MeshId> for Destination {
    fn from(device: MeshId) -> Self {
        Self(device.get().into())
    }
}

impl From<Group> for Destination {
    fn from(group: Group) -> Self {
        Self(Self::GROUP | group.get())
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.device_id(), self.outlet_number(), self.group_number()) {
            (Some(device), Some(outlet), _) => write!(f, "outlet {outlet} of device {device}"),
            (Some(device), None, _) => write!(f, "device {device}"),
            (_, _, Some(group)) => write!(f, "group {group}"),
            _ => write!(f, "all devices"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn an_address_is_a_destination_exactly_if_a_constructor_makes_it() {
        let devices = || (0..=u8::MAX).filter_map(Destination::device);
        let outlets = (0..=u8::MAX)
            .flat_map(|device| (0..=u8::MAX).map(move |outlet| (device, outlet)))
            .filter_map(|(device, outlet)| Destination::outlet(device, outlet));
        let groups = (0..=u16::MAX).filter_map(Destination::group);
        let made: std::collections::BTreeSet<u16> = devices()
            .chain(outlets)
            .chain(groups)
            .chain([Destination::ALL])
            .map(Destination::address)
            .collect();
        for address in 0..=u16::MAX {
            let found = Destination::of_address(address);
            assert_eq!(found.map(Destination::address), made.get(&address).copied());
        }
        assert_eq!(made.len(), 254 + 254 * 126 + 0x7fff + 1);
    }

    #[test]
    fn destinations_overlap_exactly_where_one_device_may_be_meant_by_both() {
        let device = |device| Destination::device(device).unwrap();
        let outlet = |device, outlet| Destination::outlet(device, outlet).unwrap();
        let group = |group| Destination::group(group).unwrap();
        let all = Destination::ALL;
        for (one, other, overlap) in [
            (device(5), device(5), true),
            (device(5), device(6), false),
            (device(5), outlet(5, 2), true),
            (device(6), outlet(5, 6), false),
            (outlet(5, 2), outlet(5, 2), true),
            (outlet(5, 2), outlet(5, 1), false),
            (outlet(5, 2), outlet(6, 2), false),
            (device(5), group(5), true),
            (outlet(5, 1), group(0), true),
            (group(1), group(2), true),
            (device(5), all, true),
            (outlet(5, 1), all, true),
            (group(1), all, true),
            (all, all, true),
        ] {
            assert_eq!(one.overlaps(other), overlap, "{one:?} {other:?}");
            assert_eq!(other.overlaps(one), overlap, "{other:?} {one:?}");
        }
    }

    #[test]
    fn a_destination_says_who_is_meant() {
        for (to, says) in [
            (Destination::from(MeshId::new(254).unwrap()), "device 254"),
            (Destination::outlet(5, 126).unwrap(), "outlet 126 of device 5"),
            (Destination::from(Group::MIN), "group 0"),
            (Destination::from(Group::MAX), "group 32766"),
            (Destination::ALL, "all devices"),
        ] {
            assert_eq!(to.to_string(), says);
        }
        assert_eq!(Destination::from(Group::MAX).address(), 0xfffe);
        assert_eq!(Destination::from(MeshId::MAX).address(), 0x00fe);
    }
}
