//! Decimal numbers as they are written, without ever being a floating-point number.

/// Why a text is no number of so many decimal places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Problem {
    /// It is no plain decimal number, or less than zero.
    Form,
    /// It has more decimal places than can be kept.
    Fine,
    /// It is more than can be kept.
    Large,
}

/// Reads a decimal number in units of its last of `places` decimal places: `2.5` with three is 2500.
pub(super) fn read(text: &str, places: usize) -> Result<u64, Problem> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return Err(Problem::Form);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > places {
        return Err(Problem::Fine);
    }
    let padding = std::iter::repeat_n(b'0', places - fraction.len());
    let digits = whole.bytes().chain(fraction.bytes()).chain(padding);
    digits
        .map(|byte| u64::from(byte - b'0'))
        .try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(digit))
        .ok_or(Problem::Large)
}

/// Writes what [`read`] reads, without needless digits.
pub(super) fn write(value: u128, places: u32) -> String {
    let unit = 10_u128.pow(places);
    let (whole, fraction) = (value / unit, value % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    let width = usize::try_from(places).unwrap_or_default();
    format!("{whole}.{fraction:0width$}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_their_last_place_or_not_at_all() {
        for (text, read_as) in [
            ("0", Ok(0)),
            ("45", Ok(45_000)),
            ("2.5", Ok(2_500)),
            ("+2.50000", Ok(2_500)),
            ("0.001", Ok(1)),
            ("0.0001", Err(Problem::Fine)),
            ("18446744073709551.615", Ok(u64::MAX)),
            ("18446744073709551.616", Err(Problem::Large)),
            ("-1", Err(Problem::Form)),
            ("1e3", Err(Problem::Form)),
            ("inf", Err(Problem::Form)),
            ("", Err(Problem::Form)),
            (".5", Err(Problem::Form)),
            ("1.2.3", Err(Problem::Form)),
            ("١", Err(Problem::Form)),
        ] {
            assert_eq!(read(text, 3), read_as, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for value in [0, 1, 999, 1_000, 45_000, 2_500, u64::MAX] {
            assert_eq!(read(&write(value.into(), 3), 3), Ok(value));
        }
        assert_eq!(write(2_500, 3), "2.5");
        assert_eq!(write(200_000, 6), "0.2");
    }
}
