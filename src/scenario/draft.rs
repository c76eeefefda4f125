//! A scenario as it is written down, before it is known to make sense.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::activities::{self, WantedActivities};
use super::group::{GroupDraft, GroupPlan};
use super::lab_ipv6::LabIpv6;
use super::shared::{DeviceProfile, Ipv6Settings, Whole, WorkloadDraft, at_least_a_tick};
use super::{ClientCount, Mistake, Scenario, ScenarioUplink, SoakDraft, Timespan};
use crate::chaos::ChaosPlan;
use crate::dhcp::{Device, Persona};
use crate::family::{Families, Family};
use crate::fault::{Aim, Fault};
use crate::identity::{PoolName, Seed};
use crate::lab::{AddressRange, LabFaultError, LeaseTime};
use crate::lan::linux::MacvlanMode;
use crate::metrics::{Metrics, RunLabel, RunLabels};
use crate::objective::Objective;
use crate::pool::{GroupName, Restart, RestartPolicy};
use crate::units::Rate;
use lanherd_types::ipv6::{AddressFormation, WantedPrefix};

/// A scenario as it is written down: each field is an option of `lanherd up` and, without the dashes in front, a key of
/// a scenario file. What is left out has a default.
///
/// The comments of the fields are what `--help` prints.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, remote = "Self")]
#[cfg_attr(feature = "cli", command(group(clap::ArgGroup::new("uplink").required(true))))]
#[cfg_attr(feature = "cli", command(group(clap::ArgGroup::new("work").multiple(true))))]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Draft {
    /// The wired interface that the clients stand on, such as eth0
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME", group = "uplink"))]
    pub parent: Option<String>,
    /// Stand on an embedded virtual router instead: needs no root, and nothing leaves the machine
    #[cfg_attr(feature = "cli", arg(long, group = "uplink"))]
    #[serde(default)]
    pub lab: bool,
    /// How long the lab's leases last: 90s, 1h or infinite [default: 1h]
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", requires = "lab"))]
    pub lab_lease: Option<LeaseTime>,
    /// The addresses that the lab gives out [default: 10.77.0.10-10.77.255.250]
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "FIRST-LAST", requires = "lab")
    )]
    pub lab_range: Option<AddressRange>,
    /// Break the lab's router from the beginning, for its whole life, as ping-loss; may be given again
    #[cfg_attr(feature = "cli", arg(long, value_name = "FAULT", requires = "lab"))]
    #[serde(default, deserialize_with = "crate::fault::all_as_written")]
    pub lab_fault: Vec<Fault>,
    /// What of IPv6 the lab speaks, where some clients are to have it.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub lab_ipv6: Option<LabIpv6>,
    /// How many clients
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", required = true))]
    pub clients: Option<ClientCount>,
    /// The pool's name: its clients are the namespaces NAME1, NAME2, ... [default: ns]
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME"))]
    pub pool: Option<PoolName>,
    /// Which families clients are to have addresses of: ipv4, ipv6 or dual [default: ipv4]
    ///
    /// dual: both; a client is online when it is usable in both, and in trouble while it is in one.
    #[cfg_attr(feature = "cli", arg(long = "family", value_name = "FAMILY", value_parser = families))]
    #[serde(rename = "family", alias = "families")]
    pub families: Option<Families>,
    /// Be a router with a link of its own behind it, and ask for a prefix for that, of LENGTH bits if that can be had (prefix delegation of DHCPv6)
    ///
    /// With --family ipv6 or dual. IPv6 can be used once the prefix is there. On the link behind the client is its address of the
    /// first 64 bits, and a ping comes from there by --ping "Google DNS from the delegated prefix".
    #[cfg_attr(
        feature = "cli",
        arg(long, value_name = "LENGTH", num_args = 0..=1, default_missing_value = "any")
    )]
    #[serde(default, deserialize_with = "super::values::wanted_prefix_in_file")]
    pub delegated_prefix: Option<WantedPrefix>,
    /// Which IPv6 addresses are formed of advertised prefixes: stable, eui64 or temporary [default: as the device has it, else stable]
    ///
    /// stable: the same in all lives (RFC 7217). eui64: made of the MAC (RFC 4291). temporary: beside a stable one a random one for a
    /// day or two, from which the client sends (RFC 8981).
    #[cfg_attr(feature = "cli", arg(long, value_name = "KIND", value_parser = address_formation))]
    pub ipv6_addresses: Option<AddressFormation>,
    /// Use IPv6 addresses at once, without finding out whether somebody else has them (RFC 4862, 5.4), which takes a second
    #[cfg_attr(feature = "cli", arg(long))]
    #[serde(default)]
    pub no_dad: bool,
    /// How clients see each other: bridge, private, vepa or passthru [default: bridge]
    ///
    /// bridge: as on a switch; every broadcast is copied to every client. private: not at all; scales to thousands.
    /// vepa: through the switch behind the parent, which must send frames back. passthru: one client only, which has
    /// the parent to itself.
    #[cfg_attr(feature = "cli", arg(long, value_name = "MODE"))]
    pub mode: Option<MacvlanMode>,
    /// How many clients may begin to join in a time, as 50/s or 10/m [default: as many as --outstanding lets in]
    #[cfg_attr(feature = "cli", arg(long, value_name = "RATE"))]
    pub join_rate: Option<Rate>,
    /// How many clients may be joining at one time [default: 64]
    ///
    /// More than about 150 overrun the socket of a usual DHCP server, which then loses requests.
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub outstanding: Option<NonZeroU32>,
    /// What clients do whenever they are online: an option for each kind.
    #[cfg_attr(feature = "cli", command(flatten))]
    #[serde(skip)]
    pub activities: WantedActivities,
    /// The time from one attempt to the next of the same [default: 1s]
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", requires = "work"))]
    pub every: Option<Timespan>,
    /// How long each of them may take [default: 2s]
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", requires = "work"))]
    pub timeout: Option<Timespan>,
    /// How long to go on once each client has come online or failed [default: until Ctrl-C]
    #[cfg_attr(feature = "cli", arg(long = "for", value_name = "TIME"))]
    #[serde(rename = "for")]
    pub hold: Option<Timespan>,
    /// Which clients that ended are started again: permanent, transient or temporary [default: transient]
    ///
    /// permanent: all. transient: those that failed. temporary: none.
    #[cfg_attr(feature = "cli", arg(long, value_name = "TYPE"))]
    pub restart: Option<Restart>,
    /// A client that needs more restarts than this within --period is given up [default: 5]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub intensity: Option<u32>,
    /// The window in which restarts are counted [default: 10m]
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME"))]
    pub period: Option<Timespan>,
    /// How long a client may take to get a lease before it has failed [default: 2m 30s]
    ///
    /// Be generous: a dnsmasq that pings each address before it offers it keeps 200 clients waiting for up to 50 s.
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME"))]
    pub lease_timeout: Option<Timespan>,
    /// The longest random wait before a client's first DHCP message [default: 0s]
    ///
    /// RFC 2131 (4.4.1) wants 1 to 10 s, so that machines that were switched on together do not ask together.
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME"))]
    pub start_delay: Option<Timespan>,
    /// Ask servers to broadcast their replies (RFC 2131, 4.1)
    #[cfg_attr(feature = "cli", arg(long))]
    #[serde(default)]
    pub broadcast: bool,
    /// The device that clients look like to servers: android, ios, macos, windows, dhclient, network-manager, udhcpc,
    /// printer [default: none in particular]
    #[cfg_attr(feature = "cli", arg(long, value_name = "DEVICE", value_parser = device))]
    pub device: Option<Device>,
    /// Make sure that nobody else has an address before it is used, and defend it (RFC 5227): 4 to 7 s for each lease
    #[cfg_attr(feature = "cli", arg(long))]
    #[serde(default)]
    pub conflict_detection: bool,
    /// Break things on purpose, as "every 10s: crash, delete-link, dhcp-mute"; the same seed breaks the same
    #[cfg_attr(feature = "cli", arg(long, value_name = "PLAN"))]
    pub chaos: Option<ChaosPlan>,
    /// Take over what a killed run of the pool left: its namespaces live on, and its leases are confirmed
    ///
    /// For a run with the same --parent, --mode and --seed. Programs that run in the namespaces go on. Without it, what
    /// a killed run left is removed and its leases are released.
    #[cfg_attr(feature = "cli", arg(long, conflicts_with = "lab"))]
    #[serde(default)]
    pub adopt: bool,
    /// Serve metrics for Prometheus, /healthz, /readyz and a live page here, such as 127.0.0.1:4373
    ///
    /// Any other address than the loopback's needs --metrics-token-file or --web-config.
    #[cfg_attr(feature = "cli", arg(long, value_name = "ADDRESS:PORT", value_parser = super::metrics_address))]
    #[serde(default, deserialize_with = "super::values::metrics_address_in_file")]
    pub metrics: Option<SocketAddr>,
    /// Have gauges of each client in the metrics, too: up, restarts, median round trip; for 200 clients at most
    #[cfg_attr(feature = "cli", arg(long, requires = "metrics"))]
    #[serde(default)]
    pub metrics_per_client: bool,
    /// Say this of the run in its metrics (`run_info`) and its report, as `router_model=X`; may be given again
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME=VALUE"))]
    #[serde(
        default,
        alias = "labels",
        deserialize_with = "crate::metrics::labels::from_table"
    )]
    pub label: Vec<RunLabel>,
    /// Answer there only to whoever has the token in this file, which nobody else may read
    ///
    /// A --web-config may be given besides, for TLS, if it names no users.
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", requires = "metrics"))]
    pub metrics_token_file: Option<PathBuf>,
    /// Answer there over TLS, or only to users, as this file says, in the form of Prometheus' web.config
    ///
    /// Its `tls_server_config` has the certificate and key, which are read anew when they change, and may ask clients for
    /// certificates; its `basic_auth_users` have bcrypt hashes of passwords.
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE", requires = "metrics"))]
    pub web_config: Option<PathBuf>,
    /// From what MACs and random choices are derived; the same seed gives the same devices [default: this machine's own]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N", value_parser = seed))]
    pub seed: Option<Seed>,
    /// Write a report in JSON to this file at the end
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE"))]
    pub report: Option<PathBuf>,
    /// Write a report for people to this file at the end: a page that opens offline
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE"))]
    pub html: Option<PathBuf>,
    /// Fail if this is so in the end, as 'packet loss > 0.1 %', 'restarts > 3', 'p95 dns > 50 ms'; may be given again
    ///
    /// A figure, < or >, and a bound: availability, packet loss, failures of a kind as failed lookups, restarts, duplicate
    /// pings, malformed messages, outages, ipv4 or ipv6 availability, stale prefix time; median, p90, p95, p99, maximum or minimum of join, dhcp and what clients do, as ping or
    /// dns. What may be the tester's own lateness is inconclusive: exit code 125, if nothing else failed.
    #[cfg_attr(feature = "cli", arg(long, value_name = "CONDITION"))]
    #[serde(default)]
    pub fail_if: Vec<Objective>,
    /// What makes it a soak: a table of its own in a file, options of `lanherd soak` only.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub soak: Option<SoakDraft>,
    /// What clients say of themselves to servers: a table of its own in a file.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub persona: Option<Persona>,
    /// Clients that differ from the others: tables of their own in a file.
    #[cfg_attr(feature = "cli", arg(skip))]
    #[serde(default)]
    pub group: Vec<GroupDraft>,
}

