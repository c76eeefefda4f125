//! All about one client.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use lanherd::live::One;
use lanherd::pool::Event;
use lanherd::report::{Activity, Client};
use ratatui::buffer::Buffer;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::over::{frame, page};
use super::{of_kind, short};
use crate::cli::table::{address, or_dash};
use crate::cli::tui::model::{LogKind, Model};
use crate::cli::tui::plain::{folded, plain};
use crate::cli::tui::theme::Theme;
use crate::cli::tui::view::View;
use crate::cli::words::event_line;

/// The column in which values stand.
const VALUES: usize = 19;
/// A line is not wider, so that it is read with ease.
const WIDEST: usize = 110;

pub fn draw(model: &Model, view: &View, from: usize, theme: Theme, buffer: &mut Buffer) {
    let Some(number) = view.opened(model) else {
        return;
    };
    let columns = usize::from(buffer.area.width).saturating_sub(2).min(WIDEST);
    let one = model
        .opened
        .as_deref()
        .filter(|one| one.client.number == number);
    let lines = match one {
        Some(one) => lines(one, columns, theme),
        None => vec![Line::styled("asking", Theme::SOFT)],
    };
    let inner = frame(
        format!("Client {number}"),
        (columns, lines.len()),
        theme,
        buffer,
    );
    page(&lines, from, inner, buffer);
}

fn lines(one: &One, columns: usize, theme: Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (name, value) in rows(one) {
        let name = format!("{:<VALUES$}", plain(&name));
        let room = columns.saturating_sub(VALUES).max(1);
        for (at, part) in folded(&plain(&value), room).into_iter().enumerate() {
            let before = if at == 0 {
                name.clone()
            } else {
                " ".repeat(VALUES)
            };
            lines.push(Line::from(vec![
                Span::styled(before, Theme::SOFT),
                Span::raw(part),
            ]));
        }
    }
    lines.push(Line::default());
    lines.push(Line::styled("Latest events", Theme::STRONG));
    if one.events.is_empty() {
        lines.push(Line::styled("none", Theme::SOFT));
    }
    for event in one.events.iter().rev() {
        let style = style(event, theme);
        let text = plain(&event_line(event));
        let parts = folded(&text, columns.max(1)).into_iter();
        lines.extend(parts.map(|part| Line::styled(part, style)));
    }
    lines
}

fn style(event: &Event, theme: Theme) -> Style {
    if event.what.is_bad() {
        of_kind(LogKind::Bad, theme)
    } else {
        Style::new()
    }
}

/// What is said of it, each with its name.
fn rows(one: &One) -> Vec<(String, String)> {
    let client = &one.client;
    let mut rows = vec![
        row("phase", phase(client)),
        row("group", &client.group),
        row("namespace", &client.namespace),
        row("MAC", client.mac),
        row("address", or_dash(address(client))),
        row("router", or_dash(client.router)),
        row("DNS", dns(client)),
        row("lease", lease(one)),
        row("joined in", milliseconds(client.join_ms)),
        row("lease acquired in", milliseconds(client.dhcp_ms)),
        row("restarts", client.restarts),
        row("last failure", last_failure(client)),
    ];
    for activity in &client.activities {
        rows.push(row(activity.what(), outcomes(activity)));
    }
    rows
}

/// A name that is longer than its column stands before the value.
fn row(name: impl Into<String>, value: impl Display) -> (String, String) {
    let name: String = name.into();
    if name.chars().count() < VALUES {
        return (name, value.to_string());
    }
    match name.split_once(' ') {
        Some((kind, what)) => (kind.to_owned(), format!("{what}: {value}")),
        None => (String::new(), format!("{name}: {value}")),
    }
}

fn phase(client: &Client) -> String {
    match client.cause {
        Some(cause) => format!("{}, after {cause}", client.phase),
        None => client.phase.to_string(),
    }
}

fn dns(client: &Client) -> String {
    let servers: Vec<String> = client.dns.iter().map(ToString::to_string).collect();
    or_dash(Some(servers.join(", ")).filter(|servers| !servers.is_empty()))
}

fn lease(one: &One) -> String {
    let total = one.client.lease_seconds;
    match (total, one.lease_remaining_seconds) {
        (Some(total), Some(left)) => format!("{total} s, {left} s left"),
        (Some(total), None) => format!("{total} s, not held"),
        (None, _) => "-".to_owned(),
    }
}

fn milliseconds(value: Option<f64>) -> String {
    or_dash(value.map(|value| short(value) + " ms"))
}

fn last_failure(client: &Client) -> String {
    or_dash(client.last_failure.as_ref().map(|failure| {
        let (stage, cause, detail) = (failure.stage, failure.cause, &failure.detail);
        format!("{stage}: {cause}: {detail}")
    }))
}

fn counted(all: &BTreeMap<impl Display, u64>) -> String {
    let each = all.iter().map(|(cause, count)| format!("{count} {cause}"));
    each.collect::<Vec<_>>().join(", ")
}

fn outcomes(activity: &Activity) -> String {
    let about = activity.kind.about();
    let (succeeded, all) = (activity.succeeded, activity.attempts);
    let mut said = format!("{succeeded} of {all} {}", about.succeeded);
    // Writing to a String cannot fail.
    if !activity.failed.is_empty() {
        let _ = write!(said, "; {}", counted(&activity.failed));
    }
    for count in about
        .counts
        .iter()
        .filter_map(|count| count.objective.as_ref())
    {
        let number = activity.detail.get(count.short);
        if let Some(number @ 1..) = number.and_then(serde_json::Value::as_u64) {
            let _ = write!(said, "; {number} {}", count.short);
        }
    }
    let times = activity.time_ms;
    if let Some(median) = times.median {
        let _ = write!(said, "; median {} ms", short(median));
    }
    if let (Some(p99), None) = (times.p99, &activity.last_failure) {
        let _ = write!(said, ", p99 {} ms", short(p99));
    }
    if let Some(failure) = &activity.last_failure {
        let _ = write!(said, "; last failure: {failure}");
    }
    said
}
