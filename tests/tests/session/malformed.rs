//! Malformed input.

use crate::*;

#[test]
fn another_protocol_is_hung_up_on_and_nothing_follows() {
    let mut hub = hub();
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    assert_eq!(hub.feed(&hello), hello.len());
    let why = HangupReason::NotThisProtocol(0x16, 0x0301_0200);
    assert_eq!(hub.events(), [Event::Hangup(why)]);
    assert_eq!(hub.session.stats().framing_errors, 1);
    hub.hear(&request(1));
    assert!(hub.out().is_empty() && hub.session.recv(hub.now).is_none());
    assert!(hub.session.send(hub.now, power(true)).is_err());
    assert_eq!((hub.events(), hub.session.poll_timeout()), (vec![], None));
}

#[test]
fn a_packet_with_a_wrong_checksum_is_counted_answered_and_nothing_else() {
    let mut hub = hub();
    for (packet, answer) in [(request(1), 0x7b), (announcement(1), 0x88)] {
        let mut bytes = bytes_of(&packet);
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        hub.feed(&bytes);
        assert_eq!(kinds(&hub.out()), [answer]);
    }
    assert_eq!((hub.session.stats().decode_errors.total(), hub.session.stats().accepted), (2, 0));
    assert_eq!((hub.events(), hub.session.remembered()), (vec![], 0));
    hub.feed(&[0x99, 0, 0, 0, 0]);
    assert_eq!((hub.session.stats().decode_errors.total(), hub.out().len()), (3, 0));
}

#[test]
fn a_lenient_session_delivers_damaged_states_as_such_and_neither_executes_nor_believes_the_damaged()
{
    let mut hub: Solo = Solo::greeted(config(|it| it.checksum = ChecksumMode::Lenient));
    let (msg_id, counter) = send(&mut hub, executed());
    hub.hear(&ack(msg_id, StatusCode::OK));
    hub.events();
    let damaged = [announcement(1), request(2), result(counter, &[0]), result(counter, &[7])];
    for (packet, answer) in damaged.iter().zip([0x88, 0x7b, 0x7b, 0x7b]) {
        let mut bytes = bytes_of(packet);
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        hub.feed(&bytes);
        assert_eq!(kinds(&hub.out()), [answer]);
    }
    assert_eq!(hub.events(), [Event::Readable], "nothing has been executed, or refused");
    assert!(hub.hear(&announcement(2)));
    for valid in [false, true] {
        let state = hub.session.recv(hub.now).unwrap();
        assert_eq!(state.kind, PacketType::StatusBroadcast);
        assert_eq!(state.frame.map(|frame| frame.checksum_valid), Some(valid));
    }
    assert!(hub.session.recv(hub.now).is_none());
    assert_eq!(hub.session.stats().decode_errors.invalid_checksum, 3);
    hub.hear(&result(counter, &[0]));
    assert_eq!(done(&mut hub), [Outcome::Reached(Stage::Executed)]);
}
