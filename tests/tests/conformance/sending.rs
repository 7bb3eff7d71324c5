//! Messages that are sent, and how they end.

use crate::stage::*;
use crate::talk::*;
use cync_core::wire::op;
use cync_core::{Request, Stage};

pub(crate) async fn a_message_is_executed_and_reported(world: World) {
    let (client, peer, _) = pair(&world, greeter()).await;
    let _executed = execute(&world, &peer);
    let power = Request::frame(op::POWER, &[0; 13]);
    let receipt = client.send(power).until(Stage::Executed).await.unwrap();
    assert_eq!((receipt.stage, receipt.attempts), (Some(Stage::Executed), 1));
    assert_eq!(receipt.done_at, receipt.queued_at, "no time passes in memory");
}

pub(crate) async fn an_acknowledgement_of_a_played_peer_completes_a_send(world: World) {
    let (client, driver, mut talk) = talking(&world, greeter(), 4096).await;
    let sent = send(&world, &client, 7);
    let heard = talk.hear_message().await;
    assert_eq!(heard.number, Some(7));
    world.sleep(SECOND / 10).await;
    assert!(!sent.has_ended());
    talk.acknowledge(heard).await;
    let receipt = sent.ended().await.unwrap();
    assert_eq!((receipt.stage, receipt.attempts), (Some(Stage::Acked), 1));
    assert_eq!(receipt.done_at.since(receipt.queued_at), SECOND / 10);
    drop((talk, driver));
}
