//! What is open while a run lasts: the testbed, and the servers by which the run is reached, opened in this order and closed
//! in the opposite one.

use std::sync::Arc;

use super::RunError;
use super::control_upkeep::{Answering, Kept};
use super::observer::Announcer;
use super::remote::Remote;
use super::wait::Signals;
use crate::Pool;
use crate::chaos::{ChaosSchedule, Engine};
use crate::http::{BoundServer, Server};
use crate::lab::{Lab, LabHandle};
use crate::lan::control_socket::ControlSocket;
use crate::lan::linux::LanConfig;
use crate::live::{Live, Watch};
use crate::metrics::Metrics;
use crate::run::RunEvent;
use crate::scenario::Scenario;
use crate::testbed::{CloseReport, Testbed};
use crate::tester::TesterFigures;

/// The open testbed of a run, and what answers for it.
pub(super) struct Session {
    testbed: Testbed,
    servers: Servers,
}

/// Where a run is reached from outside: made before the sandbox was entered, so that the host reaches it.
pub(super) struct Endpoints {
    /// Where metrics and the live page are served.
    pub(super) metrics: Option<BoundServer>,
    /// Where the run is controlled.
    pub(super) control: ControlPlace,
}

/// Where the control socket is.
pub(super) enum ControlPlace {
    /// There is to be none.
    None,
    /// To be made in the pool's folder, once the LAN has taken it.
    Beside,
    /// Made on the host, before the sandbox was entered.
    Made(ControlSocket),
}

/// What answers for a run.
struct Servers {
    watch: Option<Watch>,
    http: Option<Server>,
    control: Option<Kept>,
}

impl Session {
    /// Opens everything. After an error nothing is left.
    pub(super) async fn open(
        scenario: &Scenario,
        endpoints: Endpoints,
        signals: &Signals,
        announcer: &Announcer,
    ) -> Result<Self, RunError> {
        let config = LanConfig {
            mode: scenario.mode,
            seed: scenario.seed,
            adopt: scenario.adopt.then(|| scenario.clients.get()),
            ..LanConfig::new(scenario.uplink.parent(), scenario.pool.clone())
        };
        let (testbed, cleared) =
            Testbed::open(scenario.lab_config(), config, scenario.pool_config()).await?;
        announcer.tell(&RunEvent::Cleared {
            pool: &scenario.pool,
            adopt: scenario.adopt,
            cleared: &cleared,
        });
        match serve(scenario, &testbed, endpoints, signals, announcer) {
            Ok(servers) => Ok(Self { testbed, servers }),
            Err(error) => {
                // It has no clients yet.
                for trouble in testbed.shutdown().await.troubles {
                    tracing::error!("{trouble}");
                }
                Err(error)
            }
        }
    }

    /// The pool of the open testbed.
    pub(super) fn pool(&self) -> &Pool {
        self.testbed.pool()
    }

    /// The metrics of the run.
    pub(super) fn metrics(&self) -> &Metrics {
        self.testbed.metrics()
    }

    /// The interface that the clients are on.
    pub(super) fn parent<'a>(&'a self, scenario: &'a Scenario) -> &'a str {
        self.testbed
            .lab()
            .map_or(scenario.uplink.parent(), |lab| lab.uplink())
    }

    /// The faults of the lab, if the clients are on one.
    pub(super) fn lab(&self) -> Option<LabHandle> {
        self.testbed.lab().map(Lab::handle)
    }

    /// The herd as it is followed, where anybody does.
    pub(super) fn live(&self) -> Option<Arc<Live>> {
        let watch = self.servers.watch.as_ref()?;
        Some(Arc::clone(watch.live()))
    }

    /// Where the live page is served.
    pub(super) fn url(&self) -> Option<String> {
        self.servers.http.as_ref().map(Server::url)
    }

    /// How late the tester itself is.
    pub(super) fn tester(&self) -> TesterFigures {
        self.testbed.tester().figures()
    }

    /// What makes faults as scheduled.
    pub(super) fn chaos(&self, schedule: ChaosSchedule) -> Engine {
        Engine::new(self.pool().clone(), self.lab(), schedule)
    }

    /// Tears the herd down and closes everything; every step is tried.
    pub(super) async fn close(self) -> CloseReport {
        let mut report = CloseReport::default();
        self.testbed.tear_down(&mut report).await;
        if let Some(server) = self.servers.http {
            server.shut_down().await;
        }
        drop(self.servers.watch);
        // The socket goes before the folder that it may lie in; what else was made for it after what it was taken for.
        let mut control = None;
        if let Some(kept) = self.servers.control
            && let Some((mut socket, server)) = kept.end().await
        {
            server.shut_down().await;
            report.add_leaks(socket.unlink().err());
            control = Some(socket);
        }
        self.testbed.close(&mut report).await;
        report.add_leaks(control.map(ControlSocket::close).into_iter().flatten());
        report
    }
}

fn serve(
    scenario: &Scenario,
    testbed: &Testbed,
    endpoints: Endpoints,
    signals: &Signals,
    announcer: &Announcer,
) -> Result<Servers, RunError> {
    let answering = Answering {
        name: scenario.pool.clone(),
        pool: testbed.pool().clone(),
        remote: Remote::new(signals.stop.clone(), testbed.lab().map(Lab::handle)),
    };
    let control = match endpoints.control {
        ControlPlace::None => None,
        ControlPlace::Beside => Some(Kept::new(answering.open()?, Some(answering))),
        ControlPlace::Made(socket) => Some(Kept::new(answering.serve(socket)?, None)),
    };
    let watch = if announcer.wants_live() || endpoints.metrics.is_some() {
        let watch = Live::watch(testbed.pool().clone(), scenario.pool.clone());
        Some(watch.map_err(RunError::NotFollowed)?)
    } else {
        None
    };
    let http = match (endpoints.metrics, &watch) {
        (Some(bound), Some(watch)) => {
            let (metrics, pool) = (testbed.metrics().clone(), testbed.pool().clone());
            Some(bound.serve_herd(metrics, pool, Arc::clone(watch.live()))?)
        }
        _ => None,
    };
    Ok(Servers {
        watch,
        http,
        control,
    })
}
