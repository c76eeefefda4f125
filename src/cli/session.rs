//! One run of a herd, from its options to its exit code: what `demo`, `up` and `run` have in common.
//!
//! While it runs it is controlled over its socket, which a lab makes before it enters its sandbox, so that it is reached
//! from the host. A demo is over before anybody could, and has none.
//!
//! Whatever happens on the way, the end is the same: the herd is torn down, the LAN closed, the lab stopped, each
//! step tried whatever became of the one before; then the results are told.

mod course;
mod house;
mod rolling;
mod soaking;
mod steering;

use std::fs;
use std::io::IsTerminal as _;
use std::time::{Instant, SystemTime};

use anyhow::Context as _;
use lanherd::http::{self, Bound, Guard, HttpError};
use lanherd::identity::Seed;
use lanherd::lan::{self, control_socket::ControlSocket};
use lanherd::objective;
use lanherd::page::Verdict;
use lanherd::report::{self, Ended, Report};
use lanherd::sandbox;
use lanherd::scenario::{Place, Scenario, Timespan};
use lanherd::soak::Settings;
use lanherd::testbed::CloseReport;
use lanherd::workload::ping::PingSpec;

use self::course::{Chaos, Course, Ran};
use self::house::{Control, Doors, House};
use self::soaking::{Origin, Soaked};
use self::steering::Steering;
use super::exit::{Demand, Exit, Objectives, Outcome, UsageError, causes};
use super::interrupt::Interrupt;
use super::progress::Progress;
use super::screen::Screen;
use super::table::{self, Paint, Rows};
use super::tui::{About, Tui, Watching};
use super::{drift, limits, objectives, runtime, tui};

/// What a herd does once it has joined.
#[derive(Debug, Clone)]
pub enum Errand {
    /// As its scenario says: hold the leases, with standing pings, for a time or until interrupted.
    Hold,
    /// One round of pings, then the end.
    PingOnce(PingSpec),
    /// The same for days, with clients that come and go, and a report that is renewed on the way.
    Soak(Settings),
}

impl Errand {
    /// What a scenario asks for.
    pub fn of(scenario: &Scenario) -> Self {
        scenario.soak.clone().map_or(Self::Hold, Self::Soak)
    }

    const fn demand(&self) -> Demand {
        match self {
            Self::Hold | Self::Soak(_) => Demand::SomeAnswers,
            Self::PingOnce(_) => Demand::EveryAnswer,
        }
    }
}

/// How a run is shown.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Presentation {
    /// Which clients the table at the end shows
    #[arg(long, value_enum, value_name = "ROWS", default_value_t = Rows::Auto)]
    table: Rows,
    /// Without a terminal: how often to tell how the herd stands
    #[arg(long, value_name = "TIME", default_value = "10s")]
    interval: Timespan,
    /// On the whole terminal, where that is offered.
    #[arg(skip)]
    tui: bool,
}

impl Presentation {
    /// These rows, and lines as the errand likes.
    pub const fn with(table: Rows) -> Self {
        Self {
            table,
            interval: Timespan(Settings::INTERVAL),
            tui: false,
        }
    }

    /// On the whole terminal, if so wished.
    pub const fn watched(self, watching: Watching) -> Self {
        Self {
            tui: watching.tui,
            ..self
        }
    }
}

/// One run.
pub struct Session {
    scenario: Scenario,
    errand: Errand,
    presentation: Presentation,
    screen: Screen,
}

impl Session {
    pub fn new(
        mut scenario: Scenario,
        errand: Errand,
        mut presentation: Presentation,
        screen: &Screen,
    ) -> Self {
        if let Errand::Soak(settings) = &errand {
            presentation.interval = Timespan(settings.interval);
        }
        scenario.seed.get_or_insert_with(machine_seed);
        Self {
            scenario,
            errand,
            presentation,
            screen: screen.clone(),
        }
    }

