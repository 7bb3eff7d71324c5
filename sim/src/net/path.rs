use super::impair::impair_by;
use super::weather::{Link, LinkCounts, Track, Weather};
use cync_core::wire::{ChecksumMode, Endpoint, Packet, PacketType};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};

/// Endpoints whose commands are told from their repetitions; the one that came first is forgotten first.
const REMEMBERED: usize = 1024;

/// A [`Link`] in the middle of connections between others, a controller's and a real device's.
///
/// A connection belongs to the endpoint that its greeting names, whichever side greets, and the draws about the messages of an
/// endpoint go on over all of its connections, as they do at a [`SimulatedDevice`](super::SimulatedDevice). From the first byte
/// of a direction that is no packet on, the direction passes as it is. A packet that is not whole when its direction ends does
/// not arrive.
#[derive(Clone, Debug)]
pub struct ImpairedPath {
    weather: Arc<Weather>,
    tracks: Arc<Mutex<Tracks>>,
}

impl ImpairedPath {
    /// A path on which this happens to packets.
    pub fn new(link: Link) -> Self {
        Self { weather: Arc::new(Weather::new(link)), tracks: Arc::default() }
    }

    /// Puts the path behind the connection of a controller: what is read from the returned stream has travelled to the device,
    /// and what is written to it travels back.
    ///
    /// The future moves the packets. It ends when both directions have; dropping it cuts the connection. Its error is that of
    /// the controller's connection.
    pub fn behind<IO: AsyncRead + AsyncWrite>(
        &self,
        controller: IO,
    ) -> (DuplexStream, impl Future<Output = io::Result<()>> + use<IO>) {
        let path = self.clone();
        let current = Mutex::new(Arc::new(Track::new(Endpoint::default())));
        let track_of = move |packet: &[u8]| {
            let mut current = lock(&current);
            if let Some(endpoint) = greeted(packet) {
                *current = lock(&path.tracks).of(endpoint);
            }
            Arc::clone(&current)
        };
        impair_by(controller, Arc::clone(&self.weather), track_of)
    }

    /// What has happened to packets so far, on all connections.
    pub fn counts(&self) -> LinkCounts {
        self.weather.counts()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who greets with this packet.
fn greeted(packet: &[u8]) -> Option<Endpoint> {
    if !PacketType::from_byte(*packet.first()?)?.carries_secret() {
        return None;
    }
    match Packet::decode(packet, ChecksumMode::Strict) {
        Ok(Packet::Handshake(login) | Packet::AppLogin(login)) => Some(login.endpoint),
        _ => None,
    }
}

#[derive(Default, Debug)]
struct Tracks {
    known: BTreeMap<Endpoint, Arc<Track>>,
    order: VecDeque<Endpoint>,
}

impl Tracks {
    fn of(&mut self, endpoint: Endpoint) -> Arc<Track> {
        if let Some(track) = self.known.get(&endpoint) {
            return Arc::clone(track);
        }
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(endpoint);
        let track = Arc::new(Track::new(endpoint));
        self.known.insert(endpoint, Arc::clone(&track));
        track
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChaosConfig, DropPattern};
    use cync_core::wire::{Channel, Frame, Login, MAX_PACKET, MsgId, Prefix, Secret};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn encoded(packet: &Packet<'_>) -> Vec<u8> {
        let mut bytes = [0; MAX_PACKET];
        let len = packet.encode(&mut bytes).unwrap();
        bytes[..len].to_vec()
    }

    fn command(number: u16) -> Vec<u8> {
        let prefix = Prefix { endpoint: Endpoint(1), msg_id: MsgId(number), flag: 0 };
        let frame = Frame::request(u32::from(number), 0xd0, &[1, 2, 3]);
        encoded(&Packet::DataChannel(Channel { prefix, frame }))
    }

    /// What arrives of these commands on a connection of its own, behind a greeting.
    async fn arrived(path: &ImpairedPath, endpoint: u32, numbers: &[u16]) -> Vec<u8> {
        let (near, mut far) = tokio::io::duplex(4096);
        let (mut inside, pump) = path.behind(near);
        let pump = tokio::spawn(pump);
        let login = Login::new(Endpoint(endpoint), Secret::new(b"0123"), 60);
        let hello = encoded(&Packet::Handshake(login));
        far.write_all(&hello).await.unwrap();
        for number in numbers {
            far.write_all(&command(*number)).await.unwrap();
        }
        far.shutdown().await.unwrap();
        let mut bytes = Vec::new();
        inside.read_to_end(&mut bytes).await.unwrap();
        drop(inside);
        pump.await.unwrap().unwrap();
        bytes.split_off(hello.len())
    }

    #[tokio::test(start_paused = true)]
    async fn the_commands_of_an_endpoint_are_counted_over_its_connections() {
        let drop_pattern = Some(DropPattern::List([1, 3].into()));
        let link = Link::both(1, ChaosConfig { drop_pattern, ..ChaosConfig::NONE });
        let path = ImpairedPath::new(link);
        assert_eq!(arrived(&path, 1, &[10, 11]).await, command(11));
        assert_eq!(arrived(&path, 2, &[10, 11]).await, command(11), "another endpoint");
        let repeated_then_third = arrived(&path, 1, &[10, 12, 13]).await;
        assert_eq!(repeated_then_third, [command(10), command(13)].concat());
        let to_device = path.counts().to_device;
        assert_eq!((to_device.packets, to_device.dropped), (7, 3));
    }

    #[test]
    fn only_so_many_endpoints_are_remembered() {
        let mut tracks = Tracks::default();
        let first = tracks.of(Endpoint(0));
        for endpoint in 1..u32::try_from(REMEMBERED).unwrap() {
            tracks.of(Endpoint(endpoint));
        }
        assert!(Arc::ptr_eq(&first, &tracks.of(Endpoint(0))));
        tracks.of(Endpoint(u32::MAX));
        assert_eq!((tracks.known.len(), tracks.order.len()), (REMEMBERED, REMEMBERED));
        assert!(!Arc::ptr_eq(&first, &tracks.of(Endpoint(0))));
    }
}
