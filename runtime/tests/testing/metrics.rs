//! What is exposed of sessions that run.

use crate::{World, on_one_thread, secs};
use cync_core::wire::{Command, Destination, Endpoint};
use cync_core::{AuthCode, Config, State};
use cync_runtime::metrics::Metrics;
use cync_runtime::testing::pipe;
use cync_runtime::{Builder, Client, Runtime};

const ENDPOINT: Endpoint = Endpoint(0x0102_0304);
const ON: Command = Command::Power { to: Destination::ALL, on: true };

fn lamp(world: &World) -> Builder<World> {
    let config = Config::greeter(ENDPOINT, AuthCode::new(b"0123456789abcdef").unwrap());
    Builder::new(config, world.clone()).seed(1)
}

fn hub(world: &World) -> Builder<World> {
    Builder::new(Config::listener(ENDPOINT), world.clone()).seed(2)
}

/// Connects two sessions, in place of the connection they had.
async fn connect(world: &World, lamp: &Client<World>, hub: &Client<World>) {
    let (near, far) = pipe(4096);
    for (client, io) in [(lamp, near), (hub, far)] {
        let driver = client.drive(io);
        world.spawn(async move {
            driver.run().await;
        });
    }
    lamp.ready().await.unwrap();
    hub.ready().await.unwrap();
}

/// The value of a series of this device.
#[track_caller]
fn value(metrics: &Metrics, name: &str, device: &str, label: Option<(&str, &str)>) -> u64 {
    let more = label.map(|(name, value)| format!(",{name}=\"{value}\"")).unwrap_or_default();
    let series = format!("{name}{{device_id=\"{device}\"{more}}} ");
    let text = metrics.encode();
    let value = text.lines().find_map(|line| line.strip_prefix(&*series));
    value.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().unwrap()
}

#[test]
fn what_is_exposed_of_two_sessions_is_what_they_counted_and_agrees_with_each_other() {
    on_one_thread(|world| async move {
        let metrics = Metrics::default();
        let lamp = lamp(&world).metrics(&metrics, "lamp").build().unwrap();
        let hub = hub(&world).metrics(&metrics, "hub").build().unwrap();
        connect(&world, &lamp, &hub).await;
        for _ in 0..3 {
            hub.send(ON).await.unwrap();
        }
        connect(&world, &lamp, &hub).await;
        lamp.send(ON).await.unwrap();
        // Long enough for heartbeats.
        world.sleep(secs(50)).await;
        let sent = |device| {
            value(&metrics, "tcp_comm_packet_sent_total", device, Some(("outcome", "success")))
        };
        let received = |device| {
            value(&metrics, "tcp_comm_packet_recv_total", device, Some(("outcome", "success")))
        };
        for (device, client) in [("lamp", &lamp), ("hub", &hub)] {
            let stats = client.stats();
            assert_eq!(
                (sent(device), received(device)),
                (stats.packets_sent, stats.packets_received)
            );
            let latency = "tcp_comm_packet_latency_seconds_count";
            assert_eq!(value(&metrics, latency, device, None), stats.reached);
            assert_eq!(client.latencies().count(), stats.reached);
            let ready = Some(("state", "ready"));
            assert_eq!(value(&metrics, "tcp_comm_connection_state", device, ready), 1);
            let replaced = Some(("reason", "replaced"));
            assert_eq!(value(&metrics, "tcp_comm_reconnection_total", device, replaced), 1);
        }
        assert_eq!((lamp.stats().reached, hub.stats().reached), (1, 3));
        assert_eq!((sent("lamp"), sent("hub")), (received("hub"), received("lamp")));
        let queue = value(&metrics, "tcp_comm_recv_queue_size", "lamp", None);
        assert_eq!((queue, lamp.inbox_len(), lamp.remembered()), (3, 3, 3));
        assert_eq!((lamp.queued(), lamp.in_flight(), hub.in_flight()), (0, 0, 0));
        let beats = lamp.stats().heartbeats;
        let heartbeats = |outcome| {
            value(&metrics, "tcp_comm_heartbeat_total", "lamp", Some(("outcome", outcome)))
        };
        assert_eq!((beats, heartbeats("sent"), heartbeats("answered")), (2, 2, 2));
    });
}

#[test]
fn who_is_watched_ends_with_its_last_client_and_its_counts_stay() {
    on_one_thread(|world| async move {
        let metrics = Metrics::default();
        let (lamp, hub) = (lamp(&world).build().unwrap(), hub(&world).build().unwrap());
        let _watched = metrics.watch("lamp", &lamp);
        connect(&world, &lamp, &hub).await;
        lamp.send(ON).await.unwrap();
        drop(lamp);
        hub.reached(State::Disconnected).await;
        world.sleep(secs(1)).await;
        assert_eq!(value(&metrics, "tcp_comm_packet_latency_seconds_count", "lamp", None), 1);
        let states = ["ready", "closed"].map(|state| {
            value(&metrics, "tcp_comm_connection_state", "lamp", Some(("state", state)))
        });
        assert_eq!(states, [0, 0]);
        assert_eq!(format!("{metrics:?}"), "Metrics { watched: 0, .. }");
    });
}
