//! How much of the time that clients should have been usable they were. Pure.
//!
//! A client is *usable* while it is online: it holds a lease, and address, routes and resolver are set. It is *wanted*
//! from its first time online until it leaves, but not while it rests as it was told to (released, or without IPv4 by
//! RFC 8925). Two rules say what else counts:
//!
//! - A client on its way to be online is not wanted as long as nothing has failed: that is its time to join. As soon as
//!   something fails, all of the way counts as unavailable, from its admission on.
//! - While the tester itself stood still nobody can say how the router was. Neither that time counts, nor what came of it
//!   (a lease that ran out meanwhile); it is summed apart, as the tester's.
//!
//! Each unavailable second is put down to the cause that was the latest then, and to the fault that was made on purpose,
//! if there was one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::GroupName;
use crate::fault::Fault;
use crate::identity::ClientNumber;
use crate::phase::{Cause, Phase};
use crate::stats::Uptime;

impl Uptime {
    fn charge(&mut self, state: ClientStanding, lasted: Duration) {
        match state {
            ClientStanding::Resting | ClientStanding::OnItsWay => {}
            ClientStanding::Usable => self.usable += lasted,
            ClientStanding::Down(_, Blame::Tester) => self.tester += lasted,
            ClientStanding::Down(cause, blame) => {
                *self.unavailable.entry(cause).or_default() += lasted;
                if let Blame::Fault(fault) = blame {
                    *self.on_purpose.entry(fault).or_default() += lasted;
                }
            }
        }
    }
}

/// Whose doing it is that a client is down, as far as the pool can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Blame {
    /// The router's, the wire's, the client's own: its cause says it.
    Itself,
    /// A fault's that was made on purpose.
    Fault(Fault),
    /// The tester's, which stood still.
    Tester,
}

/// How a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ClientStanding {
    /// It is not wanted to be usable.
    Resting,
    /// Nothing has failed; it is not yet wanted.
    OnItsWay,
    Usable,
    Down(Cause, Blame),
}

/// One client, how it stands, and since when.
#[derive(Debug)]
struct Member {
    group: GroupName,
    standing: ClientStanding,
    /// Until then its own time is counted; of a client on its way, when that began.
    since: Instant,
    own: Own,
}

/// The time of all clients of a group.
#[derive(Debug)]
struct GroupTime {
    uptime: Uptime,
    /// How many stand in which way. All of them together are charged, as often as somebody looks: one by one it would be work for
    /// a whole herd each time.
    standings: BTreeMap<ClientStanding, u32>,
    /// Until then they have been charged.
    charged: Instant,
}

impl GroupTime {
    fn new(now: Instant) -> Self {
        Self {
            uptime: Uptime::default(),
            standings: BTreeMap::new(),
            charged: now,
        }
    }

    fn settle(&mut self, now: Instant) {
        let lasted = now.saturating_duration_since(self.charged);
        if lasted.is_zero() {
            return;
        }
        for (standing, clients) in &self.standings {
            self.uptime.charge(*standing, lasted * *clients);
        }
        self.charged = now;
    }

    fn enter(&mut self, standing: ClientStanding) {
        *self.standings.entry(standing).or_default() += 1;
    }

    fn leave(&mut self, standing: ClientStanding) {
        if let Some(clients) = self.standings.get_mut(&standing) {
            *clients -= 1;
            if *clients == 0 {
                self.standings.remove(&standing);
            }
        }
    }
}

/// What of a client is kept: less than an [`Uptime`], as there may be thousands.
#[derive(Debug, Clone, Copy, Default)]
struct Own {
    usable: Duration,
    unavailable: Duration,
}

/// All clients' time.
#[derive(Debug, Default)]
pub(super) struct AvailabilityTracker {
    clients: BTreeMap<ClientNumber, Member>,
    groups: BTreeMap<GroupName, GroupTime>,
}

impl AvailabilityTracker {
    /// A client that waits for admission.
    pub(super) fn add(&mut self, number: ClientNumber, group: GroupName, now: Instant) {
        self.forget(number, now);
        let all = self.groups.entry(group.clone());
        let all = all.or_insert_with(|| GroupTime::new(now));
        all.settle(now);
        all.enter(ClientStanding::Resting);
        let member = Member {
            group,
            standing: ClientStanding::Resting,
            since: now,
            own: Own::default(),
        };
        self.clients.insert(number, member);
    }

    /// A client that is forgotten; the sums keep its time.
    pub(super) fn forget(&mut self, number: ClientNumber, now: Instant) {
        let member = self.clients.remove(&number);
        let group = member
            .as_ref()
            .and_then(|it| self.groups.get_mut(&it.group));
        if let (Some(member), Some(group)) = (&member, group) {
            group.settle(now);
            group.leave(member.standing);
        }
    }

