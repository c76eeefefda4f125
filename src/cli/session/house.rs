//! What a herd stands on: the lab, the LAN, the pool, and the servers by which it is reached, opened in this order and
//! closed in the opposite one.

use std::sync::Arc;

use anyhow::Context as _;
use lanherd::Pool;
use lanherd::chaos::Engine;
use lanherd::control;
use lanherd::http::{Bound, Server};
use lanherd::lab::Lab;
use lanherd::lan::control_socket::ControlSocket;
use lanherd::lan::leftovers::{Cleared, Removed};
use lanherd::lan::linux::{Fate, LanConfig, LinuxLan};
use lanherd::lan::{CleanupError, Paths};
use lanherd::metrics::Metrics;
use lanherd::scenario::{Place, Scenario};

use super::steering::Steering;
use crate::cli::screen::Screen;
use crate::cli::{clean, lab};

/// All of it, open.
pub struct House {
    pool: Pool,
    server: Option<Server>,
    control: Option<(ControlSocket, control::Server)>,
    lan: LinuxLan,
    lab: Option<Lab>,
}

/// Where the run is reached from outside.
pub struct Doors {
    /// By whoever gathers metrics.
    pub metrics: Option<Bound>,
    /// By whoever controls it.
    pub control: Control,
}

/// Where the control socket is.
pub enum Control {
    /// There is to be none.
    None,
    /// To be made in the pool's folder, once the LAN has taken it.
    Beside,
    /// Made on the host, before the sandbox was entered.
    Made(ControlSocket),
}

/// What came of closing it.
#[derive(Debug, Default)]
pub struct Farewell {
    /// Things that lanherd made and could not remove.
    pub leaked: u64,
    /// What went wrong, those things among it.
    pub troubles: Vec<String>,
}

impl Farewell {
    /// Notes what could not be removed.
    fn leaves(&mut self, errors: impl IntoIterator<Item = CleanupError>) {
        for error in errors {
            self.leaked += 1;
            self.troubles.push(error.to_string());
        }
    }
}

impl House {
    /// Opens it. After an error nothing is left.
    pub async fn open(
        scenario: &Scenario,
        doors: Doors,
        steering: Steering,
        screen: &Screen,
    ) -> anyhow::Result<Self> {
        let lab = match scenario.lab_config() {
            Some(config) => Some(lab::start(config).await?),
            None => None,
        };
        // From here on a lab that is dropped is stopped.
        let parent = match (&lab, &scenario.place) {
            (Some(lab), _) => lab.uplink().to_owned(),
            (None, Place::Parent(parent)) => parent.clone(),
            (None, Place::Lab { .. }) => anyhow::bail!("there is no lab: this is a bug in lanherd"),
        };
        let config = LanConfig {
            mode: scenario.mode,
            neighbour: lab.as_ref().map(|lab| (lab.router(), lab.router_mac())),
            seed: scenario.seed,
            adopt: scenario.adopt.then(|| scenario.clients.get()),
            ..LanConfig::new(parent.clone(), scenario.pool.clone())
        };
        let (lan, cleared) = LinuxLan::open(config).await?;
        tell(&cleared, scenario, screen);
        let steering = steering.with_lab(lab.as_ref().map(Lab::handle));
        match Self::start(scenario, &lan, doors, steering, screen).await {
            Ok((pool, server, control)) => {
                let (clients, pool_name) = (scenario.clients, &scenario.pool);
                screen.say(&format!(
                    "{clients} clients join on {parent} as {pool_name}1 to {pool_name}{clients}"
                ));
                Ok(Self {
                    pool,
                    server,
                    control,
                    lan,
                    lab,
                })
            }
            Err(error) => {
                for leak in lan.close().await {
                    tracing::error!("{} was left: {:?}", leak.what, leak.fate);
                }
                Err(error)
            }
        }
    }