#[cfg(feature = "cli")]
fn device(text: &str) -> Result<Device, String> {
    let known = Device::ALL.iter().map(|device| device.as_str());
    Device::ALL
        .iter()
        .copied()
        .find(|device| device.as_str() == text)
        .ok_or_else(|| format!("choose one of {}", known.collect::<Vec<_>>().join(", ")))
}

/// The families of that name.
///
/// # Errors
/// If there are none: says which there are.
#[cfg(feature = "cli")]
pub fn families(text: &str) -> Result<Families, String> {
    let mut all = Families::ALL.iter().copied();
    all.find(|families| families.as_str() == text)
        .ok_or_else(|| "choose ipv4, ipv6 or dual (both)".to_owned())
}

#[cfg(feature = "cli")]
fn address_formation(text: &str) -> Result<AddressFormation, String> {
    let mut all = AddressFormation::ALL.iter().copied();
    all.find(|formation| formation.as_str() == text)
        .ok_or_else(|| "choose stable, eui64 or temporary".to_owned())
}

#[cfg(feature = "cli")]
fn seed(text: &str) -> Result<Seed, std::num::ParseIntError> {
    text.parse().map(Seed)
}

impl<'de> Deserialize<'de> for Draft {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (draft, activities) = activities::beside(from, |own| Self::deserialize(own))?;
        Ok(Self {
            activities,
            ..draft
        })
    }
}

