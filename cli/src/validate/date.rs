use std::time::{SystemTime, UNIX_EPOCH};

/// A date of a file's header, as `2025-11-21`.
pub(crate) fn parse(text: &str) -> Result<String, &'static str> {
    let rule = "a date is written as 2025-11-21";
    let [year, month, day] = text.split('-').collect::<Vec<_>>()[..] else { return Err(rule) };
    let number = |text: &str, len| {
        let digits = text.len() == len && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| digits).ok_or(rule)
    };
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let there_is = (1..=12).contains(&month) && (1..=days_of(year, month)).contains(&day);
    if there_is { Ok(text.to_owned()) } else { Err("there is no such day") }
}

/// The system's date, at Greenwich.
pub(crate) fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    of_day(since.as_secs() / 86_400)
}

const fn days_of(year: u64, month: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The date so many days behind the first of 1970.
fn of_day(mut days: u64) -> String {
    for year in 1970.. {
        for month in 1..=12 {
            let Some(rest) = days.checked_sub(days_of(year, month)) else {
                return format!("{year:04}-{month:02}-{:02}", days + 1);
            };
            days = rest;
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_through_leap_years() {
        for (day, date) in [
            (0, "1970-01-01"),
            (58, "1970-02-28"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (19_782, "2024-02-29"),
            (19_783, "2024-03-01"),
            (20_413, "2025-11-21"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(of_day(day), date);
            assert_eq!(parse(date).as_deref(), Ok(date));
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["", "2025-11", "2025-1-21", "+025-11-21", "2025-11-21-1", "21.11.2025"] {
            assert_eq!(parse(text), Err("a date is written as 2025-11-21"), "{text}");
        }
        for text in ["2025-13-01", "2025-00-01", "2025-11-31", "2025-02-29", "2025-01-00"] {
            assert_eq!(parse(text), Err("there is no such day"), "{text}");
        }
    }
}
