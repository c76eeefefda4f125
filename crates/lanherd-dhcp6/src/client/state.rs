//! The states, each with its own data.

use std::net::Ipv6Addr;
use std::time::Instant;

use super::exchange::{Exchange, SeenWaits};
use super::offers::Offer;
use super::{Information, Means};
use crate::Duid;
use crate::lease::Lease;

/// The states that hold a lease of which no address is being probed, requested or declined, as a pattern.
macro_rules! keeping {
    ($held:ident) => {
        State::Bound($held)
            | State::Renewing(Extending { held: $held, .. })
            | State::Rebinding(Extending { held: $held, .. })
            | State::Confirming(Confirming { held: $held, .. })
            | State::Delaying(Delaying {
                next: Next::Confirm($held),
                ..
            })
    };
}
pub(super) use keeping;

/// Where a client stands.
#[derive(Debug, Clone, Default)]
pub enum State {
    /// Not started, or released: it sends nothing until it is started.
    #[default]
    Stopped,
    /// Waiting to send its first message.
    Delaying(Delaying),
    /// SOLICIT sent, waiting for ADVERTISEs.
    Soliciting(Soliciting),
    /// A server chosen and asked, waiting for its REPLY.
    Requesting(Requesting),
    /// Addresses leased, and the link asked whether somebody else has them (RFC 4862, 5.4).
    Probing(Probing),
    /// A lease is held, and T1 has not come.
    Bound(Held),
    /// A lease is held, and its server was asked for more.
    Renewing(Extending),
    /// A lease is held, and any server was asked for more.
    Rebinding(Extending),
    /// A lease is held, and any server was asked whether it is right on this link.
    Confirming(Confirming),
    /// Nothing is to be leased, and any server was asked for the rest.
    Informing(Informing),
    /// The rest is known.
    Informed(Information),
    /// A server was told that somebody else has addresses.
    Declining(Declining),
    /// A lease was given back, and its server has not said that it knows.
    Releasing(Releasing),
}

