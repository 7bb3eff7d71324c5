//! Sessions over real TCP on this machine.

#[path = "../../runtime/tests/over_tcp/mod.rs"]
mod over_tcp;

use cync_tokio::Tokio;
use socket2::SockRef;

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

#[tokio::test]
async fn a_device_that_was_cut_off_dials_again() {
    over_tcp::a_device_that_was_cut_off_dials_again::<Tokio>().await;
}
