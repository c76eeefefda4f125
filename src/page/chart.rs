//! Charts as SVG that stands in the page itself.

mod band;

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use self::band::Strip;
pub use self::band::{Band, BandKind};
use super::escape;

/// The size of a chart in its own units, and the room for its labels.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 88.0;
const BOTTOM: f64 = 22.0;
const TOP: f64 = 14.0;

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
}

impl TimeAxis<'_> {
    /// What is written at a place: the time of day (UTC), with the day where `with_day` says so.
    fn label(&self, at: f64, with_day: bool) -> String {
        let after = Duration::from_secs_f64(at.max(0.0).round());
        match self.began.and_then(|began| began.checked_add(after)) {
            Some(moment) => {
                let whole = humantime::format_rfc3339_seconds(moment).to_string();
                let (day, time) = whole.split_once('T').unwrap_or((&whole, ""));
                let time = time.trim_end_matches('Z');
                if with_day {
                    format!("{day} {time} UTC")
                } else {
                    format!("{time} UTC")
                }
            }
            None => humantime::format_duration(after).to_string(),
        }
    }
}

/// Values over time from 0 upwards; each line has a colour and a pattern of its own. Nothing, where there are fewer than two
/// places.
pub fn lines(title: &str, unit: &str, axis: &TimeAxis<'_>, series: &[Series<'_>]) -> String {
    let all = series
        .iter()
        .flat_map(|(_, values)| values.iter().flatten());
    let top = nice(all.copied().fold(0.0, f64::max));
    lines_between((0.0, top), title, unit, axis, series)
}

/// Shares of a whole over time, in percent: from a round number below the least of them up to 100, so that what is missing can be
/// seen where that is little. Nothing, where there are fewer than two places, or no share.
pub fn shares(title: &str, axis: &TimeAxis<'_>, series: &[Series<'_>]) -> String {
    let all = series
        .iter()
        .flat_map(|(_, values)| values.iter().flatten());
    match all.copied().reduce(f64::min) {
        Some(least) => {
            let bottom = (100.0 - nice(100.0 - least)).max(0.0);
            lines_between((bottom, 100.0), title, "%", axis, series)
        }
        None => String::new(),
    }
}

fn lines_between(
    (bottom, top): (f64, f64),
    title: &str,
    unit: &str,
    axis: &TimeAxis<'_>,
    series: &[Series<'_>],
) -> String {
    let at = axis.at;
    let (Some(first), Some(last)) = (at.first(), at.last()) else {
        return String::new();
    };
    let span = last - first;
    if span <= 0.0 {
        return String::new();
    }
    let x = |at: f64| LEFT + (at - first) / span * (WIDTH - LEFT - 8.0);
    let y = |value: f64| TOP + (top - value) / (top - bottom) * (HEIGHT - TOP - BOTTOM);
    let mut text = frame(title, unit, (bottom, top));
    let mut kinds = Vec::new();
    for kind in BandKind::ALL {
        let strips = Strip::all(kind, axis, (*first, *last), x);
        if !strips.is_empty() {
            kinds.push(kind);
        }
        for strip in strips {
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "<rect class=\"{}\" x=\"{:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
                kind.class(),
                strip.left,
                strip.right - strip.left,
                HEIGHT - TOP - BOTTOM,
                escape(&strip.told(axis)),
            );
        }
    }
    for (number, (name, values)) in series.iter().enumerate() {
        // Where there is no value the line is broken.
        let mut path = String::new();
        let mut pen = 'M';
        for (at, value) in at.iter().zip(values) {
            match value {
                Some(value) => {
                    let _ = write!(path, "{pen}{:.1} {:.1}", x(*at), y(*value));
                    pen = 'L';
                }
                None => pen = 'M',
            }
        }
        let _ = write!(
            text,
            "<path class=\"s{number}\" d=\"{path}\"><title>{}</title></path>",
            escape(name)
        );
    }
    let has_days = span >= 86_400.0;
    for (x, anchor, at) in [(LEFT, "start", *first), (WIDTH - 8.0, "end", *last)] {
        let _ = write!(
            text,
            "<text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"{anchor}\">{}</text>",
            HEIGHT - 5.0,
            escape(&axis.label(at, has_days))
        );
    }
    text.push_str("</svg><figcaption>");
    for (number, (name, _)) in series.iter().enumerate() {
        let _ = write!(
            text,
            " <span class=\"key\"><svg viewBox=\"0 0 28 8\"><path class=\"s{number}\" d=\"M0 4L28 4\"/></svg> {}</span>",
            escape(name)
        );
    }
    for kind in kinds {
        let _ = write!(
            text,
            " <span class=\"key\"><svg viewBox=\"0 0 28 8\"><rect class=\"{}\" width=\"28\" height=\"8\"/></svg> {}</span>",
            kind.class(),
            kind.words()
        );
    }
    text.push_str("</figcaption></figure>\n");
    text
}

