use std::time::Duration;

/// How much of a hub those may use who dial in, of whom anyone may be hostile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Connections, greeted or not. One that has not greeted makes room for one more; if all have, the one more is closed. Until
    /// those that made room have gone, which is a moment, there may be up to as many again.
    pub connections: usize,
    /// Connections from one IPv4 address, or from one /64 of IPv6, which whoever has an address there has as a whole. One more is
    /// closed. Behind a proxy all have the same address, and on a network of IPv6 all devices have the same /64.
    pub per_address: usize,
    /// Connections that have not greeted. The oldest makes room for one more: the oldest from the same address, if there is one,
    /// so that a flood from one address keeps nobody else from greeting.
    pub greeting: usize,
    /// How long a connection may take until its greeting is whole, whatever has to be done before it (TLS, for instance)
    /// included.
    pub greeting_timeout: Duration,
    /// Sessions, connected or not. One that has had no connection for as long as it remembers messages makes room for one
    /// more; if there is none, the connection is closed.
    pub sessions: usize,
}

impl Default for Limits {
    /// 256 connections, 64 of them from one address, 64 not greeted, for 5 s; 256 sessions.
    fn default() -> Self {
        Self {
            connections: 256,
            per_address: 64,
            greeting: 64,
            greeting_timeout: Duration::from_secs(5),
            sessions: 256,
        }
    }
}
