//! A herd's testbed, and the servers by which it is reached, opened in this order and closed in the opposite one.

use std::sync::Arc;

use anyhow::Context as _;
use lanherd::Pool;
use lanherd::chaos::{Engine, Schedule};
use lanherd::control;
use lanherd::http::{Bound, Server};
use lanherd::lab::Lab;
use lanherd::lan::Paths;
use lanherd::lan::control_socket::ControlSocket;
use lanherd::lan::leftovers::{BroughtUp, Cleared, Removed};
use lanherd::lan::linux::LanConfig;
use lanherd::live::{Live, Watch};
use lanherd::scenario::Scenario;
use lanherd::testbed::{CloseReport, Testbed, TestbedError};
use lanherd::tester::Figures;

use super::steering::Steering;
use crate::cli::screen::Screen;
use crate::cli::{clean, lab};

/// All of it, open.
pub struct House {
    testbed: Testbed,
    watch: Option<Watch>,
    server: Option<Server>,
    control: Option<(ControlSocket, control::Server)>,
}

/// Where the run is reached from outside.
pub struct Doors {
    /// By whoever gathers metrics.
    pub metrics: Option<Bound>,
    /// By whoever controls it.
    pub control: Control,
    /// Whether it is watched from inside.
    pub is_watched: bool,
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

impl House {
    /// Opens it. After an error nothing is left.
    pub async fn open(
        scenario: &Scenario,
        doors: Doors,
        steering: Steering,
        screen: &Screen,
    ) -> anyhow::Result<Self> {
        let config = LanConfig {
            mode: scenario.mode,
            seed: scenario.seed,
            adopt: scenario.adopt.then(|| scenario.clients.get()),
            ..LanConfig::new(scenario.place.parent(), scenario.pool.clone())
        };
        let (testbed, cleared) =
            Testbed::open(scenario.lab_config(), config, scenario.pool_config())
                .await
                .map_err(|error| match error {
                    TestbedError::Lab(error) => lab::refusal(error),
                    other => other.into(),
                })?;
        tell(&cleared, scenario, screen);
        let steering = steering.with_lab(testbed.lab().map(Lab::handle));
        match open_doors(scenario, &testbed, doors, steering) {
            Ok(Served {
                watch,
                server,
                control,
            }) => {
                if let Some(server) = &server {
                    screen.say(&format!(
                        "the herd is at {0}/, its metrics at {0}/metrics",
                        server.url()
                    ));
                }
                let (clients, pool_name) = (scenario.clients, &scenario.pool);
                let parent = testbed
                    .lab()
                    .map_or(scenario.place.parent(), |lab| lab.uplink());
                screen.say(&format!(
                    "{clients} clients join on {parent} as {pool_name}1 to {pool_name}{clients}"
                ));
                Ok(Self {
                    testbed,
                    watch,
                    server,
                    control,
                })
            }
            Err(error) => {
                // It has no clients yet.
                let mut closed = CloseReport::default();
                testbed.tear_down(&mut closed).await;
                testbed.close(&mut closed).await;
                for trouble in closed.troubles {
                    tracing::error!("{trouble}");
                }
                Err(error)
            }
        }
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        self.testbed.pool()
    }

    /// The herd as it is followed, where anybody does.
    pub fn live(&self) -> Option<Arc<Live>> {
        self.watch.as_ref().map(|watch| Arc::clone(watch.live()))
    }

    /// How late the tester itself is.
    pub fn tester(&self) -> Figures {
        self.testbed.tester().figures()
    }

    /// What breaks things on purpose, as scheduled.
    pub fn chaos(&self, schedule: Schedule) -> Engine {
        let lab = self.testbed.lab().map(Lab::handle);
        Engine::new(self.pool().clone(), lab, schedule)
    }

    /// Tears the herd down and closes everything; every step is tried.
    pub async fn close(self) -> CloseReport {
        let mut closed = CloseReport::default();
        self.testbed.tear_down(&mut closed).await;
        if let Some(server) = self.server {
            server.shut_down().await;
        }
        drop(self.watch);
        // The socket goes before the folder that it may lie in; what else was made for it after what it was taken for.
        let mut control = None;
        if let Some((mut socket, server)) = self.control {
            server.shut_down().await;
            closed.add_leaks(socket.unlink().err());
            control = Some(socket);
        }
        self.testbed.close(&mut closed).await;
        closed.add_leaks(control.map(ControlSocket::close).into_iter().flatten());
        closed
    }
}

/// What answers for a pool.
struct Served {
    watch: Option<Watch>,
    server: Option<Server>,
    control: Option<(ControlSocket, control::Server)>,
}

fn open_doors(
    scenario: &Scenario,
    testbed: &Testbed,
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
                    let pool = testbed.pool().clone();
                    control::serve(listener, scenario.pool.clone(), pool, steering)
                })
                .context("the control socket cannot be served")?;
            Some((socket, server))
        }
    };
    let watch = if doors.is_watched || doors.metrics.is_some() {
        Some(Live::watch(testbed.pool().clone(), scenario.pool.clone())?)
    } else {
        None
    };
    let server = match (doors.metrics, &watch) {
        (Some(bound), Some(watch)) => {
            let (metrics, pool) = (testbed.metrics().clone(), testbed.pool().clone());
            Some(bound.serve_herd(metrics, pool, Arc::clone(watch.live()))?)
        }
        _ => None,
    };
    Ok(Served {
        watch,
        server,
        control,
    })
}

/// Says what became of what a killed run had left.
fn tell(cleared: &Cleared, scenario: &Scenario, screen: &Screen) {
    let run = format!("a killed run of pool {}", scenario.pool);
    if let Some(BroughtUp { interface, outcome }) = &cleared.brought_up {
        match outcome {
            Ok(()) => screen.say(&clean::brought_up(interface)),
            Err(why) => tracing::warn!("{}", clean::not_brought_up(interface, why)),
        }
    }
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
