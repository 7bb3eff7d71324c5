//! What became of one command, as a chart of what the two ends said to each other, and as a table of the same.

use super::super::row::Row;
use super::Escaped;
use cync_core::Outcome;
use cync_core::wire::{ChecksumMode, Direction, Packet, PacketType};
use cync_sim::Side;
use cync_sim::world::{Happening, Passage, Story};
use std::fmt::{self, Write};
use std::time::Duration;

/// Where the controller and the device are, in the units of the view box.
const CONTROLLER: f64 = 360.0;
const DEVICE: f64 = 720.0;
const WIDTH: f64 = 960.0;
/// What happens at one time is this far apart, and what happens later a little further.
const STEP: f64 = 20.0;
const PAUSE: f64 = 14.0;
const HEAD: f64 = 34.0;

/// Something that is drawn at a height of its own.
#[derive(Clone, Copy, Debug)]
enum Mark<'a> {
    /// The nth packet, or a double of it.
    Arrived(usize),
    Happened(&'a Happening),
    Handed(usize),
}

impl Mark<'_> {
    /// Of what happens at one time: what arrives causes what happens, and that causes what is handed over.
    const fn order(self) -> u8 {
        match self {
            Self::Arrived(_) => 0,
            Self::Happened(_) => 1,
            Self::Handed(_) => 2,
        }
    }
}

/// A mark, when it is, and how far down.
#[derive(Debug)]
struct Placed<'a> {
    at: Duration,
    mark: Mark<'a>,
    y: f64,
}

fn placed(story: &Story) -> Vec<Placed<'_>> {
    let mut all = Vec::new();
    let mut add = |at: Duration, mark| all.push(Placed { at, mark, y: 0.0 });
    for (nth, passage) in story.passages.iter().enumerate() {
        add(passage.at, Mark::Handed(nth));
        for at in &passage.arrived {
            add(*at, Mark::Arrived(nth));
        }
    }
    for (at, happening) in &story.moments {
        add(*at, Mark::Happened(happening));
    }
    all.sort_by_key(|it| (it.at, it.mark.order()));
    let (mut y, mut before) = (HEAD, None);
    for it in &mut all {
        y += if before == Some(it.at) { STEP } else { STEP + PAUSE };
        before = Some(it.at);
        it.y = y;
    }
    all
}

/// The chart, and the table below it.
pub(super) fn sequence(html: &mut String, row: &Row, story: &Story) -> fmt::Result {
    let marks = placed(story);
    let begin = marks.first().map_or(Duration::ZERO, |first| first.at);
    let height = marks.last().map_or(HEAD, |last| last.y) + 30.0;
    let (name, nth) = (Escaped(&row.scenario.name), story.nth);
    write!(
        html,
        "<h2 id=\"chart\">Command {nth} of {name}</h2>\n<p>With one worker. It was sent {} ms after \
         the start; times are from then on.</p>\n<figure>\n<svg viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-labelledby=\"t-chart d-chart\">\n<title id=\"t-chart\">Command {nth} of \
         {name}: who sent what to whom, and when</title>\n<desc id=\"d-chart\">The table below says \
         the same.</desc>\n",
        Millis(begin),
    )?;
    for (x, who) in [(CONTROLLER, "controller"), (DEVICE, "device")] {
        writeln!(
            html,
            "<text class=\"event\" x=\"{x}\" y=\"20\" text-anchor=\"middle\">{who}</text>\
             <line class=\"life\" x1=\"{x}\" y1=\"28\" x2=\"{x}\" y2=\"{}\"/>",
            height - 8.0,
        )?;
    }
    timers(html, story, &marks)?;
    let mut before = None;
    for it in &marks {
        if before != Some(it.at) {
            let (y, time) = (it.y + 4.0, Millis(it.at - begin));
            writeln!(html, "<text class=\"soft\" x=\"4\" y=\"{y}\">{time} ms</text>")?;
            before = Some(it.at);
        }
        draw(html, story, &marks, it)?;
    }
    html.write_str("</svg>\n</figure>\n")?;
    table(html, story, &marks, begin)
}

