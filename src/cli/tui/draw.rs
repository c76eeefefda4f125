//! The screen: a pure function of what there is to show, what of it is looked at, and what the terminal can do.

mod charts;
mod client;
mod failures;
mod grid;
mod over;

use lanherd::page::figure::number;
use lanherd::report::Percentiles;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

use super::areas::{Areas, LEAST};
use super::model::{LogKind, Model};
use super::theme::Theme;
use super::view::{Over, Pane, View};
use crate::cli::stderr_buffer::RunStage;
use crate::cli::words::clock;

/// Draws everything on the whole buffer.
pub fn draw(model: &Model, view: &View, theme: Theme, buffer: &mut Buffer) {
    let screen = buffer.area;
    match Areas::of(screen.as_size()) {
        None => put(
            buffer,
            screen,
            0,
            &Line::from(format!("at least {} x {}", LEAST.width, LEAST.height)),
        ),
        Some(areas) => {
            head(model, theme, areas.head, buffer);
            grid::draw(model, view, theme, &areas, buffer);
            charts::draw(model, theme, &areas, buffer);
            failures::draw(model, theme, areas.failures, buffer);
            events(model, view, theme, &areas, buffer);
            keys(view, areas.keys, buffer);
            match &view.over {
                Over::Nothing => {}
                Over::Client(line) => client::draw(model, view, *line, theme, buffer),
                Over::Help(line) => over::help(*line, theme, buffer),
                Over::GoTo { typed, complaint } => over::go_to(typed, complaint, theme, buffer),
                Over::Quit => over::quit(model, theme, buffer),
            }
        }
    }
    theme.seal(buffer);
}

/// Which pool, where, for how long; how the herd is; its figures.
fn head(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let about = &model.about;
    let stage = match (model.stage, about.hold) {
        (RunStage::Joining, Some(hold)) => format!("joining, then for {}", clock(hold)),
        (RunStage::Joining, None) => "joining".to_owned(),
        (RunStage::Holding(since), Some(hold)) => {
            let left = hold.saturating_sub(model.now.saturating_sub(since));
            format!("{} of {} left", clock(left), clock(hold))
        }
        (RunStage::Holding(_), None) => "until Ctrl-C".to_owned(),
        (RunStage::Leaving, _) => "leaving".to_owned(),
    };
    let title = Line::from(vec![
        Span::styled("lanherd ", Theme::STRONG),
        Span::raw(format!("{} on {}  ", about.pool, about.place)),
        Span::styled(clock(model.now), Theme::STRONG),
        Span::raw(format!("  {stage}")),
    ]);
    let (words, condition) = model.verdict();
    let mut verdict = Line::styled(words, theme.of_condition(condition));
    if model.is_saturated {
        let late = "; tester saturated: times are partly its own";
        verdict.push_span(Span::styled(
            late,
            theme.of_condition(lanherd::phase::Condition::Failed),
        ));
    }
    put(buffer, area, 0, &title);
    put(buffer, area, 1, &verdict);
    put(buffer, area, 2, &Line::from(figures(model)));
}

/// `joins 20  restarts 1  failures 1  pings 0.110/0.350/1.25 ms (p50/p95/p99)  tester late 0.900 ms (p99)`.
fn figures(model: &Model) -> String {
    let Some(herd) = &model.herd else {
        return String::new();
    };
    let sums = &herd.sums;
    let failures: u64 = sums.failures.values().sum();
    let mut parts = vec![
        format!("joins {}", sums.joins),
        format!("restarts {}", sums.restarts),
        format!("failures {failures}"),
    ];
    for (kind, work) in herd.lately.activities.iter() {
        if let Some(Percentiles { p50, p95, p99, .. }) = work.ms {
            parts.push(format!(
                "{} {}/{}/{} ms (p50/p95/p99)",
                kind.about().many,
                number(p50),
                number(p95),
                number(p99)
            ));
        }
    }
    if let Some(late) = model.tester.scheduler_lag_ms {
        parts.push(format!("tester late {} ms (p99)", number(late.p99)));
    }
    parts.join("  ")
}

/// What happened and was said, the latest at the bottom.
fn events(model: &Model, view: &View, theme: Theme, areas: &Areas, buffer: &mut Buffer) {
    if areas.events.is_empty() {
        return;
    }
    let title = match (view.with_steps, view.lowest) {
        (true, None) => "Events, every step",
        (false, None) => "Events",
        (true, Some(_)) => "Events, every step (End for the latest)",
        (false, Some(_)) => "Events (End for the latest)",
    };
    let is_chosen = view.pane == Pane::Events;
    let inner = pane(title.to_owned(), is_chosen, theme, areas.events, buffer);
    let shown = model
        .entries(view.with_steps)
        .rev()
        .skip_while(|entry| view.lowest.is_some_and(|lowest| entry.number > lowest));
    let lines: Vec<_> = shown.take(inner.height.into()).collect();
    for (row, entry) in (0..).zip(lines.into_iter().rev()) {
        let line = Line::styled(entry.text.as_str(), of_kind(entry.kind, theme));
        put(buffer, inner, row, &line);
    }
}

fn of_kind(kind: LogKind, theme: Theme) -> Style {
    match kind {
        LogKind::Bad => theme.of_condition(lanherd::phase::Condition::Failed),
        LogKind::Step => Theme::SOFT,
        LogKind::News | LogKind::Said => Style::new(),
    }
}

fn keys(view: &View, area: Rect, buffer: &mut Buffer) {
    let keys = match &view.over {
        Over::Nothing => {
            "arrows  Enter opens  g number  f next down  Tab events  a steps  ? help  q end"
        }
        Over::Client(_) => "Esc closes  Left Right neighbours  Up Down scroll  ? help",
        Over::Help(_) => "Esc closes  Up Down scroll",
        Over::GoTo { .. } => "Enter goes  Esc closes",
        Over::Quit => "y ends the run  any other key goes on",
    };
    put(buffer, area, 0, &Line::styled(keys, Theme::SOFT));
}

/// The frame of a pane; what is left within it.
fn pane(title: String, is_chosen: bool, theme: Theme, area: Rect, buffer: &mut Buffer) -> Rect {
    let style = if is_chosen {
        Theme::STRONG
    } else {
        Style::new()
    };
    let block = Block::bordered()
        .border_set(theme.border())
        .border_style(if is_chosen { Style::new() } else { Theme::SOFT })
        .title(Span::styled(title, style));
    let inner = block.inner(area);
    block.render(area, buffer);
    inner
}

/// One line in a row of an area, as far as there is room.
fn put(buffer: &mut Buffer, area: Rect, row: u16, line: &Line<'_>) {
    if row < area.height {
        buffer.set_line(area.x, area.y + row, line, area.width);
    }
}

#[cfg(test)]
mod tests;
