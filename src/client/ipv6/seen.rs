//! What was seen while IPv6 was sought or used, so that it can be said exactly why it cannot be used.

use std::fmt::Write as _;
use std::net::Ipv6Addr;
use std::time::Duration;

use super::state::Ipv6State;
use super::{AddressOrigin, AddressState};
use super::{Ipv6Event, Sent6};
use crate::dhcp6::{self, Ignored, LossReason, MessageType, StatusCode};
use crate::ndp::slaac::{self, AddressLoss, RouterLoss};
use crate::phase::{Cause, Failure, Stage};
use lanherd_types::family::Family;

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// The link-local address is somebody else's, and there is no other.
    Disabled,
    /// The link-local address is not usable yet.
    LinkLocal,
    /// A default router.
    Router,
    /// A preferred address beyond the link.
    Address,
    /// A delegated prefix, where the client is to have one.
    Prefix,
}

/// What was seen since it was sought.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    solicitations: u32,
    /// Who advertised last, and whether as a default router.
    advertiser: Option<(Ipv6Addr, bool)>,
    /// SOLICITs and REQUESTs since a server's latest word.
    solicits: u32,
    requests: u32,
    /// Whether the kernel has left an address unverified for too long.
    is_unverified: bool,
    /// What went wrong; most clients keep no room for it, as nothing does.
    wrong: Option<Box<Wrong>>,
}

/// What went wrong while it was sought.
#[derive(Debug, Clone, Default)]
struct Wrong {
    /// What a DHCPv6 server said last that was no lease.
    refusal: Option<(Cause, String)>,
    /// What it said last of a prefix that it does not delegate.
    prefix_refusal: Option<String>,
    /// The latest address that somebody else has: of the link, and beyond it.
    link_local_conflict: Option<String>,
    conflict: Option<String>,
    /// The latest message that could not be used, of a router and of a server.
    malformed: Option<String>,
    malformed_of_server: Option<String>,
    /// Why the latest router was lost, and the latest address.
    router_loss: Option<String>,
    address_loss: Option<(Cause, String)>,
}

/// That of which nothing went wrong.
static NOTHING: Wrong = Wrong {
    refusal: None,
    prefix_refusal: None,
    link_local_conflict: None,
    conflict: None,
    malformed: None,
    malformed_of_server: None,
    router_loss: None,
    address_loss: None,
};

impl Seen {
    pub(super) fn sent(&mut self, message: Sent6) {
        match message {
            Sent6::RouterSolicitation => self.solicitations = self.solicitations.saturating_add(1),
            Sent6::Dhcp6(MessageType::Solicit) => self.solicits = self.solicits.saturating_add(1),
            Sent6::Dhcp6(MessageType::Request) => self.requests = self.requests.saturating_add(1),
            Sent6::Dhcp6(_) | Sent6::NeighbourDiscovery => {}
        }
    }

    /// An advertisement came; with a lifetime of 0 it is of no default router.
    pub(super) const fn advertised(&mut self, router: Ipv6Addr, is_default: bool) {
        self.advertiser = Some((router, is_default));
    }

    /// Takes note of what happened.
    pub(super) fn happened(&mut self, event: &Ipv6Event) {
        match event {
            Ipv6Event::Refused(_) => self.wrong_mut().malformed = Some(event.to_string()),
            Ipv6Event::Undecodable { .. } | Ipv6Event::Unsound { .. } => {
                self.wrong_mut().malformed_of_server = Some(event.to_string());
            }
            Ipv6Event::NoNat64 => {}
            Ipv6Event::Host(said) => self.host_said(said, event),
            Ipv6Event::Dhcp6(said) => self.dhcp6_said(said, event),
        }
    }

