//! A client that holds nothing.

use crate::client::{Alive, Client};
use crate::runtime::Timer;
use std::sync::{self, Arc};

/// A client that holds nothing: the session may be gone.
pub(crate) struct Weak<T: Timer>(sync::Weak<Alive<T>>);

impl<T: Timer> Weak<T> {
    pub(crate) fn new(client: &Client<T>) -> Self {
        Self(Arc::downgrade(&client.alive))
    }

    /// The client, if there is another one still.
    pub(crate) fn upgrade(&self) -> Option<Client<T>> {
        let alive = self.0.upgrade()?;
        Some(Client { shared: Arc::clone(&alive.0), alive })
    }
}