    async fn start(
        scenario: &Scenario,
        lan: &LinuxLan,
        doors: Doors,
        steering: Steering,
        screen: &Screen,
    ) -> anyhow::Result<Opened> {
        let config = scenario.pool_config();
        let metrics =
            Metrics::new(&config.name, config.seed).context("the metrics are not valid")?;
        let pool = Pool::start(Arc::new(lan.clone()), config, metrics.clone()).await?;
        match open_doors(scenario, &pool, metrics, doors, steering) {
            Ok((server, control)) => {
                if let Some(server) = &server {
                    screen.say(&format!(
                        "metrics are at http://{}/metrics",
                        server.address()
                    ));
                }
                Ok((pool, server, control))
            }
            Err(error) => {
                // It has no clients yet, so there is nothing to report.
                let _ = pool.tear_down().await;
                Err(error)
            }
        }
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// What breaks things on purpose, where that is wanted.
    pub fn chaos(&self, scenario: &Scenario) -> anyhow::Result<Option<Engine>> {
        let Some(plan) = &scenario.chaos else {
            return Ok(None);
        };
        let seed = scenario.seed.unwrap_or_default();
        let schedule = plan.schedule(scenario.place.ground(), seed)?;
        let lab = self.lab.as_ref().map(Lab::handle);
        Ok(Some(Engine::new(self.pool.clone(), lab, schedule)))
    }

    /// Tears the herd down and closes everything; every step is tried.
    pub async fn close(self) -> Farewell {
        let mut farewell = Farewell::default();
        match self.pool.tear_down().await {
            // A step that failed is tried again when the LAN closes, which tells of those that failed twice.
            Ok(report) => tracing::info!(
                clients = report.clients,
                released = report.released,
                "torn down"
            ),
            Err(error) => farewell
                .troubles
                .push(format!("the herd was not torn down in order: {error}")),
        }
        drop(self.pool);
        if let Some(server) = self.server {
            server.shut_down().await;
        }
        // The socket goes before the folder that it may lie in; what else was made for it after what it was taken for.
        let mut control = None;
        if let Some((mut socket, server)) = self.control {
            server.shut_down().await;
            farewell.leaves(socket.unlink().err());
            control = Some(socket);
        }
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
        if let Some(lab) = self.lab {
            match tokio::task::spawn_blocking(move || lab.stop()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => farewell.troubles.push(error.to_string()),
                Err(panic) => farewell
                    .troubles
                    .push(format!("the lab was not stopped: {panic}")),
            }
        }
        farewell.leaves(control.map(ControlSocket::close).into_iter().flatten());
        farewell
    }
}

/// What answers for a pool.
type Served = (Option<Server>, Option<(ControlSocket, control::Server)>);
/// The pool, and what answers for it.
type Opened = (
    Pool,
    Option<Server>,
    Option<(ControlSocket, control::Server)>,
);

fn open_doors(
    scenario: &Scenario,
    pool: &Pool,
    metrics: Metrics,
    doors: Doors,
    steering: Steering,
) -> anyhow::Result<Served> {
    let socket = match doors.control {
        Control::None => None,
        Control::Beside => Some(ControlSocket::beside(&Paths::default(), &scenario.pool)?),
        Control::Made(socket) => Some(socket),
    };
    let control = match socket {
        None => None,
        Some(socket) => {
            let server = socket
                .listener()
                .and_then(|listener| {
                    control::serve(listener, scenario.pool.clone(), pool.clone(), steering)
                })
                .context("the control socket cannot be served")?;
            Some((socket, server))
        }
    };
    let server = match doors.metrics {
        None => None,
        Some(bound) => Some(bound.serve(metrics, pool.clone())?),
    };
    Ok((server, control))
}

/// Says what became of what a killed run had left.
fn tell(cleared: &Cleared, scenario: &Scenario, screen: &Screen) {
    let run = format!("a killed run of pool {}", scenario.pool);
    if let Some(misfit) = &cleared.misfit {
        screen.say(&format!("nothing of {run} is taken over: {misfit}"));
    }
    if scenario.adopt && cleared.misfit.is_none() {
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
            "removed {removed} things that {run} had left, and released {released} leases"
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