    /// A client has come to that phase.
    pub(super) fn entered(&mut self, number: ClientNumber, phase: Phase, now: Instant) {
        self.change(number, now, |standing| match (phase, standing) {
            (Phase::Online, _) => ClientStanding::Usable,
            (Phase::Released | Phase::V6Only | Phase::Leaving | Phase::Gone, _) => {
                ClientStanding::Resting
            }
            // Nobody has admitted it yet.
            (Phase::Queued, ClientStanding::Resting) => ClientStanding::Resting,
            (_, ClientStanding::Resting | ClientStanding::Usable) => ClientStanding::OnItsWay,
            (_, standing @ (ClientStanding::OnItsWay | ClientStanding::Down(..))) => standing,
        });
    }

    /// Something failed that keeps a client from being online, or will until it is mended.
    pub(super) fn failed(
        &mut self,
        number: ClientNumber,
        cause: Cause,
        blame: Blame,
        now: Instant,
    ) {
        self.change(number, now, |standing| match standing {
            // Nobody wants it to be online.
            ClientStanding::Resting => ClientStanding::Resting,
            // What took it down is to blame until it is back.
            ClientStanding::Down(_, earlier @ Blame::Fault(_)) => {
                ClientStanding::Down(cause, earlier)
            }
            ClientStanding::Down(_, Blame::Itself | Blame::Tester)
            | ClientStanding::OnItsWay
            | ClientStanding::Usable => ClientStanding::Down(cause, blame),
        });
    }

    /// The tester stood still from one moment to the other.
    pub(super) fn stood_still(&mut self, from: Instant, to: Instant) {
        self.settle(from);
        let lasted = to.saturating_duration_since(from);
        for member in self.clients.values_mut() {
            member.settle(from);
            member.since += lasted;
        }
        for group in self.groups.values_mut() {
            let wanted = group.standings.iter().filter_map(|(standing, clients)| {
                let is_wanted = match standing {
                    ClientStanding::Resting | ClientStanding::OnItsWay => false,
                    ClientStanding::Usable | ClientStanding::Down(..) => true,
                };
                is_wanted.then_some(*clients)
            });
            group.uptime.tester += lasted * wanted.sum::<u32>();
            group.charged += lasted;
        }
    }

    /// The tester has been running for long enough: whoever is still down is down for its own cause from now on. Tells
    /// who that is.
    pub(super) fn excused_no_longer(&mut self, now: Instant) -> Vec<(ClientNumber, Cause)> {
        let excused = self.clients.iter().filter_map(|(number, member)| {
            let ClientStanding::Down(cause, Blame::Tester) = member.standing else {
                return None;
            };
            Some((*number, cause))
        });
        let still_down: Vec<_> = excused.collect();
        for (number, cause) in &still_down {
            let own = ClientStanding::Down(*cause, Blame::Itself);
            self.change(*number, now, |_| own);
        }
        still_down
    }

    /// Charges all clients with their time until now.
    pub(super) fn settle(&mut self, now: Instant) {
        for group in self.groups.values_mut() {
            group.settle(now);
        }
    }

    /// What was charged to the clients of a group since the pool began, those that were forgotten included.
    pub(super) fn group(&self, name: &GroupName) -> Option<&Uptime> {
        self.groups.get(name).map(|group| &group.uptime)
    }

    /// The sum over all groups.
    pub(super) fn all(&self) -> Uptime {
        let mut all = Uptime::default();
        for group in self.groups.values() {
            all.add(&group.uptime);
        }
        all
    }

    /// For how long a client was wanted, and usable, until now.
    pub(super) fn of(&self, number: ClientNumber, now: Instant) -> (Duration, Duration) {
        let own = self.clients.get(&number).map(|member| member.own(now));
        let own = own.unwrap_or_default();
        (own.usable + own.unavailable, own.usable)
    }

    fn change(
        &mut self,
        number: ClientNumber,
        now: Instant,
        next: impl FnOnce(ClientStanding) -> ClientStanding,
    ) {
        let Some(member) = self.clients.get_mut(&number) else {
            return;
        };
        let Some(group) = self.groups.get_mut(&member.group) else {
            return;
        };
        let (from, to) = (member.standing, next(member.standing));
        if from == to {
            return;
        }
        group.settle(now);
        group.leave(from);
        group.enter(to);
        // All of the way of a client that fails on it counts.
        if let (ClientStanding::OnItsWay, ClientStanding::Down(..)) = (from, to) {
            let lasted = now.saturating_duration_since(member.since);
            group.uptime.charge(to, lasted);
            member.standing = to;
        }
        member.settle(now);
        member.since = now;
        member.standing = to;
    }
}

impl Member {
    /// Its own time until that moment.
    fn own(&self, now: Instant) -> Own {
        let lasted = now.saturating_duration_since(self.since);
        let mut own = self.own;
        match self.standing {
            ClientStanding::Resting
            | ClientStanding::OnItsWay
            | ClientStanding::Down(_, Blame::Tester) => {}
            ClientStanding::Usable => own.usable += lasted,
            ClientStanding::Down(..) => own.unavailable += lasted,
        }
        own
    }

    /// Counts its own time until that moment.
    fn settle(&mut self, now: Instant) {
        self.own = self.own(now);
        // When its way began is needed until it is known how the way ends.
        if self.standing != ClientStanding::OnItsWay {
            self.since = self.since.max(now);
        }
    }
}

#[cfg(test)]
mod tests;
