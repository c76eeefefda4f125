//! What a client is told to ping: an address, its own router, an alias, a name, or another client.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::family::Family;
use crate::host_name::HostName;
use crate::identity::ClientNumber;
use lanherd_types::ipv6::is_host;

/// A ping target. Ordered and compared by meaning, printed as the user names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// The client's own router: from its lease, or the default router of IPv6, by its link-local address.
    Router,
    /// `Google DNS`: `8.8.8.8`, or `2001:4860:4860::8888`.
    GoogleDns,
    /// `Cloudflare DNS`: `1.1.1.1`, or `2606:4700:4700::1111`.
    CloudflareDns,
    /// Any other address.
    Address(IpAddr),
    /// A name, which the client's own resolver is asked for whenever it is used.
    Name(HostName),
    /// The address that this client of the herd holds at that moment.
    Client(ClientNumber),
}

impl Target {
    /// The aliases, which the lab answers for.
    pub const ALIASES: [Self; 2] = [Self::GoogleDns, Self::CloudflareDns];

    /// The address over that family, where it is the same for every client at all times; of an address itself, whatever the
    /// family.
    pub const fn address(&self, family: Family) -> Option<IpAddr> {
        Some(match (self, family) {
            (Self::Router | Self::Name(_) | Self::Client(_), _) => return None,
            (Self::GoogleDns, Family::Ipv4) => IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)),
            (Self::GoogleDns, Family::Ipv6) => {
                IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888))
            }
            (Self::CloudflareDns, Family::Ipv4) => IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1)),
            (Self::CloudflareDns, Family::Ipv6) => {
                IpAddr::V6(Ipv6Addr::new(0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111))
            }
            (Self::Address(address), _) => *address,
        })
    }

    /// The client of the herd that it is, where it is one.
    pub const fn client(&self) -> Option<ClientNumber> {
        match self {
            Self::Client(number) => Some(*number),
            _ => None,
        }
    }
}

lanherd_types::serde_as_text!(Target);

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Router => f.pad("the router"),
            Self::GoogleDns => f.pad("Google DNS"),
            Self::CloudflareDns => f.pad("Cloudflare DNS"),
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => name.fmt(f),
            Self::Client(number) => f.pad(&format!("client {number}")),
        }
    }
}

/// Why a text is no ping target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no ping target: use a unicast address of another host, \"router\", \"Google DNS\", \"Cloudflare DNS\", a host name \
     with a dot in it, or \"client 3\" for a client of the herd"
)]
pub struct TargetError(String);

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word: String = text
            .chars()
            .map(|c| {
                if matches!(c, '-' | '_') {
                    ' '
                } else {
                    c.to_ascii_lowercase()
                }
            })
            .collect();
        match word.trim() {
            "router" | "the router" | "gateway" => return Ok(Self::Router),
            "google dns" => return Ok(Self::GoogleDns),
            "cloudflare dns" => return Ok(Self::CloudflareDns),
            _ => {}
        }
        let refuse = || TargetError(text.to_owned());
        let number = word.trim().strip_prefix("client ");
        if let Some(Ok(number @ 1..)) = number.map(|number| number.trim().parse()) {
            return Ok(Self::Client(ClientNumber(number)));
        }
        if let Ok(address) = word.trim().parse::<IpAddr>() {
            return if is_nobody_else(address) {
                Err(refuse())
            } else {
                Ok(Self::Address(address))
            };
        }
        // A single word is more likely a slip in one of the words above.
        match text.trim().parse::<HostName>() {
            Ok(name) if name.is_qualified() => Ok(Self::Name(name)),
            _ => Err(refuse()),
        }
    }
}

/// Whether what is sent to an address reaches no other host, or many: nothing that came of it would say anything of the router.
pub(crate) fn is_nobody_else(address: IpAddr) -> bool {
    let is_every = match address {
        IpAddr::V4(address) => address.is_broadcast(),
        IpAddr::V6(address) => !is_host(address),
    };
    is_every || address.is_unspecified() || address.is_loopback() || address.is_multicast()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_reads_back_as_it_is_printed() {
        let address = Target::Address([192, 0, 2, 1].into());
        for target in [
            Target::Router,
            Target::GoogleDns,
            Target::CloudflareDns,
            address,
            Target::Address([0xfe80, 0, 0, 0, 0, 0, 0, 1].into()),
            Target::Name("google-dns.example".parse().expect("a name")),
            Target::Name("client-3.example".parse().expect("a name")),
            Target::Client(ClientNumber(3)),
        ] {
            assert_eq!(target.to_string().parse(), Ok(target));
        }
        assert_eq!("client-12".parse(), Ok(Target::Client(ClientNumber(12))));
        assert_eq!("google-dns".parse(), Ok(Target::GoogleDns));
    }

    #[test]
    fn what_no_client_could_ping_is_refused() {
        for bad in [
            "",
            "google",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "127.0.0.1",
            "127.8.8.8",
            "1.2.3",
            "::1",
            "::",
            "ff02::1",
            "::ffff:192.0.2.1",
            "fe80::1%lan0",
            "client",
            "client 0",
            "client x",
            "goggle-dns",
        ] {
            assert!(bad.parse::<Target>().is_err(), "{bad:?} was accepted");
        }
    }
}
