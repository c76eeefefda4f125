//! What a client is told to ping: an address, its own router, or an alias.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A ping target. Ordered and compared by meaning, printed as the user names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Target {
    /// The client's own router, from its lease.
    Router,
    /// `Google DNS`, 8.8.8.8.
    GoogleDns,
    /// `Cloudflare DNS`, 1.1.1.1.
    CloudflareDns,
    /// Any other address.
    Address(Ipv4Addr),
}

impl Target {
    /// The aliases, which the lab answers for.
    pub const ALIASES: [Self; 2] = [Self::GoogleDns, Self::CloudflareDns];

    /// The address where it is the same for every client; `None` for [`Target::Router`].
    pub const fn address(self) -> Option<Ipv4Addr> {
        match self {
            Self::Router => None,
            Self::GoogleDns => Some(Ipv4Addr::new(8, 8, 8, 8)),
            Self::CloudflareDns => Some(Ipv4Addr::new(1, 1, 1, 1)),
            Self::Address(address) => Some(address),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Router => f.pad("the router"),
            Self::GoogleDns => f.pad("Google DNS"),
            Self::CloudflareDns => f.pad("Cloudflare DNS"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Why a text is no ping target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no ping target: use an IPv4 unicast address, \"router\", \"Google DNS\" or \"Cloudflare DNS\""
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
            "router" | "the router" | "gateway" => Ok(Self::Router),
            "google dns" => Ok(Self::GoogleDns),
            "cloudflare dns" => Ok(Self::CloudflareDns),
            other => match other.parse::<Ipv4Addr>() {
                Ok(address)
                    if !(address.is_unspecified()
                        || address.is_broadcast()
                        || address.is_multicast()) =>
                {
                    Ok(Self::Address(address))
                }
                _ => Err(TargetError(text.to_owned())),
            },
        }
    }
}

impl TryFrom<String> for Target {
    type Error = TargetError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_reads_back_as_it_is_printed() {
        let address = Target::Address(Ipv4Addr::new(192, 0, 2, 1));
        for target in [
            Target::Router,
            Target::GoogleDns,
            Target::CloudflareDns,
            address,
        ] {
            assert_eq!(target.to_string().parse(), Ok(target));
        }
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
            "1.2.3",
            "::1",
        ] {
            assert!(bad.parse::<Target>().is_err(), "{bad:?} was accepted");
        }
    }
}
