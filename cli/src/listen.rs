//! Where a command listens, and what to do if it cannot.

use std::io;
use std::net::SocketAddr;

/// An IP address and a port.
pub(crate) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| {
        "not an address to listen on: write an IP address, a colon and a port, as in 127.0.0.1:9001"
    })
}

/// The options that say where to listen, as a remedy names them.
pub(crate) struct Flags {
    pub(crate) port: &'static str,
    pub(crate) address: &'static str,
}

/// The options of a command with `--listen`.
pub(crate) const LISTEN: Flags = Flags { port: "port in --listen", address: "--listen" };

impl Flags {
    /// Why it cannot be listened there, and what to do about it.
    pub(crate) fn remedy(&self, listen: SocketAddr, error: &io::Error) -> String {
        let Self { port, address } = self;
        let remedy = match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!(
                    "another program listens there; choose another {port}, or 0 for any free one"
                )
            }
            io::ErrorKind::PermissionDenied => format!("choose a {port} above 1023"),
            io::ErrorKind::AddrNotAvailable => {
                format!("this machine does not have that address; check {address}")
            }
            _ => format!("choose another {address}"),
        };
        format!("{listen}: {error}; {remedy}")
    }

    /// The same as a whole line.
    pub(crate) fn cannot_listen(&self, listen: SocketAddr, error: &io::Error) -> String {
        format!("cannot listen on {}", self.remedy(listen, error))
    }
}
