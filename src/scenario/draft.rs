//! A scenario as it is written down, before it is known to make sense.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{ClientCount, Mistake, Pings, Place, Scenario, SoakDraft, Timespan};
use crate::identity::{PoolName, Seed};
use crate::lab::{AddressRange, LeaseTime};
use crate::lan::linux::MacvlanMode;
use crate::pool::{Restart, RestartPolicy};
use crate::target::Target;
use crate::units::Rate;
use crate::workload::ping::PingSpec;

/// A scenario as it is written down: each field is an option of `lanherd up` and, without the dashes in front, a key of
/// a scenario file. What is left out has a default.
///
/// The comments of the fields are what `--help` prints.
#[derive(Debug, Clone, PartialEq, Deserialize, clap::Args)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[command(group(clap::ArgGroup::new("place").required(true)))]
pub struct Draft {
    /// The wired interface that the clients stand on, such as eth0
    #[arg(long, value_name = "NAME", group = "place")]
    pub parent: Option<String>,
    /// Stand on an embedded virtual router instead: needs no root, and nothing leaves the machine
    #[arg(long, group = "place")]
    #[serde(default)]
    pub lab: bool,
    /// How long the lab's leases last: 90s, 1h or infinite [default: 1h]
    #[arg(long, value_name = "TIME", requires = "lab")]
    pub lab_lease: Option<LeaseTime>,
    /// The addresses that the lab gives out [default: 10.77.0.10-10.77.255.250]
    #[arg(long, value_name = "FIRST-LAST", requires = "lab")]
    pub lab_range: Option<AddressRange>,
    /// How many clients
    #[arg(long, value_name = "N")]
    pub clients: ClientCount,
    /// The pool's name: its clients are the namespaces NAME1, NAME2, ... [default: ns]
    #[arg(long, value_name = "NAME")]
    pub pool: Option<PoolName>,
    /// How clients see each other: bridge, private, vepa or passthru [default: bridge]
    ///
    /// bridge: as on a switch; every broadcast is copied to every client. private: not at all; scales to thousands.
    /// vepa: through the switch behind the parent, which must send frames back. passthru: one client only, which has
    /// the parent to itself.
    #[arg(long, value_name = "MODE")]
    pub mode: Option<MacvlanMode>,
    /// How many clients may begin to join in a time, as 50/s or 10/m [default: as many as --outstanding lets in]
    #[arg(long, value_name = "RATE")]
    pub join_rate: Option<Rate>,
    /// How many clients may be joining at one time [default: 64]
    ///
    /// More than about 150 overrun the socket of a usual DHCP server, which then loses requests.
    #[arg(long, value_name = "N")]
    pub outstanding: Option<NonZeroU32>,
    /// Ping this whenever online: an address, router, "Google DNS" or "Cloudflare DNS"; may be given again
    #[arg(long, value_name = "TARGET")]
    #[serde(default)]
    pub ping: Vec<Target>,
    /// The time from one ping to the next [default: 1s]
    #[arg(long, value_name = "TIME", requires = "ping")]
    pub every: Option<Timespan>,
    /// How long the answer to a ping may take [default: 2s]
    #[arg(long, value_name = "TIME", requires = "ping")]
    pub timeout: Option<Timespan>,
    /// How long to go on once each client has come online or failed [default: until Ctrl-C]
    #[arg(long = "for", value_name = "TIME")]
    #[serde(rename = "for")]
    pub hold: Option<Timespan>,
    /// Which clients that ended are started again: permanent, transient or temporary [default: transient]
    ///
    /// permanent: all. transient: those that failed. temporary: none.
    #[arg(long, value_name = "TYPE")]
    pub restart: Option<Restart>,
    /// A client that needs more restarts than this within --period is given up [default: 5]
    #[arg(long, value_name = "N")]
    pub intensity: Option<u32>,
    /// The window in which restarts are counted [default: 10m]
    #[arg(long, value_name = "TIME")]
    pub period: Option<Timespan>,
    /// How long a client may take to get a lease before it has failed [default: 2m]
    ///
    /// Be generous: a dnsmasq that pings each address before it offers it keeps 200 clients waiting for up to 50 s.
    #[arg(long, value_name = "TIME")]
    pub lease_timeout: Option<Timespan>,
    /// The longest random wait before a client's first DHCP message [default: 0s]
    ///
    /// RFC 2131 (4.4.1) wants 1 to 10 s, so that machines that were switched on together do not ask together.
    #[arg(long, value_name = "TIME")]
    pub start_delay: Option<Timespan>,
    /// Ask servers to broadcast their replies (RFC 2131, 4.1)
    #[arg(long)]
    #[serde(default)]
    pub broadcast: bool,
    /// Take over what a killed run of the pool left: its namespaces live on, and its leases are confirmed
    ///
    /// For a run with the same --parent, --mode and --seed. Programs that run in the namespaces go on. Without it, what
    /// a killed run left is removed and its leases are released.
    #[arg(long, conflicts_with = "lab")]
    #[serde(default)]
    pub adopt: bool,
    /// Serve metrics for Prometheus, /healthz and /readyz here, such as 127.0.0.1:9100
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub metrics: Option<SocketAddr>,
    /// From what MACs and random choices are derived; the same seed gives the same devices [default: this machine's own]
    #[arg(long, value_name = "N", value_parser = seed)]
    pub seed: Option<Seed>,
    /// Write a report in JSON to this file at the end
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
    /// What makes it a soak: a table of its own in a file, options of `lanherd soak` only.
    #[arg(skip)]
    pub soak: Option<SoakDraft>,
}

