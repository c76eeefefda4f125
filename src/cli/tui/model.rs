//! What there is to show: pure, and told from outside.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use lanherd::identity::{ClientNumber, PoolName};
use lanherd::live::{Cell, EventLevel, Herd, One, Point, Ready};
use lanherd::phase::{Condition, Phase};
use lanherd::pool::{Census, Event, EventKind, GroupName};
use lanherd::report::TesterEntry;
use lanherd::units::percent;

use super::plain::{plain, without_colours};
use crate::cli::stderr_buffer::RunStage;
use crate::cli::words::event_line;

/// How many lines of what happened and what was said are kept.
pub const ENTRIES: usize = 2_000;

/// How many characters of each: more than any terminal has columns.
const LONGEST: usize = 1_000;

/// What does not change while a run goes on.
#[derive(Debug, Clone)]
pub struct HerdInfo {
    pub pool: PoolName,
    /// Where the clients stand, in words.
    pub place: String,
    /// How long the herd is to be held.
    pub hold: Option<Duration>,
}

/// All that is shown.
#[derive(Debug)]
pub struct Model {
    pub about: HerdInfo,
    /// Since the beginning.
    pub now: Duration,
    pub stage: RunStage,
    pub herd: Option<Box<Herd>>,
    /// How it was, a point a second, the oldest first.
    pub points: Vec<Point>,
    pub tester: TesterEntry,
    /// Whether the tester is late at this moment.
    pub is_saturated: bool,
    /// The client that is open, as it was when the pool was asked last.
    pub opened: Option<Box<One>>,
    entries: VecDeque<LogEntry>,
    latest: u64,
    is_outage: bool,
    cells: Vec<Cell>,
    groups: Vec<GroupCells>,
    phases: BTreeMap<Phase, u32>,
}

/// One line of what happened or was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Counts all lines from 1.
    pub number: u64,
    pub kind: LogKind,
    pub text: String,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// A step that clients take all the time.
    Step,
    News,
    Bad,
    /// Not the herd's: lanherd's own words.
    Said,
}

/// A group and its clients: which of the cells these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupCells {
    pub name: GroupName,
    pub cells: Range<usize>,
    pub online: usize,
    /// Those that should be online.
    pub wanted: usize,
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
        tester: TesterEntry,
        is_saturated: bool,
    },
    /// `None`: there is none of that number any more.
    Opened(Option<Box<One>>),
}

impl Model {
    pub fn new(about: HerdInfo) -> Self {
        Self {
            about,
            now: Duration::ZERO,
            stage: RunStage::Joining,
            herd: None,
            points: Vec::new(),
            tester: TesterEntry::default(),
            is_saturated: false,
            opened: None,
            entries: VecDeque::new(),
            latest: 0,
            is_outage: false,
            cells: Vec::new(),
            groups: Vec::new(),
            phases: BTreeMap::new(),
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
                    LogKind::Said,
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
                LogKind::Said,
                format!("{:10.3} s  {said}", after.as_secs_f64()),
            );
        }
    }

    /// The clients, group by group; groups by their first client, clients by number.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    pub fn groups(&self) -> &[GroupCells] {
        &self.groups
    }

    /// How many clients there are that have not left.
    pub fn count(&self) -> u32 {
        let there = self
            .phases
            .iter()
            .filter(|(phase, _)| **phase != Phase::Gone);
        there.map(|(_, count)| count).sum()
    }

    /// How many clients are in each phase, where there are any.
    pub fn phases(&self) -> &BTreeMap<Phase, u32> {
        &self.phases
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
    pub fn entries(&self, with_steps: bool) -> impl DoubleEndedIterator<Item = &LogEntry> {
        self.entries
            .iter()
            .filter(move |entry| with_steps || entry.kind != LogKind::Step)
    }

    /// How the herd is, in words, and how well that is.
    pub fn verdict(&self) -> (String, Condition) {
        if self.herd.is_none() {
            return ("the herd is being asked for".to_owned(), Condition::Queued);
        }
        let phases = self.phases.iter();
        let census: Census = phases.map(|(phase, count)| (*phase, *count)).collect();
        match (Ready::from(&census), self.stage) {
            (Ready::Yes(line) | Ready::No(line), _) if self.is_outage => {
                (format!("outage of the router: {line}"), Condition::Failed)
            }
            (Ready::Yes(line) | Ready::No(line), RunStage::Leaving) => {
                (format!("leaving: {line}"), Condition::Resting)
            }
            (Ready::Yes(line), _) => match self.losses() {
                (losses, false) => (format!("well: {line}{losses}"), Condition::Online),
                (losses, true) => (format!("with losses: {line}{losses}"), Condition::Trouble),
            },
            (Ready::No(line), _) if census.of(Phase::Failed) > 0 => {
                (format!("not well: {line}"), Condition::Failed)
            }
            (Ready::No(line), RunStage::Joining) => {
                (format!("joining: {line}"), Condition::Joining)
            }
            (Ready::No(line), RunStage::Holding(_)) => {
                (format!("not well: {line}"), Condition::Trouble)
            }
        }
    }

    /// What was lost since the pool began, in words, and whether anything was.
    fn losses(&self) -> (String, bool) {
        let (mut words, mut any) = (String::new(), false);
        let Some(herd) = &self.herd else {
            return (words, any);
        };
        if let Some(share) = herd.availability.share {
            // Writing to a string cannot fail.
            let _ = write!(words, ", availability {}", percent(share));
            any |= share < 1.0;
        }
        for lost in herd.sums.lost().filter(|lost| lost.lost > 0) {
            let _ = write!(words, ", {}", lost.told());
            any = true;
        }
        (words, any)
    }

    fn hear(&mut self, event: &Event) {
        match event.what {
            EventKind::OutageBegan { .. } => self.is_outage = true,
            EventKind::OutageEnded { .. } => self.is_outage = false,
            _ => {}
        }
        let kind = match EventLevel::of(&event.what) {
            EventLevel::Step => LogKind::Step,
            EventLevel::Planned | EventLevel::News => LogKind::News,
            EventLevel::Bad => LogKind::Bad,
        };
        self.enter(kind, plain(&event_line(event)));
    }

    fn enter(&mut self, kind: LogKind, mut text: String) {
        if let Some((end, _)) = text.char_indices().nth(LONGEST) {
            text.truncate(end);
        }
        if self.entries.len() == ENTRIES {
            self.entries.pop_front();
        }
        self.latest += 1;
        self.entries.push_back(LogEntry {
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
        let mut groups: Vec<GroupCells> = Vec::new();
        for (at, cell) in cells.iter().enumerate() {
            let online = usize::from(cell.phase == Phase::Online);
            let wanted = usize::from(cell.phase.is_wanted());
            match groups.last_mut() {
                Some(group) if group.name == cell.group => {
                    group.cells.end = at + 1;
                    group.online += online;
                    group.wanted += wanted;
                }
                _ => groups.push(GroupCells {
                    name: cell.group.clone(),
                    cells: at..at + 1,
                    online,
                    wanted,
                }),
            }
        }
        self.phases.clear();
        for cell in &cells {
            *self.phases.entry(cell.phase).or_default() += 1;
        }
        self.cells = cells;
        self.groups = groups;
    }
}

#[cfg(test)]
mod tests;
