//! The typed commands as subcommands.

use super::FrameIds;
use crate::arg;
use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use cync_core::wire::{
    Brightness, Colour, Command, Destination, Effect, Group, Indicator, IndicatorBrightness,
    IndicatorColour, IndicatorMode, Level, MeshId, Outlet, Rgb, SwitchMode, Temperature,
};

/// All of them are a 0x73.
#[derive(Subcommand)]
pub(super) enum Request {
    /// Switch on or off
    #[command(
        after_help = "Examples:\n  cync encode power --device 5 --on\n  cync encode power --device 5 --outlet 2 --off\n"
    )]
    Power(Power),
    /// Set the brightness, and nothing else
    #[command(after_help = "Examples:\n  cync encode brightness 40 --group 3\n")]
    Brightness(BrightnessArgs),
    /// Change the brightness little by little
    #[command(after_help = "Examples:\n  cync encode fade 1000 --over-ms 2000 --device 5\n")]
    Fade(Fade),
    /// Shine in a white
    #[command(after_help = "Examples:\n  cync encode temperature 20 --device 5\n")]
    Temperature(TemperatureArgs),
    /// Shine in a colour
    #[command(after_help = "Examples:\n  cync encode rgb 00fbff --device 5\n")]
    Rgb(RgbArgs),
    /// Run a light show
    #[command(after_help = "Examples:\n  cync encode effect candle --all\n")]
    Effect(EffectArgs),
    /// Switch on or off and set brightness and colour, in one; what is not given is kept
    #[command(
        after_help = "Examples:\n  cync encode set --device 5 --on --brightness 40 --rgb 00fbff\n"
    )]
    Set(Set),
    /// Set what a wall switch does with its load
    #[command(after_help = "Examples:\n  cync encode switch-mode traditional --device 7\n")]
    SwitchMode(SwitchModeArgs),
    /// Set the little light of a wall switch
    #[command(
        after_help = "Examples:\n  cync encode indicator --mode 1 --colour 2 --brightness 50 --device 7\n"
    )]
    Indicator(IndicatorArgs),
    /// Make a device a member of a group
    #[command(after_help = "Examples:\n  cync encode join-group 3 --device 5\n")]
    JoinGroup(Membership),
    /// End a device's membership of a group
    #[command(after_help = "Examples:\n  cync encode leave-group 3 --device 5\n")]
    LeaveGroup(Membership),
    /// Ask for a device's settings
    #[command(after_help = "Examples:\n  cync encode read-settings --device 7\n")]
    ReadSettings(Mesh),
    /// Ask for a device's firmware
    #[command(after_help = "Examples:\n  cync encode read-firmware --device 7\n")]
    ReadFirmware(Mesh),
    /// Ask for the state of the devices behind a bridge
    #[command(after_help = "Examples:\n  cync encode query --offset 31 | cync decode -\n")]
    Query(Query),
    /// Confirm a page of a query's result
    #[command(after_help = "Examples:\n  cync encode page-received --msg-id 9\n")]
    PageReceived(FrameIds),
}

#[derive(clap::Args)]
pub(super) struct Mesh {
    #[command(flatten)]
    ids: FrameIds,
    #[command(flatten)]
    target: Target,
}

#[derive(clap::Args)]
#[group(multiple = true)]
struct Target {
    /// The device's mesh address, 1 to 254 [default: 1]
    #[arg(long, value_name = "N", value_parser = arg::value::<MeshId>)]
    device: Option<MeshId>,
    /// One outlet of the device, 1 to 126
    #[arg(long, value_name = "N", value_parser = arg::value::<Outlet>)]
    outlet: Option<Outlet>,
    /// A group instead of a device, 0 to 32766
    #[arg(long, value_name = "N", value_parser = arg::value::<Group>, conflicts_with_all = ["device", "outlet", "all"])]
    group: Option<Group>,
    /// Every device
    #[arg(long, conflicts_with_all = ["device", "outlet"])]
    all: bool,
}

