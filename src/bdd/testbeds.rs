//! The testbeds of all scenarios that are open, so that each is closed whatever becomes of its scenario.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;

use super::Complaint;
use crate::dhcp::LossReason;
use crate::family::Families;
use crate::fault::Fault;
use crate::identity::{ClientNumber, PoolName, Seed};
use crate::lab::{Lab, LabConfig, LabHandle};
use crate::lan;
use crate::lan::linux::{LanConfig, MacvlanMode};
use crate::metrics::{Metrics, RunLabels};
use crate::phase::Phase;
use crate::pool::{Event, EventKind, Pool, PoolConfig};
use crate::run::RunError;
use crate::scenario::{Draft, Scenario, Timespan};
use crate::testbed::{CloseReport, Testbed};
use crate::tester;

/// Where the scenarios of a run stand, and what is the same for all of them.
#[derive(Debug, Clone, Default)]
pub struct SuiteSettings {
    /// Where the scenarios stand.
    pub uplink: SuiteUplink,
    /// From what MACs and random choices are derived, where a scenario does not say.
    pub seed: Seed,
    /// How long a client may take to get a lease, where a scenario does not say.
    pub lease_timeout: Option<Timespan>,
    /// Which families clients are to have addresses of, where a scenario does not say.
    pub families: Option<Families>,
    /// How clients see each other, where a scenario does not say.
    pub mode: Option<MacvlanMode>,
    /// What reboots the router, where it is not the lab's: a line for `sh`.
    pub reboot: Option<String>,
    /// What takes the line of a router down that is not the lab's: a line for `sh`.
    pub wan_down: Option<String>,
    /// What brings it up again, likewise.
    pub wan_up: Option<String>,
    /// What gives the LAN another prefix, where the router is not the lab's: a line for `sh`.
    pub renumber: Option<String>,
    /// How the pool is called.
    pub pool: PoolName,
    /// What the metrics say of the run.
    pub labels: RunLabels,
    /// Where all scenarios count what happens, if that is to be seen from outside; else each has metrics of its own.
    pub metrics: Option<Metrics>,
}

/// How long a testbed that is being closed is waited for.
const CLOSING: Duration = Duration::from_secs(120);

/// Where scenarios stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SuiteUplink {
    /// Each on a lab of its own, which has these faults from the beginning to the end.
    Lab(Vec<Fault>),
    /// One after the other on this interface; `None`: on the one that each names.
    Parent(Option<String>),
}

impl Default for SuiteUplink {
    fn default() -> Self {
        Self::Lab(Vec::new())
    }
}

/// All testbeds that are open.
#[derive(Default)]
pub struct Testbeds {
    /// What is the same for all of them.
    pub settings: SuiteSettings,
    table: Mutex<TestbedTable>,
    /// A testbed has been closed.
    has_closed: Notify,
    /// The pool that was opened last; it may have ended.
    latest: parking_lot::Mutex<Option<Pool>>,
}

/// Where testbeds are, by number. One that is being closed keeps its number until nothing of it is left: what the next one
/// makes is called the same.
#[derive(Default)]
struct TestbedTable {
    by_number: BTreeMap<usize, TestbedState>,
    /// No testbed is opened any more.
    is_closed: bool,
}

enum TestbedState {
    Open(Box<Testbed>),
    Closing,
    /// What came of it, until somebody has asked.
    Closed(CloseReport),
}

impl std::fmt::Debug for Testbeds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Testbeds")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// What a scenario has of its testbed.
#[derive(Debug, Clone)]
pub struct ScenarioTestbed {
    number: usize,
    /// The pool of its clients.
    pub pool: Pool,
    /// How long one of them may take to get a lease.
    pub lease_timeout: Duration,
    /// How late the tester is.
    pub tester: tester::TesterFigures,
    /// The lab's faults.
    pub lab: Option<LabHandle>,
    /// By what random choices are made.
    pub seed: Seed,
    losses: Arc<parking_lot::Mutex<Losses>>,
}

/// Why clients lost leases that they held, each the last time.
type Losses = BTreeMap<ClientNumber, LossReason>;

impl ScenarioTestbed {
    /// Why clients lost leases that they held, each the last time.
    pub fn losses(&self) -> Losses {
        self.losses.lock().clone()
    }
}

