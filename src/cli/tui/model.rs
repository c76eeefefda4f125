//! What there is to show: pure, and told from outside.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use lanherd::identity::{ClientNumber, PoolName};
use lanherd::live::{Cell, Herd, One, Point, Ready};
use lanherd::phase::{Condition, Phase};
use lanherd::pool::{Census, Event, EventKind, GroupName};
use lanherd::report::Tester;

use super::plain::{plain, without_colours};
use crate::cli::events;

/// How many lines of what happened and what was said are kept.
pub const ENTRIES: usize = 2_000;

/// What does not change while a run goes on.
#[derive(Debug, Clone)]
pub struct About {
    pub pool: PoolName,
    /// Where the clients stand, in words.
    pub place: String,
    /// How long the herd is to be held.
    pub hold: Option<Duration>,
}

/// What the run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Joining,
    /// Since then, counted from the beginning.
    Holding(Duration),
    Leaving,
}

/// All that is shown.
#[derive(Debug)]
pub struct Model {
    pub about: About,
    /// Since the beginning.
    pub now: Duration,
    pub stage: Stage,
    pub herd: Option<Box<Herd>>,
    /// How it was, a point a second, the oldest first.
    pub points: Vec<Point>,
    pub tester: Tester,
    /// Whether the tester is late at this moment.
    pub is_saturated: bool,
    /// The client that is open, as it was when the pool was asked last.
    pub opened: Option<Box<One>>,
    entries: VecDeque<Entry>,
    latest: u64,
    is_outage: bool,
    cells: Vec<Cell>,
    groups: Vec<Group>,
}

/// One line of what happened or was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Counts all lines from 1.
    pub number: u64,
    pub kind: Kind,
    pub text: String,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A step that clients take all the time.
    Step,
    News,
    Bad,
    /// Not the herd's: lanherd's own words.
    Said,
}

/// A group and its clients: which of the cells these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub name: GroupName,
    pub cells: Range<usize>,
    pub online: usize,
}

/// What is new.
#[derive(Debug)]
pub enum Update {
    Cells(Vec<Cell>),
    Events(Vec<Event>),
    /// So many events were not heard.
    Missed(u64),
    Look {
        herd: Box<Herd>,
        points: Vec<Point>,
        tester: Tester,
        is_saturated: bool,
    },
    /// `None`: there is none of that number any more.
    Opened(Option<Box<One>>),
}

impl Model {
    pub fn new(about: About) -> Self {
        Self {
            about,
            now: Duration::ZERO,
            stage: Stage::Joining,
            herd: None,
            points: Vec::new(),
            tester: Tester::default(),
            is_saturated: false,
            opened: None,
            entries: VecDeque::new(),
            latest: 0,
            is_outage: false,
            cells: Vec::new(),
            groups: Vec::new(),
        }
    }

    pub fn apply(&mut self, update: Update) {
        match update {
            Update::Cells(cells) => self.arrange(cells),
            Update::Events(events) => {
                for event in &events {
                    self.hear(event);
                }
            }
            Update::Missed(count) => {
                self.enter(
                    Kind::Said,
                    format!("{count} events were missed: too many at once"),
                );
            }
            Update::Look {
                herd,
                points,
                tester,
                is_saturated,
            } => {
                self.herd = Some(herd);
                self.points = points;
                self.tester = tester;
                self.is_saturated = is_saturated;
            }
            Update::Opened(one) => self.opened = one,
        }
    }

    /// lanherd itself said something, with the colours of a terminal.
    pub fn say(&mut self, after: Duration, line: &str) {
        for line in line.lines().filter(|line| !line.trim().is_empty()) {
            let said = plain(&without_colours(line));
            // Lines of the log begin with a time of their own.
            let said = match said.split_once(' ') {
                Some((time, rest)) if humantime::parse_rfc3339(time).is_ok() => rest.trim_start(),
                _ => &said,
            };
            self.enter(
                Kind::Said,
                format!("{:10.3} s  {said}", after.as_secs_f64()),
            );
        }
    }

