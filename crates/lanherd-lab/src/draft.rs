//! A lab as it is written down, in TOML.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde::Deserialize;

use super::ipv6::Ipv6Draft;
use super::{AddressRange, LabConfig, LabError, LeaseTime};
use lanherd_dhcp::options::code;
use lanherd_dhcp::persona::parse_hex;
use lanherd_types::fault::{self, Fault};
use lanherd_types::host_name::{HostName, HostNameError};
use lanherd_types::text_error::TextError;
use lanherd_types::units::{self, DurationError};

/// The longest value of one option (RFC 2132, 2), in bytes.
const MAX_VALUE: usize = 255;

/// A lab as it is written down. What is left out is as in [`LabConfig::default`].
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Draft {
    range: Option<AddressRange>,
    lease: Option<LeaseTime>,
    t1: Option<WholeSeconds>,
    t2: Option<WholeSeconds>,
    rapid_commit: Option<bool>,
    v6_only: Option<WholeSeconds>,
    dns: Option<Vec<Ipv4Addr>>,
    domain: Option<Domain>,
    mtu: Option<u16>,
    #[serde(deserialize_with = "fault::all_as_written")]
    faults: Vec<Fault>,
    options: Vec<ByHand>,
    ipv6: Option<Ipv6Draft>,
}

impl LabConfig {
    /// Reads a lab's text: the fields of this type but uplink, aliases and seed, in kebab case; the table `[ipv6]` switches IPv6
    /// on, and has the fields of [`Ipv6Config`](crate::Ipv6Config), with `dns` for the resolvers. Unknown keys are errors.
    ///
    /// ```
    /// use lanherd_lab::LabConfig;
    ///
    /// let config = LabConfig::from_toml(
    ///     r#"
    ///     range = "192.168.1.100-192.168.1.149"
    ///     lease = "2m"
    ///     t1 = "30s"
    ///     dns = ["192.168.1.1", "8.8.8.8"]
    ///     faults = ["ping_loss"]
    ///     options = [{ code = 42, value = "0a4d0001" }]
    ///     "#,
    /// )?;
    /// assert_eq!(config.options, [(42, vec![10, 77, 0, 1])]);
    /// assert_eq!(config.domain.as_deref(), Some("lab.test"));
    /// # Ok::<(), lanherd_types::text_error::TextError>(())
    /// ```
    pub fn from_toml(text: &str) -> Result<Self, TextError> {
        let draft: Draft =
            toml::from_str(text).map_err(|error| TextError::of_toml(&error, text))?;
        let usual = Self::default();
        let config = Self {
            range: draft.range.unwrap_or(usual.range),
            lease: draft.lease.unwrap_or(usual.lease),
            t1: draft.t1.map(|time| time.0),
            t2: draft.t2.map(|time| time.0),
            rapid_commit: draft.rapid_commit.unwrap_or(usual.rapid_commit),
            v6_only: draft.v6_only.map(|time| time.0),
            dns: draft.dns,
            domain: draft.domain.map_or(usual.domain, |domain| domain.0),
            mtu: draft.mtu,
            faults: draft.faults,
            options: draft.options.into_iter().map(|option| option.0).collect(),
            ipv6: draft.ipv6.map(Ipv6Draft::meant),
            uplink: usual.uplink,
            aliases: usual.aliases,
            seed: usual.seed,
        };
        config
            .check()
            .map_err(|error| TextError::of_key(key(&error), &error, text))?;
        Ok(config)
    }
}

/// The key that is most to blame.
fn key(error: &LabError) -> &'static str {
    match error {
        LabError::AliasInside { .. } => "range",
        LabError::Mtu(_) => "mtu",
        LabError::Fault(_) => "faults",
        LabError::Ipv6(error) => error.key(),
        // None of these is found by looking at what is written.
        LabError::UplinkName(_)
        | LabError::UplinkTaken(_)
        | LabError::NoPrivilege(_)
        | LabError::NoVeth { .. }
        | LabError::Step { .. }
        | LabError::Died
        | LabError::Stuck => "",
    }
}

/// A time as options have them: `90s`, `1h`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct WholeSeconds(pub(super) Duration);

#[derive(Debug, thiserror::Error)]
pub(super) enum WholeSecondsError {
    #[error(transparent)]
    Duration(#[from] DurationError),
    #[error("{0:?} is no time that an option can have: write whole seconds, one at least, as 90s")]
    Fraction(String),
}

impl TryFrom<String> for WholeSeconds {
    type Error = WholeSecondsError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let time = units::duration(&text)?;
        if time.is_zero() || time.subsec_nanos() != 0 {
            return Err(WholeSecondsError::Fraction(text));
        }
        Ok(Self(time))
    }
}

/// A domain; an empty text: none.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Domain(Option<String>);

impl TryFrom<String> for Domain {
    type Error = HostNameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        let name: HostName = text.parse()?;
        Ok(Self(Some(name.to_string())))
    }
}

/// An option that is given by hand: `{ code = 42, value = "0a4d0001" }`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Written")]
struct ByHand((u8, Vec<u8>));

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    code: u8,
    value: String,
}

#[derive(Debug, thiserror::Error)]
enum ByHandError {
    #[error("option {0} is no option that could be given by hand: use one from 1 to 254")]
    Code(u8),
    #[error("option {code} is the lab's own to say: write {key} instead")]
    Key { code: u8, key: &'static str },
    #[error("option {0} is the lab's own to say: leave it out")]
    Own(u8),
    #[error(
        "{0:?} is no value of an option: write up to {MAX_VALUE} bytes in hexadecimal digits, as 0a4d0001"
    )]
    Value(String),
}

