//! The IPv6 of a lab as it is written down: the table `[ipv6]`.

use std::net::Ipv6Addr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

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

/// Reads it as the table `[ipv6]` of a lab has it.
impl<'de> Deserialize<'de> for Ipv6Config {
    fn deserialize<D: Deserializer<'de>>(table: D) -> Result<Self, D::Error> {
        let config = Ipv6Draft::deserialize(table)?.meant();
        config.check(None).map_err(D::Error::custom)?;
        Ok(config)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LabConfig;

    fn ipv6(text: &str) -> Ipv6Config {
        let config = LabConfig::from_toml(text).expect("a lab");
        config.ipv6.expect("IPv6")
    }

    #[test]
    fn every_key_says_what_the_field_of_its_name_is() {
        let text = r#"
            [ipv6]
            prefixes = ["2001:db8:5::/64"]
            on-link = false
            autonomous = false
            preferred = "0s"
            valid = "1h"
            router-lifetime = "30m"
            preference = "high"
            interval = "5s"
            managed = true
            other = true
            dns = ["2001:db8:5::1"]
            routes = ["2001:db8::/32"]
            pref64 = ""
            dns64 = true
            aliases = ["2001:db8:9::9"]

            [ipv6.dhcp]
            range = "::1000-::1fff"
            delegated = "2001:db8:6::/48"
            delegated-length = 56
            t1 = "1m"
            t2 = "2m"
            rapid-commit = false
            reconfigure = false
            preference = 255
            sol-max-rt = "2m"
            inf-max-rt = "3m"
            refresh = "15m"
        "#;
        let prefix = |text: &str| text.parse::<Prefix>().expect("a prefix");
        let address = |text: &str| text.parse::<Ipv6Addr>().expect("an address");
        let seconds = Duration::from_secs;
        let expected = Ipv6Config {
            prefixes: vec![prefix("2001:db8:5::/64")],
            on_link: false,
            autonomous: false,
            preferred: Duration::ZERO,
            valid: seconds(3600),
            router_lifetime: seconds(1800),
            preference: Preference::High,
            interval: seconds(5),
            managed: true,
            other: true,
            resolvers: Some(vec![address("2001:db8:5::1")]),
            routes: vec![prefix("2001:db8::/32")],
            pref64: None,
            dns64: true,
            aliases: vec![address("2001:db8:9::9")],
            dhcp: Dhcp6Config {
                range: "::1000-::1fff".parse().expect("a range"),
                delegated: Some(prefix("2001:db8:6::/48")),
                delegated_length: 56,
                t1: Some(seconds(60)),
                t2: Some(seconds(120)),
                rapid_commit: false,
                reconfigure: false,
                preference: 255,
                sol_max_rt: Some(seconds(120)),
                inf_max_rt: Some(seconds(180)),
                refresh: Some(seconds(900)),
                ..Dhcp6Config::default()
            },
        };
        assert_eq!(ipv6(text), expected);
        assert_eq!(ipv6("[ipv6]\n"), Ipv6Config::default());
        assert_eq!(LabConfig::from_toml("").expect("a lab").ipv6, None);
    }

    #[test]
    fn what_cannot_be_is_found_where_it_stands() {
        for (text, line, word) in [
            ("[ipv6]\nprefixes = []\n", 2, "needs a prefix"),
            ("[ipv6]\ninterval = '1s'\n", 2, "3s to 30m"),
            ("mtu = 1279\n[ipv6]\n", 1, "1280"),
            ("[ipv6]\npreferred = '2h'\n", 2, "preferred no longer"),
            ("[ipv6]\npref64 = '64:ff9b::/64'\n", 2, "96 bits"),
            ("[ipv6]\nprefix = []\n", 2, "did you mean prefixes?"),
            ("[ipv6.dhcp]\nrange = '::1-::9'\n", 2, "above ::1"),
            (
                "[ipv6.dhcp]\ndelegated-length = 65\n",
                2,
                "from its own to 64",
            ),
        ] {
            let error = LabConfig::from_toml(text).expect_err(text);
            assert_eq!(error.line, line, "{text}{error}");
            assert!(error.message.contains(word), "{text}{error}");
        }
    }
}
