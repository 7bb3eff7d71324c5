use crate::{World, at, run, secs};
use cync_runtime::testing::Pipe;
use cync_runtime::{Address, Runtime, Timer};
use futures_io::{AsyncRead as _, AsyncWrite as _};
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::Poll;

fn hub() -> SocketAddr {
    ([10, 0, 0, 1], 9000).into()
}

async fn write(pipe: &mut Pipe, bytes: &[u8]) -> io::Result<usize> {
    poll_fn(|context| Pin::new(&mut *pipe).poll_write(context, bytes)).await
}

async fn read(pipe: &mut Pipe) -> io::Result<Vec<u8>> {
    let mut buffer = [0; 100];
    let len = poll_fn(|context| Pin::new(&mut *pipe).poll_read(context, &mut buffer)).await?;
    Ok(buffer[..len].to_vec())
}

async fn dialling_fails(world: &World, to: SocketAddr) -> ErrorKind {
    world.dial(to).await.expect_err("nobody answers").kind()
}

#[test]
fn a_connection_joins_who_dials_and_who_accepts() {
    run(|world| async move {
        let acceptor = world.bind(hub()).await.unwrap();
        let accepting = world.clone();
        world.spawn(async move {
            let (mut stream, peer) = accepting.accept(&acceptor).await.unwrap();
            assert_eq!(peer.ip().to_string(), "10.0.0.7");
            let asked = read(&mut stream).await.unwrap();
            write(&mut stream, &asked).await.unwrap();
        });
        let mut stream = world.at([10, 0, 0, 7]).dial(hub()).await.unwrap();
        write(&mut stream, b"echo").await.unwrap();
        assert_eq!(read(&mut stream).await.unwrap(), b"echo");
        assert_eq!(read(&mut stream).await.unwrap(), b"");
    });
}

#[test]
fn connections_wait_until_they_are_accepted() {
    run(|world| async move {
        let acceptor = world.bind(hub()).await.unwrap();
        let mut first = world.at([10, 0, 0, 2]).dial(hub()).await.unwrap();
        let _second = world.at([10, 0, 0, 3]).dial(hub()).await.unwrap();
        write(&mut first, b"hello").await.unwrap();
        let (mut accepted, peer) = world.accept(&acceptor).await.unwrap();
        assert_eq!(peer.ip().to_string(), "10.0.0.2");
        assert_eq!(read(&mut accepted).await.unwrap(), b"hello");
        let (_accepted, peer) = world.accept(&acceptor).await.unwrap();
        assert_eq!(peer.ip().to_string(), "10.0.0.3");
    });
}

#[test]
fn an_address_where_nobody_listens_refuses() {
    run(|world| async move {
        assert_eq!(dialling_fails(&world, hub()).await, ErrorKind::ConnectionRefused);
        let acceptor = world.bind(hub()).await.unwrap();
        let mut waiting = world.dial(hub()).await.unwrap();
        drop(acceptor);
        // Nobody will accept it.
        assert_eq!(read(&mut waiting).await.unwrap(), b"");
        assert_eq!(dialling_fails(&world, hub()).await, ErrorKind::ConnectionRefused);
    });
}

#[test]
fn an_address_is_bound_once_and_port_0_is_a_free_one() {
    run(|world| async move {
        let acceptor = world.bind(hub()).await.unwrap();
        let twice = world.bind(hub()).await.expect_err("it is taken");
        assert_eq!(twice.kind(), ErrorKind::AddrInUse);
        let any: SocketAddr = ([10, 0, 0, 1], 0).into();
        let others = [world.bind(any).await.unwrap(), world.bind(any).await.unwrap()];
        let [one, other] = others.each_ref().map(|acceptor| world.local_addr(acceptor).unwrap());
        assert_eq!((one.port(), other.port()), (49152, 49153));
        drop(acceptor);
        world.bind(hub()).await.unwrap();
    });
}

#[test]
fn who_listens_on_every_address_is_reached_at_each() {
    run(|world| async move {
        let bound: SocketAddr = ([0, 0, 0, 0], 9000).into();
        let acceptor = world.bind(bound).await.unwrap();
        let _stream = world.dial(hub()).await.unwrap();
        world.accept(&acceptor).await.unwrap();
        let elsewhere = ([10, 0, 0, 1], 9001).into();
        assert_eq!(dialling_fails(&world, elsewhere).await, ErrorKind::ConnectionRefused);
    });
}

#[test]
fn only_names_that_were_given_are_known() {
    run(|world| async move {
        world.network().name("hub.local:9000", [hub()]);
        let resolved = world.resolve(&Address::from("hub.local:9000")).await;
        assert_eq!(resolved.unwrap(), [hub()]);
        let unknown = world.resolve(&Address::from("hub.local:9001")).await;
        assert_eq!(unknown.expect_err("nobody has it").kind(), ErrorKind::NotFound);
    });
}

#[test]
fn an_address_may_refuse_or_swallow_until_it_is_mended() {
    run(|world| async move {
        let _acceptor = world.bind(hub()).await.unwrap();
        world.network().refuse(hub());
        assert_eq!(dialling_fails(&world, hub()).await, ErrorKind::ConnectionRefused);
        world.network().swallow(hub());
        let mut dialled = pin!(world.dial(hub()));
        let mut patience = world.sleep(secs(60));
        poll_fn(|context| {
            assert!(dialled.as_mut().poll(context).is_pending());
            Pin::new(&mut patience).poll(context)
        })
        .await;
        assert_eq!(world.now(), at(secs(60)));
        world.network().mend(hub());
        world.dial(hub()).await.unwrap();
    });
}

#[test]
fn the_connections_of_an_address_can_be_cut() {
    run(|world| async move {
        let acceptor = world.bind(hub()).await.unwrap();
        let mut near = world.dial(hub()).await.unwrap();
        let (mut far, _) = world.accept(&acceptor).await.unwrap();
        let other = world.dial(hub()).await.unwrap();
        assert_eq!(world.network().links(hub()).len(), 2);
        drop(other);
        let links = world.network().links(hub());
        assert_eq!(links.len(), 1);
        write(&mut near, b"abc").await.unwrap();
        assert_eq!(links[0].forth().bytes, 3);
        links[0].reset();
        assert_eq!(read(&mut far).await.expect_err("cut").kind(), ErrorKind::ConnectionReset);
        assert_eq!(read(&mut near).await.expect_err("cut").kind(), ErrorKind::ConnectionReset);
        assert!(world.network().links(hub()).is_empty());
    });
}

#[test]
fn capacity_is_that_of_the_network() {
    run(|world| async move {
        world.network().set_capacity(3);
        let acceptor = world.bind(hub()).await.unwrap();
        let mut near = world.dial(hub()).await.unwrap();
        let (mut far, _) = world.accept(&acceptor).await.unwrap();
        assert_eq!(write(&mut near, b"abcdef").await.unwrap(), 3);
        let mut more = pin!(write(&mut near, b"def"));
        let waits = poll_fn(|context| Poll::Ready(more.as_mut().poll(context).is_pending())).await;
        assert!(waits);
        assert_eq!(read(&mut far).await.unwrap(), b"abc");
        assert_eq!(more.await.unwrap(), 3);
    });
}
