//! Messages that are sent, and how they end.

use crate::stage::*;
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
