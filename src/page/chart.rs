//! Charts as SVG that stands in the page itself.
//!
//! The drawing has no size of its own: it is stretched to the place that the page has for it, while lines keep their width, and what
//! is written stands beside it as text of the page.

mod band;

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use self::band::Strip;
pub use self::band::{Band, BandKind};
use super::Markup;
use super::figure::{moment, number, percent, span};

/// The width and height of the drawing in its own units.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 100.0;

/// One line of a chart: its name, and a value for each place along it; `None`: there was none.
pub type Series<'a> = (&'a str, Vec<Option<f64>>);

/// What lies along the time of charts.
#[derive(Debug, Clone, Default)]
pub struct TimeAxis<'a> {
    /// The places, in seconds since `began`, ascending.
    pub at: &'a [f64],
    /// The moment that seconds are counted from; without it the ends of the axis say seconds.
    pub began: Option<SystemTime>,
    /// What lasted a while, or happened at one moment: drawn behind the lines.
    pub bands: &'a [Band],
    /// The axis of something that goes on: it shows this many seconds at least, and the legend says the latest value of each line.
    pub goes_on: Option<f64>,
}

impl TimeAxis<'_> {
    /// Its ends, in seconds; `None`, where there is nothing between them.
    fn ends(&self) -> Option<(f64, f64)> {
        let (first, last) = (*self.at.first()?, *self.at.last()?);
        let last = last.max(first + self.goes_on.unwrap_or(0.0));
        (last > first).then_some((first, last))
    }

    /// The moment of a place.
    fn moment(&self, at: f64) -> Option<SystemTime> {
        let after = Duration::try_from_secs_f64(at.max(0.0).round()).ok()?;
        self.began?.checked_add(after)
    }

    /// What is written at a place: the time of day (UTC), with the day where `with_day` says so.
    fn label(&self, at: f64, with_day: bool) -> String {
        match self.moment(at) {
            Some(at) => moment(at, with_day) + " UTC",
            None => span(at.max(0.0).round() * 1_000.0),
        }
    }

    /// The same as an element that also says the moment to programs: the live page tells it by its reader's clock.
    pub(crate) fn time(&self, at: f64, with_day: bool, to: &mut Markup) {
        let written = self
            .moment(at)
            .map(|at| humantime::format_rfc3339_seconds(at).to_string());
        let attributes: Vec<_> = written.iter().map(|at| ("datetime", at.as_str())).collect();
        to.element("time", &attributes, |inside| {
            inside.text(&self.label(at, with_day));
        });
    }
}

/// Values over time from 0 upwards; each line has a colour and a pattern of its own. Nothing, where there are fewer than two
/// places.
pub fn lines(title: &str, unit: &str, axis: &TimeAxis<'_>, series: &[Series<'_>]) -> Markup {
    let all = series
        .iter()
        .flat_map(|(_, values)| values.iter().flatten());
    let top = nice(all.copied().fold(0.0, f64::max));
    lines_between((0.0, top), title, unit, axis, series)
}

/// Shares of a whole over time, in percent: from a round number below the least of them up to 100, so that what is missing can be
/// seen where that is little. Nothing, where there are fewer than two places, or no share.
pub fn shares(title: &str, axis: &TimeAxis<'_>, series: &[Series<'_>]) -> Markup {
    let all = series
        .iter()
        .flat_map(|(_, values)| values.iter().flatten());
    match all.copied().reduce(f64::min) {
        Some(least) => {
            let bottom = (100.0 - nice(100.0 - least)).max(0.0);
            lines_between((bottom, 100.0), title, "%", axis, series)
        }
        None => Markup::default(),
    }
}

