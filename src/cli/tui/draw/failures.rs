//! What went wrong, what was broken on purpose, and what was lost, in all.

use lanherd::live::Herd;
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
    for (
        row,
        Sum {
            kind,
            what,
            count,
            more,
        },
    ) in (0..).zip(rows)
    {
        let line = Line::from(vec![
            Span::styled(format!("{kind:<11} "), Theme::SOFT),
            Span::styled(format!("{count:>7}  "), Theme::STRONG),
            Span::raw(plain(&what)),
            Span::styled(format!("  {more}"), Theme::SOFT),
        ]);
        put(buffer, inner, row, &line);
    }
}

/// How often something happened.
struct Sum {
    kind: &'static str,
    what: String,
    count: u64,
    more: String,
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
        let median = |all: lanherd::report::Percentiles| {
            format!("recovered in {} ms (median)", short(all.p50))
        };
        let recovered = sum.recovery_ms.map(median).unwrap_or_default();
        row("fault", fault.to_string(), sum.count, recovered);
    }
    let shares: Vec<String> = herd
        .outage_recovery_ms
        .iter()
        .map(|(share, took)| format!("{share} back in {} s", short(took.p50 / 1_000.0)))
        .collect();
    row(
        "outage",
        "of the router".to_owned(),
        sums.outages,
        shares.join(", "),
    );
    row("restarts", String::new(), sums.restarts, String::new());
    row("given up", String::new(), sums.give_ups, String::new());
    row(
        "leases lost",
        String::new(),
        sums.leases_lost,
        String::new(),
    );
    for ping in &sums.pings {
        let lost: u64 = ping.lost.values().sum();
        row(
            "pings",
            ping.target.to_string(),
            ping.sent,
            format!("{lost} lost"),
        );
    }
    let failed = |attempts: u64, succeeded: u64| format!("{} failed", attempts - succeeded);
    for all in &sums.lookups {
        let more = failed(all.attempts, all.succeeded);
        row("lookups", all.name.to_string(), all.attempts, more);
    }
    for all in &sums.fetches {
        let more = failed(all.attempts, all.succeeded);
        row("fetches", all.url.to_string(), all.attempts, more);
    }
    for all in &sums.commands {
        let more = failed(all.attempts, all.succeeded);
        row("commands", all.line.clone(), all.attempts, more);
    }
    rows
}
