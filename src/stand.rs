//! What a herd stands on: the lab, if there is one, the LAN and the pool, opened in this order and closed in the opposite
//! one.
//!
//! Whoever opens a stand closes it: [`Stand::close`] tries every step whatever became of the one before, and tells what
//! went wrong. One that is dropped instead leaves nothing either, but says nothing.

use std::sync::Arc;

use crate::lab::{Lab, LabConfig, LabError};
use crate::lan::CleanupError;
use crate::lan::leftovers::Cleared;
use crate::lan::linux::{Fate, LanConfig, LinuxLan, OpenError};
use crate::metrics::Metrics;
use crate::pool::{Pool, PoolConfig, PoolError};
use crate::tester::Tester;

/// An open stand.
pub struct Stand {
    pool: Pool,
    metrics: Metrics,
    tester: Tester,
    lan: LinuxLan,
    lab: Option<Lab>,
}

/// Why there is no stand. Nothing is left of what was opened before.
#[derive(Debug, thiserror::Error)]
pub enum StandError {
    /// The lab did not start.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// The parent cannot carry clients, or the pool's name is taken.
    #[error(transparent)]
    Lan(#[from] OpenError),
    /// The metrics are not valid.
    #[error("the metrics are not valid: {0}")]
    Metrics(String),
    /// The pool did not start.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// A thread of lanherd's own died.
    #[error("{0}: this is a bug in lanherd")]
    Bug(String),
}

/// What came of closing it.
#[derive(Debug, Default)]
pub struct Farewell {
    /// Things that lanherd made and could not remove.
    pub leaked: u64,
    /// Leases for which no RELEASE could be sent: the server keeps them until they expire.
    pub unreleased: u64,
    /// What went wrong, those things among it.
    pub troubles: Vec<String>,
}

impl Farewell {
    /// Notes what could not be removed.
    pub fn leaves(&mut self, errors: impl IntoIterator<Item = CleanupError>) {
        for error in errors {
            self.leaked += 1;
            self.troubles.push(error.to_string());
        }
    }
}

impl Stand {
    /// Opens it, without clients. With a lab, its uplink is the parent, whatever `lan` says. Also returned is what became
    /// of what a killed run of the pool had left.
    pub async fn open(
        lab: Option<LabConfig>,
        lan: LanConfig,
        pool: PoolConfig,
    ) -> Result<(Self, Cleared), StandError> {
        Self::open_measured(lab, lan, pool, None).await
    }

    /// The same; what happens is counted in these metrics, which may have counted before.
    pub async fn open_measured(
        lab: Option<LabConfig>,
        lan: LanConfig,
        pool: PoolConfig,
        metrics: Option<Metrics>,
    ) -> Result<(Self, Cleared), StandError> {
        // From here on a lab that is dropped is stopped.
        let lab = match lab {
            Some(config) => {
                let started = tokio::task::spawn_blocking(move || Lab::start(config)).await;
                Some(started.map_err(|error| StandError::Bug(format!("the lab: {error}")))??)
            }
            None => None,
        };
        let lan = match &lab {
            Some(lab) => LanConfig {
                parent: lab.uplink().to_owned(),
                neighbour: Some((lab.router(), lab.router_mac())),
                ..lan
            },
            None => lan,
        };
        let (lan, cleared) = LinuxLan::open(lan).await?;
        match start(&lan, pool, metrics).await {
            Ok((pool, metrics, tester)) => {
                let stand = Self {
                    pool,
                    metrics,
                    tester,
                    lan,
                    lab,
                };
                Ok((stand, cleared))
            }
            Err(error) => {
                for leak in lan.close().await {
                    tracing::error!("{} was left: {:?}", leak.what, leak.fate);
                }
                Err(error)
            }
        }
    }

    /// Opens a lab with all defaults, and a pool on it, without clients. The process is in a sandbox
    /// ([`crate::sandbox::enter`]), or is root.
    pub async fn in_lab(pool: PoolConfig) -> Result<Self, StandError> {
        let lan = LanConfig::new(LabConfig::UPLINK, pool.name.clone());
        let (stand, _) = Self::open(Some(LabConfig::default()), lan, pool).await?;
        Ok(stand)
    }

    /// Opens a pool on an interface of this host, without clients.
    pub async fn on_parent(parent: &str, pool: PoolConfig) -> Result<Self, StandError> {
        let lan = LanConfig::new(parent, pool.name.clone());
        let (stand, _) = Self::open(None, lan, pool).await?;
        Ok(stand)
    }

    /// Tears the herd down and closes everything; every step is tried.
    pub async fn leave(self) -> Farewell {
        let mut farewell = Farewell::default();
        self.tear_down(&mut farewell).await;
        self.close(&mut farewell).await;
        farewell
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Its metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What watches whether the tester keeps up.
    pub fn tester(&self) -> &Tester {
        &self.tester
    }

    /// The lab.
    pub fn lab(&self) -> Option<&Lab> {
        self.lab.as_ref()
    }

    /// Tears the herd down. What else depends on the pool is ended between this and [`Stand::close`].
    pub async fn tear_down(&self, farewell: &mut Farewell) {
        match self.pool.tear_down().await {
            // A step that failed is tried again when the LAN closes, which tells of those that failed twice.
            Ok(report) => tracing::info!(
                clients = report.clients,
                releases_sent = report.releases_sent,
                releases_unsent = report.releases_unsent,
                "torn down"
            ),
            // It was torn down before.
            Err(PoolError::Ended) => {}
            Err(error) => farewell
                .troubles
                .push(format!("the herd was not torn down in order: {error}")),
        }
    }

    /// Closes the rest; the herd has been torn down.
    pub async fn close(self, farewell: &mut Farewell) {
        drop(self.pool);
        for leak in self.lan.close().await {
            match leak.fate {
                Fate::Removed => tracing::warn!("{} had to be removed in the end", leak.what),
                Fate::Remains(why) => {
                    farewell.leaked += 1;
                    farewell
                        .troubles
                        .push(format!("{} could not be removed: {why}", leak.what));
                }
            }
        }
        let unreleased = self.lan.unreleased();
        if unreleased > 0 {
            tracing::warn!(
                "for {unreleased} leases no RELEASE could be sent: the server keeps them until they expire, unless \
                 'lanherd clean', or the next start of the pool, can send it"
            );
        }
        farewell.unreleased += unreleased as u64;
        let Some(lab) = self.lab else { return };
        match tokio::task::spawn_blocking(move || lab.stop()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => farewell.troubles.push(error.to_string()),
            Err(panic) => farewell
                .troubles
                .push(format!("the lab was not stopped: {panic}")),
        }
    }
}

async fn start(
    lan: &LinuxLan,
    config: PoolConfig,
    metrics: Option<Metrics>,
) -> Result<(Pool, Metrics, Tester), StandError> {
    let metrics = match metrics {
        Some(metrics) => metrics,
        None => config
            .metrics()
            .map_err(|error| StandError::Metrics(error.to_string()))?,
    };
    let tester = Tester::watch(metrics.clone());
    let config = PoolConfig {
        tester: tester.figures(),
        ..config
    };
    let pool = Pool::start(Arc::new(lan.clone()), config, metrics.clone()).await?;
    Ok((pool, metrics, tester))
}
