use crate::{World, at, on_one_thread, on_threads, run, secs};
use cync_core::wire::{Command, Destination, Endpoint, PacketType};
use cync_core::{AuthCode, Config, Instant, State};
use cync_runtime::testing::{Acceptor, Pipe, pipe};
use cync_runtime::{Builder, Client, ConnectError, DialStage, LastFailure, Runtime, Timer};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Session = Client<World>;

const ENDPOINT: Endpoint = Endpoint(0x0102_0304);
const ON: Command = Command::Power { to: Destination::ALL, on: true };

fn hub_addr() -> SocketAddr {
    ([10, 0, 0, 1], 9000).into()
}

fn greeter() -> Config {
    Config::greeter(ENDPOINT, AuthCode::new(b"0123456789abcdef").unwrap())
}

fn device(world: &World) -> Builder<World> {
    Builder::new(greeter(), world.clone()).seed(1)
}

fn hub(world: &World) -> Session {
    Builder::new(Config::listener(ENDPOINT), world.clone()).seed(2).build().unwrap()
}

fn drive(world: &World, client: &Session, io: Pipe) {
    let driver = client.drive(io);
    world.spawn(async move {
        driver.run().await;
    });
}

/// Two sessions over a pipe, ready.
async fn pair(world: &World, (near, far): (Pipe, Pipe)) -> (Session, Session) {
    let (device, hub) = (device(world).build().unwrap(), hub(world));
    drive(world, &device, near);
    drive(world, &hub, far);
    device.ready().await.unwrap();
    hub.ready().await.unwrap();
    (device, hub)
}

/// Gives one session all the connections that come. Returns when they came.
fn accept_all(world: &World, acceptor: Acceptor, client: Session) -> Arc<Mutex<Vec<Instant>>> {
    let (accepting, log) = (world.clone(), Arc::new(Mutex::new(Vec::new())));
    let accepted = Arc::clone(&log);
    world.spawn(async move {
        while let Ok((stream, _)) = accepting.accept(&acceptor).await {
            accepted.lock().unwrap().push(accepting.now());
            drive(&accepting, &client, stream);
        }
    });
    log
}

async fn exchange(from: &Session, to: &Session) {
    let receipt = from.send(ON).await.unwrap();
    assert_eq!(receipt.attempts, 1);
    assert_eq!(to.recv().await.unwrap().kind, PacketType::DataChannel);
}

#[test]
fn two_sessions_exchange_messages_over_a_pipe() {
    run(|world| async move {
        let (device, hub) = pair(&world, pipe(4096)).await;
        exchange(&hub, &device).await;
        exchange(&device, &hub).await;
        // No byte waited for a clock.
        assert_eq!(world.now(), Instant::ZERO);
        device.close().await;
        hub.reached(State::Disconnected).await;
        world.sleep(Duration::from_micros(1)).await;
        assert_eq!(world.tasks(), 0);
    });
}

#[test]
fn one_byte_per_read_and_write_carries_messages() {
    run(|world| async move {
        let ends = pipe(1);
        let cable = ends.0.cable();
        cable.read_at_most(1);
        cable.write_at_most(1);
        let (device, hub) = pair(&world, ends).await;
        exchange(&hub, &device).await;
        exchange(&device, &hub).await;
        assert_eq!(world.now(), Instant::ZERO);
        assert!(cable.back().writes >= cable.back().bytes);
    });
}

#[test]
fn a_session_that_was_cut_off_is_ready_again() {
    run(|world| async move {
        let acceptor = world.bind(hub_addr()).await.unwrap();
        world.network().name("hub.local:9000", [hub_addr()]);
        let hub = hub(&world);
        let accepted = accept_all(&world, acceptor, hub.clone());
        let device = device(&world).connect("hub.local:9000").await.unwrap();
        exchange(&hub, &device).await;
        world.sleep(secs(3600)).await;
        world.network().links(hub_addr())[0].reset();
        device.reached(State::Disconnected).await;
        device.ready().await.unwrap();
        let came = accepted.lock().unwrap().clone();
        assert_eq!((came.len(), came[0]), (2, Instant::ZERO));
        let waited = came[1].since(at(secs(3600)));
        assert!(waited <= Duration::from_millis(250), "{waited:?}");
        assert_eq!(world.now(), came[1]);
        hub.ready().await.unwrap();
        exchange(&hub, &device).await;
        assert_eq!(world.network().links(hub_addr()).len(), 1);
    });
}

