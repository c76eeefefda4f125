//! What a lab is to be like.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;
use std::time::Duration;

use super::dhcp::ServerConfig;
use super::ipv6::Ipv6Config;
use super::range::{AddressRange, Subnet};
use super::{LabError, LabFaultError};
use lanherd_dhcp::Options;
use lanherd_dhcp::options::code;
use lanherd_types::fault::{Aim, Fault};
use lanherd_types::identity::Seed;

/// What a lab is to be like. `Default`: uplink `lab0`, 10.77.0.10-10.77.255.250 behind 10.77.0.1/16, leases of an hour,
/// names under `lab.test`, and 8.8.8.8, 1.1.1.1, [`LabConfig::WEB`] and [`LabConfig::SINK`] within reach.
#[derive(Debug, Clone)]
pub struct LabConfig {
    /// The name of the near end of the veth pair: the parent that clients are plugged into. Must be free.
    pub uplink: String,
    /// The addresses to give out; the subnet and the router's address follow from it ([`AddressRange::subnet`]).
    pub range: AddressRange,
    /// How long a lease lasts.
    pub lease: LeaseTime,
    /// T1 (option 58), in whole seconds; `None`: not sent, clients take half of the lease.
    pub t1: Option<Duration>,
    /// T2 (option 59), in whole seconds; `None`: not sent, clients take seven eighths of the lease.
    pub t2: Option<Duration>,
    /// Whether a client that asks for it (option 80) is granted an address at once (RFC 4039).
    pub rapid_commit: bool,
    /// For how long clients that ask (option 108) are to do without IPv4 (RFC 8925), in whole seconds; `None`: they are not.
    pub v6_only: Option<Duration>,
    /// The DNS servers to name (option 6); `None`: the router, which answers.
    pub dns: Option<Vec<Ipv4Addr>>,
    /// The domain to name (option 15), under which the router and every client are known by their host names.
    pub domain: Option<String>,
    /// The MTU of the link and in option 26, in bytes, 576 at least; `None`: 1500, and not sent.
    pub mtu: Option<u16>,
    /// Addresses on the router's far side that answer pings, DNS and HTTP.
    pub aliases: Vec<Ipv4Addr>,
    /// What of IPv6 it speaks; `None`: nothing.
    pub ipv6: Option<Ipv6Config>,
    /// Options to send in every OFFER and ACK, asked for or not, in this order; one that the lab would send by itself is
    /// replaced.
    pub options: Vec<(u8, Vec<u8>)>,
    /// What is broken from the very beginning, before the first message, and until it is ended.
    pub faults: Vec<Fault>,
    /// From which what is random in its faults is drawn.
    pub seed: Seed,
}

impl Default for LabConfig {
    fn default() -> Self {
        Self {
            uplink: Self::UPLINK.to_owned(),
            range: AddressRange::default(),
            lease: LeaseTime::default(),
            t1: None,
            t2: None,
            rapid_commit: false,
            v6_only: None,
            dns: None,
            domain: Some("lab.test".to_owned()),
            mtu: None,
            aliases: vec![
                Ipv4Addr::new(8, 8, 8, 8),
                Ipv4Addr::new(1, 1, 1, 1),
                Self::WEB,
                Self::SINK,
            ],
            ipv6: None,
            options: Vec::new(),
            faults: Vec::new(),
            seed: Seed::default(),
        }
    }
}