    /// Runs it. There must be no other thread yet: the lab moves the whole program into a sandbox.
    pub fn run(self) -> anyhow::Result<Exit> {
        if self.presentation.tui {
            tui::check(&self.screen)?;
        }
        let outputs: Vec<_> = [
            ("--report", &self.scenario.report),
            ("--html", &self.scenario.html),
        ]
        .into_iter()
        .filter_map(|(name, path)| Some((name, path.as_deref()?)))
        .collect();
        report::check_outputs(&outputs).map_err(UsageError::because)?;
        self.screen.keep_clear(&outputs);
        lan::keep_one_heap();
        // Before the sandbox: the host's Prometheus is to reach it.
        let metrics = self.doorstep()?;
        let control = match (&self.errand, &self.scenario.place) {
            (Errand::PingOnce(_), _) => Control::None,
            (Errand::Hold | Errand::Soak(_), Place::Parent(_)) => Control::Beside,
            (Errand::Hold | Errand::Soak(_), Place::Lab { .. }) => {
                Control::Made(ControlSocket::outside(&self.scenario.pool)?)
            }
        };
        if let Place::Lab { .. } = self.scenario.place {
            sandbox::enter()?;
        }
        for warning in limits::prepare(&self.scenario) {
            tracing::warn!("{warning}");
        }
        let runtime = runtime()?;
        let doors = Doors {
            metrics,
            control,
            is_watched: self.presentation.tui,
        };
        let exit = runtime.block_on(self.live(doors));
        runtime.shutdown_background();
        exit
    }

    /// Where metrics are to be served, and for whom.
    fn doorstep(&self) -> anyhow::Result<Option<Bound>> {
        let Some(address) = self.scenario.metrics else {
            return Ok(None);
        };
        let token = self.scenario.metrics_token_file.as_deref();
        let guard = Guard::new(token, self.scenario.web_config.as_deref());
        let guard = guard.map_err(UsageError::because)?;
        match http::bind(address, guard) {
            Ok(bound) => Ok(Some(bound)),
            Err(error @ HttpError::Unguarded(_)) => Err(UsageError::because(error)),
            Err(error) => Err(error.into()),
        }
    }

    async fn live(mut self, doors: Doors) -> anyhow::Result<Exit> {
        let (started_at, started) = (SystemTime::now(), Instant::now());
        let labels = std::mem::take(&mut self.scenario.labels);
        self.scenario.labels = labels.identified(&self.scenario.pool, started_at);
        let interrupt = Interrupt::listen(&self.screen)?;
        let (steering, stop) = Steering::new();
        // What can be wrong is found before there is anything to tear down.
        let parameters = serde_json::to_value(&self.scenario)
            .context("the parameters could not be written as json")?;
        let seed = self.scenario.seed.unwrap_or_default();
        let schedule = match &self.scenario.chaos {
            Some(plan) => Some(plan.schedule(self.scenario.place.ground(), seed)?),
            None => None,
        };
        let house = House::open(&self.scenario, doors, steering, &self.screen).await?;
        // From here on what is said is shown on it; it ends after the herd.
        let tui = self.watch(&house, started);
        let origin = Origin {
            at: started_at,
            started,
            seed,
            parameters,
            tester: house.tester(),
            objectives: self.scenario.fail_if.clone(),
        };
        let course = Course {
            chaos: schedule.map(|schedule| Chaos::Waiting(Box::new(house.chaos(schedule)))),
            pool: house.pool().clone(),
            scenario: self.scenario.clone(),
            errand: self.errand.clone(),
            interrupt: interrupt.clone(),
            stop,
            screen: self.screen.clone(),
            progress: Progress::start(&self.screen, started, self.presentation.interval.0),
            origin: origin.clone(),
            ended: Ended::TimeOver,
        };
        // A task of its own, so that even a panic in it is followed by the tear-down.
        let ran = tokio::spawn(course.run()).await;
        let closed = {
            let mut progress = Progress::start(&self.screen, started, self.presentation.interval.0);
            progress.leaving(self.scenario.clients);
            house.close().await
        };
        drop(tui);
        for trouble in &closed.troubles {
            self.screen.complain(&format!("error: {trouble}"));
        }
        let Ran {
            status,
            figures,
            ended,
            soaked,
        } = ran
            .context("the run died: this is a bug in lanherd")?
            .context("the run ended early")?;
        let soak = match soaked {
            Some(Soaked { soak, rolling, .. }) => {
                rolling.rest().await;
                Some(soak)
            }
            None => None,
        };
        let interrupted = interrupt.has_come();
        let ended = if interrupted {
            Ended::Interrupted
        } else {
            ended
        };
        let run = origin.run(Some(ended), closed.leaked, soak, &figures);
        let mut report = Report::new(&status, &figures, run);
        report.totals.leases_unreleased = closed.unreleased;
        Ok(self.conclude(&report, &closed, interrupted))
    }

