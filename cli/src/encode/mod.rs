//! `cync encode`: one packet as hex digits.

mod request;

use crate::auth::{self, AuthError};
use crate::exit::Exit;
use crate::{arg, complain, hex};
use clap::Subcommand;
use cync_core::wire::{
    Channel, Command, Endpoint, Frame, Login, MAX_PACKET, MsgId, Packet, Prefix, Secret,
    mask_secrets,
};
use std::io::Write;
use std::path::PathBuf;

/// The seconds of silence that devices announce in their greeting.
const KEEPALIVE_S: u16 = 60;
const EXAMPLES: &str = "\
Examples:
  cync encode power --device 5 --on
  cync encode brightness 40 --group 3
  cync encode set --device 5 --on --brightness 40 --rgb 00fbff
  cync encode effect candle --all
  cync encode query --offset 31 | cync decode -
";

/// Write one packet as hex digits
///
/// An endpoint is hex with 0x or when it has exactly eight hex digits, otherwise decimal. Other numbers are decimal, or
/// hex with 0x. A value that is out of its range is refused with its range.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    #[command(flatten)]
    Request(request::Request),
    /// Ask whether a device takes commands (0xa3)
    #[command(after_help = "Examples:\n  cync encode probe --endpoint 45880f3a\n")]
    Probe(Ids),
    /// Greet (0x23); the code comes from CYNC_AUTH_CODE or a file
    #[command(
        after_help = "Examples:\n  cync encode hello --endpoint 45880f3a --auth-file code.txt\n"
    )]
    Hello(Hello),
    /// Give a sign of life (0xd3)
    #[command(after_help = "Examples:\n  cync encode heartbeat | cync decode -\n")]
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
}

impl Ids {
    const fn prefix(&self) -> Prefix {
        Prefix { endpoint: self.endpoint, msg_id: MsgId(self.msg_id), flag: 0 }
    }
}

#[derive(clap::Args)]
struct FrameIds {
    #[command(flatten)]
    ids: Ids,
    /// The frame's counter, which the result repeats
    #[arg(long, value_name = "N", default_value = "1", value_parser = arg::u32)]
    counter: u32,
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

/// Runs `cync encode`.
pub(crate) fn run(args: &Args) -> Exit {
    match &args.what {
        What::Request(request) => write_request(request.ids(), request.command()),
        What::Probe(ids) => write(&Packet::Probe { prefix: ids.prefix(), extra: None }, true),
        What::Hello(hello) => greeting(hello),
        What::Heartbeat => write(&Packet::HeartbeatDev, true),
    }
}

fn write_request(to: &FrameIds, command: Command) -> Exit {
    let data = command.data(to.counter);
    let frame = Frame::request(to.counter, command.op(), &data);
    write(&Packet::DataChannel(Channel { prefix: to.ids.prefix(), frame }), true)
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
