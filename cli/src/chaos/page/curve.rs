//! How long commands took: the part of them that took longer than a time. Both axes are logarithmic, so that the few slow
//! ones show as well as the many fast ones.

use super::super::row::Row;
use super::super::table::{millis, percent};
use super::Escaped;
use std::fmt::{self, Write};

/// The plot, in the units of its view box.
const LEFT: f64 = 58.0;
const RIGHT: f64 = 440.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 208.0;
/// Powers of ten: 10 ms to 10 s, in microseconds, and one in 100,000 commands to all of them.
const FASTEST: f64 = 4.0;
const SLOWEST: f64 = 7.0;
const FEWEST: f64 = -5.0;

/// A figure for every row, with a curve for every number of workers.
pub(super) fn curves(html: &mut String, rows: &[Row]) -> fmt::Result {
    html.write_str(
        "<h2 id=\"times\">How long commands took</h2>\n<p>The part of the commands (upwards) that \
         took longer than a time (to the right): solid with one worker, dashed with ten. Dotted is \
         the limit of the slowest hundredth.</p>\n<div class=\"grid\">\n",
    )?;
    for rows in rows.chunk_by(|one, other| one.name == other.name) {
        figure(html, rows)?;
    }
    html.write_str("</div>\n")
}

fn figure(html: &mut String, rows: &[Row]) -> fmt::Result {
    let Some(first) = rows.first() else { return Ok(()) };
    let (id, name) = (Escaped(first.name), Escaped(&first.scenario.name));
    write!(
        html,
        "<figure>\n<svg viewBox=\"0 0 452 250\" role=\"img\" aria-labelledby=\"t-{id} d-{id}\">\n\
         <title id=\"t-{id}\">{name}: how long commands took</title>\n<desc id=\"d-{id}\">",
    )?;
    for row in rows {
        let time = |permille| row.permille(permille).map_or("never".into(), millis);
        write!(
            html,
            "Workers {}: half within {} ms, 95 % within {} ms, 99 % within {} ms, {} succeed. ",
            row.workers,
            time(500),
            time(950),
            time(990),
            percent(row.success()),
        )?;
    }
    html.write_str("</desc>\n")?;
    axes(html)?;
    if let Some(limit) = first.scenario.limits.p99 {
        let x = across(limit.as_micros() as f64);
        writeln!(
            html,
            "<line class=\"limit\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{BOTTOM}\"/>"
        )?;
    }
    for row in rows {
        curve(html, row)?;
    }
    let about = Escaped(&first.scenario.about);
    writeln!(html, "</svg>\n<figcaption><strong>{name}.</strong> {about}</figcaption>\n</figure>")
}

fn axes(html: &mut String) -> fmt::Result {
    for (power, text) in [(4, "10 ms"), (5, "100 ms"), (6, "1 s"), (7, "10 s")] {
        let x = across(10_f64.powi(power));
        writeln!(
            html,
            "<line class=\"axis\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{BOTTOM}\"/>\
             <text class=\"soft\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
            BOTTOM + 18.0,
        )?;
    }
    for (power, text) in [(0, "100 %"), (-1, "10 %"), (-2, "1 %"), (-3, "0.1 %"), (-4, "0.01 %")] {
        let y = up(10_f64.powi(power));
        writeln!(
            html,
            "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\"/>\
             <text class=\"soft\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            LEFT - 6.0,
            y + 4.0,
        )?;
    }
    let (x, y) = (f64::midpoint(LEFT, RIGHT), BOTTOM + 36.0);
    writeln!(html, "<text class=\"soft\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">time</text>")
}

fn curve(html: &mut String, row: &Row) -> fmt::Result {
    let class = if row.workers == 1 { "one" } else { "ten" };
    let total = row.outcome.latency.total() as f64;
    let mut left = row.outcome.latency.total();
    let mut y = up(1.0);
    write!(html, "<path class=\"{class}\" d=\"M{LEFT} {y:.1}")?;
    for (micros, count) in row.outcome.latency.iter() {
        left = left.saturating_sub(count.into());
        let x = across(micros as f64);
        let down = up(left as f64 / total);
        // What is no wider than a hair need not be drawn.
        if y - down < -0.1 || left == 0 {
            write!(html, "H{x:.1}V{down:.1}")?;
            y = down;
        }
    }
    if left > 0 {
        write!(html, "H{RIGHT}")?;
    }
    writeln!(html, "\"/>")
}

fn across(micros: f64) -> f64 {
    let part = (micros.max(1.0).log10() - FASTEST) / (SLOWEST - FASTEST);
    LEFT + part.clamp(0.0, 1.0) * (RIGHT - LEFT)
}

fn up(part: f64) -> f64 {
    let part = part.log10().max(FEWEST) / FEWEST;
    TOP + part.clamp(0.0, 1.0) * (BOTTOM - TOP)
}
