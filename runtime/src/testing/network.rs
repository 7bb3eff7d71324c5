//! A network in memory.

use super::pipe::{Cable, Pipe, pipe};
use crate::address::Address;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// What each direction of a connection holds, unless told otherwise.
const CAPACITY: usize = 64 * 1024;
/// The first port that is given to whoever asks for none.
const FREE_PORTS: u16 = 49152;

/// The addresses at which somebody listens, and how dialling them goes.
pub struct Network(Mutex<Inner>);

struct Inner {
    names: BTreeMap<String, Vec<SocketAddr>>,
    listening: BTreeMap<SocketAddr, Backlog>,
    faults: BTreeMap<SocketAddr, Fault>,
    links: Vec<Link>,
    capacity: usize,
    last_port: u16,
}

/// Connections that nobody accepted yet, and who waits for some.
#[derive(Default)]
struct Backlog {
    connections: VecDeque<(Pipe, SocketAddr)>,
    waiting: Vec<Waker>,
}

#[derive(Clone, Copy)]
enum Fault {
    Refuses,
    Swallows,
}

struct Link {
    dialled: SocketAddr,
    bound: SocketAddr,
    cable: Cable,
}

impl Network {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Inner {
            names: BTreeMap::new(),
            listening: BTreeMap::new(),
            faults: BTreeMap::new(),
            links: Vec::new(),
            capacity: CAPACITY,
            last_port: FREE_PORTS - 1,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on `address`, a host and a port, resolves to these.
    pub fn name(
        &self,
        address: impl Into<Address>,
        addrs: impl IntoIterator<Item = impl Into<SocketAddr>>,
    ) {
        let addrs = addrs.into_iter().map(Into::into).collect();
        self.lock().names.insert(address.into().to_string(), addrs);
    }

    /// From now on dialling this address gives [`ConnectionRefused`](io::ErrorKind::ConnectionRefused).
    pub fn refuse(&self, addr: SocketAddr) {
        self.lock().faults.insert(addr, Fault::Refuses);
    }

    /// From now on dialling this address takes for ever.
    pub fn swallow(&self, addr: SocketAddr) {
        self.lock().faults.insert(addr, Fault::Swallows);
    }

    /// From now on this address can be dialled again. Who dialled it before still waits.
    pub fn mend(&self, addr: SocketAddr) {
        self.lock().faults.remove(&addr);
    }

    /// How many bytes each direction of a later connection holds. It is 64 KiB at first.
    pub fn set_capacity(&self, bytes: usize) {
        self.lock().capacity = bytes;
    }

    /// The connections to this address of which both ends are there, oldest first.
    pub fn links(&self, addr: SocketAddr) -> Vec<Cable> {
        let mut inner = self.lock();
        inner.links.retain(|link| link.cable.is_whole());
        let there = inner.links.iter().filter(|link| link.dialled == addr || link.bound == addr);
        there.map(|link| link.cable.clone()).collect()
    }

    pub(super) fn resolve(&self, address: &Address) -> io::Result<Vec<SocketAddr>> {
        if let Some(addr) = address.socket_addr() {
            return Ok(vec![addr]);
        }
        let found = self.lock().names.get(&address.to_string()).cloned();
        found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "nobody has this name"))
    }

    /// A connection; `None` if dialling takes for ever.
    pub(super) fn dial(&self, from: IpAddr, to: SocketAddr) -> io::Result<Option<Pipe>> {
        let mut inner = self.lock();
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        match inner.faults.get(&to) {
            Some(Fault::Refuses) => return Err(refused()),
            Some(Fault::Swallows) => return Ok(None),
            None => {}
        }
        let bound = inner.bound(to).ok_or_else(refused)?;
        let from = SocketAddr::new(from, inner.next_port());
        let (near, far) = pipe(inner.capacity);
        inner.links.retain(|link| link.cable.is_whole());
        inner.links.push(Link { dialled: to, bound, cable: near.cable() });
        let backlog = inner.listening.entry(bound).or_default();
        backlog.connections.push_back((far, from));
        let waiting = std::mem::take(&mut backlog.waiting);
        drop(inner);
        waiting.into_iter().for_each(Waker::wake);
        Ok(Some(near))
    }

    pub(super) fn bind(self: &Arc<Self>, on: SocketAddr) -> io::Result<Acceptor> {
        let mut inner = self.lock();
        let mut addr = on;
        if on.port() == 0 {
            let free = (FREE_PORTS..=u16::MAX).find_map(|_| {
                addr.set_port(inner.next_port());
                (!inner.listening.contains_key(&addr)).then_some(addr)
            });
            addr = free.ok_or(io::ErrorKind::AddrInUse)?;
        } else if inner.listening.contains_key(&on) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        inner.listening.insert(addr, Backlog::default());
        Ok(Acceptor { network: Arc::clone(self), addr })
    }
}

impl Inner {
    /// Where somebody listens who is reached at this address.
    fn bound(&self, to: SocketAddr) -> Option<SocketAddr> {
        let any = match to {
            SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        };
        let candidates = [to, SocketAddr::new(any, to.port())];
        candidates.into_iter().find(|addr| self.listening.contains_key(addr))
    }

    fn next_port(&mut self) -> u16 {
        self.last_port = self.last_port.checked_add(1).unwrap_or(FREE_PORTS);
        self.last_port
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listening: Vec<_> = self.lock().listening.keys().copied().collect();
        f.debug_struct("Network").field("listening", &listening).finish_non_exhaustive()
    }
}

/// Somebody listens at an address until this is dropped. Connections that were not accepted go with it.
#[derive(Debug)]
pub struct Acceptor {
    network: Arc<Network>,
    addr: SocketAddr,
}

impl Acceptor {
    /// Where it listens.
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    pub(super) fn poll_accept(&self, context: &Context<'_>) -> Poll<(Pipe, SocketAddr)> {
        let mut inner = self.network.lock();
        let backlog = inner.listening.entry(self.addr).or_default();
        if let Some(connection) = backlog.connections.pop_front() {
            return Poll::Ready(connection);
        }
        if !backlog.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            backlog.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        let backlog = self.network.lock().listening.remove(&self.addr);
        // Who dialled is told, with the network unlocked.
        drop(backlog);
    }
}
