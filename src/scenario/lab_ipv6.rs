//! The IPv6 of a scenario's lab.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::lab::Ipv6Config;

/// What of IPv6 a scenario's lab speaks: the table `[lab-ipv6]`, with the keys of `[ipv6]` in a lab's own text. A report has it as it
/// was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct LabIpv6 {
    written: Value,
    #[serde(skip)]
    config: Box<Ipv6Config>,
}

impl LabIpv6 {
    /// What is meant, where it was written at all.
    pub fn config(written: Option<&Self>) -> Ipv6Config {
        written.map_or_else(Ipv6Config::default, |it| (*it.config).clone())
    }
}

impl<'de> Deserialize<'de> for LabIpv6 {
    fn deserialize<D: Deserializer<'de>>(table: D) -> Result<Self, D::Error> {
        let written = Value::deserialize(table)?;
        let config = Ipv6Config::deserialize(&written).map_err(D::Error::custom)?;
        Ok(Self {
            written,
            config: Box::new(config),
        })
    }
}
