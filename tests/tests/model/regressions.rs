//! Cases that failed once, in the sessions or in the model, as explicit operation lists.

use cync_core::{Queue, QueuePolicy, Stage};
use cync_tests::model::Op::{
    Answer, Arrive, Cancel, Connect, Exchange, HandOver, Send, TickDue, Wait,
};
use cync_tests::model::Side::{Hub, Lamp};
use cync_tests::model::To::{Device, Group, Outlet};
use cync_tests::model::What::{Both, Frame, Info, Power, Raw};
use cync_tests::model::{Ask, Case, Op, Reply, Setup, Side, What, compare, run};

fn ask(what: What) -> Ask {
    Ask { what, until: None, once: false, deadline: None, msg_id: None, other_endpoint: false }
}

fn numbered(what: What, number: u16) -> Ask {
    Ask { msg_id: Some(number), ..ask(what) }
}

fn send(side: Side, ask: Ask) -> Op {
    Send(side, ask)
}

fn holds(setup: Setup, ops: Vec<Op>) {
    let case = Case { setup, ops };
    assert_eq!(run(&case), Ok(()));
    assert_eq!(compare(&case), Ok(()));
}

fn small() -> Setup {
    let mut setup = Setup::SMALL;
    for own in [&mut setup.hub, &mut setup.lamp] {
        own.window = 1;
        own.queue = Queue::new(0, QueuePolicy::Block);
        (own.states.limit, own.messages.limit) = (1, 1);
    }
    setup
}

#[test]
fn cancelling_nothing_is_no_telling_of_the_time() {
    let mut setup = small();
    setup.lamp.deadline = 12_000;
    holds(setup, vec![Wait(1), Cancel(Lamp, 0), send(Lamp, ask(Power(Device(1))))]);
}

#[test]
fn a_late_answer_may_meet_a_number_that_was_chosen_again() {
    let mut setup = small();
    setup.lamp.deadline = 12_000;
    let again = Ask { once: true, deadline: Some(480), ..numbered(Raw(0), 32_125) };
    let ops = vec![
        send(Lamp, numbered(Power(Device(1)), 32_125)),
        HandOver(Lamp, 1),
        Wait(2_000),
        Exchange,
        send(Lamp, ask(Power(Outlet(1)))),
        send(Lamp, again),
        HandOver(Lamp, 2),
    ];
    holds(setup, ops);
}

#[test]
fn what_is_held_up_by_a_full_inbox_goes_with_its_connection() {
    let mut setup = small();
    setup.hub.window = 3;
    setup.hub.queue = Queue::new(0, QueuePolicy::DropOldest);
    (setup.hub.deadline, setup.hub.ride_through) = (12_000, true);
    setup.counters = 2;
    let ops = vec![
        send(Hub, ask(Power(Device(2)))),
        send(Hub, ask(Power(Device(1)))),
        HandOver(Hub, 2),
        send(Hub, Ask { until: Some(Stage::Acked), ..ask(Info(0)) }),
        HandOver(Hub, 1),
        send(Hub, ask(Frame(0))),
        Connect { side: Hub, both: true },
        send(Hub, Ask { once: true, ..numbered(Frame(0), 32_125) }),
        HandOver(Lamp, 1),
        Exchange,
    ];
    holds(setup, ops);
}

#[test]
fn a_request_is_remembered_while_its_share_of_the_memory_holds_it() {
    let mut setup = small();
    setup.hub.queue.limit = 1;
    setup.hub.ride_through = true;
    let ops = vec![
        send(Hub, ask(Frame(0))),
        Arrive(Hub, 1),
        Exchange,
        send(Hub, numbered(Frame(0), 32_125)),
        Exchange,
        send(Hub, ask(Frame(0))),
        send(Hub, ask(Frame(0))),
        send(Hub, ask(Power(Device(1)))),
        Exchange,
        Answer(Lamp, 195, Reply::Respond(0)),
    ];
    holds(setup, ops);
}

#[test]
fn device_information_shares_a_number_so_that_answers_are_told_apart_by_their_order_alone() {
    let mut setup = small();
    setup.hub.window = 2;
    setup.hub.queue.limit = 4;
    let info = |deadline| Ask { until: Some(Stage::Acked), deadline, ..ask(Info(70)) };
    let executed = |what| Ask { until: Some(Stage::Executed), ..ask(what) };
    let ops = vec![
        TickDue(Hub, 260),
        send(Hub, info(Some(4_760))),
        HandOver(Hub, 4),
        send(Hub, info(None)),
        send(Hub, executed(Frame(170))),
        TickDue(Lamp, 2_975),
        send(Lamp, executed(Power(Group))),
        send(Hub, Ask { msg_id: Some(32_127), ..executed(Both(Group)) }),
        send(Hub, Ask { until: Some(Stage::Sent), ..numbered(Raw(2_100), 32_126) }),
    ];
    holds(setup, ops);
}