    /// The clients, group by group; groups by their first client, clients by number.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Where a client stands among the cells; if it is not there, the next one after it.
    pub fn place_of(&self, client: ClientNumber) -> Option<usize> {
        let exactly = self.cells.iter().position(|cell| cell.number == client);
        let after = || {
            let all = self.cells.iter().enumerate();
            let later = all.filter(|(_, cell)| cell.number > client);
            later.min_by_key(|(_, cell)| cell.number).map(|(at, _)| at)
        };
        exactly.or_else(after).or(self.cells.len().checked_sub(1))
    }

    /// The lines that are wanted, the oldest first.
    pub fn entries(&self, with_steps: bool) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries
            .iter()
            .filter(move |entry| with_steps || entry.kind != Kind::Step)
    }

    /// How the herd is, in words, and how well that is.
    pub fn verdict(&self) -> (String, Condition) {
        let Some(herd) = &self.herd else {
            return ("the herd is being asked for".to_owned(), Condition::Queued);
        };
        let census: Census = herd.phases.iter().map(|(p, count)| (*p, *count)).collect();
        match (Ready::from(&census), self.stage) {
            (Ready::Yes(line) | Ready::No(line), _) if self.is_outage => {
                (format!("outage of the router: {line}"), Condition::Failed)
            }
            (Ready::Yes(line) | Ready::No(line), Stage::Leaving) => {
                (format!("leaving: {line}"), Condition::Resting)
            }
            (Ready::Yes(line), _) => (format!("well: {line}"), Condition::Online),
            (Ready::No(line), _) if census.of(Phase::Failed) > 0 => {
                (format!("not well: {line}"), Condition::Failed)
            }
            (Ready::No(line), Stage::Joining) => (format!("joining: {line}"), Condition::Joining),
            (Ready::No(line), Stage::Holding(_)) => {
                (format!("not well: {line}"), Condition::Trouble)
            }
        }
    }

    fn hear(&mut self, event: &Event) {
        match event.what {
            EventKind::OutageBegan { .. } => self.is_outage = true,
            EventKind::OutageEnded { .. } => self.is_outage = false,
            _ => {}
        }
        let kind = match &event.what {
            what if what.is_bad() => Kind::Bad,
            what if what.is_step() => Kind::Step,
            _ => Kind::News,
        };
        self.enter(kind, plain(&events::line(event)));
    }

    fn enter(&mut self, kind: Kind, text: String) {
        if self.entries.len() == ENTRIES {
            self.entries.pop_front();
        }
        self.latest += 1;
        self.entries.push_back(Entry {
            number: self.latest,
            kind,
            text,
        });
    }

    fn arrange(&mut self, mut cells: Vec<Cell>) {
        let mut names: Vec<GroupName> = Vec::new();
        cells.sort_by_key(|cell| cell.number);
        for cell in &cells {
            if names.last() != Some(&cell.group) && !names.contains(&cell.group) {
                names.push(cell.group.clone());
            }
        }
        let rank = |cell: &Cell| names.iter().position(|name| *name == cell.group);
        cells.sort_by_cached_key(|cell| (rank(cell), cell.number));
        let mut groups: Vec<Group> = Vec::new();
        for (at, cell) in cells.iter().enumerate() {
            let online = usize::from(cell.phase == Phase::Online);
            match groups.last_mut() {
                Some(group) if group.name == cell.group => {
                    group.cells.end = at + 1;
                    group.online += online;
                }
                _ => groups.push(Group {
                    name: cell.group.clone(),
                    cells: at..at + 1,
                    online,
                }),
            }
        }
        self.cells = cells;
        self.groups = groups;
    }
}

#[cfg(test)]
mod tests {
    use lanherd::phase::{Cause, Stage as Where};

    use super::super::sample;
    use super::*;

    fn event(what: EventKind) -> Update {
        Update::Events(vec![Event {
            sequence: 1,
            after: Duration::from_secs(1),
            client: None,
            what,
        }])
    }

