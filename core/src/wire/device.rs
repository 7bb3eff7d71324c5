use super::{
    Brightness, Datapoints, Meaning, MeshId, MeshRecord, Outlet, PacketType, Rgb,
    StatusAnnouncement, StatusRecord, Temperature,
};
use core::fmt;

/// The state of a device, whichever packet it came in (`docs/protocol.md`, sections 5 and 6).
///
/// | made by | from |
/// |---|---|
/// | [`DeviceStatus::of_announcement`] | a `0x83`: one device announces itself |
/// | [`DeviceStatus::of_datapoint`] | a `0x43`: a bridge reports of some devices |
/// | [`DeviceStatus::of_record`] | a page of a mesh query's result: a bridge lists the devices behind it |
///
/// Each of them is `None` if what it is made from is about no device.
///
/// ```
/// use cync_core::wire::{Brightness, DeviceStatus, Light, StatusAnnouncement, Temperature};
///
/// let announced = StatusAnnouncement {
///     device: 5, reachable: true, on: true, brightness: 80, color_mode: 30, rgb: [0; 3],
/// };
/// let status = DeviceStatus::of_announcement(&announced).ok_or("no device")?;
/// assert_eq!(status.brightness, Brightness::new(80).ok());
/// assert_eq!(status.light, Temperature::new(30).ok().map(Light::White));
/// assert_eq!(status.to_string(), "device 5 on, brightness 80, white 30");
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceStatus {
    /// Whose state it is.
    pub device: MeshId,
    /// Of which of its outlets. A `0x43` cannot say.
    pub outlet: Option<Outlet>,
    /// Whether the mesh reaches the device.
    pub online: bool,
    /// On or off.
    pub on: bool,
    /// How bright it is, or will be once it is on. `None` if it is no percentage, as that of a device with several outlets, and
    /// in a `0x43` while it is off.
    pub brightness: Option<Brightness>,
    /// With what it shines, or will; `None` if it has no such thing.
    pub light: Option<Light>,
    /// The product type. Only the bridge itself says it, in a mesh page.
    pub product: Option<u8>,
    /// The device that reports. Only a `0x43` says it.
    pub reporter: Option<MeshId>,
}

/// What a device shines with.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Light {
    /// A white.
    White(Temperature),
    /// A colour.
    Rgb(Rgb),
    /// A light show.
    Effect,
    /// A mode that is not known.
    Other(u8),
}

impl Light {
    const RGB: u8 = 0xfe;
    const EFFECT: u8 = 0x81;
    const NONE: u8 = 0xff;

    const fn of(mode: u8, rgb: [u8; 3]) -> Option<Self> {
        Some(match (mode, Temperature::new(mode)) {
            (_, Ok(white)) => Self::White(white),
            (Self::RGB, _) => Self::Rgb(Rgb(rgb)),
            (Self::EFFECT, _) => Self::Effect,
            (Self::NONE, _) => return None,
            _ => Self::Other(mode),
        })
    }
}

impl DeviceStatus {
    /// All that a message says of devices: a `0x83` of one, a `0x43` and a page of a mesh query of several.
    pub fn all_in<'a>(
        kind: PacketType,
        meaning: Option<Meaning<'a>>,
        data: &'a [u8],
    ) -> impl Iterator<Item = Self> + use<'a> {
        let reported = (kind == PacketType::DeviceInfo).then(|| Datapoints::new(data));
        let reported = reported.into_iter().flatten().filter_map(|point| point.as_status());
        let announced = match meaning {
            Some(Meaning::DeviceStatus(_, announced)) => Self::of_announcement(&announced),
            _ => None,
        };
        let page = match meaning {
            Some(Meaning::MeshPage(page)) => Some(page.records()),
            _ => None,
        };
        reported
            .filter_map(|record| Self::of_datapoint(&record))
            .chain(announced)
            .chain(page.into_iter().flatten().filter_map(|record| Self::of_record(&record)))
    }

    /// What a device announces of itself, or a bridge of another one.
    pub fn of_announcement(announced: &StatusAnnouncement) -> Option<Self> {
        let StatusAnnouncement { device, reachable, on, brightness, color_mode, rgb } = *announced;
        let (device, outlet) = parties(device)?;
        Some(Self {
            device,
            outlet,
            online: reachable,
            on,
            brightness: Brightness::new(brightness).ok(),
            light: Light::of(color_mode, rgb),
            product: None,
            reporter: None,
        })
    }

    /// What a bridge reports in a `0x43`. A brightness of zero is left out: it is what devices report while they are off,
    /// whatever they will shine with.
    pub fn of_datapoint(record: &StatusRecord) -> Option<Self> {
        let StatusRecord { device, on, brightness, color_mode, rgb, reachable, reporter, .. } =
            *record;
        let on = on != 0;
        Some(Self {
            device: MeshId::new(device).ok()?,
            outlet: None,
            online: reachable != 0,
            on,
            brightness: Brightness::new(brightness).ok().filter(|b| on || *b != Brightness::MIN),
            light: Light::of(color_mode, rgb),
            product: None,
            reporter: MeshId::new(reporter).ok(),
        })
    }

    /// What a bridge lists.
    pub fn of_record(record: &MeshRecord) -> Option<Self> {
        let MeshRecord { device, device_type, reachable, on, brightness, color_mode, rgb } =
            *record;
        let (device, outlet) = parties(device)?;
        Some(Self {
            device,
            outlet,
            online: reachable,
            on,
            brightness: Brightness::new(brightness).ok(),
            light: Light::of(color_mode, rgb),
            product: (device_type != 0).then_some(device_type),
            reporter: None,
        })
    }
}

