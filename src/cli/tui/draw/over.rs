//! What lies over the panes: help, and questions.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Widget};

use super::{pane, put};
use crate::cli::stderr_buffer::RunStage;
use crate::cli::tui::keys::BINDINGS;
use crate::cli::tui::model::Model;
use crate::cli::tui::theme::Theme;
use crate::cli::words::clock;

/// A frame in the middle, with room for so many columns and rows where the screen has it; what is left within.
pub fn frame(
    title: String,
    (columns, rows): (usize, usize),
    theme: Theme,
    buffer: &mut Buffer,
) -> Rect {
    let screen = buffer.area;
    let fit = |wanted: usize, most: u16| u16::try_from(wanted + 2).unwrap_or(most).min(most);
    let (width, height) = (fit(columns, screen.width), fit(rows, screen.height));
    let area = Rect {
        x: screen.x + (screen.width - width) / 2,
        y: screen.y + (screen.height - height) / 2,
        width,
        height,
    };
    Clear.render(area, buffer);
    pane(title, true, theme, area, buffer)
}

/// The lines from this one on; the last page of them, if it is too far.
pub fn page(lines: &[Line<'_>], from: usize, area: Rect, buffer: &mut Buffer) {
    let height = usize::from(area.height);
    let from = from.min(lines.len().saturating_sub(height));
    for (row, line) in (0..).zip(lines.iter().skip(from).take(height)) {
        put(buffer, area, row, line);
    }
}

pub fn help(from: usize, theme: Theme, buffer: &mut Buffer) {
    let widest = BINDINGS.iter().map(|all| all.names().len()).max();
    let widest = widest.unwrap_or_default();
    let lines: Vec<Line> = BINDINGS
        .iter()
        .map(|binding| {
            Line::from(vec![
                Span::styled(format!("{:<widest$}  ", binding.names()), Theme::STRONG),
                Span::raw(binding.does),
            ])
        })
        .collect();
    let wide = lines.iter().map(Line::width).max().unwrap_or_default();
    let inner = frame("Keys".to_owned(), (wide, lines.len()), theme, buffer);
    page(&lines, from, inner, buffer);
}

pub fn go_to(typed: &str, complaint: &str, theme: Theme, buffer: &mut Buffer) {
    let inner = frame("Go to client".to_owned(), (32, 2), theme, buffer);
    put(buffer, inner, 0, &Line::raw(format!("{typed}_")));
    put(buffer, inner, 1, &Line::styled(complaint, Theme::STRONG));
}

pub fn quit(model: &Model, theme: Theme, buffer: &mut Buffer) {
    let lasted = clock(model.now);
    let question = match model.stage {
        RunStage::Leaving => "The herd is leaving already.".to_owned(),
        RunStage::Joining | RunStage::Holding(_) => format!("End the run, after {lasted}?"),
    };
    let inner = frame("End".to_owned(), (56, 3), theme, buffer);
    put(buffer, inner, 0, &Line::styled(question, Theme::STRONG));
    put(
        buffer,
        inner,
        1,
        &Line::raw("y: every client hands its lease back and leaves"),
    );
    put(buffer, inner, 2, &Line::raw("any other key: it goes on"));
}
