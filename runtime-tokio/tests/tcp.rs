//! Sessions over real TCP on this machine.

#[path = "../../runtime/tests/over_tcp/mod.rs"]
mod over_tcp;

use cync_core::wire::Endpoint;
use cync_core::{AuthCode, Config, State};
use cync_tokio::{Client, Hub, Listener, Tokio};
use socket2::SockRef;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test]
async fn a_message_crosses() {
    over_tcp::a_message_crosses::<Tokio>().await;
}

#[tokio::test]
async fn a_refused_connection_is_given_up() {
    over_tcp::a_refused_connection_is_given_up::<Tokio>().await;
}

#[tokio::test]
async fn a_name_without_address_is_given_up() {
    over_tcp::a_name_without_address_is_given_up::<Tokio>().await;
}

#[tokio::test]
async fn both_ends_are_tuned() {
    over_tcp::both_ends_are_tuned::<Tokio>(|stream| SockRef::from(stream.get_ref())).await;
}

#[tokio::test]
async fn the_end_of_time_never_comes() {
    over_tcp::the_end_of_time_never_comes::<Tokio>().await;
}

#[tokio::test]
async fn a_thousand_messages_at_once_cross_in_order() {
    over_tcp::a_thousand_messages_at_once_cross_in_order::<Tokio>().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_messages_at_once_cross_in_order_on_several_threads() {
    over_tcp::a_thousand_messages_at_once_cross_in_order::<Tokio>().await;
}

/// On a runtime where a panic ends its task and no other.
#[tokio::test]
async fn a_wrap_that_panics_costs_its_connection_only() {
    let first = AtomicBool::new(true);
    let hub = Hub::builder(Tokio::default(), |hello| Ok(Config::listener(hello.endpoint))).build();
    let wrap = move |stream| {
        assert!(!first.swap(false, Ordering::SeqCst), "on purpose");
        async { Ok(stream) }
    };
    let on = ([127, 0, 0, 1], 0);
    let listener = Listener::wrapped(Tokio::default(), on, hub, wrap).await.unwrap();
    // The first connection is lost, and the second greets.
    let config = Config::greeter(Endpoint(7), AuthCode::new(b"0123456789abcdef").unwrap());
    let connecting = Client::connect(listener.local_addr(), config);
    let device = timeout(Duration::from_secs(60), connecting).await.unwrap().unwrap();
    assert_eq!(listener.accept().await.endpoint, Endpoint(7));
    assert_eq!((device.state(), listener.hub().connections()), (State::Ready, 1));
}

#[tokio::test]
async fn a_device_that_was_cut_off_dials_again() {
    over_tcp::a_device_that_was_cut_off_dials_again::<Tokio>().await;
}