impl Target {
    fn destination(&self) -> Destination {
        let device = self.device.unwrap_or(MeshId::MIN);
        match (self.all, self.group, self.outlet) {
            (true, _, _) => Destination::ALL,
            (_, Some(group), _) => group.into(),
            (_, _, Some(outlet)) => Destination::of_outlet(device, outlet),
            _ => device.into(),
        }
    }
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct State {
    /// Switch on
    #[arg(long)]
    on: bool,
    /// Switch off
    #[arg(long)]
    off: bool,
}

#[derive(clap::Args)]
pub(super) struct Power {
    #[command(flatten)]
    mesh: Mesh,
    #[command(flatten)]
    state: State,
}

#[derive(clap::Args)]
pub(super) struct BrightnessArgs {
    /// How bright, in percent, 0 to 100
    #[arg(value_name = "PERCENT", value_parser = arg::value::<Brightness>)]
    brightness: Brightness,
    #[command(flatten)]
    mesh: Mesh,
}

#[derive(clap::Args)]
pub(super) struct Fade {
    /// How bright in the end, in tenths of a percent, 0 to 1000
    #[arg(value_name = "TENTHS", value_parser = arg::value::<Level>)]
    level: Level,
    /// How long it takes, in milliseconds, 0 to 65535
    #[arg(long, value_name = "MS", default_value = "1000", value_parser = arg::u16)]
    over_ms: u16,
    #[command(flatten)]
    mesh: Mesh,
}

#[derive(clap::Args)]
pub(super) struct TemperatureArgs {
    /// Which white, 0 to 100 on the device's own scale; which end is warm is not known for sure
    #[arg(value_name = "WHITE", value_parser = arg::value::<Temperature>)]
    temperature: Temperature,
    #[command(flatten)]
    mesh: Mesh,
}

#[derive(clap::Args)]
pub(super) struct RgbArgs {
    /// Which colour, six hex digits
    #[arg(value_name = "RRGGBB", value_parser = arg::rgb)]
    rgb: Rgb,
    #[command(flatten)]
    mesh: Mesh,
}

#[derive(clap::Args)]
pub(super) struct EffectArgs {
    /// Which one
    #[arg(value_name = "NAME", value_parser = effects())]
    effect: Effect,
    #[command(flatten)]
    mesh: Mesh,
}

#[derive(clap::Args)]
pub(super) struct Set {
    #[command(flatten)]
    mesh: Mesh,
    #[command(flatten)]
    state: State,
    /// How bright, in percent, 0 to 100
    #[arg(long, value_name = "PERCENT", value_parser = arg::value::<Brightness>)]
    brightness: Option<Brightness>,
    /// Which white, 0 to 100
    #[arg(long, value_name = "WHITE", value_parser = arg::value::<Temperature>, conflicts_with = "rgb")]
    temperature: Option<Temperature>,
    /// Which colour, six hex digits
    #[arg(long, value_name = "RRGGBB", value_parser = arg::rgb)]
    rgb: Option<Rgb>,
}

#[derive(clap::Args)]
pub(super) struct SwitchModeArgs {
    /// Whether it cuts the current, or leaves that to smart lamps
    #[arg(value_name = "MODE", value_parser = switch_modes())]
    mode: SwitchMode,
    #[command(flatten)]
    mesh: Mesh,
}

#[derive(clap::Args)]
pub(super) struct IndicatorArgs {
    /// When it shines, 0 to 15; the meaning of the numbers is not known
    #[arg(long, value_name = "N", value_parser = arg::value::<IndicatorMode>)]
    mode: IndicatorMode,
    /// Its colour, 0 to 15; the meaning of the numbers is not known
    #[arg(long, value_name = "N", value_parser = arg::value::<IndicatorColour>)]
    colour: IndicatorColour,
    /// How bright it is, in percent, 1 to 100
    #[arg(long, value_name = "PERCENT", value_parser = arg::value::<IndicatorBrightness>)]
    brightness: IndicatorBrightness,
    /// Let it blink while there is no network
    #[arg(long)]
    wifi_blink: bool,
    #[command(flatten)]
    mesh: Mesh,
}

#[derive(clap::Args)]
pub(super) struct Membership {
    /// Which group, 0 to 32766
    #[arg(value_name = "GROUP", value_parser = arg::value::<Group>)]
    of: Group,
    #[command(flatten)]
    mesh: Mesh,
}

#[derive(clap::Args)]
pub(super) struct Query {
    #[command(flatten)]
    ids: FrameIds,
    /// How many records at most, 0 to 65535; 65535 is all
    #[arg(long, value_name = "N", default_value = "65535", value_parser = arg::u16)]
    limit: u16,
    /// The first record wanted, 0 to 65535
    #[arg(long, value_name = "N", default_value = "0", value_parser = arg::u16)]
    offset: u16,
}

fn effects() -> impl TypedValueParser<Value = Effect> {
    PossibleValuesParser::new(Effect::ALL.map(Effect::name))
        .try_map(|name| Effect::of_name(&name).ok_or("not an effect"))
}

fn switch_modes() -> impl TypedValueParser<Value = SwitchMode> {
    PossibleValuesParser::new(SwitchMode::ALL.map(SwitchMode::name))
        .try_map(|name| SwitchMode::of_name(&name).ok_or("not a mode"))
}

impl Request {
    /// What its packet is to be numbered with.
    pub(super) const fn ids(&self) -> &FrameIds {
        match self {
            Self::Query(Query { ids, .. }) | Self::PageReceived(ids) => ids,
            Self::Power(Power { mesh, .. })
            | Self::Brightness(BrightnessArgs { mesh, .. })
            | Self::Fade(Fade { mesh, .. })
            | Self::Temperature(TemperatureArgs { mesh, .. })
            | Self::Rgb(RgbArgs { mesh, .. })
            | Self::Effect(EffectArgs { mesh, .. })
            | Self::Set(Set { mesh, .. })
            | Self::SwitchMode(SwitchModeArgs { mesh, .. })
            | Self::Indicator(IndicatorArgs { mesh, .. })
            | Self::JoinGroup(Membership { mesh, .. })
            | Self::LeaveGroup(Membership { mesh, .. })
            | Self::ReadSettings(mesh)
            | Self::ReadFirmware(mesh) => &mesh.ids,
        }
    }

