//! The page: the table, how long commands took, and what became of one of them. It needs nothing but itself.

mod curve;
mod sequence;

use super::row::Row;
use super::table::{HEADINGS, cells, summary};
use cync_sim::world::Story;
use std::fmt::{self, Write};

const STYLE: &str = include_str!("style.css");

/// The column that says something else in every run: the page leaves it out, and is the same whenever the same is run.
const REAL: &str = "real";

/// Text, so that nothing in it is taken for HTML.
struct Escaped<T>(T);

impl<T: fmt::Display> fmt::Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.to_string().chars() {
            match char {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // Neither HTML nor SVG has a way to write the others.
                char if char.is_control() => f.write_char('\u{fffd}')?,
                char => f.write_char(char)?,
            }
        }
        Ok(())
    }
}

/// The whole page.
pub(super) fn page(rows: &[Row], told: Option<&(&Row, Story)>) -> String {
    let mut html = String::new();
    // Nothing that is written to a string fails.
    let _ = write(&mut html, rows, told);
    html
}

fn write(html: &mut String, rows: &[Row], told: Option<&(&Row, Story)>) -> fmt::Result {
    let version = env!("CARGO_PKG_VERSION");
    write!(
        html,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>cync chaos</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>cync chaos</h1>\n<p>cync {version}. {}.</p>\n",
        Escaped(summary(rows)),
    )?;
    table(html, rows)?;
    curve::curves(html, rows)?;
    if let Some((row, story)) = told {
        sequence::sequence(html, row, story)?;
    }
    html.write_str("</main>\n</body>\n</html>\n")
}

fn table(html: &mut String, rows: &[Row]) -> fmt::Result {
    html.write_str(
        "<h2 id=\"table\">The table</h2>\n<div class=\"wide\">\n<table>\n<caption>Losses are of \
         both directions. Times run from the call of send to the command&#39;s end, in virtual \
         time.</caption>\n<thead>\n<tr>",
    )?;
    for heading in HEADINGS.iter().filter(|heading| **heading != REAL) {
        write!(html, "<th scope=\"col\">{}</th>", Escaped(heading))?;
    }
    html.write_str("</tr>\n</thead>\n<tbody>\n")?;
    for row in rows {
        html.write_str("<tr>")?;
        for (heading, cell) in HEADINGS.iter().zip(cells(row)) {
            let cell = Escaped(cell);
            match *heading {
                REAL => {}
                "row" => write!(html, "<th scope=\"row\">{cell}</th>")?,
                "verdict" if row.holds() => write!(html, "<td class=\"ok\">{cell}</td>")?,
                "verdict" => write!(html, "<td class=\"bad\">{cell}</td>")?,
                _ => write!(html, "<td>{cell}</td>")?,
            }
        }
        html.write_str("</tr>\n")?;
    }
    html.write_str("</tbody>\n</table>\n</div>\n")?;
    if rows.iter().any(|row| !row.holds()) {
        html.write_str("<ul class=\"bad\">\n")?;
        for row in rows {
            for problem in row.problems() {
                let (name, problem) = (Escaped(row.name), Escaped(problem));
                writeln!(html, "<li>{name}, workers {}: {problem}</li>", row.workers)?;
            }
        }
        html.write_str("</ul>\n")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_taken_for_html() {
        let text = "<script>\"a\" & 'b'</script>\u{0}\u{1b}";
        let expected =
            "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;\u{fffd}\u{fffd}";
        assert_eq!(Escaped(text).to_string(), expected);
    }
}
