//! Commands: one client runs a shell's command line in its own namespace.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Excuse, Pace, Place};
use crate::lan::{CommandEnd, Errand, Port};
use crate::phase::words;

/// What to run, how often, and how long it may take.
///
/// One run is `/bin/sh -c LINE` in the client's network namespace, with its resolver, without input. The variables
/// `LANHERD_CLIENT`, `LANHERD_NAMESPACE`, `LANHERD_ADDRESS` and `LANHERD_ROUTER` (empty where there is none) say whose it
/// is. When it ends, or is ended, everything that it has started is ended with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandSpec {
    /// The command line.
    pub line: String,
    /// How many runs; `None`: until the client goes.
    pub count: Option<u32>,
    /// From one run to the next, whether or not it has ended.
    pub interval: Duration,
    /// How long it may take until it is killed.
    pub timeout: Duration,
}

impl CommandSpec {
    /// How long a command may take where nothing else is said.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

    /// One run of `line`.
    pub fn once(line: impl Into<String>) -> Self {
        Self::times(line, 1)
    }

    /// `count` runs of `line`, one a second.
    pub fn times(line: impl Into<String>, count: u32) -> Self {
        Self {
            line: line.into(),
            count: Some(count),
            interval: Pace::DEFAULT_INTERVAL,
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }

    /// Runs of `line` every `interval`, until the client goes.
    pub fn every(line: impl Into<String>, interval: Duration) -> Self {
        Self {
            line: line.into(),
            count: None,
            interval,
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }
}

words! {
    /// Why a command came to no exit code: a closed list.
    CommandCause {
        /// It took too long, and was killed.
        Timeout = "timeout",
        /// The client was not online, or left meanwhile.
        Offline = "offline",
        /// The tester's own host could not run it: not the router's fault.
        Tester = "tester",
    }
}

/// What became of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// Its exit code, as a shell tells it (128 and more: killed by a signal); or why there is none, and the particulars.
    pub result: Result<i32, (CommandCause, String)>,
    /// From its start to its end; zero, where it never began.
    pub took: Duration,
    /// The end of what it has written, 2 KiB at most.
    pub output: String,
}

impl Executed {
    pub(super) fn excused(excuse: Excuse) -> Self {
        let cause = match excuse {
            Excuse::Offline => CommandCause::Offline,
            Excuse::Tester => CommandCause::Tester,
        };
        Self {
            result: Err((cause, String::new())),
            took: Duration::ZERO,
            output: String::new(),
        }
    }

    /// Whether it ended well.
    pub fn is_success(&self) -> bool {
        self.result == Ok(0)
    }

    /// What came of it, for a person to read: with the last line that it has written.
    pub fn particulars(&self, line: &str) -> String {
        let said = self.output.trim_end().rsplit('\n').next().unwrap_or("");
        let mut words = match &self.result {
            Ok(code) => format!("{line:?}: exit code {code}"),
            Err((cause, why)) if why.is_empty() => format!("{line:?}: {cause}"),
            Err((cause, why)) => format!("{line:?}: {cause}: {why}"),
        };
        if !said.is_empty() {
            words.push_str(": ");
            words.extend(said.chars().filter(|c| !c.is_control()).take(200));
        }
        words
    }
}

/// Runs it once.
pub(super) async fn attempt<P: Port>(spec: &CommandSpec, place: &Place<P>) -> Executed {
    let uplink = &place.uplink;
    let router = uplink.router.map(|router| router.to_string());
    let errand = Errand {
        line: spec.line.clone(),
        environment: vec![
            ("LANHERD_CLIENT", place.identity.number.to_string()),
            ("LANHERD_NAMESPACE", place.identity.namespace.clone()),
            ("LANHERD_ADDRESS", uplink.address.to_string()),
            ("LANHERD_ROUTER", router.unwrap_or_default()),
        ],
        timeout: spec.timeout,
    };
    let ran = place.port.command(errand).await;
    Executed {
        result: match ran.end {
            CommandEnd::Exit(code) => Ok(code),
            CommandEnd::TimedOut => Err((CommandCause::Timeout, String::new())),
            CommandEnd::ClientLeft => Err((CommandCause::Offline, String::new())),
            CommandEnd::NotRun(why) => Err((CommandCause::Tester, why)),
        },
        took: ran.took,
        output: ran.output,
    }
}
