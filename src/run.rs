//! A run: a herd joins, is held or kept busy, and leaves, and it is judged what came of it.
//!
//! [`Run`] does for any program what `lanherd up`, `run` and `soak` do on the command line: it opens a
//! [`Testbed`](crate::testbed::Testbed) and the servers by which the run is reached, lets the clients of a [`Scenario`] join, holds
//! them for a time or soaks them (with churn, storms and faults), waits until they have come to rest, closes everything
//! in order, and returns an [`Outcome`]: the [`Report`], and every reason why the run did not
//! pass. Files that the scenario names (`report`, `html`) are written, and renewed during a soak.
//!
//! What happens meanwhile is told to an [`Observer`]; the library itself prints nothing. A run is ended early by the
//! token that it is given; signals are the caller's own affair, except in [`Run::block`].
//!
//! # The sandbox
//! On the lab a run moves the whole process into a sandbox ([`crate::sandbox`]). The kernel allows that only while the
//! process has a single thread, so before a runtime is started. A run is therefore begun in two steps: [`Run::prepare`]
//! does what must be done before there are threads, [`PreparedRun::run`] all the rest. [`Run::block`] does both.
//!
//! Whatever happens on the way, the end is the same: the herd is torn down, the LAN closed, the lab stopped, each step
//! tried whatever became of the one before.

mod builder;
mod control_upkeep;
mod error;
mod info;
mod limits;
mod observer;
mod outcome;
mod remote;
mod rolling;
mod run_loop;
mod session;
mod soak_loop;
mod wait;

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{Instant, SystemTime};

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
pub use tokio_util::sync::CancellationToken;

pub use self::builder::RunBuilder;
pub use self::error::RunError;
use self::info::RunInfo;
pub use self::limits::{folder_warnings, raise_open_files};
pub(crate) use self::observer::Announcer;
pub use self::observer::{NoObserver, Observer, OpenedRun, RunEvent};
pub use self::outcome::{NotPassed, Outcome, Reason};
use self::run_loop::{Ran, RunLoop};
use self::session::{ControlPlace, Endpoints, Session};
#[cfg(feature = "bdd")]
pub(crate) use self::soak_loop::{Rest, SoakLoop, SoakPlan, Soaked};
pub(crate) use self::wait::Signals;
use crate::activity::ping::PingSpec;
use crate::http::{self, BoundServer, Guard};
use crate::identity::Seed;
use crate::lan;
use crate::lan::control_socket::ControlSocket;
use crate::objective;
use crate::page;
use crate::report::{self, Ended, Report};
use crate::sandbox;
use crate::scenario::{Scenario, ScenarioUplink};
use crate::soak::SoakSettings;

/// What a herd does once it has joined.
#[derive(Debug, Clone)]
pub enum RunMode {
    /// It is held, doing whatever its scenario says, for the time of the scenario or until the run is ended.
    Hold,
    /// Each client pings once as each of these specifies, and the run is over. Every attempt must succeed.
    PingOnce(Vec<PingSpec>),
    /// As [`RunMode::Hold`], with clients that come and go, and a report that is renewed on the way.
    Soak(SoakSettings),
}

impl RunMode {
    /// What a scenario asks for: a soak if it has settings of one.
    pub fn of(scenario: &Scenario) -> Self {
        scenario.soak.clone().map_or(Self::Hold, Self::Soak)
    }
}

/// A run that has not begun.
pub struct Run {
    scenario: Scenario,
    mode: RunMode,
    observer: Box<dyn Observer>,
    has_control: bool,
    enters_sandbox: bool,
}

impl Run {
    /// Begins to put together a run on the virtual router: no root is needed where unprivileged user namespaces are allowed,
    /// and no packet leaves the machine.
    pub fn on_lab() -> RunBuilder {
        RunBuilder::new(None)
    }

    /// Begins to put together a run on an interface of this host, such as `eth0`. Needs root, or the capabilities that
    /// README.md lists.
    pub fn on_parent(parent: &str) -> RunBuilder {
        RunBuilder::new(Some(parent))
    }

    /// A run of this scenario, in the mode that it asks for. Nobody observes it, it has no control socket, and on the lab
    /// it enters a sandbox.
    pub fn new(mut scenario: Scenario) -> Self {
        scenario.seed.get_or_insert_with(machine_seed);
        Self {
            mode: RunMode::of(&scenario),
            scenario,
            observer: Box::new(NoObserver),
            has_control: false,
            enters_sandbox: true,
        }
    }

    /// Does something else once the herd has joined than the scenario asks for.
    #[must_use]
    pub fn with_mode(self, mode: RunMode) -> Self {
        Self { mode, ..self }
    }

    /// Tells this observer what happens.
    #[must_use]
    pub fn with_observer(self, observer: impl Observer + 'static) -> Self {
        Self {
            observer: Box::new(observer),
            ..self
        }
    }

