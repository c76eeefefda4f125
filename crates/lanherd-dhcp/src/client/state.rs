//! The states of figure 5 (RFC 2131, 4.4), each with its own data.

use std::net::Ipv4Addr;
use std::time::Instant;

use super::held::Held;
use super::offers::Offer;
use super::timers;
use crate::Lease;

/// Where a client stands.
#[derive(Debug, Clone, Default)]
pub enum State {
    /// Not started, or released: it sends nothing until it is started.
    #[default]
    Stopped,
    /// Waiting to send its first DISCOVER.
    Init(Init),
    /// DISCOVER sent, waiting for offers.
    Selecting(Selecting),
    /// An offer chosen and requested, waiting for the ACK.
    Requesting(Requesting),
    /// Waiting to request a remembered address.
    InitReboot(InitReboot),
    /// A remembered address requested, waiting for the ACK.
    Rebooting(Rebooting),
    /// An address granted, and the LAN asked whether somebody else has it (RFC 5227, 2.1).
    Probing(Probing),
    /// A lease is held, and T1 has not come.
    Bound(Held),
    /// A lease is held, and its server was asked for more.
    Renewing(Extending),
    /// A lease is held, and any server was asked for more.
    Rebinding(Extending),
    /// A lease is held, the link was away, and any server was asked whether the lease is still good: what INIT-REBOOT is
    /// to a client that has kept its lease (RFC 2131, 3.7).
    Confirming(Confirming),
    /// Told to do without IPv4 (RFC 8925): waiting to begin again.
    V6Only(V6Only),
}

impl State {
    /// Its name in RFC 2131, in small letters, where it has one there: the label in metrics and logs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Init(_) => "init",
            Self::Selecting(_) => "selecting",
            Self::Requesting(_) => "requesting",
            Self::InitReboot(_) => "init_reboot",
            Self::Rebooting(_) => "rebooting",
            Self::Probing(_) => "probing",
            Self::Bound(_) => "bound",
            Self::Renewing(_) => "renewing",
            Self::Rebinding(_) => "rebinding",
            Self::Confirming(_) => "confirming",
            Self::V6Only(_) => "v6_only",
        }
    }

    /// The lease that is held. One that is being probed is not held yet.
    pub fn lease(&self) -> Option<&Lease> {
        self.held().map(|held| &held.lease)
    }

    pub(super) const fn held(&self) -> Option<&Held> {
        match self {
            Self::Bound(held)
            | Self::Renewing(Extending { held, .. })
            | Self::Rebinding(Extending { held, .. })
            | Self::Confirming(Confirming { held, .. }) => Some(held),
            Self::Stopped
            | Self::Init(_)
            | Self::Selecting(_)
            | Self::Requesting(_)
            | Self::InitReboot(_)
            | Self::Rebooting(_)
            | Self::Probing(_)
            | Self::V6Only(_) => None,
        }
    }

    pub(super) const fn held_mut(&mut self) -> Option<&mut Held> {
        match self {
            Self::Bound(held)
            | Self::Renewing(Extending { held, .. })
            | Self::Rebinding(Extending { held, .. })
            | Self::Confirming(Confirming { held, .. }) => Some(held),
            Self::Stopped
            | Self::Init(_)
            | Self::Selecting(_)
            | Self::Requesting(_)
            | Self::InitReboot(_)
            | Self::Rebooting(_)
            | Self::Probing(_)
            | Self::V6Only(_) => None,
        }
    }

    /// The transaction under way, if replies are awaited.
    pub(super) const fn xid(&self) -> Option<u32> {
        match self {
            Self::Selecting(Selecting { sent, .. })
            | Self::Requesting(Requesting { sent, .. })
            | Self::Rebooting(Rebooting { sent, .. })
            | Self::Confirming(Confirming { sent, .. }) => Some(sent.xid),
            Self::Renewing(extending) | Self::Rebinding(extending) => Some(extending.xid),
            Self::Stopped
            | Self::Init(_)
            | Self::InitReboot(_)
            | Self::Probing(_)
            | Self::Bound(_)
            | Self::V6Only(_) => None,
        }
    }

    /// When it must act by itself, apart from what goes on beside it in [`Held`].
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Stopped => None,
            Self::Init(init) => Some(init.at),
            Self::Selecting(selecting) => Some(selecting.choose_at),
            Self::Requesting(requesting) => Some(requesting.sent.again_at),
            Self::InitReboot(waiting) => Some(waiting.at),
            Self::Rebooting(rebooting) => Some(rebooting.sent.again_at),
            Self::Probing(probing) => Some(earlier(probing.at, probing.lease.expires_at())),
            Self::Bound(held) => held.lease.renew_at(),
            Self::Renewing(renewing) => {
                Some(earlier(renewing.again_at, renewing.held.lease.rebind_at()))
            }
            Self::Rebinding(rebinding) => Some(earlier(
                rebinding.again_at,
                rebinding.held.lease.expires_at(),
            )),
            // T1 and T2 wait until it has its answer, a quarter of a minute at most.
            Self::Confirming(confirming) => Some(earlier(
                confirming.sent.again_at,
                confirming.held.lease.expires_at(),
            )),
            Self::V6Only(waiting) => Some(waiting.until),
        }
    }
}

