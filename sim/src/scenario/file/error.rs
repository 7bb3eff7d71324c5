use std::fmt;

/// Characters of a line that are shown, at most.
const SHOWN: usize = 120;

/// Why a text is no scenario: the place, and the rule in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScenarioError {
    line: usize,
    column: usize,
    rule: String,
    shown: String,
    caret: String,
}

impl ScenarioError {
    /// A rule that `text` breaks at this byte of it.
    pub(super) fn new(text: &str, at: usize, rule: impl Into<String>) -> Self {
        let before = text.get(..text.floor_char_boundary(at)).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let within = before.get(start..).unwrap_or_default().chars();
        let column = within.clone().count();
        let line = text.get(start..).unwrap_or_default().lines().next().unwrap_or_default();
        // Of a line that is too long, what stands around the place.
        let skipped = if column < SHOWN { 0 } else { column - SHOWN / 2 };
        let shown = line.chars().skip(skipped).take(SHOWN).map(printable).collect();
        let blank = |letter| if letter == '\t' { '\t' } else { ' ' };
        let caret = within.skip(skipped).map(blank).chain(['^']).collect();
        let line = before.matches('\n').count() + 1;
        Self { line, column: column + 1, rule: rule.into(), shown, caret }
    }

    /// The line, from 1.
    pub const fn line(&self) -> usize {
        self.line
    }

    /// The column, in characters from 1.
    pub const fn column(&self) -> usize {
        self.column
    }

    /// What is wrong there, and what would not be.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The line itself, and a caret below the column.
    pub fn excerpt(&self) -> impl fmt::Display {
        let Self { line, shown, caret, .. } = self;
        format!("{line:>4} | {shown}\n     | {caret}")
    }
}

/// A terminal is not told what to do by a file.
fn printable(letter: char) -> char {
    if letter.is_control() && letter != '\t' { char::REPLACEMENT_CHARACTER } else { letter }
}

/// What a text says at one place, short and printable.
pub(super) fn quoted(source: &str) -> String {
    const MOST: usize = 40;
    let mut shown: String = source.chars().take(MOST).map(printable).collect();
    if source.chars().nth(MOST).is_some() {
        shown.push_str("...");
    }
    shown
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, rule, .. } = self;
        write!(f, "line {line}, column {column}: {rule}\n{}", self.excerpt())
    }
}

impl std::error::Error for ScenarioError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_shows_its_line_with_a_caret_below_the_column() {
        let text = "schema = 1\n\tname = \"é\" ?\n";
        let error = ScenarioError::new(text, text.find('?').unwrap(), "no");
        assert_eq!((error.line(), error.column()), (2, 13));
        let expected = "line 2, column 13: no\n   2 | \tname = \"é\" ?\n     | \t           ^";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn every_place_of_every_text_can_be_shown() {
        let long = "é".repeat(1_000);
        for text in ["", "\n", "a\r\nb", "\u{1b}[31m", &long] {
            for at in 0..=text.len() + 1 {
                let shown = ScenarioError::new(text, at, "no").to_string();
                assert!(
                    !shown.contains('\u{1b}')
                        && shown.lines().all(|line| line.chars().count() < 150)
                );
                assert!(shown.ends_with('^'));
            }
        }
    }
}