impl State {
    /// Its name: the label in metrics and logs.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Delaying(_) => "delaying",
            Self::Soliciting(_) => "soliciting",
            Self::Requesting(_) => "requesting",
            Self::Probing(_) => "probing",
            Self::Bound(_) => "bound",
            Self::Renewing(_) => "renewing",
            Self::Rebinding(_) => "rebinding",
            Self::Confirming(_) => "confirming",
            Self::Informing(_) => "informing",
            Self::Informed(_) => "informed",
            Self::Declining(_) => "declining",
            Self::Releasing(_) => "releasing",
        }
    }

    /// The lease that is in use.
    pub fn lease(&self) -> Option<&Lease> {
        self.held()
            .filter(|held| held.is_in_use)
            .map(|held| &held.lease)
    }

    /// What it knows without a lease.
    pub const fn information(&self) -> Option<&Information> {
        match self {
            Self::Informed(information)
            | Self::Informing(Informing {
                known: Some(information),
                ..
            })
            | Self::Delaying(Delaying {
                next: Next::Inform(Some(information)),
                ..
            }) => Some(information),
            Self::Stopped
            | Self::Delaying(_)
            | Self::Soliciting(_)
            | Self::Requesting(_)
            | Self::Probing(_)
            | Self::Bound(_)
            | Self::Renewing(_)
            | Self::Rebinding(_)
            | Self::Confirming(_)
            | Self::Informing(_)
            | Self::Declining(_)
            | Self::Releasing(_) => None,
        }
    }

    /// Whether a lease is held: in use, or about to be when it has been probed or confirmed.
    pub const fn holds_lease(&self) -> bool {
        self.held().is_some()
    }

    /// What was asked for by a REQUEST: its server may have granted it, and the REPLY be on its way.
    pub fn requested(&self) -> Option<&Lease> {
        match self {
            Self::Requesting(Requesting {
                wish: Some(wish), ..
            }) => (!wish.is_empty()).then_some(wish),
            Self::Requesting(Requesting { wish: None, .. })
            | Self::Stopped
            | Self::Delaying(_)
            | Self::Soliciting(_)
            | Self::Probing(_)
            | Self::Bound(_)
            | Self::Renewing(_)
            | Self::Rebinding(_)
            | Self::Confirming(_)
            | Self::Informing(_)
            | Self::Informed(_)
            | Self::Declining(_)
            | Self::Releasing(_) => None,
        }
    }

    pub(super) const fn held(&self) -> Option<&Held> {
        match self {
            keeping!(held) => Some(held),
            Self::Probing(probing) => Some(&probing.held),
            Self::Requesting(Requesting { held, .. }) | Self::Declining(Declining { held, .. }) => {
                held.as_ref()
            }
            Self::Stopped
            | Self::Delaying(_)
            | Self::Soliciting(_)
            | Self::Informing(_)
            | Self::Informed(_)
            | Self::Releasing(_) => None,
        }
    }

    pub(super) const fn held_mut(&mut self) -> Option<&mut Held> {
        match self {
            keeping!(held) => Some(held),
            Self::Probing(probing) => Some(&mut probing.held),
            Self::Requesting(Requesting { held, .. }) | Self::Declining(Declining { held, .. }) => {
                held.as_mut()
            }
            Self::Stopped
            | Self::Delaying(_)
            | Self::Soliciting(_)
            | Self::Informing(_)
            | Self::Informed(_)
            | Self::Releasing(_) => None,
        }
    }

    /// The exchange under way, if answers are awaited.
    pub(super) const fn exchange(&self) -> Option<&Exchange> {
        match self {
            Self::Soliciting(Soliciting { exchange, .. })
            | Self::Requesting(Requesting { exchange, .. })
            | Self::Renewing(Extending { exchange, .. })
            | Self::Rebinding(Extending { exchange, .. })
            | Self::Confirming(Confirming { exchange, .. })
            | Self::Informing(Informing { exchange, .. })
            | Self::Declining(Declining { exchange, .. })
            | Self::Releasing(Releasing { exchange, .. }) => Some(exchange),
            Self::Stopped
            | Self::Delaying(_)
            | Self::Probing(_)
            | Self::Bound(_)
            | Self::Informed(_) => None,
        }
    }

    /// The only server that may answer; `None`: any may.
    pub(super) const fn asked(&self) -> Option<&Duid> {
        match self {
            Self::Requesting(Requesting { server, .. })
            | Self::Informing(Informing {
                server: Some(server),
                ..
            })
            | Self::Declining(Declining { server, .. })
            | Self::Releasing(Releasing {
                lease: Lease { server, .. },
                ..
            })
            | Self::Renewing(Extending {
                held:
                    Held {
                        lease: Lease { server, .. },
                        ..
                    },
                ..
            }) => Some(server),
            Self::Stopped
            | Self::Delaying(_)
            | Self::Soliciting(_)
            | Self::Probing(_)
            | Self::Bound(_)
            | Self::Rebinding(_)
            | Self::Confirming(_)
            | Self::Informing(_)
            | Self::Informed(_) => None,
        }
    }

    /// When it must act by itself, apart from what goes on beside it in [`Held`].
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Stopped => None,
            Self::Delaying(delaying) => Some(delaying.at),
            Self::Probing(probing) => Some(probing.until),
            Self::Bound(held) => {
                let lease = &held.lease;
                lease.renew_at().into_iter().chain(lease.rebind_at()).min()
            }
            Self::Renewing(Extending { held, exchange, .. }) => {
                let rebind = held.lease.rebind_at();
                rebind.into_iter().chain([exchange.deadline()]).min()
            }
            Self::Informed(information) => information.refresh_at,
            Self::Soliciting(_)
            | Self::Requesting(_)
            | Self::Rebinding(_)
            | Self::Confirming(_)
            | Self::Informing(_)
            | Self::Declining(_)
            | Self::Releasing(_) => self.exchange().map(Exchange::deadline),
        }
    }
}

/// A lease that is held. What goes on beside it ends with it.
#[derive(Debug, Clone)]
pub struct Held {
    pub(super) lease: Lease,
    /// Whether it is used: not before its addresses are probed, and not before a lease of before is confirmed.
    pub(super) is_in_use: bool,
    /// The INFORMATION-REQUEST that waits for its answer.
    pub(super) informing: Option<Beside>,
}

