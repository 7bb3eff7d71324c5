//! The interrupt from the keyboard, and the request to end that service managers send.

use crate::complain;
use crate::exit::Exit;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

/// True as soon as somebody has interrupted this process, once [`flag`] was called.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Listens for either from now on; the returned future ends at the first. They no longer end the process by themselves, even
/// when the future is gone.
#[cfg(unix)]
pub(crate) fn listen() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Listens for the interrupt from now on; the returned future ends at the first.
#[cfg(windows)]
pub(crate) fn listen() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}

/// For work that looks up now and then: true as soon as somebody interrupts this process, which does not end by it any more.
/// A second interrupt ends it all the same. What is wrong is told already.
pub(crate) fn flag() -> Result<&'static AtomicBool, Exit> {
    let wrong = |error| complain(format_args!("cannot listen for interrupts: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(wrong)?;
    // From now on, and not only when the thread gets there.
    let (first, second) = {
        let _entered = runtime.enter();
        (listen().map_err(wrong)?, listen)
    };
    thread::spawn(move || {
        runtime.block_on(async {
            first.await;
            let second = second();
            INTERRUPTED.store(true, Relaxed);
            if let Ok(second) = second {
                second.await;
                std::process::exit(Exit::Interrupted as i32);
            }
        });
    });
    Ok(&INTERRUPTED)
}