impl Draft {
    /// So many clients in the lab, with all defaults.
    pub fn in_lab(clients: ClientCount) -> Self {
        Self {
            parent: None,
            lab: true,
            lab_lease: None,
            lab_range: None,
            lab_fault: Vec::new(),
            lab_ipv6: None,
            clients: Some(clients),
            pool: None,
            families: None,
            delegated_prefix: None,
            ipv6_addresses: None,
            no_dad: false,
            mode: None,
            join_rate: None,
            outstanding: None,
            activities: WantedActivities::default(),
            every: None,
            timeout: None,
            hold: None,
            restart: None,
            intensity: None,
            period: None,
            lease_timeout: None,
            start_delay: None,
            broadcast: false,
            device: None,
            conflict_detection: false,
            chaos: None,
            adopt: false,
            metrics: None,
            metrics_per_client: false,
            label: Vec::new(),
            metrics_token_file: None,
            web_config: None,
            seed: None,
            report: None,
            html: None,
            fail_if: Vec::new(),
            soak: None,
            persona: None,
            group: Vec::new(),
        }
    }

    /// Checks what one value alone cannot tell, and fills in the defaults.
    pub fn check(self) -> Result<Scenario, Mistake> {
        let clients = self.total()?;
        let uplink = self.uplink(clients)?;
        let mode = self.mode.unwrap_or_default();
        if mode == MacvlanMode::Passthru && clients.get() > 1 {
            return Err(Mistake::Passthru(clients));
        }
        let workload = self.work().check()?;
        if self.clients.is_some() {
            let families = self.families.unwrap_or_default();
            self.activities.check_families(families)?;
            self.activities.check_sources(self.ipv6())?;
        }
        self.check_clients_that_others_need(clients)?;
        let soak = match &self.soak {
            Some(soak) => Some(soak.check(clients)?),
            None => None,
        };
        let profile = DeviceProfile {
            device: self.device,
            persona: self.persona.clone(),
            conflict_detection: self.conflict_detection,
        };
        profile.check()?;
        if let Some(chaos) = &self.chaos {
            chaos.check(uplink.kind()).map_err(Mistake::Chaos)?;
        }
        if self.metrics_per_client && clients.get() as usize > Metrics::MOST_PER_CLIENT {
            return Err(Mistake::MetricsPerClient(clients));
        }
        if self.metrics_per_client && self.metrics.is_none() {
            return Err(Mistake::NoMetrics);
        }
        let groups = self.groups()?;
        let families = self.families.unwrap_or_default();
        let mut all = groups.iter().map(|group| group.families).chain([families]);
        if self.lab_ipv6.is_some() && !all.any(|it| it.include(Family::Ipv6)) {
            return Err(Mistake::NoIpv6InLab);
        }
        let has_ipv4 = groups.iter().map(|group| group.families);
        let has_ipv4 = has_ipv4.chain([families]).any(|it| it != Families::Ipv6);
        if self.broadcast && !has_ipv4 {
            return Err(Mistake::NoIpv4("broadcast"));
        }
        let has_ipv6 = groups.iter().any(|group| group.families != Families::Ipv4);
        let ipv6 = self.ipv6();
        if !has_ipv6 {
            ipv6.check(families)?;
        }
        let labels = RunLabels::of(self.label.clone()).map_err(Mistake::Label)?;
        Ok(Scenario {
            uplink,
            clients,
            restart: self.restart_policy(),
            pool: self.pool.unwrap_or_default(),
            families,
            ipv6,
            mode,
            join_rate: self.join_rate,
            outstanding: self.outstanding.unwrap_or(Scenario::OUTSTANDING),
            workload,
            hold: self.hold,
            lease_timeout: at_least_a_tick("lease-timeout", self.lease_timeout)?
                .unwrap_or(Scenario::LEASE_TIMEOUT),
            start_delay: self.start_delay.unwrap_or(Timespan(Duration::ZERO)),
            broadcast: self.broadcast,
            adopt: self.adopt,
            metrics: self.metrics,
            metrics_per_client: self.metrics_per_client,
            labels,
            metrics_token_file: self.metrics_token_file,
            web_config: self.web_config,
            seed: self.seed,
            report: self.report,
            html: self.html,
            fail_if: self.fail_if,
            soak,
            profile,
            chaos: self.chaos,
            groups,
        })
    }

