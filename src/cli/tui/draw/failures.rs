//! What went wrong, what was broken on purpose, and what was lost, in all.

use lanherd::live::Occurrence;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{pane, put};
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
    let rows = herd.occurrences();
    if rows.is_empty() {
        put(buffer, inner, 0, &Line::styled("none so far", Theme::SOFT));
    }
    let columns = usize::from(inner.width);
    let lines = rows.into_iter().flat_map(|sum| lines(sum, columns));
    for (row, line) in (0..inner.height).zip(lines) {
        put(buffer, inner, row, &line);
    }
}

/// The column in which it stands what happened.
const WHAT: usize = 21;

/// One line, or two where the columns do not suffice: a figure that is cut says something else.
fn lines(sum: Occurrence, columns: usize) -> Vec<Line<'static>> {
    let what = plain(&sum.what);
    let more = Span::styled(sum.more, Theme::SOFT);
    let gap = if what.is_empty() { "" } else { "  " };
    let is_short = WHAT + Span::raw(&what).width() + gap.len() + more.width() <= columns;
    let mut spans = vec![
        Span::styled(format!("{:<11} ", sum.kind), Theme::SOFT),
        Span::styled(format!("{:>7}  ", sum.count), Theme::STRONG),
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
