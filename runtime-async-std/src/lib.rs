//! Drives [`cync_core`] over async-std or smol: `cync-runtime` with their TCP and time.
//!
//! | feature | what it adds |
//! |---|---|
//! | `async-std` (default) | `Client`, `client` and the rest, over async-std |
//! | `smol` | the module `smol`, which has the same over smol |
//! | neither | [`any`] alone, which is always there: over any [`Timer`], of any executor |
//!
//! async-std is discontinued ([RUSTSEC-2025-0052](https://rustsec.org/advisories/RUSTSEC-2025-0052.html)). It stays supported for
//! those who use it; who is new should take `smol`:
//!
//! ```toml
//! cync-async-std = { version = "0.1", default-features = false, features = ["smol"] }
//! ```
//!
//! `Client::connect` dials and keeps a session connected. `client` drives one over any byte stream of futures-io's, so that TLS, a
//! serial line or an in-memory pipe fits.

#[cfg(feature = "async-std")]
mod async_std;
#[cfg(any(feature = "async-std", feature = "smol"))]
mod clock;
#[cfg(feature = "smol")]
pub mod smol;

#[cfg(feature = "async-std")]
pub use self::async_std::{
    Accepted, Admitted, AsyncStd, Builder, Client, Driver, Events, Hub, HubBuilder, Listener,
    Sending, Sent, States, client,
};
#[cfg(feature = "metrics")]
pub use cync_runtime::metrics;
pub use cync_runtime::{
    Address, AdmitError, ConnectError, DialError, DialStage, End, LastFailure, Latencies, Limits,
    Message, Missed, Runtime, SendError, Timer,
};

/// The same over any [`Timer`], whatever its executor is.
///
/// ```
/// # async fn f<T: cync_async_std::Timer + Default>(
/// #     stream: impl futures_io::AsyncRead + futures_io::AsyncWrite,
/// #     config: cync_core::Config,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use cync_async_std::any::Client;
///
/// let client = Client::<T>::new(config)?;
/// let end = client.drive(stream).run().await;
/// # Ok(())
/// # }
/// ```
pub mod any {
    pub use cync_runtime::{
        Accepted, Admitted, Builder, Client, Driver, Events, Hub, HubBuilder, Listener, Sending,
        Sent, States,
    };
}