impl LabConfig {
    /// The address that web sites have (TEST-NET-3, RFC 5737): `www` of the lab's domain, `www.example.com` and
    /// `www.example.org`.
    pub const WEB: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 80);

    /// The address that the sink for streams of traffic has (TEST-NET-3, RFC 5737): `sink` of the lab's domain.
    pub const SINK: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 81);

    /// The name of the near end where nothing else is said.
    pub const UPLINK: &str = "lab0";

    /// The subnet, and the router's place in it.
    pub fn subnet(&self) -> Subnet {
        self.range.subnet()
    }

    /// The configuration of the lab's DHCP server: also for simulations, which need the server without the lab.
    pub fn server(&self) -> ServerConfig {
        let subnet = self.subnet();
        let router = subnet.router();
        let mut known = Options::new();
        known
            .push_addresses(code::SUBNET_MASK, &[subnet.mask()])
            .push_addresses(code::ROUTERS, &[router])
            .push_addresses(code::DNS_SERVERS, self.dns.as_deref().unwrap_or(&[router]))
            .push_addresses(code::BROADCAST_ADDRESS, &[subnet.broadcast()]);
        if let Some(domain) = &self.domain {
            known.push(code::DOMAIN_NAME, domain.as_bytes());
        }
        if let Some(mtu) = self.mtu {
            known.push(code::MTU, mtu.to_be_bytes());
        }
        // An empty list is no value of option 6 (RFC 2132, 3.8).
        if self.dns.as_ref().is_some_and(Vec::is_empty) {
            known.remove(code::DNS_SERVERS);
        }
        let mut always = Options::new();
        for (code, value) in &self.options {
            known.remove(*code);
            always.push(*code, value.as_slice());
        }
        ServerConfig {
            range: self.range,
            subnet,
            lease: self.lease,
            t1: self.t1,
            t2: self.t2,
            rapid_commit: self.rapid_commit,
            v6_only: self.v6_only,
            known,
            always,
            ..ServerConfig::default()
        }
    }

    pub(super) fn check(&self) -> Result<(), LabError> {
        let name = self.uplink.as_str();
        let is_name = (1..=15).contains(&name.len())
            && !matches!(name, "." | "..")
            && name
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':' | b'%'));
        if !is_name {
            return Err(LabError::UplinkName(name.to_owned()));
        }
        let inside = |alias: &&Ipv4Addr| self.subnet().contains(**alias);
        if let Some(alias) = self.aliases.iter().find(inside) {
            return Err(LabError::AliasInside {
                alias: *alias,
                range: self.range,
            });
        }
        if let Some(mtu) = self.mtu.filter(|mtu| *mtu < 576) {
            return Err(LabError::Mtu(mtu));
        }
        if let Some(ipv6) = &self.ipv6 {
            ipv6.check(self.mtu)?;
        }
        let mut faults = self.faults.iter();
        if let Some(fault) = faults.find(|fault| fault.aim() != Aim::Router) {
            return Err(LabFaultError::NotTheRouters(*fault).into());
        }
        Ok(())
    }
}

/// How long a lease lasts (RFC 2131, 3.3); written `90s`, `1h` or `infinite`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseTime {
    /// Until it is released.
    Infinite,
    /// For so long, in whole seconds, one at least.
    Finite(Duration),
}

impl LeaseTime {
    /// The value of option 51.
    pub(super) fn seconds(self) -> u32 {
        match self {
            Self::Infinite => u32::MAX,
            Self::Finite(lease) => seconds(lease),
        }
    }
}

/// A time as a 32-bit option has it. The highest number stands for infinity.
pub(super) fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs())
        .unwrap_or(u32::MAX)
        .min(u32::MAX - 1)
}

impl Default for LeaseTime {
    /// A lease of one hour.
    fn default() -> Self {
        Self::Finite(Duration::from_secs(3600))
    }
}

/// Why a text is no lease time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no lease time: write 90s, 1h or infinite; one second at least")]
pub struct LeaseTimeError(String);

lanherd_types::serde_as_text!(LeaseTime);

impl FromStr for LeaseTime {
    type Err = LeaseTimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "infinite" {
            return Ok(Self::Infinite);
        }
        humantime::parse_duration(text)
            .ok()
            .filter(|lease| {
                lease.subsec_nanos() == 0 && (1..u64::from(u32::MAX)).contains(&lease.as_secs())
            })
            .map(Self::Finite)
            .ok_or_else(|| LeaseTimeError(text.to_owned()))
    }
}

impl fmt::Display for LeaseTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Infinite => f.write_str("infinite"),
            Self::Finite(lease) => humantime::format_duration(*lease).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_time_reads_back_as_it_is_written() {
        for text in ["90s", "1h", "infinite", "1day 2h"] {
            let lease: LeaseTime = text.parse().expect(text);
            assert_eq!(lease.to_string().parse(), Ok(lease));
        }
        for bad in ["", "0s", "1500ms", "never", "200years"] {
            assert!(bad.parse::<LeaseTime>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn an_option_given_by_hand_replaces_the_labs_own() {
        let config = LabConfig {
            options: vec![(code::DNS_SERVERS, vec![9, 9, 9, 9])],
            ..LabConfig::default()
        };
        let server = config.server();
        assert!(!server.known.contains(code::DNS_SERVERS));
        assert_eq!(
            server.always.addresses(code::DNS_SERVERS),
            [Ipv4Addr::new(9, 9, 9, 9)]
        );
    }

    #[test]
    fn a_bad_uplink_name_an_alias_in_the_subnet_and_a_tiny_mtu_are_refused() {
        let bad = [
            LabConfig {
                uplink: "sixteen-letters-".into(),
                ..LabConfig::default()
            },
            LabConfig {
                uplink: "a/b".into(),
                ..LabConfig::default()
            },
            LabConfig {
                uplink: String::new(),
                ..LabConfig::default()
            },
            LabConfig {
                aliases: vec![Ipv4Addr::new(10, 77, 3, 4)],
                ..LabConfig::default()
            },
            LabConfig {
                mtu: Some(500),
                ..LabConfig::default()
            },
        ];
        for config in bad {
            assert!(config.check().is_err(), "{config:?} was accepted");
        }
        assert!(LabConfig::default().check().is_ok());
    }
}
