//! Values of a scenario that no other module has a type for.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::pool::MAX_CLIENTS;
use crate::units::{self, DurationError};
use lanherd_types::ipv6::WantedPrefix;

/// How many clients: 1 to [`MAX_CLIENTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "u32")]
pub struct ClientCount(u32);

impl ClientCount {
    /// A herd of one client.
    pub const ONE: Self = Self(1);

    /// As a number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// Why a number, or a text, is no number of clients.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a herd cannot have {0} clients: ask for 1 to {MAX_CLIENTS}")]
pub struct ClientCountError(String);

impl TryFrom<i64> for ClientCount {
    type Error = ClientCountError;

    fn try_from(count: i64) -> Result<Self, Self::Error> {
        u32::try_from(count)
            .ok()
            .filter(|count| (1..=MAX_CLIENTS).contains(count))
            .map(Self)
            .ok_or_else(|| ClientCountError(count.to_string()))
    }
}

impl FromStr for ClientCount {
    type Err = ClientCountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let count: i64 = text
            .parse()
            .map_err(|_| ClientCountError(format!("{text:?}")))?;
        count.try_into()
    }
}

impl From<ClientCount> for u32 {
    fn from(count: ClientCount) -> Self {
        count.0
    }
}

impl fmt::Display for ClientCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a text is no place to serve at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no address and port: write 127.0.0.1:4373 for this machine alone, or 0.0.0.0:4373 for whoever reaches it"
)]
pub struct MetricsAddressError(String);

/// Where metrics are served: `127.0.0.1:4373`, `[::1]:4373`, `localhost:4373`.
///
/// A port alone, `:4373`, is refused: for some programs it means the loopback, for others every address.
pub fn metrics_address(text: &str) -> Result<SocketAddr, MetricsAddressError> {
    let refuse = || MetricsAddressError(text.to_owned());
    match text.strip_prefix("localhost:") {
        Some(port) => {
            let port: u16 = port.parse().map_err(|_| refuse())?;
            Ok((Ipv4Addr::LOCALHOST, port).into())
        }
        None => text.parse().map_err(|_| refuse()),
    }
}

/// Reads it from a file.
pub(super) fn metrics_address_in_file<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    let address = text.as_deref().map(metrics_address);
    address.transpose().map_err(de::Error::custom)
}

/// Reads the length of a prefix that is to be delegated from a file: a number, `"any"`, or `true` for that.
pub(super) fn wanted_prefix_in_file<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<WantedPrefix>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a length from 1 to 64, \"any\", or true")]
    enum WrittenLength {
        IsWanted(bool),
        Length(i64),
        Text(String),
    }
    let text = match WrittenLength::deserialize(deserializer)? {
        WrittenLength::IsWanted(false) => return Ok(None),
        WrittenLength::IsWanted(true) => WantedPrefix::ANY.to_string(),
        WrittenLength::Length(length) => length.to_string(),
        WrittenLength::Text(text) => text,
    };
    text.parse().map(Some).map_err(de::Error::custom)
}

/// A duration as people write it: `500ms`, `30s`, `1h 30m` ([`units::duration`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timespan(pub Duration);

lanherd_types::serde_as_text!(Timespan);

impl FromStr for Timespan {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        units::duration(text).map(Self)
    }
}

impl fmt::Display for Timespan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_served_at_an_address_and_a_port() {
        for (text, address) in [
            ("127.0.0.1:4373", "127.0.0.1:4373"),
            ("[::1]:4373", "[::1]:4373"),
            ("localhost:4373", "127.0.0.1:4373"),
        ] {
            assert_eq!(
                metrics_address(text),
                Ok(address.parse().expect("an address"))
            );
        }
        for bad in [
            ":4373",
            "4373",
            "localhost",
            "localhost:70000",
            "host:4373",
            "",
        ] {
            let error = metrics_address(bad).expect_err("refused");
            assert!(error.to_string().contains("127.0.0.1:4373"), "{error}");
        }
    }
}
