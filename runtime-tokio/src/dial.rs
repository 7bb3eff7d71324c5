use crate::driver::Driver;
use crate::error::ConnectError;
use crate::shared::{Ask, Shared};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpStream, ToSocketAddrs};

/// How long a connection may take to be made.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection, without the delays that make few packets of many bytes.
///
/// # Errors
/// If there is none in time.
pub(crate) async fn open(addr: impl ToSocketAddrs) -> Result<TcpStream, ConnectError> {
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(addr))
        .await
        .map_err(|_| ConnectError::Timeout(CONNECT_TIMEOUT))??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The duty to dial for a session, given up on drop.
pub(crate) struct Dialling(Arc<Shared>);

impl Dialling {
    /// From now on the session asks for connections.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        shared.start_dialling();
        Self(shared)
    }
}

impl Drop for Dialling {
    fn drop(&mut self) {
        self.0.stop_dialling();
    }
}

/// Dials whenever the session asks for it, until it is closed or given up.
pub(crate) async fn keep_connected(
    dialling: Dialling,
    addr: impl ToSocketAddrs,
) -> Result<(), ConnectError> {
    let shared = &dialling.0;
    loop {
        match shared.asked().await {
            Ask::Dial => {}
            Ask::GiveUp(why) => return Err(why.into()),
            Ask::Nothing => return Ok(()),
        }
        let stream = tokio::select! {
            stream = open(&addr) => stream,
            // It was closed meanwhile.
            _ = shared.asked() => return Ok(()),
        };
        match stream {
            Ok(stream) => {
                let end = Driver::new(Arc::clone(shared), stream).run().await;
                tracing::debug!(event = "disconnected", ?end);
            }
            Err(error) => {
                tracing::debug!(event = "unreachable", %error);
                shared.unreachable();
            }
        }
    }
}
