//! The IPv6 of a lab as it is written down: the table `[ipv6]`.

use std::net::Ipv6Addr;
use std::time::Duration;

use serde::Deserialize;

use super::Ipv6Config;
use crate::dhcp6::{Dhcp6Config, HostRange};
use crate::draft::{WholeSeconds, WholeSecondsError};
use lanherd_ndp::{Preference, Prefix};
use lanherd_types::ipv6::PrefixError;

/// What is left out is as in [`Ipv6Config::default`].
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Ipv6Draft {
    prefixes: Option<Vec<Prefix>>,
    on_link: Option<bool>,
    autonomous: Option<bool>,
    preferred: Option<SecondsOrNone>,
    valid: Option<WholeSeconds>,
    router_lifetime: Option<SecondsOrNone>,
    preference: Option<Preference>,
    interval: Option<WholeSeconds>,
    managed: Option<bool>,
    other: Option<bool>,
    dns: Option<Vec<Ipv6Addr>>,
    routes: Option<Vec<Prefix>>,
    pref64: Option<PrefixOrNone>,
    dns64: Option<bool>,
    aliases: Option<Vec<Ipv6Addr>>,
    dhcp: Dhcp6Draft,
}

/// What is left out is as in [`Dhcp6Config::default`].
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Dhcp6Draft {
    range: Option<HostRange>,
    delegated: Option<PrefixOrNone>,
    delegated_length: Option<u8>,
    t1: Option<WholeSeconds>,
    t2: Option<WholeSeconds>,
    rapid_commit: Option<bool>,
    reconfigure: Option<bool>,
    preference: Option<u8>,
    sol_max_rt: Option<WholeSeconds>,
    inf_max_rt: Option<WholeSeconds>,
    refresh: Option<WholeSeconds>,
}

impl Dhcp6Draft {
    fn meant(self) -> Dhcp6Config {
        let usual = Dhcp6Config::default();
        let time = |time: Option<WholeSeconds>| time.map(|time| time.0);
        Dhcp6Config {
            range: self.range.unwrap_or(usual.range),
            delegated: self.delegated.map_or(usual.delegated, |prefix| prefix.0),
            delegated_length: self.delegated_length.unwrap_or(usual.delegated_length),
            t1: time(self.t1),
            t2: time(self.t2),
            rapid_commit: self.rapid_commit.unwrap_or(usual.rapid_commit),
            reconfigure: self.reconfigure.unwrap_or(usual.reconfigure),
            preference: self.preference.unwrap_or(usual.preference),
            sol_max_rt: time(self.sol_max_rt),
            inf_max_rt: time(self.inf_max_rt),
            refresh: time(self.refresh),
            ..usual
        }
    }
}

impl Ipv6Draft {
    /// What is meant.
    pub(crate) fn meant(self) -> Ipv6Config {
        let usual = Ipv6Config::default();
        Ipv6Config {
            prefixes: self.prefixes.unwrap_or(usual.prefixes),
            on_link: self.on_link.unwrap_or(usual.on_link),
            autonomous: self.autonomous.unwrap_or(usual.autonomous),
            preferred: self.preferred.map_or(usual.preferred, |time| time.0),
            valid: self.valid.map_or(usual.valid, |time| time.0),
            router_lifetime: self
                .router_lifetime
                .map_or(usual.router_lifetime, |time| time.0),
            preference: self.preference.unwrap_or(usual.preference),
            interval: self.interval.map_or(usual.interval, |time| time.0),
            managed: self.managed.unwrap_or(usual.managed),
            other: self.other.unwrap_or(usual.other),
            resolvers: self.dns,
            routes: self.routes.unwrap_or(usual.routes),
            pref64: self.pref64.map_or(usual.pref64, |prefix| prefix.0),
            dns64: self.dns64.unwrap_or(usual.dns64),
            aliases: self.aliases.unwrap_or(usual.aliases),
            dhcp: self.dhcp.meant(),
        }
    }
}

/// A time as an advertisement has it, which may be none: `45m`, `0s`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct SecondsOrNone(Duration);

impl TryFrom<String> for SecondsOrNone {
    type Error = WholeSecondsError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text == "0s" {
            return Ok(Self(Duration::ZERO));
        }
        WholeSeconds::try_from(text).map(|time| Self(time.0))
    }
}

/// A prefix; an empty text: none.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct PrefixOrNone(Option<Prefix>);

impl TryFrom<String> for PrefixOrNone {
    type Error = PrefixError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        text.parse().map(|prefix| Self(Some(prefix)))
    }
}
