//! The families of lookups, fetches and commands. Their series appear with the first workload of their kind.

use prometheus::{HistogramVec, IntCounterVec, Registry};

use super::registering::{counter, histogram};
use super::{LEASE_BUCKETS, RTT_BUCKETS};
use crate::workload::Workload;
use crate::workload::command::{CommandCause, Executed};
use crate::workload::dns::{DnsCause, Lookup, Rcode};
use crate::workload::http::{Fetch, HttpCause, HttpPhase};

/// Who was asked: the resolver that each client's own lease names. An address would make a series for each router.
const LEASED: &str = "lease";
/// Classes of status codes (RFC 9110, 15).
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// A command that ended with exit code 0, and one that did not; beside these its causes.
const SUCCESS: &str = "success";
const FAILURE: &str = "failure";

#[derive(Debug, Clone)]
pub(super) struct Chores {
    dns_query: HistogramVec,
    dns_responses: IntCounterVec,
    dns_errors: IntCounterVec,
    http_phase: HistogramVec,
    http_requests: IntCounterVec,
    http_errors: IntCounterVec,
    commands: IntCounterVec,
    command: HistogramVec,
}

impl Chores {
    pub(super) fn new(r: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            dns_query: histogram(
                r,
                "dns_query_duration_seconds",
                "From a DNS query to its answer.",
                RTT_BUCKETS,
                &["server"],
            )?,
            dns_responses: counter(
                r,
                "dns_responses_total",
                "Answers to DNS queries by response code; nodata: none, and no address either.",
                &["rcode"],
            )?,
            dns_errors: counter(
                r,
                "dns_errors_total",
                "DNS lookups without an answer, those that could not be sent included.",
                &["cause"],
            )?,
            http_phase: histogram(
                r,
                "http_phase_duration_seconds",
                "How long each phase of an HTTP fetch took, where it came to its end.",
                RTT_BUCKETS,
                &["phase"],
            )?,
            http_requests: counter(
                r,
                "http_requests_total",
                "HTTP fetches that came to their end by class of status code.",
                &["code"],
            )?,
            http_errors: counter(
                r,
                "http_errors_total",
                "HTTP fetches that did not come to their end, those that could not be begun included.",
                &["cause"],
            )?,
            commands: counter(
                r,
                "commands_total",
                "Runs of commands by what came of them.",
                &["outcome"],
            )?,
            command: histogram(
                r,
                "command_duration_seconds",
                "From the start of a command to its end, where it ended by itself.",
                LEASE_BUCKETS,
                &[],
            )?,
        })
    }

    /// Makes the series of a kind of workload appear before its first outcome.
    pub(super) fn expect(&self, workload: &Workload) {
        match workload {
            // Theirs are by target, and not here.
            Workload::Ping(_) => {}
            Workload::Dns(_) => {
                self.dns_query.with_label_values(&[LEASED]);
                appear(
                    &self.dns_responses,
                    Rcode::ALL.iter().map(|word| word.as_str()),
                );
                appear(
                    &self.dns_errors,
                    DnsCause::ALL.iter().map(|word| word.as_str()),
                );
            }
            Workload::Http(_) => {
                for phase in HttpPhase::ALL {
                    self.http_phase.with_label_values(&[phase.as_str()]);
                }
                appear(&self.http_requests, CLASSES);
                appear(
                    &self.http_errors,
                    HttpCause::ALL.iter().map(|word| word.as_str()),
                );
            }
            Workload::Command(_) => {
                self.command.with_label_values::<&str>(&[]);
                let causes = CommandCause::ALL.iter().map(|word| word.as_str());
                appear(&self.commands, causes.chain([SUCCESS, FAILURE]));
            }
        }
    }

    pub(super) fn looked_up(&self, lookup: &Lookup) {
        match &lookup.result {
            Ok(answer) => {
                self.dns_responses
                    .with_label_values(&[answer.rcode.as_str()])
                    .inc();
                self.dns_query
                    .with_label_values(&[LEASED])
                    .observe(answer.took.as_secs_f64());
            }
            Err(unanswered) => self
                .dns_errors
                .with_label_values(&[unanswered.cause.as_str()])
                .inc(),
        }
    }

    pub(super) fn fetched(&self, fetch: &Fetch) {
        for (phase, took) in &fetch.phases {
            self.http_phase
                .with_label_values(&[phase.as_str()])
                .observe(took.as_secs_f64());
        }
        match (&fetch.failure, fetch.status) {
            (Some((cause, _)), _) => self.http_errors.with_label_values(&[cause.as_str()]).inc(),
            (None, Some(status)) => {
                // A server may send any number from 100 to 999.
                let class = CLASSES.get(usize::from(status / 100).saturating_sub(1));
                self.http_requests
                    .with_label_values(&[class.copied().unwrap_or("other")])
                    .inc();
            }
            // What came to its end has a status; as in the report.
            (None, None) => self
                .http_errors
                .with_label_values(&[HttpCause::Malformed.as_str()])
                .inc(),
        }
    }

    pub(super) fn executed(&self, executed: &Executed) {
        let outcome = match &executed.result {
            Ok(0) => SUCCESS,
            Ok(_) => FAILURE,
            Err((cause, _)) => cause.as_str(),
        };
        self.commands.with_label_values(&[outcome]).inc();
        if executed.result.is_ok() {
            self.command
                .with_label_values::<&str>(&[])
                .observe(executed.took.as_secs_f64());
        }
    }
}

fn appear<'a>(family: &IntCounterVec, values: impl IntoIterator<Item = &'a str>) {
    for value in values {
        family.with_label_values(&[value]);
    }
}
