//! One run of a herd, from its options to its exit code: what `demo`, `up`, `run` and `soak` have in common.
//!
//! The run itself is the library's ([`lanherd::run`]); here it is shown while it goes on, and told of when it is over.
//! While it runs it is controlled over its socket. A demo is over before anybody could, and has none.

mod presenter;

use std::io::IsTerminal as _;

use lanherd::run::{Outcome, Reason, Run, RunError, RunMode, outputs};
use lanherd::scenario::{Scenario, Timespan};
use lanherd::soak::SoakSettings;
use lanherd::testbed::TestbedError;

use self::presenter::Presenter;
use super::exit::{Exit, UsageError};
use super::push::{PushOptions, Pusher};
use super::screen::Screen;
use super::table::{self, Paint, TableRows};
#[cfg(feature = "tui")]
use super::tui;
use super::{drift, interrupt, lab, objectives, runtime};

/// `--tui`, where there is a herd to be seen.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Watching {
    /// Show the herd on the whole terminal while it runs: a cell for each client, charts, events; ? lists the keys
    #[cfg(feature = "tui")]
    #[arg(long)]
    tui: bool,
}

/// How a run is shown.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Presentation {
    /// Which clients the table at the end shows
    #[arg(long, value_enum, value_name = "ROWS", default_value_t = TableRows::Auto)]
    table: TableRows,
    /// Without a terminal: how often to tell how the herd stands
    #[arg(long, value_name = "TIME", default_value = "10s")]
    interval: Timespan,
    /// On the whole terminal, where that is offered.
    #[cfg(feature = "tui")]
    #[arg(skip)]
    tui: bool,
}

impl Presentation {
    /// These rows, and lines as often as the mode of the run says.
    pub const fn with(table: TableRows) -> Self {
        Self {
            table,
            interval: Timespan(SoakSettings::INTERVAL),
            #[cfg(feature = "tui")]
            tui: false,
        }
    }

    /// On the whole terminal, if so wished.
    #[cfg(feature = "tui")]
    pub const fn watched(self, watching: Watching) -> Self {
        Self {
            tui: watching.tui,
            ..self
        }
    }

    /// There is nothing to wish for.
    #[cfg(not(feature = "tui"))]
    pub const fn watched(self, Watching {}: Watching) -> Self {
        self
    }
}

/// A run that is shown on the terminal.
pub struct PresentedRun {
    scenario: Scenario,
    mode: RunMode,
    presentation: Presentation,
    push: Option<PushOptions>,
    screen: Screen,
}

impl PresentedRun {
    pub fn new(
        scenario: Scenario,
        mode: RunMode,
        mut presentation: Presentation,
        screen: &Screen,
    ) -> Self {
        if let RunMode::Soak(settings) = &mode {
            presentation.interval = Timespan(settings.interval);
        }
        Self {
            scenario,
            mode,
            presentation,
            push: None,
            screen: screen.clone(),
        }
    }

    /// Pushes metrics, and tells of failures, where that is asked for.
    #[must_use]
    pub fn pushing(self, options: PushOptions) -> Self {
        Self {
            push: Some(options),
            ..self
        }
    }

    /// Runs it. There must be no other thread yet: the lab moves the whole program into a sandbox.
    pub fn run(self) -> anyhow::Result<Exit> {
        #[cfg(feature = "tui")]
        if self.presentation.tui {
            tui::check(&self.screen)?;
        }
        self.screen.keep_clear(&outputs(&self.scenario));
        let mut pusher = match &self.push {
            Some(options) => options.clone().start(&self.scenario.pool)?,
            None => None,
        };
        let presenter = Presenter::new(&self.scenario, &self.mode, self.presentation, &self.screen)
            .pushing(pusher.as_ref().map(Pusher::handle));
        let run = Run::new(self.scenario.clone())
            .with_mode(self.mode.clone())
            .with_observer(presenter);
        let run = match self.mode {
            RunMode::PingOnce(_) => run,
            RunMode::Hold | RunMode::Soak(_) => run.with_control_socket(),
        };
        // It makes a folder on the host.
        interrupt::hold_back()?;
        let prepared = run.prepare().map_err(refusal)?;
        let runtime = runtime()?;
        let outcome = runtime.block_on(async {
            let interrupted = interrupt::listen(&self.screen)?;
            if let Some(pusher) = &mut pusher {
                pusher.begin(&self.screen)?;
            }
            let outcome = prepared.run(interrupted).await.map_err(refusal)?;
            if let Some(pusher) = pusher {
                let exit = Exit::of_outcome(&outcome);
                let reasons: Vec<_> = outcome.reasons.iter().map(ToString::to_string).collect();
                pusher.finish(exit, &reasons, &self.screen).await;
            }
            anyhow::Ok(outcome)
        });
        runtime.shutdown_background();
        Ok(self.conclude(&outcome?))
    }

    /// Tells the results.
    fn conclude(&self, outcome: &Outcome) -> Exit {
        let report = &outcome.report;
        for reason in &outcome.reasons {
            match reason {
                Reason::NotWritten(error) => self.screen.complain(&format!("error: {error}")),
                Reason::OfflineInconclusive { .. } => self.screen.complain(&reason.to_string()),
                _ => {}
            }
        }
        self.screen
            .result(&table::render(report, self.presentation.table, paint()));
        if let (RunMode::Soak(_), Some(soak)) = (&self.mode, &report.soak) {
            self.screen.result(&drift::render(soak));
        }
        if !report.objectives.is_empty() {
            let lines = objectives::lines(&report.objectives, paint());
            self.screen.result(&lines);
        }
        Exit::of_outcome(outcome)
    }
}

/// What an error of a run means for whoever started the program.
fn refusal(error: RunError) -> anyhow::Error {
    match error {
        RunError::Testbed(TestbedError::Lab(error)) => lab::refusal(error),
        error if error.is_usage() => UsageError::because(error),
        error => error.into(),
    }
}

/// Whether results are read on a terminal that shows colours, by somebody who wants them.
pub(super) fn paint() -> Paint {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|said| said.is_empty());
    if wanted && std::io::stdout().is_terminal() {
        Paint::Colours
    } else {
        Paint::None
    }
}
