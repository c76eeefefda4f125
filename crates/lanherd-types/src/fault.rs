//! Faults that are made on purpose: a closed list, the same words in the CLI, metrics, events and Gherkin.

use serde::{Deserialize, Deserializer, de};

use crate::family::Family;
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
        /// The lab's link carries little, in both directions.
        SlowLink = "slow_link",
        /// The lab's router sends no advertisement.
        RaMute = "ra_mute",
        /// The lab's router answers solicitations seconds late.
        RaSlow = "ra_slow",
        /// The lab's router advertises only when it is asked.
        RaSilent = "ra_silent",
        /// The lab's router advertises to all far too often, and whenever it is asked.
        RaFlood = "ra_flood",
        /// The lab's router says that it is no default router.
        RaZeroLifetime = "ra_zero_lifetime",
        /// The lab's router says in turn that it is a default router and that it is none.
        RaFlap = "ra_flap",
        /// What is advertised on the lab's LAN comes from a router that is not there.
        RaWrongRouter = "ra_wrong_router",
        /// A second router on the lab's LAN is preferred, and leads nowhere.
        RaRogue = "ra_rogue",
        /// The lab's LAN gets another prefix, and the former one is not withdrawn.
        RaStalePrefix = "ra_stale_prefix",
        /// The lab's LAN gets another prefix whenever its router reboots, and the former one is not withdrawn.
        RaForgetsPrefix = "ra_forgets_prefix",
        /// The lab's LAN gets another prefix, and the former one is withdrawn as it should be.
        RaRenumber = "ra_renumber",
        /// The lab's router does not let hosts form addresses of its prefixes.
        RaNoAutonomous = "ra_no_autonomous",
        /// The lab's router advertises no resolver.
        RaNoDns = "ra_no_dns",
        /// The lab's router advertises a resolver that is not there.
        RaWrongDns = "ra_wrong_dns",
        /// The lab's router advertises its resolver for less than the time to the next advertisement.
        RaShortDns = "ra_short_dns",
        /// The lab's router advertises lifetimes of weeks.
        RaLongLifetimes = "ra_long_lifetimes",
        /// The lab's router sends advertisements that have to be ignored.
        RaGarbage = "ra_garbage",
        /// The lab's router advertises a prefix with one bit less than hosts can form addresses of.
        RaWrongPrefix = "ra_wrong_prefix",
        /// The lab's router does not say that hosts of its prefixes are on the link.
        RaNoOnLink = "ra_no_on_link",
        /// The lab's router does not say where it leads to.
        RaNoRoute = "ra_no_route",
        /// The lab's LAN gets another unique local prefix whenever its router reboots.
        RaNewUla = "ra_new_ula",
        /// The lab's router says that it is a default router, also where its line is down.
        RaDefaultWithoutWan = "ra_default_without_wan",
        /// The lab's router does not answer whoever asks for its link-layer address.
        NdMute = "nd_mute",
        /// The lab's router says that it has every address that somebody asks for.
        NdAnswersAll = "nd_answers_all",
        /// Somebody on the lab's LAN has the first address that each host would like.
        DadSquatter = "dad_squatter",
        /// A switch keeps from the lab's router what hosts say to groups that they have not reported lately.
        MldSnooping = "mld_snooping",
        /// The lab's `DHCPv6` server does not answer.
        Dhcp6Mute = "dhcp6_mute",
        /// The lab's `DHCPv6` server answers seconds late.
        Dhcp6Slow = "dhcp6_slow",
        /// The lab's `DHCPv6` server has nothing for anybody new.
        Dhcp6Exhausted = "dhcp6_exhausted",
        /// The lab's `DHCPv6` server does not know those who would like more time.
        Dhcp6NoBinding = "dhcp6_no_binding",
        /// The lab's `DHCPv6` server takes every address for another link's.
        Dhcp6NotOnLink = "dhcp6_not_on_link",
        /// The lab's `DHCPv6` server leases addresses that others hold.
        Dhcp6Duplicates = "dhcp6_duplicates",
        /// The lab's `DHCPv6` server leases, and what it says of it is lost on the way.
        Dhcp6LostReplies = "dhcp6_lost_replies",
        /// The lab's `DHCPv6` server sends messages that cannot be read.
        Dhcp6Garbage = "dhcp6_garbage",
        /// The lab's LAN gets another prefix, and its `DHCPv6` server goes on leasing addresses of the former one.
        Dhcp6KeepsStale = "dhcp6_keeps_stale",
        /// The lab's `DHCPv6` server forgets its leases over and over.
        Dhcp6Forgets = "dhcp6_forgets",
        /// The lab's `DHCPv6` server delegates no prefix, and leases addresses as ever.
        Dhcp6NoPrefix = "dhcp6_no_prefix",
        /// The lab's router does not know the way to what its `DHCPv6` server has delegated.
        Dhcp6NoRoute = "dhcp6_no_route",
        /// The lab's resolver knows no IPv6 address.
        DnsNoAaaa = "dns_no_aaaa",
        /// What is sent over IPv6 beyond the lab's LAN is lost.
        V6Blackhole = "v6_blackhole",
        /// What is sent to the lab's NAT64 is lost.
        Pref64Dead = "pref64_dead",
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
            | Self::HttpUnavailable
            | Self::SlowLink
            | Self::RaMute
            | Self::RaSlow
            | Self::RaSilent
            | Self::RaFlood
            | Self::RaZeroLifetime
            | Self::RaFlap
            | Self::RaWrongRouter
            | Self::RaRogue
            | Self::RaStalePrefix
            | Self::RaForgetsPrefix
            | Self::RaRenumber
            | Self::RaNoAutonomous
            | Self::RaNoDns
            | Self::RaWrongDns
            | Self::RaShortDns
            | Self::RaLongLifetimes
            | Self::RaGarbage
            | Self::RaWrongPrefix
            | Self::RaNoOnLink
            | Self::RaNoRoute
            | Self::RaNewUla
            | Self::RaDefaultWithoutWan
            | Self::NdMute
            | Self::NdAnswersAll
            | Self::DadSquatter
            | Self::MldSnooping
            | Self::Dhcp6Mute
            | Self::Dhcp6Slow
            | Self::Dhcp6Exhausted
            | Self::Dhcp6NoBinding
            | Self::Dhcp6NotOnLink
            | Self::Dhcp6Duplicates
            | Self::Dhcp6LostReplies
            | Self::Dhcp6Garbage
            | Self::Dhcp6KeepsStale
            | Self::Dhcp6Forgets
            | Self::Dhcp6NoPrefix
            | Self::Dhcp6NoRoute
            | Self::DnsNoAaaa
            | Self::V6Blackhole
            | Self::Pref64Dead => Aim::Router,
        }
    }
}

impl Fault {
    /// The family that it is of alone; `None`: it is of both, or of IPv4.
    pub fn family(self) -> Option<Family> {
        let is_ipv6 = (Self::RaMute..=Self::Pref64Dead).contains(&self);
        is_ipv6.then_some(Family::Ipv6)
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
