//! Gauges of each client, where they were asked for: the only series that name clients, so there is a hard cap.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::{GaugeVec, IntGaugeVec, Registry};

use super::registering::{float_gauge, gauge};
use crate::activity::Kind;

const CLIENT: [&str; 1] = ["client"];

/// The gauges, and who is in them.
#[derive(Debug, Clone)]
pub(super) struct PerClient {
    up: IntGaugeVec,
    restarts: IntGaugeVec,
    medians: Vec<(Kind, GaugeVec)>,
    names: Arc<Mutex<BTreeSet<String>>>,
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
            names: Arc::default(),
        })
    }

    /// A client that is not known yet gets its gauges, if there is room.
    pub fn is_up(&self, client: &str, up: bool) {
        let mut names = self.names();
        if names.contains(client) || names.len() < Self::MOST {
            if names.insert(client.to_owned()) {
                self.restarts.with_label_values(&[client]).set(0);
            }
            self.up.with_label_values(&[client]).set(i64::from(up));
        }
    }

    pub fn restarted(&self, client: &str, restarts: u32) {
        if self.names().contains(client) {
            let gauge = self.restarts.with_label_values(&[client]);
            gauge.set(i64::from(restarts));
        }
    }

    pub fn did(&self, client: &str, kind: Kind, median: impl FnOnce() -> Option<Duration>) {
        let mut medians = self.medians.iter();
        if let Some((_, gauge)) = medians.find(|(of, _)| *of == kind)
            && self.names().contains(client)
            && let Some(median) = median()
        {
            let gauge = gauge.with_label_values(&[client]);
            gauge.set(median.as_secs_f64());
        }
    }

    /// Its place is free for another one.
    pub fn forgotten(&self, client: &str) {
        if self.names().remove(client) {
            // What has no value is not there to be removed.
            let _ = self.up.remove_label_values(&[client]);
            let _ = self.restarts.remove_label_values(&[client]);
            for (_, gauge) in &self.medians {
                let _ = gauge.remove_label_values(&[client]);
            }
        }
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::*;

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
        for number in 1..=PerClient::MOST + 1 {
            let name = format!("ns{number}");
            gauges.is_up(&name, true);
            gauges.restarted(&name, 2);
            gauges.did(&name, Kind::Ping, || Some(Duration::from_micros(80)));
        }
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
