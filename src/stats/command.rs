//! Figures of commands.

use std::collections::BTreeMap;

use super::{Distribution, Outcomes, Room, add_counts};
use crate::workload::command::{CommandCause, Executed};

/// What became of one client's runs of one command line.
#[derive(Debug, Clone)]
pub struct CommandStats {
    /// The command line.
    pub line: String,
    /// Runs that ended by exit code, as a shell tells it.
    pub exits: BTreeMap<i32, u64>,
    /// Runs that came to no exit code by cause, those that never began among them.
    pub failed: BTreeMap<CommandCause, u64>,
    /// How long those took that ended by themselves, whatever their exit code.
    pub time: Distribution,
    /// The end of what the latest run has written, 2 KiB at most.
    pub output: String,
    last_failure: Option<String>,
}

impl CommandStats {
    /// Nothing counted yet, of many clients together.
    pub fn new(line: String) -> Self {
        Self::with_room(line, Room::Ample)
    }

    /// Nothing counted yet, of one client: a herd has as many of these as clients.
    pub fn of_client(line: String) -> Self {
        Self::with_room(line, Room::Fixed)
    }

    fn with_room(line: String, room: Room) -> Self {
        Self {
            line,
            exits: BTreeMap::new(),
            failed: BTreeMap::new(),
            time: Distribution::new(room),
            output: String::new(),
            last_failure: None,
        }
    }

    /// Counts one outcome.
    pub fn record(&mut self, executed: &Executed) {
        match &executed.result {
            Ok(code) => {
                *self.exits.entry(*code).or_default() += 1;
                self.time.record(executed.took);
            }
            Err((cause, _)) => *self.failed.entry(*cause).or_default() += 1,
        }
        self.output.clone_from(&executed.output);
        if !executed.is_success() {
            self.last_failure = Some(executed.particulars(&self.line));
        }
    }

    /// Adds all of `other`, of any client.
    pub fn add(&mut self, other: &Self) {
        add_counts(&mut self.exits, &other.exits);
        add_counts(&mut self.failed, &other.failed);
        self.time.add(&other.time);
        if other.last_failure.is_some() {
            self.last_failure.clone_from(&other.last_failure);
        }
    }
}

impl Outcomes for CommandStats {
    fn attempts(&self) -> u64 {
        self.exits.values().chain(self.failed.values()).sum()
    }

    fn successes(&self) -> u64 {
        self.exits.get(&0).copied().unwrap_or_default()
    }

    fn time(&self) -> &Distribution {
        &self.time
    }

    fn last_failure(&self) -> Option<String> {
        self.last_failure.clone()
    }
}
