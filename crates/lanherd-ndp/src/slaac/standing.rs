//! What the caller was told to make of the interface, and when it must be told again.
//!
//! Lifetimes run in the kernel, too, so that they end when the caller does. Advertisements renew them every few seconds or
//! minutes, and to tell each renewal would cost a system call for every address and client; so a longer lifetime is told when
//! less than half of it is left there, or in time before what stands there ends.

use std::time::{Duration, Instant};

use super::event::{Change, InterfaceAddress, Output, Route};
use super::until::Until;

/// By how much a lifetime may be shorter than what was told, without being told: routers that count down are off by one.
const SLACK: Duration = Duration::from_secs(2);

/// The ends of what was told, and when that was.
#[derive(Debug, Clone, Copy)]
struct Ends {
    at: Instant,
    valid: Until,
    preferred: Until,
}

impl Ends {
    /// Whether the kernel must be told of another end of its own.
    // RFC 4862, 5.5.4: an address is not used beyond its valid lifetime.
    fn is_outdated(&self, told: Until, end: Until, now: Instant) -> bool {
        if end == told {
            return false;
        }
        if self.refresh_at(told, end).is_some_and(|at| at <= now) {
            return true;
        }
        let (Some(left), remaining) = (told.remaining(now), end.remaining(now)) else {
            // For ever was told, and now it ends.
            return true;
        };
        match remaining {
            None => true,
            Some(remaining) => left < remaining / 2 || remaining + SLACK < left,
        }
    }

    /// When it must be told again, if nothing else happens: at three quarters of what was told.
    fn refresh_at(&self, told: Until, end: Until) -> Option<Instant> {
        let moment = told.moment().filter(|_| end > told)?;
        let whole = moment.saturating_duration_since(self.at);
        Some(self.at + whole * 3 / 4)
    }
}

/// What stands, as far as the caller was told.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    addresses: Vec<(InterfaceAddress, Ends)>,
    routes: Vec<(Route, Ends)>,
}

impl Standing {
    pub(super) fn addresses(&self) -> impl Iterator<Item = &InterfaceAddress> {
        self.addresses.iter().map(|(address, _)| address)
    }

    pub(super) fn give_room_back(&mut self) {
        self.addresses.shrink_to_fit();
        self.routes.shrink_to_fit();
    }

    pub(super) fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(|(route, _)| route)
    }

    /// Tells what differs from what is to stand: nothing where only lifetimes do, and enough of them is left.
    pub(super) fn tell(
        &mut self,
        addresses: &[InterfaceAddress],
        routes: &[Route],
        now: Instant,
        outputs: &mut impl Extend<Output>,
    ) {
        let mut change = |change| outputs.extend([Output::Configure(change)]);
        // Routes go before the addresses that they need, and come after them.
        self.routes.retain(|(told, _)| {
            let stays = routes.iter().any(|route| route.is_same(told));
            if !stays {
                change(Change::RemoveRoute(*told));
            }
            stays
        });
        self.addresses.retain(|(told, _)| {
            let stays = addresses.iter().any(|it| it.address == told.address);
            if !stays {
                change(Change::RemoveAddress(told.address));
            }
            stays
        });
        for address in addresses {
            let is_it = |(told, _): &&mut (InterfaceAddress, Ends)| told.address == address.address;
            let known = self.addresses.iter_mut().find(is_it);
            let is_current = known.as_ref().is_some_and(|(told, when)| {
                let valid = when.is_outdated(when.valid, address.valid, now);
                let preferred = when.is_outdated(when.preferred, address.preferred, now);
                // That it was verified the caller said itself. What is deprecated is so however long ago.
                let both_past = when.preferred.has_come(now) && address.preferred.has_come(now);
                !valid && (!preferred || both_past) && told.kind == address.kind
            });
            if is_current {
                continue;
            }
            let told = Ends {
                at: now,
                valid: address.valid,
                preferred: address.preferred,
            };
            match known {
                Some(known) => *known = (*address, told),
                None => self.addresses.push((*address, told)),
            }
            change(Change::SetAddress(*address));
        }
        for route in routes {
            let known = self.routes.iter_mut().find(|(told, _)| told.is_same(route));
            let is_current = known.as_ref().is_some_and(|(told, when)| {
                let valid = when.is_outdated(when.valid, route.valid, now);
                !valid && told.preference == route.preference
            });
            if is_current {
                continue;
            }
            let told = Ends {
                at: now,
                valid: route.valid,
                preferred: Until::NEVER,
            };
            match known {
                Some(known) => *known = (*route, told),
                None => self.routes.push((*route, told)),
            }
            change(Change::SetRoute(*route));
        }
    }

    /// When something must be told again before it ends in the kernel.
    pub(super) fn deadline(
        &self,
        addresses: &[InterfaceAddress],
        routes: &[Route],
        now: Instant,
    ) -> Option<Instant> {
        let address = |(told, when): &(InterfaceAddress, Ends)| {
            let wanted = addresses.iter().find(|it| it.address == told.address)?;
            let valid = when.refresh_at(when.valid, wanted.valid);
            let preferred = when.refresh_at(when.preferred, wanted.preferred);
            let preferred = preferred.filter(|_| !wanted.preferred.has_come(now));
            valid.into_iter().chain(preferred).min()
        };
        let route = |(told, when): &(Route, Ends)| {
            let wanted = routes.iter().find(|it| it.is_same(told))?;
            when.refresh_at(when.valid, wanted.valid)
        };
        let addresses = self.addresses.iter().filter_map(address);
        addresses.chain(self.routes.iter().filter_map(route)).min()
    }

    /// Nothing stands any more, whoever removed it: everything is told again.
    pub(super) fn forget(&mut self) {
        self.addresses.clear();
        self.routes.clear();
    }
}
