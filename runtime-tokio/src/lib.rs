//! Drives [`cync_core`] over tokio: `cync-runtime` with tokio's TCP and time.
//!
//! [`Client::connect`] dials and keeps a session connected; a [`Listener`] takes those of devices that dial in. [`client`] drives one over any byte stream of tokio's, so that TLS, a
//! serial line or an in-memory pipe fits.

mod runtime;

#[cfg(feature = "metrics")]
pub use cync_runtime::metrics;
pub use cync_runtime::{
    Address, AdmitError, ConnectError, DialError, DialStage, End, LastFailure, Latencies, Limits,
    Message, Missed, Runtime, SendError, Timer,
};
pub use runtime::Tokio;
pub use tokio_util::compat::Compat;

use cync_core::{Config, ConfigError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::compat::TokioAsyncReadCompatExt as _;

cync_runtime::names!(Tokio);

/// Moves bytes between a stream of tokio's and a session.
pub type Driver<IO> = cync_runtime::Driver<Compat<IO>, Tokio>;

/// A session over this stream, and its driver, which has to be run (usually spawned).
///
/// # Errors
/// The rule that `config` breaks.
///
/// ```
/// # async fn f(stream: tokio::net::TcpStream, config: cync_core::Config) -> Result<(), Box<dyn std::error::Error>> {
/// let (client, driver) = cync_tokio::client(stream, config)?;
/// tokio::spawn(driver.run());
/// client.ready().await?;
/// # Ok(())
/// # }
/// ```
pub fn client<IO: AsyncRead + AsyncWrite>(
    io: IO,
    config: Config,
) -> Result<(Client, Driver<IO>), ConfigError> {
    let client = Client::new(config)?;
    let driver = client.drive(compat(io));
    Ok((client, driver))
}

/// A stream of tokio's, as [`Client::drive`] and [`Client::keep_connected`] take it.
pub fn compat<IO: AsyncRead>(io: IO) -> Compat<IO> {
    io.compat()
}
