//! What a client is told to ping: an address, its own router, an alias, a name, or another client.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use crate::host_name::HostName;
use crate::identity::ClientNumber;

/// A ping target. Ordered and compared by meaning, printed as the user names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// The client's own router, from its lease.
    Router,
    /// `Google DNS`, 8.8.8.8.
    GoogleDns,
    /// `Cloudflare DNS`, 1.1.1.1.
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

    /// The address where it is the same for every client at all times.
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Router | Self::Name(_) | Self::Client(_) => None,
            Self::GoogleDns => Some(IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8))),
            Self::CloudflareDns => Some(IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1))),
            Self::Address(address) => Some(*address),
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
    "{0:?} is no ping target: use an IPv4 unicast address of another host, \"router\", \"Google DNS\", \"Cloudflare DNS\", a host name \
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
        if let Ok(address) = word.trim().parse::<Ipv4Addr>() {
            let address = address.into();
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
        // An address of IPv4 in the clothes of one of IPv6 goes over IPv4, if anywhere (RFC 4291, 2.5.5.2).
        IpAddr::V6(address) => address.to_ipv4_mapped().is_some(),
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
            "client",
            "client 0",
            "client x",
            "goggle-dns",
        ] {
            assert!(bad.parse::<Target>().is_err(), "{bad:?} was accepted");
        }
    }
}
