//! Whole flows of the protocol between a client and a simulated device over real TCP.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod flows;
mod misbehaviour;
mod reconnection;
#[path = "../socket/mod.rs"]
mod socket;
mod wire;

use cync_core::{Stage, State};
use cync_sim::ChaosConfig;
use cync_tests::solo;
use cync_tokio::{Client, ConnectError, LastFailure, SendError, compat};
use socket::*;