    /// Is controlled over a socket while it runs: `lanherd ps`, `exec`, `stop` and their like reach it from other
    /// processes. The socket is made before the sandbox is entered, so that it is reached from the host.
    #[must_use]
    pub fn with_control_socket(self) -> Self {
        Self {
            has_control: true,
            ..self
        }
    }

    /// Enters no sandbox on the lab: the caller has done so ([`sandbox::enter`]), or is root and wants the lab's interfaces
    /// and namespaces on the host.
    #[must_use]
    pub fn without_sandbox(self) -> Self {
        Self {
            enters_sandbox: false,
            ..self
        }
    }

    /// Does what must be done before the process has any other thread: checks the files that are to be written, opens
    /// the sockets on which the host reaches the run, enters the sandbox if the run is on the lab, and raises the limit
    /// of open files.
    ///
    /// After an error the process may be half inside a sandbox: report the error and exit.
    pub fn prepare(self) -> Result<PreparedRun, RunError> {
        if self.scenario.has_ipv6() && !lan::speaks_ipv6() {
            return Err(RunError::NoIpv6);
        }
        report::check_outputs(&outputs(&self.scenario))?;
        lan::keep_one_heap();
        // Before the sandbox: the host's Prometheus is to reach it.
        let metrics = bind_metrics(&self.scenario)?;
        let control = match &self.scenario.uplink {
            _ if !self.has_control => ControlPlace::None,
            ScenarioUplink::Lab { .. } if self.enters_sandbox => {
                ControlPlace::Made(ControlSocket::outside(&self.scenario.pool)?)
            }
            ScenarioUplink::Lab { .. } | ScenarioUplink::Parent(_) => ControlPlace::Beside,
        };
        if let ScenarioUplink::Lab { .. } = self.scenario.uplink
            && self.enters_sandbox
        {
            sandbox::enter()?;
        }
        for warning in limits::prepare(&self.scenario) {
            tracing::warn!("{warning}");
        }
        Ok(PreparedRun {
            scenario: self.scenario,
            mode: self.mode,
            announcer: Announcer::new(self.observer),
            endpoints: Endpoints { metrics, control },
        })
    }