/// How long each copy waited for its answer.
fn timers(html: &mut String, story: &Story, marks: &[Placed<'_>]) -> fmt::Result {
    for (from, to) in waits(story, marks) {
        let waited = Millis(to.at - from.at);
        let answered = !matches!(to.mark, Mark::Handed(_));
        let what = if answered { "answered after" } else { "no answer for" };
        let (x, y, height) = (CONTROLLER - 9.0, from.y, (to.y - from.y).max(1.0));
        writeln!(
            html,
            "<rect class=\"timer\" x=\"{x}\" y=\"{y}\" width=\"6\" height=\"{height}\">\
             <title>{what} {waited} ms</title></rect>\
             <text class=\"soft\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{what} {waited} ms</text>",
            CONTROLLER - 16.0,
            f64::midpoint(from.y, to.y) + 4.0,
        )?;
    }
    Ok(())
}

/// From every copy of the command to the next one, or to what ended the waiting.
fn waits<'m, 'a>(story: &Story, marks: &'m [Placed<'a>]) -> Vec<(&'m Placed<'a>, &'m Placed<'a>)> {
    let copy = |mark: Mark<'_>| match mark {
        Mark::Handed(nth) => story
            .passages
            .get(nth)
            .is_some_and(|passage| passage.from == Side::Controller && passage.attempt > 0),
        _ => false,
    };
    let ends = |mark: Mark<'_>| {
        matches!(mark, Mark::Happened(Happening::Acked | Happening::Done(..))) || copy(mark)
    };
    let mut waits = Vec::new();
    for (nth, from) in marks.iter().enumerate().filter(|(_, it)| copy(it.mark)) {
        if let Some(to) = marks.iter().skip(nth + 1).find(|it| ends(it.mark)) {
            waits.push((from, to));
        }
    }
    waits
}

