//! The runtime async-std, which is discontinued.

use crate::clock::{Clock, Sleep};
use ::async_std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use ::async_std::task;
use cync_core::{Config, ConfigError, Instant};
use cync_runtime::{Address, Runtime, Timer, socket};
use futures_io::{AsyncRead, AsyncWrite};
use std::future::Future;
use std::io;
use std::net::SocketAddr;

/// async-std, whose executor starts when it is first used.
///
/// ```no_run
/// # async fn f(auth: cync_core::AuthCode) -> Result<(), Box<dyn std::error::Error>> {
/// use cync_async_std::Client;
/// use cync_core::wire::{Command, Destination, Endpoint};
/// use cync_core::{Config, Request, Stage};
///
/// let config = Config::greeter(Endpoint(0x4588_0f3a), auth);
/// let client = Client::connect("192.168.1.50:9000", config).await?;
/// let lamp = Destination::device(5).ok_or("1 to 254")?;
/// client.send(Request::from(Command::Power { to: lamp, on: true }).until(Stage::Executed)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Default, Debug)]
pub struct AsyncStd(Clock);

cync_runtime::names!(AsyncStd);

/// Moves bytes between a stream of futures-io's and a session.
pub type Driver<IO> = cync_runtime::Driver<IO, AsyncStd>;

/// A session over this stream, and its driver, which has to be run (usually spawned).
///
/// # Errors
/// The rule that `config` breaks.
///
/// ```
/// # async fn f(stream: async_std::net::TcpStream, config: cync_core::Config) -> Result<(), Box<dyn std::error::Error>> {
/// let (client, driver) = cync_async_std::client(stream, config)?;
/// async_std::task::spawn(driver.run());
/// client.ready().await?;
/// # Ok(())
/// # }
/// ```
pub fn client<IO: AsyncRead + AsyncWrite>(
    io: IO,
    config: Config,
) -> Result<(Client, Driver<IO>), ConfigError> {
    let client = Client::new(config)?;
    let driver = client.drive(io);
    Ok((client, driver))
}

impl Timer for AsyncStd {
    type Sleep = Sleep;

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        self.0.sleep_until(at)
    }
}

impl Runtime for AsyncStd {
    type Stream = TcpStream;
    type Acceptor = TcpListener;

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(task::spawn(task));
    }

    async fn resolve(&self, address: &Address) -> io::Result<Vec<SocketAddr>> {
        Ok(address.to_string().to_socket_addrs().await?.collect())
    }

    async fn dial(&self, to: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(to).await?;
        socket::tune(&stream)?;
        Ok(stream)
    }

    async fn bind(&self, on: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::bind(on).await
    }

    fn local_addr(&self, acceptor: &TcpListener) -> io::Result<SocketAddr> {
        acceptor.local_addr()
    }

    async fn accept(&self, acceptor: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = acceptor.accept().await?;
        socket::tune_accepted(&stream)?;
        Ok((stream, peer))
    }
}