/// The device and the outlet that a mesh address means.
fn parties(address: u16) -> Option<(MeshId, Option<Outlet>)> {
    let to = super::Destination::of_address(address)?;
    Some((to.device_id()?, to.outlet_number()))
}

impl fmt::Display for DeviceStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, outlet, online, on, brightness, light, product, reporter: _ } = self;
        write!(f, "device {device}")?;
        if let Some(outlet) = outlet {
            write!(f, " outlet {outlet}")?;
        }
        f.write_str(if *on { " on" } else { " off" })?;
        if let Some(brightness) = brightness {
            write!(f, ", brightness {brightness}")?;
        }
        match light {
            Some(Light::White(white)) => write!(f, ", white {white}")?,
            Some(Light::Rgb(rgb)) => write!(f, ", rgb {rgb}")?,
            Some(Light::Effect) => write!(f, ", effect")?,
            Some(Light::Other(mode)) => write!(f, ", mode {mode:02x}")?,
            None => {}
        }
        if let Some(product) = product {
            write!(f, ", product {product}")?;
        }
        if *online { Ok(()) } else { write!(f, ", unreachable") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    const ANNOUNCED: StatusAnnouncement = StatusAnnouncement {
        device: 0x0205,
        reachable: true,
        on: true,
        brightness: 100,
        color_mode: 0xfe,
        rgb: [1, 2, 3],
    };

    #[test]
    fn every_mode_is_one_kind_of_light() {
        for mode in 0..=u8::MAX {
            let expected = match mode {
                0..=100 => Some(Light::White(Temperature::new(mode).unwrap())),
                0x81 => Some(Light::Effect),
                0xfe => Some(Light::Rgb(Rgb([1, 2, 3]))),
                0xff => None,
                _ => Some(Light::Other(mode)),
            };
            assert_eq!(Light::of(mode, [1, 2, 3]), expected, "{mode:02x}");
        }
    }

    #[test]
    fn an_address_that_is_no_devices_has_no_status() {
        for address in 0..=u16::MAX {
            let [outlet, device] = address.to_be_bytes();
            let announced = StatusAnnouncement { device: address, ..ANNOUNCED };
            let status = DeviceStatus::of_announcement(&announced);
            let is_device = (1..=254).contains(&device) && outlet <= 126;
            assert_eq!(status.is_some(), is_device, "{address:04x}");
            if let Some(status) = status {
                assert_eq!(status.device.get(), device);
                assert_eq!(status.outlet, Outlet::new(outlet).ok());
            }
        }
    }

    #[test]
    fn a_brightness_that_is_no_percentage_is_left_out() {
        let announced = StatusAnnouncement { brightness: 101, ..ANNOUNCED };
        let status = DeviceStatus::of_announcement(&announced).unwrap();
        assert_eq!(status.brightness, None);
    }

    #[test]
    fn a_status_says_what_is_known_and_nothing_else() {
        let whole = DeviceStatus::of_announcement(&ANNOUNCED).unwrap();
        assert_eq!(whole.to_string(), "device 5 outlet 2 on, brightness 100, rgb 010203");
        let least = DeviceStatus {
            outlet: None,
            online: false,
            on: false,
            brightness: None,
            light: None,
            ..whole
        };
        assert_eq!(least.to_string(), "device 5 off, unreachable");
        let bridge = DeviceStatus { product: Some(81), light: Some(Light::Effect), ..least };
        assert_eq!(bridge.to_string(), "device 5 off, effect, product 81, unreachable");
        let odd = DeviceStatus { light: Some(Light::Other(0x90)), ..least };
        assert_eq!(odd.to_string(), "device 5 off, mode 90, unreachable");
    }
}