fn draw(html: &mut String, story: &Story, marks: &[Placed<'_>], it: &Placed<'_>) -> fmt::Result {
    let y = it.y;
    match it.mark {
        Mark::Arrived(_) => Ok(()),
        Mark::Happened(happening) => {
            let (x, anchor) = match side(happening) {
                Side::Controller => (CONTROLLER - 16.0, "end"),
                Side::Device => (DEVICE + 12.0, "start"),
            };
            let what = Escaped(said(happening));
            let dot = if side(happening) == Side::Controller { CONTROLLER } else { DEVICE };
            writeln!(
                html,
                "<circle class=\"head\" cx=\"{dot}\" cy=\"{y}\" r=\"4\"/>\
                 <text class=\"event halo\" x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{what}</text>",
                y + 4.0,
            )
        }
        Mark::Handed(nth) => {
            let Some(passage) = story.passages.get(nth) else { return Ok(()) };
            passage_lines(html, passage, (nth, y), marks)?;
            let (x, anchor) = match passage.from {
                Side::Controller => (CONTROLLER + 10.0, "start"),
                Side::Device => (DEVICE - 10.0, "end"),
            };
            let (what, whole) = (Escaped(named(passage)), Escaped(decoded(passage)));
            let y = y - 4.0;
            writeln!(
                html,
                "<text class=\"halo\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{what}\
                 <title>{whole}</title></text>",
            )
        }
    }
}

/// A line to each arrival, or to a cross half-way.
fn passage_lines(
    html: &mut String,
    passage: &Passage,
    (nth, y): (usize, f64),
    marks: &[Placed<'_>],
) -> fmt::Result {
    let (from, to) = match passage.from {
        Side::Controller => (CONTROLLER, DEVICE),
        Side::Device => (DEVICE, CONTROLLER),
    };
    if passage.arrived.is_empty() {
        let (x, end) = (f64::midpoint(from, to), y + 10.0);
        return writeln!(
            html,
            "<line class=\"lost\" x1=\"{from}\" y1=\"{y}\" x2=\"{x}\" y2=\"{end}\"/>\
             <path class=\"cross\" d=\"M{} {}l10 10m0 -10l-10 10\"><title>lost</title></path>",
            x - 5.0,
            end - 5.0,
        );
    }
    let (line, head) =
        if passage.attempt > 0 { ("line", "head") } else { ("answer", "answer-head") };
    for it in marks.iter().filter(|it| matches!(it.mark, Mark::Arrived(of) if of == nth)) {
        let (end, back) = (it.y, if to > from { -8.0 } else { 8.0 });
        writeln!(
            html,
            "<line class=\"{line}\" x1=\"{from}\" y1=\"{y}\" x2=\"{to}\" y2=\"{end}\"/>\
             <path class=\"{head}\" d=\"M{to} {end}l{back} -5v9z\"/>",
        )?;
    }
    Ok(())
}

fn table(html: &mut String, story: &Story, marks: &[Placed<'_>], begin: Duration) -> fmt::Result {
    html.write_str(
        "<div class=\"wide\">\n<table class=\"story\">\n<caption>The same, line by \
         line.</caption>\n<thead>\n<tr><th scope=\"col\">ms</th><th scope=\"col\">who</th>\
         <th scope=\"col\">what</th><th scope=\"col\">packet</th></tr>\n</thead>\n<tbody>\n",
    )?;
    for it in marks {
        let (who, what, packet) = match it.mark {
            Mark::Happened(happening) => (side(happening), said(happening), String::new()),
            Mark::Handed(nth) | Mark::Arrived(nth) => {
                let Some(passage) = story.passages.get(nth) else { continue };
                match it.mark {
                    Mark::Handed(_) => {
                        let lost = if passage.arrived.is_empty() { "; it is lost" } else { "" };
                        let what = format!("hands over {}{lost}", named(passage));
                        (passage.from, what, decoded(passage))
                    }
                    _ => (passage.from.other(), format!("gets {}", named(passage)), String::new()),
                }
            }
        };
        let who = match who {
            Side::Controller => "controller",
            Side::Device => "device",
        };
        let (time, what, packet) = (Millis(it.at - begin), Escaped(what), Escaped(packet));
        writeln!(
            html,
            "<tr><td>{time}</td><td>{who}</td><td>{what}</td><td><code>{packet}</code></td></tr>"
        )?;
    }
    html.write_str("</tbody>\n</table>\n</div>\n")
}

const fn side(happening: &Happening) -> Side {
    match happening {
        Happening::Applied => Side::Device,
        _ => Side::Controller,
    }
}

fn said(happening: &Happening) -> String {
    match happening {
        Happening::Asked(_) => "send".into(),
        Happening::Acked => "received".into(),
        Happening::Executed => "executed".into(),
        Happening::Applied => "does it".into(),
        Happening::Done(outcome, receipt) => {
            let what = match outcome {
                Outcome::Reached(_) => "done".into(),
                other => format!("failed: {other:?}"),
            };
            format!("{what}, after copies: {}", receipt.attempts)
        }
    }
}

/// What a packet is to the command.
fn named(passage: &Passage) -> String {
    let packet = Packet::decode(&passage.bytes, ChecksumMode::Lenient);
    let kind = passage.bytes.first().copied().and_then(PacketType::from_byte);
    let what = match (kind, packet) {
        (_, Ok(Packet::DataChannel(channel))) if channel.frame.direction == Direction::RESPONSE => {
            "the result".into()
        }
        (Some(PacketType::DataChannel | PacketType::Probe), _) => "the command".into(),
        (Some(PacketType::DataAck | PacketType::ProbeAck), _) => "the receipt".into(),
        (Some(PacketType::StatusBroadcast), _) => "the new status".into(),
        (Some(PacketType::StatusAck), _) => "the receipt of the status".into(),
        (Some(kind), _) => kind.to_string(),
        (None, _) => "a packet".into(),
    };
    let copy = if passage.attempt > 1 { format!(", copy {}", passage.attempt) } else { "".into() };
    let doubled = if passage.doubled { ", doubled on its way" } else { "" };
    format!("{what}{copy}{doubled}")
}

fn decoded(passage: &Passage) -> String {
    Packet::decode(&passage.bytes, ChecksumMode::Lenient)
        .map_or_else(|error| error.to_string(), |packet| packet.to_string())
}

/// Milliseconds, to the microsecond.
struct Millis(Duration);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        write!(f, "{}.{:03}", micros / 1_000, micros % 1_000)
    }
}