    fn host_said(&mut self, said: &slaac::Event, event: &Ipv6Event) {
        match said {
            slaac::Event::AddressDuplicate { address, .. } if address.is_unicast_link_local() => {
                self.wrong_mut().link_local_conflict = Some(event.to_string());
            }
            slaac::Event::AddressDuplicate { .. } => {
                self.wrong_mut().conflict = Some(event.to_string());
                self.wrong_mut().address_loss = Some((Cause::AddressConflict, event.to_string()));
            }
            slaac::Event::VerificationUnanswered(_) => self.is_unverified = true,
            slaac::Event::RouterLost { why, .. } => match why {
                RouterLoss::Expired
                | RouterLoss::Withdrawn
                | RouterLoss::NotRouter
                | RouterLoss::Moved
                | RouterLoss::Displaced => self.wrong_mut().router_loss = Some(event.to_string()),
                RouterLoss::Stopped => {}
            },
            slaac::Event::AddressLost { why, .. } => match why {
                AddressLoss::Expired | AddressLoss::Moved => {
                    self.wrong_mut().address_loss =
                        Some((Cause::AddressExpired, event.to_string()));
                }
                AddressLoss::Stopped => {}
            },
            slaac::Event::AddressDeprecated { .. } => {
                self.wrong_mut().address_loss = Some((Cause::AddressExpired, event.to_string()));
            }
            slaac::Event::Ignored { reason, .. } if reason.is_malformed() => {
                self.wrong_mut().malformed = Some(event.to_string());
            }
            _ => {}
        }
    }

    fn dhcp6_said(&mut self, said: &dhcp6::Event, event: &Ipv6Event) {
        match said {
            dhcp6::Event::Bound { lease, .. } | dhcp6::Event::Renewed { lease, .. } => {
                if let Some(wrong) = &mut self.wrong {
                    wrong.refusal = None;
                    if lease.prefixes().next().is_some() {
                        wrong.prefix_refusal = None;
                    }
                }
            }
            dhcp6::Event::Refused { refusal, .. } => {
                if refusal.status.code == StatusCode::NoPrefixAvail {
                    self.wrong_mut().prefix_refusal = Some(event.to_string());
                }
                let cause = match refusal.status.code {
                    StatusCode::NoAddrsAvail | StatusCode::NoPrefixAvail => Cause::NoAddresses,
                    StatusCode::NoBinding => Cause::NoBinding,
                    StatusCode::NotOnLink => Cause::NotOnLink,
                    // The server answers, and gives nothing, for a reason of its own.
                    StatusCode::UnspecFail
                    | StatusCode::UseMulticast
                    | StatusCode::Other(_)
                    | StatusCode::Success => Cause::NoReply,
                };
                self.last_word(Some((cause, event.to_string())));
            }
            dhcp6::Event::Conflict { .. } => {
                self.last_word(Some((Cause::AddressConflict, event.to_string())));
                self.wrong_mut().address_loss = Some((Cause::AddressConflict, event.to_string()));
            }
            dhcp6::Event::Lost(reason) | dhcp6::Event::Gone { reason, .. } => {
                let cause = match reason {
                    LossReason::NoBinding => Cause::NoBinding,
                    LossReason::NotOnLink => Cause::NotOnLink,
                    LossReason::Conflict | LossReason::Declined => Cause::AddressConflict,
                    LossReason::Expired | LossReason::Withdrawn | LossReason::Released => {
                        Cause::AddressExpired
                    }
                };
                self.wrong_mut().address_loss = Some((cause, event.to_string()));
            }
            // What it refuses stands in a status, which was told before.
            dhcp6::Event::Ignored {
                reason: Ignored::NothingOffered,
                ..
            } if self.wrong().refusal.is_none() || self.solicits > 0 => {
                self.last_word(Some((Cause::NoAddresses, event.to_string())));
            }
            dhcp6::Event::Ignored { reason, .. } if reason.is_malformed() => {
                self.wrong_mut().malformed_of_server = Some(event.to_string());
            }
            _ => {}
        }
    }

