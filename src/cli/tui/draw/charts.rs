//! How the herd was over the latest minutes.

use lanherd::activity::Kind;
use lanherd::live::Point;
use lanherd::page::chart::nice;
use lanherd::page::figure::number;
use lanherd::report::Percentiles;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};

use super::{pane, put};
use crate::cli::tui::areas::Areas;
use crate::cli::tui::model::Model;
use crate::cli::tui::theme::Theme;

/// What a chart shows.
struct ChartSpec {
    title: String,
    lines: Vec<ChartLine>,
    /// A value with its unit.
    said: fn(f64) -> String,
    /// The topmost value is this at least.
    least: f64,
}

/// The value of a line at a point; `None`: there was nothing to measure.
type ValueAt = Box<dyn Fn(&Point) -> Option<f64>>;

/// One line of a chart.
struct ChartLine {
    name: &'static str,
    value: ValueAt,
}

impl ChartLine {
    fn new(name: &'static str, value: impl Fn(&Point) -> Option<f64> + 'static) -> Self {
        let value = Box::new(value);
        Self { name, value }
    }
}

/// The chart of clients that are online, and of joins.
fn joins() -> ChartSpec {
    ChartSpec {
        title: "Online and joins a second".to_owned(),
        lines: vec![
            ChartLine::new("online", |point| Some(f64::from(point.online))),
            ChartLine::new("joins a second", |point| Some(point.joins as f64)),
        ],
        // Nothing is said between one client and the next.
        said: |count| match count.fract() {
            0.0 => format!("{count}"),
            _ => String::new(),
        },
        least: 2.0,
    }
}

/// The chart of how long it took what clients did, of one kind.
fn times(kind: Kind) -> ChartSpec {
    let quantile = |name, of: fn(&Percentiles) -> f64| {
        ChartLine::new(name, move |point| {
            point.activities[kind].ms.as_ref().map(of)
        })
    };
    ChartSpec {
        title: match kind {
            Kind::Ping => "Round trips of pings".to_owned(),
            other => format!("Times of {}", other.about().many),
        },
        lines: vec![
            quantile("p50", |all| all.p50),
            quantile("p95", |all| all.p95),
            quantile("p99", |all| all.p99),
        ],
        said: |milliseconds| match milliseconds {
            0.0 => "0 ms".to_owned(),
            _ => number(milliseconds) + " ms",
        },
        least: 0.01,
    }
}

/// What clients did most in the time that is shown; pings, where they did nothing.
fn busiest(points: &[Point]) -> Kind {
    let attempts = |kind: Kind| {
        let attempts = points.iter().map(|point| point.activities[kind].attempts);
        attempts.sum::<u64>()
    };
    Kind::ALL.iter().copied().fold(Kind::Ping, |most, kind| {
        if attempts(kind) > attempts(most) {
            kind
        } else {
            most
        }
    })
}

pub fn draw(model: &Model, theme: Theme, areas: &Areas, buffer: &mut Buffer) {
    let times = times(busiest(&model.points));
    for (what, area) in [(joins(), areas.joins), (times, areas.round_trips)] {
        if !area.is_empty() {
            let inner = pane(what.title.clone(), false, theme, area, buffer);
            chart(&model.points, &what, theme, inner, buffer);
        }
    }
}

/// The figures of the latest second, and lines over time below them.
fn chart(points: &[Point], what: &ChartSpec, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let ChartSpec {
        lines: series,
        said,
        least,
        ..
    } = what;
    let mut figures = Line::default();
    for (index, one) in series.iter().enumerate() {
        let value = points.last().and_then(&one.value);
        let value = value.map_or_else(|| "none".to_owned(), said);
        let (_, style) = theme.series(index);
        figures.push_span(Span::styled(theme.stroke(index), style));
        figures.push_span(Span::raw(format!(" {} {value}  ", one.name)));
    }
    put(buffer, area, 0, &figures);
    let below = Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    };
    let (Some(first), Some(latest)) = (points.first(), points.last()) else {
        return;
    };
    let now = latest.after;
    let from = (first.after - now).min(-30.0);
    let values = series
        .iter()
        .flat_map(|one| points.iter().filter_map(&one.value));
    // The labels stand at the ends and in the middle of the axis, which therefore ends with what the topmost one says.
    let most = nice(values.fold(*least, f64::max));
    let lines: Vec<Vec<Vec<(f64, f64)>>> = series
        .iter()
        .map(|one| unbroken(points, now, &one.value))
        .collect();
    let datasets = lines.iter().enumerate().flat_map(|(index, pieces)| {
        let (marker, style) = theme.series(index);
        pieces.iter().map(move |piece| {
            let graph = if piece.len() > 1 {
                GraphType::Line
            } else {
                GraphType::Scatter
            };
            Dataset::default()
                .marker(marker)
                .style(style)
                .graph_type(graph)
                .data(piece)
        })
    });
    let quiet = |text: String| Span::styled(text, Theme::SOFT);
    let x = Axis::default()
        .bounds([from, 0.0])
        .style(Theme::SOFT)
        .labels([quiet(format!("{from:.0} s")), quiet("now".to_owned())]);
    let y = Axis::default()
        .bounds([0.0, most])
        .style(Theme::SOFT)
        .labels([quiet(said(0.0)), quiet(said(most / 2.0)), quiet(said(most))]);
    Chart::new(datasets.collect())
        .legend_position(None)
        .x_axis(x)
        .y_axis(y)
        .style(Style::new())
        .render(below, buffer);
}

/// The line of a series in pieces: it is broken where there was nothing to measure.
fn unbroken(
    points: &[Point],
    now: f64,
    value: &dyn Fn(&Point) -> Option<f64>,
) -> Vec<Vec<(f64, f64)>> {
    points
        .split(|point| value(point).is_none())
        .filter(|piece| !piece.is_empty())
        .map(|piece| {
            let place = |point: &Point| Some((point.after - now, value(point)?));
            piece.iter().filter_map(place).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::sample::point;
    use super::*;

    #[test]
    fn a_line_is_broken_where_nothing_was_measured() {
        let points: Vec<Point> = (1..16).map(|second| point(f64::from(second))).collect();
        let pieces = unbroken(&points, 15.0, &times(Kind::Ping).lines[0].value);
        let measured: Vec<Vec<f64>> = pieces
            .iter()
            .map(|piece| piece.iter().map(|(at, _)| *at).collect())
            .collect();
        let from = |range: std::ops::RangeInclusive<i32>| range.map(f64::from).collect::<Vec<_>>();
        assert_eq!(measured, [from(-14..=-9), from(-7..=-2), from(0..=0)]);
    }

    #[test]
    fn the_times_are_those_of_what_clients_do_most() {
        let mut points: Vec<Point> = (1..4).map(|second| point(f64::from(second))).collect();
        assert_eq!(busiest(&points), Kind::Ping);
        assert_eq!(busiest(&[]), Kind::Ping);
        points[1].activities[Kind::Dns].attempts = 1_000;
        assert_eq!(busiest(&points), Kind::Dns);
        assert_eq!(times(Kind::Dns).title, "Times of lookups");
    }
}
