//! Commands: one client runs a shell's command line in its own namespace.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::kind::{
    About, ActivityKind, Buckets, CommandLineOption, Counter, Failures, Histogram, KindDetail,
    Layout, MetricFamilies, Observed, Time, TimeLayout, causes,
};
use super::{AttemptOutcome, ClientContext, Connectivity, Detail, Ending, FamilyChoice, Spec};
use crate::blame::Blame;
use crate::family::{Families, Family};
use crate::lan::{CommandEnd, CommandRequest, Port};
use crate::pool::{Pool, PoolError, RunReport, Selection};
use crate::run::RunBuilder;
use lanherd_net::config::LINK;
use lanherd_types::words;

/// What to run, how often, and how long it may take until it is killed.
///
/// One run is `/bin/sh -c LINE` in the client's network namespace, with its resolver, without input. The variables
/// `LANHERD_CLIENT`, `LANHERD_NAMESPACE`, `LANHERD_ADDRESS` and `LANHERD_ROUTER` (empty where there is none) say whose it
/// is; one that is to have IPv6 has `LANHERD_ADDRESS6` and `LANHERD_ROUTER6` beside them, the latter with its link
/// (`fe80::1%lan0`). When it ends, or is ended, everything that it has started is ended with it.
pub type CommandSpec = Spec<CommandLine>;

/// A line for a shell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommandLine(String);

