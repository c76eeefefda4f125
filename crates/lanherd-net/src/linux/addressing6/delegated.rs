//! Prefixes that were delegated to a client, as they stand: an address on the loopback, and the rest unreachable. Pure.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use super::planning::Planning;
use super::standing::{
    Examined6, Standing6, StandingDelegated, TOLERANCE, address_words, is_over, remove, set,
};
use crate::config::LOOPBACK;
use crate::lan::ipv6::Delegated6;
use crate::linux::addressing::steps::Step;
use crate::netlink::request6::{self, AddressRequest, FoundAddress, INFINITE};
use lanherd_types::ipv6::Prefix;

/// Nobody else is on the loopback.
const OWN_LEN: u8 = 128;

impl StandingDelegated {
    fn is_of(&self, new: &Delegated6) -> bool {
        (self.wanted.prefix, self.wanted.address) == (new.prefix, new.address)
    }

    fn removals(&self) -> Vec<Step> {
        let address = self.wanted.address.map(|address| {
            let request = request6::delete_address(LOOPBACK, address, OWN_LEN);
            remove(address_words(address, OWN_LEN), request)
        });
        let prefix = self.wanted.prefix;
        let route = remove(words(prefix), request6::delete_unreachable(prefix));
        address.into_iter().chain([route]).collect()
    }
}

fn words(prefix: Prefix) -> String {
    format!("route that makes {prefix} unreachable")
}

impl Planning<'_> {
    /// After everything else: what is beyond the link is needed first.
    pub(super) fn delegated(&mut self, wanted: &[Delegated6]) {
        let now = self.now;
        let is_wanted = |new: &&Delegated6| !is_over(new.valid_until, now);
        let wanted: Vec<Delegated6> = wanted.iter().filter(is_wanted).copied().collect();
        let mut standing = Vec::new();
        for old in &self.old.delegated {
            if wanted.iter().any(|new| old.is_of(new)) {
                continue;
            }
            if old.is_found && self.keeps_found {
                standing.push(*old);
                self.plan.keeps_found = true;
            } else {
                self.removals.extend(old.removals());
            }
        }
        for new in wanted {
            let is_twice = |other: &StandingDelegated| other.wanted.prefix == new.prefix;
            if standing.iter().any(is_twice) {
                continue;
            }
            let kept = self.old.delegated.iter().find(|old| old.is_of(&new));
            let mut own = StandingDelegated {
                wanted: new,
                is_found: false,
                is_lost: false,
            };
            let is_kept = |kept: &&StandingDelegated| {
                !kept.is_lost && !self.is_delegated_changed(&kept.wanted, &new)
            };
            match kept.filter(is_kept) {
                Some(kept) => {
                    self.note_end(kept.wanted.preferred_until, new.preferred_until);
                    self.note_end(kept.wanted.valid_until, new.valid_until);
                    own.wanted = kept.wanted;
                }
                None => self.set_delegated(&new),
            }
            standing.push(own);
        }
        self.plan.standing.delegated = standing.into();
    }

    fn is_delegated_changed(&self, old: &Delegated6, new: &Delegated6) -> bool {
        self.must_tell(old.preferred_until, new.preferred_until)
            || self.must_tell(old.valid_until, new.valid_until)
    }

    fn set_delegated(&mut self, new: &Delegated6) {
        let valid = self.left(new.valid_until);
        // The rest first, so that nothing of the prefix ever leads back to the router.
        self.plan.steps.push(set(
            words(new.prefix),
            request6::add_unreachable(new.prefix),
        ));
        if let Some(address) = new.address {
            let request = AddressRequest {
                address,
                prefix_len: OWN_LEN,
                is_on_link: true,
                preferred: self.left(new.preferred_until).min(valid),
                valid,
                detects_duplicates: false,
            };
            self.plan.steps.push(set(
                address_words(address, OWN_LEN),
                request6::add_address(LOOPBACK, &request),
            ));
        }
    }
}

impl Standing6 {
    /// Whether something stands on the link behind the client.
    pub fn has_delegated(&self) -> bool {
        !self.delegated.is_empty()
    }

    /// What is found besides: addresses on the loopback, and prefixes that are unreachable.
    #[must_use]
    pub fn with_delegated_found(
        mut self,
        addresses: &[FoundAddress],
        unreachable: &[Prefix],
        now: Instant,
    ) -> Self {
        let end = |seconds| match seconds {
            INFINITE => None,
            seconds => Some(now + Duration::from_secs(u64::from(seconds))),
        };
        let found = unreachable.iter().map(|prefix| {
            let mut ours = addresses.iter();
            let own = ours.find(|found| found.is_ours && prefix.contains(found.address));
            StandingDelegated {
                wanted: Delegated6 {
                    prefix: *prefix,
                    address: own.map(|found| found.address),
                    preferred_until: own.map_or(Some(now), |found| end(found.preferred)),
                    // Whatever is wanted of it is told to the kernel anew.
                    valid_until: Some(now),
                },
                is_found: true,
                is_lost: false,
            }
        });
        self.delegated = found.collect();
        self
    }
}

impl Examined6 {
    /// Says what has gone of the link behind the client.
    pub fn compare_delegated(
        &mut self,
        addresses: &[FoundAddress],
        unreachable: &[Prefix],
        now: Instant,
    ) {
        let has = |wanted: Ipv6Addr| addresses.iter().any(|found| found.address == wanted);
        for it in &mut self.standing.delegated {
            let Delegated6 {
                prefix,
                address,
                valid_until,
                ..
            } = it.wanted;
            let gone = match address {
                Some(address) if !has(address) => Some(address_words(address, OWN_LEN)),
                _ if !unreachable.contains(&prefix) => Some(words(prefix)),
                _ => None,
            };
            // It was told already, or the kernel has ended it in its time.
            let is_no_news = it.is_lost || is_over(valid_until, now + TOLERANCE);
            it.is_lost = gone.is_some();
            self.lost.extend(gone.filter(|_| !is_no_news));
        }
    }
}
