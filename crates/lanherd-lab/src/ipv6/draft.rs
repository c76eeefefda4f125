//! The IPv6 of a lab as it is written down: the table `[ipv6]`.

use std::net::Ipv6Addr;
use std::time::Duration;

use serde::Deserialize;

use super::Ipv6Config;
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
    pref64: Option<Pref64Draft>,
    dns64: Option<bool>,
    aliases: Option<Vec<Ipv6Addr>>,
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

/// The prefix of the NAT64; an empty text: none.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Pref64Draft(Option<Prefix>);

impl TryFrom<String> for Pref64Draft {
    type Error = PrefixError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        text.parse().map(|prefix| Self(Some(prefix)))
    }
}
