//! How single values are written in a scenario file, and read from it.

use super::decimal::{self, Problem};
use super::names::nearest;
use crate::{DropPattern, Ppm};
use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::time::Duration;
use toml::de::DeValue;

/// What a field can hold.
pub(super) trait Value: Sized {
    /// The name of there being none, if a field can say so.
    const NONE: Option<&'static str> = None;

    /// The value, or the rule that what is given breaks.
    fn read(given: &DeValue<'_>) -> Result<Self, String>;

    /// As it is written; `None` if it is left out.
    fn text(&self) -> Option<String>;
}

impl<V: Value> Value for Option<V> {
    fn read(given: &DeValue<'_>) -> Result<Self, String> {
        match given.as_str() {
            Some(name) if Some(name) == V::NONE => Ok(None),
            _ => V::read(given).map(Some),
        }
    }

    fn text(&self) -> Option<String> {
        self.as_ref().map_or_else(|| V::NONE.map(quote), V::text)
    }
}

impl Value for bool {
    fn read(given: &DeValue<'_>) -> Result<Self, String> {
        given.as_bool().ok_or_else(|| "it is true or false".to_owned())
    }

    fn text(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl Value for String {
    fn read(given: &DeValue<'_>) -> Result<Self, String> {
        given.as_str().map(Self::from).ok_or_else(|| "it is a text in quotes".to_owned())
    }

    fn text(&self) -> Option<String> {
        Some(quote(self))
    }
}

/// A text in quotes.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            _ if letter.is_control() => quoted += &format!("\\u{:04X}", u32::from(letter)),
            _ => quoted.push(letter),
        }
    }
    quoted + "\""
}

fn whole(given: &DeValue<'_>) -> Option<u64> {
    let number = given.as_integer()?;
    let digits = number.as_str();
    u64::from_str_radix(digits.strip_prefix('+').unwrap_or(digits), number.radix()).ok()
}

macro_rules! whole_numbers {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn read(given: &DeValue<'_>) -> Result<Self, String> {
                let number = whole(given).and_then(|number| number.try_into().ok());
                let (least, most) = (Self::MIN, Self::MAX);
                number.ok_or_else(|| format!("it is a whole number from {least} to {most}"))
            }

            fn text(&self) -> Option<String> {
                Some(self.to_string())
            }
        }
    )*};
}

whole_numbers!(u8, u16, u32);

impl Value for NonZeroU16 {
    fn read(given: &DeValue<'_>) -> Result<Self, String> {
        u16::read(given).ok().and_then(Self::new).ok_or_else(|| {
            let most = Self::MAX;
            format!("it is a whole number from 1 to {most}")
        })
    }

    fn text(&self) -> Option<String> {
        self.get().text()
    }
}

/// TOML promises no whole numbers beyond 63 bits: larger ones are texts in hex.
impl Value for u64 {
    fn read(given: &DeValue<'_>) -> Result<Self, String> {
        let hex = || Self::from_str_radix(given.as_str()?.strip_prefix("0x")?, 16).ok();
        let rule =
            || "it is a whole number of 64 bits, or its hex digits as in \"0xff\"".to_owned();
        whole(given).or_else(hex).ok_or_else(rule)
    }

    fn text(&self) -> Option<String> {
        Some(if i64::try_from(*self).is_ok() { self.to_string() } else { format!("\"{self:#x}\"") })
    }
}

/// A number that is written in hex.
pub(super) struct Hex<N>(pub(super) N);

impl Value for Hex<u8> {
    fn read(given: &DeValue<'_>) -> Result<Self, String> {
        let digits =
            |text: &str| u8::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok();
        let number = match given.as_str() {
            Some(text) => digits(text),
            None => u8::read(given).ok(),
        };
        number.map(Self).ok_or_else(|| "it is a byte, such as 0x73".to_owned())
    }

    fn text(&self) -> Option<String> {
        Some(format!("{:#04x}", self.0))
    }
}

impl Value for Hex<u64> {
    fn read(given: &DeValue<'_>) -> Result<Self, String> {
        u64::read(given).map(Self)
    }

    fn text(&self) -> Option<String> {
        let hex = format!("{:#x}", self.0);
        Some(if i64::try_from(self.0).is_ok() { hex } else { quote(&hex) })
    }
}

/// As it is written, if it is a decimal number.
fn digits<'a>(given: &'a DeValue<'_>) -> Option<&'a str> {
    match given {
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str()),
        DeValue::Float(number) => Some(number.as_str()),
        _ => None,
    }
}

