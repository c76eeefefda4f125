//! The families of pings. Their series appear with the first pings of their target.

use prometheus::{HistogramVec, IntCounterVec, Registry};

use super::registering::{counter, histogram};
use super::{FAMILY, RTT_BUCKETS};
use crate::lan::{PingCause, PingOutcome};
use crate::target::Target;
use crate::workload::ping::Echo;

#[derive(Debug, Clone)]
pub(super) struct Pings {
    requests: IntCounterVec,
    errors: IntCounterVec,
    duplicates: IntCounterVec,
    rtt: HistogramVec,
}

impl Pings {
    pub(super) fn new(r: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            requests: counter(
                r,
                "ping_requests_total",
                "ICMP echo requests handed to the kernel.",
                &["target", "family"],
            )?,
            errors: counter(
                r,
                "ping_errors_total",
                "ICMP echo requests without an answer, those that could not be sent included.",
                &["target", "family", "cause"],
            )?,
            duplicates: counter(
                r,
                "ping_duplicates_total",
                "Answers to ICMP echo requests that had been answered already.",
                &["target", "family"],
            )?,
            rtt: histogram(
                r,
                "ping_rtt_seconds",
                "Round trip time of answered ICMP echo requests.",
                RTT_BUCKETS,
                &["target", "family"],
            )?,
        })
    }

    /// There will be pings of this target.
    pub(super) fn expect(&self, target: &Target) {
        let target = label_of(target);
        let labels = [target.as_str(), FAMILY];
        self.requests.with_label_values(&labels);
        self.duplicates.with_label_values(&labels);
        self.rtt.with_label_values(&labels);
        for cause in PingCause::ALL {
            self.errors
                .with_label_values(&[labels[0], labels[1], cause.as_str()]);
        }
    }

    pub(super) fn pinged(&self, target: &Target, echo: &Echo) {
        let target = label_of(target);
        let labels = [target.as_str(), FAMILY];
        self.duplicates
            .with_label_values(&labels)
            .inc_by(echo.duplicates);
        match echo.outcome {
            PingOutcome::Reply(rtt) => {
                self.requests.with_label_values(&labels).inc();
                self.rtt
                    .with_label_values(&labels)
                    .observe(rtt.as_secs_f64());
            }
            PingOutcome::Lost(cause) => {
                self.requests
                    .with_label_values(&labels)
                    .inc_by(u64::from(cause.was_sent()));
                self.errors
                    .with_label_values(&[labels[0], labels[1], cause.as_str()])
                    .inc();
            }
        }
    }
}

/// No series names a client.
fn label_of(target: &Target) -> String {
    match target {
        Target::Client(_) => "a client".to_owned(),
        target => target.to_string(),
    }
}
