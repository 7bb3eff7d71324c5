//! Secrets.

use crate::*;

#[test]
fn the_authentication_code_is_shown_nowhere() {
    let mut hub: Solo = Solo::connected(listener());
    let hello = hello();
    let (head, tail) = hello.split_at(hello.len() - 1);
    hub.feed(head);
    let mut shown = format!("{:?}{:#?}", hub.session, hub.session);
    hub.feed(tail);
    shown += &format!("{:?}", hub.session);
    shown += &format!("{:?}", hub.events());
    let mut lamp: Solo = Solo::connected(greeter());
    lamp.out();
    shown += &format!("{:?}{:?}", lamp.session, greeter());
    shown += &format!("{:?}", lamp.events());
    let flat: String = shown.split_whitespace().collect();
    for part in AUTH.windows(5) {
        let numbers: Vec<_> = part.iter().map(u8::to_string).collect();
        assert!(!flat.contains(&numbers.join(",")), "as numbers");
        assert!(!flat.contains(&String::from_utf8_lossy(part)[..]), "as text");
        assert!(!flat.contains(&cync_tests::hex(part.iter().copied())), "as hexadecimal digits");
    }
}