    /// Whether an address that is being verified may be usable in a moment: nobody has said otherwise of one so far.
    pub(super) fn may_be_verified(&self) -> bool {
        let is_conflict = |(cause, _): &(Cause, String)| *cause == Cause::AddressConflict;
        !self.is_unverified
            && self.wrong().conflict.is_none()
            && self.wrong().link_local_conflict.is_none()
            && !self.wrong().refusal.as_ref().is_some_and(is_conflict)
    }

    fn last_word(&mut self, refusal: Option<(Cause, String)>) {
        self.wrong_mut().refusal = refusal;
        self.solicits = 0;
        self.requests = 0;
    }

    /// Begins afresh: it is sought anew.
    pub(super) fn forget(&mut self) {
        let kept = std::mem::take(self).wrong;
        // What was lost stays the reason until something else is.
        let lost = kept.filter(|it| it.router_loss.is_some() || it.address_loss.is_some());
        self.wrong = lost.map(|kept| {
            Box::new(Wrong {
                router_loss: kept.router_loss,
                address_loss: kept.address_loss,
                ..Wrong::default()
            })
        });
    }

    fn wrong(&self) -> &Wrong {
        self.wrong.as_deref().unwrap_or(&NOTHING)
    }

    fn wrong_mut(&mut self) -> &mut Wrong {
        self.wrong.get_or_insert_default()
    }

    /// Why it could not be used in time.
    pub(super) fn overdue(
        &self,
        missing: Missing,
        state: &Ipv6State,
        asks_for_addresses: bool,
        limit: Duration,
    ) -> Failure {
        let within = humantime::format_duration(limit);
        match missing {
            Missing::Disabled | Missing::LinkLocal => match &self.wrong().link_local_conflict {
                Some(conflict) => failure(Stage::Router, Cause::AddressConflict, conflict.clone()),
                None => unverified(state, limit),
            },
            Missing::Router => self.no_router(&within.to_string()),
            Missing::Prefix => self.no_delegation(state, &within.to_string()),
            Missing::Address => {
                let is_tentative = state.addresses.iter().any(|it| {
                    it.state == AddressState::Tentative && it.origin != AddressOrigin::LinkLocal
                });
                if is_tentative && self.wrong().conflict.is_none() {
                    unverified(state, limit)
                } else if asks_for_addresses {
                    self.no_lease("address", &within.to_string())
                } else if let Some(conflict) = &self.wrong().conflict {
                    failure(Stage::Router, Cause::AddressConflict, conflict.clone())
                } else {
                    self.no_prefix(state, &within.to_string())
                }
            }
        }
    }

    fn no_router(&self, within: &str) -> Failure {
        let solicitations = self.solicitations;
        match (self.advertiser, &self.wrong().malformed) {
            (Some((router, false)), _) => {
                let detail = format!(
                    "{router} advertises, and is no default router: its router lifetime is 0"
                );
                failure(Stage::Router, Cause::NoRouter, detail)
            }
            (None, Some(malformed)) => {
                let detail = format!(
                    "no usable router advertisement for {solicitations} router solicitations within {within}; {malformed}"
                );
                failure(Stage::Router, Cause::Malformed, detail)
            }
            (Some((router, true)), _) => {
                let loss = self.wrong().router_loss.clone();
                let detail = loss.unwrap_or_else(|| format!("{router} is no default router"));
                failure(Stage::Router, Cause::NoRouter, detail)
            }
            (None, None) => {
                let mut detail = format!(
                    "no router advertisement for {solicitations} router solicitations within {within}"
                );
                if let Some(loss) = &self.wrong().router_loss {
                    // Writing to a String cannot fail.
                    let _ = write!(detail, "; {loss}");
                }
                failure(Stage::Router, Cause::NoRouter, detail)
            }
        }
    }

