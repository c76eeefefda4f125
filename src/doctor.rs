//! Whether this machine can do what is asked of it, found out before a herd has to.
//!
//! Two steps: [`Facts::gather`] looks, and [`diagnose`] judges, without looking at anything else. Nothing is changed and
//! nothing is sent. What can be tried is tried, in namespaces that are gone again afterwards, because a knob that allows a
//! thing is no proof that the kernel does. (The kernel may load its modules for veth and macvlan meanwhile.)

mod checks;
mod facts;
mod probe;

use std::fmt;

pub use self::checks::diagnose;
pub(crate) use self::checks::{hidden_namespaces, memory, no_resolver_files};
pub use self::facts::{Facts, Files, FolderFacts};
pub use self::probe::{Kernel, TrialResult};

/// Files that a client keeps open, at most: four sockets, and its namespace while it joins.
pub const FILES_PER_CLIENT: u64 = 5;
/// Files that a client keeps open at the least, once it is online.
pub const LEAST_FILES_PER_CLIENT: u64 = 3;
/// Files that lanherd keeps open beside those of its clients, at most.
pub const FILES_BESIDE: u64 = 64;
/// Entries that a client may take in the kernel's ARP table where the router is on this host too: the router's of the client. Its own
/// of the router is not counted.
pub const NEIGHBOURS_PER_CLIENT: u64 = 1;
/// Memory that a client takes, in bytes: nearly all of it is the kernel's, for its network namespace. Measured: 250 to 300 KiB on x86-64,
/// 330 to 340 KiB on arm64 with pages of 4 and 16 KiB; of both families no more than of one.
pub const MEMORY_PER_CLIENT: u64 = 360 * 1024;

/// What the machine is to be used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// A herd on this interface.
    Parent(String),
    /// A herd on the embedded virtual router.
    Lab,
    /// Either: fit if one of the two could work.
    Either,
}

/// What a check found; texts say what to do where there is something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckResult {
    /// As it should be.
    Fine(String),
    /// It may work, or work worse.
    Warning(String),
    /// It cannot work.
    Problem(String),
}

impl CheckResult {
    /// `ok`, `warning` or `problem`.
    pub const fn verdict(&self) -> &'static str {
        match self {
            Self::Fine(_) => "ok",
            Self::Warning(_) => "warning",
            Self::Problem(_) => "problem",
        }
    }

    /// What was found, and the remedy.
    pub fn text(&self) -> &str {
        match self {
            Self::Fine(text) | Self::Warning(text) | Self::Problem(text) => text,
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What is checked.
    pub subject: &'static str,
    /// What was found.
    pub finding: CheckResult,
}

/// All that was looked at. Displays a line a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The checks, in the order in which a run would meet their subjects.
    pub checks: Vec<Check>,
}

impl Diagnosis {
    /// Whether all that was asked for can work.
    pub fn is_fit(&self) -> bool {
        self.problems() == 0
    }

    /// How many findings forbid what was asked for.
    pub fn problems(&self) -> usize {
        self.count(|finding| matches!(finding, CheckResult::Problem(_)))
    }

    /// How many findings may make it work worse.
    pub fn warnings(&self) -> usize {
        self.count(|finding| matches!(finding, CheckResult::Warning(_)))
    }

    fn count(&self, is_meant: impl Fn(&CheckResult) -> bool) -> usize {
        self.checks
            .iter()
            .filter(|check| is_meant(&check.finding))
            .count()
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Check { subject, finding }) in self.checks.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{:<8} {subject}: {}", finding.verdict(), finding.text())?;
        }
        Ok(())
    }
}