impl TryFrom<Written> for ByHand {
    type Error = ByHandError;

    fn try_from(Written { code, value }: Written) -> Result<Self, Self::Error> {
        let key = |key| Err(ByHandError::Key { code, key });
        match code {
            code::PAD | code::END => return Err(ByHandError::Code(code)),
            code::LEASE_TIME => return key("lease"),
            code::RENEWAL_TIME => return key("t1"),
            code::REBINDING_TIME => return key("t2"),
            code::RAPID_COMMIT => return key("rapid-commit"),
            code::V6_ONLY => return key("v6-only"),
            code::OVERLOAD | code::MESSAGE_TYPE | code::SERVER_ID => {
                return Err(ByHandError::Own(code));
            }
            _ => {}
        }
        match bytes(&value).filter(|bytes| bytes.len() <= MAX_VALUE) {
            Some(bytes) => Ok(Self((code, bytes))),
            None => Err(ByHandError::Value(value)),
        }
    }
}

/// Pairs of hexadecimal digits, with colons between all of them or none.
fn bytes(text: &str) -> Option<Vec<u8>> {
    if text.contains(':') {
        return parse_hex(text);
    }
    let pairs: Option<Vec<&str>> = (0..text.len())
        .step_by(2)
        .map(|at| text.get(at..at + 2))
        .collect();
    parse_hex(&pairs?.join(":"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str) -> TextError {
        LabConfig::from_toml(text).expect_err("it is refused")
    }

    #[test]
    fn every_key_says_what_the_field_of_its_name_is() {
        let text = r#"
            range = "192.168.1.100-192.168.1.149"
            lease = "2m"
            t1 = "30s"
            t2 = "1m 30s"
            rapid-commit = true
            v6-only = "30m"
            dns = ["192.168.1.1", "8.8.8.8"]
            domain = "Home.Example."
            mtu = 1400
            faults = ["ping_loss", "dhcp-short-pool"]
            options = [{ code = 42, value = "0a4d0001" }, { code = 43, value = "01:02" }, { code = 19, value = "" }]
        "#;
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let expected = LabConfig {
            range: "192.168.1.100-192.168.1.149".parse().expect("a range"),
            lease: "2m".parse().expect("a lease time"),
            t1: seconds(30),
            t2: seconds(90),
            rapid_commit: true,
            v6_only: seconds(1800),
            dns: Some(vec![
                Ipv4Addr::new(192, 168, 1, 1),
                Ipv4Addr::new(8, 8, 8, 8),
            ]),
            domain: Some("home.example".to_owned()),
            mtu: Some(1400),
            faults: vec![Fault::PingLoss, Fault::DhcpShortPool],
            options: vec![(42, vec![10, 77, 0, 1]), (43, vec![1, 2]), (19, Vec::new())],
            ..LabConfig::default()
        };
        let config = LabConfig::from_toml(text).expect("a lab");
        assert_eq!(format!("{config:?}"), format!("{expected:?}"));
    }

    #[test]
    fn what_is_left_out_is_as_usual_and_what_is_empty_is_none() {
        let config = LabConfig::from_toml("").expect("a lab");
        assert_eq!(format!("{config:?}"), format!("{:?}", LabConfig::default()));
        let config = LabConfig::from_toml("dns = []\ndomain = ''\n").expect("a lab");
        assert_eq!(
            (config.dns.map(|dns| dns.len()), config.domain),
            (Some(0), None)
        );
    }

    #[test]
    fn what_cannot_be_is_found_where_it_stands_with_what_to_write() {
        for (text, line, column, word) in [
            ("lease = '1h'\nleese = '2h'\n", 2, 1, "did you mean lease?"),
            ("uplink = 'lab1'\n", 1, 1, "there is no key uplink"),
            ("\n\nrange = '10.0.0.9-10.0.0.1'\n", 3, 9, "backwards"),
            ("range = '8.8.8.1-8.8.8.9'\n", 1, 1, "alias 8.8.8.8"),
            ("lease = '0s'\n", 1, 9, "90s, 1h or infinite"),
            ("t1 = '1500ms'\n", 1, 6, "whole seconds"),
            ("t2 = 'soon'\n", 1, 6, "duration"),
            ("dns = ['8.8.8']\n", 1, 8, "IPv4"),
            ("domain = 'a..b'\n", 1, 10, "host name"),
            ("lease = '1h'\nmtu = 500\n", 2, 1, "576"),
            ("faults = ['flood']\n", 1, 11, "use crash"),
            (
                "lease = '1h'\nfaults = ['crash']\n",
                2,
                1,
                "not done to the lab's router",
            ),
            (
                "options = [{ code = 255, value = '' }]\n",
                1,
                11,
                "1 to 254",
            ),
            (
                "options = [{ code = 51, value = '00' }]\n",
                1,
                11,
                "write lease instead",
            ),
            (
                "options = [{ code = 53, value = '05' }]\n",
                1,
                11,
                "leave it out",
            ),
            (
                "options = [{ code = 42, value = '0a4' }]\n",
                1,
                11,
                "hexadecimal",
            ),
            (
                "options = [{ code = 42, value = 'äö' }]\n",
                1,
                11,
                "hexadecimal",
            ),
            (
                "options = [{ code = 42, hex = '0a' }]\n",
                1,
                25,
                "the keys are code, value",
            ),
        ] {
            let error = refused(text);
            assert_eq!((error.line, error.column), (line, column), "{text}{error}");
            assert!(error.message.contains(word), "{text}{error}");
        }
        let long = format!(
            "options = [{{ code = 42, value = '{}' }}]",
            "00".repeat(256)
        );
        assert!(refused(&long).message.contains("up to 255 bytes"));
    }
}