    #[test]
    fn groups_stand_together_in_the_order_of_their_first_clients() {
        let mut model = sample::model(0);
        let mut cells = sample::clients(1, 6).clients;
        for at in [1, 4] {
            cells[at].group = "phones".parse().expect("a name");
        }
        cells[4].phase = Phase::Failed;
        model.apply(Update::Cells(cells));
        let numbers: Vec<u32> = model.cells().iter().map(|cell| cell.number.0).collect();
        assert_eq!(numbers, [1, 3, 4, 6, 2, 5]);
        let groups: Vec<_> = model
            .groups()
            .iter()
            .map(|group| (group.name.as_str(), group.cells.clone(), group.online))
            .collect();
        assert_eq!(groups, [("ns", 0..4, 4), ("phones", 4..6, 1)]);
        assert_eq!(model.place_of(ClientNumber(2)), Some(4));
        assert_eq!(model.place_of(ClientNumber(9)), Some(5));
        assert_eq!(Model::new(sample::about()).place_of(ClientNumber(1)), None);
    }

    #[test]
    fn the_verdict_says_how_the_herd_is() {
        let mut model = sample::model(0);
        let mut verdict = |stage, phases: &[(Phase, u32)], update: Option<Update>| {
            model.stage = stage;
            model.herd = Some(Box::new(sample::herd(phases)));
            if let Some(update) = update {
                model.apply(update);
            }
            model.verdict()
        };
        let holding = Stage::Holding(Duration::ZERO);
        let short: &[(Phase, u32)] = &[(Phase::Online, 9), (Phase::Dhcp, 1)];
        let failed: &[(Phase, u32)] = &[(Phase::Online, 9), (Phase::Failed, 1)];
        for (stage, phases, words, condition) in [
            (
                Stage::Joining,
                short,
                "joining: 9 of 10 clients online, 1 dhcp",
                Condition::Joining,
            ),
            (
                Stage::Joining,
                failed,
                "not well: 9 of 10 clients online, 1 failed",
                Condition::Failed,
            ),
            (
                holding,
                short,
                "not well: 9 of 10 clients online, 1 dhcp",
                Condition::Trouble,
            ),
            (
                holding,
                &[(Phase::Online, 10)],
                "well: 10 of 10 clients online",
                Condition::Online,
            ),
            (
                Stage::Leaving,
                short,
                "leaving: 9 of 10 clients online, 1 dhcp",
                Condition::Resting,
            ),
        ] {
            assert_eq!(verdict(stage, phases, None), (words.to_owned(), condition));
        }
        let began = event(EventKind::OutageBegan { clients: 6, of: 10 });
        let (words, condition) = verdict(holding, short, Some(began));
        assert!(
            words.starts_with("outage of the router: 9 of 10"),
            "{words}"
        );
        assert_eq!(condition, Condition::Failed);
        let ended = event(EventKind::OutageEnded {
            clients: 6,
            took: Duration::ZERO,
        });
        assert_eq!(verdict(holding, short, Some(ended)).1, Condition::Trouble);
    }

    #[test]
    fn what_happens_is_kept_within_bounds_and_steps_can_be_left_out() {
        let mut model = sample::model(0);
        for _ in 0..ENTRIES {
            model.apply(event(EventKind::Phase {
                from: Phase::Queued,
                to: Phase::Dhcp,
            }));
        }
        model.apply(event(EventKind::Failed {
            stage: Where::Dhcp,
            cause: Cause::NoOffer,
            detail: "nobody\u{1b}[2J answered".to_owned(),
        }));
        model.say(
            Duration::from_secs(2),
            "\u{1b}[2m2026-11-25T04:36:17.141883Z\u{1b}[0m \u{1b}[33m WARN\u{1b}[0m late\nagain\n",
        );
        assert_eq!(model.entries(true).count(), ENTRIES);
        let told: Vec<_> = model
            .entries(false)
            .map(|e| (e.kind, e.text.trim()))
            .collect();
        assert_eq!(
            told,
            [
                (
                    Kind::Bad,
                    "1.000 s   herd  failed: dhcp: no_offer: nobody\u{fffd}[2J answered"
                ),
                (Kind::Said, "2.000 s  WARN late"),
                (Kind::Said, "2.000 s  again"),
            ]
        );
    }
}