fn seed(text: &str) -> Result<Seed, std::num::ParseIntError> {
    text.parse().map(Seed)
}

/// The shortest time that a timer can keep apart.
const TICK: Timespan = Timespan(Duration::from_millis(1));

impl Draft {
    /// So many clients in the lab, with all defaults.
    pub fn in_lab(clients: ClientCount) -> Self {
        Self {
            parent: None,
            lab: true,
            lab_lease: None,
            lab_range: None,
            clients,
            pool: None,
            mode: None,
            join_rate: None,
            outstanding: None,
            ping: Vec::new(),
            every: None,
            timeout: None,
            hold: None,
            restart: None,
            intensity: None,
            period: None,
            lease_timeout: None,
            start_delay: None,
            broadcast: false,
            adopt: false,
            metrics: None,
            seed: None,
            report: None,
            soak: None,
        }
    }

    /// Checks what one value alone cannot tell, and fills in the defaults.
    pub fn check(self) -> Result<Scenario, Mistake> {
        let place = self.place()?;
        let mode = self.mode.unwrap_or_default();
        if mode == MacvlanMode::Passthru && self.clients.get() > 1 {
            return Err(Mistake::Passthru(self.clients));
        }
        let pings = self.pings()?;
        let soak = match &self.soak {
            Some(soak) => Some(soak.check(self.clients)?),
            None => None,
        };
        let default = RestartPolicy::default();
        Ok(Scenario {
            place,
            clients: self.clients,
            pool: self.pool.unwrap_or_default(),
            mode,
            join_rate: self.join_rate,
            outstanding: self.outstanding.unwrap_or(Scenario::OUTSTANDING),
            pings,
            hold: self.hold,
            restart: RestartPolicy {
                restart: self.restart.unwrap_or(default.restart),
                intensity: self.intensity.unwrap_or(default.intensity),
                period: self.period.map_or(default.period, |period| period.0),
                ..default
            },
            lease_timeout: at_least_a_tick("lease-timeout", self.lease_timeout)?
                .unwrap_or(Scenario::LEASE_TIMEOUT),
            start_delay: self.start_delay.unwrap_or(Timespan(Duration::ZERO)),
            broadcast: self.broadcast,
            adopt: self.adopt,
            metrics: self.metrics,
            seed: self.seed,
            report: self.report,
            soak,
        })
    }

    fn place(&self) -> Result<Place, Mistake> {
        match (&self.parent, self.lab) {
            (Some(_), true) => Err(Mistake::TwoPlaces),
            (None, false) => Err(Mistake::NoPlace),
            (Some(_), false) if self.lab_lease.is_some() => Err(Mistake::LabOnly("lab-lease")),
            (Some(_), false) if self.lab_range.is_some() => Err(Mistake::LabOnly("lab-range")),
            (Some(parent), false) => Ok(Place::Parent(parent.clone())),
            (None, true) if self.adopt => Err(Mistake::Adopt),
            (None, true) => {
                let range = self.lab_range.unwrap_or_default();
                if self.clients.get() > range.len() {
                    return Err(Mistake::MoreThanAddresses {
                        clients: self.clients,
                        range,
                    });
                }
                Ok(Place::Lab {
                    lease: self.lab_lease.unwrap_or_default(),
                    range,
                })
            }
        }
    }

    fn pings(&self) -> Result<Pings, Mistake> {
        if self.ping.is_empty() {
            if self.every.is_some() {
                return Err(Mistake::PingsOnly("every"));
            }
            if self.timeout.is_some() {
                return Err(Mistake::PingsOnly("timeout"));
            }
        }
        let every =
            at_least_a_tick("every", self.every)?.unwrap_or(Timespan(PingSpec::DEFAULT_INTERVAL));
        let timeout = at_least_a_tick("timeout", self.timeout)?
            .unwrap_or(Timespan(PingSpec::DEFAULT_TIMEOUT));
        if let Some(hold) = self
            .hold
            .filter(|hold| !self.ping.is_empty() && *hold < every)
        {
            return Err(Mistake::NoTimeToPing { every, hold });
        }
        let mut targets = self.ping.clone();
        targets.sort_unstable();
        targets.dedup();
        Ok(Pings {
            targets,
            every,
            timeout,
        })
    }
}

fn at_least_a_tick(key: &'static str, span: Option<Timespan>) -> Result<Option<Timespan>, Mistake> {
    match span {
        Some(span) if span < TICK => Err(Mistake::TooShort(key, TICK)),
        Some(_) | None => Ok(span),
    }
}