impl Held {
    pub(super) const fn unused(lease: Lease) -> Self {
        Self {
            lease,
            is_in_use: false,
            informing: None,
        }
    }

    /// When something beside the state is due: the INFORMATION-REQUEST, or the end of what is leased.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let inform = self.informing.as_ref();
        let inform = inform.map(|beside| beside.exchange.deadline());
        inform.into_iter().chain(self.lease.next_end()).min()
    }
}

/// An INFORMATION-REQUEST that goes on beside a lease.
#[derive(Debug, Clone)]
pub(super) struct Beside {
    pub(super) exchange: Exchange,
    /// Whom it asks, where a RECONFIGURE made it.
    pub(super) server: Option<Duid>,
}

/// The data of a client in [`State::Delaying`].
#[derive(Debug, Clone)]
pub struct Delaying {
    pub(super) next: Next,
    pub(super) at: Instant,
}

/// What follows a delay.
#[derive(Debug, Clone)]
pub(super) enum Next {
    /// A SOLICIT, which asks for what was held before.
    Solicit(Option<Lease>),
    /// A CONFIRM, or a REBIND in its place.
    Confirm(Held),
    /// An INFORMATION-REQUEST, with what is known already.
    Inform(Option<Information>),
}

/// The data of a client in [`State::Soliciting`].
#[derive(Debug, Clone)]
pub struct Soliciting {
    pub(super) exchange: Exchange,
    /// What was held before, and is asked for.
    pub(super) hint: Option<Lease>,
    /// In the order in which they came; after the first wait none are kept.
    pub(super) offers: Vec<Offer>,
    pub(super) seen_waits: SeenWaits,
}

/// The data of a client in [`State::Requesting`].
#[derive(Debug, Clone)]
pub struct Requesting {
    pub(super) exchange: Exchange,
    pub(super) server: Duid,
    /// What is asked for; `None`: anything, for what was asked for is wrong on this link.
    pub(super) wish: Option<Lease>,
    /// Of other servers.
    pub(super) offers: Vec<Offer>,
    /// What goes on meanwhile: a server knew only a part of a lease.
    pub(super) held: Option<Held>,
}

/// The data of a client in [`State::Probing`].
#[derive(Debug, Clone)]
pub struct Probing {
    pub(super) held: Held,
    pub(super) by: Means,
    /// Addresses of which nothing is known yet.
    pub(super) waiting: Vec<Ipv6Addr>,
    /// Addresses that somebody else has.
    pub(super) duplicates: Vec<Ipv6Addr>,
    /// For how long the caller's word is waited for.
    pub(super) until: Instant,
}

/// See [`State::Renewing`] and [`State::Rebinding`].
#[derive(Debug, Clone)]
pub struct Extending {
    pub(super) held: Held,
    pub(super) exchange: Exchange,
}

/// The data of a client in [`State::Confirming`].
#[derive(Debug, Clone)]
pub struct Confirming {
    pub(super) held: Held,
    pub(super) exchange: Exchange,
    /// Whether it asks by a REBIND, as it must where a prefix is held (RFC 9915, 18.2.12).
    pub(super) is_rebind: bool,
    /// Whether a server said that it is wrong on this link; another may know better until the wait is over.
    pub(super) is_off_link: bool,
}

/// The data of a client in [`State::Informing`].
#[derive(Debug, Clone)]
pub struct Informing {
    pub(super) exchange: Exchange,
    /// What is known from before.
    pub(super) known: Option<Information>,
    /// Whom it asks, where a RECONFIGURE made it.
    pub(super) server: Option<Duid>,
}

/// The data of a client in [`State::Declining`].
#[derive(Debug, Clone)]
pub struct Declining {
    pub(super) exchange: Exchange,
    pub(super) server: Duid,
    /// The addresses, each with the number of its identity association.
    pub(super) addresses: Vec<(u32, Ipv6Addr)>,
    /// What is kept.
    pub(super) held: Option<Held>,
    /// How what is kept was got, if that is not told yet.
    pub(super) by: Option<Means>,
}

/// The data of a client in [`State::Releasing`].
#[derive(Debug, Clone)]
pub struct Releasing {
    pub(super) exchange: Exchange,
    /// What is given back.
    pub(super) lease: Lease,
}
