use cync_core::Instant;
use cync_runtime::{Address, Runtime, Timer, socket};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

/// Later than anything is waited for; tokio's clock cannot tell much later instants.
const NEVER: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// Tokio, whose runtime is entered where this is used.
#[derive(Clone, Copy, Debug)]
pub struct Tokio {
    start: tokio::time::Instant,
}

impl Default for Tokio {
    /// Its time begins now.
    fn default() -> Self {
        Self { start: tokio::time::Instant::now() }
    }
}

impl Timer for Tokio {
    type Sleep = Pin<Box<tokio::time::Sleep>>;

    fn now(&self) -> Instant {
        Instant::ZERO + self.start.elapsed()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        let at = self.start + at.since(Instant::ZERO).min(NEVER);
        Box::pin(tokio::time::sleep_until(at))
    }
}

impl Runtime for Tokio {
    type Stream = Compat<TcpStream>;
    type Acceptor = TcpListener;

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }

    async fn resolve(&self, address: &Address) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host(address.to_string()).await?.collect())
    }

    async fn dial(&self, to: SocketAddr) -> io::Result<Self::Stream> {
        let stream = TcpStream::connect(to).await?;
        socket::tune(&stream)?;
        Ok(stream.compat())
    }

    async fn bind(&self, on: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::bind(on).await
    }

    fn local_addr(&self, acceptor: &TcpListener) -> io::Result<SocketAddr> {
        acceptor.local_addr()
    }

    async fn accept(&self, acceptor: &TcpListener) -> io::Result<(Self::Stream, SocketAddr)> {
        let (stream, peer) = acceptor.accept().await?;
        socket::tune_accepted(&stream)?;
        Ok((stream.compat(), peer))
    }
}
