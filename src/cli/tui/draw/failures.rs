//! What went wrong, what was broken on purpose, and what was lost, in all.

use lanherd::live::Herd;
use lanherd::pool::Share;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{pane, put, short};
use crate::cli::tui::model::Model;
use crate::cli::tui::plain::plain;
use crate::cli::tui::theme::Theme;

pub fn draw(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    if area.height < 3 {
        return;
    }
    let title = "Failures, faults and outages".to_owned();
    let inner = pane(title, false, theme, area, buffer);
    let Some(herd) = &model.herd else { return };
    let rows = rows(herd);
    if rows.is_empty() {
        put(buffer, inner, 0, &Line::styled("none so far", Theme::SOFT));
    }
    let columns = usize::from(inner.width);
    let lines = rows.into_iter().flat_map(|sum| sum.lines(columns));
    for (row, line) in (0..inner.height).zip(lines) {
        put(buffer, inner, row, &line);
    }
}

/// The column in which it stands what happened.
const WHAT: usize = 21;

/// How often something happened.
struct Sum {
    kind: &'static str,
    what: String,
    count: u64,
    more: String,
}

impl Sum {
    /// One line, or two where the columns do not suffice: a figure that is cut says something else.
    fn lines(self, columns: usize) -> Vec<Line<'static>> {
        let what = plain(&self.what);
        let more = Span::styled(self.more, Theme::SOFT);
        let gap = if what.is_empty() { "" } else { "  " };
        let is_short = WHAT + Span::raw(&what).width() + gap.len() + more.width() <= columns;
        let mut spans = vec![
            Span::styled(format!("{:<11} ", self.kind), Theme::SOFT),
            Span::styled(format!("{:>7}  ", self.count), Theme::STRONG),
            Span::raw(what),
        ];
        if is_short || more.width() == 0 {
            spans.extend([Span::raw(gap), more]);
            return vec![Line::from(spans)];
        }
        let before = columns.saturating_sub(more.width()).min(WHAT);
        vec![
            Line::from(spans),
            Line::from(vec![Span::raw(" ".repeat(before)), more]),
        ]
    }
}

fn rows(herd: &Herd) -> Vec<Sum> {
    let sums = &herd.sums;
    let mut rows = Vec::new();
    let mut row = |kind, what: String, count, more: String| {
        if count > 0 {
            rows.push(Sum {
                kind,
                what,
                count,
                more,
            });
        }
    };
    let mut failures: Vec<_> = sums.failures.iter().collect();
    failures.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    for (cause, count) in failures {
        row("failure", cause.to_string(), *count, String::new());
    }
    for (fault, sum) in &sums.faults {
        let back = |all: lanherd::report::Percentiles| format!("back in {} ms", short(all.p50));
        let recovered = sum.recovery_ms.map(back).unwrap_or_default();
        row("fault", fault.to_string(), sum.count, recovered);
    }
    row(
        "outage",
        "of the router".to_owned(),
        sums.outages,
        outages_recovery(herd),
    );
    row("restarts", String::new(), sums.restarts, String::new());
    row("given up", String::new(), sums.give_ups, String::new());
    row(
        "leases lost",
        String::new(),
        sums.leases_lost,
        String::new(),
    );
    for activity in &sums.activities {
        let about = activity.kind.about();
        let failed = activity.attempts.saturating_sub(activity.succeeded);
        let more = format!("{failed} {}", about.failed);
        row(
            about.many,
            activity.subject.clone(),
            activity.attempts,
            more,
        );
    }
    rows
}

/// `50/95/100 % back in 3.10/4.25/5.00 s`.
fn outages_recovery(herd: &Herd) -> String {
    let recovery = &herd.outage_recovery_ms;
    if recovery.is_empty() {
        return String::new();
    }
    let percent = |share: &Share| match share {
        Share::Half => "50",
        Share::Most => "95",
        Share::All => "100",
    };
    let shares: Vec<&str> = recovery.keys().map(percent).collect();
    let times = recovery.values().map(|took| short(took.p50 / 1_000.0));
    let times: Vec<String> = times.collect();
    format!("{} % back in {} s", shares.join("/"), times.join("/"))
}
