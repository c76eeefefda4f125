//! What of the herd is looked at, and what keys do to that: pure.

use lanherd::identity::ClientNumber;
use lanherd::phase::Phase;
use ratatui::layout::Size;

use super::areas::Areas;
use super::grid::{GridPlan, Step};
use super::keys::{BINDINGS, Key, KeyCommand};
use super::model::Model;

/// What is looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct View {
    pub pane: Pane,
    /// The client that is chosen; the first one as long as nobody has chosen.
    pub chosen: Option<ClientNumber>,
    /// The first row of the grid that is shown.
    pub top: usize,
    /// The lowest line of the events that is shown, by its number; `None`: the latest, whatever comes.
    pub lowest: Option<u64>,
    /// Whether every step of every client is among the events.
    pub with_steps: bool,
    pub over: Over,
}

/// Which pane the keys are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pane {
    #[default]
    Clients,
    Events,
}

/// What lies over the panes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Over {
    #[default]
    Nothing,
    /// All about the chosen client, from this line on.
    Client(usize),
    /// All keys, from this line on.
    Help(usize),
    /// The number of a client is being typed.
    GoTo { typed: String, complaint: String },
    /// Whether the run is to end.
    Quit,
}

/// What a key asks of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Ends the run, as Ctrl-C does where there is no screen.
    Interrupt,
    Suspend,
    Redraw,
}

/// The longest number of a client.
const DIGITS: usize = 10;

impl View {
    /// The client that is chosen, by its place.
    pub fn place(&self, model: &Model) -> Option<usize> {
        match self.chosen {
            Some(number) => model.place_of(number),
            None => (!model.cells().is_empty()).then_some(0),
        }
    }

    /// The client that is open.
    pub fn opened(&self, model: &Model) -> Option<ClientNumber> {
        let is_open = matches!(self.over, Over::Client(_));
        let place = self.place(model).filter(|_| is_open)?;
        model.cells().get(place).map(|cell| cell.number)
    }

    /// Whether the keys are for the events, which are in sight.
    pub fn is_in_events(&self, areas: &Areas) -> bool {
        self.pane == Pane::Events && !areas.events.is_empty()
    }

    /// A key was pressed.
    pub fn press(&mut self, key: Key, model: &Model, size: Size) -> Option<Order> {
        let command = KeyCommand::of(key);
        match command {
            Some(KeyCommand::Interrupt) => return Some(Order::Interrupt),
            Some(KeyCommand::Suspend) => return Some(Order::Suspend),
            Some(KeyCommand::Redraw) => return Some(Order::Redraw),
            _ => {}
        }
        match std::mem::take(&mut self.over) {
            Over::Quit => {
                return (key == Key::Char('y')).then_some(Order::Interrupt);
            }
            Over::GoTo { typed, .. } => self.type_number(key, typed, model),
            Over::Help(line) => {
                if let Some(line) = scroll(line, command, BINDINGS.len()) {
                    self.over = Over::Help(line);
                }
            }
            Over::Client(line) => self.within_client(line, command, model, size),
            Over::Nothing => self.within_panes(command?, model, size),
        }
        None
    }

    /// Brings what is looked at within what there is; before it is drawn.
    pub fn settle(&mut self, model: &Model, size: Size) {
        let Some(areas) = Areas::of(size) else { return };
        let (plan, height) = plan(model, &areas);
        let place = self.place(model).unwrap_or_default();
        self.top = plan.scrolled(self.top, place, height);
        if let Some(lowest) = self.lowest {
            // What is forgotten cannot be shown; the oldest line that is kept can.
            let oldest = model.entries(self.with_steps).next();
            self.lowest = oldest.map(|entry| entry.number.max(lowest));
        }
    }

    fn type_number(&mut self, key: Key, mut typed: String, model: &Model) {
        let mut complaint = String::new();
        match key {
            Key::Char(digit) if digit.is_ascii_digit() && typed.len() < DIGITS => typed.push(digit),
            Key::Backspace => {
                typed.pop();
            }
            Key::Enter => {
                let number = typed.parse().map(ClientNumber).ok();
                let found = |number: &ClientNumber| {
                    let mut cells = model.cells().iter();
                    cells.any(|cell| cell.number == *number)
                };
                match number.filter(found) {
                    Some(number) => {
                        self.chosen = Some(number);
                        self.pane = Pane::Clients;
                        return;
                    }
                    None if typed.is_empty() => return,
                    None => complaint = format!("there is no client {typed}"),
                }
            }
            Key::Escape => return,
            _ => {}
        }
        self.over = Over::GoTo { typed, complaint };
    }

    fn within_client(
        &mut self,
        line: usize,
        command: Option<KeyCommand>,
        model: &Model,
        size: Size,
    ) {
        self.over = Over::Client(line);
        match command {
            Some(KeyCommand::Open | KeyCommand::Back | KeyCommand::Quit) => {
                self.over = Over::Nothing;
            }
            Some(KeyCommand::Help) => self.over = Over::Help(0),
            Some(KeyCommand::GoTo) => self.over = go_to(),
            Some(command @ (KeyCommand::Left | KeyCommand::Right)) => {
                self.over = Over::Client(0);
                self.walk(command, model, size);
            }
            Some(KeyCommand::NextDown) => {
                self.over = Over::Client(0);
                self.next_down(model);
            }
            // More lines than there are cannot be known here: drawing stops at the last.
            other => {
                if let Some(line) = scroll(line, other, usize::from(u16::MAX)) {
                    self.over = Over::Client(line);
                }
            }
        }
    }

