//! A testbed: the lab, if there is one, the LAN and the pool, opened in this order and closed in the opposite one.
//!
//! Whoever opens a testbed closes it, with [`Testbed::shutdown`]: every step is tried whatever became of the one before,
//! and what went wrong is reported. A testbed that is dropped instead leaves nothing on the host either, but reports
//! nothing, and does not release its leases.
//!
//! A whole run, which also joins clients, waits, soaks and judges, is [`crate::run`]'s.

use std::sync::Arc;

use crate::lab::{Lab, LabConfig, LabError};
use crate::lan::CleanupError;
use crate::lan::leftovers::Cleared;
use crate::lan::linux::{Fate, LanConfig, LinuxLan, OpenError};
use crate::metrics::Metrics;
use crate::pool::{Pool, PoolConfig, PoolError};
use crate::tester::Tester;

/// An open testbed: a pool, the LAN that its clients are attached to, and the lab, if the clients are on one.
pub struct Testbed {
    pool: Pool,
    metrics: Metrics,
    tester: Tester,
    lan: LinuxLan,
    lab: Option<Lab>,
}

/// Why a testbed could not be opened. What had been opened before the failing step was closed again.
#[derive(Debug, thiserror::Error)]
pub enum TestbedError {
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

/// What came of closing a testbed, or a whole run.
#[derive(Debug, Default)]
pub struct CloseReport {
    /// Things that lanherd made and could not remove.
    pub leaked: u64,
    /// Leases for which no RELEASE could be sent: the server keeps them until they expire.
    pub unreleased: u64,
    /// What went wrong, those things among it.
    pub troubles: Vec<String>,
}

impl CloseReport {
    /// Adds things that could not be removed.
    pub fn add_leaks(&mut self, errors: impl IntoIterator<Item = CleanupError>) {
        for error in errors {
            self.leaked += 1;
            self.troubles.push(error.to_string());
        }
    }
}

impl Testbed {
    /// Opens a testbed without clients. With a lab, the lab's uplink is the parent, whatever `lan` says. Also returns what
    /// became of what a killed run of the same pool had left.
    pub async fn open(
        lab: Option<LabConfig>,
        lan: LanConfig,
        pool: PoolConfig,
    ) -> Result<(Self, Cleared), TestbedError> {
        Self::open_measured(lab, lan, pool, None).await
    }

    /// Like [`Testbed::open`], but counts in the given metrics, which may have counted for another testbed before.
    pub async fn open_measured(
        lab: Option<LabConfig>,
        lan: LanConfig,
        pool: PoolConfig,
        metrics: Option<Metrics>,
    ) -> Result<(Self, Cleared), TestbedError> {
        // From here on a lab that is dropped is stopped.
        let lab = match lab {
            Some(config) => {
                let started = tokio::task::spawn_blocking(move || Lab::start(config)).await;
                Some(started.map_err(|error| TestbedError::Bug(format!("the lab: {error}")))??)
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
                let testbed = Self {
                    pool,
                    metrics,
                    tester,
                    lan,
                    lab,
                };
                Ok((testbed, cleared))
            }
            Err(error) => {
                for leak in lan.close().await {
                    tracing::error!("{} was left: {:?}", leak.what, leak.fate);
                }
                Err(error)
            }
        }
    }

    /// Opens a lab with all defaults, and a pool on it, without clients. The process must be in a sandbox
    /// ([`crate::sandbox::enter`]), or run as root.
    pub async fn in_lab(pool: PoolConfig) -> Result<Self, TestbedError> {
        let lan = LanConfig::new(LabConfig::UPLINK, pool.name.clone());
        let (testbed, _) = Self::open(Some(LabConfig::default()), lan, pool).await?;
        Ok(testbed)
    }

    /// Opens a pool on an interface of this host, without clients.
    pub async fn on_parent(parent: &str, pool: PoolConfig) -> Result<Self, TestbedError> {
        let lan = LanConfig::new(parent, pool.name.clone());
        let (testbed, _) = Self::open(None, lan, pool).await?;
        Ok(testbed)
    }

    /// Tears the herd down and closes everything; every step is tried.
    pub async fn shutdown(self) -> CloseReport {
        let mut report = CloseReport::default();
        self.tear_down(&mut report).await;
        self.close(&mut report).await;
        report
    }

    /// The pool of the herd.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The metrics that the pool counts in.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The watch over whether the tester itself keeps up.
    pub fn tester(&self) -> &Tester {
        &self.tester
    }

    /// The lab, if the clients are on one.
    pub fn lab(&self) -> Option<&Lab> {
        self.lab.as_ref()
    }

    /// Tears the herd down: every client releases its lease and is removed. Whatever else depends on the pool is to be ended
    /// between this and [`Testbed::close`].
    pub async fn tear_down(&self, report: &mut CloseReport) {
        match self.pool.tear_down().await {
            // A step that failed is tried again when the LAN closes, which tells of those that failed twice.
            Ok(left) => tracing::info!(
                clients = left.clients,
                releases_sent = left.releases_sent,
                releases_unsent = left.releases_unsent,
                "torn down"
            ),
            // It was torn down before.
            Err(PoolError::Ended) => {}
            Err(error) => report
                .troubles
                .push(format!("the herd was not torn down in order: {error}")),
        }
    }

    /// Closes the LAN and the lab; the herd must have been torn down before.
    pub async fn close(self, report: &mut CloseReport) {
        drop(self.pool);
        for leak in self.lan.close().await {
            match leak.fate {
                Fate::Removed => tracing::warn!("{} had to be removed in the end", leak.what),
                Fate::Remains(why) => {
                    report.leaked += 1;
                    report
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
        report.unreleased += unreleased as u64;
        let Some(lab) = self.lab else { return };
        match tokio::task::spawn_blocking(move || lab.stop()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => report.troubles.push(error.to_string()),
            Err(panic) => report
                .troubles
                .push(format!("the lab was not stopped: {panic}")),
        }
    }
}

async fn start(
    lan: &LinuxLan,
    config: PoolConfig,
    metrics: Option<Metrics>,
) -> Result<(Pool, Metrics, Tester), TestbedError> {
    let metrics = match metrics {
        Some(metrics) => metrics,
        None => config
            .metrics()
            .map_err(|error| TestbedError::Metrics(error.to_string()))?,
    };
    let tester = Tester::watch(metrics.clone());
    let config = PoolConfig {
        tester: tester.figures(),
        ..config
    };
    let pool = Pool::start(Arc::new(lan.clone()), config, metrics.clone()).await?;
    Ok((pool, metrics, tester))
}
