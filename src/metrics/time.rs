//! The families of the clients' time, by group: how much of it they were wanted, and usable.

use std::time::Duration;

use prometheus::{Counter, CounterVec, Registry};

use super::registering::float_counter;
use crate::phase::Cause;
use crate::stats::Uptime;

#[derive(Debug, Clone)]
pub(super) struct UptimeMetrics {
    wanted: CounterVec,
    usable: CounterVec,
    unavailable: CounterVec,
}

impl UptimeMetrics {
    pub(super) fn new(r: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            wanted: float_counter(
                r,
                "client_wanted_seconds_total",
                "For how long clients should have been usable, all together.",
                &["group"],
            )?,
            usable: float_counter(
                r,
                "client_usable_seconds_total",
                "For how long of that they were.",
                &["group"],
            )?,
            unavailable: float_counter(
                r,
                "client_unavailable_seconds_total",
                "For how long of that they were not, by what had failed.",
                &["group", "cause"],
            )?,
        })
    }

    pub(super) fn start_at_zero(&self, group: &str) {
        self.wanted.with_label_values(&[group]);
        self.usable.with_label_values(&[group]);
        for cause in Cause::ALL {
            self.unavailable.with_label_values(&[group, cause.as_str()]);
        }
    }

    /// What has come since it was told last.
    pub(super) fn add(&self, group: &str, more: &Uptime) {
        rise(&self.wanted.with_label_values(&[group]), more.wanted());
        rise(&self.usable.with_label_values(&[group]), more.usable);
        for (cause, lasted) in &more.unavailable {
            let labels = [group, cause.as_str()];
            rise(&self.unavailable.with_label_values(&labels), *lasted);
        }
    }
}

fn rise(counter: &Counter, by: Duration) {
    counter.inc_by(by.as_secs_f64());
}
