//! Gauges of each client, where they were asked for: the only series that name clients, so there is a hard cap.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use prometheus::{GaugeVec, IntGaugeVec, Registry};

use super::registering::{float_gauge, gauge};
use crate::activity::Kind;
use crate::stats::ClientStats;

const CLIENT: [&str; 1] = ["client"];

type ClientGauges = BTreeMap<String, Option<Arc<ClientStats>>>;

/// The gauges, and who is in them.
#[derive(Debug, Clone)]
pub(super) struct PerClient {
    up: IntGaugeVec,
    restarts: IntGaugeVec,
    medians: Vec<(Kind, GaugeVec)>,
    /// By name, with the figures of each, where they are known.
    clients: Arc<Mutex<ClientGauges>>,
}

impl PerClient {
    /// So many clients have gauges; whoever comes when there are so many has none.
    pub const MOST: usize = 200;

    pub fn new(r: &Registry) -> prometheus::Result<Self> {
        let up = "1 while the client is online, 0 otherwise.";
        let restarts = "Restarts of the client in this run.";
        let medians = Kind::ALL.iter().filter_map(|kind| {
            let (name, help) = kind.about().metrics.of_each_client?;
            Some(float_gauge(r, name, help, &CLIENT).map(|gauge| (*kind, gauge)))
        });
        Ok(Self {
            up: gauge(r, "client_up", up, &CLIENT)?,
            restarts: gauge(r, "client_restarts", restarts, &CLIENT)?,
            medians: medians.collect::<prometheus::Result<_>>()?,
            clients: Arc::default(),
        })
    }

    /// A client that is not known yet gets its gauges, if there is room.
    pub fn is_up(&self, client: &str, up: bool) {
        let mut clients = self.clients();
        let is_known = clients.contains_key(client);
        if is_known || clients.len() < Self::MOST {
            if !is_known {
                clients.insert(client.to_owned(), None);
                self.restarts.with_label_values(&[client]).set(0);
            }
            self.up.with_label_values(&[client]).set(i64::from(up));
        }
    }

    pub fn restarted(&self, client: &str, restarts: u32) {
        if self.clients().contains_key(client) {
            let gauge = self.restarts.with_label_values(&[client]);
            gauge.set(i64::from(restarts));
        }
    }

    /// Where the figures of a client are; of one that has no gauges nothing is kept.
    pub fn has_stats(&self, client: &str, stats: &Arc<ClientStats>) {
        if let Some(of_client) = self.clients().get_mut(client) {
            *of_client = Some(Arc::clone(stats));
        }
    }

    /// Sets the medians as they are now.
    pub fn refresh(&self) {
        let clients = self.clients();
        for (client, stats) in clients.iter() {
            for (kind, gauge) in &self.medians {
                if let Some(median) = stats.as_ref().and_then(|stats| stats.median(*kind)) {
                    let gauge = gauge.with_label_values(&[client]);
                    gauge.set(median.as_secs_f64());
                }
            }
        }
    }

    /// Its place is free for another one.
    pub fn forgotten(&self, client: &str) {
        if self.clients().remove(client).is_some() {
            // What has no value is not there to be removed.
            let _ = self.up.remove_label_values(&[client]);
            let _ = self.restarts.remove_label_values(&[client]);
            for (_, gauge) in &self.medians {
                let _ = gauge.remove_label_values(&[client]);
            }
        }
    }

    fn clients(&self) -> MutexGuard<'_, ClientGauges> {
        self.clients.lock()
    }
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::*;
    use crate::activity::ping::{self, PingDetail};
    use crate::lan::PingOutcome;
    use crate::target::Target;

    #[test]
    fn no_more_than_the_cap_have_gauges_and_one_that_was_forgotten_leaves_its_place() {
        let registry = Registry::new();
        let gauges = PerClient::new(&registry).expect("families");
        let text = || {
            let families = registry.gather();
            TextEncoder::new()
                .encode_to_string(&families)
                .expect("text")
        };
        let stats = Arc::new(ClientStats::default());
        let reply = PingOutcome::Reply(std::time::Duration::from_micros(80));
        let outcome = ping::outcome(&Target::Router, reply, PingDetail::default());
        stats.record(&Target::Router.into(), &outcome);
        for number in 1..=PerClient::MOST + 1 {
            let name = format!("ns{number}");
            gauges.is_up(&name, true);
            gauges.restarted(&name, 2);
            gauges.has_stats(&name, &stats);
        }
        gauges.refresh();
        let series = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(series(&text()), 3 * PerClient::MOST);
        assert!(text().contains(r#"lanherd_client_restarts{client="ns200"} 2"#));
        assert!(text().contains(r#"lanherd_client_ping_rtt_seconds{client="ns7"} 0.00008"#));
        assert!(!text().contains("ns201"), "{}", text());
        gauges.forgotten("ns201");
        gauges.forgotten("ns7");
        assert!(!text().contains("\"ns7\""), "{}", text());
        gauges.is_up("ns201", false);
        assert!(text().contains(r#"lanherd_client_up{client="ns201"} 0"#));
        assert_eq!(series(&text()), 3 * PerClient::MOST - 1);
    }
}
