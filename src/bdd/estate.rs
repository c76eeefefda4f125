//! The testbeds of all scenarios that are open, so that each is closed whatever becomes of its scenario.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::sync::{Mutex, Notify};
use tokio::time::timeout;

use super::Complaint;
use crate::dhcp::LossReason;
use crate::fault::Fault;
use crate::identity::{ClientNumber, PoolName, Seed};
use crate::lab::{Lab, LabConfig, LabHandle};
use crate::lan::linux::{LanConfig, MacvlanMode};
use crate::metrics::{Metrics, RunLabels};
use crate::phase::Phase;
use crate::pool::{Event, EventKind, Pool, PoolConfig};
use crate::scenario::{Draft, Scenario, Timespan};
use crate::testbed::{CloseReport, Testbed};
use crate::tester;

/// Where the scenarios of a run stand, and what is the same for all of them.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Where.
    pub ground: Ground,
    /// From what MACs and random choices are derived, where a scenario does not say.
    pub seed: Seed,
    /// How long a client may take to get a lease, where a scenario does not say.
    pub lease_timeout: Option<Timespan>,
    /// How clients see each other, where a scenario does not say.
    pub mode: Option<MacvlanMode>,
    /// What reboots the router, where it is not the lab's: a line for `sh`.
    pub reboot: Option<String>,
    /// How the pool is called.
    pub pool: PoolName,
    /// What the metrics say of the run.
    pub labels: RunLabels,
    /// Where all scenarios count what happens, if that is to be seen from outside; else each has metrics of its own.
    pub metrics: Option<Metrics>,
}

/// How long a place that is being closed is waited for.
const CLOSING: Duration = Duration::from_secs(120);

/// Where scenarios stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ground {
    /// Each on a lab of its own, which has these faults from the beginning to the end.
    Lab(Vec<Fault>),
    /// One after the other on this interface; `None`: on the one that each names.
    Parent(Option<String>),
}

impl Default for Ground {
    fn default() -> Self {
        Self::Lab(Vec::new())
    }
}

/// All testbeds that are open.
#[derive(Default)]
pub struct Estate {
    /// What is the same for all of them.
    pub settings: Settings,
    places: Mutex<Places>,
    /// A place has been closed.
    has_closed: Notify,
    /// The pool that was opened last; it may have ended.
    latest: std::sync::Mutex<Option<Pool>>,
}

/// Where testbeds are, by number. One that is being closed keeps its place until nothing of it is left: what the next one
/// makes is called the same.
#[derive(Default)]
struct Places {
    by_number: BTreeMap<usize, Place>,
    /// No testbed is opened any more.
    is_closed: bool,
}

enum Place {
    Open(Box<Testbed>),
    Closing,
    /// What came of it, until somebody has asked.
    Closed(CloseReport),
}

impl std::fmt::Debug for Estate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Estate")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// What a scenario has of its testbed.
#[derive(Debug, Clone)]
pub struct Site {
    place: usize,
    /// Its clients.
    pub pool: Pool,
    /// How long one of them may take to get a lease.
    pub lease_timeout: Duration,
    /// How late the tester is.
    pub tester: tester::Figures,
    /// The lab's faults.
    pub lab: Option<LabHandle>,
    /// By what random choices are made.
    pub seed: Seed,
    losses: Arc<std::sync::Mutex<Losses>>,
}

/// Why clients lost leases that they held, each the last time.
type Losses = BTreeMap<ClientNumber, LossReason>;

