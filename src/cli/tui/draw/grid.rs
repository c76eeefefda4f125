//! The clients, a cell each, and how many are in which phase.

use lanherd::family::Family;
use lanherd::phase::Phase;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::{pane, put};
use crate::cli::tui::areas::Areas;
use crate::cli::tui::grid::{GridPlan, GridRow};
use crate::cli::tui::model::Model;
use crate::cli::tui::theme::Theme;
use crate::cli::tui::view::{View, plan};

pub fn draw(model: &Model, view: &View, theme: Theme, areas: &Areas, buffer: &mut Buffer) {
    let (plan, rows) = plan(model, areas);
    let title = match plan.rows.len().checked_sub(rows) {
        None | Some(0) => format!("Clients {}", model.count()),
        Some(_) => format!(
            "Clients {}, rows {} to {} of {}",
            model.count(),
            view.top + 1,
            plan.rows.len().min(view.top + rows),
            plan.rows.len()
        ),
    };
    let is_chosen = !view.is_in_events(areas);
    pane(title, is_chosen, theme, areas.herd, buffer);
    let place = view.place(model);
    for (at, row) in (0..).zip(plan.rows.iter().skip(view.top).take(rows)) {
        match row {
            GridRow::Group(group) => name(model, *group, areas.cells, at, buffer),
            GridRow::Cells(cells) => {
                let row = cells.clone();
                line(model, &plan, row, place, theme, areas.cells, at, buffer);
            }
        }
    }
    phases(model, theme, areas.phases, buffer);
    if let Some(cell) = place.and_then(|place| model.cells().get(place)) {
        let mut said = format!(" {}: {}", cell.number, cell.phase);
        said.push_str(&cell.families().unwrap_or_default());
        if let Some(cause) = cell.last_cause {
            said.push_str(", failed last: ");
            said.push_str(cause.as_str());
        }
        said.push(' ');
        let bottom = Rect {
            x: areas.herd.x + 1,
            y: areas.herd.bottom() - 1,
            width: areas.herd.width - 2,
            height: 1,
        };
        put(buffer, bottom, 0, &Line::styled(said, Theme::STRONG));
    }
}

fn name(model: &Model, group: usize, area: Rect, row: u16, buffer: &mut Buffer) {
    if let Some(group) = model.groups().get(group) {
        let said = format!(
            "{}  {} of {} online",
            group.name, group.online, group.wanted
        );
        put(buffer, area, row, &Line::styled(said, Theme::STRONG));
    }
}

#[allow(
    clippy::too_many_arguments,
    reason = "one row, and all that it depends on"
)]
fn line(
    model: &Model,
    plan: &GridPlan,
    cells: std::ops::Range<usize>,
    place: Option<usize>,
    theme: Theme,
    area: Rect,
    row: u16,
    buffer: &mut Buffer,
) {
    let Some(shown) = model.cells().get(cells.clone()) else {
        return;
    };
    if let Some(first) = shown.first() {
        let width = plan.label - 1;
        let number = format!("{:>width$}", first.number.0);
        put(buffer, area, row, &Line::styled(number, Theme::SOFT));
    }
    for (at, cell) in shown.iter().enumerate() {
        let Ok(column) = u16::try_from(plan.column(at)) else {
            return;
        };
        let mut style = theme.of_condition(cell.phase.condition());
        if place == Some(cells.start + at) {
            style = style.patch(Theme::CHOSEN);
        }
        if column < area.width {
            let (x, y) = (area.x + column, area.y + row);
            buffer.set_stringn(x, y, theme.glyph_of(cell), 1, style);
        }
    }
}

/// `■ online 987  ↻ backoff 3`, in as many rows as there is room for.
fn phases(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let (mut line, mut used, mut row) = (Line::default(), 0, 0);
    for (phase, glyph, said) in words(model, theme) {
        let wide = said.len() + 1;
        if used > 0 && used + wide > usize::from(area.width) + 2 {
            put(buffer, area, row, &line);
            (line, used, row) = (Line::default(), 0, row + 1);
        }
        let style = theme.of_condition(phase.condition());
        line.push_span(Span::styled(glyph, style));
        line.push_span(Span::styled(said, Style::new()));
        used += wide;
    }
    put(buffer, area, row, &line);
}

/// Each phase that there is, with its glyph and its count. Of clients that are usable in one of two families it is said in which.
fn words(model: &Model, theme: Theme) -> Vec<(Phase, &'static str, String)> {
    let mut all = Vec::new();
    for (phase, count) in model.phases() {
        let mut add = |glyph, what: &str, count: usize| {
            if count > 0 {
                all.push((*phase, glyph, format!(" {what} {count}  ")));
            }
        };
        let glyph = theme.glyph(*phase);
        let count = usize::try_from(*count).unwrap_or(usize::MAX);
        if *phase != Phase::Partial {
            add(glyph, phase.as_str(), count);
            continue;
        }
        let partial = || model.cells().iter().filter(|cell| cell.phase == *phase);
        let only = |family| partial().filter(move |cell| cell.only_family() == Some(family));
        let by_ipv4 = only(Family::Ipv4).count();
        let by_ipv6 = only(Family::Ipv6).count();
        add(glyph, "partial, IPv4 only", by_ipv4);
        add(theme.only_ipv6(), "partial, IPv6 only", by_ipv6);
        add(glyph, "partial", count.saturating_sub(by_ipv4 + by_ipv6));
    }
    all
}
