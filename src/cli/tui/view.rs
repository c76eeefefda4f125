//! What of the herd is looked at, and what keys do to that: pure.

use lanherd::identity::ClientNumber;
use lanherd::phase::Phase;
use ratatui::layout::Size;

use super::areas::Areas;
use super::grid::{Plan, Step};
use super::keys::{BINDINGS, Command, Key};
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
        let command = Command::of(key);
        match command {
            Some(Command::Interrupt) => return Some(Order::Interrupt),
            Some(Command::Suspend) => return Some(Order::Suspend),
            Some(Command::Redraw) => return Some(Order::Redraw),
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

    fn within_client(&mut self, line: usize, command: Option<Command>, model: &Model, size: Size) {
        self.over = Over::Client(line);
        match command {
            Some(Command::Open | Command::Back | Command::Quit) => self.over = Over::Nothing,
            Some(Command::Help) => self.over = Over::Help(0),
            Some(Command::GoTo) => self.over = go_to(),
            Some(command @ (Command::Left | Command::Right)) => {
                self.over = Over::Client(0);
                self.walk(command, model, size);
            }
            Some(Command::NextDown) => {
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

    fn within_panes(&mut self, command: Command, model: &Model, size: Size) {
        match command {
            Command::Quit => self.over = Over::Quit,
            Command::Help => self.over = Over::Help(0),
            Command::GoTo => self.over = go_to(),
            Command::NextDown => self.next_down(model),
            Command::AllSteps => self.with_steps = !self.with_steps,
            Command::NextPane => {
                self.pane = match self.pane {
                    Pane::Clients => Pane::Events,
                    Pane::Events => Pane::Clients,
                };
            }
            Command::Open => {
                if self.place(model).is_some() {
                    self.over = Over::Client(0);
                }
            }
            Command::Back => {
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
    fn walk(&mut self, command: Command, model: &Model, size: Size) {
        let (Some(areas), Some(place)) = (Areas::of(size), self.place(model)) else {
            return;
        };
        let (plan, height) = plan(model, &areas);
        let page = height.saturating_sub(1).max(1);
        let to = match command {
            Command::Left => plan.step(place, Step::Back),
            Command::Right => plan.step(place, Step::Forth),
            Command::Up => plan.step(place, Step::Up(1)),
            Command::Down => plan.step(place, Step::Down(1)),
            Command::PageUp => plan.step(place, Step::Up(page)),
            Command::PageDown => plan.step(place, Step::Down(page)),
            Command::First => 0,
            Command::Last => model.cells().len() - 1,
            _ => place,
        };
        self.chosen = model.cells().get(to).map(|cell| cell.number);
    }

    /// From event to event.
    fn leaf(&mut self, command: Command, model: &Model, height: usize) {
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
            Command::Up => at.saturating_sub(1),
            Command::Down => at + 1,
            Command::PageUp => at.saturating_sub(height),
            Command::PageDown => at + height,
            Command::First => highest,
            Command::Last => last,
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
pub fn plan(model: &Model, areas: &Areas) -> (Plan, usize) {
    let (columns, rows) = (areas.cells.width.into(), areas.cells.height.into());
    (Plan::new(model, columns, rows), rows)
}

fn go_to() -> Over {
    Over::GoTo {
        typed: String::new(),
        complaint: String::new(),
    }
}

/// The first line of a text after a key; `None` if it closes it.
fn scroll(line: usize, command: Option<Command>, lines: usize) -> Option<usize> {
    const PAGE: usize = 10;
    let line = match command {
        Some(Command::Up) => line.saturating_sub(1),
        Some(Command::Down) => line + 1,
        Some(Command::PageUp) => line.saturating_sub(PAGE),
        Some(Command::PageDown) => line + PAGE,
        Some(Command::First) => 0,
        Some(Command::Last) => lines,
        Some(Command::Back | Command::Open | Command::Quit | Command::Help) => return None,
        _ => line,
    };
    Some(line.min(lines))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::sample;
    use super::*;

    const SIZE: Size = Size::new(120, 40);

    fn press(view: &mut View, model: &Model, keys: &[Key]) -> Option<Order> {
        let mut order = None;
        for key in keys {
            view.settle(model, SIZE);
            order = view.press(*key, model, SIZE);
        }
        order
    }

    fn chosen(keys: &[Key]) -> Option<u32> {
        let (mut view, model) = (View::default(), sample::mixed(1_000));
        press(&mut view, &model, keys);
        view.chosen.map(|number| number.0)
    }

    #[test]
    fn arrows_and_letters_choose_a_client() {
        use Key::{Char, Down, End, Home, Left, PageDown, Right, Up};
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[Right]), Some(2));
        assert_eq!(chosen(&[Char('l'), Char('l'), Char('h')]), Some(2));
        assert_eq!(chosen(&[Down]), Some(61));
        assert_eq!(chosen(&[Char('j'), Char('j'), Up, Char('k')]), Some(1));
        assert_eq!(chosen(&[End]), Some(1_000));
        assert_eq!(chosen(&[End, Left, Home]), Some(1));
        assert!(chosen(&[PageDown]) > Some(500));
    }

    #[test]
    fn a_client_is_found_by_its_number_and_one_that_is_not_there_is_refused() {
        use Key::{Backspace, Char, Enter, Escape};
        assert_eq!(chosen(&[Char('/'), Char('7'), Char('7'), Enter]), Some(77));
        assert_eq!(
            chosen(&[Char('g'), Char('7'), Char('8'), Backspace, Enter]),
            Some(7)
        );
        assert_eq!(chosen(&[Char('g'), Char('7'), Escape]), None);
        let (mut view, model) = (View::default(), sample::mixed(10));
        press(&mut view, &model, &[Char('g'), Char('9'), Char('9'), Enter]);
        let complaint = "there is no client 99".to_owned();
        assert_eq!(
            view.over,
            Over::GoTo {
                typed: "99".to_owned(),
                complaint
            }
        );
    }

    #[test]
    fn the_next_client_that_is_down_is_found_and_after_the_last_the_first() {
        let f = Key::Char('f');
        // Every seventh is in the next phase: 1 queued, 8 namespace, 15 link, 22 dhcp, 29 configure, 36 online, ...
        assert_eq!(chosen(&[f]), Some(8));
        assert_eq!(chosen(&[f, f, f, f]), Some(29));
        assert_eq!(chosen(&[f, f, f, f, f]), Some(43));
        assert_eq!(chosen(&[Key::End, f]), Some(1));
        let (mut view, model) = (View::default(), sample::model(5));
        press(&mut view, &model, &[f]);
        assert_eq!(view.chosen, None);
    }

    #[test]
    fn a_client_is_opened_and_closed_and_its_neighbours_are_reached_from_it() {
        let (mut view, model) = (View::default(), sample::mixed(20));
        press(&mut view, &model, &[Key::Right, Key::Enter]);
        assert_eq!(view.opened(&model), Some(ClientNumber(2)));
        press(&mut view, &model, &[Key::Down, Key::Right]);
        assert_eq!(view.over, Over::Client(0));
        assert_eq!(view.opened(&model), Some(ClientNumber(3)));
        press(&mut view, &model, &[Key::Escape]);
        assert_eq!(view.opened(&model), None);
        let empty = sample::model(0);
        press(&mut view, &empty, &[Key::Enter]);
        assert_eq!(view.over, Over::Nothing);
    }

    #[test]
    fn quitting_must_be_confirmed_and_ctrl_c_need_not_be() {
        let (mut view, model) = (View::default(), sample::mixed(20));
        let q = Key::Char('q');
        assert_eq!(press(&mut view, &model, &[q]), None);
        assert_eq!(view.over, Over::Quit);
        for other in [Key::Enter, Key::Escape, q, Key::Char('n')] {
            assert_eq!(press(&mut view, &model, &[other]), None);
            assert_eq!(view.over, Over::Nothing);
            press(&mut view, &model, &[q]);
        }
        assert_eq!(
            press(&mut view, &model, &[Key::Char('y')]),
            Some(Order::Interrupt)
        );
        for keys in [
            &[][..],
            &[Key::Char('?')],
            &[Key::Char('g')],
            &[Key::Enter],
            &[q],
        ] {
            press(&mut view, &model, keys);
            assert_eq!(
                press(&mut view, &model, &[Key::Ctrl('c')]),
                Some(Order::Interrupt)
            );
        }
    }

    #[test]
    fn events_stand_still_while_they_are_read_and_go_on_at_the_end() {
        let mut model = sample::mixed(20);
        for second in 0..100 {
            model.say(std::time::Duration::from_secs(second), "more");
        }
        let mut view = View::default();
        press(&mut view, &model, &[Key::Tab, Key::Up]);
        let before = view.lowest;
        assert!(before.is_some());
        model.say(std::time::Duration::from_secs(200), "even more");
        press(&mut view, &model, &[Key::Char('x')]);
        assert_eq!(view.lowest, before);
        press(&mut view, &model, &[Key::Home, Key::Up]);
        let oldest = model.entries(false).next().map(|entry| entry.number);
        assert!(
            view.lowest > oldest,
            "a full page is shown at the oldest, too"
        );
        press(&mut view, &model, &[Key::End]);
        assert_eq!(view.lowest, None);
        press(&mut view, &model, &[Key::Up, Key::Escape]);
        assert_eq!((view.lowest, view.pane), (None, Pane::Clients));
    }

    #[test]
    fn every_binding_does_something() {
        let mut model = sample::mixed(200);
        for second in 0..50 {
            model.say(std::time::Duration::from_secs(second), "more");
        }
        for binding in BINDINGS {
            for key in binding.keys {
                let does = |before: &[Key]| {
                    let (mut view, mut other) = (View::default(), View::default());
                    press(&mut view, &model, before);
                    press(&mut other, &model, before);
                    view.settle(&model, SIZE);
                    other.settle(&model, SIZE);
                    view.press(*key, &model, SIZE).is_some() || view != other
                };
                let g = &[
                    Key::Char('g'),
                    Key::Char('1'),
                    Key::Char('0'),
                    Key::Char('0'),
                    Key::Enter,
                ];
                assert!(does(g) || does(&[Key::Char('?')]), "{key}");
            }
        }
    }

    fn a_key() -> impl Strategy<Value = Key> {
        let all: Vec<Key> = BINDINGS.iter().flat_map(|b| b.keys).copied().collect();
        prop_oneof![
            4 => prop::sample::select(all),
            1 => prop::char::range('0', '9').prop_map(Key::Char),
            1 => Just(Key::Backspace),
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_pressed_what_is_chosen_exists_and_is_in_sight(
            keys in prop::collection::vec(a_key(), 0..60),
            clients in 0_u32..300,
            width in 1_u16..200,
            height in 1_u16..60,
        ) {
            let (mut view, size) = (View::default(), Size::new(width, height));
            let model = sample::mixed(clients);
            for key in keys {
                view.settle(&model, size);
                view.press(key, &model, size);
                view.settle(&model, size);
                let place = view.place(&model);
                prop_assert_eq!(place.is_some(), clients > 0);
                if let (Some(areas), Some(place)) = (Areas::of(size), place) {
                    let (plan, rows) = plan(&model, &areas);
                    let (row, _) = plan.find(place).expect("a row");
                    prop_assert!((view.top..view.top + rows).contains(&row));
                }
            }
        }
    }
}
