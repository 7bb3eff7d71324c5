//! Where a peer is.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// A host and a port: a socket address, or a name that has to be resolved.
///
/// ```
/// use cync_runtime::Address;
///
/// assert_eq!(Address::from("lamp.local:9000").to_string(), "lamp.local:9000");
/// assert_eq!(Address::from("192.168.1.5:9000"), Address::from(([192, 168, 1, 5], 9000)));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Address(Kind);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Kind {
    Socket(SocketAddr),
    Name(String),
}

impl Address {
    /// The socket address, if there is nothing to resolve.
    pub const fn socket_addr(&self) -> Option<SocketAddr> {
        match self.0 {
            Kind::Socket(addr) => Some(addr),
            Kind::Name(_) => None,
        }
    }
}

/// What it was made of, such that it can be made of it again.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Socket(addr) => addr.fmt(f),
            Kind::Name(name) => name.fmt(f),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Self(Kind::Socket(addr))
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for Address {
    fn from((host, port): (I, u16)) -> Self {
        SocketAddr::from((host.into(), port)).into()
    }
}

/// `host:port`.
impl From<String> for Address {
    fn from(name: String) -> Self {
        Self(name.parse().map_or(Kind::Name(name), Kind::Socket))
    }
}

/// `host:port`.
impl From<&str> for Address {
    fn from(name: &str) -> Self {
        name.to_owned().into()
    }
}

impl From<&Self> for Address {
    fn from(address: &Self) -> Self {
        address.clone()
    }
}

/// Whom a limit for each address counts as one: whoever has an address of IPv6 has all of its /64.
pub(crate) fn network(of: IpAddr) -> IpAddr {
    match of.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        ip => ip,
    }
}
