//! What became of one fetch.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

use super::{HttpCause, HttpDetail, HttpPhase};
use crate::activity::{AttemptOutcome, Detail, Ending};

/// What became of one fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// The server, where there was an address to connect to.
    pub server: Option<SocketAddr>,
    /// How long the phases took that came to their end, in their order.
    pub phases: Vec<(HttpPhase, Duration)>,
    /// The status, once there was one.
    pub status: Option<u16>,
    /// Bytes of the body that came.
    pub bytes: u64,
    /// Why it did not come to its end.
    pub failure: Option<(HttpCause, String)>,
}

impl Fetch {
    pub(super) const fn new() -> Self {
        Self {
            server: None,
            phases: Vec::new(),
            status: None,
            bytes: 0,
            failure: None,
        }
    }

    /// Whether it came to its end, with a status below 400.
    pub fn is_success(&self) -> bool {
        self.failure.is_none() && self.status.is_some_and(|status| status < 400)
    }

    /// How long its phases took together.
    pub fn took(&self) -> Duration {
        self.phases.iter().map(|(_, took)| *took).sum()
    }

    /// As what became of an attempt of any kind.
    pub fn outcome(self, url: &impl Display) -> AttemptOutcome {
        let is_success = self.is_success();
        let why = (!is_success).then(|| self.particulars(url));
        let (ending, took) = match (&self.failure, self.status) {
            (Some((cause, _)), _) => (Ending::Failed(cause.as_str()), None),
            (None, Some(status)) => {
                let ending = Ending::Answered {
                    answer: Some(status.to_string().into()),
                    is_success,
                };
                (ending, Some(self.took()))
            }
            // What came to its end has a status.
            (None, None) => (Ending::Failed(HttpCause::Malformed.as_str()), None),
        };
        let phases = self.phases.iter();
        AttemptOutcome {
            ending,
            took,
            phases: phases
                .map(|(phase, took)| (phase.as_str(), *took))
                .collect(),
            family: None,
            detail: Detail::Http(HttpDetail {
                server: self.server,
                bytes: self.bytes,
            }),
            why,
        }
    }

    /// What came of it, for a person to read.
    pub fn particulars(&self, url: &impl Display) -> String {
        let server = match self.server {
            Some(server) => format!(" from {server}"),
            None => String::new(),
        };
        match (&self.failure, self.status) {
            (Some((cause, why)), _) if why.is_empty() => format!("{url}{server}: {cause}"),
            (Some((cause, why)), _) => format!("{url}{server}: {cause}: {why}"),
            (None, Some(status)) => format!("{url}{server}: status {status}"),
            (None, None) => format!("{url}{server}: no status"),
        }
    }

    /// How long request and response took together.
    pub(super) fn spoken(&self) -> Duration {
        let is_spoken = |phase| matches!(phase, HttpPhase::FirstByte | HttpPhase::Transfer);
        let spoken = self.phases.iter().filter(|(phase, _)| is_spoken(*phase));
        spoken.map(|(_, took)| *took).sum()
    }

    pub(super) fn ended(&mut self, phase: HttpPhase, took: Duration) {
        self.phases.push((phase, took));
    }
}
