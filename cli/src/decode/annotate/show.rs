//! Fields as lines, and as JSON.

use super::{Field, Role};
use crate::hex;
use serde_json::{Value, json};
use std::io::{self, Write};

/// Bytes of a field that stand on one line.
const WIDTH: usize = 8;

/// Writes a line for each field, or several if it is long: offset, bytes, name, value.
pub(crate) fn write(out: &mut impl Write, fields: &[Field], coloured: bool) -> io::Result<()> {
    for Field { at, bytes, role, name, value } in fields {
        let (on, off) = if coloured { (colour(*role), "\x1b[0m") } else { ("", "") };
        for (nth, bytes) in bytes.chunks(WIDTH).enumerate() {
            let at = at + nth * WIDTH;
            let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let digits = digits.join(" ");
            if nth == 0 {
                let line = format!("{name:<22} {value}");
                let line = line.trim_end();
                writeln!(out, "         {at:04x}  {on}{digits:<23}{off}  {line}")?;
            } else {
                writeln!(out, "         {at:04x}  {on}{digits}{off}")?;
            }
        }
    }
    Ok(())
}

/// An array with an object for each field.
pub(crate) fn json(fields: &[Field]) -> Value {
    let object = |Field { at, bytes, name, value, .. }: &Field| {
        let digits = hex::encode(bytes.iter().copied());
        json!({ "at": at, "len": bytes.len(), "hex": digits, "field": name, "value": value })
    };
    fields.iter().map(object).collect()
}

const fn colour(role: Role) -> &'static str {
    match role {
        Role::Header => "\x1b[1m",
        Role::Ids => "\x1b[36m",
        Role::Frame => "\x1b[33m",
        Role::Sum => "\x1b[32m",
        Role::WrongSum => "\x1b[1;31m",
        Role::Data => "\x1b[34m",
        Role::Secret => "\x1b[35m",
        Role::Unknown => "\x1b[2m",
    }
}
