use crate::auth::{self, AuthError};
use crate::exit::Exit;
use crate::{arg, complain, hex};
use clap::{ArgGroup, Subcommand};
use cync_core::wire::{
    Channel, Command, Destination, Endpoint, Frame, Login, MAX_PACKET, MsgId, Packet, Prefix,
    Secret, mask_secrets,
};
use std::io::Write;
use std::path::PathBuf;

/// The seconds of silence that devices announce in their greeting.
const KEEPALIVE_S: u16 = 60;
/// Write one packet as hex digits.
///
/// An endpoint is hex with 0x or when it has exactly eight hex digits, otherwise decimal. Other numbers are decimal, or
/// hex with 0x.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// A command that switches a device or a group on or off (0x73)
    Power(Power),
    /// A command that asks for the state of all devices behind a bridge (0x73)
    Query(Ids),
    /// A greeting (0x23); its code comes from CYNC_AUTH_CODE or a file
    Hello(Hello),
    /// A sign of life (0xd3)
    Heartbeat,
}

#[derive(clap::Args)]
struct Ids {
    /// The endpoint in the packet's prefix
    #[arg(long, value_name = "HEX|U32", default_value = "0", value_parser = arg::endpoint)]
    endpoint: Endpoint,
    /// The message number
    #[arg(long, value_name = "N", default_value = "1", value_parser = arg::u16)]
    msg_id: u16,
    /// The frame's counter, which the result repeats
    #[arg(long, value_name = "N", default_value = "1", value_parser = arg::u32)]
    counter: u32,
}

#[derive(clap::Args)]
#[command(group(ArgGroup::new("state").required(true)))]
struct Power {
    #[command(flatten)]
    ids: Ids,
    /// The device's mesh address, 1 to 254 [default: 1]
    #[arg(long, value_name = "N", value_parser = device)]
    device: Option<Destination>,
    /// A group instead of a device, 0 to 32766
    #[arg(long, value_name = "N", value_parser = group, conflicts_with = "device")]
    group: Option<Destination>,
    /// Switch on
    #[arg(long, group = "state")]
    on: bool,
    /// Switch off
    #[arg(long, group = "state")]
    off: bool,
}

#[derive(clap::Args)]
struct Hello {
    /// The sender's own endpoint
    #[arg(long, value_name = "HEX|U32", default_value = "0", value_parser = arg::endpoint)]
    endpoint: Endpoint,
    /// A file with the authentication code; wins over CYNC_AUTH_CODE
    #[arg(long, value_name = "FILE")]
    auth_file: Option<PathBuf>,
    /// Write the authentication code instead of stars
    #[arg(long)]
    show_secrets: bool,
}

fn device(text: &str) -> Result<Destination, &'static str> {
    text.parse().ok().and_then(Destination::device).ok_or("not a device: give 1 to 254")
}

fn group(text: &str) -> Result<Destination, &'static str> {
    text.parse().ok().and_then(Destination::group).ok_or("not a group: give 0 to 32766")
}

/// Runs `cync encode`.
pub(crate) fn run(args: &Args) -> Exit {
    match &args.what {
        What::Power(power) => {
            let first = Destination::device(1).unwrap_or(Destination::ALL);
            let to = power.group.or(power.device).unwrap_or(first);
            request(&power.ids, Command::Power { to, on: power.on })
        }
        What::Query(ids) => request(ids, Command::QUERY_ALL),
        What::Hello(hello) => greeting(hello),
        What::Heartbeat => write(&Packet::HeartbeatDev, true),
    }
}

fn request(ids: &Ids, command: Command) -> Exit {
    let data = command.data(ids.counter);
    let frame = Frame::request(ids.counter, command.op(), &data);
    let prefix = Prefix { endpoint: ids.endpoint, msg_id: MsgId(ids.msg_id), flag: 0 };
    write(&Packet::DataChannel(Channel { prefix, frame }), true)
}

fn greeting(hello: &Hello) -> Exit {
    let (code, is_secret) = match auth::code(hello.auth_file.as_deref()) {
        Ok(Some(code)) => (code, true),
        Ok(None) => {
            let variable = auth::VARIABLE;
            complain(format_args!(
                "no authentication code: sixteen zeros stand for it; set {variable} or --auth-file"
            ));
            (auth::PLACEHOLDER.to_vec(), false)
        }
        Err(error @ AuthError::Unreadable { .. }) => return complain(error),
        Err(error @ AuthError::Malformed) => {
            complain(error);
            return Exit::Usage;
        }
    };
    let show = hello.show_secrets || !is_secret;
    if !show {
        complain("the authentication code is masked; --show-secrets writes it");
    }
    let login = Login::new(hello.endpoint, Secret::new(&code), KEEPALIVE_S);
    write(&Packet::Handshake(login), show)
}

fn write(packet: &Packet<'_>, show_secrets: bool) -> Exit {
    let mut out = [0; MAX_PACKET];
    let bytes = match packet.encode(&mut out) {
        Ok(len) => out.get_mut(..len).unwrap_or_default(),
        Err(error) => return complain(error),
    };
    if !show_secrets {
        mask_secrets(bytes);
    }
    let digits = hex::encode(bytes.iter().copied());
    match writeln!(std::io::stdout(), "{digits}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            complain(format_args!("cannot write: {error}"))
        }
        _ => Exit::Done,
    }
}