impl Site {
    /// Why clients lost leases that they held, each the last time.
    pub fn losses(&self) -> Losses {
        self.losses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Keeps book of lost leases, until the pool ends.
async fn keep_losses(mut events: Receiver<Event>, losses: Arc<std::sync::Mutex<Losses>>) {
    loop {
        match events.recv().await {
            Ok(Event {
                client: Some(client),
                what: EventKind::Lost { reason, .. },
                ..
            }) if reason != LossReason::Released => {
                losses
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(client, reason);
            }
            // How many there were is counted by the pool; these are examples.
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

impl Estate {
    /// Without any testbed.
    pub fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            places: Mutex::default(),
            has_closed: Notify::new(),
            latest: std::sync::Mutex::default(),
        })
    }

    fn latest(&self) -> std::sync::MutexGuard<'_, Option<Pool>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
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
    ) -> Result<Site, Complaint> {
        let estate = Arc::clone(self);
        let opened = tokio::spawn(async move { estate.open_in_place(draft, lab).await });
        opened
            .await
            .unwrap_or_else(|panic| Err(Complaint::new(format!("the clients' place: {panic}"))))
    }

    async fn open_in_place(
        &self,
        mut draft: Draft,
        lab: Option<LabConfig>,
    ) -> Result<Site, Complaint> {
        let because = |error: &dyn std::fmt::Display| Complaint::new(error.to_string());
        let mut places = self.places.lock().await;
        if places.is_closed {
            return Err(Complaint::new("the run is over"));
        }
        // One more than there are testbeds: one of these is free.
        let place = (0..=places.by_number.len())
            .find(|place| !places.by_number.contains_key(place))
            .unwrap_or_default();
        draft.pool = Some(pool_name(&self.settings.pool, place));
        let scenario = draft.check().map_err(|error| because(&error))?;
        let config = LanConfig {
            mode: scenario.mode,
            seed: scenario.seed,
            ..LanConfig::new(scenario.place.parent(), scenario.pool.clone())
        };
        let lab = self.lab_config(&scenario, lab, place);
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
        let site = Site {
            place,
            pool: testbed.pool().clone(),
            tester: testbed.tester().figures(),
            lease_timeout: scenario.lease_timeout.0,
            lab: testbed.lab().map(Lab::handle),
            seed: scenario.seed.unwrap_or_default(),
            losses: Arc::default(),
        };
        *self.latest() = Some(testbed.pool().clone());
        places
            .by_number
            .insert(place, Place::Open(Box::new(testbed)));
        let events = site.pool.events().map_err(|error| because(&error))?;
        tokio::spawn(keep_losses(events, Arc::clone(&site.losses)));
        Ok(site)
    }

    fn lab_config(
        &self,
        scenario: &Scenario,
        wanted: Option<LabConfig>,
        place: usize,
    ) -> Option<LabConfig> {
        let usual = scenario.lab_config()?;
        let uplink = match place {
            0 => LabConfig::UPLINK.to_owned(),
            _ => format!("{}-{place}", LabConfig::UPLINK),
        };
        let seed = usual.seed;
        let mut config = wanted.unwrap_or(usual);
        if let Ground::Lab(faults) = &self.settings.ground {
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
    /// [`Estate::close_all`] waits for that.
    pub(super) async fn close(self: &Arc<Self>, site: &Site) -> CloseReport {
        let (estate, place) = (Arc::clone(self), site.place);
        let closing = tokio::spawn(async move { estate.close_in_place(place).await });
        let mut died = CloseReport::default();
        if let Err(panic) = closing.await {
            died.troubles
                .push(format!("the clients' place was not closed: {panic}"));
        }
        let mut places = self.places.lock().await;
        match places.by_number.remove(&place) {
            Some(Place::Closed(closed)) => closed,
            Some(other) => {
                places.by_number.insert(place, other);
                died
            }
            None => died,
        }
    }

    async fn close_in_place(&self, place: usize) {
        let taken = match self.places.lock().await.by_number.get_mut(&place) {
            Some(place) => std::mem::replace(place, Place::Closing),
            None => return,
        };
        // From here on until it is closed nobody else has it; whatever comes, it is told that it has been closed.
        let mut closed = CloseReport::default();
        match taken {
            Place::Open(testbed) => {
                testbed.tear_down(&mut closed).await;
                testbed.close(&mut closed).await;
            }
            Place::Closing => return,
            Place::Closed(earlier) => closed = earlier,
        }
        let mut places = self.places.lock().await;
        places.by_number.insert(place, Place::Closed(closed));
        self.has_closed.notify_one();
    }

    /// Closes whatever is open; also what was being opened, or closed, when this was called. Nothing is opened any more.
    pub async fn close_all(&self) -> CloseReport {
        self.places.lock().await.is_closed = true;
        loop {
            let next = {
                let places = self.places.lock().await;
                let is_open = |(_, place): &(&usize, &Place)| matches!(place, Place::Open(_));
                let is_closing = |place: &Place| matches!(place, Place::Closing);
                let open = places.by_number.iter().find(is_open);
                match open {
                    Some((place, _)) => Some(*place),
                    None if places.by_number.values().any(is_closing) => None,
                    None => break,
                }
            };
            match next {
                Some(place) => self.close_in_place(place).await,
                // It keeps in mind that it was told meanwhile.
                None if timeout(CLOSING, self.has_closed.notified()).await.is_ok() => {}
                None => break,
            }
        }
        let mut all = CloseReport::default();
        for place in std::mem::take(&mut self.places.lock().await.by_number).into_values() {
            match place {
                Place::Closed(closed) => {
                    all.leaked += closed.leaked;
                    all.troubles.extend(closed.troubles);
                }
                Place::Open(_) | Place::Closing => all
                    .troubles
                    .push("a scenario's clients were not closed in time".to_owned()),
            }
        }
        all
    }
}

/// Testbeds that are open at one time must not be called the same; the first is called as in all other runs.
fn pool_name(usual: &PoolName, place: usize) -> PoolName {
    let letter = u32::try_from(place)
        .ok()
        .and_then(|place| char::from_u32('a' as u32 + place));
    // There must be room for one letter more.
    let short: String = usual.as_str().chars().take(PoolName::MAX_LEN - 1).collect();
    let named = match (place, letter.filter(char::is_ascii_lowercase)) {
        (0, _) | (_, None) => return usual.clone(),
        (_, Some(letter)) => format!("{short}{letter}"),
    };
    named.parse().unwrap_or_else(|_| usual.clone())
}

/// So many scenarios can stand side by side: as there are names.
pub(super) const MOST_PLACES: usize = 26;
