//! Text of others, on one line of ours.

/// The text with every character escaped that ends a line, commands a terminal, or is not seen.
pub(crate) fn one_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '"' | '\'' | '\\' => shown.push(char),
            _ => shown.extend(char.escape_debug()),
        }
    }
    shown
}

/// The same of several lines: those that are indented stay lines.
pub(crate) fn indented(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (number, line) in text.split('\n').enumerate() {
        match number {
            0 => {}
            _ if line.starts_with(' ') || line.is_empty() => shown.push('\n'),
            _ => shown += "\\n",
        }
        shown += &one_line(line);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_readable_stays_and_the_rest_is_spelt_out() {
        assert_eq!(one_line("it's \"C:\\lamp\", für 💡"), "it's \"C:\\lamp\", für 💡");
        let hostile = "a\ncync: forged\r\x1b[2J\u{85}\u{9b}\u{2028}\u{202e}";
        let shown = r"a\ncync: forged\r\u{1b}[2J\u{85}\u{9b}\u{2028}\u{202e}";
        assert_eq!(one_line(hostile), shown);
    }

    #[test]
    fn a_line_that_is_not_indented_is_part_of_the_one_before() {
        let shown = "mine.toml:7:20: no rate\n   7 | loss = 1.2\\ncync: forged\n";
        assert_eq!(indented("mine.toml:7:20: no rate\n   7 | loss = 1.2\ncync: forged\n"), shown);
    }
}