fn lines_between(
    (bottom, top): (f64, f64),
    title: &str,
    unit: &str,
    axis: &TimeAxis<'_>,
    series: &[Series<'_>],
) -> Markup {
    let Some((first, last)) = axis.ends() else {
        return Markup::default();
    };
    let x = |at: f64| (at - first) / (last - first) * WIDTH;
    let y = |value: f64| (top - value) / (top - bottom) * HEIGHT;
    let strips = BandKind::ALL.map(|kind| (kind, Strip::all(kind, axis, (first, last), x)));
    let legend = |legend: &mut Markup| {
        for (number, (name, values)) in series.iter().enumerate() {
            legend.element("span", &[("class", "key")], |key| {
                key.element("svg", &[("viewBox", "0 0 28 8")], |sample| {
                    path(sample, number, "M0 4L28 4", None);
                });
                key.text(" ").text(name);
                if axis.goes_on.is_some() {
                    let latest = values.last().copied().flatten();
                    let latest = match (latest, unit) {
                        (Some(share), "%") => percent(share / 100.0),
                        (Some(value), _) => quantity(value, unit),
                        (None, _) => "none".to_owned(),
                    };
                    key.text(" ").leaf("b", "", latest.trim_end());
                }
            });
        }
        for (kind, _) in strips.iter().filter(|(_, strips)| !strips.is_empty()) {
            legend.element("span", &[("class", "key")], |key| {
                key.element("svg", &[("viewBox", "0 0 28 8")], |sample| {
                    let size = [("class", kind.class()), ("width", "28"), ("height", "8")];
                    sample.element("rect", &size, |_| {});
                });
                key.text(" ").text(kind.words());
            });
        }
    };
    let drawing = |plot: &mut Markup| {
        for (kind, strips) in &strips {
            for strip in strips {
                let (left, right) = (strip.left, strip.right);
                // What is drawn anew each second cannot be pointed at.
                let told = match axis.goes_on {
                    None => strip.told(axis),
                    Some(_) => String::new(),
                };
                rect(
                    plot,
                    kind.class(),
                    (left, 0.0),
                    (right - left, HEIGHT),
                    &told,
                );
            }
        }
        for (number, (name, values)) in series.iter().enumerate() {
            path(plot, number, &line(axis.at, values, x, y), Some(name));
        }
    };
    let has_days = last - first >= 86_400.0;
    let ends = |ends: &mut Markup| {
        axis.time(first, has_days, ends);
        axis.time(last, has_days, ends);
    };
    figure(title, unit, (bottom, top), legend, drawing, ends)
}

/// The path of a line: broken where there is no value, a dot where there is one alone. What stays the same is one stroke.
fn line(
    at: &[f64],
    values: &[Option<f64>],
    x: impl Fn(f64) -> f64,
    y: impl Fn(f64) -> f64,
) -> String {
    let mut path = String::new();
    // The height at which the pen is, and where a level stroke that is not drawn yet ends.
    let mut pen: Option<(String, Option<f64>)> = None;
    // Writing to a string cannot fail.
    let level = |path: &mut String, until: Option<f64>| {
        if let Some(until) = until {
            let _ = write!(path, "H{until:.1}");
        }
    };
    for (at, value) in at.iter().zip(values) {
        let place = value.map(|value| (x(*at), format!("{:.1}", y(value))));
        pen = match (pen, place) {
            (Some((height, _)), Some((x, y))) if height == y => Some((height, Some(x))),
            (Some((_, until)), Some((x, y))) => {
                level(&mut path, until);
                let _ = write!(path, "L{x:.1} {y}");
                Some((y, None))
            }
            (Some((_, until)), None) => {
                level(&mut path, until);
                None
            }
            (None, Some((x, y))) => {
                let _ = write!(path, "M{x:.1} {y}");
                Some((y, Some(x)))
            }
            (None, None) => None,
        };
    }
    level(&mut path, pen.and_then(|(_, until)| until));
    path
}

/// How values are spread: bars of equal width on a scale that doubles; nothing, where there are fewer than two values.
pub fn bars(title: &str, unit: &str, values: &[f64]) -> Markup {
    const BARS: usize = 24;
    let positive = || values.iter().copied().filter(|value| *value > 0.0);
    let (least, most) = (
        positive().fold(f64::MAX, f64::min),
        positive().fold(0.0, f64::max),
    );
    if values.len() < 2 || most <= 0.0 {
        return Markup::default();
    }
    // A scale of its own even where all are the same.
    let (low, high) = ((least * 0.9).ln(), (most * 1.1).ln());
    let mut counts = [0_u32; BARS];
    for value in positive() {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and the number of bars"
        )]
        let bar = ((value.ln() - low) / (high - low) * BARS as f64) as usize;
        counts[bar.min(BARS - 1)] += 1;
    }
    let top = nice(counts.iter().copied().max().map_or(1.0, f64::from));
    let width = WIDTH / BARS as f64;
    let edge = |at: usize| (low + (high - low) * at as f64 / BARS as f64).exp();
    let drawing = |plot: &mut Markup| {
        for (bar, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let height = f64::from(*count) / top * HEIGHT;
            let told = format!(
                "{}: {} to {} {unit}",
                quantity(f64::from(*count), "clients"),
                number(edge(bar)),
                number(edge(bar + 1)),
            );
            let corner = (bar as f64 * width, HEIGHT - height);
            rect(plot, "", corner, (width - 2.0, height), &told);
        }
    };
    let ends = |ends: &mut Markup| {
        for end in [edge(0), edge(BARS)] {
            ends.leaf("span", "", &quantity(end, unit));
        }
    };
    figure(title, "clients", (0.0, top), |_| {}, drawing, ends)
}

