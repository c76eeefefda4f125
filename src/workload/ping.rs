//! ICMP echo: one client, one target, at an interval.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Excuse, Pace, Place, dns};
use crate::lan::{PingCause, PingOutcome, Port};
use crate::target::Target;

/// What to ping, how often, and how long to wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingSpec {
    /// Whom.
    pub target: Target,
    /// How many requests; `None`: until the client goes.
    pub count: Option<u32>,
    /// From one request to the next, whether or not it was answered.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl PingSpec {
    /// One request per second at most.
    pub const DEFAULT_INTERVAL: Duration = Pace::DEFAULT_INTERVAL;
    /// How long an answer may take where nothing else is said.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

    /// One request to `target`.
    pub fn once(target: Target) -> Self {
        Self::times(target, 1)
    }

    /// `count` requests to `target`, one a second.
    pub fn times(target: Target, count: u32) -> Self {
        Self {
            target,
            count: Some(count),
            interval: Self::DEFAULT_INTERVAL,
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }

    /// Requests to `target` every `interval`, until the client goes.
    pub fn every(target: Target, interval: Duration) -> Self {
        Self {
            target,
            count: None,
            interval,
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }
}

/// What became of one echo request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Echo {
    /// The address of the target, where there was one to send to.
    pub address: Option<Ipv4Addr>,
    /// What came of it.
    pub outcome: PingOutcome,
    /// Answers of that address to requests that it had answered already, heard since the request before.
    pub duplicates: u64,
    /// Why nothing was sent, for a person to read.
    pub why: Option<String>,
}

impl Echo {
    pub(super) fn excused(excuse: Excuse) -> Self {
        Self {
            address: None,
            outcome: PingOutcome::Lost(match excuse {
                Excuse::Offline => PingCause::Offline,
                Excuse::Tester => PingCause::Tester,
            }),
            duplicates: 0,
            why: None,
        }
    }
}

/// Sends one request, and waits for the answer.
pub(super) async fn attempt<P: Port>(spec: &PingSpec, place: &Place<P>) -> Echo {
    let address = match address_of(spec, place).await {
        Ok(address) => address,
        Err(why) => {
            return Echo {
                address: None,
                outcome: PingOutcome::Lost(PingCause::NoTarget),
                duplicates: 0,
                why: Some(why),
            };
        }
    };
    // A client that pings itself by its number was told to. By any other name it is another that was meant.
    let is_meant = spec.target == Target::Client(place.identity.number);
    if place.is_own(address) && !is_meant {
        return Echo {
            address: Some(address),
            outcome: PingOutcome::Lost(PingCause::OwnAddress),
            duplicates: 0,
            why: Some(format!(
                "{address} is the client itself, which would answer"
            )),
        };
    }
    let request = place.echo_request(address);
    let outcome = place.port.ping(request, spec.timeout).await;
    Echo {
        address: Some(address),
        outcome,
        duplicates: place.port.duplicates(address),
        why: None,
    }
}

/// The address of a target at this moment, or why there is none.
async fn address_of<P: Port>(spec: &PingSpec, place: &Place<P>) -> Result<Ipv4Addr, String> {
    match &spec.target {
        Target::Router => place
            .uplink
            .router
            .ok_or_else(|| "the lease names no router".to_owned()),
        target @ (Target::GoogleDns | Target::CloudflareDns | Target::Address(_)) => target
            .address()
            .ok_or_else(|| format!("{target} has no address")),
        Target::Client(number) => {
            (place.siblings)(*number).ok_or_else(|| format!("client {number} holds no address"))
        }
        Target::Name(name) => dns::address_of(place, name, spec.timeout)
            .await
            .map(|resolved| resolved.address)
            .map_err(|unresolved| unresolved.why),
    }
}