    fn no_prefix(&self, state: &Ipv6State, within: &str) -> Failure {
        let mut detail = match (self.advertiser, state.global().next()) {
            (_, Some(deprecated)) => format!(
                "no preferred address within {within}: {} is deprecated",
                deprecated.address
            ),
            (Some((router, _)), None) => format!(
                "{router} advertises no prefix to form an address with, and no DHCPv6 (M flag 0) to ask for one"
            ),
            (None, None) => format!("no prefix to form an address with within {within}"),
        };
        if let Some(malformed) = &self.wrong().malformed {
            let _ = write!(detail, "; {malformed}");
        }
        failure(Stage::Router, Cause::NoPrefix, detail)
    }

    /// Why there is no delegated prefix, where there may be leased addresses.
    fn no_delegation(&self, state: &Ipv6State, within: &str) -> Failure {
        const WHAT: &str = "delegated prefix";
        let why = match (&self.wrong().prefix_refusal, &state.lease) {
            (Some(words), Some(_)) => words.clone(),
            (None, Some(lease)) => format!(
                "the server {} leases addresses, and says nothing of a prefix",
                lease.server
            ),
            (_, None) => return self.no_lease(WHAT, within),
        };
        let detail = format!("no {WHAT} within {within}: {why}");
        failure(Stage::Dhcp6, Cause::NoAddresses, detail)
    }

    /// How the asking stood at its end. One message after a refusal may still be about to be answered; a second one was sent because
    /// the first was not.
    fn no_lease(&self, what: &str, within: &str) -> Failure {
        let (solicits, requests) = (self.solicits, self.requests);
        let is_last_word = solicits < 2 && requests < 2;
        let (cause, mut detail) = match (&self.wrong().refusal, &self.wrong().malformed_of_server) {
            (Some((cause, words)), _) if is_last_word => {
                (*cause, format!("no {what} within {within}: {words}"))
            }
            (_, Some(malformed)) => (
                Cause::Malformed,
                format!("no usable answer of a DHCPv6 server within {within}; {malformed}"),
            ),
            _ if requests > 0 => (
                Cause::NoReply,
                format!("ADVERTISEs, but no REPLY for {requests} REQUESTs within {within}"),
            ),
            _ => (
                Cause::NoAdvertise,
                format!("no ADVERTISE for {solicits} SOLICITs within {within}"),
            ),
        };
        if let (Some((_, words)), false) = (&self.wrong().refusal, is_last_word) {
            let _ = write!(detail, ", last: {words}");
        }
        failure(Stage::Dhcp6, cause, detail)
    }

    /// Why it cannot be used any more.
    pub(super) fn lost(&self, missing: Missing) -> Failure {
        let (cause, detail) = match missing {
            Missing::Disabled | Missing::LinkLocal => {
                let conflict = self.wrong().link_local_conflict.clone();
                (Cause::AddressConflict, conflict.unwrap_or_default())
            }
            Missing::Router => {
                let loss = self.wrong().router_loss.clone();
                (Cause::RouterLost, loss.unwrap_or_default())
            }
            Missing::Address => match self.wrong().address_loss.clone() {
                Some(loss) => loss,
                None => (Cause::AddressExpired, "no address is preferred".to_owned()),
            },
            Missing::Prefix => match self.wrong().address_loss.clone() {
                Some(loss) => loss,
                None => (
                    Cause::AddressExpired,
                    "no prefix is delegated any more".to_owned(),
                ),
            },
        };
        failure(Stage::Online, cause, detail)
    }
}

fn unverified(state: &Ipv6State, limit: Duration) -> Failure {
    let mut tentative = state.addresses.iter();
    let tentative = tentative.find(|it| it.state == AddressState::Tentative);
    let within = humantime::format_duration(limit);
    let detail = match tentative {
        Some(it) => format!(
            "the kernel has not said within {within} whether {} is free",
            it.address
        ),
        None => format!("no link-local address within {within}"),
    };
    failure(Stage::Configure, Cause::Kernel, detail)
}

fn failure(stage: Stage, cause: Cause, detail: String) -> Failure {
    Failure::new(stage, cause, detail).of(Family::Ipv6)
}