    /// The command that it stands for.
    pub(super) fn command(&self) -> Command {
        let to = |mesh: &Mesh| mesh.target.destination();
        match self {
            Self::Power(Power { mesh, state }) => Command::Power { to: to(mesh), on: state.on },
            Self::Brightness(BrightnessArgs { mesh, brightness }) => {
                Command::Brightness { to: to(mesh), brightness: *brightness }
            }
            Self::Fade(Fade { mesh, level, over_ms }) => {
                Command::Fade { to: to(mesh), level: *level, over_ms: *over_ms }
            }
            Self::Temperature(TemperatureArgs { mesh, temperature }) => {
                Command::Temperature { to: to(mesh), temperature: *temperature }
            }
            Self::Rgb(RgbArgs { mesh, rgb }) => Command::Rgb { to: to(mesh), rgb: *rgb },
            Self::Effect(EffectArgs { mesh, effect }) => {
                Command::Effect { to: to(mesh), effect: *effect }
            }
            Self::Set(Set { mesh, state, brightness, temperature, rgb }) => Command::Combined {
                to: to(mesh),
                on: state.on,
                brightness: *brightness,
                colour: temperature.map(Colour::White).or(rgb.map(Colour::Rgb)),
            },
            Self::SwitchMode(SwitchModeArgs { mesh, mode }) => {
                Command::SwitchMode { to: to(mesh), mode: *mode }
            }
            Self::Indicator(IndicatorArgs { mesh, mode, colour, brightness, wifi_blink }) => {
                let indicator = Indicator {
                    mode: *mode,
                    colour: *colour,
                    brightness: *brightness,
                    wifi_blink: *wifi_blink,
                };
                Command::Indicator { to: to(mesh), indicator }
            }
            Self::JoinGroup(Membership { mesh, of }) => {
                Command::JoinGroup { to: to(mesh), group: *of }
            }
            Self::LeaveGroup(Membership { mesh, of }) => {
                Command::LeaveGroup { to: to(mesh), group: *of }
            }
            Self::ReadSettings(mesh) => Command::ReadSettings { to: to(mesh) },
            Self::ReadFirmware(mesh) => Command::ReadFirmware { to: to(mesh) },
            Self::Query(Query { limit, offset, .. }) => {
                Command::MeshQuery { limit: *limit, offset: *offset }
            }
            Self::PageReceived(_) => Command::PageReceived,
        }
    }
}
