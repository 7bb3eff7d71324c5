//! Who greets, and with which code.

use super::ConfigError;
use crate::wire::Secret;
use core::fmt;
use heapless::Vec;

/// The longest authentication code, in bytes; devices use 16.
pub(crate) const MAX_AUTH: usize = 64;

/// An authentication code of one's own, by default an empty one. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct AuthCode(Vec<u8, MAX_AUTH>);

impl AuthCode {
    /// Takes a code.
    ///
    /// # Errors
    /// If it is longer than 64 bytes; the error does not show it.
    pub fn new(code: &[u8]) -> Result<Self, ConfigError> {
        Vec::from_slice(code)
            .map(Self)
            .map_err(|_| ConfigError::AuthCodeTooLong { len: code.len(), max: MAX_AUTH })
    }

    pub(crate) fn secret(&self) -> Secret<'_> {
        Secret::new(&self.0)
    }
}

impl fmt::Debug for AuthCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AuthCode({} bytes)", self.0.len())
    }
}

/// Who greets. It does not depend on who opened the connection.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Greeting {
    /// Send `0x23` and wait for `0x28`, as devices do (and the laboratory's client).
    Send {
        /// The code to send.
        auth: AuthCode,
        /// The keep-alive to announce, in seconds.
        keepalive_s: u16,
    },
    /// Wait for `0x23` and answer it with `0x28`, as the cloud does (and the laboratory's device).
    Expect,
}
