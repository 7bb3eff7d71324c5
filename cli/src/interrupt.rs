//! The interrupt from the keyboard.

use std::io;

/// Listens for interrupts from now on; the returned future ends at the first. An interrupt no longer ends the process by
/// itself, even when the future is gone.
pub(crate) fn listen() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    #[cfg(windows)]
    let mut signal = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        signal.recv().await;
    })
}
