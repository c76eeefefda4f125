//! The pool on a paused clock, against an in-memory LAN with a real DHCP server machine.

mod failing;
mod families;
mod faults;
mod ipv6_leases;
mod joining;
mod kinds;
mod leaving;
mod outages;
mod samples;
mod storms;
mod working;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::activity::ping::PingSpec;
use crate::lab::LabConfig;
use crate::lan::fake::FakeLan;
use crate::phase::Phase;

/// Longer than anything that ends by itself here.
const LONG: Duration = Duration::from_secs(86_400);

struct Herd {
    lan: FakeLan,
    pool: Pool,
    metrics: Metrics,
}

impl Herd {
    /// A pool without clients, on a LAN that works.
    async fn with(change: impl FnOnce(&mut PoolConfig)) -> Self {
        Self::on(&LabConfig::default(), change).await
    }

    async fn on(lab: &LabConfig, change: impl FnOnce(&mut PoolConfig)) -> Self {
        let mut config = PoolConfig::new(PoolName::default());
        change(&mut config);
        let lan = FakeLan::new(lab);
        let metrics = config.metrics().expect("families of different names");
        let pool = Pool::start(Arc::new(lan.clone()), config, metrics.clone())
            .await
            .expect("a pool");
        Self { lan, pool, metrics }
    }

    async fn create(&self, count: u32) {
        let numbers = self.pool.create(count).await.expect("clients");
        assert_eq!(numbers.len(), count as usize);
    }

    async fn settle(&self) -> Census {
        self.pool.settled(LONG).await.expect("a herd that settles")
    }

    async fn client(&self, number: u32) -> ClientStatus {
        let mut status = self.pool.status().await.expect("a status");
        let at = status
            .clients
            .iter()
            .position(|c| c.identity.number == ClientNumber(number));
        status
            .clients
            .swap_remove(at.unwrap_or_else(|| panic!("there is no client {number}")))
    }

    /// Tears down, and holds that nothing is left: on the LAN, with the server, in the gauges.
    async fn end(self) -> TearDownReport {
        let report = self.pool.tear_down().await.expect("a tear-down");
        // The releases of the last clients are on the wire.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(
            self.lan.namespaces().keys().collect::<Vec<_>>(),
            Vec::<&String>::new()
        );
        assert_eq!(self.lan.leases(), 0, "leases that nobody released");
        assert_eq!(self.lan.violations(), Vec::<String>::new());
        assert!(matches!(self.pool.census().await, Err(PoolError::Ended)));
        report
    }

    fn metric(&self, line: &str) -> bool {
        self.metrics.render().lines().any(|l| l == line)
    }

    /// The value of a series that is there.
    fn metric_value(&self, series: &str) -> f64 {
        let text = self.metrics.render();
        let mut values = text.lines().filter_map(|line| line.strip_prefix(series));
        let value = values.next().expect("the series is there");
        value.trim().parse().expect("a number")
    }
}

fn mac(client: &ClientStatus) -> crate::identity::Mac {
    client.identity.mac
}
