use super::feed::Probe;
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// After so long a silence the operating system asks whether the peer is still there: one that is gone would keep its place
/// for ever. One that does not read is, and may take its time.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// A socket of which everything that is read is noted, too.
#[derive(Debug)]
pub(super) struct Watched {
    stream: TcpStream,
    probe: Probe,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, probe: Probe) -> Self {
        // Without the first some packets are late; a connection that cannot have the second is relayed all the same.
        let _ = stream.set_nodelay(true);
        let keep_alive = TcpKeepalive::new().with_time(KEEP_ALIVE);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keep_alive);
        Self { stream, probe }
    }

    /// Closes it so that the other side sees a reset, not an end.
    pub(super) fn reset(self) {
        // If it cannot be, it is an end all the same.
        let _ = self.stream.set_zero_linger();
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { stream, probe } = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(stream).poll_read(context, buffer))?;
        probe.saw(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