/// Milliseconds, to the microsecond.
impl Value for Duration {
    fn read(given: &DeValue<'_>) -> Result<Self, String> {
        let time = digits(given).ok_or(Problem::Form).and_then(|digits| decimal::read(digits, 3));
        time.map(Self::from_micros).map_err(|problem| {
            let rule = match problem {
                Problem::Form => "a time is a number of milliseconds from 0, such as 45 or 2.5",
                Problem::Fine => "a time is kept to the microsecond, 0.001, and no finer",
                Problem::Large => "a time is less than 2^64 microseconds",
            };
            rule.to_owned()
        })
    }

    fn text(&self) -> Option<String> {
        Some(decimal::write(self.as_micros(), 3))
    }
}

/// A fraction, or a percentage in quotes.
impl Value for Ppm {
    fn read(given: &DeValue<'_>) -> Result<Self, String> {
        let read = match given.as_str().map(str::trim) {
            Some(text) => match text.strip_suffix('%') {
                Some(percentage) => decimal::read(percentage, 4),
                None => decimal::read(text, 6),
            },
            None => digits(given).ok_or(Problem::Form).and_then(|digits| decimal::read(digits, 6)),
        };
        let rate = match read {
            Ok(parts) => u32::try_from(parts).ok().and_then(Self::new).ok_or(Problem::Large),
            Err(problem) => Err(problem),
        };
        rate.map_err(|problem| {
            let rule = match problem {
                Problem::Form | Problem::Large => {
                    "a rate is from 0 to 1, or from \"0%\" to \"100%\""
                }
                Problem::Fine => {
                    "a rate is kept to the millionth, 0.000001 or \"0.0001%\", and no finer"
                }
            };
            rule.to_owned()
        })
    }

    fn text(&self) -> Option<String> {
        Some(decimal::write(self.parts().into(), 6))
    }
}

/// Red, green, blue.
impl Value for [u8; 3] {
    fn read(given: &DeValue<'_>) -> Result<Self, String> {
        let rule =
            || "a colour is three whole numbers from 0 to 255, as in [0, 251, 255]".to_owned();
        let parts = given.as_array().ok_or_else(rule)?;
        let parts: Result<Vec<u8>, _> = parts.iter().map(|part| u8::read(part.get_ref())).collect();
        parts.ok().and_then(|parts| parts.try_into().ok()).ok_or_else(rule)
    }

    fn text(&self) -> Option<String> {
        let [red, green, blue] = self;
        Some(format!("[{red}, {green}, {blue}]"))
    }
}

impl Value for DropPattern {
    const NONE: Option<&'static str> = Some("none");

    fn read(given: &DeValue<'_>) -> Result<Self, String> {
        let rule = || {
            "it is the numbers of commands as in [1, 6, 11], or { first = 1, every = 5 }, or \"none\""
                .to_owned()
        };
        match given {
            DeValue::Array(list) => {
                let read = |number| u64::read(toml::Spanned::get_ref(number));
                let list: Result<BTreeSet<u64>, _> = list.iter().map(read).collect();
                list.map(Self::List).map_err(|_| rule())
            }
            DeValue::Table(table) if table.len() == 2 => {
                let number =
                    |name| table.get(name).and_then(|given| u64::read(given.get_ref()).ok());
                let (first, every) = number("first").zip(number("every")).ok_or_else(rule)?;
                Ok(Self::Every { first, every })
            }
            _ => Err(rule()),
        }
    }

    fn text(&self) -> Option<String> {
        let number = |number: &u64| number.text().unwrap_or_default();
        Some(match self {
            Self::List(list) => {
                format!("[{}]", list.iter().map(number).collect::<Vec<_>>().join(", "))
            }
            Self::Every { first, every } => {
                format!("{{ first = {}, every = {} }}", number(first), number(every))
            }
        })
    }
}

/// One of several names.
pub(super) fn choice<V: Copy>(given: &DeValue<'_>, all: &[(&'static str, V)]) -> Result<V, String> {
    let given = given.as_str();
    if let Some((_, value)) = all.iter().find(|(name, _)| Some(*name) == given) {
        return Ok(*value);
    }
    let names = || all.iter().map(|(name, _)| *name);
    let meant = given.and_then(|given| nearest(given, names()));
    Err(match meant {
        Some(name) => format!("did you mean \"{name}\"?"),
        None => {
            let names: Vec<String> = names().map(quote).collect();
            format!("it is one of {}", names.join(", "))
        }
    })
}

/// Names of the values of a type, in both directions.
macro_rules! names {
    ($type:ty: $($value:expr => $name:literal),* $(,)?) => {
        impl Value for $type {
            fn read(given: &DeValue<'_>) -> Result<Self, String> {
                choice(given, &[$(($name, $value)),*])
            }

            fn text(&self) -> Option<String> {
                [$(($name, $value)),*].iter().find(|(_, value)| value == self).map(|(name, _)| quote(name))
            }
        }
    };
}
pub(super) use names;