    /// Shows the herd on the terminal, if that is wanted; a herd that stands does not fail for want of it.
    fn watch(&self, house: &House, started: Instant) -> Option<Tui> {
        let live = house.live().filter(|_| self.presentation.tui)?;
        let about = About {
            pool: self.scenario.pool.clone(),
            place: match &self.scenario.place {
                Place::Parent(parent) => parent.clone(),
                Place::Lab { .. } => "the lab".to_owned(),
            },
            hold: self.scenario.hold.map(|hold| hold.0),
        };
        match Tui::start(&self.screen, started, about, live, house.tester()) {
            Ok(tui) => Some(tui),
            Err(error) => {
                let screen = &self.screen;
                let why = causes(&error);
                screen.complain(&format!("error: {why}; the run goes on without --tui"));
                None
            }
        }
    }

    /// Tells the results.
    fn conclude(&self, report: &Report, closed: &CloseReport, interrupted: bool) -> Exit {
        let mut outcome = Outcome {
            interrupted,
            wanted: report.totals.wanted,
            online: report.totals.online,
            unanswered: 0,
            lost: 0,
            troubles: closed.troubles.len() as u64,
            drifted: false,
            objectives: Objectives::default(),
        };
        for objective in &report.objectives {
            outcome.objectives.add(objective.verdict);
        }
        for client in &report.clients {
            for chore in client.chores() {
                outcome.lost += chore.attempts - chore.succeeded;
                outcome.unanswered += u64::from(chore.never_succeeded());
            }
        }
        if let Some(path) = &self.scenario.report
            && let Err(error) = report::write(path, report)
        {
            self.screen.complain(&format!("error: {error}"));
            outcome.troubles += 1;
        }
        self.screen
            .result(&table::render(report, self.presentation.table, paint()));
        if let (Errand::Soak(settings), Some(soak)) = (&self.errand, &report.soak) {
            self.screen.result(&drift::render(soak));
            let drifted = soak.comparison.as_ref().is_some_and(|both| both.drifted);
            outcome.drifted = drifted && settings.fail_on_drift;
            let is_open = soak
                .comparison
                .as_ref()
                .is_some_and(|both| both.inconclusive().next().is_some());
            if is_open && settings.fail_on_drift {
                outcome.objectives.add(objective::Verdict::Inconclusive);
            }
        }
        if !report.objectives.is_empty() {
            let lines = objectives::lines(&report.objectives, objectives::has_colours());
            self.screen.result(&lines);
        }
        self.write_page(report, &mut outcome);
        outcome.exit(self.errand.demand())
    }

    fn write_page(&self, report: &Report, outcome: &mut Outcome) {
        let Some(path) = &self.scenario.html else {
            return;
        };
        let verdict = match outcome.exit(self.errand.demand()) {
            Exit::Well => Verdict::Well,
            Exit::Inconclusive => Verdict::Inconclusive,
            _ => Verdict::Bad,
        };
        let page = report.page(verdict);
        if let Err(error) = report::write_bytes(path, page.as_bytes()) {
            self.screen.complain(&format!("error: {error}"));
            outcome.troubles += 1;
        }
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

/// A seed of this machine's own: the same devices in every run, and others than those of the lanherd next door on the
/// same LAN. Derived from `/etc/machine-id`, which does not follow from it (machine-id(5)); 32 bits, so that every
/// reader of JSON keeps them all.
pub fn machine_seed() -> Seed {
    let machine = fs::read("/etc/machine-id").unwrap_or_default();
    // FNV-1a.
    let hash = machine
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    Seed(hash >> 32)
}
