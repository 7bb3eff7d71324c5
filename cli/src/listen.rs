//! The address of `--listen`.

use std::io;
use std::net::SocketAddr;

/// An IP address and a port.
pub(crate) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| {
        "not an address to listen on: write an IP address, a colon and a port, as in 127.0.0.1:9001"
    })
}

/// Says what to do about an address that cannot be listened on.
pub(crate) fn cannot_listen(listen: SocketAddr, error: &io::Error) -> String {
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there; choose another port in --listen, or 0 for any free one"
        }
        io::ErrorKind::PermissionDenied => "choose a port above 1023",
        io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address; choose another in --listen, or 0.0.0.0"
        }
        _ => "choose another --listen",
    };
    format!("cannot listen on {listen}: {error}; {remedy}")
}
