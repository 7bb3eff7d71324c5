//! Connections that come to a hub.

use crate::peer::*;
use crate::stage::*;
use crate::talk::*;
use cync_core::wire::Endpoint;
use cync_core::{Config, Hello};
use cync_runtime::testing::{Pipe, pipe};
use cync_runtime::{AdmitError, Admitted, End, Hub, Limits};
use std::net::IpAddr;

pub(crate) fn open(world: &World) -> Hub<World> {
    limited(world, Limits::default())
}

pub(crate) fn limited(world: &World, limits: Limits) -> Hub<World> {
    let admit = |hello: &Hello<'_>| {
        let mut config = Config::listener(hello.endpoint);
        config.silence = 24 * HOUR;
        Ok(config)
    };
    Hub::builder(world.clone(), admit).limits(limits).build()
}

pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

pub(crate) type Greeted = Result<Admitted<Pipe, World>, AdmitError>;

/// A connection that has not greeted, and what comes of it.
pub(crate) fn enter(
    world: &World,
    hub: &Hub<World>,
    from: Option<IpAddr>,
) -> (Talk, Handle<Greeted>) {
    let (near, far) = pipe(4096);
    let hub = hub.clone();
    (Talk::new(near), spawn(world, async move { hub.greet(far, from).await }))
}

/// A connection of this endpoint that greeted.
pub(crate) async fn join(
    world: &World,
    hub: &Hub<World>,
    endpoint: u32,
) -> Result<Joined, AdmitError> {
    let (mut talk, greeted) = enter(world, hub, None);
    talk.write(&hello(Endpoint(endpoint))).await;
    let Admitted { client, is_new, driver, .. } = greeted.ended().await?;
    let driver = spawn(world, driver.run());
    assert_eq!(talk.hear().await.unwrap(), [0x28, 0, 0, 0, 2, 0, 0]);
    Ok(Joined { talk, client, is_new, driver })
}

pub(crate) struct Joined {
    pub(crate) talk: Talk,
    pub(crate) client: Client,
    pub(crate) is_new: bool,
    pub(crate) driver: Handle<End>,
}

impl Joined {
    /// The peer goes, and no client is held.
    pub(crate) async fn leave(self) {
        drop(self.talk);
        self.driver.ended().await;
    }
}