#[test]
fn a_half_open_connection_is_noticed_by_its_silence() {
    run(|world| async move {
        let acceptor = world.bind(hub_addr()).await.unwrap();
        let hub = hub(&world);
        accept_all(&world, acceptor, hub.clone());
        let device = device(&world).connect(hub_addr()).await.unwrap();
        world.network().links(hub_addr())[0].half_open();
        device.reached(State::Disconnected).await;
        assert_eq!(world.now(), at(secs(60)));
        device.ready().await.unwrap();
        hub.ready().await.unwrap();
        exchange(&hub, &device).await;
    });
}

#[test]
fn a_first_connection_that_nobody_answers_is_given_up() {
    run(|world| async move {
        let _acceptor = world.bind(hub_addr()).await.unwrap();
        world.network().swallow(hub_addr());
        let error = device(&world).connect(hub_addr()).await.expect_err("nobody answers");
        let ConnectError::GaveUp { last: Some(LastFailure::Dial(why)), .. } = error else {
            panic!("{error}");
        };
        assert_eq!((why.stage, why.source.kind()), (DialStage::Connect, ErrorKind::TimedOut));
        // Three attempts of 5 s, and waits of at most 0.25 and 0.5 s between them.
        let waited = world.now().since(at(secs(15)));
        assert!(world.now() >= at(secs(15)) && waited <= Duration::from_millis(750), "{waited:?}");
        world.sleep(Duration::from_micros(1)).await;
        assert_eq!(world.tasks(), 0);
    });
}

#[test]
fn a_name_that_nobody_has_is_told() {
    run(|world| async move {
        let error = device(&world).connect("hub.local:9000").await.expect_err("nobody has it");
        let ConnectError::GaveUp { last: Some(LastFailure::Dial(why)), .. } = error else {
            panic!("{error}");
        };
        assert_eq!((why.stage, why.source.kind()), (DialStage::Resolve, ErrorKind::NotFound));
    });
}

/// Polls and packets during an hour in which nobody has anything to say.
async fn idle_hour(world: World) -> (u64, u64) {
    let ends = pipe(4096);
    let cable = ends.0.cable();
    let (device, hub) = pair(&world, ends).await;
    world.sleep(Duration::from_micros(1)).await;
    let before = (world.wakes(), cable.forth().writes);
    world.sleep(secs(3600)).await;
    assert_eq!((device.state(), hub.state()), (State::Ready, State::Ready));
    (world.wakes() - before.0, cable.forth().writes - before.1)
}

#[test]
fn an_idle_hour_costs_a_few_polls_per_heartbeat() {
    // Three for each heartbeat: who sends it, who answers, who takes the answer. The rest are looks at who has been silent.
    assert_eq!(on_one_thread(idle_hour), (600, 171));
    let (polls, heartbeats) = on_threads(idle_hour);
    assert_eq!(heartbeats, 171);
    assert!(polls <= 4 * heartbeats, "{polls}");
}

#[test]
fn dropping_the_last_client_leaves_no_task() {
    run(|world| async move {
        let acceptor = world.bind(hub_addr()).await.unwrap();
        let hub = hub(&world);
        accept_all(&world, acceptor, hub.clone());
        let device = device(&world).connect(hub_addr()).await.unwrap();
        // Who accepts, the hub's driver, and who keeps the device connected.
        assert_eq!(world.tasks(), 3);
        drop(device);
        hub.reached(State::Disconnected).await;
        world.sleep(Duration::from_micros(1)).await;
        assert_eq!(world.tasks(), 1);
    });
}

#[test]
#[should_panic = "everything waits for something that never comes (after 0ns, with 0 tasks)"]
fn a_driver_that_was_forgotten_is_a_hang() {
    on_threads(|world| async move {
        let device = device(&world).build().unwrap();
        let (near, _far) = pipe(100);
        let _driver = device.drive(near);
        device.ready().await.unwrap();
    });
}
