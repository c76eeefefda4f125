//! Figures of fetches.

use std::collections::BTreeMap;
use std::net::SocketAddrV4;

use super::{Distribution, Outcomes, Room, add_counts};
use crate::url::Url;
use crate::workload::http::{Fetch, HttpCause, HttpPhase};

/// What became of one client's fetches of one URL.
#[derive(Debug, Clone)]
pub struct HttpStats {
    /// What was fetched.
    pub url: Url,
    /// The server that was asked last.
    pub server: Option<SocketAddrV4>,
    /// Fetches that came to their end by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Fetches that did not by cause, those that were never begun among them.
    pub failed: BTreeMap<HttpCause, u64>,
    /// How long each phase took, where it came to its end.
    pub phases: BTreeMap<HttpPhase, Distribution>,
    /// All phases together, of fetches that came to their end, whatever the status.
    pub time: Distribution,
    /// Bytes of bodies that came.
    pub bytes: u64,
    room: Room,
    successes: u64,
    last_failure: Option<String>,
}

impl HttpStats {
    /// Nothing counted yet, of many clients together.
    pub fn new(url: Url) -> Self {
        Self::with_room(url, Room::Ample)
    }

    /// Nothing counted yet, of one client: a herd has as many of these as clients.
    pub fn of_client(url: Url) -> Self {
        Self::with_room(url, Room::Fixed)
    }

    fn with_room(url: Url, room: Room) -> Self {
        Self {
            url,
            server: None,
            statuses: BTreeMap::new(),
            failed: BTreeMap::new(),
            phases: BTreeMap::new(),
            time: Distribution::new(room),
            bytes: 0,
            room,
            successes: 0,
            last_failure: None,
        }
    }

    fn phase(&mut self, phase: HttpPhase) -> &mut Distribution {
        let room = self.room;
        self.phases
            .entry(phase)
            .or_insert_with(|| Distribution::new(room))
    }

    /// Counts one outcome.
    pub fn record(&mut self, fetch: &Fetch) {
        self.server = fetch.server.or(self.server);
        self.bytes = self.bytes.saturating_add(fetch.bytes);
        for (phase, took) in &fetch.phases {
            self.phase(*phase).record(*took);
        }
        match (&fetch.failure, fetch.status) {
            (Some((cause, _)), _) => *self.failed.entry(*cause).or_default() += 1,
            (None, Some(status)) => {
                *self.statuses.entry(status).or_default() += 1;
                self.time.record(fetch.took());
            }
            // What came to its end has a status.
            (None, None) => *self.failed.entry(HttpCause::Malformed).or_default() += 1,
        }
        if fetch.is_success() {
            self.successes += 1;
        } else {
            self.last_failure = Some(fetch.particulars(&self.url));
        }
    }

    /// Adds all of `other`, of any client.
    pub fn add(&mut self, other: &Self) {
        add_counts(&mut self.statuses, &other.statuses);
        add_counts(&mut self.failed, &other.failed);
        for (phase, times) in &other.phases {
            self.phase(*phase).add(times);
        }
        self.time.add(&other.time);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.successes += other.successes;
        if other.last_failure.is_some() {
            self.last_failure.clone_from(&other.last_failure);
        }
    }
}

impl Outcomes for HttpStats {
    fn attempts(&self) -> u64 {
        self.statuses.values().chain(self.failed.values()).sum()
    }

    fn successes(&self) -> u64 {
        self.successes
    }

    fn time(&self) -> &Distribution {
        &self.time
    }

    fn last_failure(&self) -> Option<String> {
        self.last_failure.clone()
    }
}