    /// Does all of it: prepares the run, starts a runtime, and runs until the end. Ctrl-C, SIGTERM and SIGHUP end the run
    /// early, in order.
    ///
    /// The process must have a single thread if the run is on the lab; call it from `main`.
    pub fn block(self) -> Result<Outcome, RunError> {
        let prepared = self.prepare()?;
        let runtime = runtime().map_err(RunError::Runtime)?;
        let outcome = runtime.block_on(async {
            let cancel = CancellationToken::new();
            cancel_on_signals(&cancel).map_err(RunError::Runtime)?;
            prepared.run(cancel).await
        });
        runtime.shutdown_background();
        outcome
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("scenario", &self.scenario)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// A run for which all has been done that must be done before the process has threads.
pub struct PreparedRun {
    scenario: Scenario,
    mode: RunMode,
    announcer: Announcer,
    endpoints: Endpoints,
}

impl PreparedRun {
    /// Runs until the end, within a runtime of several threads, such as that of [`runtime`]. When `cancel` is cancelled the
    /// run ends early, in order.
    ///
    /// The future must be polled to its end: a run that is dropped half-way releases no leases.
    pub async fn run(self, cancel: CancellationToken) -> Result<Outcome, RunError> {
        // The state of a whole run is large for whoever awaits it.
        Box::pin(self.run_to_the_end(cancel)).await
    }

    async fn run_to_the_end(self, cancel: CancellationToken) -> Result<Outcome, RunError> {
        let Self {
            mut scenario,
            mode,
            announcer,
            endpoints,
        } = self;
        let (began_at, started) = (SystemTime::now(), Instant::now());
        let labels = std::mem::take(&mut scenario.labels);
        scenario.labels = labels.identified(&scenario.pool, began_at);
        // What can be wrong is found before there is anything to tear down.
        let parameters = serde_json::to_value(&scenario).map_err(RunError::Parameters)?;
        let seed = scenario.seed.unwrap_or_default();
        let schedule = match &scenario.chaos {
            Some(plan) => Some(plan.schedule(scenario.uplink_kind(), seed)?),
            None => None,
        };
        let signals = Signals {
            interrupt: cancel.clone(),
            stop: CancellationToken::new(),
        };
        let session = Session::open(&scenario, endpoints, &signals, &announcer).await?;
        announcer.tell(&RunEvent::Opened(OpenedRun {
            started,
            pool: session.pool(),
            metrics: session.metrics(),
            name: &scenario.pool,
            clients: scenario.clients.get(),
            parent: session.parent(&scenario),
            lab: session.lab(),
            live: session.live(),
            tester: session.tester(),
            url: session.url(),
        }));
        let info = RunInfo {
            began_at,
            started,
            seed,
            parameters,
            tester: session.tester(),
            objectives: scenario.fail_if.clone(),
            is_soak: matches!(mode, RunMode::Soak(_)),
        };
        let run_loop = RunLoop {
            pool: session.pool().clone(),
            scenario: scenario.clone(),
            mode: mode.clone(),
            signals,
            announcer: announcer.clone(),
            info: info.clone(),
            chaos: schedule.map(|schedule| session.chaos(schedule)),
        };
        // A task of its own, so that even a panic in it is followed by the tear-down.
        let ran = tokio::spawn(run_loop.run()).await;
        // Not how late it is while the herd leaves.
        let late = match &ran {
            Ok(Ok(ran)) => {
                outcome::EndDoubt::of(&ran.status, scenario.lease_timeout.0, &info.tester)
            }
            _ => outcome::EndDoubt::default(),
        };
        announcer.tell(&RunEvent::Leaving {
            clients: scenario.clients.get(),
        });
        let closed = session.close().await;
        announcer.tell(&RunEvent::Closed(&closed));
        let Ran {
            status,
            figures,
            routers,
            ended,
            soak,
            rolling,
        } = ran.map_err(RunError::Died)?.map_err(RunError::EndedEarly)?;
        if let Some(rolling) = rolling {
            rolling.rest().await;
        }
        let is_interrupted = cancel.is_cancelled();
        let ended = if is_interrupted {
            Ended::Interrupted
        } else {
            ended
        };
        let summary = info.summary(Some(ended), closed.leaked, soak, &figures);
        let mut report = Report::new(&status, &figures, summary).with_routers(&routers);
        report.totals.leases_unreleased = closed.unreleased;
        let outcome = Outcome {
            reasons: outcome::reasons(&report, &mode, &closed, late),
            report,
            closed,
            is_interrupted,
        };
        Ok(write(outcome, &scenario).await)
    }
}

impl fmt::Debug for PreparedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedRun")
            .field("scenario", &self.scenario)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

/// The files that a run of this scenario writes, each under the name of its option.
pub fn outputs(scenario: &Scenario) -> Vec<(&'static str, &Path)> {
    [("--report", &scenario.report), ("--html", &scenario.html)]
        .into_iter()
        .filter_map(|(name, path)| Some((name, path.as_deref()?)))
        .collect()
}

/// Writes the report, then its page, which says whether the run passed.
async fn write(mut outcome: Outcome, scenario: &Scenario) -> Outcome {
    let (json, html) = (scenario.report.clone(), scenario.html.clone());
    // A reader of a pipe is waited for.
    let writing = tokio::task::spawn_blocking(move || {
        if let Some(path) = json
            && let Err(error) = report::write(&path, &outcome.report)
        {
            outcome.reasons.push(Reason::NotWritten(error));
        }
        if let Some(path) = html {
            let verdict = match outcome.verdict() {
                _ if outcome.is_interrupted => page::PageVerdict::Bad,
                objective::Verdict::Passed => page::PageVerdict::Well,
                objective::Verdict::Inconclusive => page::PageVerdict::Inconclusive,
                objective::Verdict::Failed => page::PageVerdict::Bad,
            };
            let page = outcome.report.page(verdict);
            if let Err(error) = report::write_bytes(&path, page.as_bytes()) {
                outcome.reasons.push(Reason::NotWritten(error));
            }
        }
        outcome
    });
    match writing.await {
        Ok(outcome) => outcome,
        // A panic goes on where it is told of.
        Err(died) => std::panic::resume_unwind(died.into_panic()),
    }
}

/// Where metrics are to be served, and for whom.
fn bind_metrics(scenario: &Scenario) -> Result<Option<BoundServer>, RunError> {
    let Some(address) = scenario.metrics else {
        return Ok(None);
    };
    let token = scenario.metrics_token_file.as_deref();
    let guard = Guard::new(token, scenario.web_config.as_deref())?;
    Ok(Some(http::bind(address, guard)?))
}

/// A runtime for a run: never a single thread, so that whoever waits for a lock holds up nobody but himself.
pub fn runtime() -> io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    Builder::new_multi_thread()
        .worker_threads(cores.max(2))
        .thread_name("lanherd")
        .enable_all()
        .build()
}

/// Cancels the token at the first SIGINT, SIGTERM or SIGHUP, none of which ends the process from now on. Within a runtime.
fn cancel_on_signals(cancel: &CancellationToken) -> io::Result<()> {
    for kind in [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ] {
        let mut signal = signal(kind)?;
        let cancel = cancel.clone();
        tokio::spawn(async move {
            if signal.recv().await.is_some() {
                cancel.cancel();
            }
        });
    }
    Ok(())
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
