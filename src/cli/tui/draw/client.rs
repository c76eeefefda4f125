//! All about one client.

use lanherd::live::{EventLevel, One};
use lanherd::pool::Event;
use ratatui::buffer::Buffer;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::of_kind;
use super::over::{frame, page};
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
    for (name, value) in one.rows().into_iter().map(row) {
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
    if EventLevel::of(&event.what) == EventLevel::Bad {
        of_kind(LogKind::Bad, theme)
    } else {
        Style::new()
    }
}

/// A name that is longer than its column stands before the value.
fn row((name, value): (String, String)) -> (String, String) {
    if name.chars().count() < VALUES {
        return (name, value);
    }
    match name.split_once(' ') {
        Some((kind, what)) => (kind.to_owned(), format!("{what}: {value}")),
        None => (String::new(), format!("{name}: {value}")),
    }
}