/// Keeps book of lost leases, until the pool ends.
async fn keep_losses(mut events: Receiver<Event>, losses: Arc<parking_lot::Mutex<Losses>>) {
    loop {
        match events.recv().await {
            Ok(Event {
                client: Some(client),
                what: EventKind::Lost { reason, .. },
                ..
            }) if reason != LossReason::Released => {
                losses.lock().insert(client, reason);
            }
            // How many there were is counted by the pool; these are examples.
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

impl Testbeds {
    /// Without any testbed.
    pub fn new(settings: SuiteSettings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            table: Mutex::default(),
            has_closed: Notify::new(),
            latest: parking_lot::Mutex::default(),
        })
    }

    fn latest(&self) -> parking_lot::MutexGuard<'_, Option<Pool>> {
        self.latest.lock()
    }

    /// How the clients of the pool stand that was opened last: `30 of 40 clients online`.
    pub(super) async fn clients(&self) -> Option<String> {
        /// It is told in passing: who does not answer by then is left out.
        const PATIENCE: Duration = Duration::from_secs(1);
        let pool = self.latest().clone()?;
        let census = timeout(PATIENCE, pool.census()).await.ok()?.ok()?;
        let all = census.total() - census.of(Phase::Gone);
        (all > 0).then(|| format!("{} of {all} clients online", census.of(Phase::Online)))
    }

    /// Opens a testbed without clients. `lab` is what the lab is to be like, if there is one.
    ///
    /// A task of its own does it: a scenario that is given up meanwhile does not lose what was opened.
    pub(super) async fn open(
        self: &Arc<Self>,
        draft: Draft,
        lab: Option<LabConfig>,
    ) -> Result<ScenarioTestbed, Complaint> {
        let testbeds = Arc::clone(self);
        let opened = tokio::spawn(async move { testbeds.open_now(draft, lab).await });
        opened
            .await
            .unwrap_or_else(|panic| Err(Complaint::new(format!("the clients' place: {panic}"))))
    }

    async fn open_now(
        &self,
        mut draft: Draft,
        lab: Option<LabConfig>,
    ) -> Result<ScenarioTestbed, Complaint> {
        let because = |error: &dyn std::fmt::Display| Complaint::new(error.to_string());
        let mut table = self.table.lock().await;
        if table.is_closed {
            return Err(Complaint::new("the run is over"));
        }
        // One more than there are testbeds: one of these is free.
        let number = (0..=table.by_number.len())
            .find(|number| !table.by_number.contains_key(number))
            .unwrap_or_default();
        draft.pool = Some(pool_name(&self.settings.pool, number));
        let scenario = draft.check().map_err(|error| because(&error))?;
        if scenario.has_ipv6() && !lan::speaks_ipv6() {
            return Err(Complaint::inconclusive(RunError::NoIpv6.to_string()));
        }
        let config = LanConfig {
            mode: scenario.mode,
            seed: scenario.seed,
            ..LanConfig::new(scenario.uplink.parent(), scenario.pool.clone())
        };
        let lab = self.lab_config(&scenario, lab, number);
        let pool = PoolConfig {
            labels: self.settings.labels.clone(),
            ..scenario.pool_config()
        };
        let metrics = self.settings.metrics.clone();
        let testbed = Testbed::open_measured(lab, config, pool, metrics).await;
        let (testbed, cleared) = testbed.map_err(|error| because(&error))?;
        if !cleared.removed.is_empty() {
            tracing::warn!(
                "removed what a killed run of pool {} had left",
                scenario.pool
            );
        }
        let handle = ScenarioTestbed {
            number,
            pool: testbed.pool().clone(),
            tester: testbed.tester().figures(),
            lease_timeout: scenario.lease_timeout.0,
            lab: testbed.lab().map(Lab::handle),
            seed: scenario.seed.unwrap_or_default(),
            losses: Arc::default(),
        };
        *self.latest() = Some(testbed.pool().clone());
        table
            .by_number
            .insert(number, TestbedState::Open(Box::new(testbed)));
        let events = handle.pool.events().map_err(|error| because(&error))?;
        tokio::spawn(keep_losses(events, Arc::clone(&handle.losses)));
        Ok(handle)
    }

    fn lab_config(
        &self,
        scenario: &Scenario,
        wanted: Option<LabConfig>,
        number: usize,
    ) -> Option<LabConfig> {
        let usual = scenario.lab_config()?;
        let uplink = match number {
            0 => LabConfig::UPLINK.to_owned(),
            _ => format!("{}-{number}", LabConfig::UPLINK),
        };
        let (seed, ipv6) = (usual.seed, usual.ipv6.clone());
        let mut config = wanted.unwrap_or(usual);
        // Clients that are to have IPv6 stand on a router that has it, unless it is said what its IPv6 is like.
        config.ipv6 = config.ipv6.or(ipv6);
        if let SuiteUplink::Lab(faults) = &self.settings.uplink {
            config.faults.extend(faults);
        }
        Some(LabConfig {
            uplink,
            seed,
            ..config
        })
    }

    /// Closes a scenario's testbed, if it is still open; every step is tried.
    ///
    /// A task of its own does it: a scenario that is given up meanwhile does not keep it from being closed to the end, and
    /// [`Testbeds::close_all`] waits for that.
    pub(super) async fn close(self: &Arc<Self>, testbed: &ScenarioTestbed) -> CloseReport {
        let (testbeds, number) = (Arc::clone(self), testbed.number);
        let closing = tokio::spawn(async move { testbeds.close_now(number).await });
        let mut died = CloseReport::default();
        if let Err(panic) = closing.await {
            died.troubles
                .push(format!("the clients' place was not closed: {panic}"));
        }
        let mut table = self.table.lock().await;
        match table.by_number.remove(&number) {
            Some(TestbedState::Closed(closed)) => closed,
            Some(other) => {
                table.by_number.insert(number, other);
                died
            }
            None => died,
        }
    }

    async fn close_now(&self, number: usize) {
        let taken = match self.table.lock().await.by_number.get_mut(&number) {
            Some(state) => std::mem::replace(state, TestbedState::Closing),
            None => return,
        };
        // From here on until it is closed nobody else has it; whatever comes, it is told that it has been closed.
        let mut closed = CloseReport::default();
        match taken {
            TestbedState::Open(testbed) => {
                testbed.tear_down(&mut closed).await;
                testbed.close(&mut closed).await;
            }
            TestbedState::Closing => return,
            TestbedState::Closed(earlier) => closed = earlier,
        }
        let mut table = self.table.lock().await;
        table.by_number.insert(number, TestbedState::Closed(closed));
        self.has_closed.notify_one();
    }

    /// Closes whatever is open; also what was being opened, or closed, when this was called. Nothing is opened any more.
    pub async fn close_all(&self) -> CloseReport {
        self.table.lock().await.is_closed = true;
        loop {
            let next = {
                let table = self.table.lock().await;
                let is_open =
                    |(_, number): &(&usize, &TestbedState)| matches!(number, TestbedState::Open(_));
                let is_closing = |number: &TestbedState| matches!(number, TestbedState::Closing);
                let open = table.by_number.iter().find(is_open);
                match open {
                    Some((number, _)) => Some(*number),
                    None if table.by_number.values().any(is_closing) => None,
                    None => break,
                }
            };
            match next {
                Some(number) => self.close_now(number).await,
                // It keeps in mind that it was told meanwhile.
                None if timeout(CLOSING, self.has_closed.notified()).await.is_ok() => {}
                None => break,
            }
        }
        let mut all = CloseReport::default();
        for number in std::mem::take(&mut self.table.lock().await.by_number).into_values() {
            match number {
                TestbedState::Closed(closed) => {
                    all.leaked += closed.leaked;
                    all.troubles.extend(closed.troubles);
                }
                TestbedState::Open(_) | TestbedState::Closing => all
                    .troubles
                    .push("a scenario's clients were not closed in time".to_owned()),
            }
        }
        all
    }
}

/// Testbeds that are open at one time must not be called the same; the first is called as in all other runs.
fn pool_name(usual: &PoolName, number: usize) -> PoolName {
    let letter = u32::try_from(number)
        .ok()
        .and_then(|number| char::from_u32('a' as u32 + number));
    // There must be room for one letter more.
    let short: String = usual.as_str().chars().take(PoolName::MAX_LEN - 1).collect();
    let named = match (number, letter.filter(char::is_ascii_lowercase)) {
        (0, _) | (_, None) => return usual.clone(),
        (_, Some(letter)) => format!("{short}{letter}"),
    };
    named.parse().unwrap_or_else(|_| usual.clone())
}

/// So many scenarios can stand side by side: as there are names.
pub(super) const MOST_TESTBEDS: usize = 26;