/// A chart: what it is, its legend, the values along its height, its drawing, and what is written at the ends below.
fn figure(
    title: &str,
    unit: &str,
    (bottom, top): (f64, f64),
    legend: impl FnOnce(&mut Markup),
    drawing: impl FnOnce(&mut Markup),
    ends: impl FnOnce(&mut Markup),
) -> Markup {
    let size = format!("0 0 {WIDTH} {HEIGHT}");
    let stretched = [
        ("viewBox", size.as_str()),
        ("preserveAspectRatio", "none"),
        ("role", "img"),
        ("aria-label", title),
    ];
    let mut all = Markup::default();
    all.element("figure", &[], |figure| {
        figure.leaf("h3", "", title);
        figure.element("figcaption", &[], legend);
        figure.element("div", &[("class", "plot")], |plot| {
            plot.element("div", &[("class", "ticks")], |ticks| {
                for share in [1.0, 0.5, 0.0] {
                    let value = quantity(bottom + (top - bottom) * share, unit);
                    ticks.leaf("span", "", value.trim_end());
                }
            });
            plot.element("svg", &stretched, |svg| {
                let grid = format!("M0 0H{WIDTH}M0 {}H{WIDTH}M0 {HEIGHT}H{WIDTH}", HEIGHT / 2.0);
                svg.element("path", &[("class", "grid"), ("d", &grid)], |_| {});
                drawing(svg);
            });
            plot.element("div", &[("class", "ends")], ends);
        });
    });
    all.line_break();
    all
}

fn path(to: &mut Markup, number: usize, drawn: &str, name: Option<&str>) {
    const CLASSES: [&str; 5] = ["s0", "s1", "s2", "s3", "s4"];
    let class = CLASSES[number % CLASSES.len()];
    to.element("path", &[("class", class), ("d", drawn)], |path| {
        if let Some(name) = name {
            path.leaf("title", "", name);
        }
    });
}

fn rect(to: &mut Markup, class: &str, (x, y): (f64, f64), (width, height): (f64, f64), told: &str) {
    let [x, y, width, height] = [x, y, width, height].map(|number| format!("{number:.1}"));
    let place = [
        ("class", class),
        ("x", x.as_str()),
        ("y", y.as_str()),
        ("width", width.as_str()),
        ("height", height.as_str()),
    ];
    to.element("rect", &place, |rect| {
        if !told.is_empty() {
            rect.leaf("title", "", told);
        }
    });
}

/// The next round number above, with which an axis ends: 1, 2, 2.5 or 5 times a power of ten; 1 of nothing.
pub fn nice(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let power = 10.0_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    let round = steps.into_iter().find(|step| step * power >= value);
    round.unwrap_or(10.0) * power
}

/// A value of an axis with its unit. Of things that are counted nothing is said between one and the next.
fn quantity(value: f64, unit: &str) -> String {
    let is_counted = unit.is_empty() || unit == "clients";
    if is_counted && value.fract() != 0.0 {
        return String::new();
    }
    let value = match unit {
        // What is nearly all is to be told from all.
        "%" => format!("{value:.4}"),
        _ => number(value),
    };
    let value = match value.split_once('.') {
        Some(_) => value.trim_end_matches('0').trim_end_matches('.'),
        None => &value,
    };
    let unit = if unit == "clients" && value == "1" {
        "client"
    } else {
        unit
    };
    format!("{value} {unit}")
}

#[cfg(test)]
mod tests;
