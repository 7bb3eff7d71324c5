use super::watched::Watched;
use cync_sim::net::ImpairedPath;
use std::io;
use tokio::io::copy_bidirectional;

/// What is done to packets on purpose.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) path: ImpairedPath,
    /// Whether the side that dialled is the device.
    pub(super) device_dials: bool,
}

/// Relays until both directions have ended: one that ends is ended on the other side, and the other one goes on.
///
/// # Errors
/// If one side fails: then the other one is to see that, as it would without anything in between.
pub(super) async fn relay(
    dialler: &mut Watched,
    target: &mut Watched,
    faults: Option<&Faults>,
) -> io::Result<()> {
    match faults {
        None => copy_bidirectional(dialler, target).await.map(|_| ()),
        Some(Faults { path, device_dials }) => {
            let (controller, device) =
                if *device_dials { (target, dialler) } else { (dialler, target) };
            let (mut inside, pump) = path.behind(controller);
            let copy = copy_bidirectional(&mut inside, device);
            let ends = async { tokio::try_join!(pump, copy) };
            ends.await.map(|_| ())
        }
    }
}