/// How values are spread: bars of equal width on a scale that doubles; nothing, where there are fewer than two values.
pub fn bars(title: &str, unit: &str, values: &[f64]) -> String {
    const BARS: usize = 24;
    let positive = || values.iter().copied().filter(|value| *value > 0.0);
    let (least, most) = (
        positive().fold(f64::MAX, f64::min),
        positive().fold(0.0, f64::max),
    );
    if values.len() < 2 || most <= 0.0 {
        return String::new();
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
    let mut text = frame(title, "clients", (0.0, top));
    let width = (WIDTH - LEFT - 8.0) / BARS as f64;
    for (number, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = f64::from(*count) / top * (HEIGHT - TOP - BOTTOM);
        let edge = |at: usize| (low + (high - low) * at as f64 / BARS as f64).exp();
        let _ = write!(
            text,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{count} {}: {} to {} {}</title></rect>",
            LEFT + number as f64 * width,
            HEIGHT - BOTTOM - height,
            width - 1.0,
            if *count == 1 { "client" } else { "clients" },
            short(edge(number)),
            short(edge(number + 1)),
            escape(unit),
        );
    }
    let ends = [(LEFT, "start", low.exp()), (WIDTH - 8.0, "end", high.exp())];
    for (x, anchor, value) in ends {
        let _ = write!(
            text,
            "<text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"{anchor}\">{} {}</text>",
            HEIGHT - 5.0,
            short(value),
            escape(unit)
        );
    }
    text.push_str("</svg></figure>\n");
    text
}

/// The axes: from one value to the other.
fn frame(title: &str, unit: &str, (bottom, top): (f64, f64)) -> String {
    let mut text = format!(
        "<figure><h3>{0}</h3><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{0}\">",
        escape(title)
    );
    for share in [0.0, 0.5, 1.0] {
        let y = TOP + (1.0 - share) * (HEIGHT - TOP - BOTTOM);
        let _ = write!(
            text,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/><text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - 8.0,
            LEFT - 4.0,
            y + 4.0,
            escape(quantity(bottom + (top - bottom) * share, unit).trim_end()),
        );
    }
    text
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
    let is_counted = unit.is_empty() || unit == "clients" || unit == "client";
    if is_counted && value.fract() != 0.0 {
        return String::new();
    }
    let value = match unit {
        // What is nearly all is to be told from all.
        "%" => {
            let text = format!("{value:.4}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => short(value),
    };
    let unit = if unit == "clients" && value == "1" {
        "client"
    } else {
        unit
    };
    format!("{value} {unit}")
}

/// Three digits or so.
fn short(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        v if v >= 100.0 || v.fract() == 0.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v if v >= 0.1 => format!("{v:.2}"),
        v => format!("{v:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number() {
        for (value, end) in [
            (0.0, 1.0),
            (0.3, 0.5),
            (1.0, 1.0),
            (7.0, 10.0),
            (21.0, 25.0),
            (200.0, 200.0),
        ] {
            assert!((nice(value) - end).abs() < 1e-9, "{value} {}", nice(value));
        }
    }

    #[test]
    fn a_line_is_broken_where_there_is_no_value_and_stays_inside() {
        let values = vec![Some(1.0), None, Some(2.0), Some(0.0)];
        let at = [0.0, 1.0, 2.0, 3.0];
        let axis = TimeAxis {
            at: &at,
            ..TimeAxis::default()
        };
        let chart = lines("rtt", "ms", &axis, &[("p50", values)]);
        let path = chart.split("class=\"s0\" d=\"").nth(1).expect("a line");
        let path = path.split('"').next().expect("its end");
        assert_eq!(path.matches('M').count(), 2, "{path}");
        for number in path.split(['M', 'L', ' ']).filter(|part| !part.is_empty()) {
            let number: f64 = number.parse().expect("a number");
            assert!((0.0..=WIDTH).contains(&number), "{path}");
        }
    }

    #[test]
    fn every_value_is_in_a_bar_and_nothing_is_drawn_of_nothing() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        let chart = bars("join", "ms", &values);
        let counted: u32 = chart
            .split("<title>")
            .skip(1)
            .filter_map(|part| part.split(" client").next()?.parse::<u32>().ok())
            .sum();
        assert_eq!(counted, 100);
        assert_eq!(bars("join", "ms", &[3.0]), "");
        assert_eq!(lines("rtt", "ms", &TimeAxis::default(), &[]), "");
        assert!(!bars("same", "ms", &[5.0, 5.0, 5.0]).contains("NaN"));
    }

    #[test]
    fn an_axis_says_the_time_of_day_and_every_tick_its_unit() {
        let at = [10.0, 70.0];
        let bands = [
            Band {
                what: "outage".to_owned(),
                from: 20.0,
                to: 30.0,
                kind: BandKind::Outage,
            },
            Band {
                what: "crash".to_owned(),
                from: 500.0,
                to: 500.0,
                kind: BandKind::Fault,
            },
        ];
        let axis = TimeAxis {
            at: &at,
            began: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(3_600)),
            bands: &bands,
        };
        let chart = lines("rtt", "ms", &axis, &[("p50", vec![Some(1.0), Some(7.0)])]);
        for text in [
            ">01:00:10 UTC<",
            ">01:01:10 UTC<",
            ">0 ms<",
            ">5 ms<",
            ">10 ms<",
        ] {
            assert!(chart.contains(text), "{text} in {chart}");
        }
        assert!(chart.contains("class=\"outage\"") && chart.contains("outage: 01:00:20 UTC"));
        // What lies beyond the chart is not drawn over its edge.
        assert!(!chart.contains("crash"), "{chart}");
        let days = TimeAxis {
            at: &[0.0, 200_000.0],
            ..axis
        };
        let chart = lines("rtt", "ms", &days, &[("p50", vec![Some(1.0), Some(7.0)])]);
        assert!(chart.contains(">1970-01-01 01:00:00 UTC<"), "{chart}");
    }

    #[test]
    fn like_faults_that_lie_side_by_side_are_one_strip_that_tells_each_and_the_legend_has_what_is_there()
     {
        let at = [0.0, 3_600.0];
        let fault = |what: &str, from| Band {
            what: what.to_owned(),
            from,
            to: from,
            kind: BandKind::Fault,
        };
        let mut bands: Vec<_> = (0..8).map(|n| fault("crash", f64::from(n))).collect();
        bands.push(fault("vanish", 3.5));
        bands.push(fault("crash", 3_000.0));
        let axis = TimeAxis {
            at: &at,
            began: Some(SystemTime::UNIX_EPOCH),
            bands: &bands,
        };
        let chart = lines("rtt", "ms", &axis, &[("p50", vec![Some(1.0), Some(7.0)])]);
        assert_eq!(
            chart.matches("<rect class=\"planned\" x=").count(),
            2,
            "{chart}"
        );
        let told = "<title>crash: 00:00:00 UTC, 00:00:01 UTC, 00:00:02 UTC, 00:00:03 UTC, 00:00:04 UTC and 3 more\nvanish: 00:00:0";
        assert!(chart.contains(told), "{chart}");
        assert!(chart.contains("fault made on purpose</span>"), "{chart}");
        assert!(!chart.contains("outage"), "{chart}");
    }

    #[test]
    fn shares_that_are_nearly_all_are_drawn_so_that_what_is_missing_is_seen() {
        let at = [0.0, 1.0, 2.0];
        let axis = TimeAxis {
            at: &at,
            ..TimeAxis::default()
        };
        let chart = |values: [f64; 3]| shares("usable", &axis, &[("a", values.map(Some).to_vec())]);
        let little = chart([100.0, 99.6, 100.0]);
        for tick in [">99.5 %<", ">99.75 %<", ">100 %<"] {
            assert!(little.contains(tick), "{tick} in {little}");
        }
        // The least of them lies four fifths down the chart.
        let y = TOP + 0.8 * (HEIGHT - TOP - BOTTOM);
        assert!(little.contains(&format!(" {y:.1}L")), "{little}");
        assert!(chart([100.0; 3]).contains(">99 %<"));
        assert!(chart([100.0, 0.0, 50.0]).contains(">0 %<"));
        assert_eq!(shares("usable", &axis, &[("a", vec![None; 3])]), "");
    }

    #[test]
    fn one_client_is_not_clients_and_half_a_client_is_nobody() {
        assert_eq!(quantity(1.0, "clients"), "1 client");
        assert_eq!(quantity(2.0, "clients"), "2 clients");
        assert_eq!(quantity(0.5, "clients"), "");
        assert_eq!(quantity(0.5, "ms"), "0.50 ms");
        assert!(bars("join", "ms", &[1.0, 30.0]).contains("1 client: "));
    }
}
