//! Address conflict detection (RFC 5227): probing before an address is used, announcing and defending it afterwards.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::event::{Event, LossReason};
use super::state::{Acquisition, Init, Probing, State};
use super::{Client, has_come};
use crate::{Arp, ArpOp, Lease};
use lanherd_types::identity::Mac;

// The names are those of RFC 5227, 1.1.

/// The longest random wait before the first probe.
const PROBE_WAIT: Duration = Duration::from_secs(1);
/// How many probes are sent.
const PROBE_NUM: u32 = 3;
/// The shortest time between two probes.
const PROBE_MIN: Duration = Duration::from_secs(1);
/// The longest time between two probes.
const PROBE_MAX: Duration = Duration::from_secs(2);
/// From the last probe until the address is found free.
const ANNOUNCE_WAIT: Duration = Duration::from_secs(2);
/// How many announcements are sent.
const ANNOUNCE_NUM: u32 = 2;
/// The time between two announcements.
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);
/// From so many conflicts on, new addresses are tried only every [`RATE_LIMIT_INTERVAL`].
const MAX_CONFLICTS: u32 = 10;
/// The shortest time between two tries after many conflicts.
const RATE_LIMIT_INTERVAL: Duration = Duration::from_secs(60);
/// The shortest time between two defences.
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);

/// The wait between DECLINE and DISCOVER: "a minimum of ten seconds" (RFC 2131, 3.1(5)).
const DECLINE_WAIT: Duration = Duration::from_secs(10);
/// How much longer it may be, so that a herd with one bad server does not ask as one.
const DECLINE_FUZZ: Duration = Duration::from_secs(1);
/// RFC 5227 does not say when conflicts are forgotten. Here so long after the last one: the slowest loop of conflicts has
/// more than one in that time, and a lease that was good for so long shows that the network is.
const FORGET_CONFLICTS: Duration = Duration::from_secs(600);

/// Watches over an address in use.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// Which is sent next, counted from 1; [`ANNOUNCE_NUM`] + 1 when all have been sent.
    announcement: u32,
    /// When it is due.
    announce_at: Instant,
    /// When somebody else last used the address.
    conflict_at: Option<Instant>,
}

/// What to do about another user of an address in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Announce it once, and go on.
    Defend,
    /// Stop using it.
    GiveUp,
}

impl Guard {
    /// For an address that is taken into use now.
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            announcement: 1,
            announce_at: now,
            conflict_at: None,
        }
    }

    /// Announces the address anew: the link was away, and others may have forgotten who has it.
    pub(super) const fn announce_anew(&mut self, now: Instant) {
        self.announcement = 1;
        self.announce_at = now;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        (self.announcement <= ANNOUNCE_NUM).then_some(self.announce_at)
    }

    /// Whether an announcement is due, which then counts as sent.
    // RFC 5227, 2.3: a new address is announced twice, 2 s apart.
    pub(super) fn announces(&mut self, now: Instant) -> bool {
        let is_due = has_come(self.deadline(), now);
        if is_due {
            self.announcement += 1;
            self.announce_at = now + ANNOUNCE_INTERVAL;
        }
        is_due
    }

    /// RFC 5227, 2.4(b): a conflict is answered once; one more within [`DEFEND_INTERVAL`], and the address is given up.
    // RFC 5227, 2.4: an address in use is defended once in 10 s, then given up.
    pub(super) fn judge(&mut self, now: Instant) -> Verdict {
        match self.conflict_at.replace(now) {
            Some(last) if now.saturating_duration_since(last) < DEFEND_INTERVAL => Verdict::GiveUp,
            Some(_) | None => Verdict::Defend,
        }
    }
}

/// Conflicts in a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conflicts {
    count: u32,
    last_at: Option<Instant>,
}

impl Conflicts {
    pub(super) const NONE: Self = Self {
        count: 0,
        last_at: None,
    };

    /// Notes one more conflict.
    pub(super) fn note(&mut self, now: Instant) {
        let is_of_this_row = self
            .last_at
            .is_some_and(|last| now.saturating_duration_since(last) < FORGET_CONFLICTS);
        self.count = if is_of_this_row {
            self.count.saturating_add(1)
        } else {
            1
        };
        self.last_at = Some(now);
    }

