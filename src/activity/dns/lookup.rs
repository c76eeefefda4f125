//! What became of one lookup.

use std::fmt::Display;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use super::{DnsCause, DnsDetail, Rcode};
use crate::activity::socket_error::SocketError;
use crate::activity::{AttemptOutcome, Detail, Ending};
use crate::family::Family;

/// What became of one lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Who was asked.
    pub server: Option<IpAddr>,
    /// Whether the query was handed to the kernel.
    pub was_sent: bool,
    /// What came of it.
    pub result: Result<DnsAnswer, Unanswered>,
}

/// What a server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsAnswer {
    /// The response code.
    pub rcode: Rcode,
    /// The addresses; none, where the code is not [`Rcode::NoError`].
    pub addresses: Vec<IpAddr>,
    /// From just before the query was sent until the kernel had the answer.
    pub took: Duration,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// From the closed list.
    pub cause: DnsCause,
    /// The particulars, for a person to read; empty where there are none.
    pub detail: String,
}

impl Unanswered {
    pub(super) fn new(cause: DnsCause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
        }
    }
}

impl From<&io::Error> for Unanswered {
    fn from(error: &io::Error) -> Self {
        Self::new(SocketError::from(error).into(), error.to_string())
    }
}

impl Lookup {
    /// Whether there is an address.
    pub fn is_success(&self) -> bool {
        matches!(&self.result, Ok(answer) if answer.rcode == Rcode::NoError)
    }

    /// As what became of an attempt of any kind.
    pub fn outcome(self, what: &impl Display) -> AttemptOutcome {
        let is_success = self.is_success();
        let why = (!is_success).then(|| self.particulars(what));
        let mut detail = DnsDetail {
            server: self.server,
            addresses: Vec::new(),
            asked: self.was_sent.into(),
        };
        let (ending, took) = match self.result {
            Ok(answer) => {
                if is_success {
                    detail.addresses = answer.addresses;
                }
                let ending = Ending::Answered {
                    answer: Some(answer.rcode.as_str().into()),
                    is_success,
                };
                (ending, Some(answer.took))
            }
            Err(unanswered) => (Ending::Failed(unanswered.cause.as_str()), None),
        };
        AttemptOutcome {
            ending,
            took,
            phases: Vec::new(),
            family: None,
            detail: Detail::Dns(detail),
            why,
        }
    }

    /// What came of it, for a person to read.
    pub fn particulars(&self, what: &impl Display) -> String {
        let server = match self.server {
            Some(server) => format!(" from {server}"),
            None => String::new(),
        };
        match &self.result {
            Ok(answer) => format!("{what}{server}: {}", answer.rcode),
            Err(Unanswered { cause, detail }) if detail.is_empty() => {
                format!("{what}{server}: {cause}")
            }
            Err(Unanswered { cause, detail }) => format!("{what}{server}: {cause}: {detail}"),
        }
    }
}

/// That of a client that has no resolver; of that family, if one was wanted.
pub(super) fn no_resolver(family: Option<Family>) -> Lookup {
    let why = family.map_or_else(String::new, |family| format!("none of {}", family.name()));
    Lookup {
        server: None,
        was_sent: false,
        result: Err(Unanswered::new(DnsCause::NoResolver, why)),
    }
}
