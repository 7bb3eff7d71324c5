//! The other side of a connection, as an argument.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;
use tokio::net::{TcpStream, lookup_host};

/// Nobody waits longer than this for a connection.
const DIAL_LIMIT: Duration = Duration::from_secs(10);

/// Who is dialled: a name or an IP address, and a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Target {
    host: String,
    port: u16,
}

/// Why a target is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error(
    "not a target: write the host, a colon and a port from 1 to 65535, as in 192.168.1.50:9000 or [::1]:9000"
)]
pub(crate) struct NoTarget;

impl FromStr for Target {
    type Err = NoTarget;

    fn from_str(text: &str) -> Result<Self, NoTarget> {
        let (host, port) = text.rsplit_once(':').ok_or(NoTarget)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        let is_host = !host.is_empty() && (bare.is_some() || !host.contains(':'));
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|port| *port > 0 && digits);
        match port {
            Some(port) if is_host => Ok(Self { host: host.to_owned(), port }),
            _ => Err(NoTarget),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

impl Target {
    /// Its addresses at present.
    pub(crate) async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let found: Vec<_> = lookup_host((&*self.host, self.port)).await?.collect();
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        Ok(found)
    }

    /// A connection to it.
    pub(crate) async fn dial(&self) -> io::Result<TcpStream> {
        let dial = TcpStream::connect((&*self.host, self.port));
        match tokio::time::timeout(DIAL_LIMIT, dial).await {
            Ok(dialled) => dialled,
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer within 10s")),
        }
    }
}

/// Whether a connection to this address would come back to whoever listens there.
pub(crate) fn comes_back(listen: SocketAddr, target: SocketAddr) -> bool {
    let here = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
    let any = listen.ip().is_unspecified() || target.ip().is_unspecified();
    listen.port() == target.port()
        && (listen.ip() == target.ip() || any && here(listen.ip()) && here(target.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_host_and_a_port() {
        for text in ["lamp.local:9000", "127.0.0.1:1", "[::1]:65535"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        for text in
            ["", "lamp", ":9000", "lamp:", "lamp:0", "lamp:65536", "lamp:+1", "::1:9000", "[]:9"]
        {
            assert_eq!(text.parse::<Target>(), Err(NoTarget), "{text}");
        }
    }

    #[test]
    fn a_target_that_is_the_tap_itself_is_noticed() {
        let comes_back = |listen: &str, target: &str| {
            super::comes_back(listen.parse().unwrap(), target.parse().unwrap())
        };
        assert!(comes_back("127.0.0.1:9000", "127.0.0.1:9000"));
        assert!(comes_back("0.0.0.0:9000", "127.0.0.1:9000"));
        assert!(comes_back("127.0.0.1:9000", "0.0.0.0:9000"));
        assert!(comes_back("[::]:9000", "[::1]:9000"));
        assert!(!comes_back("127.0.0.1:9000", "127.0.0.1:9001"));
        assert!(!comes_back("127.0.0.1:9000", "127.0.0.2:9000"));
        assert!(!comes_back("0.0.0.0:9000", "192.0.2.1:9000"));
    }
}
