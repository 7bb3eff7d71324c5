//! What every TCP connection is set to.

use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::time::Duration;

/// How long nothing may pass before the operating system asks whether the peer is still there, and how often it asks.
const KEEP_ALIVE: (Duration, Duration, u32) = (Duration::from_secs(30), Duration::from_secs(10), 3);
/// How long the peer's system may leave bytes without an answer.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(60);

/// [`tune`]s a connection that was accepted.
///
/// # Errors
/// Those of the operating system, as [`ConnectionAborted`](io::ErrorKind::ConnectionAborted): some systems refuse it for a
/// connection that is gone already, which says nothing of the next one.
pub fn tune_accepted<'s, S>(socket: &'s S) -> io::Result<()>
where
    SockRef<'s>: From<&'s S>,
{
    tune(socket).map_err(|error| io::Error::new(io::ErrorKind::ConnectionAborted, error))
}

/// Sends small packets at once, and notices a peer that is gone.
///
/// # Errors
/// Those of the operating system.
pub fn tune<'s, S>(socket: &'s S) -> io::Result<()>
where
    SockRef<'s>: From<&'s S>,
{
    let socket = SockRef::from(socket);
    let (idle, interval, retries) = KEEP_ALIVE;
    let keep_alive = TcpKeepalive::new().with_time(idle);
    #[cfg(not(windows))]
    let keep_alive = keep_alive.with_interval(interval).with_retries(retries);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&keep_alive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accepted_socket_that_cannot_be_tuned_is_an_aborted_connection() -> io::Result<()> {
        let datagrams = std::net::UdpSocket::bind("127.0.0.1:0")?;
        let error = tune_accepted(&datagrams).err();
        assert_eq!(error.map(|it| it.kind()), Some(io::ErrorKind::ConnectionAborted));
        Ok(())
    }
}