impl CommandLine {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for CommandLine {
    fn from(line: &str) -> Self {
        Self(line.to_owned())
    }
}

impl From<String> for CommandLine {
    fn from(line: String) -> Self {
        Self(line)
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What is known of runs of commands beside what all activities have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CommandDetail {
    /// The end of what the latest run has written, 2 KiB at most.
    pub output: String,
}

impl CommandDetail {
    /// What a detail of any kind says, if it is of this one.
    pub const fn of(detail: &Detail) -> Option<&Self> {
        match detail {
            Detail::Command(detail) => Some(detail),
            _ => None,
        }
    }
}

impl KindDetail for CommandDetail {
    fn record(&mut self, attempt: &Self) {
        self.output.clone_from(&attempt.output);
    }

    fn add(&mut self, _others: &Self) {}
}

impl ActivityKind for CommandLine {
    const ABOUT: About = About {
        word: "command",
        option: CommandLineOption {
            name: "run-command",
            value: "LINE",
            help: "Run this shell command whenever online, as the client; may be given again",
            more: Some(
                "It has the client's network and resolver, `LANHERD_CLIENT`, `LANHERD_NAMESPACE`, `LANHERD_ADDRESS` and \
                 `LANHERD_ROUTER` in its environment (with IPv6 `LANHERD_ADDRESS6` and `LANHERD_ROUTER6`, too), and no input. It is killed, with all that it has started, after --timeout \
                 or when the client leaves.",
            ),
        },
        verb: "run",
        one: "command",
        many: "commands",
        succeeded: "succeeded",
        did_well: "succeeded",
        failed: "failed",
        well: "commands that succeeded",
        none: "no command was run",
        done: "run",
        of: "",
        time: Time {
            signal: "command time",
            figure: "command_time",
            aliases: &["command"],
            hint: None,
            chart: "Commands",
            // It is a program, or several, that are started, run and waited for.
            waits: 12,
            drift_floor_ms: 10.0,
        },
        failures: Failures {
            objective: "failed commands",
            share: "the share of failed commands",
            are_counted: true,
            figure: "command_failures",
            label: "failed commands",
            chart: "Failed commands",
        },
        causes: causes!(CommandCause, late: Timeout),
        bad_answers: &[],
        counts: &[],
        rates: &[],
        metrics: MetricFamilies {
            labels: &[],
            values: |_, _| Vec::new(),
            time: Histogram {
                name: "command_duration_seconds",
                help: "From the start of a command to its end, where it ended by itself.",
                buckets: Buckets::Long,
                observed: Observed::Whole,
            },
            answers: Some(Counter {
                name: ENDS.name,
                help: ENDS.help,
                label: ENDS.label,
                values: &["success", "failure"],
                value: |code| Cow::Borrowed(if code == "0" { "success" } else { "failure" }),
            }),
            failures: ENDS,
            of_each_client: None,
        },
        layout: Layout {
            subject: "line",
            succeeded: "succeeded",
            failed: "failed",
            answers: Some("exits"),
            has_phases: false,
            times: TimeLayout::Apart,
        },
        output: Some(|detail| CommandDetail::of(detail).map_or("", |detail| &detail.output)),
    };
    const TIMEOUT: Duration = Duration::from_secs(30);
    // Each is a process, or several.
    const MOST_IN_FLIGHT: usize = 16;
    // A pipe and a process, and its namespace while it starts.
    const FILES: u64 = 3;

    type Detail = CommandDetail;

    fn read(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() || text.contains('\0') {
            return Err(
                "a command is empty: write what a shell is to run as run-command, or leave it out"
                    .to_owned(),
            );
        }
        Ok(text.into())
    }

    fn family_choice(&self, families: Families) -> FamilyChoice {
        FamilyChoice::whole(families)
    }

    fn quoted(&self) -> String {
        format!("{:?}", self.0)
    }

    /// Runs it once.
    async fn attempt<P: Port>(
        &self,
        timeout: Duration,
        client: &ClientContext<P>,
    ) -> AttemptOutcome {
        execute(self, timeout, client).await.outcome(self)
    }
}

/// What comes of all runs is in one family.
const ENDS: Counter = Counter {
    label: "outcome",
    ..Counter::by_cause("commands_total", "Runs of commands by what came of them.")
};

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
    /// Whether it ended well.
    pub fn is_success(&self) -> bool {
        self.result == Ok(0)
    }

    /// As what became of an attempt of any kind.
    pub fn outcome(self, line: &CommandLine) -> AttemptOutcome {
        let is_success = self.is_success();
        let why = (!is_success).then(|| self.particulars(line));
        let (ending, took) = match self.result {
            Ok(code) => {
                let ending = Ending::Answered {
                    answer: Some(code.to_string().into()),
                    is_success,
                };
                (ending, Some(self.took))
            }
            Err((cause, _)) => (Ending::Failed(cause.as_str()), None),
        };
        AttemptOutcome {
            ending,
            took,
            phases: Vec::new(),
            family: None,
            detail: Detail::Command(CommandDetail {
                output: self.output,
            }),
            why,
        }
    }

    /// What came of it, for a person to read: with the last line that it has written.
    pub fn particulars(&self, line: &CommandLine) -> String {
        let line = line.as_str();
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

/// Who is to blame.
const fn blame(cause: CommandCause) -> Blame {
    match cause {
        CommandCause::Timeout => Blame::Target,
        CommandCause::Offline => Blame::Client,
        CommandCause::Tester => Blame::Tester,
    }
}

impl Pool {
    /// Lets clients run a command, each in its own namespace, as [`Pool::run`].
    ///
    /// # Errors
    /// As [`Pool::run`].
    pub async fn command(
        &self,
        which: Selection,
        spec: CommandSpec,
    ) -> Result<RunReport, PoolError> {
        self.run(which, spec).await
    }
}

impl RunBuilder {
    /// Each client runs this shell command in its namespace whenever it is online; may be said again.
    pub fn run_command(self, line: impl Into<CommandLine>) -> Self {
        self.activity(line.into())
    }
}

fn first(all: &[impl ToString]) -> String {
    all.first().map(ToString::to_string).unwrap_or_default()
}

async fn execute<P: Port>(
    line: &CommandLine,
    timeout: Duration,
    client: &ClientContext<P>,
) -> Executed {
    let Connectivity { ipv4, ipv6, .. } = client.connectivity();
    let address = ipv4.as_ref().map(|ipv4| ipv4.address.to_string());
    let router = ipv4.as_ref().and_then(|ipv4| ipv4.router);
    let router = router.map(|router| router.to_string());
    let mut environment = vec![
        ("LANHERD_CLIENT", client.identity.number.to_string()),
        ("LANHERD_NAMESPACE", client.identity.namespace.clone()),
        ("LANHERD_ADDRESS", address.unwrap_or_default()),
        ("LANHERD_ROUTER", router.unwrap_or_default()),
    ];
    if client.families.include(Family::Ipv6) {
        let own = ipv6.as_ref().and_then(|own| own.addresses.first());
        let router = ipv6.as_ref().and_then(|own| own.router);
        environment.extend([
            (
                "LANHERD_ADDRESS6",
                own.map(ToString::to_string).unwrap_or_default(),
            ),
            // A link-local address means nothing without its link.
            (
                "LANHERD_ROUTER6",
                router
                    .map(|router| format!("{router}%{LINK}"))
                    .unwrap_or_default(),
            ),
        ]);
        // Few clients have them.
        if let Some(own) = ipv6.as_ref().filter(|own| !own.delegated.is_empty()) {
            environment.extend([
                ("LANHERD_DELEGATED_PREFIX", first(&own.delegated)),
                ("LANHERD_DELEGATED_ADDRESS", first(&own.behind)),
            ]);
        }
    }
    let request = CommandRequest {
        line: line.0.clone(),
        environment,
        timeout,
    };
    let ran = client.port.command(request).await;
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
