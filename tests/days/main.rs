//! Days of a herd on the paused clock, on a LAN in memory with the lab's own router: what it holds does not grow with time.
//!
//! They drive the library as any program does, and take longer than all unit tests of it together, so they are no part of those.

#![allow(
    clippy::expect_used,
    reason = "clippy.toml allows it in test functions only, and all of this is one test program"
)]

mod both_families;
mod churn;

use std::sync::Arc;
use std::time::Duration;

use lanherd::fault::Fault;
use lanherd::identity::PoolName;
use lanherd::lab::LabConfig;
use lanherd::lab::fake::{Behaviour, FakeLan};
use lanherd::phase::Phase;
use lanherd::pool::{Census, Selection};
use lanherd::{Pool, PoolConfig};

const MINUTE: Duration = Duration::from_secs(60);
/// Longer than any herd takes to come to rest.
const LONG: Duration = Duration::from_secs(24 * 3_600);

struct Herd {
    lan: FakeLan,
    pool: Pool,
}

/// What a herd holds when nothing happens.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    online: u32,
    namespaces: usize,
    addresses: usize,
    leases: usize,
    inboxes: usize,
    tasks: usize,
}

impl Herd {
    /// A pool without clients, on a LAN that works.
    async fn on(lab: &LabConfig, change: impl FnOnce(&mut PoolConfig)) -> Self {
        let mut config = PoolConfig::new(PoolName::default());
        change(&mut config);
        let lan = FakeLan::new(lab);
        let metrics = config.metrics().expect("families of different names");
        let pool = Pool::start(Arc::new(lan.clone()), config, metrics);
        let pool = pool.await.expect("a pool");
        Self { lan, pool }
    }

    async fn create(&self, count: u32) {
        let numbers = self.pool.create(count).await.expect("clients");
        assert_eq!(numbers.len(), count as usize);
    }

    async fn settle(&self) -> Census {
        self.pool.settled(LONG).await.expect("a herd that settles")
    }

    async fn held(&self) -> Held {
        let namespaces = self.lan.namespaces();
        let tasks = tokio::runtime::Handle::current().metrics();
        Held {
            online: self.settle().await.of(Phase::Online),
            addresses: namespaces.values().flatten().count(),
            namespaces: namespaces.len(),
            leases: self.lan.leases(),
            inboxes: self.lan.inboxes(),
            tasks: tasks.num_alive_tasks(),
        }
    }

    /// It holds what it held at first. A message, or a ping, may be on its way.
    async fn holds_as_at(&self, first: &Held, why: &str) {
        let now = self.held().await;
        let more_or_less = now.tasks.abs_diff(first.tasks);
        assert!(more_or_less <= 5, "{now:?}, not {first:?} {why}");
        let tasks = first.tasks;
        assert_eq!(Held { tasks, ..now }, *first, "{why}");
    }

    /// Some clients that have not left.
    async fn some(&self, rng: &mut fastrand::Rng, count: usize) -> Selection {
        let status = self.pool.status().await.expect("a status");
        let mut numbers: Vec<_> = status
            .clients
            .iter()
            .filter(|client| client.phase != Phase::Gone)
            .map(|client| client.identity.number)
            .collect();
        rng.shuffle(&mut numbers);
        numbers.truncate(count);
        Selection::Numbers(numbers)
    }

    /// Something of the router, of the parent, or of ten clients goes wrong for a while.
    async fn fault(&self, lab: &LabConfig, rng: &mut fastrand::Rng) {
        match rng.u8(..8) {
            0 => {
                self.lan.behave(Behaviour::Mute);
                tokio::time::sleep(MINUTE * rng.u32(1..15)).await;
                self.lan.behave(Behaviour::Answers);
            }
            1 => self.lan.reset_server(lab),
            2 => {
                let flapped = self.pool.flap(MINUTE * rng.u32(1..15)).await;
                flapped.expect("an answer").expect("flapped");
            }
            3 => {
                self.lan.remove_parent();
                tokio::time::sleep(MINUTE * rng.u32(1..15)).await;
                self.lan.restore();
            }
            _ => {
                let faults = [
                    Fault::Crash,
                    Fault::KillSockets,
                    Fault::RemoveAddress,
                    Fault::DeleteLink,
                    Fault::DeleteNamespace,
                    Fault::Vanish,
                ];
                let which = self.some(rng, 10).await;
                let fault = *rng.choice(&faults).expect("a fault");
                self.pool.inject_fault(which, fault).await.expect("results");
            }
        }
    }
}
