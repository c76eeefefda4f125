//! Faults that are made on purpose: a closed list, the same words in the CLI, metrics, events and Gherkin.

use serde::{Deserialize, Deserializer, de};

use crate::{closest, words};

words! {
    /// What is broken on purpose.
    Fault {
        /// A client's actor panics.
        Crash = "crash",
        /// A client's sockets are closed under it.
        KillSockets = "kill_sockets",
        /// A client's address is removed.
        RemoveAddress = "remove_address",
        /// A client's macvlan is deleted.
        DeleteLink = "delete_link",
        /// A client's namespace loses its name and its link.
        DeleteNamespace = "delete_namespace",
        /// A client falls silent and forgets its lease without releasing it, as if its plug were pulled.
        Vanish = "vanish",
        /// The parent interface is taken down, and up again.
        FlapParent = "flap_parent",
        /// The lab's router is down for a while, and comes back with its leases.
        RouterReboot = "router_reboot",
        /// The lab's router is down for a while, and has forgotten its leases.
        RouterReset = "router_reset",
        /// The lab's DHCP server does not answer.
        DhcpMute = "dhcp_mute",
        /// The lab's DHCP server answers seconds late.
        DhcpSlow = "dhcp_slow",
        /// The lab's DHCP server refuses every request.
        DhcpNak = "dhcp_nak",
        /// The lab's DHCP server has no address for anybody new.
        DhcpExhausted = "dhcp_exhausted",
        /// The lab's DHCP server gives addresses that others hold.
        DhcpDuplicates = "dhcp_duplicates",
        /// The lab's DHCP server forgets leases long before they end, and gives them to others.
        DhcpExpireEarly = "dhcp_expire_early",
        /// The lab's DHCP server sends messages that cannot be read.
        DhcpGarbage = "dhcp_garbage",
        /// The lab's DHCP server has addresses for a handful of clients only.
        DhcpShortPool = "dhcp_short_pool",
        /// The lab's DHCP server grants leases, and what it says of them is lost on the way.
        DhcpLostAcks = "dhcp_lost_acks",
        /// The lab's DHCP server names a router that is not there.
        DhcpWrongRouter = "dhcp_wrong_router",
        /// The lab's DHCP server names a DNS server that is not there.
        DhcpWrongDns = "dhcp_wrong_dns",
        /// The lab's DHCP server refuses whoever says that it has a lease already.
        DhcpNakKnown = "dhcp_nak_known",
        /// One option of what the lab's DHCP server sends, and one that clients can do without, is malformed.
        DhcpMalformedOption = "dhcp_malformed_option",
        /// The lab's DHCP server leases its own address.
        DhcpOwnAddress = "dhcp_own_address",
        /// The lab's resolver does not answer.
        DnsMute = "dns_mute",
        /// The lab's resolver fails at every question.
        DnsServfail = "dns_servfail",
        /// The lab's resolver takes its time, and answers only so many questions at once.
        DnsLimit = "dns_limit",
        /// The lab's router leaves some pings unanswered.
        PingLoss = "ping_loss",
        /// The lab's router answers each ping twice.
        PingDuplicates = "ping_duplicates",
        /// The lab's router becomes slower with everything it answers.
        RouterLeak = "router_leak",
        /// The lab's web server is unavailable.
        HttpUnavailable = "http_unavailable",
    }
}

/// What a fault is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aim {
    /// Single clients, at one moment.
    Client,
    /// The parent interface, for a while.
    Parent,
    /// The lab's router, for a while.
    Router,
}

impl Fault {
    /// What it is done to.
    pub const fn aim(self) -> Aim {
        match self {
            Self::Crash
            | Self::KillSockets
            | Self::RemoveAddress
            | Self::DeleteLink
            | Self::DeleteNamespace
            | Self::Vanish => Aim::Client,
            Self::FlapParent => Aim::Parent,
            Self::RouterReboot
            | Self::RouterReset
            | Self::DhcpMute
            | Self::DhcpSlow
            | Self::DhcpNak
            | Self::DhcpExhausted
            | Self::DhcpDuplicates
            | Self::DhcpExpireEarly
            | Self::DhcpGarbage
            | Self::DhcpShortPool
            | Self::DhcpLostAcks
            | Self::DhcpWrongRouter
            | Self::DhcpWrongDns
            | Self::DhcpNakKnown
            | Self::DhcpMalformedOption
            | Self::DhcpOwnAddress
            | Self::DnsMute
            | Self::DnsServfail
            | Self::DnsLimit
            | Self::PingLoss
            | Self::PingDuplicates
            | Self::RouterLeak
            | Self::HttpUnavailable => Aim::Router,
        }
    }
}

impl std::str::FromStr for Fault {
    type Err = FaultError;

    /// Its word; a dash stands for an underscore, too.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = text.replace('-', "_");
        Self::ALL
            .iter()
            .copied()
            .find(|fault| fault.as_str() == word)
            .ok_or_else(|| FaultError(text.to_owned()))
    }
}

/// Reads a fault as people write it, with dashes or with underscores.
pub fn as_written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Fault, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(de::Error::custom)
}

/// Reads a list of faults as people write them.
pub fn all_as_written<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Fault>, D::Error> {
    #[derive(Deserialize)]
    struct Written(#[serde(deserialize_with = "as_written")] Fault);
    let written = Vec::<Written>::deserialize(deserializer)?;
    Ok(written.into_iter().map(|Written(fault)| fault).collect())
}

/// Why a text names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is no fault: {}", remedy(.0), word = .0)]
pub struct FaultError(String);

/// The fault that was most likely meant, or all.
fn remedy(word: &str) -> String {
    let words: Vec<_> = Fault::ALL.iter().map(|fault| fault.as_str()).collect();
    match closest(&word.replace('-', "_"), words.iter().copied()) {
        Some(meant) => format!(
            "did you mean {}? `lanherd chaos --help` lists all",
            meant.replace('_', "-")
        ),
        None => format!("use {}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_with_dashes_and_with_underscores() {
        for fault in Fault::ALL {
            assert_eq!(fault.as_str().parse(), Ok(*fault));
            assert_eq!(fault.as_str().replace('_', "-").parse(), Ok(*fault));
        }
        let error = "ping-los".parse::<Fault>().expect_err("no fault");
        assert!(
            error.to_string().contains("did you mean ping-loss?"),
            "{error}"
        );
        let error = "flood".parse::<Fault>().expect_err("no fault");
        assert!(error.to_string().contains("delete_link"), "{error}");
    }
}
