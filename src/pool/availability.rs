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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// The router's, the wire's, the client's own: its cause says it.
    Itself,
    /// A fault's that was made on purpose.
    Fault(Fault),
    /// The tester's, which stood still.
    Tester,
}

/// How a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Until then it has been charged; of a client on its way, when that began.
    since: Instant,
    own: Own,
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
    groups: BTreeMap<GroupName, Uptime>,
}

impl AvailabilityTracker {
    /// A client that waits for admission.
    pub(super) fn add(&mut self, number: ClientNumber, group: GroupName, now: Instant) {
        let member = Member {
            group,
            standing: ClientStanding::Resting,
            since: now,
            own: Own::default(),
        };
        self.clients.insert(number, member);
    }

    /// A client that is forgotten; the sums keep its time.
    pub(super) fn forget(&mut self, number: ClientNumber) {
        self.clients.remove(&number);
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
            member.since += lasted;
            match member.standing {
                ClientStanding::Resting | ClientStanding::OnItsWay => {}
                ClientStanding::Usable | ClientStanding::Down(..) => {
                    let group = self.groups.entry(member.group.clone()).or_default();
                    group.tester += lasted;
                }
            }
        }
    }

    /// The tester has been running for long enough: whoever is still down is down for its own cause from now on. Tells
    /// who that is.
    pub(super) fn excused_no_longer(&mut self, now: Instant) -> Vec<(ClientNumber, Cause)> {
        self.settle(now);
        let mut still_down = Vec::new();
        for (number, member) in &mut self.clients {
            if let ClientStanding::Down(cause, blame @ Blame::Tester) = &mut member.standing {
                *blame = Blame::Itself;
                still_down.push((*number, *cause));
            }
        }
        still_down
    }

    /// Charges every client with its time until now.
    pub(super) fn settle(&mut self, now: Instant) {
        for member in self.clients.values_mut() {
            member.settle(now, &mut self.groups);
        }
    }

    /// What was charged to the clients of each group since the pool began, those that were forgotten included.
    pub(super) const fn groups(&self) -> &BTreeMap<GroupName, Uptime> {
        &self.groups
    }

    /// The sum over all groups.
    pub(super) fn all(&self) -> Uptime {
        let mut all = Uptime::default();
        for group in self.groups.values() {
            all.add(group);
        }
        all
    }

    /// For how long a client was wanted, and usable, as far as it was charged.
    pub(super) fn of(&self, number: ClientNumber) -> (Duration, Duration) {
        let own = self.clients.get(&number).map(|member| member.own);
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
        let (from, to) = (member.standing, next(member.standing));
        // All of the way of a client that fails on it counts.
        if let (ClientStanding::OnItsWay, ClientStanding::Down(..)) = (from, to) {
            member.standing = to;
        }
        member.settle(now, &mut self.groups);
        if from != to {
            member.since = now;
        }
        member.standing = to;
    }
}

impl Member {
    fn settle(&mut self, now: Instant, groups: &mut BTreeMap<GroupName, Uptime>) {
        let lasted = now.saturating_duration_since(self.since);
        match self.standing {
            // When its way began is needed until it is known how the way ends.
            ClientStanding::OnItsWay => return,
            ClientStanding::Resting | ClientStanding::Down(_, Blame::Tester) => {}
            ClientStanding::Usable => self.own.usable += lasted,
            ClientStanding::Down(..) => self.own.unavailable += lasted,
        }
        self.since = self.since.max(now);
        if let Some(group) = groups.get_mut(&self.group) {
            group.charge(self.standing, lasted);
        } else {
            groups
                .entry(self.group.clone())
                .or_default()
                .charge(self.standing, lasted);
        }
    }
}

#[cfg(test)]
mod tests;
