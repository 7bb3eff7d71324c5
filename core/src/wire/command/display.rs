use super::Command;
use core::fmt;

/// What is asked and of whom, as in `power on, device 5`.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fmt_request(f)?;
        match self.destination() {
            Some(to) => write!(f, ", {to}"),
            None => Ok(()),
        }
    }
}

impl Command {
    fn fmt_request(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Power { on, .. } => write!(f, "power {}", on_off(*on)),
            Self::Brightness { brightness, .. } => write!(f, "brightness {brightness}"),
            Self::Fade { level, over_ms, .. } => {
                let (whole, tenth) = (level.get() / 10, level.get() % 10);
                write!(f, "brightness {whole}.{tenth} in {over_ms} ms")
            }
            Self::Temperature { temperature, .. } => write!(f, "white {temperature}"),
            Self::Rgb { rgb, .. } => write!(f, "rgb {rgb}"),
            Self::Effect { effect, .. } => write!(f, "effect {}", effect.name()),
            Self::Combined { on, brightness, colour, .. } => {
                write!(f, "set {}", on_off(*on))?;
                if let Some(brightness) = brightness {
                    write!(f, " brightness {brightness}")?;
                }
                match colour {
                    Some(colour) => write!(f, " {colour}"),
                    None => Ok(()),
                }
            }
            Self::SwitchMode { mode, .. } => write!(f, "switch mode {}", mode.name()),
            Self::Indicator { indicator, .. } => {
                let blink = if indicator.wifi_blink { " blink" } else { "" };
                write!(f, "indicator mode {} colour {}", indicator.mode, indicator.colour)?;
                write!(f, " brightness {}{blink}", indicator.brightness)
            }
            Self::JoinGroup { group, .. } => write!(f, "join group {group}"),
            Self::LeaveGroup { group, .. } => write!(f, "leave group {group}"),
            Self::ReadSettings { .. } => write!(f, "read settings"),
            Self::ReadFirmware { .. } => write!(f, "read firmware"),
            Self::MeshQuery { limit, offset } => {
                write!(f, "mesh query limit={limit} offset={offset}")
            }
            Self::PageReceived => write!(f, "page received"),
        }
    }
}

const fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}
