//! What can be wrong with a scenario, and where in its file.

use std::fmt::{self, Write as _};
use std::num::NonZeroU32;
use std::ops::Range;

use toml::de::DeTable;

use super::{ClientCount, ClientCountError, Timespan};
use crate::chaos::PlanError;
use crate::dhcp::PersonaError;
use crate::lab::AddressRange;
use crate::pool::GroupName;

/// Why a scenario makes no sense although each of its values does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// Nobody.
    #[error("there are no clients: say how many as clients, or in a group")]
    NoClients,
    /// Too many, in all groups.
    #[error(transparent)]
    Clients(ClientCountError),
    /// Two groups of one name; the pool's own group bears the pool's.
    #[error("there are two groups called {0}: give one of them another name")]
    GroupTwice(GroupName),
    /// Something about a group.
    #[error("group {name}: {mistake}")]
    Group {
        /// The group.
        name: GroupName,
        /// What is wrong with it.
        mistake: Box<Mistake>,
    },
    /// Something about what clients say of themselves.
    #[error("persona: {0}")]
    Persona(PersonaError),
    /// Something about what is to be broken.
    #[error("chaos: {0}")]
    Chaos(PlanError),
    /// Nothing says where.
    #[error(
        "there is no place for the clients: name the interface that they stand on as parent, or choose the lab"
    )]
    NoPlace,
    /// Two places.
    #[error("parent and lab exclude each other: leave one of them out")]
    TwoPlaces,
    /// The key is the lab's, and the lab is not asked for.
    #[error("{0} is the lab's: choose the lab, or leave {0} out")]
    LabOnly(&'static str),
    /// A lab ends with its process.
    #[error(
        "nothing can be adopted in the lab, which ends with its process: leave adopt out, or name an interface as parent"
    )]
    Adopt,
    /// The key is that of pings and their like, and none are asked for.
    #[error(
        "{0} is for pings, lookups, fetches and commands, and there are none: name a target as ping, or leave {0} out"
    )]
    NothingToDo(&'static str),
    /// There is nothing to run.
    #[error("a command is empty: write what a shell is to run as run-command, or leave it out")]
    EmptyCommand,
    /// Not every client could have an address.
    #[error(
        "{clients} clients are more than the {} addresses of the lab's range {range}: ask for fewer clients, or widen \
         lab-range", .range.len()
    )]
    MoreThanAddresses {
        /// The clients.
        clients: ClientCount,
        /// The range.
        range: AddressRange,
    },
    /// A passthru macvlan has its parent to itself.
    #[error(
        "{0} clients cannot share a parent in mode passthru: ask for 1 client, or choose bridge, private or vepa"
    )]
    Passthru(ClientCount),
    /// The time is below what can be kept.
    #[error("{key} is too short: write {least} at least", key = name(.0), least = .1)]
    TooShort(&'static str, Timespan),
    /// The end would come before the first ping.
    #[error(
        "what is done every {every} may never be done in {hold}: write a shorter time as every, or a longer one as for"
    )]
    NoTimeToWork {
        /// From one time to the next.
        every: Timespan,
        /// Until the end.
        hold: Timespan,
    },
    /// The key is that of storms, and none are asked for.
    #[error(
        "storm-every is for storms, and there are none: say how many clients as storm, or leave storm-every out"
    )]
    NoStorm,
    /// More would leave than there are.
    #[error(
        "{storm} clients cannot leave a herd of {clients}: ask for a smaller storm, or for more clients"
    )]
    StormTooLarge {
        /// The storm's clients.
        storm: NonZeroU32,
        /// The herd.
        clients: ClientCount,
    },
}

impl Mistake {
    /// The key that is most to blame, with its table's name in front where it is in one.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::NoPlace | Self::TwoPlaces => "parent",
            Self::GroupTwice(_) | Self::Group { .. } => "group",
            Self::Persona(_) => "persona",
            Self::Chaos(_) => "chaos",
            Self::Adopt => "adopt",
            Self::LabOnly(key) | Self::NothingToDo(key) | Self::TooShort(key, _) => key,
            Self::NoClients
            | Self::Clients(_)
            | Self::MoreThanAddresses { .. }
            | Self::Passthru(_) => "clients",
            Self::NoTimeToWork { .. } => "every",
            Self::EmptyCommand => "run-command",
            Self::NoStorm => "soak.storm-every",
            Self::StormTooLarge { .. } => "soak.storm",
        }
    }
}

/// A key's own name, which is the option's.
fn name(key: &'static str) -> &'static str {
    key.rsplit('.').next().unwrap_or(key)
}

/// What is wrong with a scenario's text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What is wrong, and what to do about it.
    pub message: String,
    /// The line itself.
    text: String,
    /// How many of its characters are meant.
    width: usize,
}

impl TextError {
    /// What `toml` or a value's own type found wrong.
    pub(super) fn of_toml(error: &toml::de::Error, text: &str) -> Self {
        Self::at(text, error.span(), error.message().to_owned())
    }

    /// A mistake, found at its key, or at the beginning where that is left out.
    pub(super) fn of_mistake(mistake: &Mistake, text: &str) -> Self {
        let span = DeTable::parse(text).ok().and_then(|table| {
            let mut within = Some(table.get_ref());
            let mut found = None;
            for name in mistake.key().split('.') {
                let (key, value) = within?.get_key_value(name)?;
                found = Some(key.span());
                within = value.get_ref().as_table();
            }
            found
        });
        Self::at(text, span, mistake.to_string())
    }

    fn at(text: &str, span: Option<Range<usize>>, message: String) -> Self {
        let span = span.unwrap_or(0..0);
        let before = text.get(..span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(line_start..).unwrap_or_default();
        let line = line.lines().next().unwrap_or_default();
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        let marked = text.get(span).unwrap_or_default();
        let width = marked.lines().next().unwrap_or_default().chars().count();
        Self {
            line: before.matches('\n').count() + 1,
            column,
            message,
            text: line.to_owned(),
            width: width.max(1),
        }
    }
}

impl std::error::Error for TextError {}

impl fmt::Display for TextError {
    /// The place and what is wrong, then the line with the place marked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            message,
            ..
        } = self;
        write!(f, "line {line}, column {column}: {message}")?;
        if self.text.trim().is_empty() {
            return Ok(());
        }
        let margin = line.to_string().len();
        // A tab stays one, so that the mark stands below what it marks. Control characters do not reach the terminal.
        let visible = |c: char| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        };
        let shown: String = self.text.chars().map(visible).collect();
        let indent: String = shown
            .chars()
            .take(column - 1)
            .map(|c| if c == '\t' { c } else { ' ' })
            .collect();
        let mut mark = String::new();
        write!(
            mark,
            "{:margin$} | {indent}{:^<width$}",
            "",
            "",
            width = self.width
        )?;
        write!(f, "\n{:margin$} |\n{line} | {shown}\n{mark}", "")
    }
}