    fn within_panes(&mut self, command: KeyCommand, model: &Model, size: Size) {
        match command {
            KeyCommand::Quit => self.over = Over::Quit,
            KeyCommand::Help => self.over = Over::Help(0),
            KeyCommand::GoTo => self.over = go_to(),
            KeyCommand::NextDown => self.next_down(model),
            KeyCommand::AllSteps => self.with_steps = !self.with_steps,
            KeyCommand::NextPane => {
                self.pane = match self.pane {
                    Pane::Clients => Pane::Events,
                    Pane::Events => Pane::Clients,
                };
            }
            KeyCommand::Open => {
                if self.place(model).is_some() {
                    self.over = Over::Client(0);
                }
            }
            KeyCommand::Back => {
                self.pane = Pane::Clients;
                self.lowest = None;
            }
            other => match Areas::of(size) {
                Some(areas) if self.is_in_events(&areas) => {
                    self.leaf(
                        other,
                        model,
                        usize::from(areas.events.height.saturating_sub(2)),
                    );
                }
                _ => self.walk(other, model, size),
            },
        }
    }

    /// From client to client.
    fn walk(&mut self, command: KeyCommand, model: &Model, size: Size) {
        let (Some(areas), Some(place)) = (Areas::of(size), self.place(model)) else {
            return;
        };
        let (plan, height) = plan(model, &areas);
        let page = height.saturating_sub(1).max(1);
        let to = match command {
            KeyCommand::Left => plan.step(place, Step::Back),
            KeyCommand::Right => plan.step(place, Step::Forth),
            KeyCommand::Up => plan.step(place, Step::Up(1)),
            KeyCommand::Down => plan.step(place, Step::Down(1)),
            KeyCommand::PageUp => plan.step(place, Step::Up(page)),
            KeyCommand::PageDown => plan.step(place, Step::Down(page)),
            KeyCommand::First => 0,
            KeyCommand::Last => model.cells().len() - 1,
            _ => place,
        };
        self.chosen = model.cells().get(to).map(|cell| cell.number);
    }

    /// From event to event.
    fn leaf(&mut self, command: KeyCommand, model: &Model, height: usize) {
        let numbers: Vec<u64> = model
            .entries(self.with_steps)
            .map(|entry| entry.number)
            .collect();
        let Some(last) = numbers.len().checked_sub(1) else {
            return;
        };
        let at = match self.lowest {
            Some(lowest) => numbers.partition_point(|number| *number < lowest).min(last),
            None => last,
        };
        let highest = height.saturating_sub(1).min(last);
        let to = match command {
            KeyCommand::Up => at.saturating_sub(1),
            KeyCommand::Down => at + 1,
            KeyCommand::PageUp => at.saturating_sub(height),
            KeyCommand::PageDown => at + height,
            KeyCommand::First => highest,
            KeyCommand::Last => last,
            _ => return,
        };
        let to = to.max(highest);
        self.lowest = numbers.get(to).copied().filter(|_| to < last);
    }

    /// To the next client that should be online and is not, from the beginning again after the last one.
    fn next_down(&mut self, model: &Model) {
        let Some(place) = self.place(model) else {
            return;
        };
        let (before, after) = model.cells().split_at(place + 1);
        let is_down = |phase: Phase| phase != Phase::Online && phase.is_wanted();
        let next = after.iter().chain(before).find(|cell| is_down(cell.phase));
        if let Some(cell) = next {
            self.chosen = Some(cell.number);
            self.pane = Pane::Clients;
        }
    }
}

/// The grid, and how many rows of it are in sight.
pub fn plan(model: &Model, areas: &Areas) -> (GridPlan, usize) {
    let (columns, rows) = (areas.cells.width.into(), areas.cells.height.into());
    (GridPlan::new(model, columns, rows), rows)
}

fn go_to() -> Over {
    Over::GoTo {
        typed: String::new(),
        complaint: String::new(),
    }
}

/// The first line of a text after a key; `None` if it closes it.
fn scroll(line: usize, command: Option<KeyCommand>, lines: usize) -> Option<usize> {
    const PAGE: usize = 10;
    let line = match command {
        Some(KeyCommand::Up) => line.saturating_sub(1),
        Some(KeyCommand::Down) => line + 1,
        Some(KeyCommand::PageUp) => line.saturating_sub(PAGE),
        Some(KeyCommand::PageDown) => line + PAGE,
        Some(KeyCommand::First) => 0,
        Some(KeyCommand::Last) => lines,
        Some(KeyCommand::Back | KeyCommand::Open | KeyCommand::Quit | KeyCommand::Help) => {
            return None;
        }
        _ => line,
    };
    Some(line.min(lines))
}

#[cfg(test)]
mod tests;
