//! Shows a run while it goes on: bars, lines, or the whole terminal.

use std::time::{Duration, Instant};

use lanherd::lan::leftovers::{BroughtUp, Cleared, Removed};
use lanherd::run::{Observer, OpenedRun, RunEvent, RunMode};
use lanherd::scenario::Scenario;
#[cfg(feature = "tui")]
use lanherd::scenario::ScenarioUplink;

use super::Presentation;
use crate::cli::clean;
#[cfg(feature = "tui")]
use crate::cli::exit::causes;
use crate::cli::progress::Progress;
use crate::cli::push::PushHandle;
use crate::cli::screen::Screen;
#[cfg(feature = "tui")]
use crate::cli::tui::{HerdInfo, Tui};

/// The observer of a run that the command line started.
pub struct Presenter {
    screen: Screen,
    #[cfg(feature = "tui")]
    about: HerdInfo,
    is_soak: bool,
    interval: Duration,
    /// Whether the herd is shown on the whole terminal.
    #[cfg(feature = "tui")]
    wants_tui: bool,
    /// To whom the run is told, where it is pushed.
    push: Option<PushHandle>,
    /// Once the testbed is open.
    progress: Option<Progress>,
    /// Until everything is closed.
    #[cfg(feature = "tui")]
    tui: Option<Tui>,
}

impl Presenter {
    pub fn new(
        #[cfg_attr(not(feature = "tui"), allow(unused_variables))] scenario: &Scenario,
        mode: &RunMode,
        presentation: Presentation,
        screen: &Screen,
    ) -> Self {
        Self {
            screen: screen.clone(),
            #[cfg(feature = "tui")]
            about: HerdInfo {
                pool: scenario.pool.clone(),
                place: match &scenario.uplink {
                    ScenarioUplink::Parent(parent) => parent.clone(),
                    ScenarioUplink::Lab { .. } => "the lab".to_owned(),
                },
                hold: scenario.hold.map(|hold| hold.0),
            },
            is_soak: matches!(mode, RunMode::Soak(_)),
            interval: presentation.interval.0,
            #[cfg(feature = "tui")]
            wants_tui: presentation.tui,
            push: None,
            progress: None,
            #[cfg(feature = "tui")]
            tui: None,
        }
    }

    /// Tells this of the run's metrics and events.
    pub fn pushing(self, push: Option<PushHandle>) -> Self {
        Self { push, ..self }
    }

    fn opened(&mut self, opened: &OpenedRun<'_>) {
        let OpenedRun {
            started,
            name,
            clients,
            parent,
            ..
        } = opened;
        if let Some(push) = &self.push {
            push.follow(opened.metrics.clone(), opened.pool.events().ok());
        }
        if let Some(url) = &opened.url {
            self.screen.say(&format!(
                "the herd is at {url}/, its metrics at {url}/metrics"
            ));
        }
        self.screen.say(&format!(
            "{clients} clients join on {parent} as {name}1 to {name}{clients}"
        ));
        // From here on what is said is shown on it; it ends after the herd.
        #[cfg(feature = "tui")]
        {
            self.tui = self.start_tui(opened);
        }
        self.progress = Some(Progress::start(&self.screen, *started, self.interval));
    }

    /// Shows the herd on the terminal, if that is wanted; a herd that stands does not fail for want of it.
    #[cfg(feature = "tui")]
    fn start_tui(&self, opened: &OpenedRun<'_>) -> Option<Tui> {
        let live = opened.live.clone().filter(|_| self.wants_tui)?;
        let (about, tester) = (self.about.clone(), opened.tester.clone());
        match Tui::start(&self.screen, opened.started, about, live, tester) {
            Ok(tui) => Some(tui),
            Err(error) => {
                let why = causes(&error);
                self.screen
                    .complain(&format!("error: {why}; the run goes on without --tui"));
                None
            }
        }
    }

    /// Tells what became of what a killed run had left.
    fn cleared(&self, pool: &str, adopt: bool, cleared: &Cleared) {
        let screen = &self.screen;
        let run = format!("a killed run of pool {pool}");
        if let Some(BroughtUp { interface, outcome }) = &cleared.brought_up {
            match outcome {
                Ok(()) => screen.say(&clean::brought_up(interface)),
                Err(why) => tracing::warn!("{}", clean::not_brought_up(interface, why)),
            }
        }
        if let Some(misfit) = &cleared.misfit {
            screen.say(&format!("nothing of {run} is taken over: {misfit}"));
        }
        if adopt && cleared.misfit.is_none() {
            screen.say(&match cleared.adopted {
                0 => format!("there is nothing of {run} to take over"),
                adopted => format!("{adopted} clients of {run} are taken over"),
            });
        }
        if !cleared.removed.is_empty() || !cleared.leases.is_empty() {
            let is_removed = |thing: &&Removed| thing.outcome.is_ok();
            let removed = cleared.removed.iter().filter(is_removed).count();
            let released = cleared.released();
            screen.say(&format!(
                "removed {removed} things that {run} had left, and sent RELEASE for {released} leases"
            ));
        }
        for error in cleared
            .removed
            .iter()
            .filter_map(|thing| thing.outcome.as_ref().err())
        {
            tracing::warn!("{error}");
        }
        for (why, leases) in cleared.unreleased() {
            tracing::warn!("{}", clean::unreleased(leases, why));
        }
    }

    fn with_progress(&mut self, show: impl FnOnce(&mut Progress)) {
        if let Some(progress) = &mut self.progress {
            show(progress);
        }
    }
}

impl Observer for Presenter {
    fn observe(&mut self, event: &RunEvent<'_>) {
        match event {
            RunEvent::Cleared {
                pool,
                adopt,
                cleared,
            } => self.cleared(pool.as_str(), *adopt, cleared),
            RunEvent::Opened(opened) => self.opened(opened),
            RunEvent::Joining(census) => self.with_progress(|progress| progress.joining(census)),
            RunEvent::Joined(census) => self.with_progress(|progress| progress.joined(census)),
            RunEvent::Holding { census, figures } => {
                self.with_progress(|progress| progress.holding(census, figures));
            }
            RunEvent::Looked { line, availability } => {
                self.with_progress(|progress| progress.soaking(line, *availability));
            }
            RunEvent::StormBegan { .. } | RunEvent::ReportRenewed => {
                self.screen.say(&event.to_string());
            }
            RunEvent::EveryClientFailed => self.screen.complain(&event.to_string()),
            RunEvent::NotReplaced { .. } | RunEvent::ReportNotRenewed { .. } => {
                self.screen.complain(&format!("error: {event}"));
            }
            RunEvent::Leaving { clients } => {
                self.with_progress(|progress| progress.leaving(*clients));
            }
            RunEvent::Closed(report) => {
                self.progress = None;
                #[cfg(feature = "tui")]
                {
                    self.tui = None;
                }
                for trouble in &report.troubles {
                    self.screen.complain(&format!("error: {trouble}"));
                }
            }
            // What a later version of the library tells beside these.
            _ => {}
        }
    }

    fn next_look(&self) -> Option<Instant> {
        let progress = self.progress.as_ref()?;
        if self.is_soak {
            // A log has the line of each look.
            progress.next_bar()
        } else {
            progress.next()
        }
    }

    #[cfg(feature = "tui")]
    fn wants_live(&self) -> bool {
        self.wants_tui
    }
}