fn earlier(one: Instant, other: Option<Instant>) -> Instant {
    other.map_or(one, |other| one.min(other))
}

/// What lasts from the first DISCOVER to the lease, through any number of transactions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acquisition {
    /// From when `secs` counts.
    pub(super) began: Instant,
    /// An address held before, worth asking for (RFC 2131, 4.4.1: option 50 in DISCOVER).
    pub(super) hint: Option<Ipv4Addr>,
}

/// A message that is sent again until it is answered (RFC 2131, 4.1).
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) xid: u32,
    /// From when `secs` counts.
    pub(super) began: Instant,
    pub(super) secs: u16,
    /// How often it has been sent.
    pub(super) count: u32,
    /// When it was sent first. A lease counts from here: which one of several an ACK answers cannot be told, and the
    /// first is the one that never holds an address too long ("the original request", RFC 2131, 4.4.1).
    pub(super) first_at: Instant,
    pub(super) again_at: Instant,
}

impl Sent {
    pub(super) fn first(xid: u32, began: Instant, now: Instant, rng: &mut fastrand::Rng) -> Self {
        let again_at = now + timers::backoff(1, rng);
        Self {
            xid,
            began,
            secs: timers::secs(began, now),
            count: 1,
            first_at: now,
            again_at,
        }
    }

    /// The next message of the same transaction: xid and secs stay.
    // RFC 2131, table 5: a REQUEST for an offer has the xid of the OFFER.
    pub(super) fn answered(self, now: Instant, rng: &mut fastrand::Rng) -> Self {
        Self {
            count: 1,
            first_at: now,
            again_at: now + timers::backoff(1, rng),
            ..self
        }
    }

    pub(super) fn again(&mut self, now: Instant, rng: &mut fastrand::Rng) {
        self.secs = timers::secs(self.began, now);
        self.again_with_same_secs(now, rng);
    }

    // RFC 2131, 3.1(3): a REQUEST for an offer has the secs of its DISCOVER.
    pub(super) fn again_with_same_secs(&mut self, now: Instant, rng: &mut fastrand::Rng) {
        self.count = self.count.saturating_add(1);
        self.again_at = now + timers::backoff(self.count, rng);
    }
}

/// What the client knows in [`State::Init`].
#[derive(Debug, Clone)]
pub struct Init {
    pub(super) acquisition: Acquisition,
    /// When DISCOVER is due.
    pub(super) at: Instant,
}

/// What the client knows in [`State::Selecting`].
#[derive(Debug, Clone)]
pub struct Selecting {
    pub(super) acquisition: Acquisition,
    pub(super) sent: Sent,
    /// In the order in which they came; more than none only under [`OfferPolicy::Window`](super::OfferPolicy::Window).
    pub(super) offers: Vec<Offer>,
    /// When to choose among the offers, or where there are none, to send DISCOVER again.
    pub(super) choose_at: Instant,
}

/// What the client knows in [`State::Requesting`].
#[derive(Debug, Clone)]
pub struct Requesting {
    pub(super) acquisition: Acquisition,
    pub(super) sent: Sent,
    pub(super) offer: Offer,
}

impl Requesting {
    /// Back to INIT, in the same acquisition.
    pub(super) fn give_up(self, now: Instant) -> State {
        State::Init(Init {
            acquisition: self.acquisition,
            at: now,
        })
    }
}

/// What the client knows in [`State::InitReboot`].
#[derive(Debug, Clone)]
pub struct InitReboot {
    pub(super) address: Ipv4Addr,
    /// When REQUEST is due.
    pub(super) at: Instant,
}

/// What the client knows in [`State::Rebooting`].
#[derive(Debug, Clone)]
pub struct Rebooting {
    pub(super) address: Ipv4Addr,
    pub(super) sent: Sent,
}

impl Rebooting {
    /// Back to INIT, where the address is no more than a hint.
    pub(super) fn give_up(self, now: Instant) -> State {
        let acquisition = Acquisition {
            began: self.sent.began,
            hint: Some(self.address),
        };
        State::Init(Init {
            acquisition,
            at: now,
        })
    }
}

/// What the client knows in [`State::Probing`].
#[derive(Debug, Clone)]
pub struct Probing {
    /// Granted, and not to be used yet.
    pub(super) lease: Lease,
    /// Whether it was granted to an INIT-REBOOT.
    pub(super) reboot: bool,
    /// How many probes have been sent.
    pub(super) probes: u32,
    /// When the next probe is due, or after the last one, when the address is found free.
    pub(super) at: Instant,
}

/// What the client knows in [`State::Confirming`].
#[derive(Debug, Clone)]
pub struct Confirming {
    pub(super) held: Held,
    pub(super) sent: Sent,
}

/// What the client knows in [`State::V6Only`].
#[derive(Debug, Clone)]
pub struct V6Only {
    pub(super) until: Instant,
}

/// See [`State::Renewing`] and [`State::Rebinding`].
#[derive(Debug, Clone)]
pub struct Extending {
    pub(super) held: Held,
    /// From when `secs` counts: when it first asked for more.
    pub(super) began: Instant,
    /// Of the last REQUEST.
    pub(super) xid: u32,
    /// When the last REQUEST was sent.
    pub(super) sent_at: Instant,
    pub(super) again_at: Instant,
}