    /// How failures are answered where a group says nothing else.
    fn restart_policy(&self) -> RestartPolicy {
        let default = RestartPolicy::default();
        RestartPolicy {
            restart: self.restart.unwrap_or(default.restart),
            intensity: self.intensity.unwrap_or(default.intensity),
            period: self.period.map_or(default.period, |period| period.0),
            ..default
        }
    }

    /// All clients, those of groups included.
    fn total(&self) -> Result<ClientCount, Mistake> {
        let own = self.clients.map_or(0, |clients| i64::from(clients.get()));
        let others = self
            .group
            .iter()
            .map(|group| i64::from(group.clients.get()));
        let total = own + others.sum::<i64>();
        if total == 0 {
            return Err(Mistake::NoClients);
        }
        total.try_into().map_err(Mistake::Clients)
    }

    /// That there are the clients that others do something to; in a soak with a turnover there may be at another time.
    fn check_clients_that_others_need(&self, clients: ClientCount) -> Result<(), Mistake> {
        let has_turnover = self.soak.as_ref().is_some_and(|soak| {
            soak.churn.is_some() || soak.vanish.is_some() || soak.storm.is_some()
        });
        let check = |activities: &WantedActivities| {
            for subject in activities.iter() {
                if let Some(number) = subject.client()
                    && number.0 > clients.get()
                    && !has_turnover
                {
                    return Err(Mistake::NoSuchClient {
                        number,
                        clients,
                        kind: subject.kind(),
                    });
                }
            }
            Ok(())
        };
        check(&self.activities)?;
        for (index, group) in self.group.iter().enumerate() {
            check(&group.activities).map_err(|mistake| group.mistaken(index, mistake))?;
        }
        Ok(())
    }

