//! Figures of lookups.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::{Distribution, Outcomes, Room, add_counts};
use crate::host_name::HostName;
use crate::workload::dns::{DnsCause, Lookup, Rcode};

/// What became of one client's lookups of one name.
#[derive(Debug, Clone)]
pub struct DnsStats {
    /// What was looked up.
    pub name: HostName,
    /// The resolver that was asked last.
    pub server: Option<Ipv4Addr>,
    /// The addresses of the latest lookup that found some.
    pub addresses: Vec<Ipv4Addr>,
    /// Queries that were handed to the kernel.
    pub asked: u64,
    /// Answers by what the server said.
    pub rcodes: BTreeMap<Rcode, u64>,
    /// Lookups that were not answered by cause, those that were never sent among them.
    pub failed: BTreeMap<DnsCause, u64>,
    /// From just before a query was sent until its answer was read, whatever it said.
    pub time: Distribution,
    last_failure: Option<String>,
}

impl DnsStats {
    /// Nothing counted yet, of many clients together.
    pub fn new(name: HostName) -> Self {
        Self::with_room(name, Room::Ample)
    }

    /// Nothing counted yet, of one client: a herd has as many of these as clients.
    pub fn of_client(name: HostName) -> Self {
        Self::with_room(name, Room::Fixed)
    }

    fn with_room(name: HostName, room: Room) -> Self {
        Self {
            name,
            server: None,
            addresses: Vec::new(),
            asked: 0,
            rcodes: BTreeMap::new(),
            failed: BTreeMap::new(),
            time: Distribution::new(room),
            last_failure: None,
        }
    }

    /// Counts one outcome.
    pub fn record(&mut self, lookup: &Lookup) {
        self.server = lookup.server.or(self.server);
        self.asked += u64::from(lookup.was_sent);
        match &lookup.result {
            Ok(answer) => {
                *self.rcodes.entry(answer.rcode).or_default() += 1;
                self.time.record(answer.took);
            }
            Err(unanswered) => *self.failed.entry(unanswered.cause).or_default() += 1,
        }
        match &lookup.result {
            Ok(answer) if lookup.is_success() => self.addresses.clone_from(&answer.addresses),
            Ok(_) | Err(_) => self.last_failure = Some(lookup.particulars(&self.name)),
        }
    }

    /// Adds all of `other`, of any client.
    pub fn add(&mut self, other: &Self) {
        self.asked += other.asked;
        add_counts(&mut self.rcodes, &other.rcodes);
        add_counts(&mut self.failed, &other.failed);
        self.time.add(&other.time);
        if other.last_failure.is_some() {
            self.last_failure.clone_from(&other.last_failure);
        }
    }
}

impl Outcomes for DnsStats {
    fn attempts(&self) -> u64 {
        self.rcodes.values().chain(self.failed.values()).sum()
    }

    fn successes(&self) -> u64 {
        self.rcodes
            .get(&Rcode::NoError)
            .copied()
            .unwrap_or_default()
    }

    fn time(&self) -> &Distribution {
        &self.time
    }

    fn last_failure(&self) -> Option<String> {
        self.last_failure.clone()
    }
}