    /// How long to wait before the next address is tried, at least.
    const fn wait(&self) -> Duration {
        // RFC 5227, 2.1.1: after 10 conflicts an address is tried once a minute at most.
        if self.count >= MAX_CONFLICTS {
            RATE_LIMIT_INTERVAL
        } else {
            // RFC 2131, 3.1(5): after DECLINE at least 10 s pass.
            DECLINE_WAIT
        }
    }
}

/// Who else than `mac` has the address of that state, or wants to have it, going by `arp`.
///
/// While it is probed, another's probe for it counts, too (RFC 5227, 2.1.1): otherwise two could find it free at one time.
pub(super) fn rival(arp: &Arp, mac: Mac, state: &State) -> Option<Mac> {
    let address = listens_for(state)?;
    // RFC 5227, 2.1.1: while an address is probed, another's probe for it is a conflict.
    let is_probe = arp.op == ArpOp::Request && arp.sender.is_unspecified() && arp.target == address;
    let is_conflict = arp.sender == address || (is_probe && matches!(state, State::Probing(_)));
    (is_conflict && arp.sender_mac != mac).then_some(arp.sender_mac)
}

/// The address whose ARP packets a client in that state needs.
pub(super) fn listens_for(state: &State) -> Option<Ipv4Addr> {
    if let State::Probing(probing) = state {
        return Some(probing.lease.address);
    }
    let held = state.held()?;
    held.guard.as_ref().map(|_| held.lease.address)
}

impl Client {
    /// From a granted address to a used one: at once, or when probing has found it free.
    pub(super) fn granted(&mut self, lease: Lease, reboot: bool, now: Instant) -> State {
        self.naks = 0;
        // RFC 2131, 3.1(5): an address is probed before it is used, where that is asked for.
        if !self.config.conflict_detection {
            return self.bind(lease, reboot, None);
        }
        let at = now + PROBE_WAIT.mul_f64(self.rng.f64());
        State::Probing(Probing {
            lease,
            reboot,
            probes: 0,
            at,
        })
    }

    /// The next probe; or after all of them, the end of the wait for answers.
    // RFC 5227, 2.1.1: three probes, 1 to 2 s apart, the first after 0 to 1 s, then 2 s of waiting.
    pub(super) fn probe(&mut self, mut probing: Probing, now: Instant) -> State {
        if probing.probes >= PROBE_NUM {
            return self.bind(probing.lease, probing.reboot, Some(Guard::new(now)));
        }
        self.arp(Arp::probe(self.config.mac, probing.lease.address));
        probing.probes += 1;
        let wait = if probing.probes < PROBE_NUM {
            PROBE_MIN + PROBE_MAX.saturating_sub(PROBE_MIN).mul_f64(self.rng.f64())
        } else {
            ANNOUNCE_WAIT
        };
        probing.at = now + wait;
        State::Probing(probing)
    }

    /// Somebody else has the address: tells the server, and begins anew some time later, with any other.
    // RFC 2131, 4.4.4: a conflict makes the client DECLINE, to everybody, with 50 and 54 and ciaddr 0.
    pub(super) fn decline_lease(&mut self, lease: &Lease, now: Instant) -> State {
        let xid = self.rng.u32(..);
        self.broadcast(self.config.decline(xid, lease.address, lease.server_id));
        self.conflicts.note(now);
        let at = now + self.conflicts.wait() + DECLINE_FUZZ.mul_f64(self.rng.f64());
        State::Init(Init {
            acquisition: Acquisition {
                began: at,
                hint: None,
            },
            at,
        })
    }

    /// The same of an address in use.
    pub(super) fn abandon(&mut self, lease: &Lease, reason: LossReason, now: Instant) -> State {
        let state = self.decline_lease(lease, now);
        self.event(Event::Lost(reason));
        state
    }

    pub(super) fn report_conflict(&mut self, lease: &Lease, holder: Mac) {
        self.event(Event::Conflict {
            address: lease.address,
            holder,
        });
    }
}