    fn groups(&self) -> Result<Vec<GroupPlan>, Mistake> {
        let mut names = BTreeSet::from([GroupName::from(&self.pool.clone().unwrap_or_default())]);
        for (index, group) in self.group.iter().enumerate() {
            if !names.insert(group.name.clone()) {
                let name = group.name.clone();
                return Err(Mistake::GroupTwice { name, index });
            }
        }
        let whole = Whole {
            restart: self.restart_policy(),
            families: self.families.unwrap_or_default(),
            ipv6: self.ipv6(),
            conflict_detection: self.conflict_detection,
            work: self.work(),
        };
        let groups = self.group.iter().enumerate();
        groups
            .map(|(index, group)| group.check(index, &whole))
            .collect()
    }

    /// How the IPv6 of clients behaves of which no group says anything else.
    const fn ipv6(&self) -> Ipv6Settings {
        Ipv6Settings {
            delegated_prefix: self.delegated_prefix,
            ipv6_addresses: self.ipv6_addresses,
            no_dad: self.no_dad,
        }
    }

    /// What the clients do of which no group says anything else.
    fn work(&self) -> WorkloadDraft {
        WorkloadDraft {
            activities: self.activities.clone(),
            every: self.every,
            timeout: self.timeout,
            hold: self.hold,
        }
    }

    fn uplink(&self, clients: ClientCount) -> Result<ScenarioUplink, Mistake> {
        match (&self.parent, self.lab) {
            (Some(_), true) => Err(Mistake::TwoPlaces),
            (None, false) => Err(Mistake::NoPlace),
            (Some(_), false) if self.lab_lease.is_some() => Err(Mistake::LabOnly("lab-lease")),
            (Some(_), false) if self.lab_range.is_some() => Err(Mistake::LabOnly("lab-range")),
            (Some(_), false) if !self.lab_fault.is_empty() => Err(Mistake::LabOnly("lab-fault")),
            (Some(_), false) if self.lab_ipv6.is_some() => Err(Mistake::LabOnly("lab-ipv6")),
            (Some(parent), false) => Ok(ScenarioUplink::Parent(parent.clone())),
            (None, true) if self.adopt => Err(Mistake::Adopt),
            (None, true) => {
                let range = self.lab_range.unwrap_or_default();
                if clients.get() > range.len() {
                    return Err(Mistake::MoreThanAddresses { clients, range });
                }
                let mut faults = self.lab_fault.iter();
                if let Some(fault) = faults.find(|fault| fault.aim() != Aim::Router) {
                    return Err(Mistake::LabFault(LabFaultError::NotTheRouters(*fault)));
                }
                Ok(ScenarioUplink::Lab {
                    lease: self.lab_lease.unwrap_or_default(),
                    range,
                    faults: self.lab_fault.clone(),
                    ipv6: self.lab_ipv6.clone(),
                })
            }
        }
    }
}
